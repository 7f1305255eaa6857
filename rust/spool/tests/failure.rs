//! A volume that fails while the gateway runs: nothing is acknowledged that is not kept, the sessions' ends are
//! recorded, and the stream comes back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use hoopwire_recording::Frames;
use hoopwire_spool::*;
use std::fs;
use std::time::Duration;
use support::*;

fn open(place: &Place) -> (Spool<Failing>, Plan) {
    let volume = Failing::default();
    let plan = volume.plan.clone();
    (Spool::open_on(volume, config(&place.0), now(), US).unwrap().0, plan)
}

/// Known from peers: the recorder is dropped on a write error, and the session goes on.
#[test]
fn a_failed_write_fails_all_that_follow_until_a_new_segment_is_open() {
    for how in [How::NoRoom, How::Io, How::Short] {
        let place = Place::new("write");
        let (mut spool, plan) = open(&place);
        begin(&mut spool, 1);
        begin(&mut spool, 2);
        plan.fail(plan.calls.get(), 1, how);
        say(&mut spool, 1, "lost 1").unwrap_err();
        say(&mut spool, 2, "lost 2").unwrap_err();
        assert!(matches!(spool.admit(3, "s_3", "g_1"), Err(Refused::Failed(_))));
        let seen = events(&mut spool);
        assert!(matches!(seen[..], [SpoolEvent::Failed { .. }]), "said once: {seen:?}");
        finish(&mut spool, 1, "recording_failed").unwrap();
        finish(&mut spool, 2, "recording_failed").unwrap();
        let retry_at = spool.next_deadline().unwrap();
        spool.tick(retry_at - Duration::from_millis(1), US);
        assert_eq!(events(&mut spool), [], "not before a second is over");
        spool.tick(retry_at, US);
        let seen = events(&mut spool);
        assert!(matches!(seen.last(), Some(SpoolEvent::Resumed)), "{seen:?}");
        begin(&mut spool, 3);
        finish(&mut spool, 3, "done").unwrap();
        spool.close(US).unwrap();
        let expected =
            ["start s_1", "start s_2", "end gateway 1", "end gateway 2", "start s_3", "end gateway 3"];
        assert_eq!(story(&place), expected, "{how:?}");
        assert!(verify(&place, None).complete, "{how:?}");
    }
}

/// `synced` promises that a lost host loses nothing: every commit waits for the medium, and fails if that fails.
#[test]
fn synced_commits_wait_for_the_medium() {
    for synced in [false, true] {
        let place = Place::new("synced");
        let volume = Failing::default();
        let plan = volume.plan.clone();
        let config = SpoolConfig { synced, ..config(&place.0) };
        let (mut spool, _) = Spool::open_on(volume, config, now(), US).unwrap();
        begin(&mut spool, 1);
        let before = plan.syncs.get();
        say(&mut spool, 1, "select 1").unwrap();
        say(&mut spool, 1, "select 2").unwrap();
        assert_eq!(plan.syncs.get() - before, if synced { 2 } else { 0 });
        plan.fail(plan.calls.get() + 1, 1, How::Io);
        assert_eq!(say(&mut spool, 1, "select 3").is_err(), synced);
    }
}

/// The volume is full when a new segment is needed: the room for the closing frames is in the old one.
#[test]
fn closing_frames_fit_when_there_is_no_room_for_another_segment() {
    let place = Place::new("full");
    let (mut spool, plan) = open(&place);
    let sessions = 1..=8;
    for number in sessions.clone() {
        begin(&mut spool, number);
    }
    plan.fail(0, 0, How::NoRoom);
    let text = "x".repeat(1000);
    let mut kept = 0;
    loop {
        // every write into the open segment works; every new file fails
        let calls = plan.calls.get();
        plan.fail(calls, 0, How::NoRoom);
        let used = place.stream().join("0000000001.open");
        let room = fs::metadata(&used).unwrap().len();
        assert!(room >= 64 * 1024);
        if kept > 20 {
            plan.fail(calls, u32::MAX, How::NoRoom);
            let before = place.files();
            if say(&mut spool, 1, &text).is_err() {
                assert_eq!(before, place.files());
                break;
            }
        }
        say(&mut spool, 1, &text).unwrap();
        kept += 1;
    }
    plan.heal();
    for number in sessions {
        finish(&mut spool, number, &"r".repeat(3000)).unwrap();
    }
    drop(spool);
    let told = story(&place);
    assert_eq!(told.iter().filter(|each| each.starts_with("end gateway")).count(), 8);
    assert_eq!(told.iter().filter(|each| **each == text).count(), kept);
}

