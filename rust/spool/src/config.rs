//! What a spool is opened with, and why it may not open.

use hoopwire_recording::SigningKey;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Where and how one stream is kept.
#[derive(Clone)]
pub struct SpoolConfig {
    /// Directory of the recordings; streams of all reactors share it.
    pub directory: PathBuf,
    /// Name of this gateway: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub node: String,
    /// Number of the stream: that of the reactor.
    pub stream: u16,
    /// `fdatasync` before a commit returns: a lost host loses nothing. Else a lost gateway process loses nothing.
    pub synced: bool,
    /// Size of a segment, allocated ahead. A turn that is larger gets a larger segment.
    pub segment_bytes: u64,
    /// A segment that holds anything is sealed after this time.
    pub seal_after: Duration,
    /// A checkpoint is made this often, if anything was written.
    pub checkpoint_every: Duration,
    /// No session is admitted when the volume has less free room than this.
    pub floor_bytes: u64,
    /// Signs seals and checkpoints.
    pub key: SigningKey,
}

impl fmt::Debug for SpoolConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpoolConfig")
            .field("directory", &self.directory)
            .field("node", &self.node)
            .field("stream", &self.stream)
            .field("synced", &self.synced)
            .finish_non_exhaustive()
    }
}

/// Why a spool does not open. The text names the file and the way forward.
#[derive(Debug)]
pub enum SpoolError {
    /// The node's name cannot stand in a recording.
    Node(String),
    /// Another gateway has this stream open.
    Locked(PathBuf),
    /// A file operation failed.
    Io {
        /// What was done.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
}

impl SpoolError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> SpoolError {
        let path = path.into();
        move |error| SpoolError::Io { doing, path, error }
    }
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpoolError::Node(node) => write!(
                f,
                "gateway name {node:?} cannot be recorded: use 1 to 64 letters, digits, dots, underscores or hyphens"
            ),
            SpoolError::Locked(path) => write!(
                f,
                "{} is locked: another gateway records here; give each its own recording.directory",
                path.display()
            ),
            SpoolError::Io { doing, path, error } => write!(f, "cannot {doing} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SpoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SpoolError::Io { error, .. } => Some(error),
            SpoolError::Node(_) | SpoolError::Locked(_) => None,
        }
    }
}
