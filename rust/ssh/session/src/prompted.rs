//! A login in which the control plane says what to ask (RFC 4256), and hears what was typed.
//!
//! ```text
//!  Wanted ──prompt──▶ Asked ──a response──▶ Answered ──admit──▶
//!     └───────────────┴─ another request ────┴──▶ withdrawn: the login goes on
//! ```
//! The client is read all the time: one that goes away, or begins anew (RFC 4252, 5.1), must not be waited for.

use crate::login::Login;
use crate::words;
use hoopwire_session::{Answer, Ending, Prompt};
use hoopwire_ssh_protocol::userauth::{Responses, number, say};
use hoopwire_wire::{Redacted, Secret};
use std::time::Duration;

/// The longest that a prompt may stay, whatever the control plane says.
const WAIT_MAX: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Wanted,
    Asked,
    Answered,
}

/// A login that waits for a prompt, or for what comes of it.
#[derive(Debug)]
pub(crate) struct Prompted {
    /// To go on with, should the client begin anew.
    pub(crate) login: Login,
    state: State,
}

impl Prompted {
    pub(crate) fn new(login: Login) -> Prompted {
        Prompted { login, state: State::Wanted }
    }

    /// The control plane's answer is all that is missing.
    pub(crate) fn is_answered(&self) -> bool {
        self.state == State::Answered
    }

    /// The client owes an answer.
    pub(crate) fn is_asked(&self) -> bool {
        self.state == State::Asked
    }

    /// Asks; how long there is for it, or none if it is too late to ask.
    pub(crate) fn ask(&mut self, prompt: &Prompt, out: &mut Vec<u8>) -> Option<Duration> {
        if self.state != State::Wanted {
            return None;
        }
        self.state = State::Asked;
        let instruction = words::paragraph(&prompt.instruction);
        let question = words::plain(&prompt.question);
        say::prompts(out, "hoopwire", &instruction, &[(&question, false)]);
        Some(prompt.wait.min(WAIT_MAX))
    }

    /// One packet of the client's. Withdrawn: the packet is the login's to hear.
    pub(crate) fn hear(&mut self, payload: &[u8]) -> Result<Answer, Ending> {
        match (self.state, payload.first().copied().unwrap_or_default()) {
            (_, number::USERAUTH_REQUEST) => Ok(Answer::Withdrawn),
            (State::Asked, number::USERAUTH_INFO_RESPONSE) => {
                let responses = Responses::read(payload)
                    .map_err(|error| words::misbehaved_client(&format!("a malformed packet: {error}")))?;
                let (1, Some(Redacted(typed))) = (responses.count(), responses.iter().next()) else {
                    return Err(words::misbehaved_client("one prompt, and not one response"));
                };
                self.state = State::Answered;
                Ok(Answer::Typed(Secret::new(String::from_utf8_lossy(typed).into_owned())))
            }
            _ => Err(words::misbehaved_client("a packet before its time")),
        }
    }
}
