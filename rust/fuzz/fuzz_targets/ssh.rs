//! What a peer of an SSH connection sends, and what is inside. The check is shared with the plain test over the corpus.
#![no_main]

#[path = "../../ssh/protocol/tests/fuzzed/packets.rs"]
mod packets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| packets::check(input));
