//! The decision: grant, action, now → a permit or a denial.

use crate::grant::{Actions, Grant};
use std::time::Instant;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Use this database of the target.
    Connect {
        /// The database asked for.
        database: &'a str,
    },
    /// Open the session in replication mode.
    Replicate,
    /// Any statement, in the simple or the extended protocol, and what belongs to it.
    Query,
    /// A FunctionCall message.
    CallFunction,
}

impl Action<'_> {
    /// The action's word in a policy file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Action::Connect { .. } => "connect",
            Action::Replicate => "replication",
            Action::Query => "query",
            Action::CallFunction => "function-call",
        }
    }
}

/// Proof that a decision allowed an action. Only [`decide`] makes one.
#[derive(Debug)]
pub struct Permit {
    _private: (),
}

/// Why an action is not allowed: texts for the principal, and a stable code for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// SQLSTATE.
    pub sqlstate: &'static str,
    /// Stable machine-readable reason.
    pub code: &'static str,
    /// For the principal.
    pub message: String,
    /// What is missing.
    pub detail: String,
    /// How to ask for it.
    pub hint: String,
    /// Where in the statement's text, in characters from 1: of syntax errors.
    pub position: Option<usize>,
}

/// Decides whether `grant` allows `action` at `now`.
///
/// The same function answers at admission, for every request, and again when a grant changes.
///
/// # Errors
/// A [`Denial`] with SQLSTATE 57P01 after the deadline, 42501 otherwise.
pub fn decide(grant: &Grant, action: Action<'_>, now: Instant) -> Result<Permit, Denial> {
    if now >= grant.deadline {
        return Err(expired(grant));
    }
    let allowed = match action {
        Action::Connect { database } => grant.database == database,
        Action::Replicate => grant.actions.contains(Actions::REPLICATION),
        // with exact rights this only opens the door: each text is decided by `decide_text`
        Action::Query if grant.rights.is_some() => grant.actions.contains(Actions::STATEMENTS),
        Action::Query => grant.actions.contains(Actions::QUERY),
        Action::CallFunction => grant.actions.contains(Actions::FUNCTION_CALL),
    };
    if allowed { Ok(Permit { _private: () }) } else { Err(missing(grant, action)) }
}

fn expired(grant: &Grant) -> Denial {
    Denial {
        sqlstate: "57P01",
        code: "grant_expired",
        message: format!("grant {} expired at {}", grant.id, grant.expires_text),
        detail: "The session was ended and its open transaction rolled back.\ncode: grant_expired".to_owned(),
        hint: "Get a new access token from your identity provider and connect again; that makes a new grant."
            .to_owned(),
        position: None,
    }
}

fn missing(grant: &Grant, action: Action<'_>) -> Denial {
    let message = match action {
        Action::Connect { database } => {
            format!("grant {} does not open database \"{database}\" of target \"{}\"", grant.id, grant.target)
        }
        Action::Replicate => format!("grant {} does not allow replication", grant.id),
        Action::Query => format!("grant {} does not allow statements", grant.id),
        Action::CallFunction => format!("grant {} does not allow FunctionCall messages", grant.id),
    };
    let has: Vec<&str> = grant.actions.names().collect();
    Denial {
        sqlstate: "42501",
        code: "action_not_granted",
        message,
        detail: format!(
            "Missing action \"{}\" on {}/{}; policy \"{}\" grants: {}.\ncode: action_not_granted",
            action.name(),
            grant.target,
            grant.database,
            grant.policy,
            if has.is_empty() { "nothing".to_owned() } else { has.join(", ") }
        ),
        hint: match action {
            Action::CallFunction => {
                "Call the function with SELECT or CALL instead, or ask the gateway's operators for a policy with action \"function-call\".".to_owned()
            }
            _ => format!("Ask the gateway's operators for a policy with action \"{}\".", action.name()),
        },
        position: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn grant(actions: Actions, deadline: Instant) -> Grant {
        Grant { actions, ..Grant::for_tests(deadline) }
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // a test needs some instant to count from
    fn every_class_needs_its_own_action_and_the_deadline_has_no_leeway() {
        let now = Instant::now();
        let deadline = now + Duration::from_secs(60);
        let cases = [
            (Action::Query, Actions::QUERY),
            (Action::CallFunction, Actions::FUNCTION_CALL),
            (Action::Replicate, Actions::REPLICATION),
        ];
        for (action, needed) in cases {
            for (_, held) in cases {
                let grant = grant(held, deadline);
                assert_eq!(decide(&grant, action, now).is_ok(), held == needed, "{action:?} with {held:?}");
                let late = decide(&grant, action, deadline).unwrap_err();
                assert_eq!((late.sqlstate, late.code), ("57P01", "grant_expired"));
                assert!(late.message.contains("g_1"), "{}", late.message);
            }
            let denial = decide(&grant(Actions::default(), deadline), action, now).unwrap_err();
            assert_eq!(denial.sqlstate, "42501");
            assert!(denial.detail.contains(action.name()), "{}", denial.detail);
            assert!(!denial.hint.is_empty());
        }
        let all = Actions::QUERY.with(Actions::FUNCTION_CALL).with(Actions::REPLICATION);
        assert!(decide(&grant(all, deadline), Action::Connect { database: "orders" }, now).is_ok());
        assert!(decide(&grant(all, deadline), Action::Connect { database: "secrets" }, now).is_err());
    }
}
