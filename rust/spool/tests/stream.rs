//! A stream over its life: turns, segments, checkpoints, recycling, locking.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use hoopwire_recording::{FindingKind, Frames};
use hoopwire_spool::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use support::*;

fn open(place: &Place) -> Spool {
    Spool::open(config(&place.0), now(), US).unwrap().0
}

#[test]
fn turns_become_sealed_segments_that_verify() {
    let place = Place::new("turns");
    let mut spool = open(&place);
    begin(&mut spool, 1);
    let text = format!("select '{}'", "x".repeat(3000));
    for _ in 0..60 {
        assert!(say(&mut spool, 1, &text).unwrap() > 3000);
    }
    finish(&mut spool, 1, "done").unwrap();
    let mut seen = events(&mut spool);
    seen.extend(spool.close(US).unwrap());
    let sealed: Vec<u64> = seen
        .iter()
        .filter_map(|event| match event {
            SpoolEvent::SegmentSealed { sequence, path } => path.is_file().then_some(*sequence),
            _ => None,
        })
        .collect();
    assert_eq!(sealed, [1, 2, 3, 4]);
    assert_eq!(place.files(), ["0000000001.hwr", "0000000002.hwr", "0000000003.hwr", "0000000004.hwr"]);
    let told = story(&place);
    assert_eq!(told.iter().filter(|each| **each == text).count(), 60);
    assert_eq!(told.iter().filter(|each| *each == "continued s_1").count(), 3);
    assert_eq!(told.last().unwrap(), "end gateway 1");

    let lines: Vec<String> = seen
        .into_iter()
        .filter_map(|event| match event {
            SpoolEvent::Checkpoint { line } => Some(line),
            _ => None,
        })
        .collect();
    let report = verify(&place, Some(&lines.join("\n")));
    assert!(report.ok && report.complete, "{report:?}");
    assert_eq!((report.checkpoints, report.streams[0].seals), (4, 4));

    // the last segment deleted: the checkpoints tell
    fs::remove_file(&place.segments()[3]).unwrap();
    assert!(verify(&place, None).ok);
    let report = verify(&place, Some(&lines.join("\n")));
    assert_eq!(report.findings.iter().map(|each| each.kind).collect::<Vec<_>>(), [FindingKind::TailCut]);
}

