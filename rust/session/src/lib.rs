//! What any session is, whatever the protocol: one call at a time, in one order: decide, record, forward toward the
//! target; record, deliver toward the principal.
//!
//! Knows the order, endings, deadlines, what is counted. Must never know a protocol, a socket, TLS, a file or a clock.
//! The engine hands in bytes and `now`, and gets back bytes for either leg, frames for the recording and [`Effect`]s.
//! The contract with the engine: the frames of a turn are kept before any byte of the turn is sent.

#![forbid(unsafe_code)]

mod account;
mod admission;
mod effect;
mod ending;
mod release;
mod silence;
mod turn;

pub use account::{About, Counters, Withheld};
pub use admission::{Admission, Answer, Ask, Loan, PhaseLimits, Prompt, after};
pub use effect::{Call, Effect, Opening, Signal};
pub use ending::{Closed, Ending, Words};
pub use release::{Flow, Leg, Legs, Recorded, Span};
pub use silence::{Silence, lasting};
pub use turn::Turn;
