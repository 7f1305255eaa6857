//! The recording's bytes: frames, blocks, the hash chain, segments, seals and checkpoints; encode, decode, verify.
//!
//! This crate knows the layout (docs/recording-format.md says it byte by byte) and nothing else: no files, no
//! clock, no uploads, nothing of who may watch. The spool hands in and takes out bytes.
//!
//! A turn of the event loop fills one [`Frames`]; a [`Chain`] makes blocks of it; a [`Scan`] reads them back.
#![forbid(unsafe_code)]

mod chain;
mod checkpoint;
mod decode;
mod encode;
mod error;
mod finding;
mod frame;
mod frames;
mod join;
mod key;
mod kind;
mod layout;
mod scan;
mod seal;
mod source;
pub mod ssh;
mod status;
mod verify;

pub use chain::Chain;
pub use checkpoint::Checkpoint;
pub use decode::Scratch;
pub use error::{CheckpointError, KeyError, PayloadError};
pub use finding::{Finding, FindingKind, Severity, StreamReport};
pub use frame::{
    Bind, Cancel, Decision, Execute, Frame, GrantChanged, Input, Parameter, Report, Request, ResultSpan,
    SessionContinued, SessionEnd, SessionStart, Statement,
};
pub use frames::{Frames, Mark, RawFrame};
pub use join::{Joined, Joiner};
pub use key::{SigningKey, VerifyingKey, signing_key_from_pem, verifying_key_from_pem};
pub use kind::{Direction, Kind, Via};
pub use layout::{
    BLOCK_MAX_BYTES, BlockHeader, FRAME_MAX_BYTES, HEADER_BYTES, HeaderFault, SEAL_BYTES, SegmentHeader,
    is_node,
};
pub use scan::{Block, End, Fault, FaultKind, OpenError, Scan, SealBlock, Step};
pub use seal::{Seal, read_seal};
pub use source::Source;
pub use status::{Sessions, Status};
pub use verify::{Place, Verifier};
