//! ALTER, DROP, COMMENT.

use super::Walk;
use crate::{Effect, Verbs};
use pg_raw_parse::nodes::{
    AlterObjectSchemaStmt, AlterTableCmd, AlterTableStmt, CommentStmt, DropStmt, RenameStmt,
};
use pg_raw_parse::raw::ObjectType as Kind;
use pg_raw_parse::{Node, nodes, raw};

impl<'a> Walk<'a> {
    pub(super) fn alter_statement(&mut self, node: Node<'a>) -> &'static str {
        match node {
            Node::AlterTableStmt(alter) => {
                self.alter_table(alter);
                alter_words(alter.objtype)
            }
            Node::DropStmt(drop) => {
                self.drop_objects(drop);
                drop_words(drop.remove_type)
            }
            Node::RenameStmt(rename) => {
                self.rename(rename);
                match rename.rename_type {
                    // What it is part of is what is altered.
                    Kind::OBJECT_COLUMN | Kind::OBJECT_ATTRIBUTE => alter_words(rename.relation_type),
                    kind => alter_words(kind),
                }
            }
            Node::AlterObjectSchemaStmt(alter) => {
                self.set_schema(alter);
                alter_words(alter.object_type)
            }
            Node::CommentStmt(comment) => {
                self.comment(comment);
                "COMMENT"
            }
            Node::AlterSeqStmt(alter) => {
                // Left out: for_identity, missing_ok.
                self.range(alter.sequence(), Verbs::DDL);
                self.sequence_options(alter.options());
                "ALTER SEQUENCE"
            }
            Node::AlterDomainStmt(alter) => {
                // Left out: name (a constraint), missing_ok.
                let name = self.name_of(alter.type_name());
                self.ddl_name(name);
                self.alter_part(alter.def());
                if looks_at_values(alter) {
                    // at those of every column of the domain, whatever relation has it, and says what does not fit
                    self.effect(Effect::Cascade);
                }
                self.cascade(alter.behavior);
                "ALTER DOMAIN"
            }
            Node::AlterEnumStmt(alter) => {
                // Left out: the labels.
                let name = self.name_of_strings(alter.type_name());
                self.ddl_name(name);
                "ALTER TYPE"
            }
            Node::AlterStatsStmt(alter) => {
                let name = self.name_of_strings(alter.defnames());
                self.ddl_name(name);
                self.expr(alter.stxstattarget());
                "ALTER STATISTICS"
            }
            other => self.code_statement(other),
        }
    }

    /// Code that runs later. What it names is not read: `define-code` alone decides.
    fn code_statement(&mut self, node: Node<'a>) -> &'static str {
        let command = match node {
            Node::AlterFunctionStmt(_) => "ALTER FUNCTION",
            Node::AlterOperatorStmt(_) => "ALTER OPERATOR",
            Node::CreateCastStmt(_) => "CREATE CAST",
            Node::CreateOpClassStmt(_) => "CREATE OPERATOR CLASS",
            Node::CreateOpFamilyStmt(_) => "CREATE OPERATOR FAMILY",
            Node::AlterOpFamilyStmt(_) => "ALTER OPERATOR FAMILY",
            Node::CreateTransformStmt(_) => "CREATE TRANSFORM",
            Node::CreatePLangStmt(_) => "CREATE LANGUAGE",
            other => return self.administration(other),
        };
        self.effect(Effect::DefineCode);
        command
    }

    /// Never a matter of exact grants, and so what is named is not read.
    fn administration(&mut self, node: Node<'a>) -> &'static str {
        let what = match node {
            Node::AlterOwnerStmt(_) => "ALTER ... OWNER TO",
            Node::AlterObjectDependsStmt(_) => "ALTER ... DEPENDS ON EXTENSION",
            Node::AlterTypeStmt(_) => "ALTER TYPE SET",
            Node::GrantStmt(grant) if grant.is_grant => "GRANT",
            Node::GrantStmt(_) => "REVOKE",
            Node::GrantRoleStmt(grant) if grant.is_grant => "GRANT ROLE",
            Node::GrantRoleStmt(_) => "REVOKE ROLE",
            Node::AlterDefaultPrivilegesStmt(_) => "ALTER DEFAULT PRIVILEGES",
            Node::CreateRoleStmt(_) => "CREATE ROLE",
            Node::AlterRoleStmt(_) | Node::AlterRoleSetStmt(_) => "ALTER ROLE",
            Node::DropRoleStmt(_) => "DROP ROLE",
            Node::DropOwnedStmt(_) => "DROP OWNED",
            Node::ReassignOwnedStmt(_) => "REASSIGN OWNED",
            Node::CreatePolicyStmt(_) => "CREATE POLICY",
            Node::AlterPolicyStmt(_) => "ALTER POLICY",
            Node::CreateExtensionStmt(_) => "CREATE EXTENSION",
            Node::AlterExtensionStmt(_) | Node::AlterExtensionContentsStmt(_) => "ALTER EXTENSION",
            Node::CreateFdwStmt(_) => "CREATE FOREIGN DATA WRAPPER",
            Node::AlterFdwStmt(_) => "ALTER FOREIGN DATA WRAPPER",
            Node::CreateForeignServerStmt(_) => "CREATE SERVER",
            Node::AlterForeignServerStmt(_) => "ALTER SERVER",
            Node::CreateUserMappingStmt(_) => "CREATE USER MAPPING",
            Node::AlterUserMappingStmt(_) => "ALTER USER MAPPING",
            Node::DropUserMappingStmt(_) => "DROP USER MAPPING",
            Node::ImportForeignSchemaStmt(_) => "IMPORT FOREIGN SCHEMA",
            Node::CreatePublicationStmt(_) => "CREATE PUBLICATION",
            Node::AlterPublicationStmt(_) => "ALTER PUBLICATION",
            Node::CreateSubscriptionStmt(_) => "CREATE SUBSCRIPTION",
            Node::AlterSubscriptionStmt(_) => "ALTER SUBSCRIPTION",
            Node::DropSubscriptionStmt(_) => "DROP SUBSCRIPTION",
            Node::CreateTableSpaceStmt(_) => "CREATE TABLESPACE",
            Node::AlterTableSpaceOptionsStmt(_) => "ALTER TABLESPACE",
            Node::AlterTableMoveAllStmt(_) => "ALTER ... ALL IN TABLESPACE",
            Node::DropTableSpaceStmt(_) => "DROP TABLESPACE",
            Node::CreatedbStmt(_) => "CREATE DATABASE",
            Node::AlterDatabaseStmt(_)
            | Node::AlterDatabaseSetStmt(_)
            | Node::AlterDatabaseRefreshCollStmt(_) => "ALTER DATABASE",
            Node::DropdbStmt(_) => "DROP DATABASE",
            Node::AlterSystemStmt(_) => "ALTER SYSTEM",
            Node::AlterCollationStmt(_) => "ALTER COLLATION",
            Node::CreateConversionStmt(_) => "CREATE CONVERSION",
            Node::CreateAmStmt(_) => "CREATE ACCESS METHOD",
            Node::CreateEventTrigStmt(_) => "CREATE EVENT TRIGGER",
            Node::AlterEventTrigStmt(_) => "ALTER EVENT TRIGGER",
            Node::AlterTSDictionaryStmt(_) => "ALTER TEXT SEARCH DICTIONARY",
            Node::AlterTSConfigurationStmt(_) => "ALTER TEXT SEARCH CONFIGURATION",
            Node::SecLabelStmt(_) => "SECURITY LABEL",
            Node::LoadStmt(_) => "LOAD",
            Node::CheckPointStmt(_) => "CHECKPOINT",
            Node::Invalid(node) if node.type_ == raw::NodeTag::T_CreateForeignTableStmt => {
                "CREATE FOREIGN TABLE"
            }
            other => {
                self.unknown(other);
                return "statement";
            }
        };
        self.administer(what);
        what
    }

    /// Left out: missing_ok.
    fn alter_table(&mut self, alter: &'a AlterTableStmt) {
        self.range(alter.relation(), Verbs::DDL);
        if alter.objtype == Kind::OBJECT_FOREIGN_TABLE {
            self.administer("ALTER FOREIGN TABLE");
        }
        for node in alter.cmds() {
            match node {
                Node::AlterTableCmd(command) => self.alter_table_command(command),
                other => self.unknown(other),
            }
        }
    }

    /// Left out: name (a column, a constraint), num, missing_ok, recurse; newowner is OWNER's.
    fn alter_table_command(&mut self, command: &'a AlterTableCmd) {
        use raw::AlterTableType as At;
        match command.subtype {
            At::AT_AddColumn
            | At::AT_DropColumn
            | At::AT_ColumnDefault
            | At::AT_DropNotNull
            | At::AT_SetNotNull
            | At::AT_SetExpression
            | At::AT_DropExpression
            | At::AT_SetStatistics
            | At::AT_SetOptions
            | At::AT_ResetOptions
            | At::AT_SetStorage
            | At::AT_SetCompression
            | At::AT_AddConstraint
            | At::AT_AlterConstraint
            | At::AT_ValidateConstraint
            | At::AT_DropConstraint
            | At::AT_AlterColumnType
            | At::AT_AddIdentity
            | At::AT_SetIdentity
            | At::AT_DropIdentity
            | At::AT_AttachPartition
            | At::AT_DetachPartition
            | At::AT_DetachPartitionFinalize => {}
            At::AT_ChangeOwner => self.administer("ALTER TABLE ... OWNER TO"),
            At::AT_EnableTrig
            | At::AT_EnableAlwaysTrig
            | At::AT_EnableReplicaTrig
            | At::AT_DisableTrig
            | At::AT_EnableTrigAll
            | At::AT_DisableTrigAll
            | At::AT_EnableTrigUser
            | At::AT_DisableTrigUser => self.administer("ALTER TABLE ... TRIGGER"),
            At::AT_EnableRule | At::AT_EnableAlwaysRule | At::AT_EnableReplicaRule | At::AT_DisableRule => {
                self.administer("ALTER TABLE ... RULE");
            }
            At::AT_EnableRowSecurity
            | At::AT_DisableRowSecurity
            | At::AT_ForceRowSecurity
            | At::AT_NoForceRowSecurity => self.administer("ALTER TABLE ... ROW LEVEL SECURITY"),
            _ => self.administer("ALTER TABLE with such a subcommand"),
        }
        self.alter_part(command.def());
        self.cascade(command.behavior);
    }

    /// What a subcommand brings along.
    fn alter_part(&mut self, node: Node<'a>) {
        match node {
            Node::ColumnDef(column) => self.column_def(column),
            Node::Constraint(constraint) => self.constraint(constraint),
            Node::PartitionCmd(partition) => {
                // Left out: concurrent.
                self.range(partition.name(), Verbs::DDL);
                self.partition_bound(partition.bound());
            }
            Node::RangeVar(range) => self.range(Some(range), Verbs::DDL),
            Node::TypeName(name) => self.type_name(Some(name)),
            Node::DefElem(option) => self.option(option),
            // Names and flags of the relation's own.
            Node::ATAlterConstraint(_) | Node::ReplicaIdentityStmt(_) => {}
            Node::NodeList(list) => self.sequence_options(list),
            other => self.expr(other),
        }
    }

    /// Left out: missing_ok, concurrent.
    fn drop_objects(&mut self, drop: &'a DropStmt) {
        self.cascade(drop.behavior);
        for node in drop.objects() {
            self.object(drop.remove_type, node, false);
        }
    }

    fn comment(&mut self, comment: &'a CommentStmt) {
        self.object(comment.objtype, comment.object(), true);
    }

    /// An object that DROP or COMMENT names.
    fn object(&mut self, kind: raw::ObjectType::Type, node: Node<'a>, comment: bool) {
        match (kind, node) {
            (
                Kind::OBJECT_TABLE
                | Kind::OBJECT_SEQUENCE
                | Kind::OBJECT_VIEW
                | Kind::OBJECT_MATVIEW
                | Kind::OBJECT_INDEX
                | Kind::OBJECT_STATISTIC_EXT,
                Node::NodeList(name),
            ) => {
                let name = self.name_of(name);
                self.ddl_name(name);
            }
            (Kind::OBJECT_TYPE | Kind::OBJECT_DOMAIN, Node::TypeName(name)) => {
                let name = self.name_of_strings(name.names());
                self.ddl_name(name);
            }
            (Kind::OBJECT_DOMCONSTRAINT, Node::NodeList(list)) => match list.first() {
                Some(Node::TypeName(name)) => {
                    let name = self.name_of_strings(name.names());
                    self.ddl_name(name);
                }
                _ => self.unknown(node),
            },
            (Kind::OBJECT_COLUMN | Kind::OBJECT_TABCONSTRAINT, Node::NodeList(name)) => {
                let relation = self.name_before_last(name);
                self.ddl_name(relation);
            }
            (Kind::OBJECT_SCHEMA, Node::String(name)) => self.schema(name.sval(), Verbs::DDL),
            (Kind::OBJECT_TRIGGER | Kind::OBJECT_RULE, Node::NodeList(name)) => {
                let relation = self.name_before_last(name);
                self.ddl_name(relation);
                self.effect(Effect::DefineCode);
            }
            (kind, _) if !comment && defines_code(kind) => self.effect(Effect::DefineCode),
            _ if comment => self.administer("COMMENT"),
            (kind, _) => self.administer(drop_words(kind)),
        }
    }

    /// Left out: missing_ok. Both the old and the new name are touched.
    fn rename(&mut self, rename: &'a RenameStmt) {
        self.cascade(rename.behavior);
        match (rename.rename_type, rename.relation(), rename.object()) {
            (
                Kind::OBJECT_TABLE
                | Kind::OBJECT_SEQUENCE
                | Kind::OBJECT_VIEW
                | Kind::OBJECT_MATVIEW
                | Kind::OBJECT_INDEX,
                Some(relation),
                _,
            ) => {
                let old = self.range_name(relation);
                self.renamed(old, rename.newname());
            }
            (
                Kind::OBJECT_COLUMN | Kind::OBJECT_TABCONSTRAINT | Kind::OBJECT_ATTRIBUTE,
                Some(relation),
                _,
            ) => {
                // `relation_type` tells what it is a column of; a foreign table's is no matter of grants.
                if rename.relation_type == Kind::OBJECT_FOREIGN_TABLE {
                    self.administer("ALTER FOREIGN TABLE");
                }
                self.range(Some(relation), Verbs::DDL);
            }
            (
                Kind::OBJECT_TYPE | Kind::OBJECT_DOMAIN | Kind::OBJECT_STATISTIC_EXT,
                _,
                Node::NodeList(name),
            ) => {
                let old = self.name_of(name);
                self.renamed(old, rename.newname());
            }
            (Kind::OBJECT_DOMCONSTRAINT, _, Node::NodeList(name)) => {
                let name = self.name_of(name);
                self.ddl_name(name);
            }
            (Kind::OBJECT_SCHEMA, _, _) => {
                self.schema(rename.subname(), Verbs::DDL);
                self.schema(rename.newname(), Verbs::DDL);
            }
            (Kind::OBJECT_TRIGGER | Kind::OBJECT_RULE, Some(relation), _) => {
                self.range(Some(relation), Verbs::DDL);
                self.effect(Effect::DefineCode);
            }
            (kind, _, _) if defines_code(kind) => self.effect(Effect::DefineCode),
            (kind, _, _) => self.administer(alter_words(kind)),
        }
    }

    fn renamed(&mut self, old: Option<super::names::Qualified<'a>>, new: Option<&'a str>) {
        let (Some((schema, name)), Some(new)) = (old, new) else { return self.unknown_text("a name") };
        self.touch(schema, name, Verbs::DDL);
        self.touch(schema, new, Verbs::DDL);
    }

    /// Left out: missing_ok. The object is touched where it was and where it goes.
    fn set_schema(&mut self, alter: &'a AlterObjectSchemaStmt) {
        let old = match (alter.object_type, alter.relation(), alter.object()) {
            (
                Kind::OBJECT_TABLE | Kind::OBJECT_SEQUENCE | Kind::OBJECT_VIEW | Kind::OBJECT_MATVIEW,
                Some(relation),
                _,
            ) => self.range_name(relation),
            (
                Kind::OBJECT_TYPE | Kind::OBJECT_DOMAIN | Kind::OBJECT_STATISTIC_EXT,
                _,
                Node::NodeList(name),
            ) => self.name_of(name),
            (kind, _, _) if defines_code(kind) => return self.effect(Effect::DefineCode),
            (kind, _, _) => return self.administer(alter_words(kind)),
        };
        let (Some((schema, name)), Some(new)) = (old, alter.newschema()) else {
            return self.unknown_text("a name");
        };
        self.touch(schema, name, Verbs::DDL);
        self.touch(Some(new), name, Verbs::DDL);
    }
}

/// Functions and what runs them.
fn defines_code(kind: raw::ObjectType::Type) -> bool {
    matches!(
        kind,
        Kind::OBJECT_FUNCTION
            | Kind::OBJECT_PROCEDURE
            | Kind::OBJECT_ROUTINE
            | Kind::OBJECT_AGGREGATE
            | Kind::OBJECT_OPERATOR
            | Kind::OBJECT_OPCLASS
            | Kind::OBJECT_OPFAMILY
            | Kind::OBJECT_CAST
            | Kind::OBJECT_TRANSFORM
            | Kind::OBJECT_LANGUAGE
            | Kind::OBJECT_TRIGGER
            | Kind::OBJECT_RULE
    )
}

fn drop_words(kind: raw::ObjectType::Type) -> &'static str {
    match kind {
        Kind::OBJECT_TABLE => "DROP TABLE",
        Kind::OBJECT_VIEW => "DROP VIEW",
        Kind::OBJECT_MATVIEW => "DROP MATERIALIZED VIEW",
        Kind::OBJECT_INDEX => "DROP INDEX",
        Kind::OBJECT_SEQUENCE => "DROP SEQUENCE",
        Kind::OBJECT_TYPE => "DROP TYPE",
        Kind::OBJECT_DOMAIN => "DROP DOMAIN",
        Kind::OBJECT_SCHEMA => "DROP SCHEMA",
        Kind::OBJECT_STATISTIC_EXT => "DROP STATISTICS",
        Kind::OBJECT_FUNCTION => "DROP FUNCTION",
        Kind::OBJECT_PROCEDURE => "DROP PROCEDURE",
        Kind::OBJECT_TRIGGER => "DROP TRIGGER",
        Kind::OBJECT_RULE => "DROP RULE",
        Kind::OBJECT_EXTENSION => "DROP EXTENSION",
        Kind::OBJECT_FOREIGN_TABLE => "DROP FOREIGN TABLE",
        Kind::OBJECT_FOREIGN_SERVER => "DROP SERVER",
        Kind::OBJECT_FDW => "DROP FOREIGN DATA WRAPPER",
        Kind::OBJECT_PUBLICATION => "DROP PUBLICATION",
        Kind::OBJECT_POLICY => "DROP POLICY",
        Kind::OBJECT_EVENT_TRIGGER => "DROP EVENT TRIGGER",
        Kind::OBJECT_ACCESS_METHOD => "DROP ACCESS METHOD",
        Kind::OBJECT_COLLATION => "DROP COLLATION",
        Kind::OBJECT_CONVERSION => "DROP CONVERSION",
        Kind::OBJECT_TSCONFIGURATION
        | Kind::OBJECT_TSDICTIONARY
        | Kind::OBJECT_TSPARSER
        | Kind::OBJECT_TSTEMPLATE => "DROP TEXT SEARCH",
        _ => "DROP",
    }
}

fn alter_words(kind: raw::ObjectType::Type) -> &'static str {
    match kind {
        Kind::OBJECT_TABLE | Kind::OBJECT_TABCONSTRAINT => "ALTER TABLE",
        Kind::OBJECT_VIEW => "ALTER VIEW",
        Kind::OBJECT_MATVIEW => "ALTER MATERIALIZED VIEW",
        Kind::OBJECT_INDEX => "ALTER INDEX",
        Kind::OBJECT_SEQUENCE => "ALTER SEQUENCE",
        Kind::OBJECT_TYPE => "ALTER TYPE",
        Kind::OBJECT_DOMAIN | Kind::OBJECT_DOMCONSTRAINT => "ALTER DOMAIN",
        Kind::OBJECT_SCHEMA => "ALTER SCHEMA",
        Kind::OBJECT_STATISTIC_EXT => "ALTER STATISTICS",
        Kind::OBJECT_FUNCTION => "ALTER FUNCTION",
        Kind::OBJECT_PROCEDURE => "ALTER PROCEDURE",
        Kind::OBJECT_TRIGGER => "ALTER TRIGGER",
        Kind::OBJECT_RULE => "ALTER RULE",
        Kind::OBJECT_POLICY => "ALTER POLICY",
        Kind::OBJECT_ROLE => "ALTER ROLE",
        Kind::OBJECT_DATABASE => "ALTER DATABASE",
        Kind::OBJECT_FOREIGN_TABLE => "ALTER FOREIGN TABLE",
        _ => "ALTER",
    }
}

/// What CREATE makes that is no matter of grants.
pub(super) fn create_words(kind: raw::ObjectType::Type) -> &'static str {
    match kind {
        Kind::OBJECT_COLLATION => "CREATE COLLATION",
        Kind::OBJECT_TSCONFIGURATION
        | Kind::OBJECT_TSDICTIONARY
        | Kind::OBJECT_TSPARSER
        | Kind::OBJECT_TSTEMPLATE => "CREATE TEXT SEARCH",
        _ => "CREATE",
    }
}

/// ADD CONSTRAINT (but NOT VALID), VALIDATE CONSTRAINT, SET NOT NULL of a domain.
fn looks_at_values(alter: &nodes::AlterDomainStmt) -> bool {
    let is_later = matches!(alter.def(), Node::Constraint(constraint) if constraint.skip_validation);
    matches!(u8::try_from(alter.subtype), Ok(b'C' | b'V' | b'O')) && !is_later
}
