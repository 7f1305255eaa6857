//! The columns of a relation, a subquery or a join, as far as they are known.

use super::mutation::Mutation;
use super::{Column, Found, Walk};
use crate::Name;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

/// Steps for a column that is copied, which takes memory, too.
pub(super) const COPIED: usize = 4;

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

/// What a column or an item of FROM is called.
///
/// A name hides the same name of the queries around it, so that a wrong one would show a masked column for a clear
/// one. Only what is sure hides; what is likely may be meant, and so may what is behind it.
#[derive(Clone, Debug)]
pub(super) enum Title {
    /// As written in the statement, or as the catalogue has it.
    Sure(Rc<str>),
    /// As PostgreSQL derives it from an expression, if our rule is its; or a column of a relation that is likely, but
    /// not surely, the one that is meant.
    Likely(Rc<str>),
    Unknown,
}

impl Title {
    pub(super) fn sure(name: &str) -> Title {
        Title::Sure(name.into())
    }

    pub(super) fn likely(name: Option<&str>) -> Title {
        match name {
            Some(name) if Mutation::DerivedName.is_made() => Title::sure(name),
            Some(name) => Title::Likely(name.into()),
            None => Title::Unknown,
        }
    }

    /// The name, sure or likely.
    pub(super) fn name(&self) -> Option<&Rc<str>> {
        match self {
            Title::Sure(name) | Title::Likely(name) => Some(name),
            Title::Unknown => None,
        }
    }

    pub(super) fn is(&self, wanted: &str) -> bool {
        self.name().is_some_and(|name| &**name == wanted)
    }

    pub(super) fn is_surely(&self, wanted: &str) -> bool {
        matches!(self, Title::Sure(name) if &**name == wanted)
    }
}

/// A column, or any number of them.
#[derive(Clone, Debug)]
pub(super) enum Col {
    /// One column.
    One { title: Title, mark: Option<Rc<Mark>> },
    /// Columns of unknown number and names, none of them masked.
    Rest,
}

impl Col {
    pub(super) fn clear(title: Title) -> Col {
        Col::One { title, mark: None }
    }

    pub(super) fn mark(&self) -> Option<&Rc<Mark>> {
        match self {
            Col::One { mark, .. } => mark.as_ref(),
            Col::Rest => None,
        }
    }

    pub(super) fn is_named(&self, wanted: &str) -> bool {
        matches!(self, Col::One { title, .. } if title.is(wanted))
    }

    pub(super) fn is_surely(&self, wanted: &str) -> bool {
        matches!(self, Col::One { title, .. } if title.is_surely(wanted))
    }
}

/// The columns of an item, found by name at once however many they are.
#[derive(Debug)]
pub(super) struct Cols {
    list: Vec<Col>,
    /// Made at the first look-up in a long list.
    places: OnceCell<HashMap<Rc<str>, Vec<usize>>>,
    /// The first masked one.
    marked: Option<usize>,
    /// Some are not surely known by name.
    pub(super) are_unsure: bool,
}

/// Lists up to this length are searched along.
const SHORT: usize = 16;

impl Cols {
    pub(super) fn new(list: Vec<Col>) -> Cols {
        let marked = list.iter().position(|col| col.mark().is_some());
        let are_unsure = has_unknown(&list);
        Cols { list, places: OnceCell::new(), marked, are_unsure }
    }

    /// The first masked one.
    pub(super) fn first_mark(&self) -> Option<&Rc<Mark>> {
        self.list.get(self.marked?)?.mark()
    }

    /// What a look-up takes.
    pub(super) fn steps(&self) -> usize {
        if self.list.len() > SHORT && self.places.get().is_none() { COPIED * self.list.len() } else { SHORT }
    }

    /// Those that have this name, surely or likely, in order.
    pub(super) fn named<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c Col> {
        let is_short = self.list.len() <= SHORT;
        let along = if is_short { self.list.as_slice() } else { &[] };
        let places = if is_short { &[][..] } else { self.places(name) };
        let found = places.iter().filter_map(|at| self.list.get(*at));
        along.iter().filter(move |col| col.is_named(name)).chain(found)
    }

    fn places(&self, name: &str) -> &[usize] {
        let places = self.places.get_or_init(|| {
            let mut places: HashMap<Rc<str>, Vec<usize>> = HashMap::new();
            for (at, col) in self.list.iter().enumerate() {
                if let Col::One { title, .. } = col
                    && let Some(name) = title.name()
                {
                    places.entry(Rc::clone(name)).or_default().push(at);
                }
            }
            places
        });
        places.get(name).map_or(&[], Vec::as_slice)
    }
}

impl Deref for Cols {
    type Target = [Col];

    fn deref(&self) -> &[Col] {
        &self.list
    }
}

/// The first masked one.
pub(super) fn first_mark(cols: &[Col]) -> Option<&Rc<Mark>> {
    cols.iter().find_map(Col::mark)
}

/// True if some columns are not surely known by name.
pub(super) fn has_unknown(cols: &[Col]) -> bool {
    !cols.iter().all(|col| matches!(col, Col::One { title: Title::Sure(_), .. }))
}

/// The columns of a relation with masks; not `sure` if its name may mean another one.
pub(super) fn of_relation(relation: &Name, columns: &[Column], sure: bool) -> Vec<Col> {
    let title = |name: &str| if sure { Title::sure(name) } else { Title::likely(Some(name)) };
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
    columns.iter().map(|column| Col::One { title: title(&column.name), mark: mark(column) }).collect()
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
            (Col::One { mark, .. }, Some(name)) => Col::One { title: Title::sure(name), mark },
            (col, _) => col,
        };
        return Ok(cols.into_iter().map(rename).collect());
    }
    match first_mark(&cols) {
        // Which of the names is the masked column's cannot be said.
        Some(mark) => Err(mark.found("under a column list that cannot be counted")),
        None => Ok(names.iter().map(|name| Col::clear(Title::sure(name))).chain([Col::Rest]).collect()),
    }
}