/// Not even the closing frames can be written: the ends are recorded when the stream comes back.
#[test]
fn ends_that_could_not_be_recorded_are_recorded_later() {
    let place = Place::new("later");
    let (mut spool, plan) = open(&place);
    begin(&mut spool, 1);
    plan.fail(plan.calls.get(), u32::MAX, How::Io);
    say(&mut spool, 1, "lost").unwrap_err();
    finish(&mut spool, 1, "recording_failed").unwrap_err();
    let retry_at = spool.next_deadline().unwrap();
    spool.tick(retry_at, US);
    assert!(matches!(events(&mut spool)[..], [SpoolEvent::Failed { .. }]));
    assert!(spool.next_deadline().unwrap() >= retry_at + Duration::from_secs(1));
    plan.heal();
    spool.tick(spool.next_deadline().unwrap(), US);
    assert!(matches!(events(&mut spool).last(), Some(SpoolEvent::Resumed)));
    spool.close(US).unwrap();
    assert_eq!(story(&place), ["start s_1", "continued s_1", "end gateway 1"]);
    assert!(verify(&place, None).complete);
}

/// The frame that tells of a session's start was lost with the failed write: its end still names it.
#[test]
fn an_end_without_a_kept_start_names_its_session() {
    let place = Place::new("nameless");
    let (mut spool, plan) = open(&place);
    spool.admit(1, "s_1", "g_1").unwrap();
    plan.fail(plan.calls.get(), 1, How::NoRoom);
    let mut frames = hoopwire_recording::Frames::new();
    start(&mut frames, 1, "s_1");
    spool.commit(&mut frames, US).unwrap_err();
    assert!(frames.is_empty(), "what failed must not be written with a later turn");
    finish(&mut spool, 1, "recording_failed").unwrap();
    drop(spool);
    assert_eq!(story(&place), ["continued s_1", "end gateway 1"]);
}

/// Each call of a long life fails once, in each way: whatever was acknowledged is in a stream that verifies.
#[test]
fn one_failure_at_every_step_loses_nothing_acknowledged() {
    for how in [How::NoRoom, How::Io, How::Short] {
        for step in 1..70 {
            let place = Place::new("once");
            let volume = Failing::default();
            let plan = volume.plan.clone();
            plan.fail(step, 1, how);
            let config = SpoolConfig { segment_bytes: 20 * 1024, synced: step % 2 == 0, ..config(&place.0) };
            let Ok((mut spool, _)) = Spool::open_on(volume, config, now(), US) else { continue };
            let mut kept = Vec::new();
            for round in 1..=3_u32 {
                if spool.admit(round, &format!("s_{round}"), "g_1").is_ok() {
                    let mut frames = hoopwire_recording::Frames::new();
                    start(&mut frames, round, &format!("s_{round}"));
                    let begun = spool.commit(&mut frames, US).is_ok();
                    for no in 0..7 {
                        let text = format!("{round} {no} {}", "x".repeat(3000));
                        if begun && say(&mut spool, round, &text).is_ok() {
                            kept.push(text);
                        }
                    }
                    let _ = finish(&mut spool, round, "done");
                }
                if let Some(deadline) = spool.next_deadline() {
                    spool.tick(deadline, US);
                }
            }
            if spool.close(US).is_err() {
                let (spool, _) = Spool::open(support::config(&place.0), now(), US).unwrap();
                spool.close(US).unwrap();
            }
            let told = story(&place);
            let statements: Vec<&String> = told.iter().filter(|each| each.ends_with('x')).collect();
            assert!(kept.iter().all(|text| statements.contains(&text)), "step {step} {how:?}");
            assert_eq!(
                statements.len(),
                kept.len(),
                "step {step} {how:?}: what failed was written after all"
            );
            let report = verify(&place, None);
            assert!(report.complete, "step {step} {how:?}: {:?}", report.findings);
        }
    }
}

/// A real full volume: tmpfs of 1 MiB. Mounted in the test's own directory; skipped where that is not allowed.
#[test]
fn a_full_tmpfs_ends_sessions_with_their_ends_recorded_and_comes_back() {
    let place = Place::new("tmpfs");
    let mounted = rustix::mount::mount(
        "tmpfs",
        &place.0,
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        Some(c"size=1m"),
    );
    if let Err(error) = mounted {
        eprintln!("SKIPPED: tmpfs cannot be mounted here ({error}); run as root to test a full volume");
        return;
    }
    let outcome = std::panic::catch_unwind(|| full_tmpfs(&place));
    rustix::mount::unmount(&place.0, rustix::mount::UnmountFlags::DETACH).unwrap();
    outcome.unwrap();
}

fn full_tmpfs(place: &Place) {
    let config = SpoolConfig { segment_bytes: 256 * 1024, ..config(&place.0) };
    let (mut spool, _) = Spool::open(config, now(), US).unwrap();
    begin(&mut spool, 1);
    let text = "x".repeat(30_000);
    let mut kept = 0;
    let failed = loop {
        match say(&mut spool, 1, &text) {
            Ok(_) => kept += 1,
            Err(failed) => break failed,
        }
    };
    assert!(failed.to_string().contains("No space left"), "{failed}");
    assert!(kept > 10);
    finish(&mut spool, 1, "recording_failed").unwrap();
    spool.tick(spool.next_deadline().unwrap(), US);
    assert!(matches!(
        events(&mut spool).last(),
        Some(SpoolEvent::Failed { .. } | SpoolEvent::Checkpoint { .. })
    ));
    assert!(spool.admit(2, "s_2", "g_1").is_err());
    let report = verify(place, None);
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(story(place).iter().filter(|each| **each == text).count(), kept);

    release_segment(&place.stream().join("0000000001.hwr")).unwrap();
    spool.tick(spool.next_deadline().unwrap(), US);
    assert!(matches!(events(&mut spool).last(), Some(SpoolEvent::Resumed)));
    begin(&mut spool, 2);
    finish(&mut spool, 2, "done").unwrap();
    spool.close(US).unwrap();
    assert!(verify(place, None).ok);
}

