//! INSERT, UPDATE, DELETE and MERGE.

use super::expression::Usage;
use super::scope::{Item, Scope};
use super::shape::{Col, Title, first_mark};
use super::{Found, Walk, Walker};
use pg_raw_parse::list::NodeList;
use pg_raw_parse::raw::ReturningOptionKind;
use pg_raw_parse::{Node, nodes};
use std::rc::Rc;

const SET: Usage = Usage::never("in SET");

impl Walker<'_> {
    fn written(&mut self, relation: Option<&nodes::RangeVar>) -> Walk<Item> {
        match relation {
            Some(relation) => self.target(relation),
            None => Err(Found::new("", "in a statement that is not understood")),
        }
    }

    pub(super) fn insert(&mut self, insert: &nodes::InsertStmt, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        let ctes = self.with(insert.with_clause(), scope)?;
        let level = scope.with_ctes(&ctes);
        let target = self.written(insert.relation())?;
        self.expressions(insert.cols(), &level, Usage::never("in INSERT"))?;
        if let select @ Node::SelectStmt(_) = insert.select_stmt() {
            if let Some(mark) = first_mark(&self.query(select, &level)?) {
                return Err(mark.found("in INSERT"));
            }
        } else if !matches!(insert.select_stmt(), Node::None) {
            return Err(Found::new("", "in a query that is not understood"));
        }
        if let Some(conflict) = insert.on_conflict_clause() {
            self.conflict(conflict, &target, &level)?;
        }
        self.returning(insert.returning_clause(), &target, &[], &level)
    }

    fn conflict(&mut self, conflict: &nodes::OnConflictClause, target: &Item, level: &Scope<'_>) -> Walk<()> {
        let own = [target.clone()];
        let scope = level.with_items(&own);
        if let Some(infer) = conflict.infer() {
            let usage = Usage::comparing("in ON CONFLICT");
            for node in infer.index_elems() {
                self.index_element(node, &scope, usage)?;
            }
            self.expression(infer.where_clause(), &scope, usage)?;
        }
        let both = [target.clone(), named(target, "excluded").hidden()];
        let scope = level.with_items(&both);
        for set in conflict.target_list() {
            self.expression(Node::ResTarget(set), &scope, SET)?;
        }
        self.expression(conflict.where_clause(), &scope, Usage::comparing("in WHERE"))
    }

    /// An element of an index, or of what ON CONFLICT looks for.
    pub(super) fn index_element(&mut self, node: Node<'_>, scope: &Scope<'_>, usage: Usage) -> Walk<()> {
        match node {
            Node::IndexElem(element) => {
                if let Some(name) = element.name() {
                    self.bare(scope, name)?.map_or(Ok(()), |mark| usage.check(&mark))?;
                }
                self.expression(element.expr(), scope, usage)
            }
            _ => Err(Found::new("", "in a statement that is not understood")),
        }
    }

    pub(super) fn update(&mut self, update: &nodes::UpdateStmt, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        let ctes = self.with(update.with_clause(), scope)?;
        let level = scope.with_ctes(&ctes);
        let target = self.written(update.relation())?;
        let items = self.items(update.from_clause(), &level)?;
        let all: Vec<Item> = [target.clone()].into_iter().chain(items.iter().cloned()).collect();
        let inner = level.with_items(&all);
        for set in update.target_list() {
            self.expression(Node::ResTarget(set), &inner, SET)?;
        }
        self.expression(update.where_clause(), &inner, Usage::comparing("in WHERE"))?;
        self.returning(update.returning_clause(), &target, &items, &level)
    }

    pub(super) fn delete(&mut self, delete: &nodes::DeleteStmt, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        let ctes = self.with(delete.with_clause(), scope)?;
        let level = scope.with_ctes(&ctes);
        let target = self.written(delete.relation())?;
        let items = self.items(delete.using_clause(), &level)?;
        let all: Vec<Item> = [target.clone()].into_iter().chain(items.iter().cloned()).collect();
        self.expression(delete.where_clause(), &level.with_items(&all), Usage::comparing("in WHERE"))?;
        self.returning(delete.returning_clause(), &target, &items, &level)
    }

    pub(super) fn merge(&mut self, merge: &nodes::MergeStmt, scope: &Scope<'_>) -> Walk<Vec<Col>> {
        let ctes = self.with(merge.with_clause(), scope)?;
        let level = scope.with_ctes(&ctes);
        let target = self.written(merge.relation())?;
        let source = self.item(merge.source_relation(), &level, &[])?;
        let all: Vec<Item> = [target.clone()].into_iter().chain(source.iter().cloned()).collect();
        let inner = level.with_items(&all);
        self.expression(merge.join_condition(), &inner, Usage::comparing("in a join condition"))?;
        for when in merge.merge_when_clauses() {
            self.expression(when.condition(), &inner, Usage::never("in a MERGE condition"))?;
            self.expressions(when.target_list(), &inner, SET)?;
            self.expressions(when.values(), &inner, Usage::never("in VALUES"))?;
        }
        self.returning(merge.returning_clause(), &target, &source, &level)
    }

    /// RETURNING sees the target, what it was joined with, and the row as it was and will be: PostgreSQL 18 says of
    /// all three which column of the target they are.
    fn returning(
        &mut self,
        clause: Option<&nodes::ReturningClause>,
        target: &Item,
        others: &[Item],
        level: &Scope<'_>,
    ) -> Walk<Vec<Col>> {
        let Some(clause) = clause else { return Ok(Vec::new()) };
        let mut old = "old";
        let mut new = "new";
        for option in clause.options() {
            let name =
                if option.option == ReturningOptionKind::RETURNING_OPTION_OLD { &mut old } else { &mut new };
            *name = option.value().unwrap_or(name);
        }
        let mut items = vec![target.clone()];
        items.extend(others.iter().cloned());
        for name in [old, new] {
            // An item that has the name keeps it.
            if !items.iter().any(|item| item.title.is_surely(name)) {
                items.push(named(target, name).hidden());
            }
        }
        self.returned(clause.exprs(), &level.with_items(&items), !others.is_empty())
    }

    fn returned(&mut self, exprs: &NodeList, scope: &Scope<'_>, joined: bool) -> Walk<Vec<Col>> {
        // The order of `*` differs between commands: with more than one item nothing is counted on.
        let mut cols = if joined { vec![Col::Rest] } else { Vec::new() };
        for node in exprs {
            match node {
                Node::ResTarget(target) => self.output(target, scope, &mut cols)?,
                _ => return Err(Found::new("", "in a statement that is not understood")),
            }
        }
        Ok(cols)
    }
}

fn named(item: &Item, name: &str) -> Item {
    Item { title: Title::sure(name), schema: None, relation: false, cols: Rc::clone(&item.cols), bare: true }
}
