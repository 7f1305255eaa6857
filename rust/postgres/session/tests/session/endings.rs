//! Expiry, notice, a changed grant, revocation, drain, and peers that leave or misbehave.

use hoopwire_grant::{Fault, Party};
use hoopwire_session::Words;
use std::time::Duration;

use hoopwire_postgres_policy::Actions;
use hoopwire_session::{Effect, Ending};
use hoopwire_testkit::messages::framed;

use crate::link::check::Entry;
use crate::link::{GRANT, NOTICE};
use crate::server::{Peer, bind, call, parse, query, sync};

const TERMINATE: &[u8] = b"X\0\0\0\x04";

fn cancels(peer: &Peer) -> usize {
    peer.link.effects.iter().filter(|effect| matches!(effect, Effect::Call(_))).count()
}

fn last_entry(peer: &Peer) -> &Entry {
    peer.link.ledger.entries.last().unwrap()
}

#[test]
fn at_the_deadline_a_running_statement_is_cancelled_and_the_reason_given() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("select"));
    peer.link.wait(GRANT);
    assert_eq!(peer.news(), "E:57P01");
    assert!(peer.last_error(b'M').contains("g_1") && peer.last_error(b'H').contains("new access token"));
    assert_eq!(cancels(&peer), 1);
    assert!(!peer.link.up.ends_with(TERMINATE), "the target is in the middle of something");
    assert_eq!(
        *last_entry(&peer),
        Entry::End { closed_by: "gateway".into(), reason: "grant_expired".into(), sqlstate: "57P01".into() }
    );
    // what the target still says reaches nobody
    peer.pump();
    assert_eq!(peer.news(), "");
}

#[test]
fn at_the_deadline_an_idle_session_takes_leave_of_the_target() {
    for transaction in [false, true] {
        let mut peer = Peer::ready(Actions::QUERY);
        if transaction {
            assert_eq!(peer.say(&query("begin")), "C Z:T");
        }
        peer.link.wait(GRANT);
        assert_eq!(peer.news(), "E:57P01");
        assert_eq!(cancels(&peer), 0, "nothing runs that could be cancelled");
        assert!(peer.link.up.ends_with(TERMINATE));
    }
}

#[test]
fn nothing_is_forwarded_at_the_deadline_even_if_no_timer_ran() {
    // A request that arrived with the expiry was forwarded because the timer came later.
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.now += GRANT;
    peer.link.principal(&query("select"));
    assert_eq!(peer.news(), "E:57P01");
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("select"));
    peer.link.now += GRANT;
    peer.pump();
    assert_eq!(peer.news(), "E:57P01");
}

#[test]
fn expiry_in_the_middle_of_a_streamed_message_says_nothing() {
    // An error that was put into the middle of a row was read as a part of the row.
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("big 100000"));
    peer.ship();
    peer.deliver(50_000);
    let before = peer.link.down.len();
    assert!(!peer.link.session.at_boundary());
    peer.link.wait(GRANT);
    assert!(peer.link.session.is_closed());
    assert_eq!(peer.link.down.len(), before);
    assert_eq!(peer.link.ending().code, "57P01");
}

#[test]
fn leave_is_not_taken_in_the_middle_of_a_message_to_the_target() {
    // Terminate was put into the middle of a streamed message, as a part of it.
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&framed(b'd', &[b'x'; 5000])[..3000]);
    let before = peer.link.up.len();
    peer.link.wait(GRANT);
    assert_eq!(peer.news(), "E:57P01");
    assert_eq!(peer.link.up.len(), before);
}

#[test]
fn the_notice_comes_once_and_at_a_boundary() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("big 100000"));
    peer.ship();
    peer.deliver(50_000);
    peer.link.wait(NOTICE);
    assert_eq!(peer.news(), "T", "not in the middle of a row");
    peer.deliver(60_000);
    assert_eq!(peer.news(), "D C Z:I N");
    peer.link.wait(Duration::from_secs(10));
    assert_eq!(peer.say(&query("select")), "T D D C Z:I");
    let notices = peer.link.ledger.entries.iter().filter(
        |entry| matches!(entry, Entry::Report { severity, message, .. } if severity == "NOTICE" && message.contains("g_1 expires")),
    );
    assert_eq!(notices.count(), 1);
    peer.link.wait(Duration::from_secs(50));
    assert_eq!(peer.news(), "E:57P01");
}