/// R8: one failing fsync of the directory at rotation ended the stream until a restart: the rename was done, and the
/// next try renamed again what was no longer there.
#[test]
fn a_directory_that_could_not_be_synced_once_is_no_end() {
    for failing in 0..16 {
        for count in 1..4 {
            let place = Place::new("directory");
            let volume = Failing::default();
            let plan = volume.plan.clone();
            let config = SpoolConfig { synced: true, ..config(&place.0) };
            let (mut spool, _) = Spool::open_on(volume, config, now(), US).unwrap();
            begin(&mut spool, 1);
            say(&mut spool, 1, "select 1").unwrap();
            plan.fail(plan.calls.get() + failing, count, How::Io);
            // the segment is old enough to be sealed: a rotation, each of whose calls fails once
            let mut at = now() + Duration::from_secs(301);
            spool.tick(at, US);
            for _ in 0..8 {
                at += Duration::from_secs(2);
                spool.tick(at, US);
            }
            plan.heal();
            say(&mut spool, 1, "select 2")
                .unwrap_or_else(|error| panic!("call {failing}, {count} times: {error}"));
            finish(&mut spool, 1, "done").unwrap();
            spool.close(US).unwrap();
            let told: Vec<_> =
                story(&place).into_iter().filter(|word| !word.starts_with("continued")).collect();
            assert_eq!(
                told,
                ["start s_1", "select 1", "select 2", "end gateway 1"],
                "call {failing}, {count}"
            );
            assert!(verify(&place, None).complete, "call {failing}, {count}");
            assert!(place.files().iter().all(|name| name.ends_with(".hwr")), "{:?}", place.files());
        }
    }
}

/// R9: the open segment was unlinked, or its directory removed, and the gateway went on: what it wrote nobody finds.
#[test]
fn an_open_segment_that_is_gone_is_noticed_within_a_second() {
    for directory_too in [false, true] {
        let place = Place::new("gone");
        let (mut spool, _) = open(&place);
        begin(&mut spool, 1);
        say(&mut spool, 1, "select 1").unwrap();
        if directory_too {
            fs::remove_dir_all(place.stream()).unwrap();
        } else {
            fs::remove_file(place.stream().join("0000000001.open")).unwrap();
        }
        let mut frames = Frames::new();
        statement(&mut frames, 1, "select 2");
        spool.commit(&mut frames, US + 1_000_000).unwrap_err();
        let seen = events(&mut spool);
        assert!(
            matches!(&seen[..], [SpoolEvent::Failed { error }] if error.contains("no longer there")),
            "{seen:?}"
        );
        assert!(matches!(spool.admit(2, "s_2", "g_1"), Err(Refused::Failed(_))));
        // the end is not written where nobody finds it
        finish(&mut spool, 1, "recording_failed").unwrap_err();
        spool.tick(spool.next_deadline().unwrap(), US + 2_000_000);
        let resumed = events(&mut spool).iter().any(|event| matches!(event, SpoolEvent::Resumed));
        assert_eq!(resumed, !directory_too);
        if resumed {
            begin(&mut spool, 2);
            finish(&mut spool, 2, "done").unwrap();
            spool.close(US + 3_000_000).unwrap();
            assert_eq!(story(&place), ["continued s_1", "end gateway 1", "start s_2", "end gateway 2"]);
            let report = verify(&place, None);
            assert!(!report.complete, "a segment is missing, and that is said: {report:?}");
        }
    }
}

/// R9: who is idle hears of it, too, and a session does not begin.
#[test]
fn a_segment_that_is_gone_is_noticed_without_a_turn_and_at_admission() {
    let place = Place::new("idle");
    let (mut spool, _) = open(&place);
    begin(&mut spool, 1);
    fs::rename(place.stream(), place.0.join("elsewhere")).unwrap();
    let deadline = spool.next_deadline().unwrap();
    assert!(deadline <= now() + Duration::from_secs(1));
    spool.tick(deadline, US + 1_000_001);
    let seen = events(&mut spool);
    assert!(matches!(&seen[..], [SpoolEvent::Failed { .. }]), "{seen:?}");
    // back in its place: nothing is lost
    fs::rename(place.0.join("elsewhere"), place.stream()).unwrap();
    spool.tick(spool.next_deadline().unwrap(), US + 3_000_000);
    assert!(events(&mut spool).iter().any(|event| matches!(event, SpoolEvent::Resumed)));
    say(&mut spool, 1, "select 1").unwrap();
    finish(&mut spool, 1, "done").unwrap();
    spool.close(US + 3_000_000).unwrap();
    assert!(verify(&place, None).complete);
}
