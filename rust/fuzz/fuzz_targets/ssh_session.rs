//! Two peers that send anything after both logins. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../ssh/session/tests/fuzzed/session.rs"]
mod fuzzed;
#[path = "../../ssh/session/tests/link/mod.rs"]
mod link;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::check(input));
