//! A login fed with whatever a target may send. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../postgres/protocol/tests/fuzzed/scram.rs"]
mod scram;

libfuzzer_sys::fuzz_target!(|input: &[u8]| scram::check(input));
