//! What any grant is, whatever the protocol: who may do something on which target, until when, and how much of it.
//!
//! Knows time, limits, whose fault a denial is. Must never know a protocol's words or encodings, a socket, a clock or
//! Python: what a grant opens at its target is a type of the protocol's own ([`Rights`]), and time is an argument.
//!
//! [`decide`] is the one maker of a [`Permit`]; whatever goes to a target asks for one.

#![forbid(unsafe_code)]

mod decide;
mod denial;
mod fault;
mod grant;
mod limits;
mod meter;
mod spent;

pub use decide::{Permit, Rights, decide};
pub use denial::{Code, Denial};
pub use fault::{Fault, Party};
pub use grant::{Grant, Record};
pub use limits::{Budget, Budgets};
pub use meter::Meter;
pub use spent::{Spent, Used};
