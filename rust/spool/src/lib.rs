//! The recording's files: one append stream per reactor, kept before anything is released.
//!
//! A stream is a directory of segments. A turn's frames are written by one call that has returned before the
//! engine sends; a write that fails makes every later one fail, until a new segment could be opened. Room for the
//! closing frames of every admitted session, and for the seal, is kept in the segment that is open, whose whole
//! size is allocated ahead. This crate knows files and the recording's bytes; it knows no socket, no session and
//! no protocol.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_types, reason = "the spool is the recording's door to files")]

mod config;
mod events;
mod layout;
mod lock;
mod open;
mod read;
mod recover;
mod release;
mod segment;
mod sessions;
mod spool;
mod verify;
mod volume;

pub use config::{SpoolConfig, SpoolError};
pub use events::{Recovery, Refused, SpoolEvent, WriteFailed};
pub use hoopwire_recording::{
    KeyError, SigningKey, VerifyingKey, signing_key_from_pem, verifying_key_from_pem,
};
pub use read::{ReadError, SegmentFrames, read_frames};
pub use recover::recover_others;
pub use release::{ReleaseError, Released, release_segment, sync_segment};
pub use spool::Spool;
pub use verify::{Report, VerifyError, verify_directory};
pub use volume::{Disk, Volume};
