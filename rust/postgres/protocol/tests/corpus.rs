//! The fuzz targets' checks over the committed corpus, as plain tests: what fuzzing once found stays found.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::Path;

#[path = "fuzzed/messages.rs"]
mod messages;
#[path = "fuzzed/scram.rs"]
mod scram;
#[path = "fuzzed/startup.rs"]
mod startup;

fn over(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let held = std::panic::catch_unwind(|| check(&bytes)).is_ok();
        assert!(held, "{} fails", path.display());
        seeds += 1;
    }
    assert!(seeds >= 5, "{}: the corpus is gone", folder.display());
}

#[test]
fn startup_packets() {
    over("startup", startup::check);
}

#[test]
fn logins() {
    over("scram", scram::check);
}

#[test]
fn message_streams() {
    over("messages", messages::check);
}
