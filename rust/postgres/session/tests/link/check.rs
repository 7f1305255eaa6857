//! What must hold after every call into a session, whatever was said:
//! a. the frames decode, and none is longer than the format allows;
//! b. from admission on, the Result spans put end to end are exactly what went down;
//! c. after login, the frames account for every byte that went up: a message of the principal that was not
//!    forwarded is not there, and what the gateway says itself without a frame is Terminate and no more;
//! d. SessionEnd is the last frame, comes once, and its totals are those of the frames.

use std::time::Instant;

use hoopwire_postgres_session::Session;
use hoopwire_recording::{Frame, Frames, Scratch, Via};
use hoopwire_session::Effect;

use super::NO;

/// A frame, without what it borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Start,
    Decision { action: String, allow: bool },
    Statement { no: u64, via: &'static str, text: Vec<u8>, allow: bool, reason: String },
    Bind { no: u64, parameters: usize, types: Vec<u32> },
    Execute { no: u64 },
    Request { kind: char },
    Input { bytes: u64 },
    Result { no: u64, rows: u64, bytes: u64, tag: String, last: bool, sqlstate: String },
    Rows,
    Report { severity: String, sqlstate: String, message: String },
    GrantChanged,
    Cancel { allow: bool },
    End { closed_by: String, reason: String, sqlstate: String },
}

/// What was so before a call.
pub(crate) struct Before {
    pub(crate) now: Instant,
    pub(crate) deadline: Option<Instant>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    admitted: bool,
    permitted: bool,
    established: bool,
    ended: bool,
    closed: bool,
    /// Where the downstream bytes are accounted up to, and where that began.
    down: Option<(usize, usize)>,
    /// Where the upstream bytes are accounted up to.
    up: usize,
    /// The last span, for the Rows frame behind it.
    span: (usize, usize),
    /// A FunctionCall's Input follows.
    call_follows: bool,
    /// Where the last Bind begins whose frame does not say it whole: an Input from there on follows.
    unsaid: Option<usize>,
    rows: u64,
    statements: u64,
}

const TERMINATE: &[u8] = b"X\0\0\0\x04";

impl Ledger {
    pub(crate) fn check(
        &mut self,
        session: &Session,
        before: &Before,
        frames: &Frames,
        effects: &[Effect],
        down: &[u8],
        up: &[u8],
    ) {
        assert!(!frames.is_oversized());
        if !self.admitted && frames.is_empty() {
            assert!(up.is_empty(), "bytes for the target without admission");
            self.down = Some((down.len(), down.len()));
        }
        if !self.established {
            // the login is the gateway's own; what comes behind it in the same call is looked at below
            self.established = effects.iter().any(|effect| matches!(effect, Effect::Established));
            self.up = self.up.max(login_bytes(up));
        }
        let up_before = self.up;
        for raw in frames.iter() {
            assert_eq!(raw.session, NO);
            assert!(!self.ended, "a frame after SessionEnd");
            let mut scratch = Scratch::default();
            let frame = Frame::decode(raw.kind, raw.payload, &mut scratch).expect("frames decode");
            self.frame(&frame, down, up);
        }
        assert!(self.permitted || up.is_empty(), "bytes for the target without a decision");
        assert!(self.unsaid.is_none(), "a Bind that neither its frame nor a digest says whole");
        if self.established {
            self.own(up);
            assert_eq!(
                self.up,
                up.len(),
                "bytes for the target that no frame accounts for: {:?}",
                &up[self.up..]
            );
        }
        if self.admitted {
            let (_, to) = self.down.unwrap();
            assert_eq!(to, down.len(), "bytes for the principal that no Result frame accounts for");
        }
        if before.deadline.is_some_and(|deadline| before.now >= deadline) && self.established {
            let late = &up[up_before.min(up.len())..];
            assert!(late.is_empty() || late == TERMINATE, "forwarded after the grant expired");
        }
        let closes = effects.iter().filter(|effect| matches!(effect, Effect::Close(_))).count();
        assert!(closes <= usize::from(!self.closed), "closed twice");
        self.closed |= closes == 1;
        assert_eq!(session.is_closed(), self.closed);
        assert_eq!(self.ended, self.closed && self.admitted, "SessionEnd and the end go together");
    }

