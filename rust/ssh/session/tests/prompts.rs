//! Logins in which the control plane says what is asked: whatever the client does, it asks once, hears once, and admits only who
//! waits for it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod link;

use hoopwire_session::Prompt;
use hoopwire_ssh_protocol::userauth::{self, Answer, Awaited, number, say};
use hoopwire_wire::Secret;
use link::Link;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn prompt(seconds: u64) -> Prompt {
    Prompt {
        instruction: "To log in to web1,\nopen \x1b[2J".to_owned(),
        question: "Press Enter: ".to_owned(),
        wait: SECOND * u32::try_from(seconds).unwrap(),
    }
}

/// The client has asked for keyboard-interactive.
fn wanting() -> Link {
    let mut link = Link::with(&["shell"], usize::MAX, true);
    link.call(|session, turn| session.handle_open(turn));
    link.client.say(|out| say::service_request(out, userauth::USERAUTH));
    link.client.say(|out| say::keyboard_interactive(out, "web1"));
    link.run();
    assert_eq!(link.asked.take(), Some(("web1".to_owned(), String::new())));
    assert!(!link.session.is_waiting_for_grant(), "nothing was answered");
    link.client.news();
    link
}

/// It was asked.
fn asked() -> Link {
    let mut link = wanting();
    link.call(|session, turn| session.handle_prompt(&prompt(300), turn));
    link
}

fn respond(link: &mut Link, typed: &[&str]) {
    let secrets: Vec<Secret<String>> = typed.iter().map(|text| Secret::new((*text).to_owned())).collect();
    link.client.say(|out| say::responses(out, &secrets.iter().collect::<Vec<_>>()));
    link.run();
}

fn ended(link: &Link) -> String {
    link.closed.as_ref().map(|closed| closed.reason.clone()).unwrap_or_default()
}

#[test]
fn it_is_asked_what_the_control_plane_says_and_let_in_after_its_answer() {
    let mut link = asked();
    let news = link.client.news();
    let Answer::Prompts { instruction, prompts, .. } =
        Answer::read(&news[0], Awaited::KeyboardInteractive).unwrap()
    else {
        panic!("no questions");
    };
    assert_eq!(instruction, b"To log in to web1,\r\nopen  [2J");
    assert_eq!(prompts.iter().collect::<Vec<_>>(), [(&b"Press Enter: "[..], false)]);
    assert!(!link.admit(), "nobody is let in that has not answered");
    respond(&mut link, &[""]);
    assert_eq!(link.answers, [Some(String::new())]);
    assert!(link.session.is_waiting_for_grant());
    assert!(link.admit());
}

#[test]
fn what_is_typed_is_the_control_planes_to_judge() {
    let mut link = asked();
    respond(&mut link, &["hw1_secret"]);
    assert_eq!(link.answers, [Some("hw1_secret".to_owned())]);
    assert!(link.admit());
}

#[test]
fn another_count_of_answers_and_answers_to_nothing_end_it() {
    for typed in [&[][..], &["", ""]] {
        let mut link = asked();
        respond(&mut link, typed);
        assert!(ended(&link).contains("one prompt, and not one response"), "{}", ended(&link));
        assert_eq!(link.answers, []);
    }
    let mut early = wanting();
    respond(&mut early, &[""]);
    assert!(ended(&early).contains("a packet before its time"));
    let mut twice = asked();
    respond(&mut twice, &[""]);
    respond(&mut twice, &[""]);
    assert!(ended(&twice).contains("a packet before its time"));
    assert_eq!(twice.answers.len(), 1);
}

#[test]
fn a_prompt_that_nobody_waits_for_is_not_shown() {
    let mut link = asked();
    link.client.news();
    link.call(|session, turn| session.handle_prompt(&prompt(1), turn));
    respond(&mut link, &[""]);
    link.call(|session, turn| session.handle_prompt(&prompt(1), turn));
    assert!(link.client.news().is_empty());
}

#[test]
fn who_begins_anew_is_heard_and_the_next_prompt_is_our_own() {
    for answers in [false, true] {
        let mut link = asked();
        if answers {
            respond(&mut link, &[""]);
        }
        link.client.news();
        link.client.say(|out| say::keyboard_interactive(out, "web1"));
        link.run();
        assert_eq!(link.answers.last(), Some(&None));
        assert!(!link.admit(), "what was withdrawn lets nobody in");
        let news = link.client.news();
        assert_eq!(news[0][0], number::USERAUTH_INFO_REQUEST);
        assert_eq!(link.asked, None, "one question for each connection");
        respond(&mut link, &["hw1_secret"]);
        assert_eq!(link.asked.take(), Some(("web1".to_owned(), "hw1_secret".to_owned())));
        assert!(link.admit());
    }
}

#[test]
fn another_name_after_the_prompt_ends_it() {
    let mut link = asked();
    link.client.say(|out| say::password(out, "web2", &Secret::new("hw1_secret".to_owned())));
    link.run();
    assert!(ended(&link).contains("another user name"));
}

#[test]
fn each_wait_ends_and_only_this_login_has_the_longer_one() {
    let mut wanted = wanting();
    wanted.wait(SECOND * 21);
    assert!(ended(&wanted).contains("could not decide in time"));
    let mut shown = asked();
    shown.wait(SECOND * 299);
    assert!(shown.closed.is_none());
    shown.wait(SECOND);
    assert!(ended(&shown).contains("the login was not done in time"));
    let mut answered = asked();
    respond(&mut answered, &[""]);
    answered.wait(SECOND * 319);
    assert!(answered.closed.is_none());
    answered.wait(SECOND);
    assert!(ended(&answered).contains("could not decide in time"));
    let mut anew = asked();
    anew.client.say(|out| say::none(out, "web1"));
    anew.run();
    anew.wait(SECOND * 20);
    assert!(ended(&anew).contains("the login was not done in time"));
    let mut greedy = wanting();
    greedy.call(|session, turn| session.handle_prompt(&prompt(1_000_000), turn));
    greedy.wait(SECOND * 600);
    assert!(ended(&greedy).contains("the login was not done in time"));
}

#[test]
fn who_goes_away_is_gone_at_once() {
    for answers in [false, true] {
        let mut link = asked();
        if answers {
            respond(&mut link, &[""]);
        }
        assert!(!link.session.holds_principal(), "it is read: or nobody would see that it is gone");
        link.call(|session, turn| session.handle_eof(false, turn));
        assert!(link.session.is_closed());
    }
}
