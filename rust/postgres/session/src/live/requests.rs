//! From the principal to the target: decide, record, forward, for each message, in this order.
//!
//! Two rules:
//! 1. Only `Legs::forward` carries the principal's bytes upstream, and it asks for the permit of a decision.
//! 2. The frame of a message is pushed before its bytes are; the engine keeps frames before it sends.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::cursors::fetches;
use crate::live::ends::is_end_of_transaction;
use crate::live::names::Nature;
use crate::live::{Live, bind, stand_in};
use hoopwire_grant::{Fault, Party, Permit, decide};
use hoopwire_postgres_policy::{Action, Code, Denial, Instead, StatementPlan, check_setting};
use hoopwire_postgres_protocol::frontend::{Bind, Execute, Kind, Malformed, Named, Parse, Query, Rider, Tag};
use hoopwire_postgres_protocol::message::{FrameError, HEADER_BYTES, MessageTag, Piece, Take};
use hoopwire_postgres_protocol::pipeline::{Copy, Owed};
use hoopwire_recording::{self as recording, Direction, Frame, Input, Request, Statement, Via};
use hoopwire_session::{Flow, Recorded};

/// Largest Bind that is read whole; a larger one is read as far as [`BIND_HEAD_BYTES`], header included, and
/// streamed.
const BIND_WHOLE_BYTES: usize = 64 * 1024;
const BIND_HEAD_BYTES: usize = 4 * 1024;
/// Largest message of the kinds that carry no more than names.
const SMALL_BYTES: usize = 16 * 1024;
/// Declared types of a parameter that names a setting: none, text, unknown, varchar. Another's value may be told otherwise.
const TEXTS: [u32; 4] = [0, 25, 705, 1043];
/// Most requests that may be owed before the principal is not read any further.
const OWED_MAX: usize = 16 * 1024;

fn take(statement_max_bytes: usize, tag: Tag, body_len: usize) -> Take {
    match tag {
        Tag::Query | Tag::Parse | Tag::FunctionCall if body_len > statement_max_bytes => Take::Skip,
        Tag::Query | Tag::Parse | Tag::FunctionCall => Take::Whole,
        Tag::Bind if body_len > BIND_WHOLE_BYTES => Take::StreamAfter(BIND_HEAD_BYTES),
        Tag::Bind => Take::Whole,
        Tag::CopyData => Take::Run,
        Tag::Close
        | Tag::Describe
        | Tag::Execute
        | Tag::Flush
        | Tag::Sync
        | Tag::Terminate
        | Tag::CopyDone
        | Tag::CopyFail
            if body_len <= SMALL_BYTES =>
        {
            Take::Whole
        }
        _ => Take::Refuse,
    }
}

/// What else must be known of an allowed statement.
struct Traits {
    /// The target may look names of relations up for it.
    looks_up: bool,
    nature: Nature,
    /// EXECUTE; false where statements are not read.
    executes: bool,
    /// What goes up in place of some of its words, in order.
    instead: Vec<Instead>,
}

impl Live {
    /// Bytes of the principal, after login.
    pub(crate) fn take_requests(&mut self, mut input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.silence.heard(turn.now);
        let permit = decide(&self.grant, self.class(), turn.now);
        if let Err(denial) = &permit
            && denial.fault == Fault::Expired
        {
            return Err(Ending::denied(denial));
        }
        if self.keeps_waiting(input) {
            return Ok(());
        }
        self.tally.counters.bytes_in = self.tally.counters.bytes_in.saturating_add(input.len() as u64);
        // copy data, or a Bind that its frame does not say whole, with what streams behind it
        let mut flow = None;
        let mut scanner = std::mem::take(&mut self.requests.scanner);
        let limit = self.requests.statement_max_bytes;
        let table = |tag: Tag, body_len: usize| take(limit, tag, body_len);
        let outcome = loop {
            match scanner.next(&mut input, &table) {
                Ok(None) => break Ok(Vec::new()),
                Ok(Some(piece)) => match self.must_wait(&piece, turn) {
                    Ok(None) => {
                        if let Err(ending) = self.request(&piece, &permit, &mut flow, turn) {
                            break Err(ending);
                        }
                        self.has_sent(&piece);
                    }
                    Ok(Some(message)) => break Ok([message, input].concat()),
                    Err(ending) => break Err(ending),
                },
                Err(FrameError::Type { tag }) => break Err(unknown_request(tag)),
                Err(error) => break Err(error.into()),
            }
        };
        self.requests.scanner = scanner;
        if let Some(exact) = &mut self.exact {
            exact.knowledge.decided();
        }
        self.end_of_flow(&mut flow, turn);
        let waiting = outcome?;
        if !waiting.is_empty() {
            self.tally.counters.bytes_in = self.tally.counters.bytes_in.saturating_sub(waiting.len() as u64);
            self.hold(waiting, turn);
        }
        Ok(())
    }

