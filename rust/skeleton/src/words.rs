//! Faults, denials and endings in this protocol's words: `ERR code: message`.

use crate::rights::Denial;
use hoopwire_grant::{Fault, Party};
use hoopwire_session::{Ending, Words};

/// The code of a fault.
#[must_use]
pub fn code(fault: Fault) -> &'static str {
    match fault {
        Fault::Expired | Fault::Ended => "over",
        Fault::NotAuthorized | Fault::NotGranted => "denied",
        Fault::NotAuthenticated => "unknown",
        Fault::OverLimit | Fault::TooMany => "limit",
        Fault::Invalid | Fault::BrokeProtocol => "malformed",
        Fault::TargetLost | Fault::TargetUnreachable => "target",
        Fault::Unavailable | Fault::NotRecorded => "later",
        Fault::Internal => "bug",
    }
}

/// What a connection is told that does not come to be a session at all.
#[must_use]
pub fn turned_away(fault: Fault, words: &Words) -> Vec<u8> {
    error(fault, &words.message)
}

/// The line for a fault. What comes from elsewhere stays one line.
pub(crate) fn error(fault: Fault, message: &str) -> Vec<u8> {
    format!("ERR {}: {}\n", code(fault), message.replace(['\r', '\n'], " ")).into_bytes()
}

/// An operation is refused, and the session goes on.
pub(crate) fn refusal(denial: &Denial) -> Vec<u8> {
    error(denial.fault, &format!("{} ({})", denial.message, denial.code.name()))
}

/// What was decided for the whole session is no longer Allow.
pub(crate) fn denied(denial: &Denial) -> Ending {
    fault(Party::Gateway, denial.fault, denial.code.name(), &denial.message)
}

/// An end by a fault.
pub(crate) fn fault(by: Party, fault: Fault, reason: &str, message: &str) -> Ending {
    Ending::faulty(by, fault, reason, Words::new(message))
}

/// The client broke the protocol.
pub(crate) fn misbehaved_client(what: &str) -> Ending {
    fault(Party::Gateway, Fault::BrokeProtocol, &format!("client broke the protocol: {what}"), what)
}

/// The target broke the protocol.
pub(crate) fn misbehaved_target(what: &str) -> Ending {
    fault(Party::Gateway, Fault::TargetLost, &format!("target broke the protocol: {what}"), what)
}

/// The gateway ends.
pub(crate) fn shutting_down() -> Ending {
    fault(Party::Gateway, Fault::Ended, "shutdown", "the gateway is shutting down")
}
