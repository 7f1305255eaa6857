//! Why sessions end.

use hoopwire_grant::{Fault, Party};

/// What the principal is told, in no protocol's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// What happened.
    pub message: String,
    /// More about it, or empty.
    pub detail: String,
    /// What to do about it, or empty.
    pub hint: String,
}

impl Words {
    /// Only what happened.
    pub fn new(message: impl Into<String>) -> Words {
        Words { message: message.into(), ..Words::default() }
    }

    /// With more about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Words {
        self.detail = detail.into();
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Words {
        self.hint = hint.into();
        self
    }
}

/// An end that comes from outside the session: from the engine, or from the control plane through it.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Who ended it.
    pub by: Party,
    /// What stopped it; `None` for an ordinary end.
    pub fault: Option<Fault>,
    /// For the recording and the audit event: one plain phrase.
    pub reason: String,
    /// For the principal, if it should and can hear something.
    pub words: Option<Words>,
}

impl Ending {
    /// An ordinary end, of which the principal hears nothing.
    pub fn quiet(by: Party, reason: impl Into<String>) -> Ending {
        Ending { by, fault: None, reason: reason.into(), words: None }
    }

    /// An end by a fault, with words for the principal.
    pub fn faulty(by: Party, fault: Fault, reason: impl Into<String>, words: Words) -> Ending {
        Ending { by, fault: Some(fault), reason: reason.into(), words: Some(words) }
    }
}

/// How a session has ended, for the audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Who ended it.
    pub by: Party,
    /// Why: one plain phrase.
    pub reason: String,
    /// The protocol's own code of the fault; empty for an ordinary end.
    pub code: String,
    /// The connection did what it came for and was never to be a session: no refused one.
    pub was_signal: bool,
}
