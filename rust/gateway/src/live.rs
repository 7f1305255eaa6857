//! The state of an admitted session.

use crate::exact::Exact;
use hoopwire_policy::{Action, Denial, Grant, Meter, Record};
use hoopwire_postgres::cancel::CancelKey;
use hoopwire_postgres::message::Scanner;
use hoopwire_postgres::pipeline::Pipeline;
use hoopwire_wire::Secret;
use std::collections::{HashMap, HashSet};

/// Running totals of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Statements that the principal sent (Query, Parse, FunctionCall), allowed or not.
    pub statements: u64,
    /// Rows delivered (DataRow, and CopyData of a COPY out).
    pub rows: u64,
    /// Bytes received from the principal after login.
    pub bytes_in: u64,
    /// Bytes delivered to the principal after login.
    pub bytes_out: u64,
}

/// Most memory for the names and types of prepared statements and portals; beyond it parameters are recorded
/// without their types, and executions without their statement.
const NAMES_MAX_BYTES: usize = 1024 * 1024;
/// What an entry costs besides its name and types.
const ENTRY_BYTES: usize = 128;

/// What is known of a prepared statement, to record its parameters as typed values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    /// The number of the Parse.
    pub(crate) no: u64,
    /// Parameter type OIDs, as declared or as the target said.
    pub(crate) types: Vec<u32>,
}

/// Statements and portals by name. Unnamed ones are kept apart: they are the common case.
#[derive(Debug, Default)]
pub(crate) struct Names {
    unnamed: Prepared,
    named: HashMap<Vec<u8>, Prepared>,
    unnamed_portal: u64,
    portals: HashMap<Vec<u8>, u64>,
    /// What the entries of both maps cost.
    held_bytes: usize,
}

fn cost(name: &[u8], types: &[u32]) -> usize {
    name.len().saturating_add(types.len().saturating_mul(4)).saturating_add(ENTRY_BYTES)
}

impl Names {
    pub(crate) fn prepare(&mut self, name: &[u8], prepared: Prepared) {
        if name.is_empty() {
            self.unnamed = prepared;
        } else {
            self.close(b'S', name);
            if self.reserve(cost(name, &prepared.types)) {
                self.named.insert(name.to_vec(), prepared);
            }
        }
    }

    fn reserve(&mut self, bytes: usize) -> bool {
        let held_bytes = self.held_bytes.saturating_add(bytes);
        if held_bytes <= NAMES_MAX_BYTES {
            self.held_bytes = held_bytes;
        }
        held_bytes <= NAMES_MAX_BYTES
    }

    pub(crate) fn prepared(&self, name: &[u8]) -> Option<&Prepared> {
        if name.is_empty() { Some(&self.unnamed) } else { self.named.get(name) }
    }

    /// ParameterDescription came for statement `no`.
    pub(crate) fn learn(&mut self, no: u64, types: Vec<u32>) {
        if self.unnamed.no == no {
            self.unnamed.types = types;
        } else if let Some(prepared) = self.named.values_mut().find(|prepared| prepared.no == no) {
            let held_bytes = self.held_bytes.saturating_sub(prepared.types.len().saturating_mul(4));
            let held_bytes = held_bytes.saturating_add(types.len().saturating_mul(4));
            if held_bytes <= NAMES_MAX_BYTES {
                self.held_bytes = held_bytes;
                prepared.types = types;
            }
        }
    }

    pub(crate) fn bind(&mut self, portal: &[u8], no: u64) {
        if portal.is_empty() {
            self.unnamed_portal = no;
        } else if let Some(bound) = self.portals.get_mut(portal) {
            *bound = no;
        } else if self.reserve(cost(portal, &[])) {
            self.portals.insert(portal.to_vec(), no);
        }
    }

    pub(crate) fn portal(&self, name: &[u8]) -> u64 {
        if name.is_empty() { self.unnamed_portal } else { self.portals.get(name).copied().unwrap_or(0) }
    }

    pub(crate) fn close(&mut self, kind: u8, name: &[u8]) {
        let freed = match kind {
            b'S' => self.named.remove(name).map(|prepared| cost(name, &prepared.types)),
            b'P' => self.portals.remove(name).map(|_| cost(name, &[])),
            _ => None,
        };
        self.held_bytes = self.held_bytes.saturating_sub(freed.unwrap_or(0));
    }
}

