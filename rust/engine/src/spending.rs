//! What grants have used of their budgets, over all their sessions and reactors.

use hoopwire_grant::{Grant, Spent};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Looked through for grants that are over whenever it has doubled beyond this.
const SWEEP_AT: usize = 1024;

#[derive(Debug)]
struct Grants {
    by_id: HashMap<String, (Arc<Spent>, Instant)>,
    sweep_at: usize,
}

/// Kept until a grant's time is over: to connect again does not fill its budgets up.
#[derive(Debug)]
pub(crate) struct Spending {
    grants: Mutex<Grants>,
}

impl Spending {
    pub(crate) fn new() -> Spending {
        Spending { grants: Mutex::new(Grants { by_id: HashMap::new(), sweep_at: SWEEP_AT }) }
    }

    /// What this grant has used, shared with its other sessions. An earlier run's count comes with the grant.
    pub(crate) fn of<R>(&self, grant: &Grant<R>, now: Instant) -> Arc<Spent> {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        if grants.by_id.len() >= grants.sweep_at {
            grants.by_id.retain(|_, (_, deadline)| *deadline > now);
            grants.sweep_at = SWEEP_AT.max(grants.by_id.len().saturating_mul(2));
        }
        let (spent, deadline) =
            grants.by_id.entry(grant.id.clone()).or_insert_with(|| (Arc::default(), grant.deadline));
        *deadline = grant.deadline.max(*deadline);
        spent.raise(&grant.used);
        Arc::clone(spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoopwire_grant::Used;
    use std::time::Duration;

    #[test]
    fn a_restart_filled_the_budgets_up_again() {
        let now = Instant::now();
        let spending = Spending::new();
        let mut grant = Grant::of((), now + Duration::from_secs(60));
        grant.used = Used { rows: 10, ..Used::default() };
        assert_eq!(spending.of(&grant, now).rows(), 10);
        // what the control plane wrote down is older than what this run counts
        spending.of(&grant, now).raise(&Used { rows: 12, ..Used::default() });
        assert_eq!(spending.of(&grant, now).rows(), 12);
    }

    #[test]
    fn a_grant_that_is_over_is_forgotten_and_one_that_lives_is_not() {
        // A session that connected again found its budget full.
        let now = Instant::now();
        let spending = Spending::new();
        let mut grant = Grant::of((), now + Duration::from_secs(60));
        let spent = spending.of(&grant, now);
        for number in 0..SWEEP_AT * 3 {
            let mut other = Grant::of((), now);
            other.id = format!("g_{number}_other");
            spending.of(&other, now);
        }
        assert!(Arc::ptr_eq(&spent, &spending.of(&grant, now)));
        assert!(spending.grants.lock().unwrap().by_id.len() <= SWEEP_AT + 1);
        grant.id = "g_2".into();
        assert!(!Arc::ptr_eq(&spent, &spending.of(&grant, now)));
    }
}
