//! What a decision on a text costs: `cargo bench -p hoopwire-policy --features testing`.
//!
//! Warm: the text was decided before (at most 300 ns are wanted). Cold: it was not, and is
//! kept in a full cache; the ratio is to the grammar alone
//! (libpg_query's raw parse, at most 1.3 is wanted). `facts` is the grammar and what the sql room says of it.

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
    // far more of them than the cache has room for
    let catalogues: Vec<Catalogue> = (2..10_000)
        .map(|version| Catalogue::new(version, [("public".to_owned(), "mine".to_owned())], Vec::new()))
        .collect();
    println!(
        "{:<10} {:>10} {:>10} {:>10} {:>10} {:>7}",
        "", "warm ns", "raw ns", "facts ns", "cold ns", "ratio"
    );
    for (name, text) in [("one", ONE), ("point", POINT), ("write", WRITE), ("report", REPORT)] {
        let mut cache = DecisionCache::default();
        assert!(decide_text(&grant, text.as_bytes(), &view, &mut cache).outcome.is_ok(), "{name}");
        // every text is new under each of these: it is decided, kept, and another one goes for it
        let mut others = catalogues.iter().cycle();
        let mut full = DecisionCache::new(512 * 1024);
        let [warm, raw, facts, cold] = medians(
            3_000,
            [
                &mut || drop(black_box(decide_text(&grant, black_box(text.as_bytes()), &view, &mut cache))),
                &mut || drop(black_box(pg_raw_parse::parse(black_box(text)))),
                &mut || drop(black_box(parse(black_box(text)).map(|parsed| parsed.statements()))),
                &mut || {
                    let view = View { utf8: true, catalogue: others.next() };
                    drop(black_box(decide_text(&grant, black_box(text.as_bytes()), &view, &mut full)));
                },
            ],
        );
        println!("{name:<10} {warm:10.0} {raw:10.0} {facts:10.0} {cold:10.0} {:7.2}", cold / raw);
    }
}