#[test]
fn a_new_grant_never_extends_a_session() {
    // A session took over the deadline of a new grant, and lived on past the end of the one it began with.
    let mut peer = Peer::ready(Actions::QUERY);
    let mut longer = peer.link.grant(Actions::QUERY);
    longer.id = "g_2".into();
    longer.deadline += GRANT;
    longer.notice_at = longer.notice_at.map(|at| at + GRANT);
    longer.expires_text = "2026-11-23 23:59:59 UTC".into();
    peer.link.call(|session, turn| session.handle_regrant(longer, "policy changed", turn));
    assert!(peer.link.ledger.entries.contains(&Entry::GrantChanged));
    peer.link.wait(NOTICE);
    assert_eq!(peer.news(), "N", "the notice comes before the end that counts");
    peer.link.wait(GRANT - NOTICE);
    assert_eq!(peer.news(), "E:57P01");
    assert!(peer.last_error(b'M').contains("g_2"));
    assert!(peer.last_error(b'M').contains("22:15:00"), "the time it says is that of the end that came");
}

#[test]
fn a_narrower_grant_counts_from_the_next_message_on() {
    let mut peer = Peer::ready(Actions::QUERY.with(Actions::FUNCTION_CALL));
    assert_eq!(peer.say(&call()), "V Z:I");
    let narrower = peer.link.grant(Actions::QUERY);
    peer.link.call(|session, turn| session.handle_regrant(narrower, "policy changed", turn));
    assert_eq!(peer.say(&call()), "E:42501 Z:I");
    let mut elsewhere = peer.link.grant(Actions::QUERY);
    elsewhere.database = "other".into();
    peer.link.call(|session, turn| session.handle_regrant(elsewhere, "policy changed", turn));
    assert_eq!(peer.news(), "E:42501");
    assert!(peer.link.session.is_closed());
}

#[test]
fn a_revoked_session_ends_at_once_and_its_cancel_key_with_it() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("select"));
    peer.link.call(|session, turn| session.handle_cancel("192.0.2.1:5001", turn));
    assert_eq!(cancels(&peer), 1);
    let words = Words::new("revoked by an operator");
    peer.link.end(Ending::faulty(Party::Operator, Fault::Ended, "revoked", words));
    assert_eq!(peer.news(), "E:57P01");
    assert_eq!(cancels(&peer), 2);
    peer.link.call(|session, turn| session.handle_cancel("192.0.2.1:5001", turn));
    assert_eq!(cancels(&peer), 2, "a cancel after revocation");
    assert!(peer.link.session.mark().is_none());
}

#[test]
fn a_cancel_at_the_deadline_is_recorded_and_not_passed_on() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("select"));
    peer.link.now += GRANT;
    peer.link.call(|session, turn| session.handle_cancel("192.0.2.1:5001", turn));
    assert_eq!(*last_entry(&peer), Entry::Cancel { allow: false });
    assert_eq!(cancels(&peer), 0);
}

#[test]
fn a_drain_waits_for_the_transaction() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.say(&query("begin"));
    peer.link.call(|session, turn| session.handle_drain(turn));
    assert_eq!(peer.say(&query("select")), "T D D C Z:T");
    assert_eq!(peer.say(&call()), "E:42501 Z:E");
    assert_eq!(peer.say(&query("commit")), "C Z:I E:57P01");
    assert!(peer.link.session.is_closed() && peer.link.up.ends_with(TERMINATE));

    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.call(|session, turn| session.handle_drain(turn));
    assert_eq!(peer.news(), "E:57P01", "an idle one ends at once");

    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.target(b"A\0\0\0\x20\0\0");
    peer.link.call(|session, turn| session.handle_drain(turn));
    peer.link.target(&[b'x'; 26]);
    assert_eq!(peer.news(), "A E:57P01", "not in the middle of a notification");
}

