//! A text, cut into statements by PostgreSQL's own grammar.

use crate::Statement;
use pg_raw_parse::{Node, ParseResult};

/// Why a text has no statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Not SQL as PostgreSQL 18 knows it.
    Syntax {
        /// What the grammar says: it may quote the text.
        message: String,
        /// The character where it stopped, counted from 1, if it is known.
        position: Option<usize>,
    },
    /// Nested deeper than is read here.
    TooDeep,
    /// The parser failed in a way it never should.
    Internal,
}

/// The raw tree of a text.
pub struct Parsed {
    tree: ParseResult,
}

/// Reads a text as a PostgreSQL 18 server with standard_conforming_strings on and the client encoding UTF8 does.
///
/// # Errors
/// See [`ParseError`].
pub fn parse(text: &str) -> Result<Parsed, ParseError> {
    match pg_raw_parse::parse(text) {
        Ok(tree) => Ok(Parsed { tree }),
        Err(error) => Err(ParseError::Syntax { message: error.to_string(), position: None }),
    }
}

impl Parsed {
    /// How many statements the text has; empty ones (`;;`) do not count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// True for a text of nothing but blanks, comments and semicolons.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What each statement does.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        Vec::new()
    }

    /// The raw statements, in order.
    #[allow(dead_code, reason = "the lineage of columns walks them")]
    pub(crate) fn raw(&self) -> impl Iterator<Item = Node<'_>> {
        self.tree.stmts()
    }
}
