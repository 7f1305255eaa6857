//! Settings, transactions, cursors, prepared statements: what changes the session and not the data.

use super::Walk;
use crate::{Effect, SettingValue};
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::{ConstraintsSetStmt, TransactionStmt, VariableSetStmt};
use pg_raw_parse::{ConstValue, Node, raw};

impl<'a> Walk<'a> {
    /// Left out: is_local (SET LOCAL is no less a SET), jumble_args.
    pub(super) fn set(&mut self, set: &'a VariableSetStmt) -> &'static str {
        let name = set.name().unwrap_or("").to_ascii_lowercase();
        match set.kind {
            raw::VariableSetKind::VAR_SET_VALUE => {
                // The grammar names SET TIME ZONE, NAMES, ROLE, SESSION AUTHORIZATION and so on itself.
                let value = self.constants(set.args());
                self.effect(Effect::Set { name, value });
                "SET"
            }
            raw::VariableSetKind::VAR_SET_DEFAULT => {
                self.effect(Effect::Set { name, value: SettingValue::Default });
                "SET"
            }
            raw::VariableSetKind::VAR_SET_CURRENT => {
                self.effect(Effect::Set { name, value: SettingValue::Unknown });
                "SET"
            }
            raw::VariableSetKind::VAR_SET_MULTI => {
                match name.as_str() {
                    "transaction" => self.transaction_modes(set.args(), ""),
                    "session characteristics" => self.transaction_modes(set.args(), "default_"),
                    "transaction snapshot" => {
                        let value = self.constants(set.args());
                        self.effect(Effect::Set { name: "transaction_snapshot".to_owned(), value });
                    }
                    _ => self.unknown_text("VariableSetStmt"),
                }
                "SET"
            }
            raw::VariableSetKind::VAR_RESET => {
                self.effect(Effect::Set { name, value: SettingValue::Default });
                "RESET"
            }
            raw::VariableSetKind::VAR_RESET_ALL => {
                self.effect(Effect::Set { name: "all".to_owned(), value: SettingValue::Default });
                "RESET"
            }
            _ => {
                self.unknown_text("VariableSetStmt");
                "SET"
            }
        }
    }

    fn constants(&mut self, args: &'a NodeList) -> SettingValue {
        let mut values = Vec::with_capacity(args.len());
        for node in args {
            match node {
                Node::A_Const(value) => match value.val() {
                    Some(value) => match constant(value) {
                        Some(text) => values.push(text),
                        None => return SettingValue::Unknown,
                    },
                    None => return SettingValue::Unknown,
                },
                // SET TIME ZONE INTERVAL '1' HOUR, and what else may come.
                other => {
                    self.expr(other);
                    return SettingValue::Unknown;
                }
            }
        }
        SettingValue::Constants(values)
    }

    /// ISOLATION LEVEL, READ ONLY, DEFERRABLE: named `transaction_...` by the grammar.
    fn transaction_modes(&mut self, modes: &'a NodeList, prefix: &str) {
        for node in modes {
            let Node::DefElem(mode) = node else { return self.unknown(node) };
            let value = match (mode.defname(), flag(mode.arg())) {
                (Some("transaction_isolation"), _) => match mode.arg() {
                    Node::A_Const(value) => match value.val().and_then(constant) {
                        Some(text) => SettingValue::Constants(vec![text]),
                        None => SettingValue::Unknown,
                    },
                    _ => SettingValue::Unknown,
                },
                (Some("transaction_read_only" | "transaction_deferrable"), Some(on)) => {
                    SettingValue::Constants(vec![if on { "on" } else { "off" }.to_owned()])
                }
                _ => SettingValue::Unknown,
            };
            let name = format!("{prefix}{}", mode.defname().unwrap_or("transaction"));
            self.effect(Effect::Set { name, value });
        }
    }

    /// Left out: chain (the next transaction is as this one was).
    pub(super) fn transaction(&mut self, transaction: &'a TransactionStmt) -> &'static str {
        use raw::TransactionStmtKind as Kind;
        let (command, two_phase) = match transaction.kind {
            Kind::TRANS_STMT_BEGIN => ("BEGIN", false),
            Kind::TRANS_STMT_START => ("START TRANSACTION", false),
            Kind::TRANS_STMT_COMMIT => ("COMMIT", false),
            Kind::TRANS_STMT_ROLLBACK => ("ROLLBACK", false),
            Kind::TRANS_STMT_SAVEPOINT => ("SAVEPOINT", false),
            Kind::TRANS_STMT_RELEASE => ("RELEASE", false),
            Kind::TRANS_STMT_ROLLBACK_TO => ("ROLLBACK TO SAVEPOINT", false),
            Kind::TRANS_STMT_PREPARE => ("PREPARE TRANSACTION", true),
            Kind::TRANS_STMT_COMMIT_PREPARED => ("COMMIT PREPARED", true),
            Kind::TRANS_STMT_ROLLBACK_PREPARED => ("ROLLBACK PREPARED", true),
            _ => {
                self.unknown_text("TransactionStmt");
                return "TRANSACTION";
            }
        };
        let mut read_write = false;
        for node in transaction.options() {
            match node {
                Node::DefElem(mode) => match (mode.defname(), flag(mode.arg())) {
                    (Some("transaction_read_only"), Some(read_only)) => read_write |= !read_only,
                    (Some("transaction_isolation"), _) | (Some("transaction_deferrable"), Some(_)) => {}
                    _ => self.unknown(node),
                },
                other => self.unknown(other),
            }
        }
        self.effect(if two_phase { Effect::TwoPhase } else { Effect::Transaction { read_write } });
        command
    }

    /// SET CONSTRAINTS: when checks run, not which.
    pub(super) fn set_constraints(&mut self, set: &'a ConstraintsSetStmt) {
        for node in set.constraints() {
            match node {
                // The names of constraints, not of relations.
                Node::RangeVar(name) => {
                    self.range_name(name);
                }
                other => self.unknown(other),
            }
        }
        let when = if set.deferred { "deferred" } else { "immediate" };
        let value = SettingValue::Constants(vec![when.to_owned()]);
        self.effect(Effect::Set { name: "constraints".to_owned(), value });
    }
}

fn constant(value: ConstValue<'_>) -> Option<String> {
    match value {
        ConstValue::Integer(number) => Some(number.to_string()),
        ConstValue::Boolean(on) => Some(if on { "true" } else { "false" }.to_owned()),
        ConstValue::Float(text) | ConstValue::String(text) => Some(text.to_owned()),
        _ => None,
    }
}

/// READ ONLY and DEFERRABLE are the integers 0 and 1 in the tree.
fn flag(node: Node<'_>) -> Option<bool> {
    match node {
        Node::A_Const(value) => match value.val()? {
            ConstValue::Integer(number) => Some(number != 0),
            ConstValue::Boolean(on) => Some(on),
            _ => None,
        },
        _ => None,
    }
}
