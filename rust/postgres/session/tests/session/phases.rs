//! The diagram above `Phase` in session.rs, arrow by arrow, and each deadline that is drawn as a way to Closed.

use hoopwire_grant::Party;
use std::time::Duration;

use hoopwire_postgres_policy::Actions;
use hoopwire_postgres_session::{Session, Turn};
use hoopwire_session::Ending;
use hoopwire_testkit::backend::Method;
use hoopwire_testkit::messages::{framed, startup};

use crate::link::{GRANT, LIMITS, Link};
use crate::server::{PASSWORD, Peer, SSL_REQUEST};

const PHASES: [&str; 7] =
    ["startup", "tls_handshake", "startup in TLS", "password", "admission", "upstream_login", "ready"];

/// A session that has come as far as `PHASES[to]`, by the arrows of the straight way.
fn at(to: usize) -> Link {
    let mut link = Link::new();
    let params = [("user", "u"), ("database", "orders")];
    let arrows: [&dyn Fn(&mut Link); 6] = [
        &|link| link.principal(SSL_REQUEST),
        &|link| link.tls(),
        &|link| link.principal(&startup(0, &params)),
        &|link| link.principal(&framed(b'p', format!("{PASSWORD}\0").as_bytes())),
        &|link| {
            let grant = link.grant(Actions::QUERY);
            link.admit(grant);
        },
        &|link| {
            link.dialed(None);
            let mut peer = Peer::new(std::mem::replace(link, Link::new()), Method::Trust);
            peer.pump();
            *link = peer.link;
        },
    ];
    for (step, arrow) in arrows[..to].iter().enumerate() {
        assert_eq!(link.session.phase(), PHASES[step].split(' ').next().unwrap());
        arrow(&mut link);
    }
    link
}

#[test]
fn every_arrow_of_the_straight_way() {
    for (step, phase) in PHASES.iter().enumerate() {
        let link = at(step);
        assert_eq!(link.session.phase(), phase.split(' ').next().unwrap());
        assert_eq!(link.session.is_ready(), step == 6);
        assert_eq!(link.session.is_waiting_for_grant(), step == 4);
        assert_eq!(link.session.grant().is_some(), step >= 5);
        assert_eq!(link.session.mark().is_some(), step == 6);
    }
}

#[test]
fn every_phase_has_a_way_to_the_end() {
    type End = fn(&mut Session, &mut Turn<'_>);
    let ends: [(&str, End); 6] = [
        ("the principal leaves", |session, turn| session.handle_eof(false, turn)),
        ("the target leaves", |session, turn| session.handle_eof(true, turn)),
        ("refused or revoked", |session, turn| {
            session.handle_end(Ending::quiet(Party::Operator, "ended"), turn)
        }),
        ("drained", |session, turn| session.handle_drain(turn)),
        ("shut down", |session, turn| session.handle_shutdown(turn)),
        ("nonsense", |session, turn| session.handle_downstream(&[0xff; 20_000], turn)),
    ];
    for (step, phase) in PHASES.iter().enumerate() {
        for (what, end) in &ends {
            let mut link = at(step);
            link.call(end);
            assert_eq!(link.session.phase(), "closed", "{what} in phase {phase}");
            assert_eq!(link.session.poll_timeout(), None);
            link.ending();
        }
    }
}

#[test]
fn every_phase_has_its_deadline() {
    // A connection that says nothing held its place for ever.
    let waits = [
        LIMITS.startup,
        LIMITS.tls_handshake,
        LIMITS.startup,
        LIMITS.startup,
        LIMITS.admission,
        LIMITS.upstream_login,
        GRANT,
    ];
    for (step, wait) in waits.iter().enumerate() {
        let mut link = at(step);
        link.wait(*wait - Duration::from_millis(1));
        assert_ne!(link.session.phase(), "closed", "too early in phase {}", PHASES[step]);
        link.wait(Duration::from_millis(1));
        assert_eq!(link.session.phase(), "closed", "no deadline in phase {}", PHASES[step]);
    }
}

#[test]
fn a_phase_takes_only_what_may_come_in_it() {
    for (step, phase) in PHASES.iter().enumerate() {
        // a grant is for who asked for one, a connection to the target for who was admitted
        let mut link = at(step);
        if step != 4 {
            let (before, entries) = (link.session.phase(), link.ledger.entries.len());
            let grant = link.grant(Actions::QUERY);
            link.admit(grant);
            assert_eq!(
                (link.session.phase(), link.ledger.entries.len()),
                (before, entries),
                "admitted in {before}"
            );
        }
        if step < 5 {
            link.dialed(None);
            link.target(&framed(b'Z', b"I"));
            assert!(link.up.is_empty());
        }
        // TLS begins where it was asked for
        let mut link = at(step);
        link.tls();
        assert_eq!(link.session.phase() == "closed", step != 1, "TLS in phase {phase}");
        // trickling bytes do not move a deadline
        if step != 1 {
            let mut link = at(step);
            let due = link.session.poll_timeout();
            link.now += Duration::from_secs(1);
            link.principal(if step == 3 { b"p" } else { b"\0" });
            if link.session.phase() != "closed" {
                assert_eq!(link.session.poll_timeout(), due, "in phase {phase}");
            }
        }
    }
}

#[test]
fn a_target_is_logged_in_to_once() {
    // Told twice that the target was connected, a session sent a second startup packet into its login.
    let mut link = at(5);
    link.dialed(None);
    let up = link.up.clone();
    link.dialed(None);
    assert_eq!(link.up, up);
}

#[test]
fn the_grant_ends_a_login_that_outlasts_it() {
    let mut link = at(4);
    let mut grant = link.grant(Actions::QUERY);
    grant.deadline = link.now + Duration::from_secs(3);
    link.admit(grant);
    link.wait(Duration::from_secs(3));
    assert_eq!(link.ending().code, "57P01");
}
