//! The grant as the data plane decides by it.

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

    /// The set's word in a policy file to the set; `None` if there is no such word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Actions> {
        match name {
            "query" => Some(Actions::QUERY),
            "function-call" => Some(Actions::FUNCTION_CALL),
            "replication" => Some(Actions::REPLICATION),
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

/// Principal may do `actions` on `target` until `deadline`. Texts are for the recording and for refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}
