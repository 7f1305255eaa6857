//! INSERT, UPDATE, DELETE, MERGE, COPY.

use super::query::Locked;
use super::{Columns, Walk};
use crate::{Effect, Verbs};
use pg_raw_parse::list::{CastNodeList, NodeList};
use pg_raw_parse::nodes::{
    CopyStmt, DeleteStmt, InsertStmt, MergeStmt, MergeWhenClause, OnConflictClause, ResTarget, UpdateStmt,
};
use pg_raw_parse::{Node, raw};

impl<'a> Walk<'a> {
    /// Left out: override_. The target is never a CTE.
    pub(super) fn insert(&mut self, insert: &'a InsertStmt) {
        let mark = self.scope.mark();
        self.with(insert.with_clause());
        let mut verbs = Verbs::INSERT;
        if insert.returning_clause().is_some() {
            verbs = verbs.with(Verbs::SELECT);
        }
        let mut columns = self.written(insert.cols());
        if let Some(conflict) = insert.on_conflict_clause() {
            verbs = verbs.with(self.on_conflict(conflict, &mut columns));
        }
        self.range_alone(insert.relation(), verbs, columns);
        self.nested(insert.select_stmt());
        self.returning(insert.returning_clause(), insert.relation(), []);
        self.scope.back_to(mark);
    }

    /// Gives the verbs for the target. Left out: the constraint's name.
    fn on_conflict(&mut self, conflict: &'a OnConflictClause, columns: &mut Columns<'a>) -> Verbs {
        let mut verbs = Verbs::default();
        if let Some(infer) = conflict.infer() {
            // The server asks for SELECT on what is compared.
            if !infer.index_elems().is_empty() {
                verbs = verbs.with(Verbs::SELECT);
            }
            self.index_elems(infer.index_elems());
            self.expr(infer.where_clause());
        }
        self.targets(conflict.target_list());
        self.expr(conflict.where_clause());
        match conflict.action {
            raw::OnConflictAction::ONCONFLICT_NOTHING => {}
            raw::OnConflictAction::ONCONFLICT_UPDATE => {
                verbs = verbs.with(Verbs::UPDATE).with(Verbs::SELECT);
                columns.add(assigned(conflict.target_list()));
            }
            _ => self.unknown_text("OnConflictClause"),
        }
        verbs
    }

    pub(super) fn update(&mut self, update: &'a UpdateStmt) {
        let mark = self.scope.mark();
        self.with(update.with_clause());
        let before = self.column_refs;
        self.targets(update.target_list());
        let reads = self.column_refs != before
            || !matches!(update.where_clause(), Node::None)
            || !update.from_clause().is_empty()
            || update.returning_clause().is_some();
        let verbs = if reads { Verbs::UPDATE.with(Verbs::SELECT) } else { Verbs::UPDATE };
        self.range_columns(update.relation(), verbs, assigned(update.target_list()));
        self.items(update.from_clause());
        self.expr(update.where_clause());
        self.returning(update.returning_clause(), update.relation(), update.from_clause());
        self.scope.back_to(mark);
    }

    pub(super) fn delete(&mut self, delete: &'a DeleteStmt) {
        let mark = self.scope.mark();
        self.with(delete.with_clause());
        let reads = !matches!(delete.where_clause(), Node::None)
            || !delete.using_clause().is_empty()
            || delete.returning_clause().is_some();
        let verbs = if reads { Verbs::DELETE.with(Verbs::SELECT) } else { Verbs::DELETE };
        self.range(delete.relation(), verbs);
        self.items(delete.using_clause());
        self.expr(delete.where_clause());
        self.returning(delete.returning_clause(), delete.relation(), delete.using_clause());
        self.scope.back_to(mark);
    }

    pub(super) fn merge(&mut self, merge: &'a MergeStmt) {
        let mark = self.scope.mark();
        self.with(merge.with_clause());
        let mut verbs = Verbs::SELECT;
        let mut columns = Columns::Unnamed;
        for when in merge.merge_when_clauses() {
            verbs = verbs.with(self.merge_when(when, &mut columns));
        }
        self.range_columns(merge.relation(), verbs, columns);
        self.item(merge.source_relation(), &Locked::None);
        self.expr(merge.join_condition());
        self.returning(merge.returning_clause(), merge.relation(), [merge.source_relation()]);
        self.scope.back_to(mark);
    }

    /// Gives the verb for the target. Left out: match_kind, override_.
    fn merge_when(&mut self, when: &'a MergeWhenClause, columns: &mut Columns<'a>) -> Verbs {
        self.expr(when.condition());
        self.exprs(when.values());
        self.exprs(when.target_list());
        match when.command_type {
            raw::CmdType::CMD_INSERT => {
                columns.add(self.written(when.target_list()));
                Verbs::INSERT
            }
            raw::CmdType::CMD_UPDATE => {
                columns.add(self.written(when.target_list()));
                Verbs::UPDATE
            }
            raw::CmdType::CMD_DELETE => Verbs::DELETE,
            raw::CmdType::CMD_NOTHING => Verbs::default(),
            _ => {
                self.unknown_text("MergeWhenClause");
                Verbs::default()
            }
        }
    }

    pub(super) fn targets(&mut self, targets: &'a CastNodeList<ResTarget>) {
        for target in targets {
            self.res_target(target);
        }
    }

    fn items(&mut self, list: &'a NodeList) {
        for node in list {
            self.item(node, &Locked::None);
        }
    }

    /// A list of columns to write; none means all.
    fn written(&mut self, list: &'a NodeList) -> Columns<'a> {
        if list.is_empty() {
            return Columns::All;
        }
        let mut names = Vec::with_capacity(list.len());
        for node in list {
            match node {
                Node::ResTarget(target) => {
                    // Subscripts of a column in an INSERT's list hold expressions.
                    self.res_target_subscripts(target);
                    names.extend(target.name());
                }
                Node::String(name) => names.extend(name.sval()),
                other => self.unknown(other),
            }
        }
        Columns::Named(names)
    }

    /// Left out: is_program without a file name cannot be; the options have no expressions but are read.
    pub(super) fn copy(&mut self, copy: &'a CopyStmt) {
        if copy.relation().is_some() {
            if copy.is_from {
                let columns = self.written(copy.attlist());
                self.range_alone(copy.relation(), Verbs::INSERT, columns);
            } else {
                self.leaves(copy.attlist());
                self.range_alone(copy.relation(), Verbs::SELECT, Columns::Unnamed);
            }
        }
        self.nested(copy.query());
        self.expr(copy.where_clause());
        for option in copy.options() {
            self.option(option);
        }
        if copy.is_program {
            self.effect(Effect::CopyProgram);
        } else if copy.filename().is_some() {
            self.effect(Effect::CopyFile);
        }
    }
}

fn assigned(targets: &CastNodeList<ResTarget>) -> Columns<'_> {
    Columns::Named(targets.iter().filter_map(ResTarget::name).collect())
}
