//! DDL: what would rename, retype, index or copy a relation with masked columns is refused.

use super::expression::Usage;
use super::scope::Scope;
use super::{Found, Walk, Walker};
use crate::Name;
use pg_raw_parse::raw::ObjectType;
use pg_raw_parse::{Node, nodes};

/// In a definition, an expression has no columns but its own table's.
const DDL: Usage = Usage::never("in DDL");

fn not_understood<T>() -> Walk<T> {
    Err(Found::new("", "in a statement that is not understood"))
}

impl Walker<'_> {
    /// A statement of DDL. One that is not listed is refused: what it would do is not known.
    pub(super) fn definition(&mut self, node: Node<'_>) -> Walk<()> {
        match node {
            Node::CreateStmt(create) => self.create_table(create),
            Node::AlterTableStmt(alter) => {
                self.no_masks_in_ddl(alter.relation())?;
                alter.cmds().iter().try_for_each(|node| match node {
                    Node::AlterTableCmd(cmd) => self.alter(cmd),
                    _ => not_understood(),
                })
            }
            Node::RenameStmt(rename) => {
                // Every mask in the schema would be of a relation that is not there.
                if rename.rename_type == ObjectType::OBJECT_SCHEMA {
                    return Err(Found::new("", "in DDL"));
                }
                self.no_masks_in_ddl(rename.relation())
            }
            Node::AlterObjectSchemaStmt(alter) => self.no_masks_in_ddl(alter.relation()),
            Node::IndexStmt(index) => self.index(index),
            Node::CreateStatsStmt(statistics) => {
                statistics.relations().iter().try_for_each(|relation| self.no_masks_in_ddl(Some(relation)))
            }
            Node::CreateSchemaStmt(schema) => {
                schema.schema_elts().iter().try_for_each(|node| self.statement(node).map(drop))
            }
            Node::CreateDomainStmt(domain) => {
                domain.constraints().iter().try_for_each(|constraint| self.constraint(constraint))
            }
            Node::DropStmt(drop) => {
                for object in drop.objects() {
                    self.dropped(object);
                }
                Ok(())
            }
            Node::CreateSeqStmt(_)
            | Node::AlterSeqStmt(_)
            | Node::CreateEnumStmt(_)
            | Node::AlterEnumStmt(_)
            | Node::CreateRangeStmt(_)
            | Node::CompositeTypeStmt(_)
            | Node::AlterStatsStmt(_) => Ok(()),
            Node::AlterDomainStmt(alter) => match alter.def() {
                Node::Constraint(constraint) => self.constraint(constraint),
                def => self.expression(def, &Scope::EMPTY, DDL),
            },
            _ => not_understood(),
        }
    }

    fn create_table(&mut self, create: &nodes::CreateStmt) -> Walk<()> {
        self.no_masks_in_ddl(create.relation())?;
        for node in create.table_elts() {
            self.table_element(node)?;
        }
        for parent in create.inh_relations() {
            match parent {
                Node::RangeVar(parent) => self.no_masks_in_ddl(Some(parent))?,
                _ => return not_understood(),
            }
        }
        create.constraints().iter().try_for_each(|constraint| self.constraint(constraint))?;
        create.nnconstraints().iter().try_for_each(|node| self.table_element(node))?;
        if let Some(bound) = create.partbound() {
            self.bound(bound)?;
        }
        let elements = create.partspec().into_iter().flat_map(|spec| spec.part_params().iter());
        elements.into_iter().try_for_each(|element| self.expression(element.expr(), &Scope::EMPTY, DDL))
    }

    fn table_element(&mut self, node: Node<'_>) -> Walk<()> {
        match node {
            Node::ColumnDef(column) => self.column_definition(column),
            Node::Constraint(constraint) => self.constraint(constraint),
            Node::TableLikeClause(like) => self.no_masks_in_ddl(like.relation()),
            _ => not_understood(),
        }
    }

    fn column_definition(&mut self, column: &nodes::ColumnDef) -> Walk<()> {
        self.expression(column.raw_default(), &Scope::EMPTY, DDL)?;
        column.constraints().iter().try_for_each(|node| match node {
            Node::Constraint(constraint) => self.constraint(constraint),
            _ => not_understood(),
        })
    }

    fn constraint(&mut self, constraint: &nodes::Constraint) -> Walk<()> {
        self.expression(constraint.raw_expr(), &Scope::EMPTY, DDL)?;
        self.expression(constraint.where_clause(), &Scope::EMPTY, DDL)?;
        let Some(relation) = constraint.pktable() else { return Ok(()) };
        // A foreign key says whether a value is there.
        let target = self.target(relation)?;
        let masked = super::shape::first_mark(&target.cols);
        if let (Some(mark), true) = (masked, constraint.pk_attrs().is_empty()) {
            return Err(mark.found("in DDL"));
        }
        let items = [target];
        let scope = Scope { parent: None, items: &items, ctes: &[] };
        for name in constraint.pk_attrs().iter().filter_map(Node::as_str) {
            if let Some(mark) = self.bare(&scope, name)? {
                return Err(mark.found("in DDL"));
            }
        }
        Ok(())
    }

    fn bound(&mut self, bound: &nodes::PartitionBoundSpec) -> Walk<()> {
        for list in [bound.listdatums(), bound.lowerdatums(), bound.upperdatums()] {
            for node in list {
                match node {
                    Node::PartitionRangeDatum(datum) => self.expression(datum.value(), &Scope::EMPTY, DDL)?,
                    node => self.expression(node, &Scope::EMPTY, DDL)?,
                }
            }
        }
        Ok(())
    }

    fn alter(&mut self, cmd: &nodes::AlterTableCmd) -> Walk<()> {
        match cmd.def() {
            Node::None
            | Node::String(_)
            | Node::Integer(_)
            | Node::DefElem(_)
            | Node::ReplicaIdentityStmt(_) => Ok(()),
            Node::RangeVar(relation) => self.no_masks_in_ddl(Some(relation)),
            Node::PartitionCmd(partition) => {
                self.no_masks_in_ddl(partition.name())?;
                partition.bound().map_or(Ok(()), |bound| self.bound(bound))
            }
            Node::ColumnDef(column) => self.column_definition(column),
            Node::Constraint(constraint) => self.constraint(constraint),
            Node::NodeList(list) => list.iter().try_for_each(|node| match node {
                Node::DefElem(_) | Node::String(_) => Ok(()),
                _ => not_understood(),
            }),
            Node::TypeName(_) | Node::ATAlterConstraint(_) => Ok(()),
            def => self.expression(def, &Scope::EMPTY, DDL),
        }
    }

    fn index(&mut self, index: &nodes::IndexStmt) -> Walk<()> {
        let Some(relation) = index.relation() else { return not_understood() };
        let items = [self.target(relation)?];
        let scope = Scope { parent: None, items: &items, ctes: &[] };
        for element in index.index_params() {
            self.index_element(Node::IndexElem(element), &scope, DDL)?;
        }
        for element in index.index_including_params() {
            self.index_element(element, &scope, DDL)?;
        }
        self.expression(index.where_clause(), &scope, DDL)
    }

    /// What is dropped shows nothing.
    fn dropped(&mut self, object: Node<'_>) {
        let Node::NodeList(parts) = object else { return };
        let mut parts = parts.iter().rev().filter_map(Node::as_str);
        let Some(name) = parts.next() else { return };
        let name = Name { schema: parts.next().map(str::to_owned), name: name.to_owned() };
        let masked = self.catalogue.columns(&name).is_some();
        self.touches = self.touches || masked;
    }
}
