//! A gateway that dies: at every byte that it wrote, at every step that it took.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use hoopwire_spool::*;
use std::fs;
use support::*;

/// A small recording left open, and where each of its blocks ends.
fn small(place: &Place) -> (Vec<u8>, Vec<usize>) {
    let (mut spool, _) = Spool::open(config(&place.0), now(), US).unwrap();
    let path = place.stream().join("0000000001.open");
    let mut ends = Vec::new();
    let mut used = hoopwire_recording::HEADER_BYTES;
    for number in 1..=2 {
        spool.admit(number, &format!("s_{number}"), "g_1").unwrap();
        let mut frames = hoopwire_recording::Frames::new();
        start(&mut frames, number, &format!("s_{number}"));
        used += spool.commit(&mut frames, US).unwrap() as usize;
        ends.push(used);
    }
    used += say(&mut spool, 1, "select 1").unwrap() as usize;
    ends.push(used);
    used += finish(&mut spool, 1, "done").unwrap() as usize;
    ends.push(used);
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(used);
    (bytes, ends)
}

const STORY: [&str; 4] = ["start s_1", "start s_2", "select 1", "end gateway 1"];

/// kill -9 in the middle of a write: recovery gives exactly the whole blocks, ends who was open, and verifies.
#[test]
fn every_prefix_recovers_to_its_whole_blocks() {
    let (bytes, ends) = small(&Place::new("prefix-source"));
    let header = hoopwire_recording::HEADER_BYTES;
    for length in 0..=bytes.len() {
        for fill in [0, 4096] {
            let place = Place::new("prefix");
            fs::create_dir_all(place.stream()).unwrap();
            let mut file = bytes[..length].to_vec();
            file.resize(length + fill, 0);
            fs::write(place.stream().join("0000000001.open"), &file).unwrap();
            let (spool, recovered) = Spool::open(config(&place.0), now(), US).unwrap();
            spool.close(US).unwrap();
            // what was cut off may have been zeros that are there again
            let whole = ends.iter().filter(|end| file.get(..**end) == bytes.get(..**end)).count();
            if file.get(..header) != bytes.get(..header) {
                assert_eq!(place.files(), ["0000000001.damaged"], "length {length}");
                continue;
            }
            if whole == 0 {
                assert_eq!((place.files().len(), recovered.len()), (0, 0), "length {length}");
                continue;
            }
            let mut expected: Vec<String> = STORY[..whole].iter().map(|each| (*each).to_owned()).collect();
            let open: &[u32] = [&[][..], &[1], &[1, 2], &[1, 2], &[2]][whole];
            expected.extend(open.iter().map(|number| format!("end crash {number}")));
            assert_eq!(story(&place), expected, "length {length}");
            let sessions: Vec<String> = open.iter().map(|number| format!("s_{number}")).collect();
            assert_eq!(recovered[0].sessions, sessions, "length {length}");
            assert!(verify(&place, None).complete, "length {length}");
        }
    }
}

/// kill -9 between any two calls to the volume: what was acknowledged is there, and the stream verifies.
#[test]
fn death_at_every_step_keeps_what_was_acknowledged() {
    for synced in [false, true] {
        for how in [How::NoRoom, How::Io, How::Short] {
            let mut reached_the_end = false;
            for step in 0.. {
                let place = Place::new("step");
                let volume = Failing::default();
                volume.plan.fail(step, u32::MAX, how);
                let config = SpoolConfig { synced, segment_bytes: 20 * 1024, ..config(&place.0) };
                let (kept, done) = live(volume, config.clone());
                let (spool, _) = Spool::open(config, now(), US).unwrap();
                spool.close(US).unwrap();
                let told = story(&place);
                let mut rest = told.iter();
                for frame in &kept {
                    assert!(
                        rest.any(|each| each == frame),
                        "step {step}, {how:?}: {frame} was acknowledged; {told:?}"
                    );
                }
                for number in 1..=2 {
                    let starts = told.iter().filter(|each| **each == format!("start s_{number}")).count();
                    let ended = told
                        .iter()
                        .any(|each| each.starts_with("end ") && each.ends_with(&format!(" {number}")));
                    assert!(
                        starts == 0 || ended,
                        "step {step}, {how:?}: session {number} has no end; {told:?}"
                    );
                }
                if place.files().is_empty() {
                    assert_eq!(kept, [] as [String; 0]);
                } else {
                    let report = verify(&place, None);
                    assert!(report.complete, "step {step}, {how:?}: {:?}", report.findings);
                }
                if done {
                    reached_the_end = true;
                    break;
                }
            }
            assert!(reached_the_end);
        }
    }
}

