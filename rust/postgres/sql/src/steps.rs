//! What reading one text may cost.
//!
//! Everything that goes over the tree of a text takes its steps from one budget in proportion to the text: a node that
//! is looked at, a name that is compared, a column that is passed on, a pattern that is tried. A loop within a loop
//! takes a step for each turn of the inner one. Who goes on without asking is found by the tests over every list of
//! the grammar (`tests/steps.rs`), which count.

use crate::tokens::MAX_TOKENS;
use std::cell::Cell;

/// Steps for each byte of a text. Looking at every node in each of the walks takes less than four.
const PER_BYTE: u64 = 36;
/// Steps that even the shortest text has: it may name a table of a hundred columns in sixty joins.
const BASE: u64 = 4_000_000;

/// The steps that are left for one text.
#[derive(Debug)]
pub struct Steps {
    all: u64,
    left: Cell<u64>,
    spent: Cell<bool>,
}

impl Steps {
    /// For a text of so many bytes. Bytes beyond what its tokens can be bring nothing: a comment buys no time.
    #[must_use]
    pub fn of(bytes: usize) -> Steps {
        let all = BASE.saturating_add(PER_BYTE.saturating_mul(bytes.min(MAX_TOKENS) as u64));
        Steps { all, left: Cell::new(all), spent: Cell::new(false) }
    }

    /// Takes some; false if there are not so many left. Whoever is told so stops, and fails closed.
    #[inline]
    #[must_use]
    pub fn take(&self, steps: usize) -> bool {
        match self.left.get().checked_sub(steps as u64) {
            Some(left) if !self.spent.get() => {
                self.left.set(left);
                true
            }
            _ => {
                self.spent.set(true);
                false
            }
        }
    }

    /// True once somebody asked for more than was left: nothing that was found out about the text counts.
    #[must_use]
    pub fn are_spent(&self) -> bool {
        self.spent.get()
    }

    /// How many there are still.
    pub(crate) fn left(&self) -> usize {
        usize::try_from(self.left.get()).unwrap_or(usize::MAX)
    }

    /// How many were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.all.saturating_sub(self.left.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_is_spent_stays_so() {
        let steps = Steps::of(0);
        assert!(steps.take(4_000_000) && !steps.are_spent());
        assert!(!steps.take(1) && steps.are_spent());
        assert!(!steps.take(0), "also for who asks for nothing");
        assert_eq!(steps.taken(), 4_000_000);
    }

    #[test]
    fn a_text_of_blanks_that_buys_time() {
        assert_eq!(Steps::of(MAX_TOKENS).all, Steps::of(32 << 20).all);
        assert!(Steps::of(1_000).all < Steps::of(2_000).all);
    }
}