/// A session under a grant.
#[derive(Debug)]
pub(crate) struct Live {
    /// Stream-local number of the session in the recording.
    pub(crate) no: u32,
    pub(crate) grant: Box<Grant>,
    /// The startup packet asked for replication mode and the grant allows it.
    pub(crate) replication: bool,
    pub(crate) cancel_key: CancelKey,
    pub(crate) upstream_pid: u32,
    pub(crate) upstream_key: Secret<Vec<u8>>,
    pub(crate) from_principal: Scanner,
    pub(crate) from_target: Scanner,
    pub(crate) pipeline: Pipeline<Denial>,
    pub(crate) names: Names,
    pub(crate) next_no: u64,
    /// After a denial in the extended protocol: everything up to the next Sync is dropped, as a server would.
    pub(crate) discarding: bool,
    /// Type of the message from the target that is being streamed, and the statement it belongs to.
    pub(crate) streamed_for: u64,
    /// The beginning of the message that is streamed was delivered, so its rest is.
    pub(crate) shows_tail: bool,
    /// Largest Query or Parse body in bytes.
    pub(crate) statement_max_bytes: usize,
    pub(crate) notice_pending: bool,
    pub(crate) notice_sent: bool,
    /// The gateway drains: end as soon as the session is idle.
    pub(crate) draining: bool,
    pub(crate) established: bool,
    pub(crate) ended: bool,
    pub(crate) counters: Counters,
    /// Of a statement-exact grant.
    pub(crate) exact: Option<Box<Exact>>,
    pub(crate) meter: Meter,
    /// Prepared statements that only end a transaction, by number.
    pub(crate) ends_transaction: HashSet<u64>,
    /// A budget cut the running result: nothing more of it is delivered but ReadyForQuery.
    pub(crate) swallowing: bool,
    /// So many ReadyForQuery belong to what is not delivered.
    pub(crate) rounds_to_swallow: u8,
    /// The running statement was cancelled for its time: what its end is called.
    pub(crate) overtime: Option<Denial>,
}

impl Live {
    /// The class that ordinary requests of this session belong to. In replication mode every request is a
    /// replication command or rides on that right.
    pub(crate) fn class(&self) -> Action<'static> {
        if self.replication { Action::Replicate } else { Action::Query }
    }

    /// Nothing is owed, nothing is open, and the principal can be told.
    pub(crate) fn may_drain(&self) -> bool {
        self.draining && self.pipeline.is_idle() && self.from_target.at_boundary()
    }

    pub(crate) fn record_rows(&self) -> bool {
        self.grant.record == Record::Full && self.established
    }

    pub(crate) fn next_statement(&mut self) -> u64 {
        self.next_no = self.next_no.saturating_add(1);
        self.counters.statements = self.counters.statements.saturating_add(1);
        self.next_no
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_statements_cannot_fill_the_memory() {
        // What is remembered of prepared statements was limited in number and not in size: 4,096 names of a
        // megabyte each.
        let mut names = Names::default();
        for i in 0..3000_u32 {
            let name = [&i.to_be_bytes()[..], &[b'n'; 2000]].concat();
            names.prepare(&name, Prepared { no: u64::from(i), types: vec![23; 100] });
            names.learn(u64::from(i), vec![25; 60_000]);
            names.bind(&name, u64::from(i));
        }
        let held = |names: &Names| -> usize {
            let named = names.named.iter().map(|(name, prepared)| cost(name, &prepared.types));
            named.chain(names.portals.keys().map(|name| cost(name, &[]))).sum()
        };
        assert_eq!(held(&names), names.held_bytes);
        assert!((NAMES_MAX_BYTES / 2..=NAMES_MAX_BYTES).contains(&names.held_bytes));
        let known: Vec<Vec<u8>> = names.named.keys().chain(names.portals.keys()).cloned().collect();
        for name in known {
            names.close(b'S', &name);
            names.close(b'P', &name);
        }
        assert_eq!((held(&names), names.held_bytes), (0, 0));
        names.prepare(b"s", Prepared { no: 1, types: vec![23] });
        names.prepare(b"s", Prepared { no: 2, types: vec![23, 23] });
        assert_eq!((held(&names), names.prepared(b"s").unwrap().no), (names.held_bytes, 2));
    }
}
