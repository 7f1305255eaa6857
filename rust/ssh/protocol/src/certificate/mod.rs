//! OpenSSH certificates, version 01: PROTOCOL.certkeys. Read by one flat walk, and judged apart from that.
//!
//! What is read is not trusted: [`Certificate::check_host`] and [`Certificate::check_user`] say whether to.

mod check;

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hoopwire_wire::{DecodeError, Reader};

pub use check::{Distrust, Restrictions};

use crate::fields;
use crate::keys::{Algorithm, BadSignature, KeyType, PublicKey, UnusableKey};

/// Most bytes of a certificate: what one packet before authentication may carry.
const BLOB_BYTES: usize = 35_000;
const NONCE_BYTES: usize = 256;
const TEXT_BYTES: usize = 1024;
/// OpenSSH's own limit.
const PRINCIPALS: usize = 256;
const OPTIONS: usize = 64;

/// A certificate as it came, and what stands in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The key that is certified.
    pub key: PublicKey,
    /// Chosen by the authority; 0 if it counts none.
    pub serial: u64,
    /// Whether it is for a user or for a host.
    pub kind: Kind,
    /// What the authority calls it, for logs.
    pub key_id: String,
    /// User names, or names of hosts. None means nobody, although OpenSSH's format lets it mean all.
    pub principals: Vec<String>,
    /// First second of its validity, Unix time; 0 for always.
    pub valid_after_s: u64,
    /// First second after its validity; `u64::MAX` for ever.
    pub valid_before_s: u64,
    /// What must be understood and kept to, in order of its names.
    pub critical: Vec<Entry>,
    /// What it permits, in order of its names.
    pub extensions: Vec<Entry>,
    authority: PublicKey,
    blob: Vec<u8>,
    signed: usize,
    signature: Range<usize>,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Logging in.
    User,
    /// Being logged in to.
    Host,
}

/// A critical option or an extension.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it says, in a form that depends on the name: nothing for a flag, a string inside for a text.
    pub value: Vec<u8>,
}

impl Entry {
    /// The text of an option that says one: not empty, and without zero bytes.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let mut reader = Reader::new(&self.value);
        let text = fields::text(&mut reader, self.value.len()).ok()?;
        (reader.is_empty() && !text.is_empty() && !text.contains('\0')).then_some(text)
    }
}

/// Why a blob is no certificate that we read. Holds none of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCertificate {
    /// It breaks off, goes on, or has a field in a form that it must not have.
    Malformed(DecodeError),
    /// Not a certificate for one of [`KeyType::ALL`].
    UnknownType,
    /// The key inside is not used here.
    Key(UnusableKey),
    /// The key that signed it is not used here.
    Authority(UnusableKey),
    /// The key that signed it is itself a certificate.
    Nested,
    /// Neither for users nor for hosts, but of this kind.
    Kind(u32),
    /// A name with a zero byte inside, which another reader might end there.
    ZeroByte,
    /// Options that are twice there or out of order.
    Order,
}

impl From<DecodeError> for BadCertificate {
    fn from(error: DecodeError) -> Self {
        BadCertificate::Malformed(error)
    }
}

impl fmt::Display for BadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadCertificate::Malformed(error) => write!(f, "not a certificate: {error}"),
            BadCertificate::UnknownType => f.write_str("a type of certificate that is not used here"),
            BadCertificate::Key(error) => write!(f, "a certificate for {error}"),
            BadCertificate::Authority(error) => write!(f, "a certificate signed by {error}"),
            BadCertificate::Nested => f.write_str("a certificate that is signed by a certificate"),
            BadCertificate::Kind(kind) => write!(f, "a certificate of kind {kind}, neither user nor host"),
            BadCertificate::ZeroByte => f.write_str("a certificate with a zero byte inside a name"),
            BadCertificate::Order => f.write_str("a certificate with options twice or out of order"),
        }
    }
}

impl std::error::Error for BadCertificate {}