#[test]
fn files_are_the_owners_alone() {
    let place = Place::new("modes");
    let mut spool = open(&place);
    begin(&mut spool, 1);
    for path in place.segments() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(place.stream()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_turn_larger_than_a_segment_gets_a_larger_segment() {
    let place = Place::new("large");
    let mut spool = open(&place);
    begin(&mut spool, 1);
    let text = "y".repeat(300_000);
    say(&mut spool, 1, &text).unwrap();
    say(&mut spool, 1, "select 2").unwrap();
    finish(&mut spool, 1, "done").unwrap();
    spool.close(US).unwrap();
    assert_eq!(story(&place), ["start s_1", "continued s_1", &text, "select 2", "end gateway 1"]);
    assert!(verify(&place, None).complete);
}

#[test]
fn an_idle_stream_leaves_no_segment_behind() {
    let place = Place::new("idle");
    let spool = open(&place);
    assert_eq!(spool.next_deadline(), None);
    assert_eq!(place.files(), ["0000000001.open"]);
    assert_eq!(spool.close(US).unwrap(), []);
    assert_eq!(place.files(), [] as [&str; 0]);
}

#[test]
fn time_seals_and_makes_checkpoints() {
    let place = Place::new("time");
    let mut spool = open(&place);
    begin(&mut spool, 1);
    // the first deadlines are those of a look at the file, a second apart
    let checkpoint_at = spool.next_deadline().unwrap() + Duration::from_secs(59);
    spool.tick(checkpoint_at - Duration::from_millis(1), US);
    assert_eq!(events(&mut spool), []);
    spool.tick(checkpoint_at, US);
    assert!(matches!(events(&mut spool)[..], [SpoolEvent::Checkpoint { .. }]));
    spool.tick(checkpoint_at + Duration::from_secs(70), US);
    assert_eq!(events(&mut spool), [], "nothing was written since the last checkpoint");
    say(&mut spool, 1, "select 1").unwrap();
    spool.tick(checkpoint_at + Duration::from_secs(1000), US);
    assert!(matches!(
        events(&mut spool)[..],
        [SpoolEvent::SegmentSealed { sequence: 1, .. }, SpoolEvent::Checkpoint { .. }]
    ));
    assert_eq!(spool.next_deadline(), None, "a segment that only continues sessions is not sealed by time");
}

/// Two gateways in one directory would write into each other's segments.
#[test]
fn a_second_gateway_is_kept_out() {
    let place = Place::new("lock");
    let spool = open(&place);
    let refused = Spool::open(config(&place.0), now(), US).err().unwrap();
    assert!(matches!(refused, SpoolError::Locked(_)) && refused.to_string().contains("another gateway"));
    let other = SpoolConfig { stream: 1, ..config(&place.0) };
    assert!(Spool::open(other, now(), US).is_ok(), "the streams of one gateway share the directory");
    drop(spool);
    open(&place);
}

/// A node name with a path or a line break in it would end up in checkpoints.
#[test]
fn a_node_name_is_a_plain_word() {
    let place = Place::new("node");
    for node in ["", "a b", "../x", "a\nb", &"n".repeat(65)] {
        let config = SpoolConfig { node: node.to_owned(), ..config(&place.0) };
        assert!(matches!(Spool::open(config, now(), US), Err(SpoolError::Node(_))), "{node:?}");
    }
}

#[test]
fn released_segments_are_used_again_and_never_read_as_blocks() {
    let place = Place::new("recycle");
    let mut spool = open(&place);
    begin(&mut spool, 1);
    let text = "z".repeat(20_000);
    for _ in 0..12 {
        say(&mut spool, 1, &text).unwrap();
    }
    let first = place.stream().join("0000000001.hwr");
    assert_eq!(release_segment(&first).unwrap(), Released::Kept);
    assert!(matches!(release_segment(&first), Err(ReleaseError::NotSealed(_))));
    let written = story(&place).len();
    for no in 0..3 {
        say(&mut spool, 1, &format!("select {no}")).unwrap();
    }
    for _ in 0..3 {
        say(&mut spool, 1, &text).unwrap();
    }
    assert_eq!(fs::read_dir(place.stream().join("spare")).unwrap().count(), 0, "the spare file is in use");
    assert!(story(&place).len() >= written + 6);
    drop(spool); // as a crash
    let (mut spool, recovered) = Spool::open(config(&place.0), now(), US).unwrap();
    assert_eq!((recovered.len(), &recovered[0].sessions[..]), (1, &["s_1".to_owned()][..]));
    begin(&mut spool, 7);
    finish(&mut spool, 7, "done").unwrap();
    spool.close(US).unwrap();
    let report = verify(&place, None);
    assert!(report.ok && !report.complete, "{:?}", report.findings);
    assert_eq!(
        report.findings.iter().map(|each| each.kind).collect::<Vec<_>>(),
        [FindingKind::EarlierAbsent]
    );
}

#[test]
fn the_newest_segment_is_not_released() {
    let place = Place::new("newest");
    let mut spool = open(&place);
    begin(&mut spool, 1);
    finish(&mut spool, 1, "done").unwrap();
    spool.close(US).unwrap();
    let newest = place.segments().pop().unwrap();
    assert!(matches!(release_segment(&newest), Err(ReleaseError::Newest(_))));
    assert!(matches!(release_segment(&place.0), Err(ReleaseError::NotSealed(_))));
}

#[test]
fn the_floor_refuses_sessions_and_only_sessions() {
    let place = Place::new("floor");
    let (mut spool, _) =
        Spool::open(SpoolConfig { floor_bytes: u64::MAX, ..config(&place.0) }, now(), US).unwrap();
    let refused = spool.admit(1, "s_1", "g_1").unwrap_err();
    assert!(matches!(refused, Refused::Floor { .. }), "{refused}");
    say(&mut spool, 1, "select 1").unwrap();
}

#[test]
fn frames_of_a_file_are_arrays_with_their_payload() {
    let place = Place::new("read");
    let mut spool = open(&place);
    begin(&mut spool, 3);
    say(&mut spool, 3, &"q".repeat(100_000)).unwrap();
    finish(&mut spool, 3, "done").unwrap();
    spool.close(US).unwrap();
    let mut seen = Vec::new();
    for path in place.segments() {
        for frame in read_frames(&path).unwrap() {
            let frame = frame.unwrap();
            let head = numbers(&frame);
            assert_eq!((head[1], head[2], head[5]), (US, 3, 0));
            seen.push((head[0], head[3], head[4]));
        }
    }
    assert_eq!(seen, [(1, 1, 0), (2, 2, 0), (3, 4, 1), (5, 3, 0)]);
}

/// The six numbers in front of the payload.
fn numbers(item: &[u8]) -> Vec<u64> {
    let mut rest = item;
    assert_eq!(rmp::decode::read_array_len(&mut rest).unwrap(), 7);
    (0..6).map(|_| rmp::decode::read_int(&mut rest).unwrap()).collect()
}

#[test]
fn an_empty_turn_writes_nothing() {
    let place = Place::new("empty");
    let mut spool = open(&place);
    assert_eq!(spool.commit(&mut Frames::new(), US).unwrap(), 0);
    spool.close(US).unwrap();
    assert_eq!(place.files(), [] as [&str; 0]);
}
