//! What a decision on a long text takes: `make bench-texts`, or `cargo bench -p hoopwire-postgres-policy --features testing
//! --bench texts -- [PART OF A NAME]`.
//!
//! Every list of the grammar (`hoopwire_testkit::lists`), from one item to a hundred thousand, under a grant without
//! masks and under one with masks. For each length: the time of the thread for a byte, and the code if it is refused.
//! The slope is that of log time against log length over the last tenfold that was read: 1 is linear. What is refused by
//! its number of tokens is not read and takes no part; what is refused for too much work is. At the end: the steepest
//! slopes, and what took longest, which is what the other sessions of a reactor wait for it.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_postgres_policy::{
    Catalogue, CatalogueColumn, CatalogueRelation, DecisionCache, Grant, Mask, MaskKind, Pattern, Rule,
    Rules, TestGrant, View, Words, decide_text,
};
use hoopwire_postgres_sql::Verbs;
use hoopwire_testkit::lists::{LISTS, List};
use std::hint::black_box;
use std::time::{Duration, Instant};

const LENGTHS: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
/// Shorter texts are about what every decision costs, whatever the list.
const LEAST_BYTES: usize = 2_000;

struct Measured {
    bytes: usize,
    took: f64,
    code: &'static str,
}

fn rule(verbs: Verbs) -> Rule {
    let objects = vec![Pattern { schema: "*".to_owned(), name: "*".to_owned() }];
    Rule { verbs, objects, except: Vec::new() }
}

fn grant(masks: Vec<Mask>) -> Grant {
    let verbs = [
        Verbs::SELECT,
        Verbs::INSERT,
        Verbs::UPDATE,
        Verbs::DELETE,
        Verbs::TRUNCATE,
        Verbs::LOCK,
        Verbs::MAINTAIN,
        Verbs::DDL,
        Verbs::CALL,
    ];
    let rights = Rules {
        allow: verbs.map(rule).to_vec(),
        deny: Vec::new(),
        words: Words::CATALOG.with(Words::DEFINE_CODE),
        search_path: vec!["public".to_owned()],
        read_only: false,
    };
    Grant::for_tests(Instant::now()).with_rules(rights).with_masks(masks)
}

fn mask(column: &str) -> Mask {
    Mask {
        schema: "public".to_owned(),
        relation: "people".to_owned(),
        column: column.to_owned(),
        kind: MaskKind::Null,
        compare: false,
    }
}

/// `people` with a hundred columns, one of them masked.
fn catalogue() -> Catalogue {
    let column = |(attnum, name): (i16, String)| CatalogueColumn {
        mask: (name == "email").then_some(0),
        name,
        attnum,
        type_oid: 25,
        generated: false,
    };
    let names = ["id", "email", "dept"].map(str::to_owned).into_iter();
    let names = names.chain((0..97).map(|at| format!("column_{at}")));
    let people = CatalogueRelation {
        oid: 1,
        schema: "public".to_owned(),
        name: "people".to_owned(),
        opaque: false,
        columns: (1..).zip(names).map(column).collect(),
    };
    Catalogue::new(1, Vec::new(), vec![people])
}

/// CPU time of this thread: the machine may have other work.
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn measure(list: &List, items: usize, grant: &Grant, view: &View<'_>) -> Measured {
    let text = list.text(items);
    let mut took = f64::MAX;
    let mut code = "";
    let rounds = if items < 10_000 { 5 } else { 2 };
    for _ in 0..rounds {
        let mut cache = DecisionCache::default();
        let start = now();
        let verdict = black_box(decide_text(grant, black_box(text.as_bytes()), view, &mut cache));
        took = took.min((now() - start).as_secs_f64());
        code = verdict.outcome.as_ref().err().map_or("", |refusal| refusal.code().name());
    }
    Measured { bytes: text.len(), took, code }
}

/// Of log time against log length, between the last two lengths that were read.
fn slope(all: &[Measured]) -> Option<f64> {
    let read: Vec<&Measured> = all
        .iter()
        .filter(|one| one.bytes >= LEAST_BYTES && one.code != "statement_too_many_tokens")
        .collect();
    let [.., short, long] = read.as_slice() else { return None };
    Some((long.took / short.took).ln() / (long.bytes as f64 / short.bytes as f64).ln())
}

/// What a reactor's thread has.
const STACK_BYTES: usize = 16 << 20;

fn main() {
    let bench = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    assert!(bench.is_ok_and(|bench| bench.join().is_ok()), "it did not end well");
}

fn run() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let catalogue = catalogue();
    let view = View { utf8: true, catalogue: Some(&catalogue) };
    let mut slopes: Vec<(f64, String)> = Vec::new();
    let mut longest: Vec<(f64, String)> = Vec::new();
    for (title, grant) in [("without masks", grant(Vec::new())), ("with masks", grant(vec![mask("email")]))] {
        let heads = LENGTHS.map(|items| format!("{items:>9}"));
        println!("{title:<28}  ns/byte at {} items   slope  refused as", heads.join(" "));
        for list in LISTS
            .iter()
            .filter(|list| wanted.is_empty() || wanted.iter().any(|word| list.name.contains(word)))
        {
            let all = LENGTHS.map(|items| measure(list, items, &grant, &view));
            let cells = all.iter().map(|one| format!("{:9.1}", one.took * 1e9 / one.bytes as f64));
            let slope = slope(&all);
            let codes: Vec<&str> =
                all.iter().rev().map(|one| one.code).take_while(|code| !code.is_empty()).collect();
            let code = codes
                .first()
                .map_or(String::new(), |code| format!("{code} ({} of {})", codes.len(), all.len()));
            let shown = slope.map_or("-".to_owned(), |slope| format!("{slope:.2}"));
            println!("{:<41}{} {shown:>14}  {code}", list.name, cells.collect::<Vec<_>>().join(" "));
            slopes.extend(slope.map(|slope| (slope, format!("{} {title}", list.name))));
            for one in &all {
                longest.push((
                    one.took * 1e3,
                    format!("{} {title}, {} bytes {}", list.name, one.bytes, one.code),
                ));
            }
        }
    }
    for (what, mut all) in [("steepest slopes", slopes), ("longest, ms", longest)] {
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        println!("{what}:");
        all.iter().take(12).for_each(|(value, name)| println!("  {value:8.2}  {name}"));
    }
}
