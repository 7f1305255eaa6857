use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hoopwire_wire::{DecodeError, Reader};

use super::{Curve, KeyType};
use crate::fields;

/// RSA moduli that are used, in bits. Below, they can be factored; above, one signature costs a second of a core.
pub(crate) const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// A token's application is a short URI: `ssh:`, or what was given to `ssh-keygen -O application`.
const APPLICATION_BYTES: usize = 1024;
const NAME_BYTES: usize = 64;

/// A public key, and its blob. `Debug` shows its type and fingerprint.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    pub(super) material: Material,
    blob: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Material {
    Ed25519([u8; 32]),
    /// An uncompressed point: 4, x, y.
    Ecdsa(Curve, Vec<u8>),
    /// Modulus and exponent without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    SkEd25519 {
        key: [u8; 32],
        application: Vec<u8>,
    },
    /// A point of P-256.
    SkEcdsa {
        point: Vec<u8>,
        application: Vec<u8>,
    },
}

/// Why a blob is no key that we use. Holds none of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableKey {
    /// The blob breaks off, goes on, or has a field in a form that it must not have.
    Malformed(DecodeError),
    /// Not one of [`KeyType::ALL`]: DSA, a certificate where a plain key must stand, or something newer than this.
    UnknownType,
    /// The curve that it names, or its point, does not fit its type.
    Point,
    /// The modulus has this many bits, and 2048 to 8192 are taken.
    RsaBits(usize),
    /// The public exponent is even, 1, or longer than 32 bits.
    RsaExponent,
}

impl From<DecodeError> for UnusableKey {
    fn from(error: DecodeError) -> Self {
        UnusableKey::Malformed(error)
    }
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnusableKey::Malformed(error) => write!(f, "not a key: {error}"),
            UnusableKey::UnknownType => f.write_str("a type of key that is not used here"),
            UnusableKey::Point => f.write_str("a point that is not of the key's curve"),
            UnusableKey::RsaBits(bits) => {
                write!(f, "an RSA key of {bits} bits; {} to {} are taken", RSA_BITS.start(), RSA_BITS.end())
            }
            UnusableKey::RsaExponent => f.write_str("an RSA key whose exponent is even, 1 or too long"),
        }
    }
}

impl std::error::Error for UnusableKey {}

impl PublicKey {
    /// Reads a key's blob: its type's name, then its fields, and nothing behind them.
    ///
    /// No arithmetic is done: that a point lies on its curve shows when a signature is verified.
    ///
    /// # Errors
    /// The blob is malformed, of an unknown type (a certificate is one), or its numbers are not taken.
    pub fn read(blob: &[u8]) -> Result<PublicKey, UnusableKey> {
        let mut reader = Reader::new(blob);
        let kind = KeyType::named(fields::bytes(&mut reader)?).ok_or(UnusableKey::UnknownType)?;
        let material = Material::take(kind, &mut reader)?;
        reader.finish()?;
        Ok(PublicKey { material, blob: blob.to_vec() })
    }

    /// Takes the fields of a key of this type, as they stand in a certificate: without the type's name.
    pub(crate) fn take(kind: KeyType, reader: &mut Reader<'_>) -> Result<PublicKey, UnusableKey> {
        let material = Material::take(kind, reader)?;
        Ok(PublicKey::new(material))
    }

    pub(super) fn new(material: Material) -> PublicKey {
        let mut blob = Vec::new();
        material.put(&mut blob);
        PublicKey { material, blob }
    }

    /// Its type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.material.kind()
    }

    /// The name of its type, as at the start of its blob.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.key_type().name()
    }

    /// The key as it goes over the wire.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// `SHA256:` and the hash of the blob in base64 without padding, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }
}

/// The fingerprint of a blob that need not be a key we can read.
pub(crate) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest::digest(&digest::SHA256, blob)))
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.fingerprint())
    }
}