    fn frame(&mut self, frame: &Frame<'_>, down: &[u8], up: &[u8]) {
        assert_eq!(self.admitted, !matches!(frame, Frame::SessionStart(_)), "SessionStart is first, once");
        let input = matches!(frame, Frame::Input(_));
        assert!(!self.call_follows || input, "a FunctionCall without its digest");
        assert!(self.unsaid.is_none() || input, "what neither its frame nor a digest says whole");
        let entry = match frame {
            Frame::Ssh(_) => panic!("a frame of another protocol"),
            Frame::SessionStart(_) => {
                self.admitted = true;
                Entry::Start
            }
            Frame::Decision(decision) => {
                self.permitted = decision.allow;
                Entry::Decision { action: decision.action.to_owned(), allow: decision.allow }
            }
            Frame::Statement(statement) => {
                self.statements += 1;
                assert_eq!(statement.no, self.statements, "statements are counted from 1");
                if statement.allow {
                    match statement.via {
                        Via::Simple => {
                            self.forwarded(up, b'Q', &[statement.text, b"\0"].concat(), true);
                        }
                        Via::Parse => {
                            let count = u16::try_from(statement.types.len()).unwrap();
                            let mut body = [statement.name, b"\0", statement.text, b"\0"].concat();
                            body.extend(count.to_be_bytes());
                            body.extend(statement.types.iter().flat_map(|oid| oid.to_be_bytes()));
                            self.forwarded(up, b'P', &body, true);
                        }
                        Via::FunctionCall => self.call_follows = true,
                    }
                }
                Entry::Statement {
                    no: statement.no,
                    via: statement.via.word(),
                    text: statement.text.to_vec(),
                    allow: statement.allow,
                    reason: text(statement.reason),
                }
            }
            Frame::Bind(bind) => {
                self.own(up);
                let raw = &up[self.up..][..usize::try_from(bind.bytes).unwrap()];
                assert_eq!(raw[0], b'B');
                assert!(raw[5..].starts_with(&[bind.portal, b"\0", bind.name, b"\0"].concat()));
                self.unsaid = (!says_all(bind, raw)).then_some(self.up);
                self.up += raw.len();
                Entry::Bind {
                    no: bind.no,
                    parameters: bind.parameters.len(),
                    types: bind.parameters.iter().map(|parameter| parameter.oid).collect(),
                }
            }
            Frame::Execute(execute) => {
                self.forwarded(up, b'E', &[execute.portal, b"\0"].concat(), false);
                Entry::Execute { no: execute.no }
            }
            Frame::Request(request) => {
                let forwarded = self.forwarded(up, request.kind, b"", false);
                assert_eq!(forwarded.len() as u64, request.bytes);
                assert!(
                    forwarded.windows(request.name.len().max(1)).any(|part| part.starts_with(request.name))
                );
                Entry::Request { kind: char::from(request.kind) }
            }
            Frame::Input(input) => {
                let bytes = usize::try_from(input.bytes).unwrap();
                self.up = self.unsaid.take().unwrap_or(self.up);
                let is_here = |at: usize| {
                    up.get(at..at + bytes).is_some_and(|raw| *blake3::hash(raw).as_bytes() == input.digest)
                };
                if !is_here(self.up) {
                    self.own(up);
                }
                assert!(is_here(self.up), "what went up is not what is recorded");
                let raw = &up[self.up..][..bytes];
                assert!(!self.call_follows || raw[0] == b'F');
                self.call_follows = false;
                self.up += raw.len();
                Entry::Input { bytes: input.bytes }
            }
            Frame::Result(span) => {
                let (from, at) = self.down.expect("a Result before admission");
                let end = at + usize::try_from(span.bytes).unwrap();
                assert_eq!(*blake3::hash(&down[at..end]).as_bytes(), span.digest, "another digest");
                self.down = Some((from, end));
                self.span = (at, end);
                self.rows += span.rows;
                Entry::Result {
                    no: span.no,
                    rows: span.rows,
                    bytes: span.bytes,
                    tag: text(span.tag),
                    last: span.last,
                    sqlstate: text(span.sqlstate),
                }
            }
            Frame::Rows(rows) => {
                assert_eq!(**rows, down[self.span.0..self.span.1]);
                Entry::Rows
            }
            Frame::Report(report) => Entry::Report {
                severity: report.severity.to_owned(),
                sqlstate: report.sqlstate.to_owned(),
                message: text(report.message),
            },
            Frame::GrantChanged(_) => Entry::GrantChanged,
            Frame::Cancel(cancel) => Entry::Cancel { allow: cancel.allow },
            Frame::SessionEnd(end) => {
                self.ended = true;
                let (from, to) = self.down.unwrap();
                assert_eq!(end.bytes_out, (to - from) as u64);
                assert_eq!((end.rows, end.statements), (self.rows, self.statements));
                Entry::End {
                    closed_by: end.closed_by.to_owned(),
                    reason: end.reason.to_owned(),
                    sqlstate: end.sqlstate.to_owned(),
                }
            }
            Frame::SessionContinued(_) => panic!("a session does not continue itself"),
        };
        self.entries.push(entry);
    }

