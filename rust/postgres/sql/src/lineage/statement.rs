//! Which part of the walk a statement is for.

use super::copy::CopyOut;
use super::expression::Usage;
use super::from::relation_name;
use super::scope::Scope;
use super::shape::first_mark;
use super::{Found, Walk, Walker};
use pg_raw_parse::{Node, nodes};

impl Walker<'_> {
    pub(super) fn statement(&mut self, node: Node<'_>) -> Walk<Option<CopyOut>> {
        self.deeper(|walker| walker.inner_statement(node))
    }

    fn inner_statement(&mut self, node: Node<'_>) -> Walk<Option<CopyOut>> {
        match node {
            Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => self.query(node, &Scope::EMPTY).map(drop)?,
            Node::CopyStmt(copy) => return self.copy(copy),
            Node::PrepareStmt(prepare) => return self.statement(prepare.query()),
            Node::DeclareCursorStmt(declare) => return self.statement(declare.query()),
            Node::ExplainStmt(explain) => return self.statement(explain.query()),
            Node::CreateTableAsStmt(create) => self.table_as(create.query())?,
            Node::ViewStmt(view) => {
                self.no_masks_in_ddl(view.view())?;
                self.table_as(view.query())?;
            }
            Node::ExecuteStmt(execute) => {
                self.expressions(execute.params(), &Scope::EMPTY, Usage::never("in EXECUTE"))?;
            }
            Node::CallStmt(call) => {
                if let Some(call) = call.funccall() {
                    self.expression(Node::FuncCall(call), &Scope::EMPTY, Usage::never("in CALL"))?;
                }
            }
            // Nothing of a relation is read.
            Node::TransactionStmt(_)
            | Node::VariableSetStmt(_)
            | Node::VariableShowStmt(_)
            | Node::DiscardStmt(_)
            | Node::FetchStmt(_)
            | Node::ClosePortalStmt(_)
            | Node::DeallocateStmt(_)
            | Node::ListenStmt(_)
            | Node::UnlistenStmt(_)
            | Node::NotifyStmt(_)
            | Node::CheckPointStmt(_)
            | Node::ConstraintsSetStmt(_)
            | Node::CommentStmt(_) => {}
            // A relation as a whole: named, and nothing of it shown.
            Node::LockStmt(lock) => self.name_all(lock.relations())?,
            Node::TruncateStmt(truncate) => self.name_all(truncate.relations())?,
            Node::VacuumStmt(vacuum) => vacuum.rels().iter().for_each(|rel| self.name(rel.relation())),
            Node::ClusterStmt(cluster) => self.name(cluster.relation()),
            Node::ReindexStmt(reindex) => self.name(reindex.relation()),
            Node::RefreshMatViewStmt(refresh) => self.name(refresh.relation()),
            node => self.definition(node)?,
        }
        Ok(None)
    }

    /// A query whose rows go into a relation of their own, where no mask would be.
    fn table_as(&mut self, query: Node<'_>) -> Walk<()> {
        if let Node::ExecuteStmt(_) = query {
            // What it puts out was decided long ago, as if it were shown.
            return Err(Found::new("", "in CREATE TABLE AS EXECUTE"));
        }
        match first_mark(&self.query(query, &Scope::EMPTY)?) {
            Some(mark) => Err(mark.found("into a table or view")),
            None => Ok(()),
        }
    }

    /// A relation is named.
    pub(super) fn name(&mut self, relation: Option<&nodes::RangeVar>) {
        let masked = relation.is_some_and(|relation| self.is_masked(relation));
        self.touches = self.touches || masked;
    }

    fn name_all(&mut self, relations: &pg_raw_parse::list::NodeList) -> Walk<()> {
        for node in relations {
            match node {
                Node::RangeVar(relation) => self.name(Some(relation)),
                _ => return Err(Found::new("", "in a statement that is not understood")),
            }
        }
        Ok(())
    }

    pub(super) fn is_masked(&self, relation: &nodes::RangeVar) -> bool {
        self.catalogue.columns(&relation_name(relation)).is_some()
    }

    /// A relation whose definition is changed, or taken up into another.
    pub(super) fn no_masks_in_ddl(&mut self, relation: Option<&nodes::RangeVar>) -> Walk<()> {
        match relation {
            Some(relation) if self.is_masked(relation) => {
                Err(Found::new(relation.relname().unwrap_or_default(), "in DDL"))
            }
            _ => Ok(()),
        }
    }
}
