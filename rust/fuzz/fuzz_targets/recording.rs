//! A segment of a recording: any bytes, and any deed done to a sealed one. The check is shared with the plain test
//! over the corpus.
#![no_main]

#[path = "../../recording/tests/fuzzed/recording.rs"]
mod recording;

libfuzzer_sys::fuzz_target!(|input: &[u8]| recording::check(input));
