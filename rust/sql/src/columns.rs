//! Whether a query may show one column, whatever relation has it.

use crate::{Parsed, Steps};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::Alias;
use pg_raw_parse::walk::{Recurse, walk_manual};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Parsed {
    /// False if this statement is a query in which no column of this name can show: it is not named, and neither a
    /// star, a whole row nor a list of column aliases stands for it.
    #[must_use]
    pub fn may_show(&self, statement: usize, column: &str) -> bool {
        let Some(node @ Node::SelectStmt(_)) = self.statement(statement) else { return true };
        // the walker of the grammar's own fails on what it does not know
        catch_unwind(AssertUnwindSafe(|| shows(node, column, self.steps()))).unwrap_or(true)
    }
}

/// Whatever is in the query, seen in some order. The tree is gone over without recursion: chains of operators may be
/// a hundred thousand long, and the walker of the grammar's own has nothing that ends it before the stack does.
fn over<'a>(query: Node<'a>, steps: &Steps, mut see: impl FnMut(Node<'a>)) -> bool {
    let mut waiting = vec![query];
    while let Some(node) = waiting.pop() {
        if !steps.take(1) {
            return false;
        }
        see(node);
        walk_manual::<()>(node, |child| {
            waiting.push(child);
            Recurse::no()
        });
    }
    true
}

fn shows(query: Node<'_>, column: &str, steps: &Steps) -> bool {
    let mut rows = HashSet::new();
    let mut shown = false;
    let is_seen = over(query, steps, |node| {
        let alias = match node {
            Node::RangeVar(range) => {
                rows.extend(range.relname());
                range.alias()
            }
            Node::RangeSubselect(sub) => sub.alias(),
            Node::RangeFunction(function) => function.alias(),
            Node::RangeTableFunc(table) => table.alias(),
            Node::JsonTable(table) => table.alias(),
            Node::JoinExpr(join) => {
                shown |= join.using_clause().iter().any(|name| name.sval() == Some(column));
                join.alias().or(join.join_using_alias())
            }
            Node::CommonTableExpr(cte) => {
                rows.extend(cte.ctename());
                shown |= !cte.aliascolnames().is_empty();
                None
            }
            _ => None,
        };
        rows.extend(alias.and_then(Alias::aliasname));
        shown |= alias.is_some_and(|alias| !alias.colnames().is_empty());
    });
    let is_looked_up = over(query, steps, |node| match node {
        Node::ColumnRef(reference) => {
            let fields = reference.fields();
            let is_row = fields.len() == 1
                && fields.first().and_then(Node::as_str).is_some_and(|name| rows.contains(name));
            shown |= is_row || fields.iter().any(|field| is_shown(field, column));
        }
        Node::A_Indirection(indirection) => {
            shown |= indirection.indirection().iter().any(|field| is_shown(field, column));
        }
        _ => {}
    });
    shown || !is_seen || !is_looked_up
}

fn is_shown(field: Node<'_>, column: &str) -> bool {
    matches!(field, Node::A_Star(_)) || field.as_str() == Some(column)
}
