//! The classes of action, and whether a grant covers one.

use crate::code::Code;
use crate::rights::{Actions, Denial, Grant};
use hoopwire_grant::Fault;

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

impl Action<'_> {
    /// Does the grant cover it? With exact rules this only opens the door for statements: each text is decided by
    /// [`decide_text`](crate::decide_text).
    ///
    /// # Errors
    /// What is missing.
    #[inline]
    pub(crate) fn is_covered(self, grant: &Grant) -> Result<(), Denial> {
        let rights = &grant.rights;
        let allowed = match self {
            Action::Connect { database } => grant.database == database,
            Action::Replicate => rights.actions.contains(Actions::REPLICATION),
            Action::Query if rights.rules.is_some() => rights.actions.contains(Actions::STATEMENTS),
            Action::Query => rights.actions.contains(Actions::QUERY),
            Action::CallFunction => rights.actions.contains(Actions::FUNCTION_CALL),
        };
        if allowed { Ok(()) } else { Err(missing(grant, self)) }
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
    let has: Vec<&str> = grant.rights.actions.names().collect();
    Denial {
        fault: Fault::NotGranted,
        code: Code::Grant(hoopwire_grant::Code::ActionNotGranted),
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
    use crate::rights::TestGrant;
    use hoopwire_grant::decide;
    use std::time::{Duration, Instant};

    fn grant(actions: Actions, deadline: Instant) -> Grant {
        let mut grant = Grant::for_tests(deadline);
        grant.rights.actions = actions;
        grant
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
                assert_eq!((late.fault, late.code.name()), (Fault::Expired, "grant_expired"));
                assert!(late.message.contains("g_1"), "{}", late.message);
            }
            let denial = decide(&grant(Actions::default(), deadline), action, now).unwrap_err();
            assert_eq!((denial.fault, denial.code.name()), (Fault::NotGranted, "action_not_granted"));
            assert!(denial.detail.contains(action.name()), "{}", denial.detail);
            assert!(!denial.hint.is_empty());
        }
        let all = Actions::QUERY.with(Actions::FUNCTION_CALL).with(Actions::REPLICATION);
        assert!(decide(&grant(all, deadline), Action::Connect { database: "orders" }, now).is_ok());
        assert!(decide(&grant(all, deadline), Action::Connect { database: "secrets" }, now).is_err());
    }
}
