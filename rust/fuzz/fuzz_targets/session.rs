//! A whole session, both sides and the clock. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../postgres/session/tests/fuzzed/session.rs"]
mod session;

libfuzzer_sys::fuzz_target!(|input: &[u8]| session::check(input));
