//! The keys that seals and checkpoints are signed with: Ed25519 (RFC 8032), in PEM (RFC 8410).

use crate::error::KeyError;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
pub use ed25519_dalek::{SigningKey, VerifyingKey};

/// An Ed25519 private key in PKCS#8 PEM.
///
/// # Errors
/// [`KeyError::NotPrivate`] for anything else.
pub fn signing_key_from_pem(pem: &str) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| KeyError::NotPrivate)
}

/// An Ed25519 public key in SPKI PEM.
///
/// # Errors
/// [`KeyError::NotPublic`] for anything else.
pub fn verifying_key_from_pem(pem: &str) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| KeyError::NotPublic)
}

/// Eight bytes that name a public key, to tell "another key" from "a wrong signature".
pub(crate) fn key_id(key: &VerifyingKey) -> [u8; 8] {
    let digest = blake3::hash(key.as_bytes());
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}
