//! The fuzz target's check over the committed corpus, as a plain test: what fuzzing once found stays found.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use proptest::prelude::*;
use std::path::Path;

#[path = "fuzzed/sql.rs"]
mod sql;

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/sql");
    std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn statements() {
    let seeds = seeds();
    for (name, bytes) in &seeds {
        let held = std::panic::catch_unwind(|| sql::check(bytes)).is_ok();
        assert!(held, "{name} fails");
    }
    assert!(seeds.len() >= 20, "the corpus is gone");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pieces of two seeds put together: a small fuzzer for machines without the large one.
    #[test]
    fn spliced_statements(a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(),
        cut in any::<(u16, u16)>(), middle in "[ ;()'\"$/*,.a-]{0,4}")
    {
        let seeds = seeds();
        let (one, other) = (a.get(&seeds), b.get(&seeds));
        let mut bytes = one.1[..usize::from(cut.0) % (one.1.len() + 1)].to_vec();
        bytes.extend_from_slice(middle.as_bytes());
        bytes.extend_from_slice(&other.1[usize::from(cut.1) % (other.1.len() + 1)..]);
        sql::check(&bytes);
    }
}
