//! The check of the fuzz target over the committed corpus, as a plain test: what fuzzing once found stays found.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::Path;

#[path = "fuzzed/session.rs"]
mod session;

#[test]
fn sessions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/session");
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let held = std::panic::catch_unwind(|| session::check(&bytes)).is_ok();
        assert!(held, "{} fails", path.display());
        seeds += 1;
    }
    assert!(seeds >= 5, "{}: the corpus is gone", folder.display());
}
