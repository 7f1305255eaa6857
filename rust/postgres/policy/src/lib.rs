//! What a PostgreSQL grant allows: a text is decided against the grant's rights.
//!
//! Knows the classes of action, rules, masks, settings, what is known of a target's catalogue. Must never know where a
//! grant came from, how anything is encoded, a socket, a clock or Python.
//!
//! [`decide_text`] answers for the statements of a text by the grant's [`Rules`]: what is not understood is refused. The
//! classes of action ([`Action`]) are decided by [`hoopwire_grant::decide`], the grant's time first. [`startup_settings`]
//! answers for the settings of a startup packet, by the table that SET is decided by.

#![forbid(unsafe_code)]

mod action;
mod builtin;
mod cache;
mod catalogue;
mod closed;
mod code;
mod explain;
mod glob;
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
mod rules;
mod sequence;
mod settings;
mod text;

pub use action::Action;
pub use cache::{DecisionCache, DecisionKey, VERDICT_KEPT_BYTES};
pub use catalogue::{Catalogue, CatalogueColumn, CatalogueRelation, KEPT_SETTINGS_MAX, Stored, View};
pub use code::Code;
pub use explain::{Explained, explain};
pub use hoopwire_postgres_sql::{CopyFormat, CopyOut};
pub use instead::Instead;
pub use kin::Inheritance;
pub use mask::{ColumnMask, CopyMask, Malformed, Mask, MaskKind, MaskedField, RowMask, shows_masked};
pub use plan::{StatementPlan, Verdict};
pub use quote::may_quote;
pub use readable::check_setting;
pub use refusal::{Reason, Refusal};
#[cfg(any(test, feature = "testing"))]
pub use rights::TestGrant;
pub use rights::{Actions, Denial, Grant, MaskKey, Rights};
pub use rules::{Pattern, Rule, Rules, Words};
#[cfg(feature = "testing")]
pub use settings::setting_names;
pub use settings::{
    StartupFault, StartupRefusal, allows_search_path, check_startup, startup_settings, told_of_startup,
};
pub use text::decide_text;
