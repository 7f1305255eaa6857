//! What a grant has used of its budgets: counted by all its sessions, and carried over a restart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What was used, as plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Rows delivered.
    pub rows: u64,
    /// Bytes of the target's delivered.
    pub bytes: u64,
    /// Statements begun.
    pub statements: u64,
    /// How long the target worked, all together.
    pub wall_time: Duration,
}

/// What the sessions of a grant have used.
#[derive(Debug, Default)]
pub struct Spent {
    pub(crate) rows: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) statements: AtomicU64,
    pub(crate) nanos: AtomicU64,
    /// Sessions in which a statement runs.
    pub(crate) running: AtomicU64,
}

impl Spent {
    /// Rows delivered.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes of the target's delivered.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Statements begun.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How long the target worked, all together.
    #[must_use]
    pub fn wall_time(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    /// What was used before it was counted here. Of each the larger counts, so that what is known already is
    /// neither lowered nor counted twice.
    pub fn raise(&self, used: &Used) {
        let nanos = u64::try_from(used.wall_time.as_nanos()).unwrap_or(u64::MAX);
        for (counter, least) in [
            (&self.rows, used.rows),
            (&self.bytes, used.bytes),
            (&self.statements, used.statements),
            (&self.nanos, nanos),
        ] {
            counter.fetch_max(least, Ordering::Relaxed);
        }
    }
}

/// Takes up to `wanted` as far as `limit` allows; what was taken.
pub(crate) fn take(used: &AtomicU64, wanted: u64, limit: u64) -> u64 {
    if limit == u64::MAX {
        used.fetch_add(wanted, Ordering::Relaxed);
        return wanted;
    }
    let before = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
        Some(used.saturating_add(wanted).min(limit.max(used)))
    });
    let before = before.unwrap_or(limit);
    wanted.min(limit.saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_counted_lowered_or_doubled_what_this_one_knows() {
        let spent = Spent::default();
        let used = Used { rows: 10, bytes: 100, statements: 1, wall_time: Duration::from_millis(1500) };
        spent.raise(&used);
        spent.raise(&Used { rows: 7, statements: 3, ..used });
        spent.raise(&Used::default());
        assert_eq!((spent.rows(), spent.bytes(), spent.statements()), (10, 100, 3));
        assert_eq!(spent.wall_time(), Duration::from_millis(1500));
    }
}
