//! What a grant opens at a PostgreSQL target.

use crate::action::Action;
use crate::cache::DecisionKey;
use crate::code::Code;
use crate::mask::Mask;
use crate::rules::Rules;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A grant on a PostgreSQL target.
pub type Grant = hoopwire_grant::Grant<Rights>;

/// Why something is not allowed at a PostgreSQL target.
pub type Denial = hoopwire_grant::Denial<Code>;

/// The classes of action that a grant may allow, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    /// Statements: the simple and extended protocol, COPY.
    pub const QUERY: Actions = Actions(1);
    /// FunctionCall messages (the fast-path interface).
    pub const FUNCTION_CALL: Actions = Actions(2);
    /// `replication` in the startup packet.
    pub const REPLICATION: Actions = Actions(4);
    /// Statements that the grant's [`Rules`] allow, each decided by its text.
    pub const STATEMENTS: Actions = Actions(8);

    /// The set's word in a policy file to the set; `None` if there is no such word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Actions> {
        match name {
            "query" => Some(Actions::QUERY),
            "function-call" => Some(Actions::FUNCTION_CALL),
            "replication" => Some(Actions::REPLICATION),
            "statements" => Some(Actions::STATEMENTS),
            _ => None,
        }
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Actions) -> Actions {
        Actions(self.0 | other.0)
    }

    /// True if every class of `other` is in this set.
    #[must_use]
    pub fn contains(self, other: Actions) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words of the set, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (Actions::QUERY, "query"),
            (Actions::STATEMENTS, "statements"),
            (Actions::FUNCTION_CALL, "function-call"),
            (Actions::REPLICATION, "replication"),
        ]
        .into_iter()
        .filter(move |(action, _)| self.contains(*action))
        .map(|(_, name)| name)
    }
}

/// The secret of `hash` masks: equal values of one policy get equal hashes. Never shown.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct MaskKey([u8; 32]);

impl MaskKey {
    /// Of 32 secret bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> MaskKey {
        MaskKey(bytes)
    }

    /// The bytes, for the hash alone.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(..)")
    }
}

/// What a grant opens at a PostgreSQL target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// Classes of action.
    pub actions: Actions,
    /// What each statement may do; `None` if statements are not looked at (action `query`).
    pub rules: Option<Arc<Rules>>,
    /// The policy's actions as written, for refusals.
    pub action_texts: Vec<String>,
    /// What is delivered in place of which column.
    pub masks: Arc<[Mask]>,
    /// The session ends where one of them matches no column of the target.
    pub masks_must_match: bool,
    /// For masks of kind `hash`.
    pub mask_key: MaskKey,
    /// `TARGET/DATABASE`: whose catalogue counts.
    pub target_id: String,
    /// How long a session may be silent in a transaction.
    pub idle_in_transaction: Option<Duration>,
    /// What decisions are cached under: made at the first decision, and never copied with the grant.
    pub decision_key: DecisionKey,
}

impl hoopwire_grant::Rights for Rights {
    type Action<'a> = Action<'a>;
    type Code = Code;

    #[inline]
    fn covers(grant: &Grant, action: Action<'_>) -> Result<(), Denial> {
        action.is_covered(grant)
    }
}

/// Grants for tests, which set what they are about.
#[cfg(any(test, feature = "testing"))]
pub trait TestGrant {
    /// One that allows nothing, on target `orders`, database `orders`.
    fn for_tests(deadline: std::time::Instant) -> Self;

    /// The same grant with exact rules, and no other class of action.
    #[must_use]
    fn with_rules(self, rules: Rules) -> Self;

    /// The same grant with these masks.
    #[must_use]
    fn with_masks(self, masks: impl Into<Arc<[Mask]>>) -> Self;
}

#[cfg(any(test, feature = "testing"))]
impl TestGrant for Grant {
    fn for_tests(deadline: std::time::Instant) -> Grant {
        Grant::of(Rights { target_id: "orders/orders".into(), ..Rights::default() }, deadline)
    }

    fn with_rules(mut self, rules: Rules) -> Grant {
        self.rights.actions = Actions::STATEMENTS;
        self.rights.rules = Some(Arc::new(rules));
        self.rights.decision_key = DecisionKey::default();
        self
    }

    fn with_masks(mut self, masks: impl Into<Arc<[Mask]>>) -> Grant {
        self.rights.masks = masks.into();
        self.rights.decision_key = DecisionKey::default();
        self
    }
}
