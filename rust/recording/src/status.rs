//! What frames say of the sessions, derived frame by frame.

use crate::frame::Frame;
use crate::kind::Direction;
use crate::ssh::Ssh;
use std::collections::BTreeMap;

/// What is known of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `s_` + ULID.
    pub session: String,
    /// Id of the grant it is under now.
    pub grant: String,
    /// Began in an earlier segment than the first that was read.
    pub continued: bool,
    /// Its SessionEnd was read.
    pub ended: bool,
    /// Statements received, allowed or not.
    pub statements: u64,
    /// Rows delivered.
    pub rows: u64,
    /// Bytes of the requests that frames count: all but those of Query and Parse messages, of which the text counts.
    pub bytes_in: u64,
    /// Bytes delivered.
    pub bytes_out: u64,
}

impl Status {
    /// Takes in the session's next frame.
    pub fn next(&mut self, direction: Option<Direction>, frame: &Frame<'_>) {
        match frame {
            Frame::SessionStart(start) => {
                *self = Status {
                    session: start.session.to_owned(),
                    grant: start.grant.to_owned(),
                    ..Status::default()
                };
            }
            Frame::SessionContinued(continued) if self.session != continued.session => {
                *self = Status {
                    session: continued.session.to_owned(),
                    grant: continued.grant.to_owned(),
                    continued: true,
                    ..Status::default()
                };
            }
            Frame::SessionContinued(continued) => continued.grant.clone_into(&mut self.grant),
            Frame::GrantChanged(changed) => changed.grant.clone_into(&mut self.grant),
            Frame::SessionEnd(end) => {
                self.ended = true;
                self.statements = end.statements;
                self.rows = end.rows;
                self.bytes_in = end.bytes_in;
                self.bytes_out = end.bytes_out;
            }
            Frame::Statement(statement) => {
                self.statements = self.statements.saturating_add(1);
                self.bytes_in = self.bytes_in.saturating_add(statement.text.len() as u64);
            }
            Frame::Bind(bind) => self.bytes_in = self.bytes_in.saturating_add(bind.bytes),
            Frame::Request(request) => self.bytes_in = self.bytes_in.saturating_add(request.bytes),
            Frame::Input(input) => self.bytes_in = self.bytes_in.saturating_add(input.bytes),
            Frame::Result(span) => {
                self.rows = self.rows.saturating_add(span.rows);
                self.bytes_out = self.bytes_out.saturating_add(span.bytes);
            }
            Frame::Ssh(frame) => self.next_ssh(direction, frame),
            Frame::Execute(_) | Frame::Rows(_) | Frame::Report(_) | Frame::Decision(_) | Frame::Cancel(_) => {
            }
        }
    }

    fn next_ssh(&mut self, direction: Option<Direction>, frame: &Ssh<'_>) {
        let bytes = match frame {
            Ssh::Data(data) => data.content.len() as u64,
            Ssh::Flow(flow) => flow.bytes,
            Ssh::Typed(typed) => typed.bytes,
            Ssh::Request(ask) if ask.is_operation() => {
                self.statements = self.statements.saturating_add(1);
                return;
            }
            Ssh::Open(_) | Ssh::Request(_) | Ssh::Answer(_) => return,
        };
        if direction == Some(Direction::Upstream) {
            self.bytes_in = self.bytes_in.saturating_add(bytes);
        } else {
            self.bytes_out = self.bytes_out.saturating_add(bytes);
        }
    }
}

/// The sessions of a stream by their numbers, as far as frames were read.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    by_number: BTreeMap<u32, Status>,
}

impl Sessions {
    /// Takes in the next frame of the stream. An ended session is forgotten.
    pub fn next(&mut self, number: u32, direction: Option<Direction>, frame: &Frame<'_>) {
        if matches!(frame, Frame::SessionEnd(_)) {
            self.by_number.remove(&number);
        } else {
            self.by_number.entry(number).or_default().next(direction, frame);
        }
    }

    /// Sessions that are open, in the order of their numbers.
    pub fn open(&self) -> impl Iterator<Item = (u32, &Status)> {
        self.by_number
            .iter()
            .map(|(number, status)| (*number, status))
            .filter(|(_, status)| !status.session.is_empty())
    }
}
