//! Where the columns of a statement's result come from, and whether a masked column leaves by another way.
//!
//! The gateway masks cells of a result by table and column number, which PostgreSQL gives for plain columns: through
//! subqueries in FROM, CTEs and joins, but not through expressions, subqueries in expressions, set operations or
//! VALUES. So every other way for a masked column's value, or the outcome of a comparison with it, is found here and
//! refused. What is not understood is refused.

mod copy;
mod ddl;
mod expression;
mod figure;
mod from;
mod mutation;
mod query;
mod scope;
mod select;
mod shape;
mod statement;
mod write;

use crate::{Name, Parsed, Statement, Verbs};
pub use copy::{CopyFormat, CopyOut};
#[cfg(feature = "mutations")]
pub use mutation::Mutation;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Which relations have masked columns.
pub trait MaskedRelations {
    /// The columns of a relation; `None` if none of them is masked. A name without a schema is looked up over the
    /// search path by the implementor: any candidate with masks counts.
    fn columns(&self, relation: &Name) -> Option<&RelationColumns>;

    /// The schema of the relation that a name means; `None` if it may be one of several.
    fn schema<'a>(&'a self, relation: &'a Name) -> Option<&'a str> {
        relation.schema.as_deref()
    }
}

/// A relation with masked columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationColumns {
    /// Every column that is there (no dropped ones), in order of their numbers.
    pub columns: Vec<Column>,
    /// A view over masked columns that has no masks of its own: it may not be read.
    pub opaque: bool,
}

/// A column of a relation with masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its cells are masked.
    pub masked: bool,
    /// Although masked, it may be compared: in WHERE, join conditions, ORDER BY, GROUP BY, DISTINCT and HAVING.
    pub compare: bool,
    /// Its number.
    pub attnum: i16,
    /// COPY of the whole table leaves it out.
    pub generated: bool,
}

/// What is known of the columns of one statement that has no leak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// A relation with masked columns is named.
    pub touches: bool,
    /// For COPY ... TO STDOUT with masked fields: which they are.
    pub copy_out: Option<CopyOut>,
}

/// A way out for a masked column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The statement's index in the text.
    pub statement: usize,
    /// The column, as `relation.column`; only a relation or nothing where no one column is meant.
    pub column: String,
    /// Where: `in WHERE`, `inside an expression`.
    pub place: &'static str,
}

/// A leak before it is known which statement it is in.
#[derive(Clone, Debug)]
struct Found {
    column: String,
    place: &'static str,
}

impl Found {
    fn new(column: impl Into<String>, place: &'static str) -> Found {
        Found { column: column.into(), place }
    }
}

/// What every step of the walk gives.
type Walk<T> = Result<T, Found>;

/// How deep a statement may nest.
const DEPTH: usize = 256;

/// How many columns may be looked at.
const WORK: usize = 2_000_000;

/// The walk over one statement.
struct Walker<'c> {
    catalogue: &'c dyn MaskedRelations,
    /// A relation with masked columns was named.
    touches: bool,
    depth: usize,
    /// Columns looked at: a short text can make very many of them (`select *, * from (select *, * from ...)`).
    worked: usize,
    /// The first thing that was not understood: a leak if the statement turns out to touch a masked relation.
    doubt: Option<Found>,
}

impl<'c> Walker<'c> {
    fn new(catalogue: &'c dyn MaskedRelations) -> Walker<'c> {
        Walker { catalogue, touches: false, depth: 0, worked: 0, doubt: None }
    }

    /// One level deeper for the time of `inner`.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Walk<T>) -> Walk<T> {
        if self.depth >= DEPTH {
            return Err(Found::new("", "nested too deeply"));
        }
        self.depth += 1;
        let outcome = inner(self);
        self.depth -= 1;
        outcome
    }

    /// Some columns are looked at.
    fn work(&mut self, cols: usize) -> Walk<()> {
        self.worked = self.worked.saturating_add(cols).saturating_add(1);
        if self.worked > WORK { Err(Found::new("", "in a statement with too many columns")) } else { Ok(()) }
    }

    /// Something that could not be resolved.
    fn doubt(&mut self, column: impl Into<String>, place: &'static str) {
        if self.doubt.is_none() {
            self.doubt = Some(Found::new(column, place));
        }
    }
}

impl Parsed {
    /// For each statement, whether masked columns are read, and how a COPY of them is to be masked.
    ///
    /// # Errors
    /// The first [`Leak`].
    pub fn lineage(&self, catalogue: &impl MaskedRelations) -> Result<Vec<Lineage>, Leak> {
        let leak = |statement, Found { column, place }| Leak { statement, column, place };
        let mut lineages = Vec::with_capacity(self.len());
        for (index, node) in self.raw().enumerate() {
            let mut walker = Walker::new(catalogue);
            // The tree's accessors panic where the grammar breaks its own word.
            let walked = catch_unwind(AssertUnwindSafe(|| walker.statement(node)));
            let outcome =
                walked.unwrap_or_else(|_| Err(Found::new("", "in a statement that is not understood")));
            let copy_out = outcome.map_err(|found| leak(index, found))?;
            if let Some(doubt) = walker.doubt.take_if(|_| walker.touches) {
                return Err(leak(index, doubt));
            }
            lineages.push(Lineage { touches: walker.touches, copy_out });
        }
        // What reads a masked relation by the other walk over the tree, and not by this one, was overlooked here.
        for (index, (statement, lineage)) in self.statements().iter().zip(&lineages).enumerate() {
            if let (false, Some(relation)) = (lineage.touches, masked_read(statement, catalogue)) {
                return Err(leak(index, Found::new(relation, "in a way that is not understood")));
            }
        }
        Ok(lineages)
    }
}

fn masked_read<'s>(statement: &'s Statement, catalogue: &impl MaskedRelations) -> Option<&'s str> {
    let moves = Verbs::SELECT.with(Verbs::INSERT).with(Verbs::UPDATE).with(Verbs::DELETE);
    let mut reads = statement.accesses.iter().filter(|access| access.verbs.intersects(moves));
    reads
        .find(|access| catalogue.columns(&access.relation).is_some())
        .map(|access| access.relation.name.as_str())
}
