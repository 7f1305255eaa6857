use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding,
};

use hoopwire_wire::Reader;

use super::public::Material;
use super::{Algorithm, Curve, PublicKey};
use crate::fields;

/// A private key. aws-lc holds it, and overwrites it when it is dropped; `Debug` shows the public half.
///
/// ECDSA takes its randomness from aws-lc itself: it is part of the primitive, and no test can depend on it.
pub struct PrivateKey {
    secret: SecretHalf,
    public: PublicKey,
}

enum SecretHalf {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Curve, EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

/// The bytes are no PKCS#8 private key of Ed25519, ECDSA over a NIST curve, or RSA with 2048 to 8192 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPrivateKey;

impl fmt::Display for NotAPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no private key in PKCS#8 of Ed25519, ECDSA (P-256, P-384, P-521) or RSA (2048 to 8192 bits)",
        )
    }
}

impl std::error::Error for NotAPrivateKey {}

impl PrivateKey {
    /// Reads an unencrypted PKCS#8 private key in DER. The bytes stay the caller's, to be zeroed.
    ///
    /// # Errors
    /// It is not one of these, or a number in it is not taken.
    pub fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, NotAPrivateKey> {
        // aws-lc ignores what follows the key.
        let mut whole = Reader::new(der);
        der_value(&mut whole, 0x30).filter(|_| whole.is_empty()).ok_or(NotAPrivateKey)?;
        let secret = SecretHalf::from_pkcs8(der).ok_or(NotAPrivateKey)?;
        let public = PublicKey::new(secret.public().ok_or(NotAPrivateKey)?);
        // The same limits as for a key from the wire.
        let public = PublicKey::read(public.blob()).map_err(|_| NotAPrivateKey)?;
        Ok(PrivateKey { secret, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public half as it goes over the wire.
    #[must_use]
    pub fn public_blob(&self) -> &[u8] {
        self.public.blob()
    }

    /// By what it can sign, the preferred first.
    #[must_use]
    pub fn algorithms(&self) -> &'static [Algorithm] {
        self.public.key_type().algorithms()
    }

    /// A signature blob over `message`. `None` if this key doesn't have the algorithm, or aws-lc fails.
    #[must_use]
    pub fn sign(&self, message: &[u8], algorithm: Algorithm) -> Option<Vec<u8>> {
        if !self.algorithms().contains(&algorithm) {
            return None;
        }
        let made = self.secret.sign(message, algorithm)?;
        let mut blob = Vec::with_capacity(made.len() + 32);
        fields::put_string(&mut blob, algorithm.name().as_bytes());
        fields::put_string(&mut blob, &made);
        Some(blob)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SecretHalf {
    fn from_pkcs8(der: &[u8]) -> Option<SecretHalf> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Some(SecretHalf::Ed25519(pair));
        }
        for (curve, signing) in [
            (Curve::P256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            (Curve::P384, &ECDSA_P384_SHA384_FIXED_SIGNING),
            (Curve::P521, &ECDSA_P521_SHA512_FIXED_SIGNING),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(signing, der) {
                return Some(SecretHalf::Ecdsa(curve, pair));
            }
        }
        rsa::KeyPair::from_pkcs8(der).ok().map(SecretHalf::Rsa)
    }

    fn public(&self) -> Option<Material> {
        Some(match self {
            SecretHalf::Ed25519(pair) => Material::Ed25519(pair.public_key().as_ref().try_into().ok()?),
            SecretHalf::Ecdsa(curve, pair) => Material::Ecdsa(*curve, pair.public_key().as_ref().to_vec()),
            SecretHalf::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref())?;
                Material::Rsa { n, e }
            }
        })
    }

    /// The algorithm's own form, without its name.
    fn sign(&self, message: &[u8], algorithm: Algorithm) -> Option<Vec<u8>> {
        match self {
            SecretHalf::Ed25519(pair) => pair.try_sign(message).ok().map(|made| made.as_ref().to_vec()),
            SecretHalf::Ecdsa(curve, pair) => {
                let made = pair.sign(&SystemRandom::new(), message).ok()?;
                let (r, s) = made.as_ref().split_at_checked(curve.width())?;
                let mut out = Vec::new();
                fields::put_mpint(&mut out, r);
                fields::put_mpint(&mut out, s);
                Some(out)
            }
            SecretHalf::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::RsaSha256 => &RSA_PKCS1_SHA256,
                    Algorithm::RsaSha512 => &RSA_PKCS1_SHA512,
                    _ => return None,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut made).ok()?;
                Some(made)
            }
        }
    }
}

/// Modulus and exponent out of what aws-lc writes: DER of `SEQUENCE { INTEGER n, INTEGER e }` (RFC 8017 A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut whole = Reader::new(der);
    let mut numbers = Reader::new(der_value(&mut whole, 0x30)?);
    let n = der_value(&mut numbers, 0x02)?;
    let e = der_value(&mut numbers, 0x02)?;
    let without_sign = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
    (whole.is_empty() && numbers.is_empty()).then(|| (without_sign(n), without_sign(e)))
}

fn der_value<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    if reader.u8().ok()? != tag {
        return None;
    }
    let length = match reader.u8().ok()? {
        0x81 => usize::from(reader.u8().ok()?),
        0x82 => usize::from(reader.u16().ok()?),
        short if short < 0x80 => usize::from(short),
        _ => return None,
    };
    reader.bytes(length).ok()
}
