//! COPY: rows go out without saying which column a field is, so it must be known here.

use super::expression::Usage;
use super::scope::Scope;
use super::shape::{Col, Mark, Title, first_mark};
use super::{Found, Walk, Walker};
use crate::Name;
use pg_raw_parse::const_val::ConstValue;
use pg_raw_parse::{Node, nodes};
use std::rc::Rc;

/// How COPY writes its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// A line of fields between tabs.
    Text,
    /// A line of fields between commas.
    Csv,
    /// Lengths and binary values.
    Binary,
}

/// The rows of a COPY ... TO STDOUT that has masked fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOut {
    /// The format.
    pub format: CopyFormat,
    /// The first row is one of names.
    pub header: bool,
    /// For each field, the masked column that it is: the relation as written, and the column.
    pub fields: Vec<Option<(Name, String)>>,
}

const OPTIONS: &str = "in COPY with options";

impl Walker<'_> {
    pub(super) fn copy(&mut self, copy: &nodes::CopyStmt) -> Walk<Option<CopyOut>> {
        if copy.is_from {
            return self.copy_from(copy).map(|()| None);
        }
        let cols = match copy.relation() {
            Some(relation) => self.copied_relation(relation, copy)?,
            None => self.query(copy.query(), &Scope::EMPTY)?,
        };
        if !self.touches {
            return Ok(None);
        }
        self.expression(copy.where_clause(), &Scope::EMPTY, Usage::never("in WHERE"))?;
        if copy.is_program || copy.filename().is_some() {
            let column = first_mark(&cols).map(|mark| mark.text()).unwrap_or_default();
            return Err(Found::new(column, "in COPY to a file or program"));
        }
        let (format, header) = options(copy)?;
        let Some(mark) = first_mark(&cols) else { return Ok(None) };
        let mut fields = Vec::with_capacity(cols.len());
        for col in &cols {
            fields.push(match col {
                Col::Rest => return Err(mark.found("in COPY of columns that cannot be counted")),
                Col::One { mark: Some(mark), .. } => Some(field(mark)?),
                Col::One { mark: None, .. } => None,
            });
        }
        Ok(Some(CopyOut { format, header, fields }))
    }

    /// The fields of a whole table, or of the columns listed.
    fn copied_relation(&mut self, relation: &nodes::RangeVar, copy: &nodes::CopyStmt) -> Walk<Vec<Col>> {
        let item = self.target(relation)?;
        if copy.attlist().is_empty() {
            let name = super::from::relation_name(relation);
            let generated = |index: usize| {
                let columns = self.catalogue.columns(&name).map(|known| known.columns.as_slice());
                columns.and_then(|columns| columns.get(index)).is_some_and(|column| column.generated)
            };
            // All of one relation: it is the one with masks, or one that has none.
            let known = item.cols.iter().filter(|col| !matches!(col, Col::Rest));
            let cols = known.enumerate().filter(|(index, _)| !generated(*index));
            return Ok(cols.map(|(_, col)| col.clone()).collect());
        }
        let items = [item];
        let scope = Scope { parent: None, items: &items, ctes: &[] };
        let mut cols = Vec::new();
        for name in copy.attlist().iter().filter_map(Node::as_str) {
            cols.push(Col::One { title: Title::sure(name), mark: self.bare(&scope, name)? });
        }
        Ok(cols)
    }

    /// What the client sends is its own.
    fn copy_from(&mut self, copy: &nodes::CopyStmt) -> Walk<()> {
        let Some(relation) = copy.relation() else {
            return Err(Found::new("", "in a statement that is not understood"));
        };
        let items = [self.target(relation)?];
        let scope = Scope { parent: None, items: &items, ctes: &[] };
        self.expression(copy.where_clause(), &scope, Usage::never("in WHERE"))
    }
}

fn field(mark: &Rc<Mark>) -> Walk<(Name, String)> {
    if mark.known && mark.lost.is_none() {
        Ok((mark.relation.clone(), mark.column.clone()))
    } else {
        Err(mark.found("in COPY"))
    }
}

/// The format, and whether there is a header; anything else would change what a row looks like.
fn options(copy: &nodes::CopyStmt) -> Walk<(CopyFormat, bool)> {
    let mut format = None;
    let mut header = None;
    for option in copy.options() {
        let done = match option.defname() {
            Some("format") if format.is_none() => {
                format = option.arg().as_str().and_then(|name| match name {
                    "text" => Some(CopyFormat::Text),
                    "csv" => Some(CopyFormat::Csv),
                    "binary" => Some(CopyFormat::Binary),
                    _ => None,
                });
                format.is_some()
            }
            Some("header") if header.is_none() => {
                header = flag(option.arg());
                header.is_some()
            }
            _ => false,
        };
        if !done {
            return Err(Found::new("", OPTIONS));
        }
    }
    Ok((format.unwrap_or(CopyFormat::Text), header.unwrap_or(false)))
}

fn flag(arg: Node<'_>) -> Option<bool> {
    let number = match arg {
        Node::None => return Some(true),
        Node::Boolean(value) => return Some(value.boolval),
        Node::Integer(value) => Some(value.ival),
        Node::A_Const(constant) => match constant.val() {
            Some(ConstValue::Integer(value)) => Some(value),
            Some(ConstValue::Boolean(value)) => return Some(value),
            _ => None,
        },
        _ => None,
    };
    match (number, arg.as_str().map(str::to_ascii_lowercase).as_deref()) {
        (Some(0), _) | (_, Some("false" | "off")) => Some(false),
        (Some(1), _) | (_, Some("true" | "on")) => Some(true),
        _ => None,
    }
}
