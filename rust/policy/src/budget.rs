//! Budgets: how much a grant may use over all its sessions.

use crate::decide::Denial;
use crate::grant::Grant;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// Limits over all sessions of a grant; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budgets {
    /// Rows delivered.
    pub rows: Option<u64>,
    /// Bytes of rows delivered.
    pub bytes: Option<u64>,
    /// Statements begun.
    pub statements: Option<u64>,
    /// How long statements run, all together.
    pub wall_time: Option<Duration>,
}

/// What the sessions of a grant have used.
#[derive(Debug, Default)]
pub struct Spent {
    rows: AtomicU64,
    bytes: AtomicU64,
    statements: AtomicU64,
    nanos: AtomicU64,
    running: AtomicU64,
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

/// One session's use of its grant's budgets.
#[derive(Debug)]
pub struct Meter {
    _budgets: Budgets,
    _spent: Arc<Spent>,
}

impl Meter {
    /// `spent` is shared by all sessions of the grant.
    #[must_use]
    pub fn new(budgets: Budgets, spent: Arc<Spent>) -> Meter {
        Meter { _budgets: budgets, _spent: spent }
    }

    /// A regrant may change the limits; what is used stays.
    pub fn set_budgets(&mut self, _budgets: Budgets) {}

    /// One more statement begins.
    ///
    /// # Errors
    /// The budget that has no room for it (any budget that is used up stops new statements).
    pub fn take_statement(&self) -> Result<(), Budget> {
        Err(Budget::Statements)
    }

    /// Of `rows` rows of `bytes` bytes in all, how many may still pass; these are taken. Exact for one row; of
    /// several, each counts as having the same size.
    pub fn take_rows(&self, _rows: u64, _bytes: u64) -> u64 {
        0
    }

    /// A statement runs from now on. Nothing happens if one does already.
    pub fn start(&mut self, _now: Instant) {}

    /// No statement runs any more.
    pub fn stop(&mut self, _now: Instant) {}

    /// Counts the time up to `now`; to be called at [`Meter::wake`].
    pub fn tick(&mut self, _now: Instant) {}

    /// When to call [`Meter::tick`]: while a statement runs under a `wall_time` budget.
    #[must_use]
    pub fn wake(&self) -> Option<Instant> {
        None
    }

    /// A budget that is used up, if any.
    #[must_use]
    pub fn exhausted(&self) -> Option<Budget> {
        None
    }

    /// The texts for a budget that is used up (SQLSTATE 54000).
    #[must_use]
    pub fn denial(&self, _budget: Budget, grant: &Grant) -> Denial {
        Denial {
            sqlstate: "54000",
            code: "budget_rows",
            message: format!("grant {} has used up its budget", grant.id),
            detail: String::new(),
            hint: String::new(),
            position: None,
        }
    }
}
