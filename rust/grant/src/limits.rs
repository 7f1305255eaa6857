//! How much a grant may use, over all its sessions.

use std::time::Duration;

/// Limits over all sessions of a grant; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budgets {
    /// Rows delivered.
    pub rows: Option<u64>,
    /// Bytes of the target's delivered.
    pub bytes: Option<u64>,
    /// Statements begun.
    pub statements: Option<u64>,
    /// How long the target works, all together.
    pub wall_time: Option<Duration>,
}

impl Budgets {
    /// One of them has a limit.
    pub(crate) fn are_any(&self) -> bool {
        self.rows.is_some() || self.bytes.is_some() || self.statements.is_some() || self.wall_time.is_some()
    }
}

/// Which budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// [`Budgets::rows`].
    Rows,
    /// [`Budgets::bytes`].
    Bytes,
    /// [`Budgets::statements`].
    Statements,
    /// [`Budgets::wall_time`].
    WallTime,
}