    /// The principal sends requests faster than the target answers: stop reading it for now.
    pub(crate) fn is_overdue(&self) -> bool {
        self.pipeline.len() > OWED_MAX
    }

    fn request(
        &mut self,
        piece: &Piece<'_, Tag>,
        permit: &Result<Permit, Denial>,
        flow: &mut Option<Flow>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let body = match *piece {
            // no more than every split of the stream has here
            Piece::Head { raw, .. } => raw.get(HEADER_BYTES..BIND_HEAD_BYTES).unwrap_or_default(),
            _ => piece.body(),
        };
        match *piece {
            Piece::Run { raw, .. }
            | Piece::Tail { raw, .. }
            | Piece::Head { tag: Tag::CopyData, raw, .. } => {
                if let (Ok(permit), false) = (permit, self.requests.discarding) {
                    let flow = flow.get_or_insert_with(|| turn.flow());
                    turn.forward_in(permit, flow, raw);
                }
                return Ok(());
            }
            _ => self.end_of_flow(flow, turn),
        }
        match *piece {
            Piece::Whole { tag: Tag::Terminate, .. } => {
                return Err(Ending::quiet(Party::Principal, "terminated by the client"));
            }
            Piece::Whole { tag: tag @ Tag::Sync, .. } if !body.is_empty() => return Err(malformed(tag)),
            Piece::Whole { tag: Tag::Sync, raw } => self.sync(raw, permit, turn),
            _ if self.requests.discarding => {}
            Piece::Skipped { tag, body_len } => {
                let denial = too_long(tag, body_len, self.requests.statement_max_bytes);
                let no = self.next_statement();
                let frame = Frame::Statement(Statement {
                    no,
                    via: via(tag),
                    name: b"",
                    text: b"",
                    types: &[],
                    allow: false,
                    reason: denial.code.name().as_bytes(),
                });
                turn.record(self.tally.no, Direction::Upstream, &frame);
                self.refuse(denial, no, tag, b"?", turn);
            }
            Piece::Whole { tag: tag @ (Tag::Query | Tag::Parse | Tag::FunctionCall), raw } => {
                self.statement(tag, raw, body, permit, turn)?
            }
            Piece::Whole { tag, raw } | Piece::Head { tag, raw, .. } => {
                let rider = Rider::read(tag, body);
                match self.may_ride(&rider, permit, turn) {
                    Err(denial) => self.refuse(denial, 0, tag, b"", turn),
                    Ok(permit) => match self.part(tag, &rider, raw, turn)? {
                        Some(kept) => turn.forward(permit, kept, raw),
                        None => {
                            let flow = flow.insert(turn.flow());
                            turn.forward_in(permit, flow, raw);
                        }
                    },
                }
            }
            Piece::Run { .. } | Piece::Tail { .. } => {}
        }
        Ok(())
    }

