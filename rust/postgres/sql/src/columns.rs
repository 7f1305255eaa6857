//! Whether a query may show a column of a relation that must not be seen.

use crate::fixed::items;
use crate::tree::{all, readable};
use crate::{Parsed, Steps};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{Alias, ColumnRef, SelectStmt};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A relation of which some columns must not be seen.
#[derive(Clone, Copy, Debug)]
pub struct Closed<'a> {
    /// Its name, whatever the schema.
    pub relation: &'a str,
    /// The columns that must not be seen.
    pub columns: &'a [&'a str],
    /// All its columns, of any version. `x.name` of another name may be a function of the whole row.
    pub known: &'a [&'a str],
}

/// Columns that every table has.
const SYSTEM: &[&str] = &["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

impl Parsed {
    /// False if this is a statement in which none of the closed columns can show, be compared or be computed
    /// with: neither is one named, nor does a star, a whole row, a join by name or a list of column aliases stand for it.
    #[must_use]
    pub fn may_show(&self, statement: usize, closed: &Closed<'_>) -> bool {
        let Some(query) = self.statement(statement).and_then(readable) else { return true };
        // the walker of the grammar's own fails on what it does not know
        catch_unwind(AssertUnwindSafe(|| closed.may_show(query, self.steps()))).unwrap_or(true)
    }
}

impl Closed<'_> {
    fn may_show(&self, query: Node<'_>, steps: &Steps) -> bool {
        let Some(nodes) = all(query, steps) else { return true };
        let mut rows = HashSet::new();
        let collected = nodes.iter().all(|node| self.collect(*node, &mut rows));
        !collected || nodes.iter().any(|node| self.shows(*node, &rows))
    }

    /// The names that may stand for a row with the columns; false if a column may have got another name, or be
    /// compared without being named.
    fn collect<'n>(&self, node: Node<'n>, rows: &mut HashSet<&'n str>) -> bool {
        let named = |alias: Option<&Alias>| alias.is_none_or(|alias| alias.colnames().is_empty());
        match node {
            Node::RangeVar(range) if range.relname() == Some(self.relation) => {
                rows.extend(range.alias().and_then(Alias::aliasname).or(range.relname()));
                named(range.alias())
            }
            Node::JoinExpr(join) => {
                for alias in [join.alias(), join.join_using_alias()] {
                    rows.extend(alias.and_then(Alias::aliasname));
                }
                let mut using = join.using_clause().iter().filter_map(pg_raw_parse::nodes::String::sval);
                !join.is_natural && !using.any(|name| self.columns.contains(&name)) && named(join.alias())
            }
            // a star there is of all items
            Node::ReturningClause(returning) => !returning.exprs().iter().any(is_star_target),
            _ => true,
        }
    }

    fn shows(&self, node: Node<'_>, rows: &HashSet<&str>) -> bool {
        match node {
            Node::ColumnRef(reference) => self.is_closed(reference, rows),
            Node::A_Indirection(indirection) => {
                let mut fields = indirection.indirection().iter().filter_map(Node::as_str);
                fields.any(|field| self.columns.contains(&field))
            }
            Node::SelectStmt(select) => is_star(select) && self.is_read_by(select),
            _ => false,
        }
    }

    /// A closed column, or a whole row with one. A star alone is seen at its query.
    fn is_closed(&self, reference: &ColumnRef, rows: &HashSet<&str>) -> bool {
        let fields = reference.fields();
        let row = fields.len().checked_sub(2).and_then(|at| fields.get(at)).and_then(Node::as_str);
        let is_row = row.is_some_and(|row| rows.contains(row));
        match fields.iter().next_back() {
            Some(Node::A_Star(_)) => is_row,
            last => match last.and_then(Node::as_str) {
                Some(name) if self.columns.contains(&name) => true,
                Some(name) if row.is_some() => {
                    is_row && !self.known.contains(&name) && !SYSTEM.contains(&name)
                }
                Some(name) => rows.contains(name),
                None => true,
            },
        }
    }

    /// The relation is an item of this query's own FROM.
    fn is_read_by(&self, select: &SelectStmt) -> bool {
        items(select)
            .iter()
            .any(|item| matches!(item, Node::RangeVar(range) if range.relname() == Some(self.relation)))
    }
}

/// `*` is in the select list.
fn is_star(select: &SelectStmt) -> bool {
    select.target_list().iter().any(|target| is_star_target(Node::ResTarget(target)))
}

fn is_star_target(target: Node<'_>) -> bool {
    matches!(target, Node::ResTarget(target) if matches!(target.val(), Node::ColumnRef(column)
        if column.fields().len() == 1 && matches!(column.fields().first(), Some(Node::A_Star(_)))))
}
