//! Each line of tests/bypass/ssh/attempts.txt is decided as it says there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use hoopwire_grant::Grant;
use hoopwire_ssh_policy::{Action, Code, Rights, decide};
use std::time::{Duration, Instant};

const TABLE: &str = include_str!("../../../../tests/bypass/ssh/attempts.txt");

/// The bytes of a line.
fn bytes(line: &str) -> Vec<u8> {
    let mut made = Vec::new();
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        made.push(match (byte, byte == b'\\') {
            (_, false) => byte,
            _ => match rest.next().expect("something behind a backslash") {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("\\{} in {line}", char::from(other)),
            },
        });
    }
    made
}

#[test]
#[allow(clippy::disallowed_methods)] // some instant to count from
fn an_attempt_that_gets_through_or_work_that_does_not() {
    let now = Instant::now();
    let (mut words, mut section) = (Vec::new(), "");
    let (mut refused, mut allowed, mut wrong) = (0, 0, Vec::new());
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("-- ") {
            section = head.split(':').next().unwrap();
            if section.starts_with("grant ") {
                words.clear();
            }
            continue;
        }
        if section.starts_with("grant ") {
            words.push(line);
            continue;
        }
        let text = bytes(line);
        let action = Action::read(&text).unwrap_or_else(|| panic!("no action: {line}"));
        let rights = Rights::read(&words, Vec::new()).unwrap();
        let grant = Grant::of(rights, now + Duration::from_secs(60));
        let answer = decide(&grant, now, &action);
        let said = answer
            .as_ref()
            .map_or_else(|denial| format!("refused {}", denial.code.name()), |_| "allowed".into());
        if said != section {
            wrong.push(format!("{line}\n    {said}, not {section}"));
        }
        match answer {
            Ok(_) => allowed += 1,
            Err(denial) => {
                refused += 1;
                assert!(!denial.message.is_empty() && !denial.hint.is_empty(), "{line}");
                assert!(denial.detail.ends_with(&format!("\ncode: {}", denial.code.name())), "{line}");
                let texts = format!("{}{}{}", denial.message, denial.detail.replace('\n', ""), denial.hint);
                assert!(!texts.contains(char::is_control), "{texts:?}");
                // nothing is allowed when the time is over, and the time is said first
                let late = decide(&grant, grant.deadline, &action).unwrap_err();
                assert_eq!(late.code, Code::Grant(hoopwire_grant::Code::GrantExpired));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 60 && allowed > 60, "{refused} refused, {allowed} allowed");
}
