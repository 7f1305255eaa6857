//! Channels that the target opens: their numbers, what was lent for them, and what ends them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod link;

use hoopwire_grant::{Budgets, Party};
use hoopwire_ssh_protocol::channel::{Message, number, say};
use link::outside::*;
use link::{Link, Told, address, exec, global, open, request, string};
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn the_client_may_say_no_to_who_came() {
    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
    link.client.say(|out| say::open_failure(out, 5, 2, "connection refused"));
    link.run();
    assert_eq!(numbers(&link.target.news()), [number::CHANNEL_OPEN_FAILURE]);
    let about = "connection refused".to_owned();
    assert!(
        matches!(link.told.last(), Some(Told::Answer { what, about: told, .. }) if what == "open_failure" && *told == about)
    );
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
}

#[test]
fn numbers_of_channels_that_the_target_opens_are_held_apart() {
    type Act = fn(&mut Link);
    let amiss: [(Party, &str, Act); 7] = [
        (Party::Principal, "nobody asked", |link| link.client.say(|out| say::confirmation(out, 6, 70, 1, 1))),
        (Party::Principal, "nobody asked", |link| link.client.say(|out| say::open_failure(out, 6, 1, "no"))),
        (Party::Principal, "in use", |link| link.client.say(|out| say::confirmation(out, 5, 1, 1, 1))),
        (Party::Principal, "not open", |link| link.client.say(|out| say::data(out, 5, b"early"))),
        (Party::Target, "in use", |link| link.target.packet(&came(5, "localhost", 8080))),
        (Party::Target, "in use", |link| link.target.packet(&came(9, "localhost", 8080))),
        (Party::Target, "nobody asked for", |link| {
            link.client.packet(&open(2, b"session", b""));
            link.run();
            link.target.say(|out| say::confirmation(out, 2, 5, 1, 1));
        }),
    ];
    for (by, words, act) in amiss {
        let mut link = Link::up(RIGHTS);
        link.channel(1, 9);
        link.listens("localhost", 8080);
        assert!(link.is_let_through(&came(5, "localhost", 8080)));
        act(&mut link);
        link.run();
        link.assert_ended(by, words);
    }
}

#[test]
fn a_number_opens_something_else_when_both_sides_have_let_go_of_it() {
    let refused = || {
        let mut link = Link::up(RIGHTS);
        link.listens("localhost", 8080);
        link.channel(1, 9);
        link.client.packet(&exec(9, "id"));
        link.run();
        link.client.news();
        link
    };
    let mut link = refused();
    link.client.say(|out| say::close(out, 9));
    link.run();
    assert_eq!(numbers(&link.target.news()), [number::CHANNEL_CLOSE]);
    link.target.say(|out| say::close(out, 1));
    link.run();
    assert!(link.is_let_through(&came(9, "localhost", 8080)));
    let mut link = refused();
    link.target.say(|out| say::close(out, 1));
    link.target.packet(&came(9, "localhost", 8080));
    link.run();
    link.assert_ended(Party::Target, "a channel number that is in use");
}

#[test]
fn more_data_than_the_client_has_room_for_ends_it() {
    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
    link.client.say(|out| say::confirmation(out, 5, 70, 4, 1 << 15));
    link.target.say(|out| say::data(out, 70, b"12345"));
    link.run();
    link.assert_ended(Party::Target, "window");
}

#[test]
fn an_agent_is_opened_only_while_a_channel_lends_it() {
    let agent = open(5, b"auth-agent@openssh.com", b"");
    let mut link = Link::up(RIGHTS);
    link.channel(1, 9);
    assert!(!link.is_let_through(&agent));
    link.client.packet(&request(9, b"auth-agent-req@openssh.com", false, b""));
    link.client.packet(&exec(9, "true"));
    link.run();
    assert_eq!(link.target.news().len(), 2);
    assert!(link.is_let_through(&agent));
    link.client.say(|out| say::open_failure(out, 5, 1, "not now"));
    link.run();
    link.target.news();
    assert!(link.is_let_through(&open(6, b"agent-connect", b"")));
    assert!(!link.is_let_through(&open(7, b"x11", &address("127.0.0.1", 1))), "a screen is something else");
    link.target.say(|out| say::close(out, 1));
    link.run();
    link.client.news();
    assert!(!link.is_let_through(&open(7, b"agent-connect", b"")), "the channel that lent it is closed");
}

