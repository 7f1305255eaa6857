//! The fuzz corpus and some random bytes, as a plain test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "fuzzed/recording.rs"]
mod recording;

use proptest::prelude::*;
use std::fs;
use std::path::Path;

#[test]
fn every_input_of_the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/recording");
    let mut count = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        recording::check(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "the corpus is gone");
}

proptest! {
    #[test]
    fn every_deed_is_found(recipe in proptest::collection::vec(any::<u8>(), 1..120)) {
        recording::check(&[&[1], recipe.as_slice()].concat());
    }
}
