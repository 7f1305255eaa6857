//! Sessions from both peers' sides: what passes, what is refused and how, in which order, and what ends them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod link;
#[path = "dialogue/silence.rs"]
mod silence;

use hoopwire_grant::Party;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_protocol::channel::{Message, Request, number, say};
use hoopwire_ssh_protocol::plain;
use link::{Link, Told, exec, open, pty, request};
use proptest::prelude::*;
use std::time::Duration;

const LS: &[&str] = &["exec ls -l", "pty", "env LANG"];

fn numbers(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().map(|packet| packet[0]).collect()
}

fn data(recipient: u32, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    say::data(&mut plain, recipient, bytes);
    plain::Packets::new(&plain).next().unwrap().to_vec()
}

#[test]
fn a_granted_command_passes_as_it_is_and_another_looks_like_one_that_said_why() {
    let mut link = Link::up(LS);
    link.channel(3, 40);
    link.client.packet(&exec(40, "ls -l"));
    link.client.packet(&data(40, b"input"));
    link.run();
    assert_eq!(link.target.news(), [exec(40, "ls -l"), data(40, b"input")]);
    link.target.say(|out| say::success(out, 3));
    link.target.say(|out| say::data(out, 3, b"total 0\n"));
    link.run();
    assert_eq!(numbers(&link.client.news()), [number::CHANNEL_SUCCESS, number::CHANNEL_DATA]);

    link.channel(4, 41);
    link.client.packet(&exec(41, "ls -l; id"));
    link.client.packet(&data(41, b"input behind it"));
    link.run();
    assert!(link.target.news().is_empty());
    let news = link.client.news();
    let expected = [
        number::CHANNEL_SUCCESS,
        number::CHANNEL_EXTENDED_DATA,
        number::CHANNEL_REQUEST,
        number::CHANNEL_EOF,
        number::CHANNEL_CLOSE,
    ];
    assert_eq!(numbers(&news), expected);
    let Message::ExtendedData { data: words, .. } = Message::read(&news[1]).unwrap() else { panic!() };
    assert!(String::from_utf8_lossy(words.0).contains("command_not_understood"));
    let Message::Request { request, .. } = Message::read(&news[2]).unwrap() else { panic!() };
    assert_eq!(request, Request::ExitStatus { status: 126 });
    link.client.say(|out| say::close(out, 41));
    link.run();
    assert_eq!(numbers(&link.target.news()), [number::CHANNEL_CLOSE]);
    link.target.say(|out| say::close(out, 4));
    link.run();
    assert!(link.client.news().is_empty());
    link.channel(4, 41);
    assert!(link.closed.is_none());
}

#[test]
fn a_number_is_used_again_when_both_sides_have_let_go_of_it() {
    // The target was told the end of a refused channel first and gave its number to the next one, while the client had
    // still to say CLOSE; the session ended: "a channel that nobody asked for".
    let mut link = Link::up(LS);
    link.channel(4, 41);
    link.client.packet(&exec(41, "id"));
    link.run();
    assert_eq!(link.client.news().last().unwrap()[0], number::CHANNEL_CLOSE);
    link.channel(5, 42);
    link.client.packet(&data(41, b"late input"));
    link.run();
    assert!(link.target.news().is_empty());
    // and the client's own number, while the target has it still
    link.client.say(|out| say::close(out, 41));
    link.client.packet(&open(4, b"session", b""));
    link.client.packet(&open(6, b"session", b""));
    link.run();
    assert_eq!(numbers(&link.target.news()), [number::CHANNEL_CLOSE], "the rest waits");
    link.target.say(|out| say::close(out, 4));
    link.run();
    assert_eq!(link.target.news(), [open(4, b"session", b""), open(6, b"session", b"")]);
    link.target.say(|out| say::confirmation(out, 4, 41, 1 << 20, 1 << 15));
    link.run();
    link.client.packet(&exec(41, "ls -l"));
    link.run();
    assert_eq!(link.target.news(), [exec(41, "ls -l")]);
    assert!(link.closed.is_none());
}

