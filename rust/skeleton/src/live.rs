//! An admitted session, one operation at a time: decide, record, forward; record, deliver.

use crate::rights::{Action, Denial, Grant};
use crate::session::Turn;
use crate::words;
use hoopwire_grant::{Budget, Fault, Meter, Party, Permit, Record, decide};
use hoopwire_recording::{Decision, Direction, Frame, GrantChanged, Request, ResultSpan, SessionEnd};
use hoopwire_session::{Counters, Effect, Ending};
use std::time::Instant;

/// ```text
///  Login ──OK──▶ Idle ──an operation is forwarded──▶ Owed
///                  ◀─────────── its answer ──────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The target has not let the gateway in yet.
    Login,
    /// Nothing is under way.
    Idle,
    /// The target owes an answer.
    Owed,
}

/// A session with a grant.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) no: u32,
    pub(crate) grant: Grant,
    pub(crate) meter: Meter,
    pub(crate) step: Step,
    pub(crate) counters: Counters,
    /// The session ends when the answer is there.
    pub(crate) draining: bool,
}

impl Live {
    /// The session as a whole is decided.
    pub(crate) fn connect(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let decision = decide(&self.grant, Action::Connect, turn.now);
        self.record_decision("connect", &decision, turn);
        decision.map(drop).map_err(|denial| words::denied(&denial))
    }

    /// A line of the principal's.
    pub(crate) fn take(&mut self, line: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let bytes = line.len() as u64;
        self.counters.statements = self.counters.statements.saturating_add(1);
        self.counters.bytes_in = self.counters.bytes_in.saturating_add(bytes);
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let decision = Action::read(text)
            .and_then(|action| decide(&self.grant, action, turn.now))
            .and_then(|permit| self.afford(permit));
        self.record_decision(&String::from_utf8_lossy(text), &decision, turn);
        match decision {
            Ok(permit) => {
                let kind = text.first().copied().unwrap_or_default();
                let frame = Frame::Request(Request { kind, name: text, bytes });
                let kept = turn.record(self.no, Direction::Upstream, &frame);
                turn.forward(&permit, kept, line);
                self.meter.start(turn.now);
                self.step = Step::Owed;
            }
            Err(denial) if denial.fault == Fault::Expired => return Err(words::denied(&denial)),
            Err(denial) => self.deliver(&words::refusal(&denial), words::code(denial.fault), turn),
        }
        Ok(())
    }

    /// One more operation, if the budgets have room for it.
    fn afford(&self, permit: Permit) -> Result<Permit, Denial> {
        let taken = self.meter.take_statement().map(|()| permit);
        taken.map_err(|budget| self.meter.denial(budget, &self.grant))
    }

    /// A line of the target's.
    pub(crate) fn hear(&mut self, line: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        match self.step {
            Step::Login if line == b"OK\n" => turn.effects.push(Effect::Established),
            Step::Login => {
                let words = "the target did not let the gateway in";
                return Err(words::fault(Party::Target, Fault::TargetUnreachable, words, words));
            }
            Step::Idle => return Err(words::misbehaved_target("an answer that nobody asked for")),
            Step::Owed => self.meter.stop(turn.now),
        }
        self.step = Step::Idle;
        if self.meter.take_bytes(line.len() as u64) {
            self.deliver(line, "", turn);
        } else {
            let denial: Denial = self.meter.denial(Budget::Bytes, &self.grant);
            self.deliver(&words::refusal(&denial), words::code(denial.fault), turn);
        }
        if self.draining { Err(words::shutting_down()) } else { Ok(()) }
    }

    /// The only way to the principal: each line is in a Result frame.
    fn deliver(&mut self, line: &[u8], code: &str, turn: &mut Turn<'_>) {
        let mut span = turn.span();
        turn.deliver(&span, |out| out.extend_from_slice(line));
        let (no, code) = (self.counters.statements, code.as_bytes());
        let is_whole = self.grant.record == Record::Full;
        let bytes = turn.close_span(self.no, &mut span, is_whole, |bytes, digest| {
            Frame::Result(ResultSpan { no, rows: 0, bytes, digest, tag: b"", last: true, sqlstate: code })
        });
        self.counters.bytes_out = self.counters.bytes_out.saturating_add(bytes);
    }

    fn record_decision(&self, action: &str, decision: &Result<Permit, Denial>, turn: &mut Turn<'_>) {
        let frame = Frame::Decision(Decision {
            action,
            allow: decision.is_ok(),
            reason: decision.as_ref().err().map_or("granted", |denial| denial.code.name()),
            policy: &self.grant.policy,
        });
        turn.record(self.no, Direction::Gateway, &frame);
    }

    /// When to look at the time again.
    pub(crate) fn wake(&self) -> Instant {
        self.meter.wake().map_or(self.grant.deadline, |at| at.min(self.grant.deadline))
    }

    /// Time went by: is the session still good?
    pub(crate) fn look_at_time(&mut self, now: Instant) -> Result<(), Ending> {
        self.meter.tick(now);
        let decision = decide(&self.grant, Action::Connect, now).map(drop);
        let over = self.meter.is_over_time() && self.step == Step::Owed;
        let decision = if over { Err(self.meter.denial(Budget::WallTime, &self.grant)) } else { decision };
        decision.map_err(|denial| words::denied(&denial))
    }

    /// The grant was replaced. It can end earlier than before, never later.
    pub(crate) fn replace_grant(
        &mut self,
        grant: Grant,
        reason: &str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let frame = Frame::GrantChanged(GrantChanged { grant: &grant.id, reason });
        turn.record(self.no, Direction::Gateway, &frame);
        let old = std::mem::replace(&mut self.grant, grant);
        self.grant.succeed(&old);
        self.meter.set_budgets(self.grant.budgets);
        if self.step == Step::Owed && old.rights != self.grant.rights {
            let words = "the grant changed while an answer was owed";
            return Err(words::fault(Party::Gateway, Fault::Ended, words, words));
        }
        self.look_at_time(turn.now)
    }

    /// The last words, and the last frame.
    pub(crate) fn end(&mut self, ending: &Ending, turn: &mut Turn<'_>) {
        self.meter.stop(turn.now);
        let code = ending.fault.map_or("", words::code);
        if let (Some(fault), Some(words)) = (ending.fault, &ending.words) {
            self.deliver(&words::error(fault, &words.message), code, turn);
        }
        let frame = Frame::SessionEnd(SessionEnd {
            closed_by: ending.by.word(),
            reason: &ending.reason,
            sqlstate: code,
            statements: self.counters.statements,
            rows: self.counters.rows,
            bytes_in: self.counters.bytes_in,
            bytes_out: self.counters.bytes_out,
        });
        turn.record(self.no, Direction::Gateway, &frame);
    }
}
