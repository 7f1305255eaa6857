//! The connection protocol, RFC 4254, with OpenSSH's additions (its PROTOCOL file): each packet as a typed view.
//!
//! A view borrows the payload and allocates nothing. A name that isn't known stays as `Other`: whoever decides denies it,
//! and can answer, since sender or recipient were read. A payload that breaks off, or goes on where the form is fixed, is
//! an error: two readers would see two messages. What a session carries (data, commands, values) is hidden from `Debug`.

mod global;
mod open;
mod request;
pub mod say;

use hoopwire_wire::{DecodeError, Reader, Redacted};

pub use global::{Global, Keys, bound_port};
pub use open::{Open, clamp_packet_bytes};
pub use request::{Request, Size};

use crate::fields;

/// The only type of extended data that there is: stderr.
pub const STDERR: u32 = 1;

/// Numbers of the messages: RFC 4250 section 4.1.2.
pub mod number {
    #![allow(missing_docs, reason = "the RFC's own names")]
    pub const GLOBAL_REQUEST: u8 = 80;
    pub const REQUEST_SUCCESS: u8 = 81;
    pub const REQUEST_FAILURE: u8 = 82;
    pub const CHANNEL_OPEN: u8 = 90;
    pub const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
    pub const CHANNEL_OPEN_FAILURE: u8 = 92;
    pub const CHANNEL_WINDOW_ADJUST: u8 = 93;
    pub const CHANNEL_DATA: u8 = 94;
    pub const CHANNEL_EXTENDED_DATA: u8 = 95;
    pub const CHANNEL_EOF: u8 = 96;
    pub const CHANNEL_CLOSE: u8 = 97;
    pub const CHANNEL_REQUEST: u8 = 98;
    pub const CHANNEL_SUCCESS: u8 = 99;
    pub const CHANNEL_FAILURE: u8 = 100;
}

/// Why an open was refused: RFC 4254 section 5.1. Other numbers may come, and are passed on.
pub mod reason {
    /// It is not allowed.
    pub const ADMINISTRATIVELY_PROHIBITED: u32 = 1;
    /// What it asked for could not be reached.
    pub const CONNECT_FAILED: u32 = 2;
    /// No such type of channel.
    pub const UNKNOWN_CHANNEL_TYPE: u32 = 3;
    /// Too many channels.
    pub const RESOURCE_SHORTAGE: u32 = 4;
}

/// One packet. `recipient` is always the number that the receiver of the packet gave to the channel, `sender` the one
/// that its sender gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Something about the whole connection.
    Global {
        /// Whether a reply is owed, in order.
        want_reply: bool,
        /// What is asked.
        global: Global<'a>,
    },
    /// The oldest global request that wants a reply is granted.
    RequestSuccess {
        /// What its type says besides: the port of a `tcpip-forward` that asked for 0, the signatures of a `hostkeys-prove`.
        rest: &'a [u8],
    },
    /// The oldest global request that wants a reply is refused.
    RequestFailure,
    /// A channel is asked for.
    Open {
        /// The sender's number for it.
        sender: u32,
        /// How many bytes may be sent toward the sender at first.
        window_bytes: u32,
        /// How many bytes one packet toward the sender may carry.
        packet_bytes: u32,
        /// What kind of channel.
        open: Open<'a>,
    },
    /// A channel is open.
    Confirmation {
        /// Whose open this answers.
        recipient: u32,
        /// The sender's number for it.
        sender: u32,
        /// How many bytes may be sent toward the sender at first.
        window_bytes: u32,
        /// How many bytes one packet toward the sender may carry.
        packet_bytes: u32,
        /// What its type says besides; nothing for all types that are known here.
        rest: &'a [u8],
    },
    /// A channel is refused.
    OpenFailure {
        /// Whose open this answers.
        recipient: u32,
        /// See [`reason`].
        code: u32,
        /// In words. Not always UTF-8.
        description: &'a [u8],
    },
    /// This many more bytes may be sent toward the sender.
    WindowAdjust {
        /// The channel.
        recipient: u32,
        /// How many.
        bytes: u32,
    },
    /// Data.
    Data {
        /// The channel.
        recipient: u32,
        /// The bytes.
        data: Redacted<&'a [u8]>,
    },
    /// Data beside the stream; only [`STDERR`] is known.
    ExtendedData {
        /// The channel.
        recipient: u32,
        /// Its type.
        code: u32,
        /// The bytes.
        data: Redacted<&'a [u8]>,
    },
    /// No more data comes from the sender.
    Eof {
        /// The channel.
        recipient: u32,
    },
    /// The sender is done with the channel.
    Close {
        /// The channel.
        recipient: u32,
    },
    /// Something about a channel.
    Request {
        /// The channel.
        recipient: u32,
        /// Whether a reply is owed, in order.
        want_reply: bool,
        /// What is asked.
        request: Request<'a>,
    },
    /// The channel's oldest request that wants a reply is granted.
    Success {
        /// The channel.
        recipient: u32,
    },
    /// The channel's oldest request that wants a reply is refused.
    Failure {
        /// The channel.
        recipient: u32,
    },
    /// A number between 80 and 127 that stands for nothing.
    Unknown(u8),
}

