//! The fuzz target's check over the committed corpus, as a plain test: what fuzzing once found stays found.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "fuzzed/session.rs"]
mod fuzzed;
mod link;

use std::path::Path;

#[test]
fn what_two_peers_send() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/ssh_session");
    let paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(paths.len() >= 8, "the corpus is gone");
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        assert!(std::panic::catch_unwind(|| fuzzed::check(&bytes)).is_ok(), "{} fails", path.display());
    }
}
