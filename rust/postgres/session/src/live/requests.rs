//! From the principal to the target: decide, record, forward, for each message, in this order.
//!
//! Two rules:
//! 1. Only `Legs::forward` carries the principal's bytes upstream, and it asks for the permit of a decision.
//! 2. The frame of a message is pushed before its bytes are; the engine keeps frames before it sends.

use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::Live;
use crate::live::bind;
use crate::live::cursors::fetches;
use crate::live::ends::is_end_of_transaction;
use crate::live::names::Nature;
use crate::live::stand_in;
use hoopwire_grant::Fault;
use hoopwire_grant::Party;
use hoopwire_grant::{Permit, decide};
use hoopwire_postgres_policy::Code;
use hoopwire_postgres_policy::{Action, Denial, Instead, StatementPlan, check_setting};
use hoopwire_postgres_protocol::message::{FrameError, Piece, Take};
use hoopwire_postgres_protocol::pipeline::{Copy, Owed};
use hoopwire_recording::{Direction, Execute, Frame, Input, Request, Statement, Via};
use hoopwire_wire::Reader;

/// Largest Bind that is read whole; a larger one is read as far as [`BIND_HEAD_BYTES`], header included, and
/// streamed.
const BIND_WHOLE_BYTES: usize = 64 * 1024;
const BIND_HEAD_BYTES: usize = 4 * 1024;
const HEADER_BYTES: usize = 5;
/// Largest message of the kinds that carry no more than names.
const SMALL_BYTES: usize = 16 * 1024;
/// Declared types of a parameter that names a setting: none, text, unknown, varchar. Another's value may be told otherwise.
const TEXTS: [u32; 4] = [0, 25, 705, 1043];
/// Most requests that may be owed before the principal is not read any further.
const OWED_MAX: usize = 16 * 1024;

fn take(statement_max_bytes: usize, tag: u8, body_len: usize) -> Take {
    match tag {
        b'Q' | b'P' | b'F' if body_len > statement_max_bytes => Take::Skip,
        b'Q' | b'P' | b'F' => Take::Whole,
        b'B' if body_len > BIND_WHOLE_BYTES => Take::StreamAfter(BIND_HEAD_BYTES),
        b'B' => Take::Whole,
        b'd' => Take::Run,
        b'C' | b'D' | b'E' | b'H' | b'S' | b'X' | b'c' | b'f' if body_len <= SMALL_BYTES => Take::Whole,
        _ => Take::Refuse,
    }
}

/// Copy data, or a Bind that its frame does not say whole, with what streams behind it: of one turn, recorded as
/// one digest.
struct Flow {
    /// Where it begins in the upstream buffer.
    start: Option<usize>,
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
        let permit = decide(&self.grant, self.class(), turn.now);
        if let Err(denial) = &permit
            && denial.fault == Fault::Expired
        {
            return Err(Ending::denied(denial));
        }
        if self.keeps_waiting(input) {
            return Ok(());
        }
        self.counters.bytes_in = self.counters.bytes_in.saturating_add(input.len() as u64);
        let mut flow = Flow { start: None };
        let mut scanner = std::mem::take(&mut self.from_principal);
        let limit = self.statement_max_bytes;
        let table = |tag: u8, body_len: usize| take(limit, tag, body_len);
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
        self.from_principal = scanner;
        if let Some(exact) = &mut self.exact {
            exact.is_fresh = false;
            exact.was_interrupted = false;
        }
        self.end_of_flow(&mut flow, turn);
        let waiting = outcome?;
        if !waiting.is_empty() {
            self.counters.bytes_in = self.counters.bytes_in.saturating_sub(waiting.len() as u64);
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
        piece: &Piece<'_>,
        permit: &Result<Permit, Denial>,
        flow: &mut Flow,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let body = match *piece {
            // no more than every split of the stream has here
            Piece::Head { raw, .. } => raw.get(HEADER_BYTES..BIND_HEAD_BYTES).unwrap_or_default(),
            _ => piece.body(),
        };
        match *piece {
            Piece::Run { raw, .. } | Piece::Tail { raw, .. } | Piece::Head { tag: b'd', raw, .. } => {
                if let (Ok(permit), false) = (permit, self.discarding) {
                    flow.start.get_or_insert(turn.legs.up_mut().len());
                    turn.legs.forward(permit, raw);
                }
                return Ok(());
            }
            _ => self.end_of_flow(flow, turn),
        }
        match *piece {
            Piece::Whole { tag: b'X', .. } => {
                return Err(Ending::quiet(Party::Principal, "terminated by the client"));
            }
            Piece::Whole { tag: tag @ b'S', .. } if !body.is_empty() => return Err(malformed(tag)),
            Piece::Whole { tag: b'S', raw } => self.sync(raw, permit, turn),
            _ if self.discarding => {}
            Piece::Skipped { tag, body_len } => {
                let denial = too_long(tag, body_len, self.statement_max_bytes);
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
                turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
                self.refuse(denial, no, tag, b"?", turn);
            }
            Piece::Whole { tag: tag @ (b'Q' | b'P' | b'F'), raw } => {
                self.statement(tag, raw, body, permit, turn)?
            }
            Piece::Whole { tag, raw } | Piece::Head { tag, raw, .. } => {
                match self.may_ride(tag, body, permit, turn) {
                    Err(denial) => self.refuse(denial, 0, tag, b"", turn),
                    Ok(permit) => {
                        if !self.part(tag, body, raw, turn)? {
                            flow.start = Some(turn.legs.up().len());
                        }
                        turn.legs.forward(permit, raw);
                    }
                }
            }
            Piece::Run { .. } | Piece::Tail { .. } => {}
        }
        Ok(())
    }

