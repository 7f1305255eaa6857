//! How a session ends: what is said to the principal, what is recorded, what is done to the target.

use crate::admit::OPENING;
use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::Live;
use hoopwire_grant::{Party, decide};
use hoopwire_postgres_policy::{Action, Grant};
use hoopwire_postgres_protocol::cancel::encode_request;
use hoopwire_postgres_protocol::error::{ErrorReport, Severity, Sqlstate};
use hoopwire_postgres_protocol::frontend;
use hoopwire_recording::{Cancel, Direction, Frame, GrantChanged, Report, ResultSpan, SessionEnd};
use hoopwire_session::{Call, Effect, Span};
use hoopwire_wire::Secret;

impl Live {
    /// Ends an admitted session: cancel, FATAL, SessionEnd, close, in this order.
    pub(crate) fn end(&mut self, ending: &Ending, turn: &mut Turn<'_>) {
        let Some(was_welcomed) = self.stage.end() else { return };
        self.allowance.meter.stop(turn.now);
        let owes = !self.pipeline.is_empty() || self.pipeline.is_skipping();
        if was_welcomed && owes && ending.by != Party::Target {
            self.cancel_upstream(turn);
        }
        if let Some(report) = &ending.report {
            self.say(report, 0, turn);
        }
        if was_welcomed && !owes && self.requests.scanner.at_boundary() {
            // Terminate, so that the target does not log an unexpected end; it rolls back what is open
            turn.log_in_up(|out, _| frontend::terminate(out));
        }
        let frame = Frame::SessionEnd(SessionEnd {
            closed_by: ending.by.word(),
            reason: &ending.reason,
            sqlstate: ending.code(),
            statements: self.tally.counters.statements,
            rows: self.tally.counters.rows,
            bytes_in: self.tally.counters.bytes_in,
            bytes_out: self.tally.counters.bytes_out,
        });
        turn.record(self.tally.no, Direction::Gateway, &frame);
        turn.effects.push(Effect::Close(Box::new(ending.closed())));
    }

    /// Something of the gateway's own for the principal, recorded like all it gets. Only at a message
    /// boundary: in the middle of a streamed message nothing can be said.
    pub(crate) fn say(&mut self, report: &ErrorReport, statement: u64, turn: &mut Turn<'_>) {
        if !self.replies.scanner.at_boundary() {
            return;
        }
        let mut span = turn.span();
        turn.deliver(&span, |out| report.encode(out));
        let (severity, sqlstate) = match report.severity {
            Severity::Error => ("ERROR", report.sqlstate.as_str()),
            Severity::Fatal => ("FATAL", report.sqlstate.as_str()),
            Severity::Notice => ("NOTICE", ""),
        };
        let frame = Frame::Report(Report { severity, sqlstate, message: report.message.as_bytes() });
        turn.record(self.tally.no, Direction::Gateway, &frame);
        let told = Told { statement, rows: 0, tag: b"", last: true, sqlstate: sqlstate.as_bytes() };
        self.account(&mut span, told, turn);
    }

    /// The span ends: accounts what was delivered in it.
    pub(crate) fn account(&mut self, span: &mut Span, told: Told<'_>, turn: &mut Turn<'_>) {
        let bytes = turn.close_span(self.tally.no, span, self.record_rows(), |bytes, digest| {
            Frame::Result(ResultSpan {
                no: told.statement,
                rows: told.rows,
                bytes,
                digest,
                tag: told.tag,
                last: told.last,
                sqlstate: told.sqlstate,
            })
        });
        if bytes > 0 {
            self.tally.counters.bytes_out = self.tally.counters.bytes_out.saturating_add(bytes);
            self.tally.counters.rows = self.tally.counters.rows.saturating_add(told.rows);
        }
    }
}

/// What one Result frame says besides the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    /// The statement's number, 0 if the bytes belong to none.
    pub(crate) statement: u64,
    pub(crate) rows: u64,
    /// CommandComplete tag, empty if there is none (yet).
    pub(crate) tag: &'a [u8],
    /// The result ends here.
    pub(crate) last: bool,
    /// SQLSTATE of the error that ended it, or empty.
    pub(crate) sqlstate: &'a [u8],
}

impl Told<'_> {
    /// Of bytes that belong to no statement.
    pub(crate) fn aside() -> Told<'static> {
        Told { statement: 0, rows: 0, tag: b"", last: true, sqlstate: b"" }
    }
}

impl Live {
    /// A new grant for a running session: same or narrower, decided again for the session as a whole.
    pub(crate) fn replace_grant(
        &mut self,
        grant: Grant,
        reason: &str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let frame = Frame::GrantChanged(GrantChanged { grant: &grant.id, reason });
        turn.record(self.tally.no, Direction::Gateway, &frame);
        let database = std::mem::take(&mut self.grant.database);
        let old = std::mem::replace(&mut *self.grant, grant);
        self.grant.succeed(&old);
        self.allowance.meter.set_budgets(self.grant.budgets);
        if self.stage.is_welcomed() {
            self.watch_silence();
        }
        let must_match = old.rights.masks_must_match != self.grant.rights.masks_must_match;
        if old.rights.rules != self.grant.rights.rules
            || old.rights.masks != self.grant.rights.masks
            || must_match
        {
            // what was prepared, declared or is under way was decided by the old ones
            return Err(rights_changed(&self.grant));
        }
        let mut decision = decide(&self.grant, Action::Connect { database: &database }, turn.now);
        if self.replication.is_on {
            decision = decision.and_then(|_| decide(&self.grant, Action::Replicate, turn.now));
        }
        decision.map(drop).map_err(|denial| Ending::denied(&denial))
    }

    /// Asks the target to cancel what it does for this session.
    pub(crate) fn cancel_upstream(&self, turn: &mut Turn<'_>) {
        let mut packet = Vec::new();
        encode_request(self.keys.target_pid, self.keys.target_key.expose(), &mut packet);
        turn.effects.push(Effect::Call(Call { opening: OPENING, packet: Secret::new(packet) }));
    }

    /// The principal's own CancelRequest, decided like any other request.
    pub(crate) fn cancel(&mut self, from: &str, turn: &mut Turn<'_>) {
        let allow = !self.stage.is_ended() && decide(&self.grant, self.class(), turn.now).is_ok();
        let frame = Frame::Cancel(Cancel { allow, from });
        turn.record(self.tally.no, Direction::Upstream, &frame);
        if allow {
            self.cancel_upstream(turn);
        }
    }
}

/// The policy has new rights or masks for a session that began under others.
fn rights_changed(grant: &Grant) -> Ending {
    let report = ErrorReport::fatal(
        Sqlstate::ADMIN_SHUTDOWN,
        format!("what grant {} allows was changed by its policy", grant.id),
    )
    .with_detail("The session was ended and its open transaction rolled back.")
    .with_hint("Connect again; your grant is still good until it expires, with its new rights.");
    Ending::fatal(Party::Gateway, "policy changed the grant's rights", report)
}