#[test]
fn a_screen_is_opened_once_or_often_as_it_was_lent() {
    let screen = |single: u8| {
        let mut rest = vec![single];
        string(&mut rest, b"MIT-MAGIC-COOKIE-1");
        string(&mut rest, b"00112233445566778899aabbccddeeff");
        rest.extend(0_u32.to_be_bytes());
        rest
    };
    for (single, second) in [(1, false), (0, true)] {
        let mut link = Link::up(RIGHTS);
        link.channel(1, 9);
        link.client.packet(&request(9, b"x11-req", true, &screen(single)));
        link.run();
        assert_eq!(link.target.news(), [request(9, b"x11-req", true, &screen(single))]);
        assert!(
            link.told.iter().all(|told| !format!("{told:?}").contains("00112233")),
            "the cookie is a secret"
        );
        assert!(link.is_let_through(&open(5, b"x11", &address("127.0.0.1", 6010))));
        assert_eq!(link.is_let_through(&open(6, b"x11", &address("127.0.0.1", 6010))), second);
        assert!(!link.is_let_through(&open(7, b"auth-agent@openssh.com", b"")));
    }
}

#[test]
fn without_its_word_nothing_is_lent() {
    let mut link = Link::up(&["shell", "pty", "remote-forward *:*"]);
    link.channel(1, 9);
    let mut x11 = vec![0];
    string(&mut x11, b"MIT-MAGIC-COOKIE-1");
    string(&mut x11, b"00");
    x11.extend(0_u32.to_be_bytes());
    for (name, rest) in
        [(&b"x11-req"[..], &x11[..]), (b"auth-agent-req@openssh.com", b""), (b"agent-req", b"")]
    {
        link.client.packet(&request(9, name, true, rest));
        link.run();
        assert!(link.target.news().is_empty());
        assert_eq!(numbers(&link.client.news()), [number::CHANNEL_FAILURE]);
    }
    assert!(!link.is_let_through(&open(5, b"auth-agent@openssh.com", b"")));
    assert!(!link.is_let_through(&open(5, b"x11", &address("127.0.0.1", 6010))));
}

#[test]
fn a_grant_that_no_longer_covers_what_listens_or_is_lent_ends_the_session() {
    let narrower = |gone: &str| RIGHTS.iter().copied().filter(|word| *word != gone).collect::<Vec<_>>();
    type Act = fn(&mut Link);
    let begun: [(&str, Act); 5] = [
        ("remote-forward localhost:8080", |link| link.listens("localhost", 8080)),
        ("remote-forward localhost:0", |link| {
            link.client.packet(&global(PORT, true, &address("localhost", 0)));
            link.run();
        }),
        ("remote-forward localhost:8080", |link| {
            link.listens("localhost", 8080);
            assert!(link.is_let_through(&came(5, "localhost", 8080)));
            link.client.packet(&global(NO_PORT, false, &address("localhost", 8080)));
            link.run();
        }),
        ("agent-forwarding", |link| {
            link.client.packet(&request(9, b"auth-agent-req@openssh.com", false, b""));
            link.run();
        }),
        ("exec true", |link| {
            link.client.packet(&exec(9, "true"));
            link.run();
        }),
    ];
    for (word, act) in begun {
        let mut link = Link::up(RIGHTS);
        link.channel(1, 9);
        act(&mut link);
        link.regrant(RIGHTS);
        assert!(link.closed.is_none());
        link.regrant(&narrower("exec false"));
        assert!(link.closed.is_none());
        link.regrant(&narrower(word));
        assert!(link.closed.is_some(), "{word}");
    }
}