#[test]
fn channels_that_wait_without_end_are_not_kept() {
    let mut link = Link::up(LS);
    link.channel(4, 41);
    link.client.packet(&exec(41, "id"));
    link.client.say(|out| say::close(out, 41));
    for sender in 4..1030 {
        link.client.packet(&open(sender, b"session", b""));
    }
    link.run();
    assert!(link.closed.is_some());
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let mut link = Link::up(LS);
    link.channel(1, 9);
    let mut lang = Vec::new();
    for text in [&b"LANG"[..], b"C"] {
        lang.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        lang.extend_from_slice(text);
    }
    link.client.packet(&pty(9));
    link.client.packet(&request(9, b"auth-agent-req@openssh.com", true, b""));
    link.client.packet(&request(9, b"env", true, &lang));
    link.client.packet(&exec(9, "id"));
    link.run();
    assert_eq!(numbers(&link.target.news()), [number::CHANNEL_REQUEST, number::CHANNEL_REQUEST]);
    let early = link.client.news();
    assert!(!numbers(&early).contains(&number::CHANNEL_SUCCESS), "the terminal's answer comes first");
    link.target.say(|out| say::failure(out, 1));
    link.target.say(|out| say::success(out, 1));
    link.run();
    let answers = [
        number::CHANNEL_FAILURE,
        number::CHANNEL_FAILURE,
        number::CHANNEL_SUCCESS,
        number::CHANNEL_SUCCESS,
        number::CHANNEL_CLOSE,
    ];
    assert_eq!(numbers(&link.client.news()), answers);
}

#[test]
fn a_channel_runs_one_program() {
    let mut link = Link::up(LS);
    link.channel(1, 9);
    link.client.packet(&exec(9, "ls -l"));
    link.run();
    link.target.news();
    for second in [exec(9, "ls -l"), request(9, b"shell", true, b""), pty(9)] {
        link.client.packet(&second);
    }
    link.run();
    assert!(link.target.news().is_empty());
    link.target.say(|out| say::success(out, 1));
    link.run();
    let answers = [number::CHANNEL_SUCCESS, 100, 100, 100];
    assert_eq!(numbers(&link.client.news()), answers);
}

#[test]
fn a_forward_is_opened_where_the_grant_says_and_elsewhere_refused_with_words() {
    let mut link = Link::up(&["forward db.example:5432"]);
    let to = |host: &str, port: u32| {
        let mut rest = Vec::new();
        for (text, value) in [(host, port), ("127.0.0.1", 1)] {
            rest.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            rest.extend_from_slice(text.as_bytes());
            rest.extend(value.to_be_bytes());
        }
        rest
    };
    link.client.packet(&open(1, b"direct-tcpip", &to("db.example", 5432)));
    link.client.packet(&open(2, b"direct-tcpip", &to("db.example", 22)));
    link.client.packet(&open(3, b"direct-tcpip", &to("127.0.0.1", 5432)));
    link.client.packet(&open(4, b"x11", &to("127.0.0.1", 5432)[..17]));
    link.client.packet(&open(5, b"tun@openssh.com", b"\0\0\0\x01\0\0\0\x02"));
    link.run();
    assert_eq!(link.target.news().len(), 1);
    assert_eq!(numbers(&link.client.news()), [number::CHANNEL_OPEN_FAILURE; 4]);
}

#[test]
fn nothing_of_the_target_s_own_asking_comes_through() {
    let mut link = Link::up(LS);
    link.channel(1, 9);
    link.target.packet(&open(77, b"auth-agent@openssh.com", b""));
    link.target.packet(&open(78, b"session", b""));
    link.target.packet(&exec(1, "id"));
    link.target.packet(&request(1, b"signal", true, b"\0\0\0\x03INT"));
    link.run();
    assert!(link.client.news().is_empty());
    let answers = [number::CHANNEL_OPEN_FAILURE, number::CHANNEL_OPEN_FAILURE, 100, 100];
    assert_eq!(numbers(&link.target.news()), answers);
}

