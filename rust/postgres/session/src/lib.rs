//! One session, sans-IO: protocol, grant, policy and recording in the one right order: decide, record,
//! forward toward the target; record, deliver toward the principal.
//!
//! This crate does *not* open sockets, encrypt, write files, read a clock or spawn anything; it does not
//! know where a grant came from. The engine hands in bytes and `now`, and gets back bytes for either leg,
//! frames for the recording and [`Effect`]s. The contract with the engine: the frames of a turn are kept
//! before any byte of the turn is sent.
//!
//! A file per phase: `admit` (startup to ReadyForQuery), `statement` (principal to target), `result`
//! (target to principal), `close` (expiry, revocation, the end); `names` (what a prepared statement's name stands for),
//! `ends` (what always passes), `cursors` (what would end the target's server),
//! `replication` (its commands).
//! Beside them what a statement-exact grant needs:
//! `exact` (the decision on a text, and what must stay as it was for it to hold), `inquiry` and `catalogue` (what
//! the target says of itself), `idle` (what of a policy matches nothing there), `refusal` (what goes up instead), `masking`, `budget`.

#![forbid(unsafe_code)]
// an `Ending` is made once in a session's life; boxing it would only move its words further away
#![allow(clippy::result_large_err)]

mod admit;
mod exact;
mod live;
mod session;
mod turn;

pub use exact::catalogue::Catalogues;
pub use live::Counters;
pub use live::close::Ending;
pub use session::{Admission, PhaseLimits, Session};
pub use turn::{Ask, Effect, Legs, Loan, Turn};
