//! From the target to the principal: record, deliver. Forward by default; a body is read only where the
//! recording or the state needs it.
//!
//! Every byte delivered is in exactly one Result frame (a span), in order. A span ends where a result ends,
//! where the reply to another statement begins, and at the end of the turn.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::exact::knowledge::Heard;
use crate::exact::masking::{ROW_MAX_BYTES, row_too_large};
use crate::live::Live;
use crate::live::close::Told;
use crate::live::ends::check_end;
use crate::live::states::Notice;
use crate::words::error_report;
use hoopwire_grant::{Fault, decide};
use hoopwire_postgres_policy::Denial;
use hoopwire_postgres_protocol::backend::{
    CommandComplete, ParameterDescription, ParameterStatus, Tag, TransactionStatus,
};
use hoopwire_postgres_protocol::error::{ErrorReport, ServerReport, Severity, Sqlstate};
use hoopwire_postgres_protocol::message::{FrameError, HEADER_BYTES, MessageTag, Piece, Scanner, Take};
use hoopwire_postgres_protocol::pipeline::Effect as Reply;
use hoopwire_recording::{Direction, Frame, Report};
use hoopwire_session::Span;

/// Largest notice that is read whole.
const REPORT_WHOLE_BYTES: usize = 64 * 1024;
/// Largest error: it may quote a row of 1,600 columns, of each 64 bytes (`detail.rs`).
const ERROR_WHOLE_BYTES: usize = 256 * 1024;
const REPORT_HEAD_BYTES: usize = 4 * 1024;
/// Largest message of the other kinds that are read (ParameterStatus, CommandComplete, ParameterDescription).
const READ_MAX_BYTES: usize = 512 * 1024;

fn take(has_masks: bool, tag: Tag, body_len: usize) -> Take {
    match tag {
        Tag::DataRow | Tag::CopyData if has_masks && body_len > ROW_MAX_BYTES => Take::Refuse,
        Tag::RowDescription | Tag::ErrorResponse | Tag::NoticeResponse | Tag::NotificationResponse
            if has_masks && body_len > READ_MAX_BYTES =>
        {
            Take::Refuse
        }
        // no grant with masks calls functions by message
        Tag::FunctionCallResponse if has_masks => Take::Refuse,
        Tag::DataRow | Tag::CopyData | Tag::RowDescription | Tag::ErrorResponse | Tag::NoticeResponse
            if has_masks =>
        {
            Take::Whole
        }
        Tag::DataRow | Tag::CopyData => Take::Run,
        Tag::RowDescription | Tag::NotificationResponse | Tag::FunctionCallResponse => Take::Stream,
        Tag::ErrorResponse if body_len <= ERROR_WHOLE_BYTES => Take::Whole,
        Tag::ErrorResponse | Tag::NoticeResponse if body_len > REPORT_WHOLE_BYTES => {
            Take::StreamAfter(REPORT_HEAD_BYTES)
        }
        Tag::ErrorResponse | Tag::NoticeResponse => Take::Whole,
        Tag::ReadyForQuery if body_len != 1 => Take::Refuse,
        Tag::ReadyForQuery
        | Tag::CommandComplete
        | Tag::ParameterStatus
        | Tag::ParameterDescription
        | Tag::CopyInResponse
        | Tag::CopyOutResponse
        | Tag::CopyBothResponse
        | Tag::ParseComplete
        | Tag::BindComplete
        | Tag::CloseComplete
        | Tag::NoData
        | Tag::PortalSuspended
        | Tag::EmptyQueryResponse
        | Tag::CopyDone
            if body_len <= READ_MAX_BYTES =>
        {
            Take::Whole
        }
        _ => Take::Refuse,
    }
}

/// A row of a result, or of a COPY.
fn is_row(tag: Tag) -> bool {
    matches!(tag, Tag::DataRow | Tag::CopyData)
}

