//! What it costs to know what a statement does: `cargo bench -p hoopwire-postgres-sql`.
//!
//! The raw parse is PostgreSQL's own grammar and nothing else; the ratio says what the walk adds. Best of a hundred rounds.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark tells the time and prints it"
)]

use hoopwire_postgres_sql::parse;
use std::hint::black_box;
use std::time::Instant;

const TURNS: u32 = 2_000;
const ROUNDS: u32 = 100;

const TEXTS: &[(&str, &str)] = &[
    ("select 1", "select 1"),
    ("point select", "select id,total from orders where id=$1"),
    ("pgbench select", "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"),
    ("pgbench update", "UPDATE pgbench_accounts SET abalance = abalance + -77 WHERE aid = 4711;"),
    (
        "join of 240 bytes",
        "select o.id, o.total, c.name, c.email from orders o join customers c on c.id = o.customer_id left join \
         addresses a on a.customer_id = c.id where o.created_at > $1 and c.country = $2 and o.total > 100 order by \
         o.created_at desc limit 50 offset 10",
    ),
    (
        "with a write",
        "with gone as (delete from sessions where expires < now() returning id) insert into audit (what, id) select \
         'gone', id from gone",
    ),
    (
        "create table",
        "create table t (id bigint primary key, name text not null default '', at timestamptz default now())",
    ),
];

fn round(turn: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..TURNS {
        turn();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS)
}

fn main() {
    println!("{:<20} {:>10} {:>22} {:>6}", "text", "raw parse", "parse and statements", "ratio");
    for (name, text) in TEXTS {
        let (mut raw, mut all) = (f64::MAX, f64::MAX);
        // In turns, so that a busy machine is so for both.
        for _ in 0..ROUNDS {
            raw = raw.min(round(&mut || drop(black_box(pg_raw_parse::parse(black_box(text))))));
            all = all.min(round(&mut || {
                drop(black_box(parse(black_box(text)).map(|parsed| parsed.statements())));
            }));
        }
        println!("{name:<20} {raw:>7.0} ns {all:>19.0} ns {:>6.2}", all / raw);
    }
}