impl Material {
    fn take(kind: KeyType, reader: &mut Reader<'_>) -> Result<Material, UnusableKey> {
        Ok(match kind {
            KeyType::Ed25519 => Material::Ed25519(ed25519(reader)?),
            KeyType::EcdsaP256 => Material::Ecdsa(Curve::P256, point(Curve::P256, reader)?),
            KeyType::EcdsaP384 => Material::Ecdsa(Curve::P384, point(Curve::P384, reader)?),
            KeyType::EcdsaP521 => Material::Ecdsa(Curve::P521, point(Curve::P521, reader)?),
            KeyType::Rsa => rsa(reader)?,
            KeyType::SkEd25519 => {
                Material::SkEd25519 { key: ed25519(reader)?, application: application(reader)? }
            }
            KeyType::SkEcdsaP256 => {
                Material::SkEcdsa { point: point(Curve::P256, reader)?, application: application(reader)? }
            }
        })
    }

    fn kind(&self) -> KeyType {
        match self {
            Material::Ed25519(_) => KeyType::Ed25519,
            Material::Ecdsa(Curve::P256, _) => KeyType::EcdsaP256,
            Material::Ecdsa(Curve::P384, _) => KeyType::EcdsaP384,
            Material::Ecdsa(Curve::P521, _) => KeyType::EcdsaP521,
            Material::Rsa { .. } => KeyType::Rsa,
            Material::SkEd25519 { .. } => KeyType::SkEd25519,
            Material::SkEcdsa { .. } => KeyType::SkEcdsaP256,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        fields::put_string(out, self.kind().name().as_bytes());
        match self {
            Material::Ed25519(key) => fields::put_string(out, key),
            Material::Ecdsa(curve, point) => {
                fields::put_string(out, curve.name().as_bytes());
                fields::put_string(out, point);
            }
            Material::Rsa { n, e } => {
                fields::put_mpint(out, e);
                fields::put_mpint(out, n);
            }
            Material::SkEd25519 { key, application } => {
                fields::put_string(out, key);
                fields::put_string(out, application);
            }
            Material::SkEcdsa { point, application } => {
                fields::put_string(out, Curve::P256.name().as_bytes());
                fields::put_string(out, point);
                fields::put_string(out, application);
            }
        }
    }
}

fn ed25519(reader: &mut Reader<'_>) -> Result<[u8; 32], UnusableKey> {
    let key = fields::bytes(reader)?;
    key.try_into().map_err(|_| UnusableKey::Point)
}

fn application(reader: &mut Reader<'_>) -> Result<Vec<u8>, UnusableKey> {
    Ok(fields::string(reader, APPLICATION_BYTES)?.to_vec())
}

fn point(curve: Curve, reader: &mut Reader<'_>) -> Result<Vec<u8>, UnusableKey> {
    let name = fields::string(reader, NAME_BYTES)?;
    let point = fields::bytes(reader)?;
    let is_uncompressed = point.first() == Some(&4) && point.len() == 1 + 2 * curve.width();
    if name != curve.name().as_bytes() || !is_uncompressed {
        return Err(UnusableKey::Point);
    }
    Ok(point.to_vec())
}

fn rsa(reader: &mut Reader<'_>) -> Result<Material, UnusableKey> {
    let e = fields::mpint(reader)?;
    let n = fields::mpint(reader)?;
    let bits = bits(n);
    if !RSA_BITS.contains(&bits) {
        return Err(UnusableKey::RsaBits(bits));
    }
    let is_odd = e.last().is_some_and(|byte| byte & 1 == 1);
    if !is_odd || e == [1] || e.len() > 4 {
        return Err(UnusableKey::RsaExponent);
    }
    Ok(Material::Rsa { n: n.to_vec(), e: e.to_vec() })
}

/// Bits of a number that has no leading zero byte.
fn bits(digits: &[u8]) -> usize {
    let first = digits.first().map_or(8, |byte| byte.leading_zeros() as usize);
    digits.len() * 8 - first.min(digits.len() * 8)
}
