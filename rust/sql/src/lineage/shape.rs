//! The columns of a relation, a subquery or a join, as far as they are known.

use super::{Column, Found, Walk};
use crate::Name;
use std::rc::Rc;

/// That a column is masked, or may be.
#[derive(Debug)]
pub(super) struct Mark {
    /// As written in the statement.
    pub(super) relation: Name,
    pub(super) column: String,
    /// May be compared.
    pub(super) compare: bool,
    /// False for a name that is in no known list: a column renamed a moment ago, perhaps.
    pub(super) known: bool,
    /// If the result would not say where the column comes from: why.
    pub(super) lost: Option<&'static str>,
}

impl Mark {
    pub(super) fn text(&self) -> String {
        if self.known { format!("{}.{}", self.relation.name, self.column) } else { self.column.clone() }
    }

    /// The leak that reading it in `place` is.
    pub(super) fn found(&self, place: &'static str) -> Found {
        Found::new(self.text(), if self.known { place } else { "an unknown column" })
    }

    /// A name nobody knows.
    pub(super) fn unknown(name: &str) -> Mark {
        let relation = Name { schema: None, name: String::new() };
        Mark { relation, column: name.to_owned(), compare: false, known: false, lost: None }
    }

    /// The same column, where the result does not say that it is the same.
    pub(super) fn losing(&self, why: &'static str) -> Mark {
        Mark {
            relation: self.relation.clone(),
            column: self.column.clone(),
            compare: self.compare,
            known: self.known,
            lost: Some(why),
        }
    }
}

/// A column, or any number of them.
#[derive(Clone, Debug)]
pub(super) enum Col {
    /// One column.
    One {
        /// `None` if its name is not known.
        name: Option<Rc<str>>,
        mark: Option<Rc<Mark>>,
    },
    /// Columns of unknown number and names, none of them masked.
    Rest,
}

impl Col {
    pub(super) fn clear(name: Option<&str>) -> Col {
        Col::One { name: name.map(Rc::from), mark: None }
    }

    pub(super) fn mark(&self) -> Option<&Rc<Mark>> {
        match self {
            Col::One { mark, .. } => mark.as_ref(),
            Col::Rest => None,
        }
    }

    pub(super) fn is_named(&self, wanted: &str) -> bool {
        matches!(self, Col::One { name: Some(name), .. } if &**name == wanted)
    }
}

/// The first masked one.
pub(super) fn first_mark(cols: &[Col]) -> Option<&Rc<Mark>> {
    cols.iter().find_map(Col::mark)
}

/// True if some columns are not known by name.
pub(super) fn has_unknown(cols: &[Col]) -> bool {
    cols.iter().any(|col| matches!(col, Col::Rest | Col::One { name: None, .. }))
}

/// The columns of a relation with masks.
pub(super) fn of_relation(relation: &Name, columns: &[Column]) -> Vec<Col> {
    let mark = |column: &Column| {
        column.masked.then(|| {
            Rc::new(Mark {
                relation: relation.clone(),
                column: column.name.clone(),
                compare: column.compare,
                known: true,
                lost: None,
            })
        })
    };
    columns
        .iter()
        .map(|column| Col::One { name: Some(column.name.as_str().into()), mark: mark(column) })
        .collect()
}

/// The columns under the first names of a column alias list.
pub(super) fn renamed(cols: Vec<Col>, names: &[&str]) -> Walk<Vec<Col>> {
    if names.is_empty() {
        return Ok(cols);
    }
    let countable = cols.iter().take(names.len()).all(|col| matches!(col, Col::One { .. }));
    if countable {
        let mut names = names.iter();
        let rename = |col: Col| match (col, names.next()) {
            (Col::One { mark, .. }, Some(name)) => Col::One { name: Some((*name).into()), mark },
            (col, _) => col,
        };
        return Ok(cols.into_iter().map(rename).collect());
    }
    match first_mark(&cols) {
        // Which of the names is the masked column's cannot be said.
        Some(mark) => Err(mark.found("under a column list that cannot be counted")),
        None => Ok(names.iter().map(|name| Col::clear(Some(name))).chain([Col::Rest]).collect()),
    }
}