impl Certificate {
    /// Reads a certificate's blob, front to back, each field once. The signature is not verified yet.
    ///
    /// # Errors
    /// It is malformed, of an unknown type, over a limit, or signed by a certificate.
    pub fn read(blob: &[u8]) -> Result<Certificate, BadCertificate> {
        if blob.len() > BLOB_BYTES {
            return Err(DecodeError::TooLong { limit: BLOB_BYTES }.into());
        }
        let mut reader = Reader::new(blob);
        let kind_of_key =
            KeyType::certified(fields::bytes(&mut reader)?).ok_or(BadCertificate::UnknownType)?;
        fields::string(&mut reader, NONCE_BYTES)?;
        let key = PublicKey::take(kind_of_key, &mut reader).map_err(|error| match error {
            UnusableKey::Malformed(error) => BadCertificate::Malformed(error),
            other => BadCertificate::Key(other),
        })?;
        let serial = u64::from_be_bytes(reader.array()?);
        let kind = match reader.u32()? {
            1 => Kind::User,
            2 => Kind::Host,
            other => return Err(BadCertificate::Kind(other)),
        };
        let key_id = name(&mut reader)?;
        let principals = principals(fields::bytes(&mut reader)?)?;
        let valid_after_s = u64::from_be_bytes(reader.array()?);
        let valid_before_s = u64::from_be_bytes(reader.array()?);
        let critical = entries(fields::bytes(&mut reader)?)?;
        let extensions = entries(fields::bytes(&mut reader)?)?;
        // Reserved: to be ignored whatever it is.
        fields::bytes(&mut reader)?;
        let authority = authority(fields::bytes(&mut reader)?)?;
        let signed = blob.len() - reader.remaining();
        let signature = fields::bytes(&mut reader)?;
        let signature = signed + 4..signed + 4 + signature.len();
        reader.finish()?;
        Ok(Certificate {
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after_s,
            valid_before_s,
            critical,
            extensions,
            authority,
            blob: blob.to_vec(),
            signed,
            signature,
        })
    }

    /// The certificate as it came.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The key that signed it, as it goes over the wire. Anybody can sign a certificate: see whether it is one of ours.
    #[must_use]
    pub fn authority_blob(&self) -> &[u8] {
        self.authority.blob()
    }

    /// The key that signed it.
    #[must_use]
    pub fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// Whether the authority signed the bytes that were received.
    ///
    /// # Errors
    /// The signature is malformed, by SHA-1, or false.
    pub fn verify_signature(&self) -> Result<(), BadSignature> {
        let signed = self.blob.get(..self.signed).unwrap_or_default();
        let signature = self.blob.get(self.signature.clone()).unwrap_or_default();
        self.authority.verify(signature, signed, &Algorithm::ALL)
    }

    /// The form of a line in a file: the type's name and the blob in base64.
    #[must_use]
    pub fn one_line(&self) -> String {
        format!("{} {}", self.key.key_type().certificate_name(), STANDARD.encode(&self.blob))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("kind", &self.kind)
            .field("key_id", &self.key_id)
            .field("serial", &self.serial)
            .field("key", &self.key)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String, BadCertificate> {
    let name = fields::text(reader, TEXT_BYTES)?;
    if name.contains('\0') { Err(BadCertificate::ZeroByte) } else { Ok(name.to_owned()) }
}

fn principals(list: &[u8]) -> Result<Vec<String>, BadCertificate> {
    let mut reader = Reader::new(list);
    let mut principals = Vec::new();
    while !reader.is_empty() {
        if principals.len() == PRINCIPALS {
            return Err(DecodeError::TooLong { limit: PRINCIPALS }.into());
        }
        principals.push(name(&mut reader)?);
    }
    Ok(principals)
}

/// Options in strictly rising order of their names.
fn entries(list: &[u8]) -> Result<Vec<Entry>, BadCertificate> {
    let mut reader = Reader::new(list);
    let mut entries: Vec<Entry> = Vec::new();
    while !reader.is_empty() {
        if entries.len() == OPTIONS {
            return Err(DecodeError::TooLong { limit: OPTIONS }.into());
        }
        let name = name(&mut reader)?;
        if entries.last().is_some_and(|last| last.name >= name) {
            return Err(BadCertificate::Order);
        }
        let value = fields::bytes(&mut reader)?.to_vec();
        entries.push(Entry { name, value });
    }
    Ok(entries)
}

/// The key that signed: a plain one. A certificate in its place ends the walk here, before anything of it is read.
fn authority(blob: &[u8]) -> Result<PublicKey, BadCertificate> {
    let kind = fields::bytes(&mut Reader::new(blob))?;
    if KeyType::certified(kind).is_some() {
        return Err(BadCertificate::Nested);
    }
    PublicKey::read(blob).map_err(BadCertificate::Authority)
}
