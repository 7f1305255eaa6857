//! What a decision on a text costs: `cargo bench -p hoopwire-postgres-policy --features testing`.
//!
//! Warm: the text was decided before (at most 300 ns are wanted). First: it never was; the ratio is to the grammar
//! alone (libpg_query's raw parse of the same texts, at most 1.3 is wanted). Kept: it comes for the second time, and
//! goes into a full cache. `facts` is the grammar and what the sql room says of it. No text comes twice by chance: `#`
//! is another number each time.
//!
//! Two tables. Mixed: the texts take turns, and so do the works on each, call by call, as a gateway meets them: no work
//! finds caches and branch predictors as it left them itself. Alone: each work 400 times in a row on texts of one shape,
//! which is the processor's best case for the grammar, with its large tables, more than for anything else.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_postgres_policy::{
    Catalogue, DecisionCache, Grant, Pattern, Rule, Rules, TestGrant, View, Words, decide_text,
};
use hoopwire_postgres_sql::{Room, Verbs, parse};
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

const ROUNDS: usize = 151;
const TURNS: u32 = 400;
const WORKS: usize = 5;

/// Nanoseconds of each work, round by round.
type Times = [Vec<f64>; WORKS];

/// What is done with one shape of text, each time with another text of it.
struct Works<'a> {
    name: &'static str,
    texts: Vec<String>,
    at: [usize; WORKS],
    grant: &'a Grant,
    view: View<'a>,
    room: Room,
    warm: DecisionCache,
    first: DecisionCache,
    full: DecisionCache,
}

impl<'a> Works<'a> {
    fn new(name: &'static str, text: &str, grant: &'a Grant, view: View<'a>) -> Works<'a> {
        // far more of them than the caches below have marks or room for
        let texts: Vec<String> =
            (1_000..9_000).map(|number| text.replace('#', &number.to_string())).collect();
        let mut warm = DecisionCache::default();
        let hot = texts.first().map_or("", String::as_str);
        for _ in 0..2 {
            assert!(decide_text(grant, hot.as_bytes(), &view, &mut warm).outcome.is_ok(), "{name}");
        }
        let small = || DecisionCache::new(512 * 1024);
        Works {
            name,
            texts,
            at: [0; WORKS],
            grant,
            view,
            room: Room::default(),
            warm,
            first: small(),
            full: small(),
        }
    }

    fn run(&mut self, work: usize) {
        let Works { texts, at, grant, view, room, warm, first, full, .. } = self;
        let Some(at) = at.get_mut(work) else { return };
        *at = at.wrapping_add(1) % texts.len();
        let text = black_box(texts.get(if work == 0 { 0 } else { *at }).map_or("", String::as_str));
        let decide = |cache: &mut DecisionCache| {
            drop(black_box(decide_text(grant, text.as_bytes(), view, cache)));
        };
        match work {
            0 => decide(warm),
            1 => drop(black_box(pg_raw_parse::parse(text))),
            2 => drop(black_box(parse(text).map(|parsed| {
                parsed.each(room, |_, statement| {
                    black_box(statement);
                    Ok::<(), ()>(())
                })
            }))),
            3 => decide(first),
            _ => {
                decide(full);
                decide(full);
            }
        }
    }
}

fn ns(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9
}

/// The works take turns in each round, so that a drift of the machine hits all alike.
fn alone(works: &mut Works<'_>) -> Times {
    let mut times = Times::default();
    for _ in 0..ROUNDS {
        for (work, times) in times.iter_mut().enumerate() {
            let start = Instant::now();
            (0..TURNS).for_each(|_| works.run(work));
            times.push(ns(start) / f64::from(TURNS));
        }
    }
    times
}

/// All works on all texts, call by call. What it costs to ask for the time is taken off.
fn mixed(all: &mut [Works<'_>]) -> Vec<Times> {
    let mut found: Vec<Times> = all.iter().map(|_| Times::default()).collect();
    for _ in 0..ROUNDS {
        let mut sums = vec![[0.0; WORKS]; all.len()];
        let mut clock = 0.0;
        for _ in 0..TURNS {
            let start = Instant::now();
            clock += ns(start);
            for work in 0..WORKS {
                for (works, sums) in all.iter_mut().zip(&mut sums) {
                    let start = Instant::now();
                    works.run(work);
                    let took = ns(start);
                    if let Some(sum) = sums.get_mut(work) {
                        *sum += took;
                    }
                }
            }
        }
        for (times, sums) in found.iter_mut().zip(&sums) {
            for (times, sum) in times.iter_mut().zip(sums) {
                times.push((sum - clock) / f64::from(TURNS));
            }
        }
    }
    found
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
    let rights = Rules {
        allow: vec![rule(Verbs::SELECT, "*", "*"), rule(Verbs::UPDATE, "public", "pgbench_*")],
        deny: vec![rule(Verbs::SELECT.with(Verbs::UPDATE), "public", "secrets")],
        words: Words::CATALOG,
        search_path: vec!["public".to_owned()],
        read_only: false,
    };
    let grant = Grant::for_tests(Instant::now()).with_rules(rights);
    let catalogue = Catalogue::new(1, [("public".to_owned(), "mine".to_owned())], Vec::new());
    let view = View { utf8: true, catalogue: Some(&catalogue) };
    let mut all: Vec<Works<'_>> =
        TEXTS.iter().map(|(name, text)| Works::new(name, text, &grant, view)).collect();
    let of_all = mixed(&mut all);
    let of_each: Vec<Times> = all.iter_mut().map(alone).collect();
    for (title, times) in [("mixed", of_all), ("alone", of_each)] {
        println!(
            "{title:<8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>8} {:>6}",
            "warm ns", "raw ns", "facts ns", "first ns", "ratio", "kept ns", "ratio"
        );
        all.iter().zip(&times).for_each(|(works, times)| show(works.name, times));
    }
}

fn show(name: &str, [warm, raw, facts, first, twice]: &Times) {
    let kept: Vec<f64> = twice.iter().zip(first).map(|(twice, first)| twice - first).collect();
    let [warm, raw_ns, facts, first_ns, kept_ns] =
        [warm, raw, facts, first, &kept].map(|times| median(times.iter().copied()));
    println!(
        "{name:<8} {warm:8.0} {raw_ns:8.0} {facts:8.0} {first_ns:8.0} {:6.2} {kept_ns:8.0} {:6.2}",
        ratio(first, raw),
        ratio(&kept, raw)
    );
}
