//! The recording's bytes: frames, blocks, the hash chain, segments, seals and checkpoints; encode, decode, verify.
//!
//! This crate knows the layout (docs/recording-format.md says it byte by byte) and nothing else: no files, no
//! clock, no uploads, nothing of who may watch. The spool hands in and takes out bytes.
//!
//! A turn of the event loop fills one [`Frames`].
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod error;
mod frame;
mod frames;
mod key;
mod kind;
mod layout;

pub use decode::Scratch;
pub use error::{CheckpointError, KeyError, PayloadError};
pub use frame::{
    Bind, Cancel, Decision, Execute, Frame, GrantChanged, Input, Parameter, Report, Request, ResultSpan,
    SessionContinued, SessionEnd, SessionStart, Statement,
};
pub use frames::{Frames, RawFrame};
pub use key::{SigningKey, VerifyingKey, signing_key_from_pem, verifying_key_from_pem};
pub use kind::{Direction, Kind, Via};
pub use layout::{
    BLOCK_MAX_BYTES, FRAME_MAX_BYTES, HEADER_BYTES, HeaderFault, SEAL_BYTES, SegmentHeader, is_node,
};
