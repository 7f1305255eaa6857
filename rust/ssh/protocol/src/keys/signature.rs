use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use hoopwire_wire::{DecodeError, Reader};

use super::public::Material;
use super::{Algorithm, Curve, PublicKey};
use crate::fields;

/// The flag of a token's signature that says: somebody touched it.
const USER_PRESENT: u8 = 1;

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSignature {
    /// The blob breaks off, goes on, or has a field of another size than its algorithm's.
    Malformed(DecodeError),
    /// Signed by an algorithm that was not offered, or that this key doesn't have.
    Algorithm,
    /// The token was not touched.
    NotPresent,
    /// Not made by this key over these bytes.
    False,
}

impl From<DecodeError> for BadSignature {
    fn from(error: DecodeError) -> Self {
        BadSignature::Malformed(error)
    }
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSignature::Malformed(error) => write!(f, "not a signature: {error}"),
            BadSignature::Algorithm => f.write_str("signed by another algorithm than was offered"),
            BadSignature::NotPresent => f.write_str("signed by a token that nobody touched"),
            BadSignature::False => f.write_str("the signature is not this key's over these bytes"),
        }
    }
}

impl std::error::Error for BadSignature {}

impl PublicKey {
    /// Verifies a signature blob (algorithm name, then the algorithm's own form) over `message`.
    ///
    /// The name inside must be one of `allowed` and one of this key's. A token must have been touched.
    ///
    /// # Errors
    /// The signature is malformed, by another algorithm, or false.
    pub fn verify(
        &self,
        signature: &[u8],
        message: &[u8],
        allowed: &[Algorithm],
    ) -> Result<(), BadSignature> {
        let mut reader = Reader::new(signature);
        let algorithm = Algorithm::named(fields::bytes(&mut reader)?).ok_or(BadSignature::Algorithm)?;
        if !allowed.contains(&algorithm) || algorithm.key_type() != self.key_type() {
            return Err(BadSignature::Algorithm);
        }
        let made = fields::bytes(&mut reader)?;
        match &self.material {
            Material::Ed25519(key) => {
                reader.finish()?;
                verify_ed25519(key, message, made)
            }
            Material::Ecdsa(curve, point) => {
                reader.finish()?;
                verify_ecdsa(*curve, point, message, made)
            }
            Material::Rsa { n, e } => {
                reader.finish()?;
                verify_rsa(algorithm, n, e, message, made)
            }
            Material::SkEd25519 { key, application } => {
                let signed = signed_by_token(application, message, reader)?;
                verify_ed25519(key, &signed, made)
            }
            Material::SkEcdsa { point, application } => {
                let signed = signed_by_token(application, message, reader)?;
                verify_ecdsa(Curve::P256, point, &signed, made)
            }
        }
    }
}

fn verify_ed25519(key: &[u8; 32], message: &[u8], made: &[u8]) -> Result<(), BadSignature> {
    let wanted = 64;
    if made.len() < wanted {
        return Err(DecodeError::Truncated { wanted, left: made.len() }.into());
    }
    if made.len() > wanted {
        return Err(DecodeError::Trailing(made.len() - wanted).into());
    }
    UnparsedPublicKey::new(&ED25519, key).verify(message, made).map_err(|_| BadSignature::False)
}

fn verify_ecdsa(curve: Curve, point: &[u8], message: &[u8], made: &[u8]) -> Result<(), BadSignature> {
    let mut reader = Reader::new(made);
    let mut fixed = Vec::with_capacity(2 * curve.width());
    for _ in 0..2 {
        left_padded(fields::mpint(&mut reader)?, curve.width(), &mut fixed)?;
    }
    reader.finish()?;
    let algorithm: &EcdsaVerificationAlgorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    };
    UnparsedPublicKey::new(algorithm, point).verify(message, &fixed).map_err(|_| BadSignature::False)
}

/// RFC 4253 section 6.6: a number without padding, so it may be shorter than the modulus.
fn verify_rsa(
    algorithm: Algorithm,
    n: &[u8],
    e: &[u8],
    message: &[u8],
    made: &[u8],
) -> Result<(), BadSignature> {
    let mut padded = Vec::with_capacity(n.len());
    left_padded(made, n.len(), &mut padded)?;
    let parameters = match algorithm {
        Algorithm::RsaSha256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RsaSha512 => &RSA_PKCS1_2048_8192_SHA512,
        _ => return Err(BadSignature::Algorithm),
    };
    RsaPublicKeyComponents { n, e }.verify(parameters, message, &padded).map_err(|_| BadSignature::False)
}

/// What a token signed: PROTOCOL.u2f. Flags and counter stand behind the signature itself.
fn signed_by_token(
    application: &[u8],
    message: &[u8],
    mut behind: Reader<'_>,
) -> Result<Vec<u8>, BadSignature> {
    let flags = behind.u8()?;
    let counter = behind.u32()?;
    behind.finish()?;
    if flags & USER_PRESENT == 0 {
        return Err(BadSignature::NotPresent);
    }
    let mut signed = digest::digest(&digest::SHA256, application).as_ref().to_vec();
    signed.push(flags);
    signed.extend_from_slice(&counter.to_be_bytes());
    signed.extend_from_slice(digest::digest(&digest::SHA256, message).as_ref());
    Ok(signed)
}

fn left_padded(number: &[u8], width: usize, out: &mut Vec<u8>) -> Result<(), BadSignature> {
    let zeros = width.checked_sub(number.len()).ok_or(DecodeError::TooLong { limit: width })?;
    out.resize(out.len() + zeros, 0);
    out.extend_from_slice(number);
    Ok(())
}
