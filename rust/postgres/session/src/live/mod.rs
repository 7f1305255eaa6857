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
pub(crate) mod silence;
pub(crate) mod stand_in;
pub(crate) mod states;

use crate::exact::Exact;
use crate::live::allowance::Allowance;
use crate::live::cursors::Cursors;
use crate::live::names::{Names, Prepared};
use crate::live::replication::Slots;
use crate::live::states::{Notice, Stage};
use hoopwire_grant::Record;
use hoopwire_postgres_policy::{Action, Denial, Grant};
use hoopwire_postgres_protocol::cancel::CancelKey;
use hoopwire_postgres_protocol::message::Scanner;
use hoopwire_postgres_protocol::pipeline::Pipeline;
use hoopwire_postgres_protocol::{backend, frontend};
use hoopwire_session::{Counters, Silence};
use hoopwire_wire::Secret;

/// Replication mode.
#[derive(Debug, Default)]
pub(crate) struct Replication {
    /// The startup packet asked for it and the grant allows it.
    pub(crate) is_on: bool,
    pub(crate) slots: Slots,
}

/// What cancels: at this session, and at the target.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The gateway's own, which the principal has.
    pub(crate) own: CancelKey,
    pub(crate) target_pid: u32,
    pub(crate) target_key: Secret<Vec<u8>>,
}

/// Reading the principal.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) scanner: Scanner<frontend::Tag>,
    /// After a denial in the extended protocol: everything up to the next Sync is dropped, as a server would.
    pub(crate) discarding: bool,
    /// Largest Query or Parse body.
    pub(crate) statement_max_bytes: usize,
}

/// Reading the target.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    pub(crate) scanner: Scanner<backend::Tag>,
    /// The statement that the message belongs to which is being streamed.
    pub(crate) statement: u64,
    /// The beginning of that message was delivered, so its rest is.
    pub(crate) shows_tail: bool,
}

/// Numbers of the session.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Its own, in the stream of the recording.
    pub(crate) no: u32,
    /// Of the last statement.
    pub(crate) last_no: u64,
    pub(crate) counters: Counters,
}

/// A session under a grant: its parts, which own what they are at.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) grant: Box<Grant>,
    pub(crate) stage: Stage,
    pub(crate) notice: Notice,
    pub(crate) tally: Tally,
    pub(crate) replication: Replication,
    pub(crate) keys: Keys,
    pub(crate) requests: Requests,
    pub(crate) replies: Replies,
    pub(crate) pipeline: Pipeline<Denial>,
    pub(crate) names: Names,
    pub(crate) cursors: Cursors,
    /// Of a statement-exact grant.
    pub(crate) exact: Option<Box<Exact>>,
    pub(crate) allowance: Allowance,
    pub(crate) silence: Silence,
}

impl Live {
    /// The class that ordinary requests of this session belong to. In replication mode every request is a
    /// replication command or rides on that right.
    pub(crate) fn class(&self) -> Action<'static> {
        if self.replication.is_on { Action::Replicate } else { Action::Query }
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
        self.stage == Stage::Draining && self.pipeline.is_idle() && self.replies.scanner.at_boundary()
    }

    pub(crate) fn record_rows(&self) -> bool {
        self.grant.record == Record::Full && self.stage.is_welcomed()
    }

    pub(crate) fn next_statement(&mut self) -> u64 {
        self.tally.last_no = self.tally.last_no.saturating_add(1);
        self.tally.counters.statements = self.tally.counters.statements.saturating_add(1);
        self.tally.last_no
    }
}
