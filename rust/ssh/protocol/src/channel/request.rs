use hoopwire_wire::{DecodeError, Reader, Redacted};

use super::text;
use crate::fields;

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Width in pixels; 0 if unknown.
    pub width: u32,
    /// Height in pixels; 0 if unknown.
    pub height: u32,
}

impl Size {
    fn take(reader: &mut Reader<'_>) -> Result<Size, DecodeError> {
        Ok(Size { columns: reader.u32()?, rows: reader.u32()?, width: reader.u32()?, height: reader.u32()? })
    }
}

/// What is asked about a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// `pty-req`
    Pty {
        /// The kind of terminal: `xterm-256color`.
        term: &'a str,
        /// Its size.
        size: Size,
        /// Its modes, RFC 4254 section 8.
        modes: &'a [u8],
    },
    /// `env`
    Env {
        /// The variable.
        name: &'a str,
        /// Its value.
        value: Redacted<&'a [u8]>,
    },
    /// `exec`
    Exec {
        /// For the login's shell to read. May hold a secret.
        command: Redacted<&'a [u8]>,
    },
    /// `shell`
    Shell,
    /// `subsystem`
    Subsystem {
        /// `sftp`, mostly.
        name: &'a str,
    },
    /// `signal`
    Signal {
        /// Without `SIG`.
        name: &'a str,
    },
    /// `window-change`
    WindowChange {
        /// The new size.
        size: Size,
    },
    /// `break`, RFC 4335
    Break {
        /// How long, in milliseconds.
        length_ms: u32,
    },
    /// `x11-req`
    X11 {
        /// For one connection only.
        is_single: bool,
        /// `MIT-MAGIC-COOKIE-1`
        protocol: &'a str,
        /// The secret of it.
        cookie: Redacted<&'a [u8]>,
        /// The screen's number.
        screen: u32,
    },
    /// `auth-agent-req@openssh.com`, or `agent-req` from OpenSSH 10 on
    Agent,
    /// `eow@openssh.com`: the sender reads no more data.
    EndOfWrite,
    /// `keepalive@openssh.com`
    Keepalive,
    /// `xon-xoff`
    XonXoff {
        /// The client may stop output by itself.
        client_can_do: bool,
    },
    /// `exit-status`
    ExitStatus {
        /// What the program ended with.
        status: u32,
    },
    /// `exit-signal`
    ExitSignal {
        /// Without `SIG`.
        name: &'a str,
        /// A core was written.
        core_dumped: bool,
        /// In words. Not always UTF-8.
        message: &'a [u8],
    },
    /// Any other.
    Other {
        /// Its name.
        name: &'a [u8],
        /// What stands behind.
        rest: &'a [u8],
    },
}

impl<'a> Request<'a> {
    pub(super) fn take(name: &'a [u8], reader: &mut Reader<'a>) -> Result<Request<'a>, DecodeError> {
        Ok(match name {
            b"pty-req" => {
                Request::Pty { term: text(reader)?, size: Size::take(reader)?, modes: fields::bytes(reader)? }
            }
            b"env" => Request::Env { name: text(reader)?, value: Redacted(fields::bytes(reader)?) },
            b"exec" => Request::Exec { command: Redacted(fields::bytes(reader)?) },
            b"shell" => Request::Shell,
            b"subsystem" => Request::Subsystem { name: text(reader)? },
            b"signal" => Request::Signal { name: text(reader)? },
            b"window-change" => Request::WindowChange { size: Size::take(reader)? },
            b"break" => Request::Break { length_ms: reader.u32()? },
            b"x11-req" => Request::X11 {
                is_single: fields::boolean(reader)?,
                protocol: text(reader)?,
                cookie: Redacted(fields::bytes(reader)?),
                screen: reader.u32()?,
            },
            b"auth-agent-req@openssh.com" | b"agent-req" => Request::Agent,
            b"eow@openssh.com" => Request::EndOfWrite,
            b"keepalive@openssh.com" if reader.is_empty() => Request::Keepalive,
            b"xon-xoff" => Request::XonXoff { client_can_do: fields::boolean(reader)? },
            b"exit-status" => Request::ExitStatus { status: reader.u32()? },
            b"exit-signal" => exit_signal(reader)?,
            name => Request::Other { name, rest: reader.rest() },
        })
    }
}

fn exit_signal<'a>(reader: &mut Reader<'a>) -> Result<Request<'a>, DecodeError> {
    let (name, core_dumped) = (text(reader)?, fields::boolean(reader)?);
    let message = fields::bytes(reader)?;
    // The language of the message, which nobody sets.
    fields::bytes(reader)?;
    Ok(Request::ExitSignal { name, core_dumped, message })
}
