//! Counts what a session uses of its grant's budgets.

use crate::denial::{Code, Denial};
use crate::fault::Fault;
use crate::grant::Grant;
use crate::limits::{Budget, Budgets};
use crate::spent::{Spent, take};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The reactor's clock counts whole milliseconds: nothing is waited for that is shorter.
const LEAST_WAIT: Duration = Duration::from_millis(2);

/// The time of a statement that still runs is counted this often: others look at [`Spent`] to keep it.
const MOST_WAIT: Duration = Duration::from_secs(1);

/// One session's use of its grant's budgets.
#[derive(Debug)]
pub struct Meter {
    budgets: Budgets,
    /// There is a limit of any kind.
    is_limited: bool,
    spent: Arc<Spent>,
    /// Since when a statement runs whose time is not counted yet.
    running_since: Option<Instant>,
}

impl Meter {
    /// `spent` is shared by all sessions of the grant.
    #[must_use]
    pub fn new(budgets: Budgets, spent: Arc<Spent>) -> Meter {
        Meter { budgets, is_limited: budgets.are_any(), spent, running_since: None }
    }

    /// A regrant may change the limits; what is used stays.
    pub fn set_budgets(&mut self, budgets: Budgets) {
        self.budgets = budgets;
        self.is_limited = budgets.are_any();
    }

    /// One more statement begins.
    ///
    /// # Errors
    /// The budget that has no room for it (any budget that is used up stops new statements).
    pub fn take_statement(&self) -> Result<(), Budget> {
        if let Some(budget) = self.exhausted() {
            return Err(budget);
        }
        let limit = self.budgets.statements.unwrap_or(u64::MAX);
        if take(&self.spent.statements, 1, limit) == 1 { Ok(()) } else { Err(Budget::Statements) }
    }

    /// Of `rows` rows of `bytes` bytes in all, how many may still pass; these are taken. Exact for one row; of
    /// several, each counts as having the same size.
    pub fn take_rows(&self, rows: u64, bytes: u64) -> u64 {
        let passed = take(&self.spent.rows, rows, self.budgets.rows.unwrap_or(u64::MAX));
        if rows == 0 {
            return 0;
        }
        let each = || bytes.div_ceil(rows).max(1);
        let limit = self.budgets.bytes.unwrap_or(u64::MAX);
        let wanted = if passed == rows { bytes } else { passed.saturating_mul(each()) };
        let taken = take(&self.spent.bytes, wanted, limit);
        if taken == wanted {
            return passed;
        }
        // what is left of the budget is smaller than the next row: it is used up
        let fit = taken / each();
        self.spent.rows.fetch_sub(passed.saturating_sub(fit), Ordering::Relaxed);
        fit
    }

    /// A statement that was counted goes on.
    ///
    /// # Errors
    /// The budget that is used up, other than the one that it was counted in.
    pub fn go_on(&self) -> Result<(), Budget> {
        self.exhausted().filter(|budget| *budget != Budget::Statements).map_or(Ok(()), Err)
    }

    /// There is a limit of bytes.
    #[must_use]
    pub fn limits_bytes(&self) -> bool {
        self.budgets.bytes.is_some()
    }

    /// Takes so many bytes outside rows. False if they do not fit: then the budget is used up.
    pub fn take_bytes(&self, bytes: u64) -> bool {
        take(&self.spent.bytes, bytes, self.budgets.bytes.unwrap_or(u64::MAX)) == bytes
    }

