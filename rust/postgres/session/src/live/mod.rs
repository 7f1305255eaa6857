//! The state of an admitted session.

pub(crate) mod allowance;
pub(crate) mod bind;
pub(crate) mod close;
pub(crate) mod cursors;
pub(crate) mod detail;
pub(crate) mod ends;
pub(crate) mod names;
pub(crate) mod replication;
pub(crate) mod replies;
pub(crate) mod requests;
pub(crate) mod stand_in;

use crate::exact::Exact;
use crate::live::allowance::Paid;
use crate::live::cursors::Cursors;
use crate::live::names::{Names, Prepared};
use crate::live::replication::Slots;
use hoopwire_grant::{Meter, Record};
use hoopwire_postgres_policy::{Action, Denial, Grant};
use hoopwire_postgres_protocol::cancel::CancelKey;
use hoopwire_postgres_protocol::message::Scanner;
use hoopwire_postgres_protocol::pipeline::Pipeline;
use hoopwire_postgres_protocol::{backend, frontend};
use hoopwire_session::Counters;
use hoopwire_wire::Secret;
use std::time::Instant;

/// A session under a grant.
#[derive(Debug)]
pub(crate) struct Live {
    /// Stream-local number of the session in the recording.
    pub(crate) no: u32,
    pub(crate) grant: Box<Grant>,
    /// The startup packet asked for replication mode and the grant allows it.
    pub(crate) replication: bool,
    pub(crate) slots: Slots,
    pub(crate) cancel_key: CancelKey,
    pub(crate) upstream_pid: u32,
    pub(crate) upstream_key: Secret<Vec<u8>>,
    pub(crate) from_principal: Scanner<frontend::Tag>,
    pub(crate) from_target: Scanner<backend::Tag>,
    pub(crate) pipeline: Pipeline<Denial>,
    pub(crate) names: Names,
    pub(crate) cursors: Cursors,
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
    /// A budget cut the running result: nothing more of it is delivered but ReadyForQuery.
    pub(crate) swallowing: bool,
    /// So many ReadyForQuery belong to what is not delivered.
    pub(crate) rounds_to_swallow: u8,
    /// The running statement was cancelled for its time: what its end is called.
    pub(crate) overtime: Option<Denial>,
    /// When it is cancelled again, and how often it was.
    pub(crate) cancel_at: Option<Instant>,
    pub(crate) cancels: u8,
    /// The target was asked for all that it has to say.
    pub(crate) is_flushed: bool,
    /// Statements counted ahead.
    pub(crate) paid: Paid,
    /// A statement of a Query is complete: what comes next is of another one.
    pub(crate) is_between: bool,
    /// Changed settings that were told though no bytes were left.
    pub(crate) settings_beyond: u8,
}

impl Live {
    /// The class that ordinary requests of this session belong to. In replication mode every request is a
    /// replication command or rides on that right.
    pub(crate) fn class(&self) -> Action<'static> {
        if self.replication { Action::Replicate } else { Action::Query }
    }

    /// The statement that a request sent now means by this name, if that is known. One that the target skips means none.
    pub(crate) fn prepared(&self, name: &[u8]) -> Option<&Prepared> {
        if self.pipeline.is_skipping() { None } else { self.names.prepared(name) }
    }

    /// Whatever a request sent now means by this statement's name, it only ends a transaction.
    pub(crate) fn surely_ends(&self, name: &[u8]) -> bool {
        !self.pipeline.is_skipping() && self.names.surely_ends(name)
    }

    /// The number of the statement that a request sent now means by this portal, 0 if that is not known.
    pub(crate) fn portal(&self, name: &[u8]) -> u64 {
        if self.pipeline.is_skipping() { 0 } else { self.names.portal(name) }
    }

    /// What this portal runs only ends a transaction.
    pub(crate) fn portal_ends(&self, name: &[u8]) -> bool {
        !self.pipeline.is_skipping() && self.names.portal_ends(name)
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
