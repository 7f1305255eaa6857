//! What a spool says: events, refusals, failures.

use std::fmt;
use std::path::PathBuf;

/// Something that happened to the stream; see [`crate::Spool::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolEvent {
    /// A segment was closed by a signed seal. It no longer changes.
    SegmentSealed {
        /// The file.
        path: PathBuf,
        /// Its sequence number in the stream.
        sequence: u64,
    },
    /// A signed head of the chain, to be kept where the gateway cannot rewrite it.
    Checkpoint {
        /// One line of text, without a line break.
        line: String,
    },
    /// The stream cannot be written: end its sessions.
    Failed {
        /// Why.
        error: String,
    },
    /// The stream can be written again.
    Resumed,
}

/// A segment of a crashed run that was replayed to its last whole block and sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Number of the stream.
    pub stream: u16,
    /// The file, as it is named now.
    pub path: PathBuf,
    /// Sessions that were open, now ended with `closed_by = crash`.
    pub sessions: Vec<String>,
    /// Bytes after the last whole block that were begun and never acknowledged.
    pub dropped_bytes: u64,
}

/// Why a session may not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The volume has less free room than the floor.
    Floor {
        /// Free bytes.
        free_bytes: u64,
        /// The floor.
        floor_bytes: u64,
    },
    /// The stream cannot be written.
    Failed(String),
    /// The number is in use by a live session.
    NumberInUse,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Floor { free_bytes, floor_bytes } => {
                write!(f, "no room to record: {free_bytes} bytes are free, the floor is {floor_bytes}")
            }
            Refused::Failed(error) => write!(f, "the recording cannot be written: {error}"),
            Refused::NumberInUse => f.write_str("the session's number is in use"),
        }
    }
}

impl std::error::Error for Refused {}

/// A turn's frames are not kept: nothing that they tell of may be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteFailed {
    /// Why.
    pub error: String,
}

impl WriteFailed {
    pub(crate) fn new(error: impl fmt::Display) -> WriteFailed {
        WriteFailed { error: error.to_string() }
    }
}

impl fmt::Display for WriteFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the recording could not be written: {}", self.error)
    }
}

impl std::error::Error for WriteFailed {}