    /// The target works.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// A statement runs from now on. Nothing happens if one does already.
    pub fn start(&mut self, now: Instant) {
        if self.running_since.is_none() {
            self.running_since = Some(now);
            self.spent.running.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No statement runs any more.
    pub fn stop(&mut self, now: Instant) {
        self.tick(now);
        if self.running_since.take().is_some() {
            self.spent.running.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts the time up to `now`; to be called at [`Meter::wake`].
    pub fn tick(&mut self, now: Instant) {
        let Some(since) = &mut self.running_since else { return };
        let passed = now.saturating_duration_since(*since);
        *since = now;
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        self.spent.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// When to call [`Meter::tick`]: while a statement runs under a `wall_time` budget. Sessions of one grant that
    /// run at once use it up together, so that each looks again after its share, and after a second at the latest.
    #[must_use]
    pub fn wake(&self) -> Option<Instant> {
        let left = self.budgets.wall_time?.saturating_sub(self.spent.wall_time());
        let running = u32::try_from(self.spent.running.load(Ordering::Relaxed)).unwrap_or(u32::MAX).max(1);
        self.running_since?.checked_add((left / running).clamp(LEAST_WAIT, MOST_WAIT))
    }

    /// The time is used up.
    #[must_use]
    pub fn is_over_time(&self) -> bool {
        self.budgets.wall_time.is_some_and(|limit| self.spent.wall_time() >= limit)
    }

    /// A budget that is used up, if any.
    #[must_use]
    pub fn exhausted(&self) -> Option<Budget> {
        if !self.is_limited {
            return None;
        }
        let full = |used: u64, limit: Option<u64>| limit.is_some_and(|limit| used >= limit);
        if full(self.spent.rows(), self.budgets.rows) {
            Some(Budget::Rows)
        } else if full(self.spent.bytes(), self.budgets.bytes) {
            Some(Budget::Bytes)
        } else if self.is_over_time() {
            Some(Budget::WallTime)
        } else if full(self.spent.statements(), self.budgets.statements) {
            Some(Budget::Statements)
        } else {
            None
        }
    }

    /// The texts for a budget that is used up.
    #[must_use]
    pub fn denial<R, C: From<Code>>(&self, budget: Budget, grant: &Grant<R>) -> Denial<C> {
        let (code, key, used, limit) = match budget {
            Budget::Rows => {
                (Code::BudgetRows, "rows", self.spent.rows().to_string(), text(self.budgets.rows))
            }
            Budget::Bytes => {
                (Code::BudgetBytes, "bytes", self.spent.bytes().to_string(), text(self.budgets.bytes))
            }
            Budget::Statements => {
                let used = self.spent.statements().to_string();
                (Code::BudgetStatements, "statements", used, text(self.budgets.statements))
            }
            Budget::WallTime => {
                let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
                let limit = self.budgets.wall_time.map_or_else(String::new, seconds);
                (Code::BudgetWallTime, "wall_time", seconds(self.spent.wall_time()), limit)
            }
        };
        Denial {
            fault: Fault::OverLimit,
            code: code.into(),
            message: format!("grant {} has used up its budget: {key}", grant.id),
            detail: format!(
                "Used {used} of {limit} ({key}), over all sessions of the grant; policy \"{}\" sets it.\ncode: {}",
                grant.policy,
                code.name()
            ),
            hint: format!(
                "Get a new grant with a new access token and ask for less, or ask the gateway's operators to raise \
                 budgets.{key} of the policy for new grants."
            ),
            position: None,
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.running_since.is_some() {
            self.spent.running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn text(limit: Option<u64>) -> String {
    limit.map_or_else(String::new, |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meter(budgets: Budgets) -> (Meter, Arc<Spent>) {
        let spent = Arc::new(Spent::default());
        (Meter::new(budgets, Arc::clone(&spent)), spent)
    }

    #[test]
    fn a_second_session_does_not_fill_the_budget_up() {
        // Each connection of a grant had a budget of its own.
        let budgets = Budgets { statements: Some(3), ..Budgets::default() };
        let (first, spent) = meter(budgets);
        let second = Meter::new(budgets, spent);
        assert_eq!(
            (first.take_statement(), second.take_statement(), first.take_statement()),
            (Ok(()), Ok(()), Ok(()))
        );
        assert_eq!(second.take_statement(), Err(Budget::Statements));
    }

    #[test]
    fn rows_beyond_the_budget_do_not_pass() {
        let (meter, spent) = meter(Budgets { rows: Some(10), ..Budgets::default() });
        assert_eq!((meter.take_rows(7, 700), meter.take_rows(7, 700), meter.take_rows(1, 1)), (7, 3, 0));
        assert_eq!((spent.rows(), meter.exhausted()), (10, Some(Budget::Rows)));
        assert_eq!(meter.take_statement(), Err(Budget::Rows));
    }

    #[test]
    fn a_row_that_does_not_fit_uses_the_bytes_up() {
        let (meter, spent) = meter(Budgets { bytes: Some(100), ..Budgets::default() });
        assert_eq!((meter.take_rows(1, 60), meter.take_rows(1, 60)), (1, 0));
        assert_eq!((spent.rows(), meter.exhausted()), (1, Some(Budget::Bytes)));
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // some instant to count from
    fn time_runs_only_while_a_statement_runs_and_is_shared() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let budgets = Budgets { wall_time: Some(second), ..Budgets::default() };
        let (mut one, spent) = meter(budgets);
        let mut other = Meter::new(budgets, Arc::clone(&spent));
        assert_eq!(one.wake(), None);
        one.start(now);
        assert_eq!(one.wake(), Some(now + second));
        other.start(now);
        assert_eq!(one.wake(), Some(now + second / 2), "two use it up in half the time");
        one.tick(now + second / 2);
        assert_eq!(one.exhausted(), None);
        other.stop(now + second / 2);
        assert_eq!((one.exhausted(), spent.wall_time()), (Some(Budget::WallTime), second));
        assert!(one.wake() > Some(now + second / 2), "never in the past: the reactor would spin");
        one.stop(now + second / 2);
        assert_eq!(one.take_statement(), Err(Budget::WallTime));
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // some instant to count from
    fn the_time_of_a_long_statement_was_not_seen_until_it_ended() {
        // A gateway that was killed in its fifth minute had kept nothing of it.
        let now = Instant::now();
        let (mut meter, spent) =
            meter(Budgets { wall_time: Some(Duration::from_secs(600)), ..Budgets::default() });
        meter.start(now);
        let wake = meter.wake().unwrap();
        assert_eq!(wake, now + MOST_WAIT);
        meter.tick(wake);
        assert_eq!(spent.wall_time(), MOST_WAIT);
    }

    #[test]
    fn threads_that_race_for_the_last_rows() {
        let spent: Arc<Spent> = Arc::default();
        let budgets = Budgets { rows: Some(10_000), ..Budgets::default() };
        let passed: u64 = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| {
                let meter = Meter::new(budgets, Arc::clone(&spent));
                scope.spawn(move || (0..5_000).map(|_| meter.take_rows(1, 10)).sum::<u64>())
            });
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!((passed, spent.rows()), (10_000, 10_000));
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // some instant to count from
    fn a_denial_that_does_not_say_which_budget_and_how_much() {
        let budgets = Budgets { rows: Some(5), statements: Some(2), ..Budgets::default() };
        let (meter, _) = meter(budgets);
        assert_eq!((meter.take_rows(9, 90), meter.exhausted()), (5, Some(Budget::Rows)));
        let grant = Grant::of((), Instant::now());
        for (budget, code, used) in [
            (Budget::Rows, "budget_rows", "Used 5 of 5 (rows)"),
            (Budget::Statements, "budget_statements", "Used 0 of 2 (statements)"),
        ] {
            let denial: Denial<Code> = meter.denial(budget, &grant);
            assert_eq!((denial.fault, denial.code.name()), (Fault::OverLimit, code));
            assert!(denial.detail.contains(used) && denial.detail.ends_with(code), "{}", denial.detail);
        }
    }

    proptest! {
        #[test]
        #[allow(clippy::disallowed_methods)] // some instant to count from
        fn time_that_is_counted_twice_or_not_at_all(
            steps in prop::collection::vec((0_usize..3, 0_u8..3, 0_u64..1000), 0..40),
        ) {
            let spent: Arc<Spent> = Arc::default();
            let mut now = Instant::now();
            let mut sessions = [false; 3].map(|runs| (Meter::new(Budgets::default(), Arc::clone(&spent)), runs));
            let mut expected = Duration::ZERO;
            for (at, what, step) in steps {
                let step = Duration::from_millis(step);
                now += step;
                expected += step * u32::try_from(sessions.iter().filter(|(_, runs)| *runs).count()).unwrap();
                let (meter, runs) = &mut sessions[at];
                match what {
                    0 => { meter.start(now); *runs = true; }
                    1 => { meter.stop(now); *runs = false; }
                    _ => meter.tick(now),
                }
            }
            for (meter, _) in &mut sessions {
                meter.stop(now);
            }
            prop_assert_eq!(spent.wall_time(), expected);
            prop_assert_eq!(spent.running.load(Ordering::Relaxed), 0);
        }

        #[test]
        fn never_more_than_the_budget(
            limit in 0_u64..1000,
            takes in prop::collection::vec((0_u64..200, 0_u64..5000), 0..30),
        ) {
            let (meter, spent) = meter(Budgets { rows: Some(limit), bytes: Some(limit * 10), ..Budgets::default() });
            let mut passed = 0;
            for (rows, bytes) in takes {
                let some = meter.take_rows(rows, bytes);
                prop_assert!(some <= rows);
                passed += some;
            }
            prop_assert!(passed <= limit && spent.bytes() <= limit * 10);
            prop_assert_eq!(spent.rows(), passed);
        }
    }
}
