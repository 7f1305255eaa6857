//! Which protocols there are. This is the one place that lists them: a session, its rights and what it keeps on a
//! reactor, each as one of the protocols'.
//!
//! Must never know what a protocol does: each function here only picks the wing that answers. An enum and no trait
//! object: the protocols are few and known when the gateway is built, and a match costs nothing.

#![forbid(unsafe_code)]

mod caches;
mod rights;
mod session;

pub use caches::{Caches, Settings, Shared};
pub use rights::{Grant, OtherProtocol, Rights};
pub use session::{Admission, Protocol, Session, Turn};
