//! A text, cut into statements by PostgreSQL's own grammar.

use crate::steps::Steps;
use crate::walk::{Room, Walk};
use crate::{Effect, Statement, tokens};
use pg_raw_parse::nodes::RawStmt;
use pg_raw_parse::{Node, Owned, StmtList};
use std::convert::Infallible;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a text has no statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Not SQL as PostgreSQL 18 knows it.
    Syntax {
        /// What the grammar says: it may quote the text.
        message: String,
        /// The character where it stopped, counted from 1, where that can be told from the message.
        position: Option<usize>,
    },
    /// Nested deeper than the grammar reads.
    TooDeep,
    /// More tokens than the grammar is given: see [`MAX_TOKENS`](crate::MAX_TOKENS).
    TooManyTokens,
    /// The parser failed in a way it never should.
    Internal,
}

/// The raw tree of a text, and what going over it may cost.
pub struct Parsed {
    tree: Owned<StmtList>,
    steps: Steps,
}

/// Reads a text as a PostgreSQL 18 server with standard_conforming_strings on and the client encoding UTF8 does.
///
/// # Errors
/// See [`ParseError`].
pub fn parse(text: &str) -> Result<Parsed, ParseError> {
    if !tokens::are_few(text) {
        return Err(ParseError::TooManyTokens);
    }
    // Nothing here is known to panic; but the tree's accessors do where the grammar breaks its own word, and a
    // gateway must not fall over a statement.
    match catch_unwind(|| pg_raw_parse::parse(text)) {
        Ok(Ok(tree)) => Ok(Parsed { tree: tree.into_inner(), steps: Steps::of(text.len()) }),
        Ok(Err(error)) => Err(refused(text, &error)),
        Err(_) => Err(ParseError::Internal),
    }
}

fn refused(text: &str, error: &pg_raw_parse::Error) -> ParseError {
    match error {
        pg_raw_parse::Error::Parse(error) => {
            let message = error.to_string();
            if message.starts_with("memory exhausted") {
                return ParseError::TooDeep;
            }
            let position = position(text, &message);
            ParseError::Syntax { message, position }
        }
        pg_raw_parse::Error::StatementContainedNul(error) => {
            let before = text.get(..error.nul_position()).map(|before| before.chars().count() + 1);
            ParseError::Syntax { message: "a zero byte in the text".to_owned(), position: before }
        }
        pg_raw_parse::Error::PgError(_) => ParseError::Internal,
    }
}

/// The message ends in `at or near "token"` or `at end of input`. A token that the text has once tells the place.
fn position(text: &str, message: &str) -> Option<usize> {
    if message.ends_with("at end of input") {
        return Some(text.chars().count() + 1);
    }
    let token = message.split_once("at or near \"")?.1.strip_suffix('"')?;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = text.match_indices(token).filter(|(at, _)| {
        // Not in the middle of a longer word.
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + token.len()..).and_then(|after| after.chars().next());
        let cut_before = before.is_some_and(word) && token.starts_with(word);
        let cut_after = after.is_some_and(word) && token.ends_with(word);
        !cut_before && !cut_after
    });
    match (places.next(), places.next()) {
        (Some((at, _)), None) => text.get(..at).map(|before| before.chars().count() + 1),
        _ => None,
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

    /// What each statement does, one for each that the grammar saw.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        self.views().into_iter().map(Statement::into_owned).collect()
    }

    /// The same with names that are borrowed from the tree.
    #[must_use]
    pub fn views(&self) -> Vec<Statement<&str>> {
        let mut views = Vec::with_capacity(self.len());
        let _ = self.each(&mut Room::default(), |_, statement| {
            views.push(statement.clone());
            Ok::<(), Infallible>(())
        });
        views
    }

    /// Shows each statement, with its number from 0: for who decides and keeps nothing. `room` is used again from
    /// text to text.
    ///
    /// # Errors
    /// The first error of `see`; it sees no further statement.
    #[inline]
    pub fn each<'a, E>(
        &'a self,
        room: &mut Room,
        mut see: impl FnMut(usize, &Statement<&'a str>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (at, node) in self.raw().enumerate() {
            let mut walk = Walk::new(room, &self.steps);
            match catch_unwind(AssertUnwindSafe(|| walk.run(node))) {
                Ok(()) => see(at, walk.found())?,
                Err(_) => see(at, &unreadable())?,
            }
            walk.give_back(room);
        }
        Ok(())
    }

    /// The budget of this text, for whoever goes over what was found in it.
    #[must_use]
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// The bytes of each statement within the text that was parsed, without the semicolon and blanks.
    #[must_use]
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        self.tree.iter().map(|raw| span(raw, text)).collect()
    }

    /// The bytes of the statement of this number, found at once.
    pub(crate) fn span_of(&self, at: usize, text: &str) -> Option<Range<usize>> {
        self.tree.get(at).map(|raw| span(raw, text))
    }

    /// The raw statement of this number, found at once.
    pub(crate) fn statement(&self, at: usize) -> Option<Node<'_>> {
        self.tree.get(at).map(RawStmt::stmt)
    }

    /// The raw statements, in order.
    pub(crate) fn raw(&self) -> impl Iterator<Item = Node<'_>> {
        self.tree.stmts()
    }
}

/// The grammar put a node where its own comments say that none can be (`CREATE STATISTICS ... FROM (SELECT ...)`).
fn unreadable<'a>() -> Statement<&'a str> {
    Statement {
        command: "statement",
        accesses: Vec::new(),
        calls: Vec::new(),
        attributes: Vec::new(),
        effects: vec![Effect::Unknown { what: "a tree of another shape".to_owned() }],
    }
}

/// The bytes of a statement. A length of 0 is "to the end of the text".
fn span(raw: &RawStmt, text: &str) -> Range<usize> {
    let start = usize::try_from(raw.stmt_location).unwrap_or(0);
    let end = match usize::try_from(raw.stmt_len) {
        Ok(0) | Err(_) => text.len(),
        Ok(len) => start.saturating_add(len),
    };
    let Some(piece) = text.get(start..end).map(str::as_bytes) else { return 0..text.len() };
    let dark = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'\x0b';
    let Some(begin) = piece.iter().position(dark) else { return end..end };
    let after = piece.iter().rposition(dark).map_or(begin, |last| last + 1);
    start + begin..start + after
}
