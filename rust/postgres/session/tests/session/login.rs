//! From the first byte to ReadyForQuery.

use hoopwire_grant::{Fault, Party};
use hoopwire_postgres_policy::Actions;
use hoopwire_session::{Effect, Ending, Signal, Words};
use hoopwire_testkit::backend::Method;
use hoopwire_testkit::messages::{first, framed, startup, untagged};

use crate::link::check::Entry;
use crate::link::{Link, cancel_key};
use crate::server::{LEASE, PASSWORD, Peer, SSL_REQUEST, asking, field, query};

const GSS_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";
const USER: &[(&str, &str)] = &[("user", "u"), ("database", "orders"), ("application_name", "psql")];

#[test]
fn a_principal_gets_in_and_neither_secret_crosses_over() {
    for method in [Method::Trust, Method::Cleartext, Method::Md5, Method::Scram { plus: false }] {
        let mut link = asking(USER);
        assert_eq!(link.down, b"SR\0\0\0\x08\0\0\0\x03");
        let ask = link.asked().unwrap();
        assert_eq!((ask.user.as_str(), ask.database.as_str()), ("u", "orders"));
        assert_eq!((ask.application_name.as_str(), ask.credential.expose().as_str()), ("psql", PASSWORD));
        assert!(link.session.is_waiting_for_grant());
        let grant = link.grant(Actions::QUERY);
        link.admit(grant);
        assert!(matches!(link.effects.last(), Some(Effect::Dial(_))));
        let mut peer = Peer::new(link, method);
        peer.link.dialed(Some(LEASE));
        let before = peer.link.down.len();
        peer.pump();
        assert!(peer.backend.is_ready() && peer.link.session.is_ready(), "{method:?}");
        assert!(matches!(peer.link.effects.last(), Some(Effect::Established)));

        let name = peer.backend.startup.iter().find(|(name, _)| name == "application_name").unwrap();
        assert_eq!(name.1, "hoopwire/g_1 psql");
        let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!has(&peer.link.up, PASSWORD.as_bytes()), "the principal's password went to the target");
        let welcome = &peer.link.down[before..];
        assert!(!has(welcome, LEASE.as_bytes()) && !has(welcome, b"keykeykeykey"), "{method:?}");
        assert!(has(welcome, &cancel_key(0)));
        let Some((_, kept)) = peer.link.ledger.entries.split_last() else { panic!() };
        let allowed = Entry::Decision { action: "connect".into(), allow: true };
        assert_eq!(
            kept,
            [Entry::Start, allowed],
            "the start and the decision are kept before the target is dialed"
        );
    }
}

#[test]
fn bytes_stuffed_behind_a_request_for_encryption_end_the_session() {
    // Bytes sent in plain text behind an SSLRequest were taken for the first ones inside TLS.
    for request in [SSL_REQUEST, GSS_REQUEST] {
        let mut link = Link::new();
        link.principal(&[request, &startup(0, USER)].concat());
        assert_eq!(link.ending().code, "08P01");
        assert!(!link.effects.iter().any(|effect| matches!(effect, Effect::StartTls)));
    }
    let mut link = Link::new();
    link.principal(SSL_REQUEST);
    assert!(matches!(link.effects.last(), Some(Effect::StartTls)));
    link.principal(&startup(0, USER));
    assert_eq!(link.ending().code, "08P01");
    assert_eq!(link.down, b"S", "nothing more in plain text once TLS was promised");
}

#[test]
fn gss_encryption_is_refused_once_and_tls_may_follow() {
    let mut link = Link::new();
    link.principal(GSS_REQUEST);
    assert_eq!(link.down, b"N");
    link.principal(SSL_REQUEST);
    assert_eq!(link.down, b"NS");
    link.tls();
    link.principal(SSL_REQUEST);
    assert_eq!(link.ending().code, "08P01", "a request for encryption inside TLS");

    let mut link = Link::new();
    link.principal(GSS_REQUEST);
    link.principal(GSS_REQUEST);
    assert_eq!(link.ending().code, "08P01");
}

#[test]
fn without_tls_nobody_is_asked_for_a_password() {
    // A gateway asked for the password first and refused the plain text connection afterwards.
    let mut link = Link::new();
    link.principal(&startup(0, USER));
    let ((tag, body), rest) = first(&link.down).unwrap();
    assert_eq!((tag, field(&body, b'C').as_str(), rest.is_empty()), (b'E', "28000", true));
    assert!(field(&body, b'H').contains("sslmode"));
    assert!(link.asked().is_none());
}

#[test]
fn direct_tls_needs_its_alpn() {
    let cases: [(bool, Option<&[u8]>, bool); 5] = [
        (true, Some(b"postgresql"), true),
        (true, None, false),
        (true, Some(b"http/1.1"), false),
        (false, None, false),
        (false, Some(b"postgresql"), false),
    ];
    for (direct, alpn, fits) in cases {
        let mut link = Link::new();
        link.call(|session, turn| session.handle_tls(direct, alpn, turn));
        assert_eq!(!link.session.is_closed(), fits, "{direct} {alpn:?}");
    }
}

