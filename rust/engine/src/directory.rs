//! Which session lives on which reactor, and its numbers: for commands and for `sessions list`.

use hoopwire_grant::{Budgets, Grant, Spent};
use hoopwire_session::Counters;
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
    pub(crate) fn publish(&self, counters: Counters) {
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
    /// Another connection may mean it by this mark.
    mark: Option<u64>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<String, Entry>,
    /// Sessions by their marks, which several may share.
    by_mark: HashMap<u64, Vec<String>>,
}

impl Sessions {
    fn remove(&mut self, session: &str) -> Option<Entry> {
        let entry = self.by_id.remove(session)?;
        if let Some(mark) = entry.mark
            && let Some(marked) = self.by_mark.get_mut(&mark)
        {
            marked.retain(|other| other != session);
            if marked.is_empty() {
                self.by_mark.remove(&mark);
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
        let entry = Entry { reactor, serial, live: None, mark: None };
        self.sessions().by_id.insert(session.to_owned(), entry);
    }

    /// Other connections may mean this session by `mark`.
    pub(crate) fn mark(&self, session: &str, mark: u64) {
        let mut sessions = self.sessions();
        let Some(entry) = sessions.by_id.get_mut(session) else { return };
        entry.mark = Some(mark);
        sessions.by_mark.entry(mark).or_default().push(session.to_owned());
    }

    /// Reactor and serial number of each session with this mark.
    pub(crate) fn marked(&self, mark: u64) -> Vec<(usize, u32)> {
        let sessions = self.sessions();
        let marked = sessions.by_mark.get(&mark).map_or(&[][..], Vec::as_slice);
        let entries = marked.iter().filter_map(|session| sessions.by_id.get(session));
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

    pub(crate) fn narrowed<R>(&self, session: &str, grant: &Grant<R>, expires_at: f64) {
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
    use hoopwire_grant::Used;
    use std::time::{Duration, Instant};

    #[test]
    fn sessions_of_two_targets_with_one_mark_are_told_apart() {
        // H15: what another session at the target was named by was the gateway's own.
        let directory = Directory::default();
        for (serial, session) in ["s_1", "s_2", "s_3"].into_iter().enumerate() {
            directory.insert(session, serial, 7);
        }
        directory.mark("s_1", 4711);
        directory.mark("s_2", 4711);
        directory.mark("s_3", 4712);
        directory.mark("never there", 4711);
        assert_eq!(directory.marked(4711), [(0, 7), (1, 7)]);
        assert_eq!(directory.marked(4712), [(2, 7)]);
        assert_eq!(directory.marked(4713), []);
        directory.remove("s_1");
        assert_eq!(directory.marked(4711), [(1, 7)]);
        for session in ["s_2", "s_3"] {
            directory.remove(session);
        }
        assert!(directory.sessions().by_mark.is_empty(), "what ended is forgotten");
    }

    #[test]
    fn smaller_budgets_of_a_live_session_were_not_shown_nor_told_at_its_end() {
        let directory = Directory::default();
        let mut grant = Grant::of((), Instant::now() + Duration::from_secs(60));
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
