//! What a name in a statement means: the items of FROM at each level of nesting, and the CTEs.

use super::mutation::Mutation;
use super::shape::{Col, Cols, Mark, Title};
use super::{Found, Walk, Walker};
use pg_raw_parse::{Node, nodes};
use std::cell::Cell;
use std::rc::Rc;

/// An item of FROM, or something that acts like one.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// What it is called by; a join without an alias cannot be called.
    pub(super) title: Title,
    /// If it is a relation without an alias, its schema; `None` if that may be one of several.
    pub(super) schema: Option<Rc<str>>,
    /// A relation without an alias: may be called by `schema.name`.
    pub(super) relation: bool,
    pub(super) cols: Rc<Cols>,
    /// Its columns may be called by their names alone.
    pub(super) bare: bool,
}

impl Item {
    pub(super) fn new(title: Title, cols: Vec<Col>) -> Item {
        Item::of(title, Rc::new(Cols::new(cols)))
    }

    pub(super) fn of(title: Title, cols: Rc<Cols>) -> Item {
        Item { title, schema: None, relation: false, cols, bare: true }
    }

    pub(super) fn hidden(mut self) -> Item {
        self.bare = false;
        self
    }

    /// Whether `name` or `schema.name` means this item, unless one of a nearer query is meant: `None` if it does not,
    /// and false if that is not sure.
    fn fits(&self, schema: Option<&str>, name: &str) -> Option<bool> {
        if !self.title.is(name) {
            return None;
        }
        match (schema, self.schema.as_deref()) {
            (None, _) => Some(self.title.is_surely(name)),
            (Some(_), None) => self.relation.then_some(Mutation::Qualified.is_made()),
            (Some(wanted), Some(own)) => (wanted == own).then_some(true),
        }
    }
}

/// A query of a WITH.
#[derive(Debug)]
pub(super) struct Cte {
    pub(super) name: String,
    /// `None` while it is not known: in its own query, and in those before it in a WITH RECURSIVE.
    pub(super) cols: Option<Vec<Col>>,
    /// It was named while its columns were not known.
    pub(super) early: Cell<bool>,
}

/// One level of names.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) parent: Option<&'a Scope<'a>>,
    pub(super) items: &'a [Item],
    pub(super) ctes: &'a [Cte],
}

impl<'a> Scope<'a> {
    /// Where nothing is known.
    pub(super) const EMPTY: Scope<'static> = Scope { parent: None, items: &[], ctes: &[] };

    pub(super) fn levels(&'a self) -> impl Iterator<Item = &'a Scope<'a>> {
        std::iter::successors(Some(self), |scope| scope.parent)
    }

