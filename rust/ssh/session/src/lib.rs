//! One ssh session: both logins, then a pipe of packets that are decided, recorded and passed on.
//!
//! Knows what may come when, what is asked for, and what goes into the recording. Must never know a socket, a file, a clock,
//! or another protocol.

#![forbid(unsafe_code)]

mod channels;
mod enter;
mod file_transfer;
mod from_client;
mod from_outside;
mod from_target;
mod globals;
mod keep;
mod keepalive;
mod lent;
mod listeners;
mod live;
mod login;
mod prompted;
mod request;
mod session;
mod settings;
mod words;

pub use session::{Session, Turn};
pub use settings::{Caches, Settings};
pub use words::{code, turned_away};
