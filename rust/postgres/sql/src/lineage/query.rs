//! Queries, and the WITH before them.

use super::scope::{Cte, Scope};
use super::shape::{Col, first_mark, renamed};
use super::{Found, Walk, Walker};
use pg_raw_parse::list::NodeList;
use pg_raw_parse::{Node, nodes};
use std::cell::Cell;

/// The names of an alias list.
pub(super) fn names(list: &NodeList) -> Vec<&str> {
    list.iter().map(|node| node.as_str().unwrap_or_default()).collect()
}

impl Walker<'_> {
    /// The columns that a query puts out; none for a statement without RETURNING.
    pub(super) fn query(&mut self, node: Node<'_>, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        match node {
            Node::SelectStmt(select) => self.select(select, scope),
            Node::InsertStmt(insert) => self.deeper(|walker| walker.insert(insert, scope)),
            Node::UpdateStmt(update) => self.deeper(|walker| walker.update(update, scope)),
            Node::DeleteStmt(delete) => self.deeper(|walker| walker.delete(delete, scope)),
            Node::MergeStmt(merge) => self.deeper(|walker| walker.merge(merge, scope)),
            _ => Err(Found::new("", "in a query that is not understood")),
        }
    }

    /// The queries of a WITH.
    pub(super) fn with(&mut self, clause: Option<&nodes::WithClause>, scope: &Scope<'_>) -> Walk<Vec<Cte>> {
        let Some(clause) = clause else { return Ok(Vec::new()) };
        let mut ctes: Vec<Cte> = Vec::new();
        if !clause.recursive {
            // Each sees those before it.
            for node in clause.ctes() {
                let cols = self.cte(node, &scope.with_ctes(&ctes))?;
                ctes.push(cte(node, Some(cols)));
            }
            return Ok(ctes);
        }
        // Each sees all of them, itself too.
        ctes.extend(clause.ctes().iter().map(|node| cte(node, None)));
        for (index, node) in clause.ctes().iter().enumerate() {
            let cols = self.cte(node, &scope.with_ctes(&ctes))?;
            let Some(slot) = ctes.get_mut(index) else { continue };
            match first_mark(&cols) {
                // Where it was named before, it was taken to have nothing masked.
                Some(mark) if slot.early.get() => return Err(mark.found("in a recursive query")),
                _ => slot.cols = Some(cols),
            }
        }
        Ok(ctes)
    }

    fn cte(&mut self, node: &nodes::CommonTableExpr, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        let cols = self.query(node.ctequery(), scope)?;
        let mut cols = renamed(cols, &names(node.aliascolnames()))?;
        if node.search_clause().is_some() || node.cycle_clause().is_some() {
            // Only a recursive UNION has them, and that has nothing masked.
            if let Some(mark) = first_mark(&cols) {
                return Err(mark.found("in a recursive query"));
            }
            cols.push(Col::Rest);
        }
        Ok(cols)
    }
}

fn cte(node: &nodes::CommonTableExpr, cols: Option<Vec<Col>>) -> Cte {
    Cte { name: node.ctename().unwrap_or_default().to_owned(), cols, early: Cell::new(false) }
}
