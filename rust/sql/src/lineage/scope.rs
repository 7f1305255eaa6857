//! What a name in a statement means: the items of FROM at each level of nesting, and the CTEs.

use super::shape::{Col, Mark, first_mark};
use super::{Found, Walk, Walker};
use pg_raw_parse::{Node, nodes};
use std::cell::Cell;
use std::rc::Rc;

/// An item of FROM, or something that acts like one.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// What it is called by; `None` for a join without an alias.
    pub(super) name: Option<Rc<str>>,
    /// The schema as written, if it is a relation without an alias.
    pub(super) schema: Option<Rc<str>>,
    /// A relation without an alias: may be called by `schema.name`.
    pub(super) relation: bool,
    pub(super) cols: Rc<[Col]>,
    /// Its columns may be called by their names alone.
    pub(super) bare: bool,
}

impl Item {
    pub(super) fn new(name: Option<&str>, cols: Vec<Col>) -> Item {
        Item { name: name.map(Rc::from), schema: None, relation: false, cols: cols.into(), bare: true }
    }

    pub(super) fn hidden(mut self) -> Item {
        self.bare = false;
        self
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
        let mut cols = self.levels().flat_map(|scope| scope.items).flat_map(|item| item.cols.iter());
        cols.find(|col| col.is_named(name) && col.mark().is_some()).and_then(Col::mark).map(Rc::clone)
    }

    /// The items of the nearest level that has any of this name.
    fn named(&'a self, schema: Option<&str>, name: &str) -> Vec<&'a Item> {
        let fits = |item: &&Item| {
            let schema_fits = match (schema, item.schema.as_deref()) {
                (None, _) => true,
                (Some(_), None) => item.relation,
                (Some(wanted), Some(written)) => wanted == written,
            };
            item.name.as_deref() == Some(name) && schema_fits
        };
        self.levels()
            .map(|scope| scope.items.iter().filter(fits).collect::<Vec<_>>())
            .find(|items| !items.is_empty())
            .unwrap_or_default()
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
                self.work(item.cols.len())?;
                masked = masked || first_mark(&item.cols).is_some();
                for col in item.cols.iter().filter(|_| item.bare) {
                    match col {
                        Col::One { name: Some(known), mark } if &**known == name => match mark {
                            Some(mark) => return Ok(Some(Rc::clone(mark))),
                            None => clear = true,
                        },
                        Col::One { name: Some(_), .. } => {}
                        Col::One { name: None, .. } | Col::Rest => unknown = true,
                    }
                }
            }
            if clear {
                return Ok(None);
            }
        }
        // Not a column that is known: the name of an item means its whole row.
        let mut row = false;
        for item in
            scope.levels().flat_map(|level| level.items).filter(|item| item.name.as_deref() == Some(name))
        {
            if let Some(mark) = first_mark(&item.cols) {
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
        let items = scope.named(schema, item);
        if items.is_empty() {
            self.doubt(format!("{item}.{column}"), "in a name that is not understood");
            return Ok(None);
        }
        self.work(items.iter().map(|item| item.cols.len()).sum())?;
        let mut clear = false;
        for col in items.iter().flat_map(|item| item.cols.iter()).filter(|col| col.is_named(column)) {
            match col.mark() {
                Some(mark) => return Ok(Some(Rc::clone(mark))),
                None => clear = true,
            }
        }
        if clear || is_system(column) {
            return Ok(None);
        }
        // `c.row_to_json` is `row_to_json(c)` to the server, so a name that is not known may be the whole row.
        match items.iter().find_map(|item| first_mark(&item.cols)) {
            Some(_) => Err(Found::new(format!("{item}.{column}"), "an unknown column")),
            None => Ok(None),
        }
    }

    /// The columns that `*` or `item.*` means.
    pub(super) fn star(&mut self, scope: &Scope<'_>, reference: &Reference<'_>) -> Vec<Col> {
        let cols = match reference {
            Reference::StarOf { schema, item } => {
                scope.named(*schema, item).first().map(|item| item.cols.to_vec())
            }
            _ => {
                let bare = scope.items.iter().filter(|item| item.bare);
                Some(bare.flat_map(|item| item.cols.iter().cloned()).collect())
            }
        };
        cols.unwrap_or_else(|| {
            self.doubt("", "in a name that is not understood");
            vec![Col::Rest]
        })
    }
}
