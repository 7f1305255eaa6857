//! What principals are told, and the protocol's codes: each fault is a DISCONNECT reason (RFC 4253, 11.1).

use hoopwire_grant::{Fault, Party};
use hoopwire_session::{Ending, Words, lasting};
use hoopwire_ssh_policy::{Denial, Grant};

/// Exit status of a command that was refused: that of one which a shell may not run. 255 would mean a lost connection.
pub(crate) const REFUSED_STATUS: u32 = 126;

/// RFC 4253, 11.1: its number and its name.
#[must_use]
fn reason(fault: Fault) -> (u32, &'static str) {
    match fault {
        Fault::NotAuthorized => (1, "host_not_allowed_to_connect"),
        Fault::BrokeProtocol | Fault::Invalid => (2, "protocol_error"),
        Fault::TargetUnreachable | Fault::Unavailable => (7, "service_not_available"),
        Fault::TargetLost => (10, "connection_lost"),
        Fault::Expired
        | Fault::Ended
        | Fault::NotGranted
        | Fault::OverLimit
        | Fault::NotRecorded
        | Fault::Internal => (11, "by_application"),
        Fault::TooMany => (12, "too_many_connections"),
        Fault::NotAuthenticated => (14, "no_more_auth_methods_available"),
    }
}

/// The name of a fault's DISCONNECT reason.
#[must_use]
pub fn code(fault: Fault) -> &'static str {
    reason(fault).1
}

/// The number of a fault's DISCONNECT reason.
#[must_use]
pub(crate) fn disconnect_reason(fault: Fault) -> u32 {
    reason(fault).0
}

/// What a connection is told that does not come to be a session at all: a line before the identification (RFC 4253, 4.2).
#[must_use]
pub fn turned_away(words: &Words) -> Vec<u8> {
    let mut line = lines(words, "; ").into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}

/// All the words, with `between` them. Control characters of others' texts become spaces.
#[must_use]
pub(crate) fn lines(words: &Words, between: &str) -> String {
    let parts = [&words.message, &words.detail, &words.hint];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| part.split('\n').map(plain).collect::<Vec<_>>().join(between))
        .collect();
    parts.join(between)
}

/// Lines for a person, each ended as a terminal wants it.
#[must_use]
pub(crate) fn paragraph(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\r\n")
}

/// A text without control characters.
#[must_use]
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|each| if each.is_control() { ' ' } else { each }).collect()
}

/// Words of a denial.
#[must_use]
pub(crate) fn of(denial: &Denial) -> Words {
    let words = Words::new(denial.message.clone());
    if denial.fault == Fault::Expired {
        return words
            .detail("The session was ended.\ncode: grant_expired")
            .hint("Get a new certificate (hoopwire ssh-cert, or POST /v1/grants) and connect again.");
    }
    words.detail(denial.detail.clone()).hint(denial.hint.clone())
}

/// What was decided for the whole session is no longer Allow.
#[must_use]
pub(crate) fn denied(denial: &Denial) -> Ending {
    Ending::faulty(Party::Gateway, denial.fault, denial.code.name(), of(denial))
}

/// The client broke the protocol.
#[must_use]
pub(crate) fn misbehaved_client(what: &str) -> Ending {
    let words = Words::new(format!("protocol error: {what}"));
    Ending::faulty(
        Party::Principal,
        Fault::BrokeProtocol,
        format!("client broke the protocol: {what}"),
        words,
    )
}

/// The target broke the protocol.
#[must_use]
pub(crate) fn misbehaved_target(what: &str) -> Ending {
    let words = Words::new("the target broke the protocol").detail(what);
    Ending::faulty(Party::Target, Fault::TargetLost, format!("target broke the protocol: {what}"), words)
}

/// The target is there and does not let the gateway in.
#[must_use]
pub(crate) fn not_let_in(what: &str) -> Ending {
    let words = Words::new("the target did not let the gateway in")
        .detail(format!("Your identity was accepted and the grant is good; {what}."))
        .hint("Tell the gateway's operators.");
    Ending::faulty(
        Party::Target,
        Fault::TargetUnreachable,
        format!("login at the target failed: {what}"),
        words,
    )
}

/// The gateway ends.
#[must_use]
pub(crate) fn shutting_down() -> Ending {
    let words = Words::new("the gateway is shutting down").hint("Connect again in a moment.");
    Ending::faulty(Party::Gateway, Fault::Ended, "shutdown", words)
}

/// The control plane did not answer.
#[must_use]
pub(crate) fn late_decision() -> Ending {
    too_late(Party::Gateway, Fault::Unavailable, "the gateway could not decide in time; try again")
}

/// Nobody said anything for too long.
#[must_use]
pub(crate) fn idle(grant: &Grant) -> Ending {
    let limit = lasting(grant.idle.unwrap_or_default());
    let words = Words::new(format!("the session was idle for longer than {limit}"))
        .detail(format!(
            "So long nothing went either way; keepalives do not count (policy {}, limits.idle).\ncode: idle",
            grant.policy
        ))
        .hint(format!("Connect again: grant {} is good until {}.", grant.id, grant.expires_text));
    Ending::faulty(Party::Gateway, Fault::Ended, "idle", words)
}

/// Somebody did not come far in time.
#[must_use]
pub(crate) fn too_late(by: Party, fault: Fault, what: &str) -> Ending {
    Ending::faulty(by, fault, what, Words::new(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_reason_of_the_rfc() {
        for fault in Fault::ALL {
            assert!((1..=15).contains(&disconnect_reason(*fault)), "{fault:?}");
            assert!(!code(*fault).is_empty());
        }
    }

    #[test]
    fn words_of_others_stay_on_their_lines() {
        let words = Words::new("one\x1b[2J").detail("two\nthree\r").hint("four");
        assert_eq!(lines(&words, "\r\n"), "one [2J\r\ntwo\r\nthree \r\nfour");
        assert_eq!(turned_away(&Words::new("too many")), b"too many\r\n");
    }
}