impl<'a> Message<'a> {
    /// Reads a packet's payload, its number included.
    ///
    /// # Errors
    /// It breaks off, goes on where the form is fixed, or has a text that is not UTF-8.
    pub fn read(payload: &'a [u8]) -> Result<Message<'a>, DecodeError> {
        let mut reader = Reader::new(payload);
        let message = match reader.u8()? {
            number::GLOBAL_REQUEST => {
                let (name, want_reply) = named(&mut reader)?;
                Message::Global { want_reply, global: Global::take(name, &mut reader)? }
            }
            number::REQUEST_SUCCESS => Message::RequestSuccess { rest: reader.rest() },
            number::REQUEST_FAILURE => Message::RequestFailure,
            number::CHANNEL_OPEN => {
                let name = fields::bytes(&mut reader)?;
                let (sender, window_bytes, packet_bytes) = (reader.u32()?, reader.u32()?, reader.u32()?);
                Message::Open { sender, window_bytes, packet_bytes, open: Open::take(name, &mut reader)? }
            }
            number::CHANNEL_OPEN_CONFIRMATION => Message::Confirmation {
                recipient: reader.u32()?,
                sender: reader.u32()?,
                window_bytes: reader.u32()?,
                packet_bytes: reader.u32()?,
                rest: reader.rest(),
            },
            number::CHANNEL_OPEN_FAILURE => open_failure(&mut reader)?,
            number::CHANNEL_WINDOW_ADJUST => {
                Message::WindowAdjust { recipient: reader.u32()?, bytes: reader.u32()? }
            }
            number::CHANNEL_DATA => {
                Message::Data { recipient: reader.u32()?, data: Redacted(fields::bytes(&mut reader)?) }
            }
            number::CHANNEL_EXTENDED_DATA => Message::ExtendedData {
                recipient: reader.u32()?,
                code: reader.u32()?,
                data: Redacted(fields::bytes(&mut reader)?),
            },
            number::CHANNEL_EOF => Message::Eof { recipient: reader.u32()? },
            number::CHANNEL_CLOSE => Message::Close { recipient: reader.u32()? },
            number::CHANNEL_REQUEST => {
                let recipient = reader.u32()?;
                let (name, want_reply) = named(&mut reader)?;
                Message::Request { recipient, want_reply, request: Request::take(name, &mut reader)? }
            }
            number::CHANNEL_SUCCESS => Message::Success { recipient: reader.u32()? },
            number::CHANNEL_FAILURE => Message::Failure { recipient: reader.u32()? },
            other => {
                reader.rest();
                Message::Unknown(other)
            }
        };
        reader.finish()?;
        Ok(message)
    }
}

/// What both kinds of request begin with.
fn named<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], bool), DecodeError> {
    Ok((fields::bytes(reader)?, fields::boolean(reader)?))
}

fn open_failure<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, DecodeError> {
    let (recipient, code) = (reader.u32()?, reader.u32()?);
    let description = fields::bytes(reader)?;
    // The language of the description, which nobody sets.
    fields::bytes(reader)?;
    Ok(Message::OpenFailure { recipient, code, description })
}

/// A text of any length: what holds it is bounded already.
fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    fields::text(reader, usize::MAX)
}
