//! One principal's session at a PostgreSQL target, sans-IO: protocol, grant, policy and recording in the one right
//! order: decide, record, forward toward the target; record, deliver toward the principal.
//!
//! This crate does *not* open sockets, encrypt, write files, read a clock or spawn anything; it does not know where a
//! grant came from. What any session is stands in `hoopwire-session`.
//!
//! `admit` has what comes before the session is ready, `live` what a session does, `exact` what a statement-exact grant
//! needs beside it (decisions on texts, what the target says of itself, masks), `words` the SQLSTATEs.

#![forbid(unsafe_code)]
// an `Ending` is made once in a session's life; boxing it would only move its words further away
#![allow(clippy::result_large_err)]

mod admit;
mod caches;
mod ending;
mod exact;
mod keyring;
mod live;
mod session;
mod words;

pub use admit::ALPN;
pub use caches::{Caches, Turn};
pub use session::Session;
pub use words::{sqlstate, turned_away};
