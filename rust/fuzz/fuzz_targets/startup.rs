//! The first packet of a connection and its parameters. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../postgres/protocol/tests/fuzzed/startup.rs"]
mod startup;

libfuzzer_sys::fuzz_target!(|input: &[u8]| startup::check(input));
