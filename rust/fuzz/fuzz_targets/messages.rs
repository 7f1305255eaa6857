//! The frame scanner: every way to take a message, every way to split the stream. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../postgres/protocol/tests/fuzzed/messages.rs"]
mod messages;

libfuzzer_sys::fuzz_target!(|input: &[u8]| messages::check(input));
