//! The grant as the data plane decides by it.

use crate::budget::Budgets;
use crate::cache::DecisionKey;
use crate::mask::Mask;
use crate::rights::Rights;
use crate::spent::Used;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

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
    /// Statements that the grant's [`Rights`] allow, each decided by its text.
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

/// What the recording keeps of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Row and byte counts and a digest.
    #[default]
    Digest,
    /// The delivered bytes as well.
    Full,
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

/// Principal may do `actions` on `target` until `deadline`. Texts are for the recording and for refusals.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// `g_` + ULID.
    pub id: String,
    /// The issuer string of the principal's token.
    pub issuer: String,
    /// `cid:...` or `uid:...`.
    pub principal: String,
    /// Display name.
    pub principal_name: String,
    /// `service`, `ai_agent` or `user`.
    pub principal_kind: String,
    /// Name of the target.
    pub target: String,
    /// The database of this session.
    pub database: String,
    /// What is allowed.
    pub actions: Actions,
    /// Name of the policy it was made from.
    pub policy: String,
    /// Digest of that policy, hex.
    pub policy_hash: String,
    /// The task the principal named, or empty.
    pub task: String,
    /// What the recording keeps of results.
    pub record: Record,
    /// When the session is cut; monotonic, no leeway.
    pub deadline: Instant,
    /// When the principal is told that the end is near.
    pub notice_at: Option<Instant>,
    /// The same end as wall clock, Unix microseconds; for lists.
    pub expires_unix_us: u64,
    /// The same end as text, for refusals: `2026-11-23 22:15:00 UTC`.
    pub expires_text: String,
    /// What each statement may do; `None` if statements are not looked at (action `query`).
    pub rights: Option<Arc<Rights>>,
    /// The policy's actions as written, for refusals.
    pub action_texts: Vec<String>,
    /// What is delivered in place of which column.
    pub masks: Arc<[Mask]>,
    /// The session ends where one of them matches no column of the target.
    pub masks_must_match: bool,
    /// For masks of kind `hash`.
    pub mask_key: MaskKey,
    /// Limits over all sessions of the grant.
    pub budgets: Budgets,
    /// What its sessions had used of them when the control plane last wrote it down.
    pub used: Used,
    /// `TARGET/DATABASE`: whose catalogue counts.
    pub target_id: String,
    /// What decisions are cached under: made at the first decision, and never copied with the grant.
    pub decision_key: DecisionKey,
}

#[cfg(any(test, feature = "testing"))]
impl Grant {
    /// A grant that allows nothing, for tests: they set what they are about.
    #[must_use]
    pub fn for_tests(deadline: Instant) -> Grant {
        Grant {
            id: "g_1".into(),
            issuer: "https://dev".into(),
            principal: "cid:0oa1".into(),
            principal_name: "agent".into(),
            principal_kind: "ai_agent".into(),
            target: "orders".into(),
            database: "orders".into(),
            actions: Actions::default(),
            policy: "read".into(),
            policy_hash: "00".into(),
            task: String::new(),
            record: Record::Digest,
            deadline,
            notice_at: None,
            expires_unix_us: 0,
            expires_text: "2026-11-23 22:15:00 UTC".into(),
            rights: None,
            action_texts: Vec::new(),
            masks: Arc::from([]),
            masks_must_match: false,
            mask_key: MaskKey::default(),
            budgets: Budgets::default(),
            used: Used::default(),
            target_id: "orders/orders".into(),
            decision_key: DecisionKey::default(),
        }
    }

    /// The same grant with exact rights and nothing else.
    #[must_use]
    pub fn with_rights(mut self, rights: Rights) -> Grant {
        self.actions = Actions::STATEMENTS;
        self.rights = Some(Arc::new(rights));
        self.decision_key = DecisionKey::default();
        self
    }
}
