//! What an ssh grant allows: a command, a path, a destination is decided against the grant's rights.
//!
//! Knows the words of a policy for ssh targets, the subset of shell text that all shells read alike, paths, and the
//! spellings of addresses. Must never know where a grant came from, a packet, a socket, a clock or Python.
//!
//! [`decide`] answers for every [`Action`]: what is not understood is refused, and so is what no word of the rights
//! covers. [`Rights`] are read from the words themselves, in the one form that the control plane writes.

#![forbid(unsafe_code)]

mod action;
mod argv;
mod ask;
mod code;
mod destination;
mod explain;
mod host;
mod path;
mod pattern;
mod refusal;
mod rights;
mod scp;
mod variable;

pub use action::{Access, Action, decide};
pub use argv::{NotUnderstood, read as read_argv};
pub use code::Code;
pub use explain::{Explained, explain};
pub use path::{Prefix, Unclear, normalise};
pub use rights::{Denial, Grant, Malformed, Rights};
