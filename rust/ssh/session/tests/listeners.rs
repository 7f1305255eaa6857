//! Where the target listens for the client: what is passed on, in which order, and who comes through.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod link;

use hoopwire_grant::Party;
use hoopwire_recording::Direction;
use hoopwire_ssh_protocol::channel::{number, say};
use link::outside::*;
use link::{Link, Told, address, global, open};

#[test]
fn who_comes_where_the_client_has_the_target_listen_is_let_through() {
    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
    assert_eq!(
        link.told.last(),
        Some(&Told::Open {
            direction: Direction::Downstream,
            name: "forwarded-tcpip".to_owned(),
            about: "localhost:8080 from 192.0.2.7:4711".to_owned(),
            allow: true,
            reason: "read".to_owned(),
        })
    );
    link.client.say(|out| say::confirmation(out, 5, 70, 1 << 20, 1 << 15));
    link.run();
    assert_eq!(link.target.news(), [packet(|out| say::confirmation(out, 5, 70, 1 << 20, 1 << 15))]);
    link.target.say(|out| say::data(out, 70, b"hello"));
    link.run();
    assert_eq!(link.client.news(), [packet(|out| say::data(out, 70, b"hello"))]);
    link.client.say(|out| say::data(out, 5, b"and back"));
    link.client.say(|out| say::eof(out, 5));
    link.client.say(|out| say::close(out, 5));
    link.run();
    assert_eq!(
        numbers(&link.target.news()),
        [number::CHANNEL_DATA, number::CHANNEL_EOF, number::CHANNEL_CLOSE]
    );
    for (direction, bytes) in [(Direction::Downstream, 5), (Direction::Upstream, 8)] {
        assert!(link.told.contains(&Told::Data { direction, stream: 0, bytes }));
    }
    link.target.say(|out| say::close(out, 70));
    link.run();
    assert_eq!(numbers(&link.client.news()), [number::CHANNEL_CLOSE]);
    // both numbers are free again
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
    link.client.say(|out| say::confirmation(out, 5, 70, 1 << 20, 1 << 15));
    link.run();
    assert!(link.closed.is_none());
}

#[test]
fn who_comes_elsewhere_is_not() {
    let mut link = Link::up(RIGHTS);
    for early in
        [came(5, "localhost", 8080), came_to(5, "/run/in.sock"), came(5, "localhost", 0), came(5, "", 0)]
    {
        assert!(!link.is_let_through(&early));
    }
    link.listens("localhost", 8080);
    for (host, port) in [
        ("localhost", 8081),
        ("localhost", 0),
        ("localhost", 8080 + 65_536),
        ("127.0.0.1", 8080),
        ("LOCALHOST", 8080),
        ("", 8080),
        ("localhost\0", 8080),
    ] {
        assert!(!link.is_let_through(&came(5, host, port)), "{host:?}:{port}");
    }
    assert!(!link.is_let_through(&came(5, &"x".repeat(64 * 1024), 8080)));
    assert!(!link.is_let_through(&came_to(5, "localhost:8080")));
    let others: [(&[u8], &[u8]); 4] = [
        (b"session", b""),
        (b"auth-agent@openssh.com", b""),
        (b"x11", &address("127.0.0.1", 6010)),
        (b"tun@openssh.com", b"\0\0\0\x01\0\0\0\x02"),
    ];
    for (name, rest) in others {
        assert!(!link.is_let_through(&open(5, name, rest)));
    }
    let direct = [address("localhost", 8080), address("127.0.0.1", 1)].concat();
    assert!(!link.is_let_through(&open(5, b"direct-tcpip", &direct)));
    assert!(!link.is_let_through(&open(5, &[b'y'; 64 * 1024], b"")));
    let longest = link.told.iter().map(|told| format!("{told:?}").len()).max();
    assert!(longest < Some(500), "a name of 64 KiB is not kept whole");
    assert!(link.is_let_through(&came(5, "localhost", 8080)), "and then who may");
}