    /// What rides on a statement decided before needs the class, and an Execute one more statement.
    fn may_ride<'p>(
        &mut self,
        rider: &Rider<'_>,
        permit: &'p Result<Permit, Denial>,
        turn: &Turn<'_>,
    ) -> Result<&'p Permit, Denial> {
        let permit = permit.as_ref().map_err(Clone::clone)?;
        // what is malformed ends the session further on
        match rider {
            Rider::Bind(Ok(bind) | Err(Malformed(bind))) => {
                let Bind { portal, statement, .. } = *bind;
                self.check_bind(statement, turn)?;
                self.check_portal_name(portal, statement)?;
                self.check_settings(bind)?;
                if !self.surely_ends(statement) {
                    self.take_bind()?;
                }
            }
            Rider::Describe(Some(Named { kind, name })) => {
                if *kind == Kind::Portal {
                    self.check_unnamed_portal(name)?;
                }
                self.check_description(*kind, name)?;
            }
            Rider::Execute(execute) => {
                if let Ok(Execute { portal, .. }) = execute {
                    self.check_unnamed_portal(portal)?;
                    // under masks it is described first
                    if self.has_masks() {
                        self.check_description(Kind::Portal, portal)?;
                    }
                }
                let (Ok(execute) | Err(Malformed(execute))) = execute;
                if !self.portal_ends(execute.portal) {
                    self.take_execute()?;
                }
            }
            _ => {}
        }
        Ok(permit)
    }

    /// Settings that a Bind's parameters name may be ones that are not to be read.
    fn check_settings(&self, bind: &Bind<'_>) -> Result<(), Denial> {
        match self.names.asks(bind.statement) {
            Some(0) => Ok(()),
            _ if self.pipeline.is_skipping() => Ok(()),
            Some(asked) => bind::check_settings(bind, asked, &self.grant),
            None => check_setting(&self.grant, None),
        }
    }

    fn sync(&mut self, raw: &[u8], permit: &Result<Permit, Denial>, turn: &mut Turn<'_>) {
        self.requests.discarding = false;
        let frame = Frame::Request(Request { kind: Tag::Sync.byte(), name: b"", bytes: raw.len() as u64 });
        let kept = turn.record(self.tally.no, Direction::Upstream, &frame);
        self.owe(Owed::Sync, turn);
        self.names.end_round();
        match permit {
            Ok(permit) => turn.forward(permit, kept, raw),
            // the principal may do nothing here, but the denial's ReadyForQuery must have the true status
            Err(_) => turn.say_up(kept, raw),
        }
    }

    /// Query, Parse, FunctionCall.
    fn statement(
        &mut self,
        tag: Tag,
        raw: &[u8],
        body: &[u8],
        permit: &Result<Permit, Denial>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let parsed = match tag {
            Tag::Parse => {
                Parse::read(body).map(|parse| (parse.name, parse.text, parse.types.iter().collect()))
            }
            Tag::Query => Query::read(body).map(|query| (&b""[..], query.text, Vec::new())),
            _ => Some((&b""[..], &b""[..], Vec::new())),
        };
        let Some((name, text, types)) = parsed else {
            return Err(malformed(tag));
        };
        let call = (tag == Tag::FunctionCall).then(|| decide(&self.grant, Action::CallFunction, turn.now));
        let no = self.next_statement();
        let permit = match call.as_ref().unwrap_or(permit) {
            Ok(permit) => {
                self.decide_statement(tag, no, name, text, &types, turn).map(|traits| (permit, traits))
            }
            Err(denial) => Err(denial.clone()),
        };
        let reason = match &permit {
            Ok(_) => self.grant.policy.as_bytes(),
            Err(denial) => denial.code.name().as_bytes(),
        };
        let (via, allow) = (via(tag), permit.is_ok());
        let frame = Frame::Statement(Statement { no, via, name, text, types: &types, allow, reason });
        let mut kept = turn.record(self.tally.no, Direction::Upstream, &frame);
        match permit {
            Err(denial) => self.refuse(denial, no, tag, name, turn),
            Ok((permit, traits)) => {
                if tag == Tag::FunctionCall {
                    let digest = *blake3::hash(raw).as_bytes();
                    let frame = Frame::Input(Input { bytes: raw.len() as u64, digest });
                    kept = turn.record(self.tally.no, Direction::Upstream, &frame);
                }
                let owed = match tag {
                    Tag::Query => Owed::Query { no, ends: traits.nature.ends },
                    Tag::Parse => Owed::Parse { no },
                    _ => Owed::FunctionCall { no },
                };
                let is_answered = self.owe(owed, turn);
                match tag {
                    Tag::Parse if is_answered => self.names.prepare(name, no, &types, traits.nature),
                    Tag::Query if is_answered => self.names.query(),
                    _ => {}
                }
                if tag == Tag::Parse {
                    self.note_prepared_anew();
                    if traits.nature.fetches {
                        self.note_fetch();
                    }
                    if let Some(exact) = &mut self.exact {
                        exact.prepared.is_any = true;
                        exact.prepared.looks_up |= traits.looks_up;
                    }
                }
                if traits.instead.is_empty() {
                    turn.forward(permit, kept, raw);
                } else {
                    // the frame has what the principal said; this is what the target hears
                    let start = HEADER_BYTES + if tag == Tag::Parse { name.len() + 1 } else { 0 };
                    let changed = instead(raw, start, &traits.instead).ok_or_else(|| malformed(tag))?;
                    let digest = *blake3::hash(&changed).as_bytes();
                    let frame = Frame::Input(Input { bytes: changed.len() as u64, digest });
                    let kept = turn.record(self.tally.no, Direction::Gateway, &frame);
                    turn.forward(permit, kept, &changed);
                }
            }
        }
        Ok(())
    }

    /// What the grant says of a text, and of one more statement.
    fn decide_statement(
        &mut self,
        tag: Tag,
        no: u64,
        name: &[u8],
        text: &[u8],
        types: &[u32],
        turn: &mut Turn<'_>,
    ) -> Result<Traits, Denial> {
        let verdict = if tag == Tag::FunctionCall { None } else { self.judge(no, text, turn)? };
        let ends = is_end_of_transaction(text);
        match tag {
            _ if ends => {}
            Tag::Parse => self.take_parse()?,
            _ => self.take_statements(verdict.as_ref())?,
        }
        let plans = verdict.as_ref().and_then(|verdict| verdict.outcome.as_ref().ok());
        let copy = plans.and_then(|plans| plans.iter().find(|plan| plan.is_copy()));
        let traits = Traits {
            looks_up: plans.is_none_or(|plans| plans.iter().any(|plan| plan.looks_up)),
            nature: Nature {
                fetches: plans.is_some_and(|plans| plans.iter().any(fetches)),
                ends,
                asks: plans.map_or(0, |plans| plans.iter().fold(0, |all, plan| all | plan.asks)),
            },
            executes: plans.is_some_and(|plans| plans.iter().any(|plan| plan.executes.is_some())),
            instead: plans.map_or_else(Vec::new, |plans| words_instead(plans)),
        };
        if !self.names.may_tell(traits.nature.asks != 0, traits.executes, tag == Tag::Parse) {
            check_setting(&self.grant, None)?;
        }
        if tag == Tag::Parse {
            self.check_statement_name(name, traits.executes)?;
            let asks = |at: usize| traits.nature.asks.checked_shr(u32::try_from(at).unwrap_or(u32::MAX));
            let is_asked = |at: usize| asks(at).is_some_and(|bits| bits & 1 == 1);
            if types.iter().enumerate().any(|(at, oid)| is_asked(at) && !TEXTS.contains(oid)) {
                check_setting(&self.grant, None)?;
            }
        }
        if let (Tag::Query, Some(plans)) = (tag, plans) {
            self.check_executed(plans)?;
        }
        if let Some(copy) = copy.filter(|_| self.has_masks()) {
            self.note_copy(no, copy.copy_out.clone())?;
        }
        Ok(traits)
    }

    /// The messages that ride on a statement decided before: recorded here, forwarded by the caller. `None` if the
    /// frame does not say all of it: the caller keeps the bytes by digest.
    fn part(
        &mut self,
        tag: Tag,
        rider: &Rider<'_>,
        raw: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<Option<Recorded>, Ending> {
        let malformed = || malformed(tag);
        let name = match rider {
            Rider::Bind(bind) => {
                let bind = bind.as_ref().map_err(|_| malformed())?;
                let recorded = bind::record(self, bind, raw, turn);
                if self.owe(Owed::Bind { no: recorded.bound.no }, turn) {
                    self.names.bind(bind.portal, recorded.bound);
                    self.note_bound(bind.portal, recorded.bound.nature.fetches);
                }
                return Ok(recorded.kept);
            }
            Rider::Execute(execute) => {
                let Execute { portal, max_rows } = execute.map_err(|_| malformed())?;
                let no = self.portal(portal);
                self.describe_first(portal, turn);
                let frame = Frame::Execute(recording::Execute { portal, no, max_rows: i64::from(max_rows) });
                let kept = turn.record(self.tally.no, Direction::Upstream, &frame);
                self.owe(Owed::Execute { no, ends: self.portal_ends(portal) }, turn);
                return Ok(Some(kept));
            }
            Rider::Close(named) => {
                let Named { kind, name } = named.ok_or_else(malformed)?;
                match kind {
                    Kind::Statement => self.note_prepared_anew(),
                    Kind::Portal => self.note_run(),
                }
                if self.owe(Owed::Close, turn) {
                    self.names.close(kind, name);
                }
                name
            }
            Rider::Describe(named) => {
                let Named { kind, name } = named.ok_or_else(malformed)?;
                let no = match kind {
                    Kind::Statement => self.prepared(name).map_or(0, |prepared| prepared.no),
                    Kind::Portal => self.portal(name),
                };
                self.owe(Owed::Describe { no }, turn);
                name
            }
            // the reason is the principal's text: it is kept
            Rider::CopyFail(fail) => {
                self.pipeline.copy_done();
                fail.reason
            }
            Rider::CopyDone { is_bare: true } => {
                self.pipeline.copy_done();
                b""
            }
            Rider::Other { is_bare: true } => b"",
            // no frame would say what is in it
            Rider::CopyDone { .. } | Rider::Other { .. } => return Err(malformed()),
        };
        let frame = Frame::Request(Request { kind: tag.byte(), name, bytes: raw.len() as u64 });
        Ok(Some(turn.record(self.tally.no, Direction::Upstream, &frame)))
    }

    /// Refuses a request: in its place goes one that the target answers with an error (`refusal`), and the denial
    /// is said instead of that error when it comes. `name` is that of a statement to prepare.
    fn refuse(&mut self, denial: Denial, no: u64, tag: Tag, name: &[u8], turn: &mut Turn<'_>) {
        let copy = self.pipeline.copy();
        // a target that streams both ways has no reply for these
        if copy == Copy::Both || !stand_in::is_answered(tag) {
            return;
        }
        let then_ready = matches!(tag, Tag::Query | Tag::FunctionCall);
        self.stand_in(tag, name, Owed::Refused { no, denial: Some(Box::new(denial)), then_ready }, turn);
        // what breaks a COPY is used up by that; else an error of the extended protocol skips to the next Sync
        self.requests.discarding = !then_ready && copy != Copy::In;
    }

    /// Makes the target err at this place, though nothing was refused: `tag` is a Query or a Parse.
    pub(crate) fn fail_here(&mut self, tag: Tag, denial: Denial, turn: &mut Turn<'_>) {
        let owed = Owed::Refused { no: 0, denial: Some(Box::new(denial)), then_ready: tag == Tag::Query };
        self.stand_in(tag, b"?", owed, turn);
    }

    fn stand_in(&mut self, tag: Tag, name: &[u8], owed: Owed<Denial>, turn: &mut Turn<'_>) {
        self.say_own(turn, |_, out| stand_in::encode(tag, name, out));
        self.pipeline.push(owed);
    }

    fn end_of_flow(&self, flow: &mut Option<Flow>, turn: &mut Turn<'_>) {
        if let Some(flow) = flow.take() {
            turn.end_flow(self.tally.no, flow);
        }
    }
}

