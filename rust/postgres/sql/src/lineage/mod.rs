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

use crate::{Name, Parsed, Room, Statement, Steps, Verbs};
pub use copy::{CopyFormat, CopyOut};
#[cfg(feature = "mutations")]
pub use mutation::Mutation;
use shape::{COPIED, Cols};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

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

/// The place of a [`Leak`] that is none for all that is known: nested deeper than is followed.
pub const TOO_DEEP: &str = "nested too deeply";
/// How deep a statement may nest.
const DEPTH: usize = 256;

/// The walk over one statement.
struct Walker<'c> {
    catalogue: &'c dyn MaskedRelations,
    /// A relation with masked columns was named.
    touches: bool,
    depth: usize,
    /// What is left for the text: a short one can make very many columns (`select *, * from (select *, * from ...)`).
    steps: &'c Steps,
    /// The columns of relations, made once for each name.
    relations: HashMap<Name, Rc<Cols>>,
    /// The first thing that was not understood: a leak if the statement turns out to touch a masked relation.
    doubt: Option<Found>,
}

impl<'c> Walker<'c> {
    fn new(catalogue: &'c dyn MaskedRelations, steps: &'c Steps) -> Walker<'c> {
        let relations = HashMap::new();
        Walker { catalogue, touches: false, depth: 0, steps, relations, doubt: None }
    }

    /// One level deeper for the time of `inner`.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Walk<T>) -> Walk<T> {
        if self.depth >= DEPTH {
            return Err(Found::new("", TOO_DEEP));
        }
        self.work(0)?;
        self.depth += 1;
        let outcome = inner(self);
        self.depth -= 1;
        outcome
    }

    /// So many items or columns are looked at, and one node.
    fn work(&self, many: usize) -> Walk<()> {
        let is_there = self.steps.take(many.saturating_add(1));
        if is_there { Ok(()) } else { Err(Found::new("", "in a statement with too many columns")) }
    }

    /// So many columns are copied.
    fn copies(&self, many: usize) -> Walk<()> {
        self.work(many.saturating_mul(COPIED))
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
            let mut walker = Walker::new(catalogue, self.steps());
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
        self.each(&mut Room::default(), |index, statement| {
            let touches = lineages.get(index).is_none_or(|lineage| lineage.touches);
            match masked_read(statement, catalogue).filter(|_| !touches) {
                Some(relation) => Err(leak(index, Found::new(relation, "in a way that is not understood"))),
                None => Ok(()),
            }
        })?;
        Ok(lineages)
    }
}

fn masked_read<'s>(statement: &Statement<&'s str>, catalogue: &impl MaskedRelations) -> Option<&'s str> {
    let moves = Verbs::SELECT.with(Verbs::INSERT).with(Verbs::UPDATE).with(Verbs::DELETE);
    let mut reads = statement.accesses.iter().filter(|access| access.verbs.intersects(moves));
    let is_masked = |name: Name<&str>| catalogue.columns(&name.to_owned()).is_some();
    reads.find(|access| is_masked(access.relation)).map(|access| access.relation.name)
}
