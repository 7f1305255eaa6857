use hoopwire_wire::{DecodeError, Reader};

use super::{number, text};
use crate::fields;

/// What kind of channel is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open<'a> {
    /// `session`
    Session,
    /// `direct-tcpip`: the client asks for a connection.
    DirectTcpip {
        /// Name or address to connect to.
        host: &'a str,
        /// Its port. More than 65,535 can be asked for.
        port: u32,
        /// Where the connection came from, by the client's word.
        origin: &'a str,
        /// And its port.
        origin_port: u32,
    },
    /// `forwarded-tcpip`: the server got a connection on a port that it was asked to listen on.
    ForwardedTcpip {
        /// The address that it listens on, as it was asked for.
        host: &'a str,
        /// The port that it listens on.
        port: u32,
        /// Where the connection came from.
        origin: &'a str,
        /// And its port.
        origin_port: u32,
    },
    /// `direct-streamlocal@openssh.com`: the client asks for a connection to a socket in the file system.
    DirectStreamlocal {
        /// Its path.
        path: &'a str,
    },
    /// `forwarded-streamlocal@openssh.com`: the server got a connection on such a socket.
    ForwardedStreamlocal {
        /// Its path, as it was asked for.
        path: &'a str,
    },
    /// `x11`: the server got a connection to its display.
    X11 {
        /// Where the connection came from.
        origin: &'a str,
        /// And its port.
        origin_port: u32,
    },
    /// `auth-agent@openssh.com`, or `agent-connect` from OpenSSH 10 on: the server got a connection to its agent's socket.
    Agent,
    /// Any other, `tun@openssh.com` among them.
    Other {
        /// Its name.
        name: &'a [u8],
        /// What stands behind.
        rest: &'a [u8],
    },
}

impl<'a> Open<'a> {
    pub(super) fn take(name: &'a [u8], reader: &mut Reader<'a>) -> Result<Open<'a>, DecodeError> {
        Ok(match name {
            b"session" => Open::Session,
            b"direct-tcpip" => Open::DirectTcpip {
                host: text(reader)?,
                port: reader.u32()?,
                origin: text(reader)?,
                origin_port: reader.u32()?,
            },
            b"forwarded-tcpip" => Open::ForwardedTcpip {
                host: text(reader)?,
                port: reader.u32()?,
                origin: text(reader)?,
                origin_port: reader.u32()?,
            },
            b"direct-streamlocal@openssh.com" => {
                let path = text(reader)?;
                // Reserved: a string and a number.
                fields::bytes(reader)?;
                reader.u32()?;
                Open::DirectStreamlocal { path }
            }
            b"forwarded-streamlocal@openssh.com" => {
                let path = text(reader)?;
                // Reserved.
                fields::bytes(reader)?;
                Open::ForwardedStreamlocal { path }
            }
            b"x11" => Open::X11 { origin: text(reader)?, origin_port: reader.u32()? },
            b"auth-agent@openssh.com" | b"agent-connect" => Open::Agent,
            name => Open::Other { name, rest: reader.rest() },
        })
    }
}

/// Lowers the packet size that a CHANNEL_OPEN or its confirmation allows to `most`; any other payload is left alone.
pub fn clamp_packet_bytes(payload: &mut [u8], most: u32) {
    let Some(at) = packet_bytes_at(payload) else { return };
    if let Some(field) = payload.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *field = u32::from_be_bytes(*field).min(most).to_be_bytes();
    }
}

/// Where the field begins: behind two numbers, and before them number and name of an open, or number and recipient.
fn packet_bytes_at(payload: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(payload);
    match reader.u8().ok()? {
        number::CHANNEL_OPEN => {
            fields::bytes(&mut reader).ok()?;
        }
        number::CHANNEL_OPEN_CONFIRMATION => {
            reader.u32().ok()?;
        }
        _ => return None,
    }
    reader.bytes(8).ok()?;
    Some(payload.len() - reader.remaining())
}
