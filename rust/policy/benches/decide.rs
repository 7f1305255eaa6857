//! What a decision on a text costs: `cargo bench -p hoopwire-policy --features testing`.
//!
//! Warm: the text was decided before (at most 300 ns are wanted). Cold: it was not, against the parser alone. Best
//! of ten rounds.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_policy::{Catalogue, DecisionCache, Grant, Pattern, Rights, Rule, View, Words, decide_text};
use hoopwire_sql::{Verbs, parse};
use std::hint::black_box;
use std::time::Instant;

const POINT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;";
const WRITE: &str = "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2 RETURNING abalance";
const REPORT: &str = "WITH recent AS (SELECT customer_id, sum(total) AS spent, count(*) AS orders FROM public.orders \
    WHERE created_at > now() - interval '30 days' AND status IN ('paid', 'shipped') GROUP BY customer_id) \
    SELECT c.id, lower(c.name), r.spent, rank() OVER (ORDER BY r.spent DESC) FROM public.customers c \
    JOIN recent r ON r.customer_id = c.id LEFT JOIN public.regions g ON g.id = c.region_id \
    WHERE r.orders > 2 AND coalesce(g.name, '') <> 'test' ORDER BY r.spent DESC LIMIT 50";

fn best(rounds: u32, mut turn: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for _ in 0..rounds {
            turn();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
    best
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
    println!("{:<10} {:>10} {:>10} {:>10} {:>7}", "", "warm ns", "parse ns", "cold ns", "ratio");
    for (name, text) in [("point", POINT), ("write", WRITE), ("report", REPORT)] {
        let mut cache = DecisionCache::default();
        assert!(decide_text(&grant, text.as_bytes(), &view, &mut cache).outcome.is_ok(), "{name}");
        let warm = best(200_000, || {
            black_box(decide_text(&grant, black_box(text.as_bytes()), &view, &mut cache));
        });
        let raw = best(5_000, || {
            black_box(parse(black_box(text)).is_ok());
        });
        // room for nothing: every decision is cold
        let mut nothing = DecisionCache::new(0);
        let cold = best(5_000, || {
            black_box(decide_text(&grant, black_box(text.as_bytes()), &view, &mut nothing));
        });
        println!("{name:<10} {warm:10.0} {raw:10.0} {cold:10.0} {:7.2}", cold / raw);
    }
}