#[test]
fn a_port_that_the_target_chooses_is_known_by_its_answer() {
    let mut link = Link::up(RIGHTS);
    link.client.packet(&global(PORT, true, &address("localhost", 0)));
    link.run();
    assert_eq!(numbers(&link.target.news()), [number::GLOBAL_REQUEST]);
    assert!(!link.is_let_through(&came(5, "localhost", 40_000)), "not answered yet");
    link.target.say(|out| say::request_success(out, &40_000_u32.to_be_bytes()));
    link.run();
    assert_eq!(link.client.news(), [[&[number::REQUEST_SUCCESS][..], &40_000_u32.to_be_bytes()].concat()]);
    let about = "port 40000".to_owned();
    assert_eq!(link.told.last(), Some(&Told::Answer { channel: 0, what: "success".to_owned(), about }));
    assert!(!link.is_let_through(&came(5, "localhost", 0)));
    assert!(!link.is_let_through(&came(5, "localhost", 40_001)));
    assert!(link.is_let_through(&came(5, "localhost", 40_000)));
    // it is cancelled by the number that was told
    for (port, passes) in [(0, false), (40_001, false), (40_000, true), (40_000, false)] {
        link.client.packet(&global(NO_PORT, true, &address("localhost", port)));
        link.run();
        assert_eq!(link.target.news().len(), usize::from(passes), "{port}");
        if passes {
            link.target.say(|out| say::request_success(out, b""));
            link.run();
        }
        let answer = if passes { number::REQUEST_SUCCESS } else { number::REQUEST_FAILURE };
        assert_eq!(numbers(&link.client.news()), [answer], "{port}");
    }
    assert!(!link.is_let_through(&came(6, "localhost", 40_000)));
}

#[test]
fn a_target_that_chooses_no_port_or_one_that_is_taken_breaks_the_protocol() {
    for (rest, words) in [
        (&b""[..], "no port"),
        (&0_u32.to_be_bytes(), "no port"),
        (&65_536_u32.to_be_bytes(), "no port"),
        (b"\0\0\x9c\x40more", "no port"),
        (&8080_u32.to_be_bytes(), "listens on already"),
    ] {
        let mut link = Link::up(RIGHTS);
        link.listens("localhost", 8080);
        link.client.packet(&global(PORT, true, &address("localhost", 0)));
        link.run();
        link.target.say(|out| say::request_success(out, rest));
        link.run();
        link.assert_ended(Party::Target, words);
    }
    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    link.target.say(|out| say::request_success(out, b""));
    link.run();
    link.assert_ended(Party::Target, "nobody asked");
}

#[test]
fn after_a_cancel_nobody_comes_whatever_the_target_answers() {
    for (want_reply, agrees) in [(false, true), (true, true), (true, false)] {
        let mut link = Link::up(RIGHTS);
        link.listens("localhost", 8080);
        link.client.packet(&global(NO_PORT, want_reply, &address("localhost", 8080)));
        link.run();
        assert_eq!(link.target.news(), [global(NO_PORT, want_reply, &address("localhost", 8080))]);
        assert!(!link.is_let_through(&came(5, "localhost", 8080)));
        if want_reply {
            link.target
                .say(|out| if agrees { say::request_success(out, b"") } else { say::request_failure(out) });
            link.run();
            assert_eq!(link.client.news().len(), 1);
        }
        assert!(!link.is_let_through(&came(5, "localhost", 8080)));
        assert!(link.closed.is_none());
        link.listens("localhost", 8080);
        assert!(link.is_let_through(&came(5, "localhost", 8080)));
    }
}

#[test]
fn a_listener_that_was_cancelled_before_the_target_answered_does_not_begin() {
    let mut link = Link::up(RIGHTS);
    link.client.packet(&global(PORT, true, &address("localhost", 8080)));
    link.client.packet(&global(NO_PORT, true, &address("localhost", 8080)));
    link.run();
    assert_eq!(link.target.news().len(), 2);
    for _ in 0..2 {
        link.target.say(|out| say::request_success(out, b""));
        link.run();
        assert_eq!(link.client.news(), [[number::REQUEST_SUCCESS]]);
        assert!(!link.is_let_through(&came(5, "localhost", 8080)));
    }
}

#[test]
fn a_listener_that_the_target_refused_lets_nobody_in() {
    let mut link = Link::up(RIGHTS);
    link.client.packet(&global(PORT, true, &address("localhost", 8080)));
    link.run();
    link.target.news();
    assert!(!link.is_let_through(&came(5, "localhost", 8080)), "not answered yet");
    link.target.say(say::request_failure);
    link.run();
    assert_eq!(link.client.news(), [[number::REQUEST_FAILURE]]);
    assert!(!link.is_let_through(&came(5, "localhost", 8080)));
    link.client.packet(&global(NO_PORT, true, &address("localhost", 8080)));
    link.run();
    assert!(link.target.news().is_empty());
    assert_eq!(link.client.news(), [[number::REQUEST_FAILURE]]);
}