    /// What rides on a statement decided before needs the class, and an Execute one more statement.
    fn may_ride<'p>(
        &mut self,
        tag: u8,
        body: &[u8],
        permit: &'p Result<Permit, Denial>,
        turn: &Turn<'_>,
    ) -> Result<&'p Permit, Denial> {
        let permit = permit.as_ref().map_err(Clone::clone)?;
        // what is malformed ends the session further on
        let mut reader = Reader::new(body);
        match tag {
            b'B' => {
                let (portal, name) = (reader.cstr().unwrap_or_default(), reader.cstr().unwrap_or_default());
                self.check_bind(name, turn)?;
                self.check_portal_name(portal, name)?;
                self.check_settings(name, &mut reader)?;
                if !self.surely_ends(name) {
                    self.take_bind()?;
                }
            }
            b'D' => {
                if let (Ok(kind), Ok(name), true) = (reader.u8(), reader.cstr(), reader.is_empty()) {
                    if kind != b'S' {
                        self.check_unnamed_portal(name)?;
                    }
                    self.check_description(kind, name)?;
                }
            }
            b'E' => {
                let portal = reader.cstr().unwrap_or_default();
                if reader.i32().is_ok() && reader.is_empty() {
                    self.check_unnamed_portal(portal)?;
                    // under masks it is described first
                    if self.has_masks() {
                        self.check_description(b'P', portal)?;
                    }
                }
                if !self.portal_ends(portal) {
                    self.take_execute()?;
                }
            }
            _ => {}
        }
        Ok(permit)
    }

    /// Settings that a Bind's parameters name may be ones that are not to be read.
    fn check_settings(&self, statement: &[u8], reader: &mut Reader<'_>) -> Result<(), Denial> {
        match self.names.asks(statement) {
            Some(0) => Ok(()),
            _ if self.pipeline.is_skipping() => Ok(()),
            Some(asked) => bind::check_settings(reader, asked, &self.grant),
            None => check_setting(&self.grant, None),
        }
    }

    fn sync(&mut self, raw: &[u8], permit: &Result<Permit, Denial>, turn: &mut Turn<'_>) {
        self.discarding = false;
        let frame = Frame::Request(Request { kind: b'S', name: b"", bytes: raw.len() as u64 });
        turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
        self.owe(Owed::Sync, turn);
        self.names.end_round();
        match permit {
            Ok(permit) => turn.legs.forward(permit, raw),
            // the principal may do nothing here, but the denial's ReadyForQuery must have the true status
            Err(_) => turn.legs.own_up().extend_from_slice(raw),
        }
    }

    /// Query, Parse, FunctionCall.
    fn statement(
        &mut self,
        tag: u8,
        raw: &[u8],
        body: &[u8],
        permit: &Result<Permit, Denial>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let parsed = match tag {
            b'P' => parse_body(body),
            b'Q' => body.strip_suffix(b"\0").map(|text| (&b""[..], text, Vec::new())),
            _ => Some((&b""[..], &b""[..], Vec::new())),
        };
        let Some((name, text, types)) = parsed.filter(|(_, text, _)| !text.contains(&0)) else {
            return Err(malformed(tag));
        };
        let call = (tag == b'F').then(|| decide(&self.grant, Action::CallFunction, turn.now));
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
        turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
        match permit {
            Err(denial) => self.refuse(denial, no, tag, name, turn),
            Ok((permit, traits)) => {
                if tag == b'F' {
                    let digest = *blake3::hash(raw).as_bytes();
                    let frame = Frame::Input(Input { bytes: raw.len() as u64, digest });
                    turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
                }
                let owed = match tag {
                    b'Q' => Owed::Query { no, ends: traits.nature.ends },
                    b'P' => Owed::Parse { no },
                    _ => Owed::FunctionCall { no },
                };
                let is_answered = self.owe(owed, turn);
                match tag {
                    b'P' if is_answered => self.names.prepare(name, no, &types, traits.nature),
                    b'Q' if is_answered => self.names.query(),
                    _ => {}
                }
                if tag == b'P' {
                    self.note_prepared_anew();
                    if traits.nature.fetches {
                        self.note_fetch();
                    }
                    if let Some(exact) = &mut self.exact {
                        exact.keeps_statements = true;
                        exact.binds_look_up |= traits.looks_up;
                    }
                }
                if traits.instead.is_empty() {
                    turn.legs.forward(permit, raw);
                } else {
                    // the frame has what the principal said; this is what the target hears
                    let start = HEADER_BYTES + if tag == b'P' { name.len() + 1 } else { 0 };
                    let changed = instead(raw, start, &traits.instead).ok_or_else(|| malformed(tag))?;
                    let digest = *blake3::hash(&changed).as_bytes();
                    let frame = Frame::Input(Input { bytes: changed.len() as u64, digest });
                    turn.frames.push(self.no, turn.unix_us, Direction::Gateway, &frame);
                    turn.legs.forward(permit, &changed);
                }
            }
        }
        Ok(())
    }

    /// What the grant says of a text, and of one more statement.
    fn decide_statement(
        &mut self,
        tag: u8,
        no: u64,
        name: &[u8],
        text: &[u8],
        types: &[u32],
        turn: &mut Turn<'_>,
    ) -> Result<Traits, Denial> {
        let verdict = if tag == b'F' { None } else { self.judge(no, text, turn)? };
        let ends = is_end_of_transaction(text);
        match tag {
            _ if ends => {}
            b'P' => self.take_parse()?,
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
        if !self.names.may_tell(traits.nature.asks != 0, traits.executes, tag == b'P') {
            check_setting(&self.grant, None)?;
        }
        if tag == b'P' {
            self.check_statement_name(name, traits.executes)?;
            let asks = |at: usize| traits.nature.asks.checked_shr(u32::try_from(at).unwrap_or(u32::MAX));
            let is_asked = |at: usize| asks(at).is_some_and(|bits| bits & 1 == 1);
            if types.iter().enumerate().any(|(at, oid)| is_asked(at) && !TEXTS.contains(oid)) {
                check_setting(&self.grant, None)?;
            }
        }
        if let (b'Q', Some(plans)) = (tag, plans) {
            self.check_executed(plans)?;
        }
        if let Some(copy) = copy.filter(|_| self.has_masks()) {
            self.note_copy(no, copy.copy_out.clone())?;
        }
        Ok(traits)
    }

    /// The messages that ride on a statement decided before: recorded here, forwarded by the caller. False if the
    /// frame does not say all of it: the caller keeps the bytes by digest.
    fn part(&mut self, tag: u8, body: &[u8], raw: &[u8], turn: &mut Turn<'_>) -> Result<bool, Ending> {
        let malformed = || malformed(tag);
        let mut reader = Reader::new(body);
        let mut name: &[u8] = b"";
        match tag {
            b'B' => {
                let recorded = bind::record(self, body, raw, turn).ok_or_else(malformed)?;
                if self.owe(Owed::Bind { no: recorded.bound.no }, turn) {
                    self.names.bind(recorded.portal, recorded.bound);
                    self.note_bound(recorded.portal, recorded.bound.nature.fetches);
                }
                return Ok(recorded.complete);
            }
            b'E' => {
                let portal = reader.cstr().map_err(|_| malformed())?;
                let max_rows = reader.i32().map_err(|_| malformed())?;
                reader.finish().map_err(|_| malformed())?;
                let no = self.portal(portal);
                self.describe_first(portal, turn);
                let frame = Frame::Execute(Execute { portal, no, max_rows: i64::from(max_rows) });
                turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
                self.owe(Owed::Execute { no, ends: self.portal_ends(portal) }, turn);
                return Ok(true);
            }
            b'D' | b'C' => {
                let kind = reader.u8().map_err(|_| malformed())?;
                name = reader.cstr().map_err(|_| malformed())?;
                reader.finish().map_err(|_| malformed())?;
                if tag == b'C' {
                    if kind == b'S' {
                        self.note_prepared_anew();
                    } else {
                        self.note_run();
                    }
                    if self.owe(Owed::Close, turn) {
                        self.names.close(kind, name);
                    }
                } else {
                    let no = match kind {
                        b'S' => self.prepared(name).map_or(0, |prepared| prepared.no),
                        _ => self.portal(name),
                    };
                    self.owe(Owed::Describe { no }, turn);
                }
            }
            // the reason of a CopyFail is the principal's text: it is kept
            b'f' => name = body.strip_suffix(b"\0").unwrap_or(body),
            // Flush and CopyDone have no body, and no frame would say what is in one
            _ => reader.finish().map_err(|_| malformed())?,
        }
        if matches!(tag, b'c' | b'f') {
            self.pipeline.copy_done();
        }
        let frame = Frame::Request(Request { kind: tag, name, bytes: raw.len() as u64 });
        turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
        Ok(true)
    }

    /// Refuses a request: in its place goes one that the target answers with an error (`refusal`), and the denial
    /// is said instead of that error when it comes. `name` is that of a statement to prepare.
    fn refuse(&mut self, denial: Denial, no: u64, tag: u8, name: &[u8], turn: &mut Turn<'_>) {
        let copy = self.pipeline.copy();
        // a target that streams both ways has no reply for these
        if copy == Copy::Both || !stand_in::is_answered(tag) {
            return;
        }
        let then_ready = matches!(tag, b'Q' | b'F');
        self.stand_in(tag, name, Owed::Refused { no, denial: Some(Box::new(denial)), then_ready }, turn);
        // what breaks a COPY is used up by that; else an error of the extended protocol skips to the next Sync
        self.discarding = !then_ready && copy != Copy::In;
    }

    /// Makes the target err at this place, though nothing was refused: `tag` is a Query or a Parse.
    pub(crate) fn fail_here(&mut self, tag: u8, denial: Denial, turn: &mut Turn<'_>) {
        let owed = Owed::Refused { no: 0, denial: Some(Box::new(denial)), then_ready: tag == b'Q' };
        self.stand_in(tag, b"?", owed, turn);
    }

    fn stand_in(&mut self, tag: u8, name: &[u8], owed: Owed<Denial>, turn: &mut Turn<'_>) {
        self.say_own(turn, |_, out| stand_in::encode(tag, name, out));
        self.pipeline.push(owed);
    }

    fn end_of_flow(&mut self, flow: &mut Flow, turn: &mut Turn<'_>) {
        let Some(start) = flow.start.take() else { return };
        let bytes = turn.legs.up_mut().get(start..).unwrap_or_default();
        let frame =
            Frame::Input(Input { bytes: bytes.len() as u64, digest: *blake3::hash(bytes).as_bytes() });
        turn.frames.push(self.no, turn.unix_us, Direction::Upstream, &frame);
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

fn malformed(tag: u8) -> Ending {
    let what = format!("invalid message format in a message of type \"{}\"", tag.escape_ascii());
    Ending::misbehaved_client(&what)
}

fn via(tag: u8) -> Via {
    match tag {
        b'Q' => Via::Simple,
        b'P' => Via::Parse,
        _ => Via::FunctionCall,
    }
}

/// Name, text and declared parameter types of a Parse.
pub(crate) fn parse_body(body: &[u8]) -> Option<(&[u8], &[u8], Vec<u32>)> {
    let mut reader = Reader::new(body);
    let name = reader.cstr().ok()?;
    let text = reader.cstr().ok()?;
    let count = usize::from(reader.u16().ok()?);
    let types = (0..count).map(|_| reader.u32().ok()).collect::<Option<Vec<u32>>>()?;
    reader.is_empty().then_some((name, text, types))
}

fn too_long(tag: u8, body_len: usize, max: usize) -> Denial {
    let what = match tag {
        b'Q' => "query",
        b'P' => "statement to prepare",
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

fn unknown_request(tag: u8) -> Ending {
    let what = match tag {
        b'p' => "a second password or SASL message".to_owned(),
        _ => format!("invalid frontend message type {tag}"),
    };
    Ending::misbehaved_client(&what)
}
