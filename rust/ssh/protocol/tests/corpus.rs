//! The fuzz target's check over the committed corpus, as a plain test: what fuzzing once found stays found.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::Path;

use hoopwire_ssh_protocol::userauth::{Request, say};
use proptest::prelude::*;
use vectors::{lines, unhex};

#[path = "fuzzed/packets.rs"]
mod packets;
#[path = "fuzzed/transport.rs"]
mod transport;
mod vectors;

fn corpus() -> Vec<(String, Vec<u8>)> {
    seeds("ssh")
}

fn seeds(of: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(of);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn bytes_of_a_peer() {
    let seeds = corpus();
    assert!(seeds.len() >= 12, "the corpus is gone");
    for (path, bytes) in &seeds {
        assert!(std::panic::catch_unwind(|| packets::check(bytes)).is_ok(), "{path} fails");
    }
}

#[test]
fn bytes_before_there_are_keys() {
    let seeds = seeds("ssh_transport");
    assert!(seeds.len() >= 12, "the corpus is gone");
    for (path, bytes) in &seeds {
        assert!(std::panic::catch_unwind(|| transport::check(bytes)).is_ok(), "{path} fails");
    }
}

/// Everything that was captured, too: each packet as what it is.
#[test]
fn all_that_was_captured() {
    for words in lines(include_str!("vectors/packets.txt"), "packet") {
        let payload = unhex(words[2]);
        let what = if payload[0] >= 80 { 0 } else { 1 + u8::from(words[1].ends_with("server")) };
        packets::check(&[&[what][..], &payload].concat());
    }
    for words in lines(include_str!("vectors/sftp.txt"), "stream") {
        packets::check(&[&[5][..], &unhex(words[2])].concat());
    }
}

/// A seed that is refused tries nothing: the signed login among them is one.
#[test]
fn the_corpus_has_a_signed_login() {
    let signed = corpus().into_iter().find(|(path, _)| path.ends_with("login-signed")).unwrap().1;
    assert!(Request::read(&signed[1..]).is_ok_and(|request| request.user == "alice"));
    let mut out = Vec::new();
    say::none(&mut out, "alice");
    assert!(signed[1..].starts_with(&out[4..20]));
}

proptest! {
    #[test]
    fn seeds_with_other_bytes_in_them(from: prop::sample::Index, at: usize, bytes: Vec<u8>) {
        let seeds = corpus();
        let mut seed = seeds[from.index(seeds.len())].1.clone();
        let at = at % seed.len();
        let end = (at + bytes.len()).min(seed.len());
        seed.splice(at..end, bytes);
        packets::check(&seed);
    }
}
