//! Any text as SQL. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../postgres/sql/tests/fuzzed/sql.rs"]
mod sql;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sql::check(input));
