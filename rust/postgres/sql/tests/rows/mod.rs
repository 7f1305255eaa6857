//! Statements as one line of text, for tables of tests.
//!
//! `select+lock public.t` is an access (with `(a, b)` for written columns), `f()` a call, `call p()` one by CALL,
//! `.f` an attribute, the rest are effects. Statements are parted by ` | `.
#![allow(dead_code, unreachable_pub)]

use hoopwire_postgres_sql::{Effect, Name, SettingValue, Statement, parse};

pub fn facts(text: &str) -> String {
    match parse(text) {
        Ok(parsed) => {
            let statements = parsed.statements();
            assert_eq!(statements.len(), parsed.len());
            statements.iter().map(line).collect::<Vec<_>>().join(" | ")
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Checks each row and tells of all that differ.
pub fn check(rows: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (sql, expected) in rows {
        let found = facts(sql);
        if found != *expected {
            wrong.push_str(&format!("\n{sql}\n  expected {expected}\n  found    {found}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn name(name: &Name) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    }
}

fn line(statement: &Statement) -> String {
    let mut words = Vec::new();
    for access in &statement.accesses {
        let verbs = access.verbs.names().collect::<Vec<_>>().join("+");
        let columns = match access.columns.as_slice() {
            [] => String::new(),
            columns => format!("({})", columns.join(", ")),
        };
        words.push(format!("{verbs} {}{columns}", name(&access.relation)));
    }
    for call in &statement.calls {
        let by = if call.procedure { "call " } else { "" };
        let setting = match &call.setting {
            Some((setting, value)) => format!("{setting}={value}"),
            None => String::new(),
        };
        words.push(format!("{by}{}({setting})", name(&call.function)));
    }
    words.extend(statement.attributes.iter().map(|name| format!(".{name}")));
    words.extend(statement.effects.iter().map(effect));
    if words.is_empty() { statement.command.to_owned() } else { words.join(", ") }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Transaction { read_write } => {
            if *read_write {
                "transaction read write".to_owned()
            } else {
                "transaction".to_owned()
            }
        }
        Effect::Set { name, value } => match value {
            SettingValue::Constants(values) => format!("set {name}={}", values.join(";")),
            SettingValue::Default => format!("set {name} to default"),
            SettingValue::Unknown => format!("set {name} to ?"),
        },
        Effect::Show { name } => format!("show {name}"),
        Effect::NameDatabase { name } => format!("database {name}"),
        Effect::Prepare { name } => format!("prepare {name}"),
        Effect::Execute { name } => format!("execute {name}"),
        Effect::Deallocate { name } => format!("deallocate {name:?}"),
        Effect::Administer { what } => format!("administer {what}"),
        Effect::Unknown { what } => format!("unknown {what}"),
        plain => format!("{plain:?}"),
    }
}
