//! Budgets: how much a grant may use over all its sessions.

use crate::decide::Denial;
use crate::grant::Grant;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
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

impl Budgets {
    /// True if nothing is limited: then nothing need be counted.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Budgets::default()
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

/// What the sessions of a grant have used, all together. Each number is exact by itself; nothing is locked, since
/// no decision looks at two of them.
#[derive(Debug, Default)]
pub struct Spent {
    rows: AtomicU64,
    bytes: AtomicU64,
    statements: AtomicU64,
    nanos: AtomicU64,
    running: AtomicU64,
}

impl Spent {
    /// What was used before, for a grant that is taken up again.
    #[must_use]
    pub fn with(rows: u64, bytes: u64, statements: u64, wall_time: Duration) -> Spent {
        Spent {
            rows: rows.into(),
            bytes: bytes.into(),
            statements: statements.into(),
            nanos: nanos(wall_time).into(),
            running: 0.into(),
        }
    }

    /// Rows delivered.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Bytes of rows delivered.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Statements begun.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Relaxed)
    }

    /// How long statements have run, as far as it is counted: see [`Meter::tick`].
    #[must_use]
    pub fn wall_time(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }
}

/// Takes up to `wanted`, without going over `limit`; says how much it was.
fn take(counter: &AtomicU64, wanted: u64, limit: Option<u64>) -> u64 {
    let mut used = counter.load(Relaxed);
    loop {
        let taken = wanted.min(limit.unwrap_or(u64::MAX).saturating_sub(used));
        match counter.compare_exchange_weak(used, used.saturating_add(taken), Relaxed, Relaxed) {
            Ok(_) => return taken,
            Err(now) => used = now,
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The share of `whole` that `part` of `all` makes, rounded up.
fn share(whole: u64, part: u64, all: u64) -> u64 {
    let share = (u128::from(whole) * u128::from(part)).div_ceil(u128::from(all.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// No tick comes sooner after another than this.
const SHORTEST_TICK: Duration = Duration::from_millis(5);

/// One session's use of its grant's budgets.
#[derive(Debug)]
pub struct Meter {
    budgets: Budgets,
    spent: Arc<Spent>,
    /// Running, and counted up to here.
    since: Option<Instant>,
}

impl Meter {
    /// `spent` is shared by all sessions of the grant.
    #[must_use]
    pub fn new(budgets: Budgets, spent: Arc<Spent>) -> Meter {
        Meter { budgets, spent, since: None }
    }

    /// A new grant may have other limits; what is used stays.
    pub fn set_budgets(&mut self, budgets: Budgets) {
        self.budgets = budgets;
    }

    /// What all sessions of the grant have used.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// One more statement begins.
    ///
    /// # Errors
    /// The budget that has no room for it: whichever is used up, since a statement without rows, too, is stopped by
    /// a budget of rows that is gone.
    pub fn take_statement(&self) -> Result<(), Budget> {
        if let Some(budget) = self.exhausted().filter(|budget| *budget != Budget::Statements) {
            return Err(budget);
        }
        match take(&self.spent.statements, 1, self.budgets.statements) {
            1 => Ok(()),
            _ => Err(Budget::Statements),
        }
    }

    /// Of `rows` rows of `bytes` bytes in all, how many may still pass, counted from the first; these are taken.
    /// Exact for one row; of several, each counts as having the same size.
    pub fn take_rows(&self, rows: u64, bytes: u64) -> u64 {
        let taken = take(&self.spent.rows, rows, self.budgets.rows);
        let wanted = share(bytes, taken, rows);
        let granted = take(&self.spent.bytes, wanted, self.budgets.bytes);
        if granted == wanted {
            return taken;
        }
        let fit = match u128::from(rows) * u128::from(granted) / u128::from(bytes.max(1)) {
            fit if fit < u128::from(taken) => u64::try_from(fit).unwrap_or(0),
            _ => taken,
        };
        // give back what does not pass: others may have smaller rows
        self.spent.rows.fetch_sub(taken.saturating_sub(fit), Relaxed);
        self.spent.bytes.fetch_sub(granted.saturating_sub(share(bytes, fit, rows).min(granted)), Relaxed);
        fit
    }

    /// A statement runs from now on. Nothing happens if one does already.
    pub fn start(&mut self, now: Instant) {
        if self.since.is_none() {
            self.since = Some(now);
            self.spent.running.fetch_add(1, Relaxed);
        }
    }

    /// No statement runs any more.
    pub fn stop(&mut self, now: Instant) {
        self.tick(now);
        if self.since.take().is_some() {
            self.spent.running.fetch_sub(1, Relaxed);
        }
    }

    /// Counts the time up to `now`; to be called at [`Meter::wake`], and whenever [`Meter::exhausted`] should know.
    pub fn tick(&mut self, now: Instant) {
        if let Some(since) = self.since.filter(|since| *since < now) {
            self.spent.nanos.fetch_add(nanos(now.duration_since(since)), Relaxed);
            self.since = Some(now);
        }
    }

    /// When to call [`Meter::tick`] next: while a statement runs under a `wall_time` budget. Sessions that run at
    /// the same time share what remains, so that the end is found in time without asking the others.
    #[must_use]
    pub fn wake(&self) -> Option<Instant> {
        let remaining = self.budgets.wall_time?.saturating_sub(self.spent.wall_time());
        let running = u32::try_from(self.spent.running.load(Relaxed)).unwrap_or(u32::MAX).max(1);
        let step = remaining.checked_div(running).unwrap_or(remaining);
        self.since?.checked_add(if remaining.is_zero() { step } else { step.max(SHORTEST_TICK) })
    }

    /// A budget that is used up, if any.
    #[must_use]
    pub fn exhausted(&self) -> Option<Budget> {
        let gone = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used >= limit);
        let Meter { budgets, spent, .. } = self;
        if gone(budgets.rows, spent.rows()) {
            Some(Budget::Rows)
        } else if gone(budgets.bytes, spent.bytes()) {
            Some(Budget::Bytes)
        } else if gone(budgets.wall_time.map(nanos), nanos(spent.wall_time())) {
            Some(Budget::WallTime)
        } else if gone(budgets.statements, spent.statements()) {
            Some(Budget::Statements)
        } else {
            None
        }
    }

    /// The budget that kept [`Meter::take_rows`] from passing all rows.
    #[must_use]
    pub fn short_of_rows(&self) -> Budget {
        match self.exhausted() {
            Some(Budget::Rows) => Budget::Rows,
            _ => Budget::Bytes,
        }
    }

    /// The texts for a budget that has no more room (SQLSTATE 54000).
    #[must_use]
    pub fn denial(&self, budget: Budget, grant: &Grant) -> Denial {
        let Meter { budgets, spent, .. } = self;
        let count = |limit: Option<u64>| limit.unwrap_or(u64::MAX).to_string();
        let time = |time: Duration| format!("{:.3} s", time.as_secs_f64());
        let (code, what, used, limit) = match budget {
            Budget::Rows => ("budget_rows", "rows", spent.rows().to_string(), count(budgets.rows)),
            Budget::Bytes => ("budget_bytes", "bytes", spent.bytes().to_string(), count(budgets.bytes)),
            Budget::Statements => {
                ("budget_statements", "statements", spent.statements().to_string(), count(budgets.statements))
            }
            Budget::WallTime => (
                "budget_wall_time",
                "wall_time",
                time(spent.wall_time()),
                time(budgets.wall_time.unwrap_or(Duration::MAX)),
            ),
        };
        Denial {
            sqlstate: "54000",
            code,
            message: format!("grant {} has used up its budget of {what}", grant.id),
            detail: format!(
                "Used: {used} of {limit} ({what}), over all sessions of the grant.\ncode: {code}"
            ),
            hint: "Ask for less at a time, or ask the gateway's operators for a larger budget in the policy."
                .to_owned(),
            position: None,
        }
    }
}

/// A session that ends while a statement runs does not count as running any more. Its last stretch is lost if
/// nobody called [`Meter::stop`].
impl Drop for Meter {
    fn drop(&mut self) {
        if self.since.is_some() {
            self.spent.running.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // a test needs some instant to count from
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meter(budgets: Budgets) -> Meter {
        Meter::new(budgets, Arc::default())
    }

    proptest! {
        #[test]
        fn a_budget_that_is_overdrawn_by_row_or_by_batch(
            rows in 0u64..50, bytes in 0u64..500,
            batches in prop::collection::vec((1u64..20, 0u64..200), 0..30),
        ) {
            let meter = meter(Budgets { rows: Some(rows), bytes: Some(bytes), ..Budgets::default() });
            let (mut passed, mut refused) = (0, false);
            for (n, size) in batches {
                let fit = meter.take_rows(n, size);
                prop_assert!(fit <= n);
                if fit < n {
                    refused = true;
                    // not for nothing: one row more would not have fitted
                    prop_assert!(
                        passed + fit + 1 > rows || meter.spent.bytes() + size.div_ceil(n) > bytes,
                        "{fit} of {n}"
                    );
                }
                passed += fit;
                prop_assert_eq!(meter.spent.rows(), passed);
                prop_assert!(meter.spent.rows() <= rows && meter.spent.bytes() <= bytes);
            }
            prop_assert!(refused || passed <= rows);
        }

        #[test]
        fn one_row_is_counted_to_the_byte(bytes in 0u64..500, sizes in prop::collection::vec(0u64..200, 0..20)) {
            let meter = meter(Budgets { bytes: Some(bytes), ..Budgets::default() });
            let mut sum = 0;
            for size in sizes {
                let fits = sum + size <= bytes;
                prop_assert_eq!(meter.take_rows(1, size), u64::from(fits));
                sum += if fits { size } else { 0 };
                prop_assert_eq!(meter.spent.bytes(), sum);
            }
        }

        #[test]
        fn time_that_is_counted_twice_or_not_at_all(
            steps in prop::collection::vec((0usize..3, 0u8..3, 0u64..1000), 0..40),
        ) {
            let spent: Arc<Spent> = Arc::default();
            let mut now = Instant::now();
            let mut sessions: Vec<_> = (0..3).map(|_| (Meter::new(Budgets::default(), Arc::clone(&spent)), false)).collect();
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
            prop_assert_eq!(spent.running.load(Relaxed), 0);
        }
    }

    #[test]
    fn two_sessions_that_each_get_the_whole_budget() {
        let spent: Arc<Spent> = Arc::default();
        let budgets = Budgets { statements: Some(3), ..Budgets::default() };
        let sessions = [Meter::new(budgets, Arc::clone(&spent)), Meter::new(budgets, spent)];
        let taken = sessions.iter().cycle().take(10).filter(|meter| meter.take_statement().is_ok()).count();
        assert_eq!(taken, 3);
        assert_eq!(sessions[0].take_statement(), Err(Budget::Statements));
    }

    #[test]
    fn threads_that_race_for_the_last_rows() {
        let spent: Arc<Spent> = Arc::default();
        let budgets = Budgets { rows: Some(10_000), ..Budgets::default() };
        let passed: u64 = std::thread::scope(|scope| {
            #[allow(clippy::needless_collect)] // all must run at once
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let meter = Meter::new(budgets, Arc::clone(&spent));
                    scope.spawn(move || (0..5_000).map(|_| meter.take_rows(1, 10)).sum::<u64>())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((passed, spent.rows()), (10_000, 10_000));
    }

    #[test]
    fn sessions_that_run_together_find_the_end_in_time() {
        let spent: Arc<Spent> = Arc::default();
        let budgets = Budgets { wall_time: Some(Duration::from_secs(3)), ..Budgets::default() };
        let mut sessions: Vec<_> = (0..3).map(|_| Meter::new(budgets, Arc::clone(&spent))).collect();
        let start = Instant::now();
        for meter in &mut sessions {
            meter.start(start);
        }
        let mut now = start;
        while sessions[0].exhausted().is_none() {
            now = sessions.iter().filter_map(Meter::wake).min().unwrap();
            for meter in &mut sessions {
                if meter.wake().is_some_and(|wake| wake <= now) {
                    meter.tick(now);
                }
            }
        }
        let late = now.duration_since(start);
        assert!(late >= Duration::from_secs(1) && late < Duration::from_millis(1050), "{late:?}");
        assert_eq!(sessions[1].exhausted(), Some(Budget::WallTime));
        assert_eq!(sessions[1].take_statement(), Err(Budget::WallTime));
        assert!(sessions[1].wake().is_some_and(|wake| wake <= now), "and it says so at once");
    }

    #[test]
    fn a_denial_that_does_not_say_which_budget_and_how_much() {
        let budgets = Budgets {
            rows: Some(5),
            bytes: Some(100),
            statements: Some(2),
            wall_time: Some(Duration::from_millis(1500)),
        };
        let meter = Meter::new(budgets, Arc::new(Spent::with(5, 90, 2, Duration::from_millis(1500))));
        let grant = Grant::for_tests(Instant::now());
        for (budget, code, used) in [
            (Budget::Rows, "budget_rows", "5 of 5 (rows)"),
            (Budget::Bytes, "budget_bytes", "90 of 100 (bytes)"),
            (Budget::Statements, "budget_statements", "2 of 2 (statements)"),
            (Budget::WallTime, "budget_wall_time", "1.500 s of 1.500 s (wall_time)"),
        ] {
            let denial = meter.denial(budget, &grant);
            assert_eq!((denial.sqlstate, denial.code), ("54000", code));
            assert!(denial.detail.contains(used) && denial.detail.ends_with(code), "{}", denial.detail);
        }
        assert!(!budgets.is_unlimited() && Budgets::default().is_unlimited());
    }
}