/// A life with two sessions and three segments, as far as the volume lets it. Gives what was acknowledged, and
/// whether all of it was.
fn live(volume: Failing, config: SpoolConfig) -> (Vec<String>, bool) {
    let mut kept = Vec::new();
    let Ok((mut spool, _)) = Spool::open_on(volume, config, now(), US) else { return (kept, false) };
    for number in 1..=2 {
        let session = format!("s_{number}");
        if spool.admit(number, &session, "g_1").is_err() {
            return (kept, false);
        }
        let mut frames = hoopwire_recording::Frames::new();
        start(&mut frames, number, &session);
        if spool.commit(&mut frames, US).is_err() {
            return (kept, false);
        }
        kept.push(format!("start {session}"));
    }
    for no in 0..8 {
        let text = format!("{no}{}", "x".repeat(3000));
        if say(&mut spool, 1, &text).is_err() {
            return (kept, false);
        }
        kept.push(text);
    }
    if finish(&mut spool, 1, "done").is_err() {
        return (kept, false);
    }
    kept.push("end gateway 1".to_owned());
    let done = spool.close(US).is_ok();
    (kept, done)
}

/// A whole block wrecked in the middle of an open segment: what comes before it is sealed, the file is kept aside.
#[test]
fn a_broken_block_in_the_middle_is_kept_aside() {
    let (mut bytes, ends) = small(&Place::new("broken-source"));
    bytes[ends[1] + 60] ^= 1;
    let place = Place::new("broken");
    fs::create_dir_all(place.stream()).unwrap();
    fs::write(place.stream().join("0000000001.open"), &bytes).unwrap();
    let (spool, recovered) = Spool::open(config(&place.0), now(), US).unwrap();
    assert_eq!(recovered[0].dropped_bytes, (bytes.len() - ends[1]) as u64);
    spool.close(US).unwrap();
    assert_eq!(fs::read(place.stream().join("0000000001.damaged")).unwrap(), bytes);
    assert!(verify(&place, None).ok);
}

/// A run with fewer reactors than the one that crashed: the other streams are recovered too.
#[test]
fn streams_without_a_reactor_are_recovered() {
    let place = Place::new("others");
    let other = SpoolConfig { stream: 3, ..config(&place.0) };
    let (mut spool, _) = Spool::open(other, now(), US).unwrap();
    begin(&mut spool, 1);
    drop(spool);
    let recovered = recover_others(&config(&place.0), 1, US).unwrap();
    assert_eq!((recovered.len(), recovered[0].stream), (1, 3));
    assert_eq!(recovered[0].sessions, ["s_1"]);
    assert_eq!(recover_others(&config(&place.0), 1, US).unwrap(), []);
    assert!(verify(&place, None).complete);
}

/// A crash between the seal of one segment and the head of the next: the sessions still get their end.
#[test]
fn sessions_left_open_by_the_last_seal_are_ended() {
    let place = Place::new("gap");
    let (mut spool, _) = Spool::open(config(&place.0), now(), US).unwrap();
    begin(&mut spool, 1);
    spool.close(US).unwrap();
    assert_eq!(story(&place), ["start s_1"]);
    let (spool, _) = Spool::open(config(&place.0), now(), US).unwrap();
    spool.close(US).unwrap();
    assert_eq!(story(&place), ["start s_1", "continued s_1", "end crash 1"]);
    let (spool, _) = Spool::open(config(&place.0), now(), US).unwrap();
    spool.close(US).unwrap();
    assert_eq!(story(&place).len(), 3, "ended once");
    assert!(verify(&place, None).complete);
}
