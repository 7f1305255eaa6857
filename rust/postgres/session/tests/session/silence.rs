//! Sessions in which nobody says anything: what counts as silence, when it is over, and how it ends.

use hoopwire_postgres_policy::{Actions, Grant};
use hoopwire_session::Effect;
use std::time::Duration;

use crate::link::check::Entry;
use crate::server::{Peer, bind, execute, parse, query, sync};
use hoopwire_testkit::messages::framed;

const IDLE: Duration = Duration::from_secs(60);
const IN_TRANSACTION: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

fn limited(grant: &mut Grant) {
    grant.idle = Some(IDLE);
    grant.rights.idle_in_transaction = Some(IN_TRANSACTION);
    grant.notice_at = None;
}

fn peer() -> Peer {
    Peer::ready_with(Actions::QUERY, limited)
}

/// The seconds after which the session ends with nobody saying anything, within `most`.
fn lasts(peer: &mut Peer, most: u64) -> Option<u64> {
    (1..=most).find(|_| {
        peer.link.wait(SECOND);
        peer.pump();
        peer.link.session.is_closed()
    })
}

fn end(peer: &Peer) -> (String, String) {
    match peer.link.ledger.entries.last() {
        Some(Entry::End { reason, sqlstate, .. }) => (reason.clone(), sqlstate.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_silent_session_is_ended_as_the_server_would_and_the_grant_lives_on() {
    let mut peer = peer();
    peer.say(&query("select"));
    assert_eq!(lasts(&mut peer, 100), Some(60));
    assert_eq!(peer.news(), "E:57P05");
    assert_eq!(peer.last_error(b'M'), "the session was idle for longer than 60 s");
    assert!(
        peer.last_error(b'D').contains("policy read, limits.idle")
            && peer.last_error(b'D').contains("code: idle")
    );
    assert!(peer.last_error(b'H').contains("Connect again: grant g_1 is good until"));
    assert_eq!(end(&peer), ("idle".into(), "57P05".into()));
    assert!(peer.link.up.ends_with(b"X\0\0\0\x04"), "the target is told");
}

#[test]
fn without_a_limit_silence_lasts() {
    let mut peer = Peer::ready_with(Actions::QUERY, |grant| grant.notice_at = None);
    assert_eq!(peer.say(&query("begin")), "C Z:T");
    assert_eq!(lasts(&mut peer, 599), None);
}

#[test]
fn either_sides_word_begins_it_anew() {
    let mut peer = peer();
    for second in 1..=200_u32 {
        peer.link.wait(SECOND);
        if second.is_multiple_of(50) {
            if second.is_multiple_of(100) {
                peer.say(&query("select"));
            } else {
                peer.link.target(&framed(b'A', b"\0\0\0\x01channel\0payload\0"));
            }
        }
        assert!(!peer.link.session.is_closed());
    }
    assert_eq!(lasts(&mut peer, 100), Some(60));
}

#[test]
fn in_a_transaction_it_is_over_sooner_and_said_so() {
    for (begin, ends) in [("begin", "C Z:T"), ("fail", "E:22012 Z:E")] {
        let mut peer = peer();
        // the limit is looked at when it could be over, and not before
        lasts(&mut peer, 33);
        peer.say(&query("begin"));
        if begin == "fail" {
            assert_eq!(peer.say(&query(begin)), ends);
        }
        assert_eq!(lasts(&mut peer, 100), Some(10));
        assert_eq!(peer.news(), "E:25P03");
        assert_eq!(peer.last_error(b'M'), "the session was idle in a transaction for longer than 10 s");
        assert!(peer.last_error(b'D').contains("limits.idle_in_transaction"));
        assert!(peer.last_error(b'D').contains("code: idle_in_transaction"));
        assert_eq!(end(&peer), ("idle_in_transaction".into(), "25P03".into()));
        assert!(peer.link.up.ends_with(b"X\0\0\0\x04"), "so that it rolls back at once");
    }
}

#[test]
fn a_transaction_that_is_over_counts_no_more() {
    let mut peer = peer();
    peer.say(&query("begin"));
    assert_eq!(lasts(&mut peer, 9), None);
    assert_eq!(peer.say(&query("commit")), "C Z:I");
    assert_eq!(lasts(&mut peer, 100), Some(60));
    assert_eq!(end(&peer).1, "57P05");
}

#[test]
fn idle_alone_ends_a_transaction_too() {
    let mut peer = Peer::ready_with(Actions::QUERY, |grant| {
        limited(grant);
        grant.rights.idle_in_transaction = None;
    });
    peer.say(&query("begin"));
    assert_eq!(lasts(&mut peer, 100), Some(60));
    assert_eq!(end(&peer).1, "57P05");
}

#[test]
fn a_statement_that_runs_is_not_silence() {
    let mut peer = peer();
    peer.say(&query("begin"));
    peer.link.principal(&query("select"));
    peer.ship();
    for _ in 0..300 {
        peer.link.wait(SECOND);
        assert!(!peer.link.session.is_closed());
    }
    peer.deliver(usize::MAX);
    assert_eq!(peer.news(), "T D D C Z:T");
    assert_eq!(lasts(&mut peer, 100), Some(10));
}

#[test]
fn a_round_without_its_sync_holds_locks_and_looked_like_work() {
    // The target keeps its answers back until a Sync or Flush: what was asked seemed to run for ever.
    let mut peer = peer();
    peer.say(&[parse("", "select"), bind("", b"1"), execute()].concat());
    assert_eq!(peer.news(), "", "kept back");
    let lasted = lasts(&mut peer, 100).unwrap();
    assert!((10..=20).contains(&lasted), "{lasted}");
    assert_eq!(end(&peer).1, "25P03");
    // with a Flush there is nothing to be asked for
    let mut peer = self::peer();
    peer.say(&[parse("", "select"), bind("", b"1"), execute(), framed(b'H', b"")].concat());
    assert_eq!(lasts(&mut peer, 100), Some(10));
    // and with its Sync it is an ordinary session
    let mut peer = self::peer();
    peer.say(&[parse("", "select"), bind("", b"1"), execute(), sync()].concat());
    assert_eq!(lasts(&mut peer, 100), Some(60));
}

#[test]
fn a_copy_that_waits_for_data_holds_locks() {
    let mut peer = peer();
    assert_eq!(peer.say(&query("copyin")), "G");
    for _ in 0..5 {
        assert_eq!(lasts(&mut peer, 9), None);
        peer.say(&framed(b'd', b"1\n"));
    }
    assert_eq!(lasts(&mut peer, 100), Some(10));
    assert_eq!(end(&peer).1, "25P03");
    let cancels = peer.link.effects.iter().filter(|effect| matches!(effect, Effect::Call(_))).count();
    assert_eq!(cancels, 1, "the target is in the middle of it");
}

#[test]
fn half_a_message_is_the_last_word() {
    let mut peer = peer();
    let text = query("select");
    peer.link.principal(&text[..text.len() - 3]);
    assert_eq!(lasts(&mut peer, 100), Some(60));
    assert_eq!(peer.news(), "E:57P05");
}

#[test]
fn a_reload_holds_for_live_sessions_from_their_last_word() {
    let mut peer = Peer::ready_with(Actions::QUERY, |grant| grant.notice_at = None);
    assert_eq!(lasts(&mut peer, 40), None);
    let mut grant = peer.link.session.grant().unwrap().clone();
    limited(&mut grant);
    peer.link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    assert_eq!(lasts(&mut peer, 100), Some(20));
    assert_eq!(peer.news(), "E:57P05");
    // and one that is over already is not waited for
    let mut peer = Peer::ready_with(Actions::QUERY, |grant| grant.notice_at = None);
    assert_eq!(lasts(&mut peer, 80), None);
    let mut grant = peer.link.session.grant().unwrap().clone();
    limited(&mut grant);
    peer.link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    assert_eq!(lasts(&mut peer, 100), Some(1));
}
