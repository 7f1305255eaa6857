//! The grant as the data plane decides by it.

use crate::limits::Budgets;
use crate::spent::Used;
use std::time::{Duration, Instant};

/// What the recording keeps of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Counts and a digest.
    #[default]
    Digest,
    /// The delivered bytes as well.
    Full,
}

/// Principal may do what `rights` say on `target` until `deadline`. Texts are for the recording and for refusals.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant<R> {
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
    /// The database of this session; empty where a target has none.
    pub database: String,
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
    /// How long a session may be silent, on both sides.
    pub idle: Option<Duration>,
    /// Limits over all sessions of the grant.
    pub budgets: Budgets,
    /// What its sessions had used of them when the control plane last wrote it down.
    pub used: Used,
    /// What it opens, in the protocol's terms.
    pub rights: R,
}

impl<R> Grant<R> {
    /// It takes the place of `old`: it can end earlier than that, never later.
    pub fn succeed(&mut self, old: &Grant<R>) {
        if old.deadline < self.deadline {
            self.deadline = old.deadline;
            self.notice_at = old.notice_at;
            self.expires_unix_us = old.expires_unix_us;
            self.expires_text.clone_from(&old.expires_text);
        }
    }

    /// The same grant with what `change` makes of its rights, or what it answers if it makes none.
    ///
    /// # Errors
    /// What `change` says.
    pub fn try_map<S, E>(self, change: impl FnOnce(R) -> Result<S, E>) -> Result<Grant<S>, E> {
        Ok(Grant {
            id: self.id,
            issuer: self.issuer,
            principal: self.principal,
            principal_name: self.principal_name,
            principal_kind: self.principal_kind,
            target: self.target,
            database: self.database,
            policy: self.policy,
            policy_hash: self.policy_hash,
            task: self.task,
            record: self.record,
            deadline: self.deadline,
            notice_at: self.notice_at,
            expires_unix_us: self.expires_unix_us,
            expires_text: self.expires_text,
            idle: self.idle,
            budgets: self.budgets,
            used: self.used,
            rights: change(self.rights)?,
        })
    }
}

#[cfg(any(test, feature = "testing"))]
impl<R> Grant<R> {
    /// A grant of `rights` for tests, which set what else they are about.
    #[must_use]
    pub fn of(rights: R, deadline: Instant) -> Grant<R> {
        Grant {
            id: "g_1".into(),
            issuer: "https://dev".into(),
            principal: "cid:0oa1".into(),
            principal_name: "agent".into(),
            principal_kind: "ai_agent".into(),
            target: "orders".into(),
            database: "orders".into(),
            policy: "read".into(),
            policy_hash: "00".into(),
            task: String::new(),
            record: Record::Digest,
            deadline,
            notice_at: None,
            expires_unix_us: 0,
            expires_text: "2026-11-23 22:15:00 UTC".into(),
            idle: None,
            budgets: Budgets::default(),
            used: Used::default(),
            rights,
        }
    }
}
