//! What can be wrong with bytes that are handed in.

use std::fmt;

/// A frame's payload is not what its kind says. The bytes passed the chain, so a writer wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// No such kind in this version of the format.
    UnknownKind(u8),
    /// Not the MessagePack array of this kind.
    Malformed(u8),
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::UnknownKind(kind) => write!(f, "frame of unknown kind {kind}"),
            PayloadError::Malformed(kind) => write!(f, "malformed payload in a frame of kind {kind}"),
        }
    }
}

impl std::error::Error for PayloadError {}

/// A key file that is not an Ed25519 key in the form asked for. Says nothing of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not a PKCS#8 PEM Ed25519 private key.
    NotPrivate,
    /// Not an SPKI PEM Ed25519 public key.
    NotPublic,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::NotPrivate => {
                "not an Ed25519 private key (PEM, PKCS#8); make one with: hoopwire keygen recording"
            }
            KeyError::NotPublic => "not an Ed25519 public key (PEM)",
        })
    }
}

impl std::error::Error for KeyError {}

/// A line that is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointError {
    /// The field that is missing or malformed.
    pub field: &'static str,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a checkpoint: {} is missing or malformed", self.field)
    }
}

impl std::error::Error for CheckpointError {}
