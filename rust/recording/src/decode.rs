//! A frame's payload back to a [`Frame`]. Lists need a place to live in: a [`Scratch`], empty for most kinds.

use crate::error::PayloadError;
use crate::frame::{
    Bind, Cancel, Decision, Execute, Frame, GrantChanged, Input, Parameter, Report, Request, ResultSpan,
    SessionContinued, SessionEnd, SessionStart, Statement,
};
use crate::kind::{Kind, Via};
use rmp::Marker;
use rmp::decode::{self, RmpRead};

/// Where the lists of a decoded frame live. Make one for each decode; it allocates only if there is a list.
#[derive(Debug, Default)]
pub struct Scratch<'p> {
    words: Vec<&'p str>,
    oids: Vec<u32>,
    parameters: Vec<Parameter<'p>>,
}

impl<'s> Frame<'s> {
    /// Decodes the whole payload of a frame of this kind.
    ///
    /// # Errors
    /// [`PayloadError`] if the kind is not known or the payload is not exactly its array.
    pub fn decode<'p: 's>(
        kind: u8,
        payload: &'p [u8],
        scratch: &'s mut Scratch<'p>,
    ) -> Result<Frame<'s>, PayloadError> {
        let known = Kind::from_byte(kind).ok_or(PayloadError::UnknownKind(kind))?;
        let mut input = Payload { rest: payload };
        let frame = read(known, &mut input, scratch).ok_or(PayloadError::Malformed(kind))?;
        if input.rest.is_empty() { Ok(frame) } else { Err(PayloadError::Malformed(kind)) }
    }
}

/// What is left of a payload.
pub(crate) struct Payload<'p> {
    rest: &'p [u8],
}

impl<'p> Payload<'p> {
    fn array(&mut self) -> Option<usize> {
        usize::try_from(decode::read_array_len(&mut self.rest).ok()?).ok()
    }

    pub(crate) fn fields(&mut self, count: usize) -> Option<()> {
        (self.array()? == count).then_some(())
    }

    pub(crate) fn uint(&mut self) -> Option<u64> {
        decode::read_int(&mut self.rest).ok()
    }

    fn int<T: TryFrom<i64>>(&mut self) -> Option<T> {
        T::try_from(decode::read_int::<i64, _>(&mut self.rest).ok()?).ok()
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        decode::read_bool(&mut self.rest).ok()
    }

    fn take(&mut self, len: u32) -> Option<&'p [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn text(&mut self) -> Option<&'p str> {
        let len = decode::read_str_len(&mut self.rest).ok()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    pub(crate) fn bytes(&mut self) -> Option<&'p [u8]> {
        let len = decode::read_bin_len(&mut self.rest).ok()?;
        self.take(len)
    }

    fn bytes_or_nil(&mut self) -> Option<Option<&'p [u8]>> {
        if self.rest.first().copied() == Some(Marker::Null.to_u8()) {
            self.rest.read_u8().ok()?;
            return Some(None);
        }
        self.bytes().map(Some)
    }

    pub(crate) fn digest(&mut self) -> Option<[u8; 32]> {
        self.bytes()?.try_into().ok()
    }

    /// A list, each entry read by `entry`. An entry takes a byte at least, so the length cannot lie far.
    fn list<T>(&mut self, into: &mut Vec<T>, mut entry: impl FnMut(&mut Self) -> Option<T>) -> Option<()> {
        let count = self.array()?;
        if count > self.rest.len() {
            return None;
        }
        into.clear();
        for _ in 0..count {
            into.push(entry(self)?);
        }
        Some(())
    }
}

