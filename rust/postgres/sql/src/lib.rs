//! SQL text to [`Statement`]s: what each statement of a text reads, writes, calls and changes.
//!
//! PostgreSQL's own grammar (libpg_query, the raw C tree) says how a text is cut into statements and what they
//! name. This crate does *not* know bytes on the wire, grants, policies or a catalogue: names are given as written,
//! and a construct that it does not know becomes `Effect::Unknown`: it is never skipped.

#![forbid(unsafe_code)]

mod columns;
mod fixed;
mod lineage;
mod parsed;
mod places;
mod statement;
mod steps;
mod tokens;
mod tree;
mod walk;

pub use columns::Closed;
#[cfg(feature = "mutations")]
pub use lineage::Mutation;
pub use lineage::{Column, CopyFormat, CopyOut, Leak, Lineage, MaskedRelations, RelationColumns, TOO_DEEP};
pub use parsed::{ParseError, Parsed, parse};
pub use places::Place;
pub use statement::{Access, Call, Effect, Name, SettingValue, Statement, Verbs};
pub use steps::Steps;
pub use tokens::{MAX_TOKENS, count as count_tokens};
pub use walk::Room;
