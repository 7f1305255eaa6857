//! RETURNING, and what of it ends a server.
//!
//! PostgreSQL (13 to 18) numbers the columns of a list by 16 bits. It counts those of a select list, but not those of
//! RETURNING, nor of an aggregate's ORDER BY, until it runs: with more than the numbers there are it ends all of its
//! sessions, and what is over 1664 it refuses anyhow. One of WITH may be as wide, and the `*` of another stand for it.
//!
//! 18.6 follows a null pointer where a subquery's test (what stands before IN, ANY and ALL, a row before a comparison, the
//! conditions of EXISTS) names OLD or NEW and that row is not there: NEW of a DELETE, OLD of an INSERT, and also OLD of an
//! UPDATE that moves a row to another partition, and NEW of one that a rule makes a DELETE. All sessions of the server end.
//! Within a subquery of its own such a test is harmless, for there the row's values are parameters.

use super::Walk;
use super::query::Locked;
use crate::Effect;
use pg_raw_parse::Node;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::{A_Expr, Alias, ColumnRef, RangeVar, ResTarget, ReturningClause, SubLink};
use pg_raw_parse::raw::{ReturningOptionKind, SubLinkType};

/// The highest number of a column in a list: MaxAttrNumber's bits.
const NUMBERS: usize = 32_767;

/// What an item of FROM has at most, but for a join; what a list is refused with more of: MaxTupleAttributeNumber.
const WIDEST: usize = 1_664;

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
        let mut from = Sources { relations: 1, joins_have_names: false };
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
        if self.returned.add(&from, returning.exprs()) > NUMBERS {
            self.effect(Effect::TooWide);
        }
        let before = std::mem::replace(&mut self.returning, Returning::Own(rows));
        self.exprs(returning.exprs());
        self.returning = before;
    }

    /// The ORDER BY of an aggregate, also of WITHIN GROUP, with so many columns.
    pub(super) fn sorted(&mut self, by: usize) {
        if by > WIDEST {
            self.effect(Effect::TooWide);
        }
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

/// What `*` in RETURNING may stand for.
struct Sources {
    relations: usize,
    /// `x.*` may be all columns of a join.
    joins_have_names: bool,
}

impl Sources {
    /// The steps that it took.
    fn add(&mut self, item: Node<'_>) -> usize {
        let mut rest = vec![item];
        let mut steps = 0_usize;
        while let Some(item) = rest.pop() {
            steps = steps.saturating_add(1);
            match item {
                Node::JoinExpr(join) => {
                    self.joins_have_names |= join.alias().is_some();
                    rest.extend([join.larg(), join.rarg()]);
                }
                _ => self.relations = self.relations.saturating_add(1),
            }
        }
        steps
    }

    /// The relations at most whose columns an item of the list becomes; `None` if it is one column.
    fn star(&self, item: Node<'_>) -> Option<usize> {
        let is_star = |node: Option<Node<'_>>| matches!(node, Some(Node::A_Star(_)));
        let value = if let Node::ResTarget(target) = item { ResTarget::val(target) } else { item };
        match value {
            Node::ColumnRef(column) if is_star(column.fields().iter().next_back()) => {
                let is_of_one = column.fields().len() > 1 && !self.joins_have_names;
                Some(if is_of_one { 1 } else { self.relations })
            }
            Node::A_Indirection(of) if is_star(of.indirection().iter().next_back()) => Some(1),
            _ => None,
        }
    }
}

/// The lists of RETURNING in a statement.
#[derive(Debug, Default)]
pub(super) struct Returned {
    lists: usize,
    /// Columns that are one each, of all lists.
    columns: usize,
    /// The product of what each list's stars stand for.
    stars: usize,
}

impl Returned {
    /// One more list. The columns at most that the widest may have, in whatever order they read one another: a list of `c`
    /// columns and `s` stars is `c + s * w` wide if the widest that it reads is `w`, and never over `(w + c) * s`.
    fn add(&mut self, from: &Sources, list: &NodeList) -> usize {
        let (mut columns, mut stars) = (0_usize, 0_usize);
        for item in list {
            match from.star(item) {
                Some(relations) => stars = stars.saturating_add(relations),
                None => columns = columns.saturating_add(1),
            }
        }
        self.lists = self.lists.saturating_add(1);
        self.columns = self.columns.saturating_add(columns);
        self.stars = self.stars.max(1).saturating_mul(stars.max(1));
        match self.lists {
            1 => columns.saturating_add(stars.saturating_mul(WIDEST)),
            _ => self.columns.saturating_add(WIDEST).saturating_mul(self.stars),
        }
    }
}

fn has(list: &NodeList, what: impl Fn(Node<'_>) -> bool) -> bool {
    list.iter().any(what)
}

fn name(alias: Option<&Alias>) -> Option<&str> {
    alias.and_then(Alias::aliasname)
}