#[test]
fn who_breaks_the_protocol_is_told_so_and_the_session_ends() {
    let running = |link: &mut Link| {
        link.channel(1, 9);
        link.client.packet(&exec(9, "ls -l"));
        link.run();
    };
    type Act = fn(&mut Link);
    let of_client: [(&str, Act); 8] = [
        ("on which nothing runs", |link| link.client.packet(&data(9, b"early"))),
        ("not open", |link| link.client.packet(&data(99, b"x"))),
        ("in use", |link| link.client.packet(&open(1, b"session", b""))),
        ("2^32", |link| link.client.say(|out| say::window_adjust(out, 9, u32::MAX))),
        ("nobody asked", |link| link.client.say(|out| say::success(out, 9))),
        ("nobody asked", |link| link.client.say(|out| say::request_success(out, b""))),
        ("stderr from a client", |link| link.client.say(|out| say::extended_data(out, 9, b"x"))),
        ("malformed", |link| link.client.packet(&[number::CHANNEL_DATA, 0, 0])),
    ];
    for (words, act) in of_client {
        let mut link = Link::up(LS);
        link.channel(1, 9);
        act(&mut link);
        link.run();
        link.assert_ended(Party::Principal, words);
        assert!(link.client.goodbye.is_some(), "{words}");
    }
    let of_target: [(&str, Act); 5] = [
        ("nobody asked", |link| {
            link.target.say(|out| say::success(out, 1));
            link.target.say(|out| say::success(out, 1));
        }),
        ("window", |link| {
            for _ in 0..40 {
                link.target.packet(&data(1, &[0; 1 << 15]));
            }
        }),
        ("not open", |link| link.target.packet(&data(5, b"x"))),
        ("nobody asked for", |link| link.target.say(|out| say::confirmation(out, 1, 10, 1, 1))),
        ("closed twice", |link| {
            link.target.say(|out| say::close(out, 1));
            link.target.say(|out| say::close(out, 1));
        }),
    ];
    for (words, act) in of_target {
        let mut link = Link::up(LS);
        running(&mut link);
        act(&mut link);
        link.run();
        link.assert_ended(Party::Target, words);
        assert!(link.client.goodbye.is_some(), "{words}");
    }
}

#[test]
fn nothing_passes_from_the_deadline_on_and_a_terminal_hears_why() {
    let mut link = Link::up(&["shell", "pty"]);
    link.channel(1, 9);
    link.client.packet(&pty(9));
    link.client.packet(&request(9, b"shell", true, b""));
    link.run();
    link.target.news();
    link.client.news();
    link.now += Duration::from_secs(600);
    link.client.packet(&data(9, b"rm -rf /\r"));
    link.run();
    assert!(link.target.news().is_empty());
    assert!(link.target.goodbye.is_some(), "the target hears of it at once");
    assert!(link.closed.is_none() && link.client.goodbye.is_none(), "the words have their time");
    let news = link.client.news();
    let Message::Data { data: words, .. } = Message::read(&news[0]).unwrap() else { panic!() };
    let words = String::from_utf8_lossy(words.0).into_owned();
    assert!(words.starts_with("\x1b[0m") && words.contains("expired"), "{words:?}");
    // A client that was slow lost them: it drops what it has not shown at a DISCONNECT, which came as soon as the target
    // had gone.
    link.target.packet(&data(1, b"late output"));
    link.run();
    link.call(|session, turn| session.handle_eof(true, turn));
    assert_eq!(numbers(&news), [number::CHANNEL_DATA, number::GLOBAL_REQUEST]);
    link.client.packet(&data(9, b"more"));
    link.run();
    link.wait(Duration::from_millis(500));
    assert!(link.closed.is_none());
    link.client.say(say::request_failure);
    link.run();
    link.wait(Duration::from_millis(50));
    assert!(link.target.news().is_empty());
    link.assert_ended(Party::Gateway, "grant_expired");
    assert!(link.client.goodbye.as_ref().unwrap().contains("expired"));
}

#[test]
fn a_client_that_does_not_read_the_last_words_is_not_waited_for() {
    let mut link = Link::up(&["shell", "pty"]);
    link.channel(1, 9);
    link.client.packet(&pty(9));
    link.client.packet(&request(9, b"shell", true, b""));
    link.run();
    link.now += Duration::from_secs(600);
    link.client.packet(&data(9, b"x"));
    link.run();
    assert!(link.closed.is_none());
    link.wait(Duration::from_secs(1));
    link.assert_ended(Party::Gateway, "grant_expired");
}

