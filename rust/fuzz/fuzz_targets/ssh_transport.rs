//! A peer before there are keys, in either role. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../ssh/protocol/tests/fuzzed/transport.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::check(input));
