use hoopwire_wire::{DecodeError, Reader};

use super::text;
use crate::fields;

/// Most host keys that one `hostkeys-00` may bring.
const KEYS: usize = 64;

/// What is asked about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global<'a> {
    /// `tcpip-forward`: listen, and open a channel for each connection.
    Listen {
        /// The address; empty, `*` and `0.0.0.0` mean more than one.
        host: &'a str,
        /// The port; 0 lets the server choose one, which it tells in its reply.
        port: u32,
    },
    /// `cancel-tcpip-forward`
    Unlisten {
        /// As it was asked for.
        host: &'a str,
        /// As it was asked for, or as it was told.
        port: u32,
    },
    /// `streamlocal-forward@openssh.com`: the same on a socket in the file system.
    ListenStreamlocal {
        /// Its path.
        path: &'a str,
    },
    /// `cancel-streamlocal-forward@openssh.com`
    UnlistenStreamlocal {
        /// Its path.
        path: &'a str,
    },
    /// `no-more-sessions@openssh.com`
    NoMoreSessions,
    /// `hostkeys-00@openssh.com`: all keys of the server.
    HostKeys {
        /// The blobs.
        keys: Keys<'a>,
    },
    /// `hostkeys-prove-00@openssh.com`: the client asks for signatures by these.
    HostKeysProve {
        /// The blobs.
        keys: Keys<'a>,
    },
    /// `keepalive@openssh.com`
    Keepalive,
    /// Any other.
    Other {
        /// Its name.
        name: &'a [u8],
        /// What stands behind.
        rest: &'a [u8],
    },
}

impl<'a> Global<'a> {
    pub(super) fn take(name: &'a [u8], reader: &mut Reader<'a>) -> Result<Global<'a>, DecodeError> {
        Ok(match name {
            b"tcpip-forward" => Global::Listen { host: text(reader)?, port: reader.u32()? },
            b"cancel-tcpip-forward" => Global::Unlisten { host: text(reader)?, port: reader.u32()? },
            b"streamlocal-forward@openssh.com" => Global::ListenStreamlocal { path: text(reader)? },
            b"cancel-streamlocal-forward@openssh.com" => Global::UnlistenStreamlocal { path: text(reader)? },
            b"no-more-sessions@openssh.com" => Global::NoMoreSessions,
            b"hostkeys-00@openssh.com" => Global::HostKeys { keys: Keys::take(reader)? },
            b"hostkeys-prove-00@openssh.com" => Global::HostKeysProve { keys: Keys::take(reader)? },
            b"keepalive@openssh.com" if reader.is_empty() => Global::Keepalive,
            name => Global::Other { name, rest: reader.rest() },
        })
    }
}

/// Key blobs one after the other: whole, and at most 64. Whether each is a key was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys<'a> {
    list: &'a [u8],
}

impl<'a> Keys<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Keys<'a>, DecodeError> {
        let list = reader.rest();
        let mut ahead = Reader::new(list);
        for _ in 0..KEYS {
            if ahead.is_empty() {
                return Ok(Keys { list });
            }
            fields::bytes(&mut ahead)?;
        }
        if ahead.is_empty() { Ok(Keys { list }) } else { Err(DecodeError::TooLong { limit: KEYS }) }
    }

    /// The blobs.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.list);
        std::iter::from_fn(move || fields::bytes(&mut reader).ok())
    }
}

/// The port in the reply to a `tcpip-forward` that asked for port 0.
///
/// # Errors
/// There is none, or something behind it.
pub fn bound_port(rest: &[u8]) -> Result<u32, DecodeError> {
    let mut reader = Reader::new(rest);
    let port = reader.u32()?;
    reader.finish()?;
    Ok(port)
}
