//! Obligations on columns: what is delivered in place of a masked value, in result rows and in COPY.

mod column;
mod copy;
mod number;
mod row;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub use column::ColumnMask;
pub use copy::CopyMask;
pub use row::{MaskedField, RowMask};
pub use view::shows_masked;

/// Bytes from the target that are not what the protocol says: nothing of them may be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row of the target is malformed")
    }
}

impl std::error::Error for Malformed {}

/// What stands in place of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum MaskKind {
    /// NULL.
    Null,
    /// The same text for every value (text types; NULL for others).
    Fixed(String),
    /// A keyed hash: equal values stay equal, and nothing else can be seen.
    Hash,
    /// The first and last characters; the rest is `*` (text types; NULL for others).
    Partial {
        /// Characters kept at the start.
        first: u16,
        /// Characters kept at the end.
        last: u16,
    },
    /// A number rounded down to a multiple of this (numbers; NULL for others).
    Range {
        /// Greater than 0.
        step: f64,
    },
}

/// A masked column, by name as the policy has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Schema of the relation.
    pub schema: String,
    /// The relation.
    pub relation: String,
    /// The column.
    pub column: String,
    /// What is delivered in its place.
    pub kind: MaskKind,
    /// The policy allows it in WHERE, join conditions, ORDER BY and GROUP BY, although comparing leaks.
    pub compare: bool,
}