#[test]
fn a_cancel_request_is_routed_and_never_answered() {
    let request = untagged(b"\x04\xd2\x16\x2e\0\0\0\x63own!");
    for encrypted in [false, true] {
        let mut link = Link::new();
        if encrypted {
            link.principal(SSL_REQUEST);
            link.tls();
        }
        let before = link.down.len();
        link.principal(&request);
        let routed = link.effects.iter().any(
            |effect| matches!(effect, Effect::Signal(Signal { mark, proof }) if *mark == (0x63 << 32) | 4 && proof.expose() == b"own!"),
        );
        assert!(routed && link.session.is_closed());
        assert_eq!(link.down.len(), before);
    }
}

#[test]
fn passwords_that_are_none() {
    let nul_inside = framed(b'p', b"a\0b\0");
    let cases: [(&[u8], &str); 7] = [
        (b"p\0\0\x20\x06", "28P01"), // one byte more than a token of 8 KiB and its NUL
        (b"p\x7f\xff\xff\xff", "28P01"),
        (b"p\0\0\0\x05\0", "28P01"),
        (b"p\0\0\0\x04", "08P01"),
        (b"p\xff\xff\xff\xff", "28P01"),
        (b"Q\0\0\0\x05\0", "08P01"),
        (&nul_inside, "08P01"),
    ];
    for (bytes, sqlstate) in cases {
        let mut link = Link::new();
        link.principal(SSL_REQUEST);
        link.tls();
        link.principal(&startup(0, USER));
        link.principal(bytes);
        assert_eq!(link.ending().code, sqlstate, "{bytes:?}");
        assert!(link.asked().is_none());
    }
    let mut link = Link::new();
    link.principal(SSL_REQUEST);
    link.tls();
    link.principal(&startup(0, USER));
    link.principal(&framed(b'p', &[&[b'x'; 8192][..], b"\0"].concat()));
    assert_eq!(link.asked().unwrap().credential.expose().len(), 8192);
}

#[test]
fn a_refused_principal_hears_why_and_the_target_hears_nothing() {
    let mut link = asking(USER);
    let words = Words::new("token expired").hint("Get a new one.");
    link.end(Ending::faulty(Party::Gateway, Fault::NotAuthenticated, "refused", words));
    assert!(link.session.is_closed());
    let peer = Peer::new(link, Method::Trust);
    assert_eq!(peer.last_error(b'M'), "token expired");
    assert!(peer.link.up.is_empty() && peer.link.ledger.entries.is_empty());
}

#[test]
fn a_grant_for_another_class_or_time_is_no_admission() {
    let replication = [("user", "u"), ("database", "orders"), ("replication", "database")];
    let mut link = asking(&replication);
    assert!(link.asked().unwrap().replication);
    let grant = link.grant(Actions::QUERY);
    link.admit(grant);
    assert_eq!(link.ending().code, "42501");
    assert!(!link.effects.iter().any(|effect| matches!(effect, Effect::Dial(_))));

    let mut link = asking(USER);
    let mut grant = link.grant(Actions::QUERY);
    grant.deadline = link.now;
    link.admit(grant);
    assert_eq!(link.ending().code, "57P01");
    assert!(!link.effects.iter().any(|effect| matches!(effect, Effect::Dial(_))));
}

#[test]
fn what_is_sent_ahead_waits_for_the_login() {
    let mut link = asking(USER);
    link.principal(&query("select 1"));
    let grant = link.grant(Actions::QUERY);
    link.admit(grant);
    let mut peer = Peer::new(link, Method::Scram { plus: false });
    peer.link.dialed(Some(LEASE));
    peer.link.principal(&query("select 2"));
    peer.pump();
    let news =
        peer.link.ledger.entries.iter().filter(|entry| matches!(entry, Entry::Statement { .. })).count();
    assert_eq!(news, 2);

    let mut link = asking(USER);
    link.principal(&vec![b'Q'; 16 * 1024 + 1]);
    assert_eq!(link.ending().code, "08P01");
}

#[test]
fn a_target_that_refuses_the_lease_is_not_quoted() {
    let mut link = asking(USER);
    let grant = link.grant(Actions::QUERY);
    link.admit(grant);
    let mut peer = Peer::new(link, Method::Cleartext);
    peer.link.dialed(Some("stale password"));
    peer.pump();
    assert_eq!(peer.link.ending().by, Party::Target);
    assert_eq!(peer.last_error(b'C'), "08006");
    assert!(!peer.last_error(b'M').contains("password"), "the target's words about its own login");
}

#[test]
fn a_target_whose_login_ends_in_a_transaction_is_cut_off() {
    // Any byte was passed on to the principal as the transaction status.
    for (status, fits) in [(b'I', true), (b'T', false), (b'E', false), (b'?', false), (0, false)] {
        let mut link = asking(USER);
        let grant = link.grant(Actions::QUERY);
        link.admit(grant);
        link.dialed(None);
        link.target(&[&b"R\0\0\0\x08\0\0\0\0"[..], &framed(b'Z', &[status])].concat());
        assert_eq!(link.session.is_ready(), fits, "{status}");
    }
}

#[test]
fn a_target_that_speaks_first_or_breaks_off_ends_the_session() {
    let mut link = asking(USER);
    let grant = link.grant(Actions::QUERY);
    link.admit(grant);
    link.target(b"R\0\0\0\x08\0\0\0\0");
    assert_eq!(link.ending().code, "08P01");

    let mut link = asking(USER);
    let grant = link.grant(Actions::QUERY);
    link.admit(grant);
    link.dialed(None);
    link.eof(true);
    assert_eq!((link.ending().by, link.ending().code.as_str()), (Party::Target, "08006"));
}