#[test]
fn what_is_typed_is_counted_and_not_kept() {
    let mut link = Link::up(&["shell", "pty"]);
    link.channel(1, 9);
    link.client.packet(&pty(9));
    link.client.packet(&request(9, b"shell", true, b""));
    link.client.packet(&data(9, b"secret\r"));
    link.run();
    assert!(link.told.contains(&Told::Data { direction: Direction::Upstream, stream: 0, bytes: 7 }));
}

#[test]
fn a_narrower_grant_ends_what_it_does_not_cover() {
    for (rights, goes_on) in [(LS, true), (&["exec uptime"][..], false)] {
        let mut link = Link::up(LS);
        link.channel(1, 9);
        link.client.packet(&exec(9, "ls -l"));
        link.run();
        link.regrant(rights);
        assert_eq!(link.closed.is_none(), goes_on, "{rights:?}");
    }
}

#[test]
fn words_of_ours_are_set_off_against_the_room_that_the_client_makes() {
    let mut link = Link::up(&["shell", "pty"]);
    link.channel(1, 9);
    link.client.packet(&exec(9, "true"));
    link.run();
    link.target.news();
    // an exec has no terminal: nothing is said on it, and each adjust passes whole
    link.client.say(|out| say::window_adjust(out, 9, 100));
    link.run();
    let news = link.target.news();
    assert_eq!(Message::read(&news[0]).unwrap(), Message::WindowAdjust { recipient: 9, bytes: 100 });
}

#[test]
fn the_end_of_either_side_ends_the_session() {
    let mut link = Link::up(LS);
    link.call(|session, turn| session.handle_eof(false, turn));
    link.assert_ended(Party::Principal, "closed the connection");
    let mut link = Link::up(LS);
    link.call(|session, turn| session.handle_eof(true, turn));
    link.assert_ended(Party::Target, "closed the connection");
    let mut link = Link::up(LS);
    link.end(Ending::quiet(Party::Operator, "revoked"));
    link.assert_ended(Party::Operator, "revoked");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut(split in 1_usize..40) {
        let mut link = Link::up_by(LS, split);
        link.channel(3, 40);
        link.client.packet(&exec(40, "ls -l"));
        link.client.packet(&data(40, b"input"));
        link.run();
        assert_eq!(link.target.news(), [exec(40, "ls -l"), data(40, b"input")]);
    }

    #[test]
    fn whatever_packets_come_the_order_holds(
        packets in proptest::collection::vec(
            (any::<bool>(), 80_u8..=100, proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(9), any::<u8>()], 0..24)),
            1..20,
        )
    ) {
        let mut link = Link::up(&["shell", "pty", "exec ls -l", "forward db.example:5432"]);
        link.channel(1, 9);
        for (of_client, number, rest) in packets {
            let payload = [&[number][..], &rest].concat();
            if of_client { link.client.packet(&payload) } else { link.target.packet(&payload) }
            link.run();
        }
    }

    #[test]
    fn good_packets_in_any_order_keep_it(steps in proptest::collection::vec((0_u8..14, 0_u32..3, 0_u32..3), 1..60)) {
        let mut link = Link::up(&["shell", "pty", "exec ls -l"]);
        for (step, client, target) in steps {
            match step {
                0 => link.client.packet(&open(client, b"session", b"")),
                1 => link.target.say(|out| say::confirmation(out, client, target, 1 << 20, 1 << 15)),
                2 => link.target.say(|out| say::open_failure(out, client, 1, "no")),
                3 => link.client.packet(&exec(target, "ls -l")),
                4 => link.client.packet(&exec(target, "id")),
                5 => link.client.packet(&pty(target)),
                6 => link.client.packet(&data(target, b"abc")),
                7 => link.target.packet(&data(client, b"defgh")),
                8 => link.client.say(|out| say::close(out, target)),
                9 => link.target.say(|out| say::close(out, client)),
                10 => link.target.say(|out| say::success(out, client)),
                11 => link.client.say(|out| say::window_adjust(out, target, 5)),
                12 => link.target.say(|out| say::exit_status(out, client, 0)),
                _ => link.client.say(|out| say::eof(out, target)),
            }
            link.run();
        }
    }
}
