//! RETURNING, and what of it ends a server of PostgreSQL 18.
//!
//! 18.6 follows a null pointer where a subquery's test (what stands before IN, ANY and ALL, a row before a comparison, the
//! conditions of EXISTS) names OLD or NEW and that row is not there: NEW of a DELETE, OLD of an INSERT, and also OLD of an
//! UPDATE that moves a row to another partition, and NEW of one that a rule makes a DELETE. All sessions of the server end.
//! Within a subquery of its own such a test is harmless, for there the row's values are parameters.

use super::Walk;
use super::query::Locked;
use super::width::Sources;
use crate::Effect;
use pg_raw_parse::Node;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::{A_Expr, Alias, ColumnRef, RangeVar, ReturningClause, SubLink};
use pg_raw_parse::raw::{ReturningOptionKind, SubLinkType};

/// What OLD and NEW are called; `None` where something else has the name.
type Rows<'a> = [Option<&'a str>; 2];

/// Where the walk is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Returning<'a> {
    /// Not in a RETURNING, or in a subquery of it.
    #[default]
    Outside,
    /// In an expression of its own.
    Own(Rows<'a>),
    /// In the test of a subquery, with all that is in there.
    Test(Rows<'a>),
}

impl<'a> Walk<'a> {
    /// `others` is what the target was joined with. Names within joins are not looked at, for an alias may hide them.
    pub(super) fn returning(
        &mut self,
        returning: Option<&'a ReturningClause>,
        target: Option<&'a RangeVar>,
        others: impl IntoIterator<Item = Node<'a>>,
    ) {
        let Some(returning) = returning else { return };
        let mut rows = [Some("old"), Some("new")];
        let mut taken = |name: Option<&str>| {
            for row in rows.iter_mut().filter(|row| name.is_some() && **row == name) {
                *row = None;
            }
        };
        taken(target.and_then(|target| name(target.alias()).or(target.relname())));
        let mut from = Sources::default();
        for other in others {
            self.nodes += from.add(other);
            taken(match other {
                Node::RangeVar(range) => name(range.alias()).or(range.relname()),
                Node::RangeSubselect(sub) => name(sub.alias()),
                Node::RangeFunction(function) => name(function.alias()),
                _ => None,
            });
        }
        for option in returning.options() {
            let [old, new] = &mut rows;
            let row = if option.option == ReturningOptionKind::RETURNING_OPTION_OLD { old } else { new };
            *row = option.value();
        }
        self.returned_list(&from, returning.exprs());
        let before = std::mem::replace(&mut self.returning, Returning::Own(rows));
        self.exprs(returning.exprs());
        self.returning = before;
    }

    /// A subquery with its test, in an expression of RETURNING itself.
    pub(super) fn returned_link(&mut self, link: &'a SubLink, rows: Rows<'a>) {
        let is_tested = link.sub_link_type == SubLinkType::EXISTS_SUBLINK;
        self.returning = if is_tested { Returning::Test(rows) } else { Returning::Outside };
        match link.subselect() {
            Node::SelectStmt(select) => self.select(select, &Locked::None),
            other => self.unknown(other),
        }
        self.tested(link.testexpr(), rows);
    }

    /// The left part of an expression, if it is a row that is compared with a subquery; else it is given back.
    pub(super) fn returned_row(&mut self, expr: &'a A_Expr, rows: Rows<'a>) -> Option<Node<'a>> {
        let is_link = |node: Node<'_>| matches!(node, Node::SubLink(_));
        let is_compared = match expr.rexpr() {
            Node::NodeList(list) => has(list, is_link),
            other => is_link(other),
        };
        if !is_compared || !matches!(expr.lexpr(), Node::RowExpr(_)) {
            return Some(expr.lexpr());
        }
        self.tested(expr.lexpr(), rows);
        None
    }

    fn tested(&mut self, test: Node<'a>, rows: Rows<'a>) {
        self.returning = Returning::Test(rows);
        self.expr(test);
        self.returning = Returning::Own(rows);
    }

    /// A column, or a row, within a test.
    pub(super) fn tested_column(&mut self, column: &'a ColumnRef, rows: Rows<'a>) {
        let first = column.fields().first().and_then(Node::as_str);
        if first.is_some() && rows.contains(&first) {
            self.effect(Effect::TestsAbsentRow);
        }
    }
}

fn has(list: &NodeList, what: impl Fn(Node<'_>) -> bool) -> bool {
    list.iter().any(what)
}

fn name(alias: Option<&Alias>) -> Option<&str> {
    alias.and_then(Alias::aliasname)
}
