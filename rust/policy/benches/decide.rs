//! What a decision on a text costs: `cargo bench -p hoopwire-policy --features testing`.
//!
//! Warm: the text was decided before (at most 300 ns are wanted). Cold: it was not; the ratio is to the grammar alone
//! (libpg_query's raw parse, at most 1.3 is wanted). `facts` is the grammar and what the sql room says of it,
//! `kept` the decision and its place in a full cache.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_policy::{Catalogue, DecisionCache, Grant, Pattern, Rights, Rule, View, Words, decide_text};
use hoopwire_sql::{Verbs, parse};
use std::hint::black_box;
use std::time::Instant;

const ONE: &str = "select 1";
const POINT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;";
const WRITE: &str = "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2 RETURNING abalance";
const REPORT: &str = "WITH recent AS (SELECT customer_id, sum(total) AS spent, count(*) AS orders FROM public.orders \
    WHERE created_at > now() - interval '30 days' AND status IN ('paid', 'shipped') GROUP BY customer_id) \
    SELECT c.id, lower(c.name), r.spent, rank() OVER (ORDER BY r.spent DESC) FROM public.customers c \
    JOIN recent r ON r.customer_id = c.id LEFT JOIN public.regions g ON g.id = c.region_id \
    WHERE r.orders > 2 AND coalesce(g.name, '') <> 'test' ORDER BY r.spent DESC LIMIT 50";

/// Nanoseconds a turn: medians of rounds that take turns, so that a drift of the machine hits all alike.
fn medians<const N: usize>(turns: u32, mut works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut rounds: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..21 {
        for (work, times) in works.iter_mut().zip(&mut rounds) {
            let start = Instant::now();
            for _ in 0..turns {
                work();
            }
            times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(turns));
        }
    }
    rounds.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or_default()
    })
}

fn rule(verbs: Verbs, schema: &str, name: &str) -> Rule {
    let objects = vec![Pattern { schema: schema.to_owned(), name: name.to_owned() }];
    Rule { verbs, objects, except: Vec::new() }
}

fn main() {
    let rights = Rights {
        allow: vec![rule(Verbs::SELECT, "*", "*"), rule(Verbs::UPDATE, "public", "pgbench_*")],
        deny: vec![rule(Verbs::SELECT.with(Verbs::UPDATE), "public", "secrets")],
        words: Words::CATALOG,
        search_path: vec!["public".to_owned()],
        read_only: false,
    };
    let grant = Grant::for_tests(Instant::now()).with_rights(rights);
    let catalogue = Catalogue::new(1, [("public".to_owned(), "mine".to_owned())], Vec::new());
    let view = View { utf8: true, catalogue: Some(&catalogue) };
    let heads = ["warm ns", "raw ns", "facts ns", "cold ns", "kept ns", "cold/raw"];
    println!("{:<8}{}", "", heads.map(|head| format!("{head:>10}")).concat());
    for (name, text) in [("one", ONE), ("point", POINT), ("write", WRITE), ("report", REPORT)] {
        let mut cache = DecisionCache::default();
        assert!(decide_text(&grant, text.as_bytes(), &view, &mut cache).outcome.is_ok(), "{name}");
        // each text is new, as when it comes for the first time
        let texts: Vec<String> = (0..3_000).map(|number| format!("{text} --{number}")).collect();
        let round = || texts.iter().cycle();
        let (mut raws, mut all_facts, mut colds, mut kepts) = (round(), round(), round(), round());
        let mut nothing = DecisionCache::new(0);
        // with room for a tenth of them: what comes round again has long been pushed out
        let mut small = DecisionCache::new(200_000);
        let [warm, raw, facts, cold, kept] = medians(
            3_000,
            [
                &mut || drop(black_box(decide_text(&grant, black_box(text.as_bytes()), &view, &mut cache))),
                &mut || drop(black_box(raws.next().map(|text| pg_raw_parse::parse(black_box(text))))),
                &mut || {
                    drop(black_box(
                        all_facts.next().map(|text| parse(black_box(text)).map(|it| it.statements())),
                    ));
                },
                &mut || {
                    let text = colds.next().map_or(&b""[..], |text| text.as_bytes());
                    drop(black_box(decide_text(&grant, black_box(text), &view, &mut nothing)));
                },
                &mut || {
                    let text = kepts.next().map_or(&b""[..], |text| text.as_bytes());
                    drop(black_box(decide_text(&grant, black_box(text), &view, &mut small)));
                },
            ],
        );
        let figures = [warm, raw, facts, cold, kept].map(|figure| format!("{figure:10.0}")).concat();
        println!("{name:<8}{figures}{:10.2}", cold / raw);
    }
}