/// Longest part of a CommandComplete tag that is recorded; the server's own are below 64 bytes.
const TAG_KEPT_BYTES: usize = 64;

/// What is gathered for one Result frame.
pub(crate) struct Gathering {
    span: Span,
    statement: u64,
    rows: u64,
    tag: KeptTag,
    sqlstate: Option<Sqlstate>,
    /// Bytes outside rows that are not counted yet.
    pub(crate) bytes: u64,
    /// The result ended; only ReadyForQuery and asides may still join.
    pub(crate) ended: bool,
}

impl Gathering {
    fn new(span: Span, statement: u64) -> Gathering {
        Gathering {
            span,
            statement,
            rows: 0,
            tag: KeptTag::default(),
            sqlstate: None,
            bytes: 0,
            ended: false,
        }
    }
}

/// A CommandComplete tag, in place: nearly every result has one.
struct KeptTag {
    bytes: [u8; TAG_KEPT_BYTES],
    length: usize,
}

impl Default for KeptTag {
    fn default() -> Self {
        KeptTag { bytes: [0; TAG_KEPT_BYTES], length: 0 }
    }
}

impl KeptTag {
    fn set(&mut self, text: &[u8]) {
        let text = text.get(..TAG_KEPT_BYTES).unwrap_or(text);
        if let Some(place) = self.bytes.get_mut(..text.len()) {
            place.copy_from_slice(text);
            self.length = text.len();
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Live {
    /// Bytes of the target, after login: first what it says to the gateway itself.
    pub(crate) fn hear(&mut self, mut input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.silence.heard(turn.now);
        if self.is_asking() {
            let Some(Heard { aside, waiting }) = self.hear_again(&mut input, turn)? else { return Ok(()) };
            self.take_replies(&aside, turn)?;
            if !waiting.is_empty() {
                self.take_requests(&waiting, turn)?;
            }
        }
        if !input.is_empty() {
            self.take_replies(input, turn)?;
        }
        self.release().map_or(Ok(()), |waiting| self.take_requests(&waiting, turn))
    }

    fn take_replies(&mut self, mut input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        if let Err(denial) = decide(&self.grant, self.class(), turn.now)
            && denial.fault == Fault::Expired
        {
            return Err(Ending::denied(&denial));
        }
        let mut scanner = std::mem::take(&mut self.replies.scanner);
        let mut span = Gathering::new(turn.span(), self.pipeline.current());
        let has_masks = self.has_masks();
        let table = |tag: Tag, body_len: usize| take(has_masks, tag, body_len);
        let outcome = loop {
            match scanner.next(&mut input, &table) {
                Ok(None) => break Ok(()),
                Ok(Some(piece)) => {
                    if let Err(ending) = self.reply(&piece, &mut span, turn) {
                        break Err(ending);
                    }
                }
                Err(FrameError::Type { tag }) if has_masks && Tag::of(tag).is_some_and(is_row) => {
                    break Err(row_too_large());
                }
                Err(FrameError::Type { tag }) => break Err(unknown_reply(tag)),
                Err(error) => break Err(Ending::misbehaved_target(&error.to_string())),
            }
        };
        // what is refused is refused before anything of it is delivered: the principal can be told why
        self.replies.scanner = if outcome.is_ok() { scanner } else { Scanner::default() };
        self.close_span(&mut span, turn);
        outcome?;
        self.give_notice(turn);
        Ok(())
    }

    fn reply(
        &mut self,
        piece: &Piece<'_, Tag>,
        span: &mut Gathering,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let (tag, raw, rows, bytes) = match *piece {
            Piece::Whole { tag, raw } => (tag, raw, u64::from(is_row(tag)), raw.len()),
            Piece::Run { tag, count, raw } => (tag, raw, count, raw.len()),
            Piece::Head { tag, body_len, raw, .. } => {
                (tag, raw, u64::from(is_row(tag)), body_len.saturating_add(HEADER_BYTES))
            }
            Piece::Tail { raw, .. } => {
                let statement = self.replies.statement;
                self.join(span, statement, turn);
                if self.replies.shows_tail {
                    turn.deliver(&span.span, |out| out.extend_from_slice(raw));
                }
                return Ok(());
            }
            Piece::Skipped { .. } => return Ok(()),
        };
        let body = piece.body();
        let status = if tag == Tag::ReadyForQuery { TransactionStatus::read(body) } else { None };
        if tag == Tag::ReadyForQuery && status.is_none() {
            return Err(Ending::misbehaved_target("ReadyForQuery with an unknown transaction status"));
        }
        let awaited = self.pipeline.current();
        let awaits_end =
            matches!(tag, Tag::CommandComplete | Tag::PortalSuspended) && self.pipeline.awaits_prepared_end();
        let describes = matches!(tag, Tag::RowDescription | Tag::NoData);
        let is_own = describes && self.pipeline.awaits_own();
        let follows = describes && !self.pipeline.awaits_description();
        let denial = if tag == Tag::ErrorResponse { self.denial_for(piece, body)? } else { None };
        let effect =
            self.pipeline.reply(tag, status).map_err(|unexpected| unknown_reply(unexpected.0.byte()))?;
        if self.pipeline.has_news() {
            self.names_changed()?;
        }
        match effect {
            Reply::Part { no } => self.join(span, no, turn),
            Reply::EndOfResult { no } => {
                self.join(span, no, turn);
                span.ended = true;
            }
            Reply::Ready | Reply::Aside => {}
        }
        self.replies.statement = awaited;
        self.replies.shows_tail = false;
        if status == Some(TransactionStatus::Idle) {
            self.names.end_transaction();
        }
        match tag {
            Tag::ParseComplete | Tag::BindComplete | Tag::CloseComplete => self.may_rest(turn),
            Tag::RowDescription | Tag::NoData => {
                self.may_rest(turn);
                self.described(tag, body, follows)?;
                if is_own {
                    return Ok(());
                }
            }
            Tag::CopyOutResponse => self.copy_begins(awaited)?,
            Tag::ParameterStatus => self.watch(body)?,
            Tag::CommandComplete | Tag::EmptyQueryResponse | Tag::PortalSuspended => self.result_ends(turn),
            Tag::ErrorResponse => {
                self.replication.slots.forget();
                self.result_ends(turn);
            }
            Tag::ReadyForQuery => {
                if self.allowance.cut.ready() {
                    return Ok(());
                }
                self.round_ends(turn);
            }
            _ => {}
        }
        // of a result that a budget has cut, nothing more is delivered
        if self.allowance.cut.is_on()
            && !matches!(
                tag,
                Tag::ReadyForQuery | Tag::ParameterStatus | Tag::NotificationResponse | Tag::NoticeResponse
            )
        {
            return Ok(());
        }
        if matches!(
            tag,
            Tag::RowDescription
                | Tag::CommandComplete
                | Tag::EmptyQueryResponse
                | Tag::CopyInResponse
                | Tag::CopyOutResponse
        ) && self.take_next_of_query(tag, span, turn)
        {
            return Ok(());
        }
        match tag {
            Tag::DataRow | Tag::CopyData | Tag::FunctionCallResponse => {
                let (raw, taken, budget) = self.take_rows(raw, rows.max(1), bytes as u64);
                span.rows = span.rows.saturating_add(taken.min(rows));
                self.replies.shows_tail = budget.is_none();
                self.deliver(tag, raw, &span.span, turn)?;
                budget.into_iter().for_each(|budget| self.cut(budget, span, turn));
                return Ok(());
            }
            Tag::CommandComplete => {
                let CommandComplete { text } = CommandComplete::read(body);
                span.tag.set(text);
                if awaits_end {
                    check_end(text)?;
                }
                if self.replication.is_on {
                    self.replication.slots.done(awaited);
                }
                if text == b"PREPARE" {
                    self.names.prepared_in_sql();
                }
            }
            Tag::PortalSuspended if awaits_end => check_end(b"")?,
            Tag::ErrorResponse if denial.is_some() => {
                denial.iter().for_each(|denial| self.say_denial(denial, span, turn));
                return Ok(());
            }
            Tag::ErrorResponse | Tag::NoticeResponse => {
                return self.deliver_report(tag, piece, bytes, span, turn);
            }
            Tag::RowDescription | Tag::NotificationResponse | Tag::ParameterStatus => {
                if self.fits(tag, bytes, span, turn)? {
                    self.replies.shows_tail = true;
                    turn.deliver(&span.span, |out| out.extend_from_slice(raw));
                }
                return Ok(());
            }
            Tag::ParameterDescription => {
                let described = ParameterDescription::read(body);
                let types: Vec<u32> = described.into_iter().flat_map(|told| told.types.iter()).collect();
                self.names.learn(awaited, &types);
            }
            _ => {}
        }
        self.replies.shows_tail = true;
        span.bytes = span.bytes.saturating_add(raw.len() as u64);
        turn.deliver(&span.span, |out| out.extend_from_slice(raw));
        Ok(())
    }

    /// The target has done or skipped what changes names.
    fn names_changed(&mut self) -> Result<(), Ending> {
        self.pipeline.changes().for_each(|is_made| self.names.settle(is_made));
        if self.pipeline.is_out_of_step() {
            let what = "a request of the extended protocol while the target takes COPY data";
            return Err(Ending::misbehaved_client(what));
        }
        Ok(())
    }

    /// Rows, masked where they must be.
    fn deliver(&mut self, tag: Tag, raw: &[u8], span: &Span, turn: &mut Turn<'_>) -> Result<(), Ending> {
        match self.masking() {
            Some(masking) if !raw.is_empty() => turn.deliver(span, |out| masking.deliver(tag, raw, out)),
            _ => {
                turn.deliver(span, |out| out.extend_from_slice(raw));
                Ok(())
            }
        }
    }

    /// ParameterStatus.
    fn watch(&self, body: &[u8]) -> Result<(), Ending> {
        let Some(exact) = &self.exact else { return Ok(()) };
        match ParameterStatus::read(body) {
            Some(ParameterStatus { name, value }) => exact.watch(&self.grant, name, value),
            None => Err(Ending::misbehaved_target("a malformed ParameterStatus")),
        }
    }

    fn result_ends(&mut self, turn: &Turn<'_>) {
        if let Some(masking) = self.masking() {
            masking.rest();
        }
        self.may_rest(turn);
    }

    fn round_ends(&mut self, turn: &Turn<'_>) {
        self.result_ends(turn);
        self.allowance.overtime.denial = None;
        self.allowance.overtime.cancels = 0;
        self.allowance.is_between = false;
    }

    /// The denial to be said instead of an error of the target, if it answers a refused request. A FATAL is the
    /// target's own last word.
    fn denial_for(&mut self, piece: &Piece<'_, Tag>, body: &[u8]) -> Result<Option<Denial>, Ending> {
        let said = ServerReport::parse(body);
        if matches!(said.severity.as_str(), "FATAL" | "PANIC") {
            return Ok(None);
        }
        if said.sqlstate == Some(Sqlstate::QUERY_CANCELED) && self.allowance.overtime.denial.is_some() {
            return Ok(self.allowance.overtime.denial.take());
        }
        match (self.pipeline.take_denial(), piece) {
            (Some(_), Piece::Head { last: false, .. }) => {
                Err(Ending::misbehaved_target("an endless error for a short request"))
            }
            (denial, _) => Ok(denial),
        }
    }

    /// Says a denial in the place of the error that it stands for.
    pub(crate) fn say_denial(&mut self, denial: &Denial, span: &mut Gathering, turn: &mut Turn<'_>) {
        let report = error_report(denial, Severity::Error);
        let sqlstate = report.sqlstate;
        let frame = Frame::Report(Report {
            severity: "ERROR",
            sqlstate: sqlstate.as_str(),
            message: report.message.as_bytes(),
        });
        turn.record(self.tally.no, Direction::Gateway, &frame);
        turn.deliver(&span.span, |out| report.encode(out));
        span.sqlstate = Some(sqlstate);
    }

    /// Makes sure that what comes next counts for `statement`.
    fn join(&mut self, span: &mut Gathering, statement: u64, turn: &mut Turn<'_>) {
        if span.ended || span.statement != statement {
            self.close_span(span, turn);
            span.statement = statement;
        }
    }

    fn close_span(&mut self, span: &mut Gathering, turn: &mut Turn<'_>) {
        if span.bytes > 0 {
            self.allowance.meter.take_bytes(std::mem::take(&mut span.bytes));
        }
        let told = Told {
            statement: span.statement,
            rows: span.rows,
            tag: span.tag.text(),
            last: span.ended,
            sqlstate: span.sqlstate.as_ref().map_or(&b""[..], |sqlstate| sqlstate.as_str().as_bytes()),
        };
        self.account(&mut span.span, told, turn);
        (span.rows, span.tag.length, span.sqlstate, span.ended) = (0, 0, None, false);
    }

    /// An error or notice of the target, or what the principal may see of it.
    #[cold]
    #[inline(never)]
    fn deliver_report(
        &mut self,
        tag: Tag,
        piece: &Piece<'_, Tag>,
        bytes: usize,
        span: &mut Gathering,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let (Piece::Whole { raw, .. } | Piece::Head { raw, .. }) = *piece else { return Ok(()) };
        let body = piece.body();
        let less = self.with_less_detail(tag, body);
        if !self.fits(tag, less.as_ref().map_or(bytes, Vec::len), span, turn)? {
            return Ok(());
        }
        match less {
            Some(less) => {
                self.report(tag, less.get(HEADER_BYTES..).unwrap_or_default(), span, turn);
                turn.deliver(&span.span, |out| out.extend_from_slice(&less));
            }
            None => {
                self.report(tag, body, span, turn);
                self.replies.shows_tail = true;
                turn.deliver(&span.span, |out| out.extend_from_slice(raw));
            }
        }
        Ok(())
    }

    /// ErrorResponse or NoticeResponse of the target.
    fn report(&mut self, tag: Tag, body: &[u8], span: &mut Gathering, turn: &mut Turn<'_>) {
        let said = ServerReport::parse(body);
        let sqlstate = said.sqlstate.as_ref().map_or("", Sqlstate::as_str);
        let severity = if said.severity.is_empty() {
            if tag == Tag::ErrorResponse { "ERROR" } else { "NOTICE" }
        } else {
            &said.severity
        };
        let frame = Frame::Report(Report { severity, sqlstate, message: said.message.as_bytes() });
        turn.record(self.tally.no, Direction::Downstream, &frame);
        if tag == Tag::ErrorResponse {
            span.sqlstate = said.sqlstate;
        }
    }

    /// Says once that the end is near, at the first message boundary after it is due.
    pub(crate) fn give_notice(&mut self, turn: &mut Turn<'_>) {
        if self.notice != Notice::Due || !self.replies.scanner.at_boundary() {
            return;
        }
        self.notice.said();
        let left = self.grant.deadline.saturating_duration_since(turn.now).as_secs();
        let notice = ErrorReport::notice(format!(
            "grant {} expires at {}, in {left} s; the session will be cut then",
            self.grant.id, self.grant.expires_text
        ))
        .with_hint("Finish or commit now. To go on, connect again with a new access token.");
        self.say(&notice, 0, turn);
    }
}

fn unknown_reply(byte: u8) -> Ending {
    Ending::misbehaved_target(&format!("unexpected message type \"{}\"", byte.escape_ascii()))
}