#[test]
fn what_is_not_granted_does_not_reach_the_target_and_says_why() {
    let mut link = Link::up(RIGHTS);
    let long = "x".repeat(64 * 1024);
    let asked = [
        (PORT, address("localhost", 8081)),
        (PORT, address("", 8080)),
        (PORT, address("0.0.0.0", 8080)),
        (PORT, address("localhost", 8080 + 65_536)),
        (PORT, address(&long, 8080)),
        (SOCKET, socket("/run/other.sock")),
        (SOCKET, socket(&format!("/{long}"))),
        (NO_PORT, address("localhost", 8080)),
        (NO_PORT, address(&long, 8080)),
        (NO_SOCKET, socket("/run/in.sock")),
        ("no-such-request", Vec::new()),
    ];
    for (name, rest) in asked {
        link.client.packet(&global(name, true, &rest));
        link.run();
        assert!(link.target.news().is_empty(), "{name}");
        assert_eq!(link.client.news(), [[number::REQUEST_FAILURE]], "{name}");
        assert!(link.told.iter().all(|told| format!("{told:?}").len() < 5000));
    }
    let refused = link.told.iter().filter(|told| matches!(told, Told::Request { allow: false, .. })).count();
    assert_eq!(refused, 10);
    // a failure says nothing: the words are in a packet that a client shows when it is told to
    assert!(
        link.client.remarks.iter().any(|text| text.contains("code: forward_not_granted")),
        "{:?}",
        link.client.remarks
    );
}

#[test]
fn a_place_is_asked_for_once_and_there_are_sixteen_at_most() {
    let mut link = Link::up(RIGHTS);
    for port in 9000..9016 {
        link.listens("localhost", port);
    }
    for (port, reason) in [(9016, "too_many_listeners"), (9000, "too_many_listeners")] {
        link.client.packet(&global(PORT, true, &address("localhost", port)));
        link.run();
        assert!(link.target.news().is_empty());
        assert_eq!(link.client.news(), [[number::REQUEST_FAILURE]]);
        let Some(Told::Request { reason: told, .. }) = link.told.last() else { panic!() };
        assert_eq!(told, reason);
    }
    link.client.packet(&global(NO_PORT, false, &address("localhost", 9003)));
    link.run();
    link.target.news();
    for (port, want_reply, reason) in [(9000, true, "listens_already"), (0, false, "not_here")] {
        link.client.packet(&global(PORT, want_reply, &address("localhost", port)));
        link.run();
        assert!(link.target.news().is_empty());
        assert_eq!(link.client.news().len(), usize::from(want_reply));
        let Some(Told::Request { reason: told, .. }) = link.told.last() else { panic!() };
        assert_eq!(told, reason);
    }
    link.listens("localhost", 9016);
}

#[test]
fn answers_to_requests_for_the_connection_come_in_their_order() {
    let mut link = Link::up(RIGHTS);
    link.client.packet(&global("keepalive@openssh.com", true, b""));
    link.run();
    assert_eq!(link.client.news(), [[number::REQUEST_FAILURE]]);
    link.client.packet(&global(PORT, true, &address("localhost", 8080)));
    link.client.packet(&global("keepalive@openssh.com", true, b""));
    link.client.packet(&global(PORT, true, &address("localhost", 80)));
    link.client.packet(&global(PORT, true, &address("localhost", 0)));
    link.client.packet(&global("keepalive@openssh.com", true, b""));
    link.run();
    assert_eq!(link.target.news().len(), 2);
    assert!(link.client.news().is_empty(), "the target's answer comes first");
    link.target.say(|out| say::request_success(out, b""));
    link.run();
    assert_eq!(
        numbers(&link.client.news()),
        [number::REQUEST_SUCCESS, number::REQUEST_FAILURE, number::REQUEST_FAILURE]
    );
    link.target.say(|out| say::request_success(out, &7_u32.to_be_bytes()));
    link.run();
    assert_eq!(numbers(&link.client.news()), [number::REQUEST_SUCCESS, number::REQUEST_FAILURE]);
}

#[test]
fn who_asks_on_and_on_before_answers_is_told_so() {
    let mut link = Link::up(RIGHTS);
    link.client.packet(&global(PORT, true, &address("localhost", 8080)));
    for _ in 0..256 {
        link.client.packet(&global("keepalive@openssh.com", true, b""));
    }
    link.run();
    link.assert_ended(Party::Principal, "before their answers");
}

#[test]
fn a_socket_is_listened_on_and_cancelled() {
    let mut link = Link::up(RIGHTS);
    link.client.packet(&global(SOCKET, true, &socket("/run/in.sock")));
    link.run();
    assert_eq!(link.target.news(), [global(SOCKET, true, &socket("/run/in.sock"))]);
    link.target.say(|out| say::request_success(out, b""));
    link.run();
    assert_eq!(link.client.news(), [[number::REQUEST_SUCCESS]]);
    assert!(!link.is_let_through(&came_to(5, "/run/./in.sock")));
    assert!(!link.is_let_through(&came(5, "/run/in.sock", 0)));
    assert!(link.is_let_through(&came_to(5, "/run/in.sock")));
    link.client.packet(&global(NO_SOCKET, false, &socket("/run/in.sock")));
    link.run();
    assert_eq!(link.target.news().len(), 1);
    assert!(!link.is_let_through(&came_to(6, "/run/in.sock")));
}
