//! What a grant would say to an action and why, for people and for `hoopwire explain`.

use crate::action::Action;
use crate::argv;
use crate::rights::{Denial, Grant};

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The words of a command, where all shells make the same ones.
    pub words: Vec<String>,
    /// The action of the policy that covers it, once presets are taken apart; empty where none is needed.
    pub by: String,
    /// Why it would be refused.
    pub denial: Option<Denial>,
}

/// Decides the action; the grant's time is not looked at.
#[must_use]
pub fn explain(grant: &Grant, action: &Action<'_>) -> Explained {
    let words = match action {
        Action::Exec { command } => argv::read(command).unwrap_or_default(),
        _ => Vec::new(),
    };
    match grant.rights.covering(action) {
        Ok(by) => Explained { words, by: by.to_owned(), denial: None },
        Err(reason) => Explained { words, by: String::new(), denial: Some(reason.denial(grant, action)) },
    }
}
