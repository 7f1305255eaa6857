//! Budgets in a session: what is taken before it passes, and how a statement ends when one is used up.
//!
//! Three rules:
//! 1. Rows and bytes are taken as they are delivered. The statement that reaches a limit is cut there: the principal
//!    gets the error behind the last row that it may have, the target a CancelRequest and a request that fails, and
//!    nothing more of that round is delivered but its ReadyForQuery.
//! 2. Every byte of the target counts. What may hold more than the protocol needs is not delivered where it does not
//!    fit (`fits`); the rest is short and bounded by what was asked.
//! 3. Time counts while anything is owed; statements are as many as were prepared, bound or executed, whichever is most.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::Live;
use crate::live::replies::Gathering;
use crate::live::states::{Cut, Overtime};
use hoopwire_grant::{Budget, Meter};
use hoopwire_postgres_policy::{Denial, Verdict};
use hoopwire_postgres_protocol::backend::Tag;
use hoopwire_postgres_protocol::frontend;
use hoopwire_postgres_protocol::message::first_messages;
use hoopwire_postgres_protocol::pipeline::{Copy, Owed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A statement that is over its time is cancelled this often: a function may catch that, or a cancel come too early.
const CANCEL_EVERY: Duration = Duration::from_secs(1);
/// So many times; then its session ends.
const CANCELS: u8 = 5;
/// A changed setting up to this length may be told when no bytes are left, and so many of them in a session.
const SETTING_BYTES: usize = 256;
const SETTINGS_BEYOND: u8 = 32;

impl Live {
    /// Takes the statement of a Parse. Its first Bind is paid by that.
    pub(crate) fn take_parse(&mut self) -> Result<(), Denial> {
        if self.pipeline.is_skipping() {
            return Ok(());
        }
        self.take_statements(None)?;
        self.allowance.paid.binds = self.allowance.paid.binds.saturating_add(1);
        Ok(())
    }

    /// Takes the statement of a Bind, since the target may evaluate all of it to plan it. The first Execute is paid by that.
    pub(crate) fn take_bind(&mut self) -> Result<(), Denial> {
        if self.pipeline.is_skipping() {
            return Ok(());
        }
        self.take_unless_paid(|paid| &mut paid.binds)?;
        self.allowance.paid.executes = self.allowance.paid.executes.saturating_add(1);
        Ok(())
    }

    /// Takes the statement of an Execute.
    pub(crate) fn take_execute(&mut self) -> Result<(), Denial> {
        if self.pipeline.is_skipping() { Ok(()) } else { self.take_unless_paid(|paid| &mut paid.executes) }
    }

    fn take_unless_paid(&mut self, of: impl Fn(&mut Paid) -> &mut u32) -> Result<(), Denial> {
        let paid = of(&mut self.allowance.paid);
        let outcome = match paid.checked_sub(1) {
            Some(left) => {
                *paid = left;
                self.allowance.meter.go_on()
            }
            None => self.allowance.meter.take_statement(),
        };
        outcome.map_err(|budget| self.allowance.meter.denial(budget, &self.grant))
    }

    /// A reply to a Query: where its text was not read, the first statement is counted before it is sent, and each
    /// other one when the target answers it. True if none is left for it: it was cut.
    pub(crate) fn take_next_of_query(&mut self, tag: Tag, span: &mut Gathering, turn: &mut Turn<'_>) -> bool {
        // a replication command may have many results
        if self.grant.rights.rules.is_some() || self.replication.is_on || !self.pipeline.awaits_query() {
            return false;
        }
        let is_next = std::mem::replace(
            &mut self.allowance.is_between,
            matches!(tag, Tag::CommandComplete | Tag::EmptyQueryResponse),
        );
        match if is_next { self.allowance.meter.take_statement() } else { Ok(()) } {
            Ok(()) => false,
            Err(budget) => {
                self.cut(budget, span, turn);
                true
            }
        }
    }

    /// Takes a message of the target that is no row; whether it may be delivered. If not, what it belongs to ends here.
    pub(crate) fn fits(
        &mut self,
        tag: Tag,
        bytes: usize,
        span: &mut Gathering,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Ending> {
        span.bytes = span.bytes.saturating_add(bytes as u64);
        if !self.allowance.meter.limits_bytes()
            || self.allowance.meter.take_bytes(std::mem::take(&mut span.bytes))
        {
            return Ok(true);
        }
        let denial = self.allowance.meter.denial(Budget::Bytes, &self.grant);
        match tag {
            Tag::ErrorResponse => self.say_denial(&denial, span, turn),
            // the end of a transaction may put settings back, and a client must know how to read what comes
            Tag::ParameterStatus
                if bytes <= SETTING_BYTES && self.allowance.settings_beyond < SETTINGS_BEYOND =>
            {
                self.allowance.settings_beyond = self.allowance.settings_beyond.saturating_add(1);
                return Ok(true);
            }
            // to go on without it would be to wait for what never comes, or to misread what does
            Tag::ParameterStatus | Tag::NotificationResponse => return Err(Ending::denied(&denial)),
            Tag::NoticeResponse
                if self.allowance.cut.is_on() || self.pipeline.is_empty() || self.pipeline.awaits_end() => {}
            _ => self.cut(Budget::Bytes, span, turn),
        }
        Ok(false)
    }

    /// Takes the statements of a text that was allowed.
    pub(crate) fn take_statements(&self, verdict: Option<&Arc<Verdict>>) -> Result<(), Denial> {
        let count = match verdict.map(|verdict| &verdict.outcome) {
            Some(Ok(plans)) => plans.len(),
            _ => 1,
        };
        for _ in 0..count {
            self.allowance
                .meter
                .take_statement()
                .map_err(|budget| self.allowance.meter.denial(budget, &self.grant))?;
        }
        Ok(())
    }

    /// Of `rows` messages in `raw` (whole ones, or the beginning of one of `bytes` bytes), the bytes that may be
    /// delivered, and the budget that ends it there.
    pub(crate) fn take_rows<'r>(
        &mut self,
        raw: &'r [u8],
        rows: u64,
        bytes: u64,
    ) -> (&'r [u8], u64, Option<Budget>) {
        let passed = self.allowance.meter.take_rows(rows, bytes);
        if passed >= rows {
            return (raw, rows, None);
        }
        let budget = self.allowance.meter.exhausted().unwrap_or(Budget::Rows);
        (first_messages(raw, passed), passed, Some(budget))
    }

    /// The running statement ends here, with these words, and the state that an error leaves: behind it goes a
    /// request that cannot succeed. Where more rounds are on their way already, that would come too late.
    pub(crate) fn cut(&mut self, budget: Budget, span: &mut Gathering, turn: &mut Turn<'_>) {
        let denial = self.allowance.meter.denial(budget, &self.grant);
        self.say_denial(&denial, span, turn);
        span.ended = true;
        self.allowance.cut.cut();
        self.cancel_upstream(turn);
        if self.pipeline.copy() == Copy::In {
            // it hears no cancel while it waits for data
            self.say_own(turn, |_, out| frontend::copy_fail("hoopwire: a budget is used up", out));
            self.pipeline.copy_done();
            return;
        }
        match self.pipeline.rounds() {
            0 => {
                // a server's error in the extended protocol skips to the Sync that is still to come
                self.fail_here(frontend::Tag::Parse, denial, turn);
                self.requests.discarding = true;
            }
            1 => {
                self.fail_here(frontend::Tag::Query, denial, turn);
                self.allowance.cut.add_round();
            }
            _ => {}
        }
    }

    /// Time passed while the target works.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.allowance.meter.tick(turn.now);
        if !self.allowance.meter.is_running() {
            return Ok(());
        }
        self.flush(turn);
        if !self.allowance.meter.is_over_time() {
            return Ok(());
        }
        let denial = self.allowance.meter.denial(Budget::WallTime, &self.grant);
        if self.allowance.overtime.cancels >= CANCELS {
            return Err(Ending::denied(&denial));
        }
        self.allowance.overtime.denial.get_or_insert(denial);
        self.allowance.overtime.cancels = self.allowance.overtime.cancels.saturating_add(1);
        self.allowance.overtime.cancel_at = turn.now.checked_add(CANCEL_EVERY);
        self.cancel_upstream(turn);
        Ok(())
    }

    /// The target keeps what it has to say back until the principal's Flush or Sync; the time till then is not its own.
    pub(crate) fn flush(&mut self, turn: &mut Turn<'_>) {
        let is_kept_back = self.pipeline.is_in_round() && self.pipeline.copy() == Copy::None;
        if is_kept_back && !self.allowance.is_flushed && self.requests.scanner.at_boundary() {
            self.allowance.is_flushed = true;
            self.say_own(turn, |_, out| frontend::flush(out));
        }
    }

    /// When [`Live::tick`] is due.
    pub(crate) fn tick_at(&self) -> Option<Instant> {
        match self.allowance.overtime.denial {
            Some(_) => self.allowance.overtime.cancel_at.filter(|_| self.allowance.meter.is_running()),
            None => self.allowance.meter.wake(),
        }
    }

    /// A request is owed, whatever it is: to parse and plan a statement may be all the work. False if the target skips it.
    pub(crate) fn owe(&mut self, request: Owed<Denial>, turn: &Turn<'_>) -> bool {
        let is_owed = self.pipeline.push(request);
        if is_owed {
            self.allowance.is_flushed = false;
            self.allowance.meter.start(turn.now);
        }
        is_owed
    }

    /// If nothing is owed any more, the time that the principal takes is its own.
    pub(crate) fn may_rest(&mut self, turn: &Turn<'_>) {
        if self.pipeline.is_empty() {
            self.allowance.meter.stop(turn.now);
        }
    }
}

/// What the grant's budgets leave to the session.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) meter: Meter,
    /// Statements counted ahead.
    paid: Paid,
    pub(crate) cut: Cut,
    pub(crate) overtime: Overtime,
    /// The target was asked for all that it has to say.
    is_flushed: bool,
    /// A statement of a Query is complete: what comes next is of another one.
    pub(crate) is_between: bool,
    /// Changed settings that were told though no bytes were left.
    settings_beyond: u8,
}

impl Allowance {
    pub(crate) fn new(meter: Meter) -> Allowance {
        Allowance {
            meter,
            paid: Paid::default(),
            cut: Cut::No,
            overtime: Overtime::default(),
            is_flushed: false,
            is_between: false,
            settings_beyond: 0,
        }
    }
}

/// What was counted ahead.
#[derive(Clone, Copy, Debug, Default)]
struct Paid {
    binds: u32,
    executes: u32,
}
