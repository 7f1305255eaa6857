//! What a grant allows: pure evaluation of an action against a grant at a moment.
//!
//! Knows grants, actions and obligations. Does *not* know where a grant came from, how anything is encoded,
//! a socket, a clock or Python. Time is an argument.
//!
//! In this version the decision is by class of action (any statement, FunctionCall, replication); what a
//! statement does is not looked at. [`decide`] is the one place where an Allow is made: an upstream write
//! asks for a [`Permit`], and nothing else makes one.

#![forbid(unsafe_code)]

mod decide;
mod grant;
mod mask;
mod rights;

pub use decide::{Action, Denial, Permit, decide};
pub use grant::{Actions, Grant, Record};
pub use mask::{ColumnMask, CopyMask, Malformed, Mask, MaskKind, RowMask};
pub use rights::{Pattern, Rights, Rule, Words};