fn read<'s, 'p: 's>(kind: Kind, input: &mut Payload<'p>, scratch: &'s mut Scratch<'p>) -> Option<Frame<'s>> {
    Some(match kind {
        Kind::SessionStart => Frame::SessionStart(session_start(input, scratch)?),
        Kind::SessionContinued => {
            input.fields(2)?;
            Frame::SessionContinued(SessionContinued { session: input.text()?, grant: input.text()? })
        }
        Kind::SessionEnd => {
            input.fields(7)?;
            Frame::SessionEnd(SessionEnd {
                closed_by: input.text()?,
                reason: input.text()?,
                sqlstate: input.text()?,
                statements: input.uint()?,
                rows: input.uint()?,
                bytes_in: input.uint()?,
                bytes_out: input.uint()?,
            })
        }
        Kind::Statement => {
            input.fields(7)?;
            let no = input.uint()?;
            let via = Via::from_word(input.text()?)?;
            let name = input.bytes()?;
            let text = input.bytes()?;
            input.list(&mut scratch.oids, Payload::int::<u32>)?;
            let types = scratch.oids.as_slice();
            Frame::Statement(Statement {
                no,
                via,
                name,
                text,
                types,
                allow: input.flag()?,
                reason: input.bytes()?,
            })
        }
        Kind::Bind => {
            input.fields(5)?;
            let no = input.uint()?;
            let portal = input.bytes()?;
            let name = input.bytes()?;
            input.list(&mut scratch.parameters, parameter)?;
            Frame::Bind(Bind { no, portal, name, parameters: &scratch.parameters, bytes: input.uint()? })
        }
        Kind::Execute => {
            input.fields(3)?;
            Frame::Execute(Execute { portal: input.bytes()?, no: input.uint()?, max_rows: input.int()? })
        }
        Kind::Request => {
            input.fields(3)?;
            Frame::Request(Request { kind: input.int()?, name: input.bytes()?, bytes: input.uint()? })
        }
        Kind::Input => {
            input.fields(2)?;
            Frame::Input(Input { bytes: input.uint()?, digest: input.digest()? })
        }
        Kind::Result => {
            input.fields(7)?;
            Frame::Result(ResultSpan {
                no: input.uint()?,
                rows: input.uint()?,
                bytes: input.uint()?,
                digest: input.digest()?,
                tag: input.bytes()?,
                last: input.flag()?,
                sqlstate: input.bytes()?,
            })
        }
        Kind::Rows => {
            input.fields(1)?;
            Frame::Rows(input.bytes()?)
        }
        Kind::Report => {
            input.fields(3)?;
            Frame::Report(Report {
                severity: input.text()?,
                sqlstate: input.text()?,
                message: input.bytes()?,
            })
        }
        Kind::Decision => {
            input.fields(4)?;
            Frame::Decision(Decision {
                action: input.text()?,
                allow: input.flag()?,
                reason: input.text()?,
                policy: input.text()?,
            })
        }
        Kind::GrantChanged => {
            input.fields(2)?;
            Frame::GrantChanged(GrantChanged { grant: input.text()?, reason: input.text()? })
        }
        Kind::Cancel => {
            input.fields(2)?;
            Frame::Cancel(Cancel { allow: input.flag()?, from: input.text()? })
        }
        Kind::Ssh(kind) => Frame::Ssh(crate::ssh::read(kind, input)?),
    })
}

fn session_start<'s, 'p: 's>(
    input: &mut Payload<'p>,
    scratch: &'s mut Scratch<'p>,
) -> Option<SessionStart<'s>> {
    input.fields(15)?;
    let session = input.text()?;
    let grant = input.text()?;
    let issuer = input.text()?;
    let principal = input.text()?;
    let principal_name = input.text()?;
    let principal_kind = input.text()?;
    let target = input.text()?;
    let database = input.text()?;
    input.list(&mut scratch.words, Payload::text)?;
    Some(SessionStart {
        session,
        grant,
        issuer,
        principal,
        principal_name,
        principal_kind,
        target,
        database,
        actions: &scratch.words,
        policy: input.text()?,
        policy_hash: input.text()?,
        task: input.text()?,
        peer: input.text()?,
        application_name: input.text()?,
        node: input.text()?,
    })
}

fn parameter<'p>(input: &mut Payload<'p>) -> Option<Parameter<'p>> {
    input.fields(4)?;
    Some(Parameter {
        oid: input.int()?,
        format: input.int()?,
        value: input.bytes_or_nil()?,
        length: input.uint()?,
    })
}