    pub(super) fn with_items(&'a self, items: &'a [Item]) -> Scope<'a> {
        Scope { parent: Some(self), items, ctes: &[] }
    }

    pub(super) fn with_ctes(&'a self, ctes: &'a [Cte]) -> Scope<'a> {
        Scope { parent: Some(self), items: &[], ctes }
    }

    pub(super) fn cte(&'a self, name: &str) -> Option<&'a Cte> {
        self.levels().find_map(|scope| scope.ctes.iter().find(|cte| cte.name == name))
    }

    /// The mark of a column of this name, whatever else it may mean.
    pub(super) fn marked(&'a self, name: &str) -> Option<Rc<Mark>> {
        let mut cols = self.levels().flat_map(|scope| scope.items).flat_map(|item| item.cols.named(name));
        cols.find_map(Col::mark).map(Rc::clone)
    }

    /// How many levels and items a look-up goes over.
    pub(super) fn breadth(&'a self) -> usize {
        self.levels().map(|level| level.items.len().saturating_add(1)).sum()
    }

    /// The items that a name may mean: those of the nearest level where one surely has it, and all before that which
    /// may have it.
    fn named(&'a self, schema: Option<&str>, name: &str) -> Vec<&'a Item> {
        let mut found = Vec::new();
        for level in self.levels() {
            let mut sure = false;
            for item in level.items {
                if let Some(surely) = item.fits(schema, name) {
                    sure = sure || surely;
                    found.push(item);
                }
            }
            if sure {
                break;
            }
        }
        found
    }
}

/// A column reference, taken apart.
pub(super) enum Reference<'n> {
    Bare(&'n str),
    Of { schema: Option<&'n str>, item: &'n str, column: &'n str },
    Star,
    StarOf { schema: Option<&'n str>, item: &'n str },
    Odd,
}

impl<'n> Reference<'n> {
    pub(super) fn read(node: &'n nodes::ColumnRef) -> Reference<'n> {
        let mut parts = Vec::with_capacity(node.fields().len());
        let mut star = false;
        for field in node.fields() {
            match field {
                Node::String(text) if !star => match text.sval() {
                    Some(text) => parts.push(text),
                    None => return Reference::Odd,
                },
                Node::A_Star(_) if !star => star = true,
                _ => return Reference::Odd,
            }
        }
        match (parts.as_slice(), star) {
            ([], true) => Reference::Star,
            ([item], true) => Reference::StarOf { schema: None, item },
            ([schema, item] | [_, schema, item], true) => Reference::StarOf { schema: Some(schema), item },
            ([column], false) => Reference::Bare(column),
            ([item, column], false) => Reference::Of { schema: None, item, column },
            ([schema, item, column] | [_, schema, item, column], false) => {
                Reference::Of { schema: Some(schema), item, column }
            }
            _ => Reference::Odd,
        }
    }
}

/// Columns that every table has.
fn is_system(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid")
}

impl Walker<'_> {
    /// The mark of the column that a name alone means.
    pub(super) fn bare(&mut self, scope: &Scope<'_>, name: &str) -> Walk<Option<Rc<Mark>>> {
        let mut unknown = false;
        let mut masked = false;
        for level in scope.levels() {
            let mut clear = false;
            for item in level.items {
                self.work(item.cols.steps())?;
                masked = masked || item.cols.first_mark().is_some();
                if !item.bare {
                    continue;
                }
                let mut named = item.cols.named(name);
                if let Some(mark) = named.find_map(Col::mark) {
                    return Ok(Some(Rc::clone(mark)));
                }
                clear = clear || item.cols.named(name).any(|col| col.is_surely(name));
                // One may be called so or not: what it would hide may be meant.
                unknown = unknown || item.cols.are_unsure;
            }
            if clear {
                return Ok(None);
            }
        }
        // Not a column that is known: the name of an item means its whole row.
        let mut row = false;
        for item in scope.levels().flat_map(|level| level.items).filter(|item| item.title.is(name)) {
            if let Some(mark) = item.cols.first_mark() {
                return Err(mark.found("in a whole row"));
            }
            row = true;
        }
        if row || unknown || !masked || is_system(name) {
            Ok(None)
        } else {
            Ok(Some(Rc::new(Mark::unknown(name))))
        }
    }

    /// The mark of the column that `item.column` means.
    pub(super) fn qualified(
        &mut self,
        scope: &Scope<'_>,
        schema: Option<&str>,
        item: &str,
        column: &str,
    ) -> Walk<Option<Rc<Mark>>> {
        self.work(scope.breadth())?;
        let items = scope.named(schema, item);
        if items.is_empty() {
            self.doubt(format!("{item}.{column}"), "in a name that is not understood");
            return Ok(None);
        }
        self.work(items.iter().map(|item| item.cols.steps()).sum())?;
        let mut named = items.iter().flat_map(|item| item.cols.named(column));
        if let Some(mark) = named.find_map(Col::mark) {
            return Ok(Some(Rc::clone(mark)));
        }
        // `c.row_to_json` is `row_to_json(c)` to the server, so a name that is not known may be the whole row.
        let lacks = |item: &&Item| item.cols.named(column).next().is_none();
        let mut lacking = items.iter().filter(|item| lacks(item));
        match lacking.find_map(|item| item.cols.first_mark()) {
            Some(_) if !is_system(column) => Err(Found::new(format!("{item}.{column}"), "an unknown column")),
            _ => Ok(None),
        }
    }

    /// The columns that `*` or `item.*` means.
    pub(super) fn star(&mut self, scope: &Scope<'_>, reference: &Reference<'_>) -> Walk<Vec<Col>> {
        let Reference::StarOf { schema, item } = reference else {
            let bare = scope.items.iter().filter(|item| item.bare);
            self.copies(bare.clone().map(|item| item.cols.len()).sum())?;
            return Ok(bare.flat_map(|item| item.cols.iter().cloned()).collect());
        };
        self.work(scope.breadth())?;
        match scope.named(*schema, item).as_slice() {
            [] => self.doubt("", "in a name that is not understood"),
            [only] => {
                self.copies(only.cols.len())?;
                return Ok(only.cols.to_vec());
            }
            [first, ..] if Mutation::Qualified.is_made() => {
                self.copies(first.cols.len())?;
                return Ok(first.cols.to_vec());
            }
            // Which of them it is cannot be said.
            several => {
                if let Some(mark) = several.iter().find_map(|item| item.cols.first_mark()) {
                    return Err(mark.found("in a name that may mean several relations"));
                }
            }
        }
        Ok(vec![Col::Rest])
    }
}
