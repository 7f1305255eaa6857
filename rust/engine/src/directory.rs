//! Which session lives on which reactor, and its numbers: for commands and for `sessions list`.

use hoopwire_postgres_policy::{Budgets, Grant, Spent};
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
    pub(crate) fn publish(&self, counters: hoopwire_postgres_session::Counters) {
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
    /// What its principal may name it by in a CancelRequest.
    pid: Option<u32>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<String, Entry>,
    /// Sessions by the process id that their principals were told, with the length of the key: those of two targets may
    /// share one, and so may one that ends and the next at the same target.
    by_pid: HashMap<u32, Vec<(String, usize)>>,
}

impl Sessions {
    fn remove(&mut self, session: &str) -> Option<Entry> {
        let entry = self.by_id.remove(session)?;
        if let Some(pid) = entry.pid
            && let Some(named) = self.by_pid.get_mut(&pid)
        {
            named.retain(|(other, _)| other != session);
            if named.is_empty() {
                self.by_pid.remove(&pid);
            }
        }
        Some(entry)
    }
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
    sessions: Mutex<Sessions>,
}

impl Directory {
    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, session: &str, reactor: usize, serial: u32) {
        let entry = Entry { reactor, serial, live: None, pid: None };
        self.sessions().by_id.insert(session.to_owned(), entry);
    }

    /// The session's principal is told this process id, and a key of this length.
    pub(crate) fn may_be_cancelled(&self, session: &str, pid: u32, key_bytes: usize) {
        let mut sessions = self.sessions();
        let Some(entry) = sessions.by_id.get_mut(session) else { return };
        entry.pid = Some(pid);
        sessions.by_pid.entry(pid).or_default().push((session.to_owned(), key_bytes));
    }

    /// Reactor and serial number of each session with this process id and a key of this length.
    pub(crate) fn with_key_of(&self, pid: u32, key_bytes: usize) -> Vec<(usize, u32)> {
        let sessions = self.sessions();
        let named = sessions.by_pid.get(&pid).map_or(&[][..], Vec::as_slice);
        let fitting = named.iter().filter(|(_, bytes)| *bytes == key_bytes);
        let entries = fitting.filter_map(|(session, _)| sessions.by_id.get(session));
        entries.map(|entry| (entry.reactor, entry.serial)).collect()
    }

    pub(crate) fn find(&self, session: &str) -> Option<(usize, u32)> {
        self.sessions().by_id.get(session).map(|entry| (entry.reactor, entry.serial))
    }

    pub(crate) fn started(&self, session: &str, facts: Facts, totals: Arc<Totals>) {
        if let Some(entry) = self.sessions().by_id.get_mut(session) {
            entry.live = Some((facts, totals));
        }
    }

    pub(crate) fn narrowed(&self, session: &str, grant: &Grant, expires_at: f64) {
        if let Some((facts, _)) = self.sessions().by_id.get_mut(session).and_then(|entry| entry.live.as_mut())
        {
            grant.id.clone_into(&mut facts.grant);
            facts.expires_at = facts.expires_at.min(expires_at);
            facts.budgets = grant.budgets;
        }
    }

    /// What the session's grant has used by now comes back; nothing if the session never lived.
    pub(crate) fn remove(&self, session: &str) -> BudgetUse {
        let entry = self.sessions().remove(session);
        entry.and_then(|entry| entry.live).map_or_else(BudgetUse::default, |(facts, _)| facts.budget_use())
    }

    pub(crate) fn live(&self) -> Vec<LiveSession> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sessions = self.sessions();
        let mut live: Vec<LiveSession> = sessions
            .by_id
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
    use hoopwire_postgres_policy::Used;
    use std::time::{Duration, Instant};

    #[test]
    fn sessions_of_two_targets_with_one_process_id_are_told_apart() {
        // H15: the process id was the gateway's own, and another session's at the target.
        let directory = Directory::default();
        for (serial, session) in ["s_1", "s_2", "s_3"].into_iter().enumerate() {
            directory.insert(session, serial, 7);
        }
        directory.may_be_cancelled("s_1", 4711, 4);
        directory.may_be_cancelled("s_2", 4711, 4);
        directory.may_be_cancelled("s_3", 4711, 32);
        directory.may_be_cancelled("never there", 4711, 4);
        assert_eq!(directory.with_key_of(4711, 4), [(0, 7), (1, 7)]);
        assert_eq!(directory.with_key_of(4711, 32), [(2, 7)]);
        assert_eq!(directory.with_key_of(4712, 4), []);
        directory.remove("s_1");
        assert_eq!(directory.with_key_of(4711, 4), [(1, 7)]);
        for session in ["s_2", "s_3"] {
            directory.remove(session);
        }
        assert!(directory.sessions().by_pid.is_empty(), "what ended is forgotten");
    }

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
