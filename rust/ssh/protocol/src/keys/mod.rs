//! Keys and signatures in SSH's encoding: RFC 4253 section 6.6, RFC 5656 (ECDSA), RFC 8332 (RSA with SHA-2), RFC 8709
//! (Ed25519), and OpenSSH's PROTOCOL.u2f (keys on a security token).
//!
//! A key and a signature are a dozen length-prefixed fields, read by hand here; whether a signature is true is for
//! aws-lc-rs alone (docs/decisions/0017-ssh-encodings.md). A blob has one form: what is read would be written the same,
//! so two keys are one key exactly if their blobs are equal. DSA and RSA with SHA-1 have no name here.

mod algorithm;
mod private;
mod public;
mod signature;

pub use algorithm::{Algorithm, KeyType};
pub use private::{NotAPrivateKey, PrivateKey};
pub(crate) use public::fingerprint;
pub use public::{PublicKey, UnusableKey};
pub use signature::BadSignature;

pub(crate) use algorithm::Curve;
