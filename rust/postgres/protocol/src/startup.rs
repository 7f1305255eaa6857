//! The first packet of a connection, as the server reads it.
//!
//! SSLRequest, GSSENCRequest, CancelRequest or StartupMessage (PostgreSQL documentation, "Message Formats";
//! the server's `ProcessStartupPacket`). What the parameters mean is [`params`](crate::params)' business.

use std::collections::HashSet;
use std::fmt;

use hoopwire_wire::{DecodeError, Reader, Secret, message};

use crate::cancel::CANCEL_REQUEST;
use crate::error::{ErrorReport, Sqlstate};

/// Most bytes after the length word, the server's `MAX_STARTUP_PACKET_LENGTH`.
pub const STARTUP_MAX_BYTES: usize = 10_000;
/// The newest minor version that we speak.
pub const NEWEST_MINOR: u16 = 2;

/// The answer to an SSLRequest or GSSENCRequest: encryption begins.
pub const ENCRYPTION_ACCEPTED: u8 = b'S';
/// The other answer: it does not, and a first packet may come again.
pub const ENCRYPTION_REFUSED: u8 = b'N';
const SSL_REQUEST: u32 = (1234 << 16) | 5679;
const GSSENC_REQUEST: u32 = (1234 << 16) | 5680;
const CANCEL_KEY_BYTES: std::ops::RangeInclusive<usize> = 4..=256;

/// What a connection opens with.
#[derive(Clone, Debug)]
pub enum FirstPacket {
    /// SSLRequest: answer [`ENCRYPTION_ACCEPTED`] or [`ENCRYPTION_REFUSED`], then TLS or another first packet follows.
    Ssl,
    /// GSSENCRequest: answer `N`.
    Gss,
    /// CancelRequest: check the key, close without an answer.
    Cancel(CancelRequest),
    /// StartupMessage: a session is wanted.
    Startup(Startup),
}

/// Asks to cancel what another connection is doing.
#[derive(Clone, Debug)]
pub struct CancelRequest {
    /// The process id of BackendKeyData.
    pub pid: u32,
    /// The key of BackendKeyData, 4 to 256 bytes.
    pub key: Secret<Vec<u8>>,
}

/// A StartupMessage: every name comes once, and all text is UTF-8 without NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// Always 3.
    pub major: u16,
    /// As asked; may be newer than we speak. See [`negotiate`].
    pub minor: u16,
    /// Parameters in the order they came, without the `_pq_.` ones.
    pub params: Vec<(String, String)>,
    /// Names of the `_pq_.` protocol options, prefix included. We know none.
    pub pq_options: Vec<String>,
}

/// Why a first packet is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartupError {
    /// The length word is outside 8 to 10,004.
    Length(i32),
    /// A protocol version other than 3.x, or an unknown request code.
    Version {
        /// Upper half of the version word.
        major: u16,
        /// Lower half.
        minor: u16,
    },
    /// A cancel key of this many bytes.
    CancelKeyLength(usize),
    /// Fields that end early, or bytes behind the last one.
    Layout(DecodeError),
    /// A parameter that comes twice: which one counts would be a guess.
    Duplicate(String),
}

impl StartupError {
    /// What to tell the frontend.
    pub fn report(&self) -> ErrorReport {
        let sqlstate = match self {
            Self::Version { .. } => Sqlstate::FEATURE_NOT_SUPPORTED,
            _ => Sqlstate::PROTOCOL_VIOLATION,
        };
        ErrorReport::fatal(sqlstate, self.to_string())
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "invalid length of startup packet: {length}"),
            Self::Version { major, minor } => {
                write!(
                    f,
                    "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{NEWEST_MINOR}"
                )
            }
            Self::CancelKeyLength(length) => {
                write!(f, "invalid length of cancel key in cancel request packet: {length}")
            }
            Self::Layout(error) => write!(f, "invalid startup packet layout: {error}"),
            Self::Duplicate(name) => write!(f, "startup parameter \"{name}\" is given twice"),
        }
    }
}

impl std::error::Error for StartupError {}

impl From<DecodeError> for StartupError {
    fn from(error: DecodeError) -> Self {
        Self::Layout(error)
    }
}

/// Reads the first packet off the front of `buf`. `None`: more bytes are needed (at most
/// [`STARTUP_MAX_BYTES`] + 4 in all). Else the packet and how many bytes it took.
pub fn first_packet(buf: &[u8]) -> Result<Option<(FirstPacket, usize)>, StartupError> {
    let mut reader = Reader::new(buf);
    let Ok(length) = reader.i32() else { return Ok(None) };
    let body_bytes = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_sub(4))
        .filter(|bytes| (4..=STARTUP_MAX_BYTES).contains(bytes))
        .ok_or(StartupError::Length(length))?;
    let Ok(body) = reader.bytes(body_bytes) else { return Ok(None) };
    Ok(Some((parse_body(body)?, body_bytes + 4)))
}

fn parse_body(body: &[u8]) -> Result<FirstPacket, StartupError> {
    let mut reader = Reader::new(body);
    let packet = match reader.u32()? {
        SSL_REQUEST => FirstPacket::Ssl,
        GSSENC_REQUEST => FirstPacket::Gss,
        CANCEL_REQUEST => {
            let pid = reader.u32()?;
            let key = reader.rest();
            if !CANCEL_KEY_BYTES.contains(&key.len()) {
                return Err(StartupError::CancelKeyLength(key.len()));
            }
            FirstPacket::Cancel(CancelRequest { pid, key: Secret::new(key.to_vec()) })
        }
        version => {
            let [a, b, c, d] = version.to_be_bytes();
            let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            if major != 3 {
                return Err(StartupError::Version { major, minor });
            }
            FirstPacket::Startup(parse_startup(major, minor, &mut reader)?)
        }
    };
    reader.finish()?;
    Ok(packet)
}

fn parse_startup(major: u16, minor: u16, reader: &mut Reader<'_>) -> Result<Startup, StartupError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::NotUtf8);
    let mut startup = Startup { major, minor, params: Vec::new(), pq_options: Vec::new() };
    let mut seen = HashSet::new();
    loop {
        let name = text(reader.cstr()?)?;
        if name.is_empty() {
            return Ok(startup);
        }
        let value = text(reader.cstr()?)?;
        // Setting names are compared without case, so two spellings of one name are the same parameter.
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(StartupError::Duplicate(name));
        }
        if name.starts_with("_pq_.") {
            startup.pq_options.push(name);
        } else {
            startup.params.push((name, value));
        }
    }
}

/// The version that a session speaks, and what to tell the frontend about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// 0 or 2. Version 3.1 was never released; it is 3.0 under another number.
    pub minor: u16,
    /// A NegotiateProtocolVersion message to send before any authentication request, or nothing.
    pub reply: Option<Vec<u8>>,
}

/// Settles the protocol version: a frontend that asks for more than we speak, or for a protocol option that
/// we don't know (that is, any), is told what it gets.
pub fn negotiate(startup: &Startup) -> Negotiated {
    let minor = if startup.minor >= NEWEST_MINOR { NEWEST_MINOR } else { 0 };
    let settled = startup.minor <= NEWEST_MINOR && startup.pq_options.is_empty();
    let reply = (!settled).then(|| {
        let mut out = Vec::new();
        message(&mut out, b'v', |w| {
            // The full version, as the server sends and libpq expects, not only the minor one.
            w.u16(3);
            w.u16(minor);
            w.i32(i32::try_from(startup.pq_options.len()).unwrap_or(i32::MAX));
            for name in &startup.pq_options {
                w.cstr(name);
            }
        });
        out
    });
    Negotiated { minor, reply }
}