#[test]
fn who_comes_is_counted_against_the_budgets() {
    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    link.limit(Budgets { statements: Some(2), ..Budgets::default() });
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
    assert!(link.is_let_through(&came(6, "localhost", 8080)));
    assert!(!link.is_let_through(&came(7, "localhost", 8080)));
    let Some(Told::Open { reason, .. }) = link.told.last() else { panic!() };
    assert_eq!(reason, "budget_statements");
    assert_eq!(link.session.counters().statements, 2);

    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    link.limit(Budgets { bytes: Some(4), ..Budgets::default() });
    assert!(link.is_let_through(&came(5, "localhost", 8080)));
    link.client.say(|out| say::confirmation(out, 5, 70, 1 << 20, 1 << 15));
    link.target.say(|out| say::data(out, 70, b"1234"));
    link.run();
    assert!(link.closed.is_none());
    link.target.say(|out| say::data(out, 70, b"5"));
    link.run();
    link.assert_ended(Party::Gateway, "budget_bytes");
}

#[test]
fn who_comes_while_a_grant_ends_is_not_let_through() {
    let mut link = Link::up(RIGHTS);
    link.listens("localhost", 8080);
    link.now += Duration::from_secs(600);
    link.target.packet(&came(5, "localhost", 8080));
    link.run();
    link.assert_ended(Party::Gateway, "grant_expired");
    assert!(link.client.news().is_empty());
}

#[test]
fn a_target_that_opens_on_and_on_is_cut_off() {
    let mut link = Link::up(RIGHTS);
    for _ in 0..10_000 {
        link.target.packet(&open(5, b"auth-agent@openssh.com", b""));
    }
    link.run();
    link.assert_ended(Party::Target, "10000");
    assert!(link.client.news().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_whatever_order_each_open_of_the_target_s_has_its_reason(
        steps in proptest::collection::vec((0_u8..16, 0_u32..3, 0_u32..3, any::<bool>()), 1..60)
    ) {
        let mut link = Link::up(RIGHTS);
        link.channel(20, 30);
        for (step, client, target, flag) in steps {
            let port = 9000 + client;
            match step {
                0 | 1 => link.client.packet(&global(PORT, flag, &address("localhost", port))),
                2 => link.client.packet(&global(NO_PORT, flag, &address("localhost", port))),
                3 => link.client.packet(&global(PORT, flag, &address("localhost", 0))),
                4 => link.client.packet(&global(SOCKET, flag, &socket("/run/in.sock"))),
                5 => link.client.packet(&global(NO_SOCKET, flag, &socket("/run/in.sock"))),
                6 => link.client.packet(&global("keepalive@openssh.com", flag, b"")),
                7 => link.target.say(|out| say::request_success(out, &[0, 0, 0x9c, 0x40][..if flag { 4 } else { 0 }])),
                8 => link.target.say(say::request_failure),
                9 => link.target.packet(&came(target, "localhost", if flag { port } else { 40_000 })),
                10 => link.target.packet(&came_to(target, "/run/in.sock")),
                11 => link.client.say(|out| say::confirmation(out, target, client, 100, 100)),
                12 => link.client.say(|out| say::open_failure(out, target, 2, "no")),
                13 => link.target.say(|out| say::data(out, client, b"abc")),
                14 => link.client.packet(&request(30, b"auth-agent-req@openssh.com", flag, b"")),
                _ if flag => link.client.say(|out| say::close(out, target)),
                _ => link.target.say(|out| say::close(out, client)),
            }
            link.run();
        }
        // what the target opens without a place stays out in any state
        if link.closed.is_none() {
            link.target.packet(&came(2000, "elsewhere", 9000));
            link.run();
            let came_through = link.client.news().iter().any(|packet| {
                matches!(Message::read(packet), Ok(Message::Open { sender: 2000, .. }))
            });
            prop_assert!(!came_through);
        }
    }
}
