//! CREATE.

use super::{Columns, Walk, alter};
use crate::{Effect, Verbs};
use pg_raw_parse::list::{CastNodeList, NodeList};
use pg_raw_parse::nodes::{
    ColumnDef, Constraint, CreateSchemaStmt, CreateStatsStmt, CreateStmt, CreateTableAsStmt, CreateTrigStmt,
    DefElem, DefineStmt, IndexElem, IndexStmt, PartitionBoundSpec, RuleStmt, ViewStmt,
};
use pg_raw_parse::{Node, raw};

impl<'a> Walk<'a> {
    pub(super) fn ddl_statement(&mut self, node: Node<'a>) -> &'static str {
        match node {
            Node::CreateStmt(create) => {
                self.create_table(create);
                "CREATE TABLE"
            }
            Node::CreateTableAsStmt(create) => self.create_table_as(create),
            Node::ViewStmt(view) => {
                self.create_view(view);
                "CREATE VIEW"
            }
            Node::IndexStmt(index) => {
                self.create_index(index);
                "CREATE INDEX"
            }
            Node::CreateSeqStmt(sequence) => {
                // Left out: owner_id, for_identity, if_not_exists.
                self.made(sequence.sequence());
                self.sequence_options(sequence.options());
                "CREATE SEQUENCE"
            }
            Node::CreateSchemaStmt(schema) => {
                self.create_schema(schema);
                "CREATE SCHEMA"
            }
            Node::CreateStatsStmt(stats) => {
                self.create_statistics(stats);
                "CREATE STATISTICS"
            }
            Node::CompositeTypeStmt(composite) => {
                self.made(composite.typevar());
                for column in composite.coldeflist() {
                    self.column_def(column);
                }
                "CREATE TYPE"
            }
            Node::CreateEnumStmt(create) => {
                let name = self.name_of_strings(create.type_name());
                self.ddl_name(name);
                "CREATE TYPE"
            }
            Node::CreateRangeStmt(create) => {
                // Its parameters may name functions that run later.
                let name = self.name_of_strings(create.type_name());
                self.ddl_name(name);
                self.define_options(create.params());
                self.effect(Effect::DefineCode);
                "CREATE TYPE"
            }
            Node::CreateDomainStmt(domain) => {
                let name = self.name_of_strings(domain.domainname());
                self.ddl_name(name);
                self.type_name(domain.type_name());
                self.collation(domain.coll_clause());
                for constraint in domain.constraints() {
                    self.constraint(constraint);
                }
                "CREATE DOMAIN"
            }
            Node::DefineStmt(define) => self.define(define),
            Node::CreateTrigStmt(trigger) => {
                self.create_trigger(trigger);
                "CREATE TRIGGER"
            }
            Node::RuleStmt(rule) => {
                self.create_rule(rule);
                "CREATE RULE"
            }
            Node::CreateFunctionStmt(function) => {
                // Left out: funcname (made here), is_procedure, replace.
                for parameter in function.parameters() {
                    self.type_name(parameter.arg_type());
                    self.expr(parameter.defexpr());
                }
                self.type_name(function.return_type());
                self.function_body(function.sql_body());
                // The options are the body as text, a language, settings, costs.
                self.effect(Effect::DefineCode);
                if function.is_procedure { "CREATE PROCEDURE" } else { "CREATE FUNCTION" }
            }
            other => self.alter_statement(other),
        }
    }

    /// Left out: tablespacename, access_method, oncommit, if_not_exists.
    fn create_table(&mut self, create: &'a CreateStmt) {
        self.made(create.relation());
        for node in create.table_elts() {
            self.table_element(node);
        }
        // INHERITS, or PARTITION OF.
        for parent in create.inh_relations() {
            match parent {
                Node::RangeVar(parent) => self.range_alone(Some(parent), Verbs::DDL, Columns::Unnamed),
                other => self.unknown(other),
            }
        }
        self.partition_bound(create.partbound());
        if let Some(spec) = create.partspec() {
            for element in spec.part_params() {
                // Left out: name, a column.
                self.expr(element.expr());
                self.operator(element.collation());
                self.operator(element.opclass());
            }
        }
        self.type_name(create.of_typename());
        for constraint in create.constraints() {
            self.constraint(constraint);
        }
        for node in create.nnconstraints() {
            self.table_element(node);
        }
        self.options(create.options());
    }

    fn table_element(&mut self, node: Node<'a>) {
        match node {
            Node::ColumnDef(column) => self.column_def(column),
            Node::Constraint(constraint) => self.constraint(constraint),
            // LIKE reads what the other relation is made of. Left out: options, relation_oid.
            Node::TableLikeClause(like) => {
                self.range_alone(like.relation(), Verbs::SELECT, Columns::Unnamed);
            }
            other => self.unknown(other),
        }
    }

    /// Left out: colname, compression, storage and the flags; cooked_default, identity_sequence and coll_oid are set
    /// by analysis only.
    pub(super) fn column_def(&mut self, column: &'a ColumnDef) {
        self.type_name(column.type_name());
        self.expr(column.raw_default());
        self.collation(column.coll_clause());
        for node in column.constraints() {
            match node {
                Node::Constraint(constraint) => self.constraint(constraint),
                other => self.unknown(other),
            }
        }
        if !column.fdwoptions().is_empty() {
            // of a foreign table, as ALTER FOREIGN TABLE: which column of the other server is read
            self.administer("OPTIONS of a column");
        }
        self.options(column.fdwoptions());
    }

    fn collation(&mut self, clause: Option<&'a pg_raw_parse::nodes::CollateClause>) {
        if let Some(clause) = clause {
            self.expr(Node::CollateClause(clause));
        }
    }

    /// Left out: names (of the constraint, columns, an index, a tablespace, an access method), flags, cooked_expr,
    /// old_conpfeqop and old_pktable_oid.
    pub(super) fn constraint(&mut self, constraint: &'a Constraint) {
        self.expr(constraint.raw_expr());
        self.leaves(constraint.keys());
        self.leaves(constraint.including());
        for pair in constraint.exclusions() {
            // Each is a list of the element and its operator.
            match pair {
                Node::NodeList(pair) => {
                    for node in pair {
                        match node {
                            Node::IndexElem(element) => self.index_elem(element),
                            Node::NodeList(operator) => self.operator(operator),
                            other => self.unknown(other),
                        }
                    }
                }
                other => self.unknown(other),
            }
        }
        if constraint.contype == raw::ConstrType::CONSTR_IDENTITY {
            self.sequence_options(constraint.options());
        } else {
            self.options(constraint.options());
        }
        self.expr(constraint.where_clause());
        if constraint.pktable().is_some() {
            self.range(constraint.pktable(), Verbs::DDL);
        }
        self.leaves(constraint.fk_attrs());
        self.leaves(constraint.pk_attrs());
        self.leaves(constraint.fk_del_set_cols());
    }

    /// Options of a sequence, of which two name something: OWNED BY a column, and a sequence's own name.
    pub(super) fn sequence_options(&mut self, options: &'a NodeList) {
        for node in options {
            let Node::DefElem(option) = node else {
                self.unknown(node);
                continue;
            };
            match (option.defname(), option.arg()) {
                (Some("owned_by"), Node::NodeList(name)) => {
                    // One word is NONE.
                    if name.len() > 1 {
                        let relation = self.name_before_last(name);
                        self.ddl_name(relation);
                    }
                }
                (Some("sequence_name"), Node::NodeList(name)) => {
                    let name = self.name_of(name);
                    self.ddl_name(name);
                }
                _ => self.option(option),
            }
        }
    }

    /// Left out: strategy, is_default, modulus, remainder.
    pub(super) fn partition_bound(&mut self, bound: Option<&'a PartitionBoundSpec>) {
        if let Some(bound) = bound {
            self.exprs(bound.listdatums());
            self.exprs(bound.lowerdatums());
            self.exprs(bound.upperdatums());
        }
    }

    /// Left out: is_select_into, if_not_exists.
    fn create_table_as(&mut self, create: &'a CreateTableAsStmt) -> &'static str {
        match create.into() {
            Some(into) => self.made_of(into),
            None => self.unknown_text("CreateTableAsStmt"),
        }
        self.nested(create.query());
        if create.objtype == raw::ObjectType::OBJECT_MATVIEW {
            "CREATE MATERIALIZED VIEW"
        } else {
            "CREATE TABLE AS"
        }
    }

    /// Left out: aliases (names), replace, with_check_option.
    fn create_view(&mut self, view: &'a ViewStmt) {
        self.made(view.view());
        self.nested(view.query());
        self.options(view.options());
    }

    /// Left out: names of the index (made in the relation's schema), its access method and tablespace; flags; what
    /// analysis sets.
    fn create_index(&mut self, index: &'a IndexStmt) {
        self.range(index.relation(), Verbs::DDL);
        for element in index.index_params() {
            self.index_elem(element);
        }
        self.index_elems(index.index_including_params());
        for option in index.options() {
            self.option(option);
        }
        self.expr(index.where_clause());
        for node in index.exclude_op_names() {
            self.unknown(node);
        }
    }

    pub(super) fn index_elems(&mut self, list: &'a NodeList) {
        for node in list {
            match node {
                Node::IndexElem(element) => self.index_elem(element),
                other => self.unknown(other),
            }
        }
    }

    /// Left out: name and indexcolname (columns), the orderings.
    fn index_elem(&mut self, element: &'a IndexElem) {
        self.expr(element.expr());
        self.operator(element.collation());
        self.operator(element.opclass());
        self.options(element.opclassopts());
    }

    /// The statements inside are read as if they stood alone: their names without a schema stay so.
    fn create_schema(&mut self, schema: &'a CreateSchemaStmt) {
        if schema.authrole().is_some() {
            self.administer("CREATE SCHEMA AUTHORIZATION");
        }
        if schema.schemaname().is_some() || schema.authrole().is_none() {
            self.schema(schema.schemaname(), Verbs::DDL);
        }
        for node in schema.schema_elts() {
            self.statement(node);
        }
    }

    /// Left out: stat_types (words), stxcomment, if_not_exists.
    fn create_statistics(&mut self, stats: &'a CreateStatsStmt) {
        // Without a name, the server makes one.
        if !stats.defnames().is_empty() {
            let name = self.name_of_strings(stats.defnames());
            self.ddl_name(name);
        }
        for node in stats.exprs() {
            match node {
                Node::StatsElem(element) => self.expr(element.expr()),
                other => self.unknown(other),
            }
        }
        for relation in stats.relations() {
            self.range(Some(relation), Verbs::DDL);
        }
    }

    /// CREATE AGGREGATE, OPERATOR, TYPE, COLLATION, TEXT SEARCH. Left out: oldstyle, flags.
    fn define(&mut self, define: &'a DefineStmt) -> &'static str {
        use raw::ObjectType as Kind;
        self.define_options(define.definition());
        match define.kind {
            Kind::OBJECT_AGGREGATE => {
                self.effect(Effect::DefineCode);
                "CREATE AGGREGATE"
            }
            Kind::OBJECT_OPERATOR => {
                self.effect(Effect::DefineCode);
                "CREATE OPERATOR"
            }
            Kind::OBJECT_TYPE => {
                let name = self.name_of_strings(define.defnames());
                self.ddl_name(name);
                self.effect(Effect::DefineCode);
                "CREATE TYPE"
            }
            kind => {
                self.administer(alter::create_words(kind));
                "CREATE"
            }
        }
    }

    fn define_options(&mut self, options: &'a CastNodeList<DefElem>) {
        for option in options {
            self.option(option);
        }
    }

    /// Left out: names, timing, events, columns, args (strings), transition_rels (names), flags.
    fn create_trigger(&mut self, trigger: &'a CreateTrigStmt) {
        self.range(trigger.relation(), Verbs::DDL);
        if trigger.constrrel().is_some() {
            self.range(trigger.constrrel(), Verbs::DDL);
        }
        // The function will run, if not now.
        if let Some((schema, name)) = self.name_of(trigger.funcname()) {
            self.call(schema, name, false);
        }
        self.expr(trigger.when_clause());
        self.effect(Effect::DefineCode);
    }

    /// Left out: rulename, event, instead, replace.
    fn create_rule(&mut self, rule: &'a RuleStmt) {
        self.range(rule.relation(), Verbs::DDL);
        self.expr(rule.where_clause());
        for node in rule.actions() {
            self.statement(node);
        }
        self.effect(Effect::DefineCode);
    }

    /// RETURN expr, or BEGIN ATOMIC with its statements.
    fn function_body(&mut self, node: Node<'a>) {
        if !self.enter() {
            return;
        }
        match node {
            Node::None => {}
            Node::ReturnStmt(result) => self.expr(result.returnval()),
            Node::NodeList(list) => {
                for node in list {
                    self.function_body(node);
                }
            }
            other => {
                self.statement(other);
            }
        }
        self.leave();
    }
}
