//! A session in which nobody says anything for longer than its grant allows, as the server's own
//! `idle_session_timeout` and `idle_in_transaction_session_timeout` have it.
//!
//! Two rules:
//! 1. While the target owes an answer, nobody is idle: how long statements may run is a budget's matter.
//! 2. In a transaction is whoever could hold locks: also in a round without its Sync, and while a COPY waits for data.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::Live;
use hoopwire_grant::Party;
use hoopwire_postgres_policy::Grant;
use hoopwire_postgres_protocol::backend::TransactionStatus;
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_postgres_protocol::pipeline::Copy;
use hoopwire_session::lasting;
use std::time::Duration;

impl Live {
    /// The session is ready, or its limits have changed.
    pub(crate) fn watch_silence(&mut self) {
        self.silence.watch(shortest(&self.grant));
    }

    /// Has it been too long?
    pub(crate) fn look_at_silence(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        if self.silence.look_at().is_none_or(|at| turn.now < at) {
            return Ok(());
        }
        let is_working = self.is_target_working();
        if is_working {
            // what it keeps back for want of a Sync would look like work for ever
            self.flush(turn);
        }
        let in_transaction = self.is_in_transaction();
        let limit = if in_transaction { shortest(&self.grant) } else { self.grant.idle };
        let limit = limit.filter(|_| !is_working);
        if !self.silence.is_too_long(turn.now, limit, shortest(&self.grant)) {
            return Ok(());
        }
        let limit = limit.unwrap_or_default();
        let is_by_transaction = in_transaction && self.grant.rights.idle_in_transaction == Some(limit);
        Err(if is_by_transaction {
            idle_in_transaction(&self.grant, limit)
        } else {
            idle(&self.grant, limit)
        })
    }

    fn is_target_working(&self) -> bool {
        let waits_for_data = matches!(self.pipeline.copy(), Copy::In | Copy::Both);
        self.is_asking() || (!self.pipeline.is_empty() && !waits_for_data)
    }

    fn is_in_transaction(&self) -> bool {
        self.pipeline.status() != TransactionStatus::Idle
            || self.pipeline.copy() == Copy::In
            || (self.pipeline.is_in_round() && !self.pipeline.is_skipping())
    }
}

/// The shortest that may hold.
fn shortest(grant: &Grant) -> Option<Duration> {
    [grant.idle, grant.rights.idle_in_transaction].into_iter().flatten().min()
}

fn idle(grant: &Grant, limit: Duration) -> Ending {
    let report = ErrorReport::fatal(
        Sqlstate::IDLE_SESSION_TIMEOUT,
        format!("the session was idle for longer than {}", lasting(limit)),
    )
    .with_detail(format!(
        "So long neither client nor target said anything (policy {}, limits.idle); an open transaction was rolled \
         back.\ncode: idle",
        grant.policy
    ))
    .with_hint(format!(
        "Connect again: grant {} is good until {}. A pool should close connections that lie unused for so long.",
        grant.id, grant.expires_text
    ));
    Ending::fatal(Party::Gateway, "idle", report)
}

fn idle_in_transaction(grant: &Grant, limit: Duration) -> Ending {
    let report = ErrorReport::fatal(
        Sqlstate::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        format!("the session was idle in a transaction for longer than {}", lasting(limit)),
    )
    .with_detail(format!(
        "The transaction was rolled back and its locks are free (policy {}, limits.idle_in_transaction).\n\
         code: idle_in_transaction",
        grant.policy
    ))
    .with_hint(format!(
        "Connect again and repeat the transaction: grant {} is good until {}. Commit or roll back before you wait \
         for something else.",
        grant.id, grant.expires_text
    ));
    Ending::fatal(Party::Gateway, "idle_in_transaction", report)
}
