//! User authentication: RFC 4252 (none, publickey, password), RFC 4256 (keyboard-interactive), RFC 8332 (names of RSA),
//! and OpenSSH's certificates and `publickey-hostbound-v00@openssh.com`.
//!
//! [`Request`] and [`Responses`] are what a client asks, [`Answer`] what a server replies, [`Offer`] the key that a client
//! says it has; [`say`] has the packets of both roles. Views borrow the payload; secrets in them are hidden from `Debug`,
//! and the payload is its owner's to zero.

mod answer;
mod offer;
mod request;
pub mod say;

use hoopwire_wire::{DecodeError, Reader, Redacted};

pub use answer::{Answer, Awaited, Prompts};
pub use offer::{Offer, Offered, UnusableOffer, signed_data};
pub use request::{Method, Request, Responses};

use crate::fields;

/// Numbers of the messages: RFC 4250 section 4.1.2, RFC 4256 section 5.
pub mod number {
    #![allow(missing_docs, reason = "the RFCs' own names")]
    pub const SERVICE_REQUEST: u8 = 5;
    pub const SERVICE_ACCEPT: u8 = 6;
    pub const USERAUTH_REQUEST: u8 = 50;
    pub const USERAUTH_FAILURE: u8 = 51;
    pub const USERAUTH_SUCCESS: u8 = 52;
    pub const USERAUTH_BANNER: u8 = 53;
    pub const USERAUTH_PK_OK: u8 = 60;
    pub const USERAUTH_PASSWD_CHANGEREQ: u8 = 60;
    pub const USERAUTH_INFO_REQUEST: u8 = 60;
    pub const USERAUTH_INFO_RESPONSE: u8 = 61;
}

/// The service that a client asks for first.
pub const USERAUTH: &str = "ssh-userauth";
/// The service that it logs in for.
pub const CONNECTION: &str = "ssh-connection";

const NAME_BYTES: usize = 64;
/// Most prompts of one INFO_REQUEST, and responses to it.
const PROMPTS: usize = 32;

/// The name in a SERVICE_REQUEST or SERVICE_ACCEPT.
///
/// # Errors
/// The payload is neither, breaks off or goes on.
pub fn service(payload: &[u8]) -> Result<&str, DecodeError> {
    let mut reader = Reader::new(payload);
    number(&mut reader, &[number::SERVICE_REQUEST, number::SERVICE_ACCEPT])?;
    let name = fields::text(&mut reader, NAME_BYTES)?;
    reader.finish()?;
    Ok(name)
}

/// Takes the message's number, which must be one of these.
fn number(reader: &mut Reader<'_>, wanted: &[u8]) -> Result<u8, DecodeError> {
    let number = reader.u8()?;
    if wanted.contains(&number) { Ok(number) } else { Err(DecodeError::InvalidLength(i64::from(number))) }
}

/// A string that is a secret.
fn secret<'a>(reader: &mut Reader<'a>) -> Result<Redacted<&'a [u8]>, DecodeError> {
    fields::bytes(reader).map(Redacted)
}
