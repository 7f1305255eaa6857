//! The frames of ssh sessions. A channel has a number of its own in a recording, from 1: the peers' numbers are used again.

use crate::decode::Payload;
use crate::encode::{array, bytes, flag, text, uint};

/// What one of the peers asks for with a channel, or for the connection as a whole, and what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The channel's number in this recording; 0 for the connection as a whole.
    pub channel: u64,
    /// The name of the request or of the kind of channel, as sent.
    pub name: &'a [u8],
    /// What it is about: the command, the terminal, the destination; may be empty.
    pub about: &'a [u8],
    /// It was passed on, or done.
    pub allow: bool,
    /// The policy that allowed it, or why it was refused.
    pub reason: &'a str,
}

impl Ask<'_> {
    /// It starts something: what a statement is elsewhere.
    #[must_use]
    pub fn is_operation(&self) -> bool {
        matches!(self.name, b"exec" | b"shell" | b"subsystem")
    }
}

/// Bytes of a channel, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// The channel.
    pub channel: u64,
    /// 0 is the channel's own stream, 1 is stderr.
    pub stream: u64,
    /// What was sent.
    pub content: &'a [u8],
}

/// Bytes of a channel, by digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The channel.
    pub channel: u64,
    /// 0 is the channel's own stream, 1 is stderr.
    pub stream: u64,
    /// How many.
    pub bytes: u64,
    /// BLAKE3 of exactly these bytes.
    pub digest: [u8; 32],
}

/// Bytes typed at a terminal: they may be a password, so that only their number is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The channel.
    pub channel: u64,
    /// How many.
    pub bytes: u64,
}

/// What answers a request, or ends a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The channel; 0 for the connection as a whole.
    pub channel: u64,
    /// `open`, `open_failure`, `success`, `failure`, `eof`, `close`, or an sftp request: `sftp-close`.
    pub what: &'a str,
    /// More about it, or empty.
    pub about: &'a [u8],
}

/// A frame of an ssh session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ssh<'a> {
    /// A channel is opened.
    Open(Ask<'a>),
    /// A request on a channel, or for the connection.
    Request(Ask<'a>),
    /// Bytes, whole.
    Data(Data<'a>),
    /// Bytes, by digest.
    Flow(Flow),
    /// Bytes typed at a terminal.
    Typed(Typed),
    /// An answer or an end.
    Answer(Answer<'a>),
}

/// The kinds, from 64 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SshKind {
    /// A channel is opened.
    Open,
    /// A request.
    Request,
    /// Bytes, whole.
    Data,
    /// Bytes, by digest.
    Flow,
    /// Bytes typed at a terminal.
    Typed,
    /// An answer or an end.
    Answer,
}

impl Ssh<'_> {
    pub(crate) fn kind(&self) -> SshKind {
        match self {
            Ssh::Open(_) => SshKind::Open,
            Ssh::Request(_) => SshKind::Request,
            Ssh::Data(_) => SshKind::Data,
            Ssh::Flow(_) => SshKind::Flow,
            Ssh::Typed(_) => SshKind::Typed,
            Ssh::Answer(_) => SshKind::Answer,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Ssh::Open(ask) | Ssh::Request(ask) => {
                array(out, 5);
                uint(out, ask.channel);
                bytes(out, ask.name);
                bytes(out, ask.about);
                flag(out, ask.allow);
                text(out, ask.reason);
            }
            Ssh::Data(data) => {
                array(out, 3);
                uint(out, data.channel);
                uint(out, data.stream);
                bytes(out, data.content);
            }
            Ssh::Flow(flow) => {
                array(out, 4);
                uint(out, flow.channel);
                uint(out, flow.stream);
                uint(out, flow.bytes);
                bytes(out, &flow.digest);
            }
            Ssh::Typed(typed) => {
                array(out, 2);
                uint(out, typed.channel);
                uint(out, typed.bytes);
            }
            Ssh::Answer(answer) => {
                array(out, 3);
                uint(out, answer.channel);
                text(out, answer.what);
                bytes(out, answer.about);
            }
        }
    }
}

pub(crate) fn read<'p>(kind: SshKind, input: &mut Payload<'p>) -> Option<Ssh<'p>> {
    Some(match kind {
        SshKind::Open => Ssh::Open(ask(input)?),
        SshKind::Request => Ssh::Request(ask(input)?),
        SshKind::Data => {
            input.fields(3)?;
            Ssh::Data(Data { channel: input.uint()?, stream: input.uint()?, content: input.bytes()? })
        }
        SshKind::Flow => {
            input.fields(4)?;
            Ssh::Flow(Flow {
                channel: input.uint()?,
                stream: input.uint()?,
                bytes: input.uint()?,
                digest: input.digest()?,
            })
        }
        SshKind::Typed => {
            input.fields(2)?;
            Ssh::Typed(Typed { channel: input.uint()?, bytes: input.uint()? })
        }
        SshKind::Answer => {
            input.fields(3)?;
            Ssh::Answer(Answer { channel: input.uint()?, what: input.text()?, about: input.bytes()? })
        }
    })
}

fn ask<'p>(input: &mut Payload<'p>) -> Option<Ask<'p>> {
    input.fields(5)?;
    Some(Ask {
        channel: input.uint()?,
        name: input.bytes()?,
        about: input.bytes()?,
        allow: input.flag()?,
        reason: input.text()?,
    })
}