    /// One message of the principal that went up: its type, and how its body begins or is.
    fn forwarded<'u>(&mut self, up: &'u [u8], tag: u8, body: &[u8], all: bool) -> &'u [u8] {
        self.own(up);
        let message = message(&up[self.up..]).expect("a recorded message went up");
        assert_eq!(char::from(message[0]), char::from(tag));
        if all && &message[5..] != body {
            // other words of the same length, which a digest right behind must cover
            assert_eq!(message.len(), body.len() + 5);
            self.unsaid = Some(self.up);
        } else {
            assert!(message[5..].starts_with(body));
        }
        self.up += message.len();
        message
    }

    /// Passes over what the gateway says itself.
    fn own(&mut self, up: &[u8]) {
        while up[self.up..].starts_with(TERMINATE) {
            self.up += TERMINATE.len();
        }
    }
}

/// The startup packet and the `p` messages behind it.
fn login_bytes(up: &[u8]) -> usize {
    let Some(length) = up.first_chunk::<4>().map(|word| u32::from_be_bytes(*word) as usize) else { return 0 };
    let mut end = length;
    while let Some(message) = up.get(end..).and_then(message).filter(|message| message[0] == b'p') {
        end += message.len();
    }
    end
}

fn message(bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes(bytes.get(1..5)?.try_into().unwrap()) as usize;
    bytes.get(..length + 1)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether the Bind can be made again from its frame, but for the result formats, which are well formed.
fn says_all(bind: &hoopwire_recording::Bind<'_>, raw: &[u8]) -> bool {
    let mut body = [bind.portal, b"\0", bind.name, b"\0"].concat();
    let mut values = Vec::new();
    for parameter in bind.parameters {
        match parameter.value {
            None => values.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                values.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                values.extend(value);
            }
        }
    }
    let codes = u16::from_be_bytes(
        raw.get(5 + body.len()..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0xff; 2]),
    );
    body.extend(codes.to_be_bytes());
    let formats = bind.parameters.iter().map(|parameter| parameter.format.to_be_bytes());
    body.extend(formats.take(usize::from(codes)).flatten());
    body.extend(u16::try_from(bind.parameters.len()).unwrap().to_be_bytes());
    body.extend(values);
    let Some(rest) = raw.get(5..).and_then(|sent| sent.strip_prefix(body.as_slice())) else { return false };
    let Some((count, formats)) = rest.split_first_chunk::<2>() else { return false };
    let length = i32::from_be_bytes(*raw[1..].first_chunk().unwrap());
    raw.len() == usize::try_from(length).unwrap() + 1
        && formats.len() == usize::from(u16::from_be_bytes(*count)) * 2
        && formats.chunks(2).all(|code| matches!(code, [0, 0 | 1]))
}
