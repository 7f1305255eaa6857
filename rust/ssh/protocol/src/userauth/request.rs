use hoopwire_wire::{DecodeError, Reader, Redacted};

use super::{NAME_BYTES, PROMPTS, number, secret};
use crate::fields;

/// Longest user name: a login, a target and a task have room in it.
const USER_BYTES: usize = 1024;

/// USERAUTH_REQUEST: one attempt of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The user name as it was sent.
    pub user: &'a str,
    /// What the login is for: only `ssh-connection` exists.
    pub service: &'a str,
    /// How it means to log in.
    pub method: Method<'a>,
}

/// A method, with what it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method<'a> {
    /// `none`: asks which methods there are.
    None,
    /// `publickey`. Without a signature it asks whether one would be taken: an offered key is not a proven key.
    PublicKey {
        /// The algorithm's name, of a key or of a certificate.
        algorithm: &'a [u8],
        /// The key's or the certificate's blob.
        key: &'a [u8],
        /// A signature over the session id and this request.
        signature: Option<&'a [u8]>,
    },
    /// `publickey-hostbound-v00@openssh.com`: the same with the server's host key under the signature.
    HostBound {
        /// The algorithm's name, of a key or of a certificate.
        algorithm: &'a [u8],
        /// The key's or the certificate's blob.
        key: &'a [u8],
        /// The host key's blob that the client saw.
        host_key: &'a [u8],
        /// A signature over the session id and this request.
        signature: Option<&'a [u8]>,
    },
    /// `password`
    Password {
        /// The secret.
        password: Redacted<&'a [u8]>,
    },
    /// `password` with a new one, after the server asked for it.
    PasswordChange {
        /// The secret so far.
        old: Redacted<&'a [u8]>,
        /// The new one.
        new: Redacted<&'a [u8]>,
    },
    /// `keyboard-interactive`: the server asks, and the client answers with [`Responses`].
    KeyboardInteractive {
        /// What the client would like to be asked; mostly nothing.
        submethods: &'a str,
    },
    /// Any other.
    Other {
        /// Its name.
        name: &'a [u8],
    },
}

impl<'a> Request<'a> {
    /// Reads a payload, its number included.
    ///
    /// # Errors
    /// It is no USERAUTH_REQUEST, breaks off, goes on, or has a name that is too long or not UTF-8.
    pub fn read(payload: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        let mut reader = Reader::new(payload);
        super::number(&mut reader, &[number::USERAUTH_REQUEST])?;
        let user = fields::text(&mut reader, USER_BYTES)?;
        let service = fields::text(&mut reader, NAME_BYTES)?;
        let method = method(&mut reader)?;
        reader.finish()?;
        Ok(Request { user, service, method })
    }
}

fn method<'a>(reader: &mut Reader<'a>) -> Result<Method<'a>, DecodeError> {
    Ok(match fields::string(reader, NAME_BYTES)? {
        b"none" => Method::None,
        b"publickey" => {
            let is_signed = fields::boolean(reader)?;
            let (algorithm, key) = (fields::string(reader, NAME_BYTES)?, fields::bytes(reader)?);
            Method::PublicKey { algorithm, key, signature: signature(is_signed, reader)? }
        }
        b"publickey-hostbound-v00@openssh.com" => {
            let is_signed = fields::boolean(reader)?;
            let (algorithm, key) = (fields::string(reader, NAME_BYTES)?, fields::bytes(reader)?);
            let host_key = fields::bytes(reader)?;
            Method::HostBound { algorithm, key, host_key, signature: signature(is_signed, reader)? }
        }
        b"password" => {
            let is_change = fields::boolean(reader)?;
            let password = secret(reader)?;
            if is_change {
                Method::PasswordChange { old: password, new: secret(reader)? }
            } else {
                Method::Password { password }
            }
        }
        b"keyboard-interactive" => {
            // A language, which nobody sets.
            fields::bytes(reader)?;
            Method::KeyboardInteractive { submethods: fields::text(reader, USER_BYTES)? }
        }
        name => {
            reader.rest();
            Method::Other { name }
        }
    })
}

fn signature<'a>(is_signed: bool, reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
    if is_signed { fields::bytes(reader).map(Some) } else { Ok(None) }
}

/// USERAUTH_INFO_RESPONSE: a client's answers, at most 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses<'a> {
    count: usize,
    list: Redacted<&'a [u8]>,
}

impl<'a> Responses<'a> {
    /// Reads a payload, its number included.
    ///
    /// # Errors
    /// It is no INFO_RESPONSE, breaks off, goes on, or has too many answers.
    pub fn read(payload: &'a [u8]) -> Result<Responses<'a>, DecodeError> {
        let mut reader = Reader::new(payload);
        super::number(&mut reader, &[number::USERAUTH_INFO_RESPONSE])?;
        let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if count > PROMPTS {
            return Err(DecodeError::TooLong { limit: PROMPTS });
        }
        let list = Redacted(reader.clone().rest());
        for _ in 0..count {
            fields::bytes(&mut reader)?;
        }
        reader.finish()?;
        Ok(Responses { count, list })
    }

    /// How many there are. It must be as many as were asked for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The answers, in the order of their prompts.
    pub fn iter(&self) -> impl Iterator<Item = Redacted<&'a [u8]>> + use<'a> {
        let mut reader = Reader::new(self.list.0);
        std::iter::from_fn(move || secret(&mut reader).ok())
    }
}
