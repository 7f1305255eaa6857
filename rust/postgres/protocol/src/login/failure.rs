use std::fmt;

use hoopwire_wire::DecodeError;

use crate::error::{ErrorReport, ServerReport, Sqlstate};
use crate::scram::ScramError;

/// Why a login failed, sorted by whose fault it is. Holds no secret, and no bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The target said no, in its own words.
    Server(ServerReport),
    /// The target broke the protocol; says how.
    PeerMisbehaved(&'static str),
    /// The target sent a message that cannot be decoded.
    Malformed(DecodeError),
    /// The target's half of the SCRAM exchange is wrong.
    Scram(ScramError),
    /// The target wants something that we don't speak; names it.
    PeerUnsupported(String),
    /// The target sent more than a login may hold; names what.
    Limit(&'static str),
    /// Our own settings don't fit the target; says what to change.
    Configured(&'static str),
}

impl LoginError {
    /// What to tell the frontend. A target's words about its own login (class 28: they name the upstream
    /// account) stay out of it; what else it says helps the principal: no such database, too many connections.
    pub fn report(&self) -> ErrorReport {
        match self {
            Self::Server(report) => {
                let about_us = |code: &Sqlstate| code.as_str().starts_with("28");
                match report.sqlstate {
                    Some(sqlstate) if !about_us(&sqlstate) => {
                        let text =
                            if report.message.is_empty() { "the target refuses" } else { &report.message };
                        ErrorReport::fatal(sqlstate, text)
                    }
                    _ => ErrorReport::fatal(
                        Sqlstate::CONNECTION_FAILURE,
                        "the target refuses the gateway's login",
                    )
                    .with_hint("Ask the gateway's operator to check the target's credential."),
                }
            }
            Self::Configured(_) => {
                ErrorReport::fatal(Sqlstate::CONNECTION_FAILURE, "the gateway cannot log in at the target")
                    .with_hint("Ask the gateway's operator to check the target's settings.")
            }
            _ => ErrorReport::fatal(Sqlstate::CONNECTION_FAILURE, "the login at the target failed"),
        }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(report) => write!(f, "the target refuses: {report}"),
            Self::PeerMisbehaved(how) => write!(f, "the target broke the protocol: {how}"),
            Self::Malformed(error) => write!(f, "the target sent a malformed message: {error}"),
            Self::Scram(error) => write!(f, "the target failed in SCRAM: {error}"),
            Self::PeerUnsupported(what) => write!(f, "the target asks for {what}, which is not supported"),
            Self::Limit(what) => write!(f, "the target sent too much: {what}"),
            Self::Configured(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for LoginError {}

impl From<DecodeError> for LoginError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<ScramError> for LoginError {
    fn from(error: ScramError) -> Self {
        Self::Scram(error)
    }
}
