//! Bounded reading and writing of bytes, and how to hide a secret.
//!
//! This crate knows lengths, integers and limits. It knows no protocol, no clock and no socket, and it
//! makes no randomness of its own: who needs some asks for it by [`Random`].
#![forbid(unsafe_code)]

mod error;
mod hidden;
mod reader;
mod writer;

pub use error::DecodeError;
pub use hidden::{Redacted, Secret};
pub use reader::Reader;
pub use writer::{Writer, message, message_untagged};

/// Caps on what one peer may send in one phase. Going past any of them is [`DecodeError::TooLong`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one message, its header included.
    pub message_bytes: usize,
    /// Most bytes of all messages of the phase together.
    pub total_bytes: usize,
    /// Most entries of any one list.
    pub items: usize,
}

/// Where random bytes come from. The engine gives the operating system's; tests give fixed ones.
pub trait Random {
    /// Fill all of `out` with bytes that no one else can foretell.
    fn fill(&mut self, out: &mut [u8]);
}
