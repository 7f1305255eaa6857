//! What a grant would say to a text, statement by statement, for people and for `hoopwire explain`.

use crate::catalogue::View;
use crate::decide::Denial;
use crate::grant::Grant;
use hoopwire_sql::{Name, Verbs};
use std::ops::Range;

/// One statement's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The command's words; empty if the text could not be read.
    pub command: &'static str,
    /// Its bytes within the text.
    pub span: Range<usize>,
    /// Why it would be refused.
    pub denial: Option<Denial>,
    /// What it reads and writes; the schema is filled in where there is only one candidate.
    pub relations: Vec<(Name, Verbs)>,
    /// What it calls.
    pub functions: Vec<Name>,
}

/// Decides each statement of the text by itself.
#[must_use]
pub fn explain(_grant: &Grant, _text: &str, _view: &View<'_>) -> Vec<Explained> {
    Vec::new()
}
