//! The table of messages: every number in every phase from either side, and what OpenSSH and asyncssh really said.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeSet;

use hoopwire_ssh_protocol::channel::Message;
use hoopwire_ssh_protocol::gatekeep::{Phase, Side, Verdict, may_ask, verdict};
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/packets.txt");
const PHASES: [Phase; 4] = [Phase::BeforeKex, Phase::Kex, Phase::BeforeLogin, Phase::AfterLogin];

/// All numbers with this verdict.
fn numbers(phase: Phase, from: Side, wanted: Verdict) -> Vec<u8> {
    (0..=u8::MAX).filter(|number| verdict(phase, from, *number) == wanted).collect()
}

#[test]
fn what_is_taken_is_on_this_list() {
    let channels: Vec<u8> = (80..=82).chain(90..=100).collect();
    let rows: [(Phase, &[u8], &[u8]); 4] = [
        (Phase::BeforeKex, &[1, 20], &[1, 20]),
        (Phase::Kex, &[1, 2, 3, 4, 21, 30], &[1, 2, 3, 4, 21, 31]),
        (Phase::BeforeLogin, &[1, 2, 3, 4, 5, 7, 20, 50, 61], &[1, 2, 3, 4, 6, 7, 20, 51, 52, 53, 60]),
        (
            Phase::AfterLogin,
            &[&[1, 2, 3, 4, 20], &channels[..]].concat(),
            &[&[1, 2, 3, 4, 20], &channels[..]].concat(),
        ),
    ];
    for (phase, client, server) in rows {
        assert_eq!(numbers(phase, Side::Client, Verdict::Take), client, "{phase:?}");
        assert_eq!(numbers(phase, Side::Server, Verdict::Take), server, "{phase:?}");
    }
}

#[test]
fn only_late_login_requests_are_ignored_and_only_unknown_numbers_are_unimplemented() {
    for phase in PHASES {
        for from in [Side::Client, Side::Server] {
            let late = phase == Phase::AfterLogin && from == Side::Client;
            assert_eq!(numbers(phase, from, Verdict::Ignore), if late { vec![50] } else { vec![] });
            let has_keys = matches!(phase, Phase::BeforeLogin | Phase::AfterLogin);
            let unknown: Vec<u8> =
                [0..=0, 8..=19, 54..=59, 62..=79, 83..=89, 101..=255].into_iter().flatten().collect();
            let unimplemented = numbers(phase, from, Verdict::Unimplemented);
            assert_eq!(unimplemented, if has_keys { unknown } else { vec![] }, "{phase:?} {from:?}");
        }
    }
}

/// A client that says USERAUTH_SUCCESS, a channel before a login, kex messages of the other side, a second SERVICE_REQUEST.
#[test]
fn known_attacks_are_refused() {
    for (phase, from, number) in [
        (Phase::BeforeLogin, Side::Client, 52),
        (Phase::AfterLogin, Side::Client, 52),
        (Phase::BeforeLogin, Side::Client, 90),
        (Phase::BeforeLogin, Side::Client, 98),
        (Phase::BeforeLogin, Side::Server, 80),
        (Phase::BeforeKex, Side::Client, 50),
        (Phase::BeforeKex, Side::Server, 52),
        (Phase::Kex, Side::Client, 50),
        (Phase::Kex, Side::Client, 94),
        (Phase::Kex, Side::Client, 20),
        (Phase::Kex, Side::Client, 5),
        (Phase::Kex, Side::Client, 31),
        (Phase::Kex, Side::Server, 30),
        (Phase::BeforeLogin, Side::Client, 21),
        (Phase::AfterLogin, Side::Server, 21),
        (Phase::AfterLogin, Side::Client, 5),
        (Phase::AfterLogin, Side::Server, 52),
        (Phase::AfterLogin, Side::Server, 53),
        (Phase::AfterLogin, Side::Client, 7),
    ] {
        assert_eq!(verdict(phase, from, number), Verdict::Refuse, "{phase:?} {from:?} {number}");
    }
}

#[test]
fn all_that_openssh_and_asyncssh_said_is_let_in_from_their_side_and_not_from_the_other() {
    let mut one_way = BTreeSet::new();
    for words in lines(VECTORS, "packet") {
        let payload = unhex(words[2]);
        let (from, other) = if words[1].ends_with("client") {
            (Side::Client, Side::Server)
        } else {
            (Side::Server, Side::Client)
        };
        let phase = if payload[0] < 80 { Phase::BeforeLogin } else { Phase::AfterLogin };
        assert_eq!(verdict(phase, from, payload[0]), Verdict::Take, "{words:?}");
        if payload[0] < 80 {
            continue;
        }
        let message = Message::read(&payload).unwrap();
        assert!(may_ask(from, &message), "{words:?}");
        if !may_ask(other, &message) {
            one_way.insert((payload[0], from == Side::Client));
        }
    }
    // opens, channel requests and global requests of either side are not the other's to send
    assert_eq!(one_way, [(80, true), (80, false), (90, true), (90, false), (98, true), (98, false)].into());
}

#[test]
fn what_is_not_known_nobody_may_ask() {
    let payloads: [&[u8]; 4] = [
        b"\x50\0\0\0\x01x\x01",
        b"\x5a\0\0\0\x12tun@openssh.com\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x62\0\0\0\0\0\0\0\x01x\x01",
        b"\x53",
    ];
    for payload in payloads {
        let message = Message::read(payload).unwrap();
        assert!(!may_ask(Side::Client, &message) && !may_ask(Side::Server, &message), "{message:?}");
    }
}
