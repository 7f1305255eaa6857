//! Sessions in which nobody says anything but that the connection is there.

use super::data;
use crate::link::{Link, open, pty, request};
use hoopwire_grant::Party;
use hoopwire_ssh_protocol::channel::{number, say};
use std::time::Duration;

const IDLE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// Longer than the last words on a terminal take.
const AND_THE_LAST_WORDS: u64 = 61;

fn up(rights: &[&str]) -> Link {
    Link::up_with(rights, usize::MAX, |grant| grant.idle = Some(IDLE))
}

/// The seconds after which the session ends, within `most`; each second is `act`ed in.
fn lasts(link: &mut Link, most: u64, act: impl Fn(&mut Link)) -> Option<u64> {
    (1..=most).find(|_| {
        act(link);
        link.run();
        link.wait(SECOND);
        link.closed.is_some()
    })
}

fn global(name: &[u8]) -> Vec<u8> {
    let length = u32::try_from(name.len()).unwrap().to_be_bytes();
    [&[number::GLOBAL_REQUEST][..], &length, name, &[1]].concat()
}

#[test]
fn a_silent_session_is_ended_with_words() {
    let mut link = up(&["shell"]);
    assert_eq!(lasts(&mut link, 100, |_| {}), Some(60));
    link.assert_ended(Party::Gateway, "idle");
    link.run();
    let words = link.client.goodbye.clone().unwrap();
    assert!(words.contains("the session was idle for longer than 60 s"), "{words}");
    assert!(words.contains("limits.idle") && words.contains("code: idle"), "{words}");
    assert!(words.contains("Connect again: grant g_1 is good until"), "{words}");
}

#[test]
fn without_a_limit_silence_lasts() {
    let mut link = Link::up(&["shell"]);
    assert_eq!(lasts(&mut link, 500, |_| {}), None);
}

#[test]
fn a_terminal_is_told_before() {
    let mut link = up(&["shell", "pty"]);
    link.channel(1, 9);
    link.client.packet(&pty(9));
    link.client.packet(&request(9, b"shell", true, b""));
    link.run();
    link.target.say(|out| say::success(out, 1));
    link.target.say(|out| say::success(out, 1));
    link.run();
    link.client.news();
    assert_eq!(lasts(&mut link, 100, |_| {}), Some(AND_THE_LAST_WORDS));
    link.run();
    let shown: Vec<u8> = link.client.news().concat();
    assert!(String::from_utf8_lossy(&shown).contains("hoopwire: the session was idle for longer than 60 s"));
    assert!(link.client.goodbye.as_ref().unwrap().contains("code: idle"));
}

#[test]
fn keepalives_of_either_side_are_silence() {
    // A terminal that was left open with ServerAliveInterval looked like one at which somebody works.
    let mut link = up(&["shell"]);
    link.channel(1, 9);
    link.client.packet(&request(9, b"shell", false, b""));
    link.run();
    let lasted = lasts(&mut link, 100, |link| {
        link.client.packet(&global(b"keepalive@openssh.com"));
        link.client.packet(&global(b"hostkeys-prove@example.com"));
        link.client.packet(&[2, 0, 0, 0, 1, b'x']);
        link.client.packet(&data(9, b""));
        link.client.say(|out| say::window_adjust(out, 9, 1));
        link.target.packet(&global(b"keepalive@openssh.com"));
        link.target.packet(&request(1, b"keepalive@openssh.com", true, b""));
        link.target.packet(&request(1, b"keepalive@example.com", true, b"more"));
        link.target.packet(&[2, 0, 0, 0, 1, b'x']);
    });
    assert_eq!(lasted, Some(60));
    link.assert_ended(Party::Gateway, "idle");
}

#[test]
fn bytes_of_a_forward_are_not() {
    for of_client in [true, false] {
        let mut link = up(&["forward db.example:5432"]);
        let mut to = Vec::new();
        for (text, value) in [("db.example", 5432_u32), ("127.0.0.1", 1)] {
            to.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            to.extend_from_slice(text.as_bytes());
            to.extend(value.to_be_bytes());
        }
        link.client.packet(&open(1, b"direct-tcpip", &to));
        link.run();
        link.target.say(|out| say::confirmation(out, 1, 9, 1 << 20, 1 << 15));
        link.run();
        let lasted = lasts(&mut link, 200, |link| {
            if of_client {
                link.client.packet(&data(9, b"x"));
            } else {
                link.target.packet(&data(1, b"x"));
            }
        });
        assert_eq!(lasted, None);
        // the last byte came a second ago
        assert_eq!(lasts(&mut link, 100, |_| {}), Some(59));
    }
}

#[test]
fn a_reload_holds_for_live_sessions_from_their_last_word() {
    let mut link = Link::up(&["shell"]);
    assert_eq!(lasts(&mut link, 40, |_| {}), None);
    let mut grant = link.session.grant().unwrap().clone();
    grant.idle = Some(IDLE);
    link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    assert_eq!(lasts(&mut link, 100, |_| {}), Some(20));
    // and one that is over already ends at once
    let mut link = Link::up(&["shell"]);
    assert_eq!(lasts(&mut link, 80, |_| {}), None);
    let mut grant = link.session.grant().unwrap().clone();
    grant.idle = Some(IDLE);
    link.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    link.assert_ended(Party::Gateway, "idle");
}
