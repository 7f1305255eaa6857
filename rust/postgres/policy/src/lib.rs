//! What a grant allows: pure evaluation of an action or a text against a grant at a moment.
//!
//! Knows grants, actions, rights and obligations. Does *not* know where a grant came from, how anything is encoded,
//! a socket, a clock or Python. Time is an argument.
//!
//! [`decide`] answers for a class of action (any statement, FunctionCall, replication), and is the one place where
//! an Allow is made: an upstream write asks for a [`Permit`], and nothing else makes one. [`decide_text`] answers
//! for the statements of a text by the grant's [`Rights`]: what is not understood is refused.

#![forbid(unsafe_code)]

mod budget;
mod builtin;
mod cache;
mod catalogue;
mod closed;
mod decide;
mod explain;
mod glob;
mod grant;
mod instead;
mod judge;
mod kin;
mod mask;
mod masked;
mod plan;
mod quote;
mod readable;
mod refusal;
mod rights;
mod sequence;
mod settings;
mod spent;
mod text;

pub use budget::{Budget, Budgets, Meter};
pub use cache::{DecisionCache, DecisionKey, VERDICT_KEPT_BYTES};
pub use catalogue::{Catalogue, CatalogueColumn, CatalogueRelation, KEPT_SETTINGS_MAX, Stored, View};
pub use decide::{Action, Denial, Permit, decide};
pub use explain::{Explained, explain};
pub use grant::{Actions, Grant, MaskKey, Record};
pub use hoopwire_postgres_sql::{CopyFormat, CopyOut};
pub use instead::Instead;
pub use kin::Inheritance;
pub use mask::{ColumnMask, CopyMask, Malformed, Mask, MaskKind, MaskedField, RowMask, shows_masked};
pub use plan::{StatementPlan, Verdict};
pub use quote::may_quote;
pub use readable::check_setting;
pub use refusal::{Reason, Refusal};
pub use rights::{Pattern, Rights, Rule, Words};
pub use settings::allows_search_path;
pub use spent::{Spent, Used};
pub use text::decide_text;
