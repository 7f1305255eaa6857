//! What is counted of a session, and what is told of it.

use hoopwire_grant::{Budgets, Grant};

/// Running totals of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Operations that the principal asked for (of PostgreSQL: Query, Parse, FunctionCall), allowed or not.
    pub statements: u64,
    /// Rows delivered, in protocols that have them.
    pub rows: u64,
    /// Bytes received from the principal after login.
    pub bytes_in: u64,
    /// Bytes delivered to the principal after login.
    pub bytes_out: u64,
}

/// Bytes that a session keeps back for a moment, per leg: its memory, that the engine's buffers don't show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Toward the principal.
    pub down: usize,
    /// Toward the target.
    pub up: usize,
    /// On channels with windows of their own, which bound it. Both legs are read on meanwhile: what these wait for comes
    /// on them.
    pub channels: usize,
}

/// Who uses what in a session, for lists.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Id of the grant.
    pub grant: &'a str,
    /// `cid:...` or `uid:...`.
    pub principal: &'a str,
    /// Name of the target.
    pub target: &'a str,
    /// The database, if the target has any.
    pub database: &'a str,
    /// When it is cut, Unix microseconds.
    pub expires_unix_us: u64,
    /// Limits over all sessions of the grant.
    pub budgets: Budgets,
}

impl<'a> About<'a> {
    /// A session under this grant.
    #[must_use]
    pub fn of<R>(grant: &'a Grant<R>) -> About<'a> {
        About {
            grant: &grant.id,
            principal: &grant.principal,
            target: &grant.target,
            database: &grant.database,
            expires_unix_us: grant.expires_unix_us,
            budgets: grant.budgets,
        }
    }
}
