//! Which statement it is.

use super::Walk;
use super::query::Locked;
use crate::{Effect, Verbs};
use pg_raw_parse::nodes::{DefElem, ExplainStmt, LockStmt, ReindexStmt, VacuumStmt};
use pg_raw_parse::{Node, raw};

/// LOCK TABLE ... IN ACCESS SHARE MODE, as `storage/lockdefs.h` numbers it.
const ACCESS_SHARE: i32 = 1;

impl<'a> Walk<'a> {
    /// Walks a statement, top level or nested, and gives its command's words.
    pub(super) fn statement(&mut self, node: Node<'a>) -> &'static str {
        if !self.enter() {
            return "";
        }
        let command = self.data_statement(node);
        self.leave();
        command
    }

    fn data_statement(&mut self, node: Node<'a>) -> &'static str {
        match node {
            Node::SelectStmt(select) => {
                self.select(select, &Locked::None);
                if select.into_clause().is_some() { "SELECT INTO" } else { "SELECT" }
            }
            Node::InsertStmt(insert) => {
                self.insert(insert);
                "INSERT"
            }
            Node::UpdateStmt(update) => {
                self.update(update);
                "UPDATE"
            }
            Node::DeleteStmt(delete) => {
                self.delete(delete);
                "DELETE"
            }
            Node::MergeStmt(merge) => {
                self.merge(merge);
                "MERGE"
            }
            Node::CopyStmt(copy) => {
                self.copy(copy);
                "COPY"
            }
            Node::TruncateStmt(truncate) => {
                // Left out: restart_seqs, which sets back the sequences that the columns own.
                self.ranges(truncate.relations(), Verbs::TRUNCATE);
                self.cascade(truncate.behavior);
                "TRUNCATE"
            }
            Node::LockStmt(lock) => {
                self.lock(lock);
                "LOCK TABLE"
            }
            Node::CallStmt(call) => {
                // Left out: funcexpr, outargs (analysis).
                match call.funccall() {
                    Some(function) => self.func_call(function, true),
                    None => self.unknown(node),
                }
                "CALL"
            }
            Node::ExplainStmt(explain) => {
                self.explain(explain);
                "EXPLAIN"
            }
            other => self.session_statement(other),
        }
    }

    /// Left out: nowait.
    fn lock(&mut self, lock: &'a LockStmt) {
        let verbs = if lock.mode == ACCESS_SHARE { Verbs::SELECT } else { Verbs::LOCK };
        self.ranges(lock.relations(), verbs);
    }

    /// Without ANALYZE nothing runs, but plans tell of the data, and functions may be folded: it counts the same.
    fn explain(&mut self, explain: &'a ExplainStmt) {
        for option in explain.options() {
            self.option(option);
        }
        self.nested(explain.query());
    }

    fn session_statement(&mut self, node: Node<'a>) -> &'static str {
        match node {
            Node::VariableSetStmt(set) => self.set(set),
            Node::VariableShowStmt(show) => {
                self.effect(Effect::Show { name: show.name().unwrap_or("").to_ascii_lowercase() });
                "SHOW"
            }
            Node::TransactionStmt(transaction) => self.transaction(transaction),
            Node::ConstraintsSetStmt(set) => {
                self.set_constraints(set);
                "SET CONSTRAINTS"
            }
            Node::PrepareStmt(prepare) => {
                for name in prepare.argtypes() {
                    self.type_name(Some(name));
                }
                self.nested(prepare.query());
                self.effect(Effect::Prepare { name: prepare.name().unwrap_or("").to_owned() });
                "PREPARE"
            }
            Node::ExecuteStmt(execute) => {
                self.exprs(execute.params());
                self.effect(Effect::Execute { name: execute.name().unwrap_or("").to_owned() });
                "EXECUTE"
            }
            Node::DeallocateStmt(deallocate) => {
                let name = if deallocate.isall { None } else { deallocate.name().map(str::to_owned) };
                self.effect(Effect::Deallocate { name });
                "DEALLOCATE"
            }
            Node::DeclareCursorStmt(declare) => {
                // Left out: portalname, options (flags).
                self.nested(declare.query());
                self.effect(Effect::DeclareCursor);
                "DECLARE CURSOR"
            }
            Node::FetchStmt(fetch) => {
                self.effect(Effect::Cursor);
                if fetch.ismove { "MOVE" } else { "FETCH" }
            }
            Node::ClosePortalStmt(_) => {
                self.effect(Effect::Cursor);
                "CLOSE CURSOR"
            }
            Node::DiscardStmt(_) => {
                self.effect(Effect::Discard);
                "DISCARD"
            }
            Node::ListenStmt(_) => {
                self.effect(Effect::Listen);
                "LISTEN"
            }
            Node::UnlistenStmt(_) => {
                self.effect(Effect::Unlisten);
                "UNLISTEN"
            }
            Node::NotifyStmt(_) => {
                self.effect(Effect::Notify);
                "NOTIFY"
            }
            Node::DoStmt(_) => {
                // Its arguments are a language and a body, both strings.
                self.effect(Effect::Do);
                "DO"
            }
            other => self.maintain_statement(other),
        }
    }

    fn maintain_statement(&mut self, node: Node<'a>) -> &'static str {
        match node {
            Node::VacuumStmt(vacuum) => {
                self.vacuum(vacuum);
                if vacuum.is_vacuumcmd { "VACUUM" } else { "ANALYZE" }
            }
            Node::ReindexStmt(reindex) => {
                self.reindex(reindex);
                "REINDEX"
            }
            Node::ClusterStmt(cluster) => {
                // Left out: indexname, an index of the relation.
                for option in cluster.params() {
                    self.option(option);
                }
                match cluster.relation() {
                    Some(relation) => self.range(Some(relation), Verbs::MAINTAIN),
                    None => self.touch(Some("*"), "*", Verbs::MAINTAIN),
                }
                "CLUSTER"
            }
            Node::RefreshMatViewStmt(refresh) => {
                // Left out: concurrent, skip_data.
                self.range(refresh.relation(), Verbs::MAINTAIN);
                "REFRESH MATERIALIZED VIEW"
            }
            other => self.ddl_statement(other),
        }
    }

    fn vacuum(&mut self, vacuum: &'a VacuumStmt) {
        for option in vacuum.options() {
            self.option(option);
        }
        if vacuum.rels().is_empty() {
            self.touch(Some("*"), "*", Verbs::MAINTAIN);
        }
        for relation in vacuum.rels() {
            // Left out: oid (analysis).
            self.leaves(relation.va_cols());
            self.range(relation.relation(), Verbs::MAINTAIN);
        }
    }

    fn reindex(&mut self, reindex: &'a ReindexStmt) {
        use raw::ReindexObjectType as Kind;
        for option in reindex.params() {
            self.option(option);
        }
        match reindex.kind {
            Kind::REINDEX_OBJECT_INDEX | Kind::REINDEX_OBJECT_TABLE => {
                self.range(reindex.relation(), Verbs::MAINTAIN);
            }
            Kind::REINDEX_OBJECT_SCHEMA => self.schema(reindex.name(), Verbs::MAINTAIN),
            Kind::REINDEX_OBJECT_SYSTEM | Kind::REINDEX_OBJECT_DATABASE => {
                self.touch(Some("*"), "*", Verbs::MAINTAIN);
            }
            _ => self.unknown_text("ReindexStmt"),
        }
    }

    /// An option: a name, and a value that is mostly a constant.
    pub(super) fn option(&mut self, option: &'a DefElem) {
        self.option_value(option.arg());
    }

    pub(super) fn options(&mut self, list: &'a pg_raw_parse::list::NodeList) {
        for node in list {
            match node {
                Node::DefElem(option) => self.option(option),
                other => self.unknown(other),
            }
        }
    }

    fn option_value(&mut self, value: Node<'a>) {
        match value {
            Node::TypeName(name) => self.type_name(Some(name)),
            Node::NodeList(list) if self.enter() => {
                for node in list {
                    self.option_value(node);
                }
                self.leave();
            }
            Node::DefElem(option) => self.option(option),
            other => self.expr(other),
        }
    }

    pub(super) fn cascade(&mut self, behavior: raw::DropBehavior::Type) {
        if behavior != raw::DropBehavior::DROP_RESTRICT {
            self.effect(Effect::Cascade);
        }
    }
}