#[test]
fn a_principal_that_leaves_or_vanishes() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(TERMINATE);
    let end = |closed_by: &str, reason: &str, sqlstate: &str| Entry::End {
        closed_by: closed_by.into(),
        reason: reason.into(),
        sqlstate: sqlstate.into(),
    };
    assert_eq!(*last_entry(&peer), end("downstream", "terminated by the client", ""));
    assert!(peer.link.up.ends_with(TERMINATE));
    assert_eq!(peer.news(), "");

    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("select"));
    peer.link.eof(false);
    assert_eq!(*last_entry(&peer), end("downstream", "the client closed the connection", ""));
    assert_eq!(cancels(&peer), 1);

    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("select"));
    peer.link.eof(true);
    assert_eq!(peer.news(), "E:08006");
    assert_eq!(*last_entry(&peer), end("upstream", "the target closed the connection", "08006"));
    assert_eq!(cancels(&peer), 0);
}

#[test]
fn a_target_that_breaks_the_protocol_is_cut_off_and_blamed() {
    let messages = [
        b"R\0\0\0\x08\0\0\0\0".to_vec(), // a second login
        b"K\0\0\0\x0c\0\0\0\0\0\0\0\0".to_vec(),
        b"Z\0\0\0\x05?".to_vec(),
        b"Z\0\0\0\x04".to_vec(),
        b"D\0\0\0\x03".to_vec(),
        b"D\xff\xff\xff\xff".to_vec(),
        b"D\x40\0\0\0".to_vec(),
        b"C\x00\x10\0\0".to_vec(), // a CommandComplete of 1 MiB
        b"?\0\0\0\x04".to_vec(),
    ];
    for message in messages {
        let mut peer = Peer::ready(Actions::QUERY);
        peer.link.principal(&query("select"));
        peer.link.target(&[&framed(b'N', b"SNOTICE\0\0")[..], &message].concat());
        assert_eq!(peer.news(), "N E:08P01", "{message:?}");
        assert!(peer.link.ending().reason.starts_with("target broke the protocol"), "{message:?}");
    }
}

#[test]
fn a_target_that_answers_what_nobody_asked_changes_no_permission() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.target(&[framed(b'C', b"SELECT 1\0"), framed(b'Z', b"T"), framed(b'G', b"\0\0\0")].concat());
    assert_eq!(peer.news(), "C Z:T G");
    peer.link.principal(&[framed(b'c', b""), call()].concat());
    assert_eq!(peer.news(), "", "a denial is said where the target's error comes");
    assert!(!peer.link.up.windows(call().len()).any(|part| part == call()));
    // an ErrorResponse without any field, and one that is mostly hot air
    peer.link.target(&[framed(b'E', b"\0"), framed(b'E', &vec![b'S'; 100_000])].concat());
    assert!(!peer.link.session.is_closed());
}

#[test]
fn a_session_that_is_over_does_nothing_more() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.say(&[parse("s", "select"), bind("s", b"1"), sync()].concat());
    peer.link.principal(TERMINATE);
    let (down, up, entries) = (peer.link.down.len(), peer.link.up.len(), peer.link.ledger.entries.len());
    peer.link.principal(&query("select"));
    peer.link.target(&framed(b'Z', b"I"));
    peer.link.eof(true);
    peer.link.eof(false);
    peer.link.wait(GRANT * 2);
    let grant = peer.link.grant(Actions::QUERY);
    peer.link.admit(grant.clone());
    peer.link.dialed(None);
    peer.link.tls();
    peer.link.call(|session, turn| {
        session.handle_regrant(grant, "again", turn);
        session.handle_drain(turn);
        session.handle_shutdown(turn);
        session.handle_cancel("192.0.2.1:5001", turn);
    });
    assert_eq!(
        (down, up, entries),
        (peer.link.down.len(), peer.link.up.len(), peer.link.ledger.entries.len())
    );
    assert_eq!(peer.link.session.poll_timeout(), None);
}