/// What goes up in place of words of all statements of a text.
fn words_instead(plans: &[StatementPlan]) -> Vec<Instead> {
    // hardly a text has any
    if plans.iter().all(|plan| plan.instead.is_empty()) {
        return Vec::new();
    }
    plans.iter().flat_map(|plan| plan.instead.iter().cloned()).collect()
}

/// The message with other words of the same length in its text, which begins at `start`.
fn instead(raw: &[u8], start: usize, all: &[Instead]) -> Option<Vec<u8>> {
    let mut changed = raw.to_vec();
    for Instead { at, words } in all {
        let at = start.checked_add(*at)?;
        changed.get_mut(at..at.checked_add(words.len())?)?.copy_from_slice(words.as_bytes());
    }
    Some(changed)
}

fn malformed(tag: Tag) -> Ending {
    let what = format!("invalid message format in a message of type \"{}\"", tag.byte().escape_ascii());
    Ending::misbehaved_client(&what)
}

fn via(tag: Tag) -> Via {
    match tag {
        Tag::Query => Via::Simple,
        Tag::Parse => Via::Parse,
        _ => Via::FunctionCall,
    }
}

fn too_long(tag: Tag, body_len: usize, max: usize) -> Denial {
    let what = match tag {
        Tag::Query => "query",
        Tag::Parse => "statement to prepare",
        _ => "function call",
    };
    Denial {
        fault: Fault::OverLimit,
        code: Code::StatementTooLong,
        message: format!("{what} of {body_len} bytes is longer than the gateway takes"),
        detail: format!(
            "The limit is {max} bytes; nothing of it was sent to the target.\ncode: statement_too_long"
        ),
        hint: "Split it, send bulk values as bind parameters or with COPY, or ask the gateway's operators to raise limits.statement.".to_owned(),
        position: None,
    }
}

fn unknown_request(byte: u8) -> Ending {
    let what = match Tag::of(byte) {
        Some(Tag::Password) => "a second password or SASL message".to_owned(),
        _ => format!("invalid frontend message type {byte}"),
    };
    Ending::misbehaved_client(&what)
}
