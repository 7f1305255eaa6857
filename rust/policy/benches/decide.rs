//! What a decision on a text costs: `cargo bench -p hoopwire-policy --features testing`.
//!
//! Warm: the text was decided before (at most 300 ns are wanted). First: it never was; the ratio is to the grammar
//! alone (libpg_query's raw parse of the same texts, at most 1.3 is wanted). Kept: it comes for the second time, and
//! goes into a full cache. `facts` is the grammar and what the sql room says of it. No text comes twice by chance: `#`
//! is another number each time.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_policy::{Catalogue, DecisionCache, Grant, Pattern, Rights, Rule, View, Words, decide_text};
use hoopwire_sql::{Verbs, parse};
use std::hint::black_box;
use std::time::Instant;

const TEXTS: &[(&str, &str)] = &[
    ("one", "select #"),
    ("orders", "select id, total from orders# where id = $1"),
    ("point", "SELECT abalance FROM pgbench_accounts WHERE aid = #;"),
    ("write", "UPDATE pgbench_accounts SET abalance = abalance + # WHERE aid = $2 RETURNING abalance"),
    ("calls", "select lower(name), count(*) from orders# group by 1"),
    (
        "join",
        "select o.id, o.total, c.name, c.email from orders# o join customers c on c.id = o.customer_id left join \
         addresses a on a.customer_id = c.id where o.created_at > $1 and c.country = $2 and o.total > 100 order by \
         o.created_at desc limit 50 offset 10",
    ),
    (
        "report",
        "WITH recent AS (SELECT customer_id, sum(total) AS spent, count(*) AS orders FROM public.orders \
         WHERE created_at > now() - interval '30 days' AND status IN ('paid', 'shipped') GROUP BY customer_id) \
         SELECT c.id, lower(c.name), r.spent, rank() OVER (ORDER BY r.spent DESC) FROM public.customers c \
         JOIN recent r ON r.customer_id = c.id LEFT JOIN public.regions g ON g.id = c.region_id \
         WHERE r.orders > 2 AND coalesce(g.name, '') <> 'test' ORDER BY r.spent DESC LIMIT #",
    ),
];

const ROUNDS: u32 = 151;
const TURNS: u32 = 400;

/// Nanoseconds a turn, round by round. The works take turns in each, so that a drift of the machine hits all alike.
fn rounds<const N: usize>(mut works: [&mut dyn FnMut(); N]) -> [Vec<f64>; N] {
    let mut rounds: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (work, times) in works.iter_mut().zip(&mut rounds) {
            let start = Instant::now();
            for _ in 0..TURNS {
                work();
            }
            times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS));
        }
    }
    rounds
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median of what one costs over what the other costs in the same round: for a machine that has other work, too.
fn ratio(times: &[f64], base: &[f64]) -> f64 {
    median(times.iter().zip(base).map(|(time, base)| time / base))
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
    println!(
        "{:<8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>8} {:>6}",
        "", "warm ns", "raw ns", "facts ns", "first ns", "ratio", "kept ns", "ratio"
    );
    for (name, text) in TEXTS {
        // far more of them than the cache below has marks or room for
        let texts: Vec<String> =
            (1_000..9_000).map(|number| text.replace('#', &number.to_string())).collect();
        let text = |at: &mut usize| {
            *at = at.wrapping_add(1);
            black_box(texts.get(*at % texts.len()).map_or("", String::as_str))
        };
        let decide = |text: &str, cache: &mut DecisionCache| {
            drop(black_box(decide_text(&grant, text.as_bytes(), &view, cache)));
        };
        let mut warm = DecisionCache::default();
        let hot = text(&mut 0);
        assert!(decide_text(&grant, hot.as_bytes(), &view, &mut warm).outcome.is_ok(), "{name}");
        let mut first = DecisionCache::new(512 * 1024);
        let mut full = DecisionCache::new(512 * 1024);
        let mut at = [0; 4];
        let [at_raw, at_facts, at_first, at_full] = &mut at;
        let [warm, raw, facts, first, twice] = rounds([
            &mut || decide(black_box(hot), &mut warm),
            &mut || drop(black_box(pg_raw_parse::parse(text(at_raw)))),
            &mut || {
                drop(black_box(parse(text(at_facts)).map(|parsed| {
                    parsed.each(|_, s| {
                        black_box(s);
                        Ok::<(), ()>(())
                    })
                })))
            },
            &mut || decide(text(at_first), &mut first),
            &mut || {
                let text = text(at_full);
                decide(text, &mut full);
                decide(text, &mut full);
            },
        ]);
        let kept: Vec<f64> = twice.iter().zip(&first).map(|(twice, first)| twice - first).collect();
        let [warm, raw_ns, facts, first_ns, kept_ns] =
            [&warm, &raw, &facts, &first, &kept].map(|times| median(times.iter().copied()));
        println!(
            "{name:<8} {warm:8.0} {raw_ns:8.0} {facts:8.0} {first_ns:8.0} {:6.2} {kept_ns:8.0} {:6.2}",
            ratio(&first, &raw),
            ratio(&kept, &raw)
        );
    }
}
