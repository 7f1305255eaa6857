//! What a grant would say to an action and why, for people and for `hoopwire explain`.

use crate::action::Action;
use crate::rights::{Denial, Grant};

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The word that covers it, as the policy has it once presets are taken apart; empty where none is needed.
    pub word: String,
    /// Why it would be refused.
    pub denial: Option<Denial>,
}

/// Decides the action; the grant's time is not looked at.
#[must_use]
pub fn explain(grant: &Grant, action: &Action<'_>) -> Explained {
    match grant.rights.covering(action) {
        Ok(word) => Explained { word: word.to_owned(), denial: None },
        Err(reason) => Explained { word: String::new(), denial: Some(reason.denial(grant, action)) },
    }
}
