//! Lists of more columns than PostgreSQL has numbers for.
//!
//! PostgreSQL (13 to 18) numbers the columns of a list by 16 bits. It counts those of a select list, but not those of
//! RETURNING, nor of an aggregate's ORDER BY, until it runs: with more than the numbers there are it ends all of its
//! sessions, and what is over 1664 it refuses anyhow. One of WITH may be as wide, and the `*` of another stand for it.

use super::Walk;
use crate::Effect;
use pg_raw_parse::Node;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::ResTarget;

/// The highest number of a column in a list: MaxAttrNumber's bits.
const NUMBERS: usize = 32_767;

/// What an item of FROM has at most, but for a join; what a list is refused with more of: MaxTupleAttributeNumber.
const WIDEST: usize = 1_664;

impl Walk<'_> {
    /// A list of RETURNING, whose stars stand for these.
    pub(super) fn returned_list(&mut self, from: &Sources, list: &NodeList) {
        if self.returned.add(from, list) > NUMBERS {
            self.effect(Effect::TooWide);
        }
    }

    /// The ORDER BY of an aggregate, also of WITHIN GROUP, with so many columns.
    pub(super) fn sorted(&mut self, by: usize) {
        if by > WIDEST {
            self.effect(Effect::TooWide);
        }
    }
}

/// What `*` in RETURNING may stand for.
pub(super) struct Sources {
    relations: usize,
    /// `x.*` may be all columns of a join.
    joins_have_names: bool,
}

/// The relation that is written to.
impl Default for Sources {
    fn default() -> Sources {
        Sources { relations: 1, joins_have_names: false }
    }
}

impl Sources {
    /// The steps that it took.
    pub(super) fn add(&mut self, item: Node<'_>) -> usize {
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
