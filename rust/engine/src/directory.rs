//! Which session lives on which reactor, and its numbers: for commands and for `sessions list`.

use hoopwire_policy::{Budgets, Grant, Spent};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers of one live session, written by its reactor, read by anyone.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) statements: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

impl Totals {
    pub(crate) fn publish(&self, counters: hoopwire_gateway::Counters) {
        self.statements.store(counters.statements, Ordering::Relaxed);
        self.rows.store(counters.rows, Ordering::Relaxed);
        self.bytes_in.store(counters.bytes_in, Ordering::Relaxed);
        self.bytes_out.store(counters.bytes_out, Ordering::Relaxed);
    }
}

/// What does not change in the life of a session.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) grant: String,
    pub(crate) principal: String,
    pub(crate) target: String,
    pub(crate) database: String,
    pub(crate) peer: String,
    pub(crate) started_at: f64,
    pub(crate) expires_at: f64,
    pub(crate) budgets: Budgets,
    pub(crate) spent: Arc<Spent>,
}

#[derive(Debug)]
struct Entry {
    reactor: usize,
    serial: u32,
    live: Option<(Facts, Arc<Totals>)>,
}

/// One live session; field names as in `hoopwire.model.statistics.LiveSession`.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // documented there
pub struct LiveSession {
    pub session: String,
    pub grant: String,
    pub principal: String,
    pub target: String,
    pub database: String,
    pub peer: String,
    pub started_at: f64,
    pub expires_at: f64,
    pub statements: u64,
    pub rows: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub budget: BudgetUse,
}

/// What a grant has used of each budget that it has, and the limit; field names as in
/// `hoopwire.model.statistics.SessionBudget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // documented there
pub struct BudgetUse {
    pub rows: Option<(u64, u64)>,
    pub bytes: Option<(u64, u64)>,
    pub statements: Option<(u64, u64)>,
    pub wall_time_s: Option<(f64, f64)>,
}

impl Facts {
    fn budget_use(&self) -> BudgetUse {
        let Facts { budgets, spent, .. } = self;
        BudgetUse {
            rows: budgets.rows.map(|limit| (spent.rows(), limit)),
            bytes: budgets.bytes.map(|limit| (spent.bytes(), limit)),
            statements: budgets.statements.map(|limit| (spent.statements(), limit)),
            wall_time_s: budgets
                .wall_time
                .map(|limit| (spent.wall_time().as_secs_f64(), limit.as_secs_f64())),
        }
    }
}

/// Sessions from the moment they wait for a grant.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    entries: Mutex<HashMap<String, Entry>>,
}

impl Directory {
    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, session: &str, reactor: usize, serial: u32) {
        self.entries().insert(session.to_owned(), Entry { reactor, serial, live: None });
    }

    pub(crate) fn find(&self, session: &str) -> Option<(usize, u32)> {
        self.entries().get(session).map(|entry| (entry.reactor, entry.serial))
    }

    pub(crate) fn started(&self, session: &str, facts: Facts, totals: Arc<Totals>) {
        if let Some(entry) = self.entries().get_mut(session) {
            entry.live = Some((facts, totals));
        }
    }

    pub(crate) fn narrowed(&self, session: &str, grant: &Grant, expires_at: f64) {
        if let Some((facts, _)) = self.entries().get_mut(session).and_then(|entry| entry.live.as_mut()) {
            grant.id.clone_into(&mut facts.grant);
            facts.expires_at = facts.expires_at.min(expires_at);
            facts.budgets = grant.budgets;
        }
    }

    /// What the session's grant has used by now comes back; nothing if the session never lived.
    pub(crate) fn remove(&self, session: &str) -> BudgetUse {
        let entry = self.entries().remove(session);
        entry.and_then(|entry| entry.live).map_or_else(BudgetUse::default, |(facts, _)| facts.budget_use())
    }

    pub(crate) fn live(&self) -> Vec<LiveSession> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let entries = self.entries();
        let mut live: Vec<LiveSession> = entries
            .iter()
            .filter_map(|(session, entry)| entry.live.as_ref().map(|live| (session, live)))
            .map(|(session, (facts, totals))| LiveSession {
                session: session.clone(),
                grant: facts.grant.clone(),
                principal: facts.principal.clone(),
                target: facts.target.clone(),
                database: facts.database.clone(),
                peer: facts.peer.clone(),
                started_at: facts.started_at,
                expires_at: facts.expires_at,
                statements: load(&totals.statements),
                rows: load(&totals.rows),
                bytes_in: load(&totals.bytes_in),
                bytes_out: load(&totals.bytes_out),
                budget: facts.budget_use(),
            })
            .collect();
        live.sort_by(|a, b| a.session.cmp(&b.session));
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoopwire_policy::Used;
    use std::time::{Duration, Instant};

    #[test]
    fn smaller_budgets_of_a_live_session_were_not_shown_nor_told_at_its_end() {
        let directory = Directory::default();
        let mut grant = Grant::for_tests(Instant::now() + Duration::from_secs(60));
        let spent: Arc<Spent> = Arc::default();
        let facts = Facts {
            grant: grant.id.clone(),
            principal: grant.principal.clone(),
            target: grant.target.clone(),
            database: grant.database.clone(),
            peer: String::new(),
            started_at: 0.0,
            expires_at: 60.0,
            budgets: Budgets { rows: Some(10), ..Budgets::default() },
            spent: Arc::clone(&spent),
        };
        directory.insert("s_1", 0, 1);
        directory.started("s_1", facts, Arc::default());
        spent.raise(&Used { rows: 4, statements: 2, ..Used::default() });
        grant.budgets = Budgets { rows: Some(5), statements: Some(3), ..Budgets::default() };
        directory.narrowed("s_1", &grant, 50.0);
        let told = BudgetUse { rows: Some((4, 5)), statements: Some((2, 3)), ..BudgetUse::default() };
        assert_eq!(directory.live().first().map(|live| live.budget), Some(told));
        assert_eq!(directory.remove("s_1"), told);
        directory.insert("s_2", 0, 2);
        assert_eq!(directory.remove("s_2"), BudgetUse::default(), "it never came to use anything");
    }
}
