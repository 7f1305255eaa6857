//! Which settings a session may choose for itself, by SET, RESET and `set_config`.
//!
//! The same thoughts as for startup parameters (`rust/postgres/protocol/src/params.rs`, whose list `FREE` repeats, since this
//! room knows no protocol): what can change how a text is read, what names mean, whose rights count or what a row
//! policy sees is refused, and so is everything not on a list.

use crate::refusal::Reason;
use crate::rules::Rules;
use hoopwire_postgres_sql::SettingValue;

/// Any value; the target checks it. Sorted.
const FREE: &[&str] = &[
    "all",
    "application_name",
    "bytea_output",
    "client_min_messages",
    "constraints",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "cursor_tuple_fraction",
    "datestyle",
    "debug_parallel_query",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "escape_string_warning",
    "extra_float_digits",
    "force_parallel_mode",
    "from_collapse_limit",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "jit_above_cost",
    "jit_expressions",
    "jit_inline_above_cost",
    "jit_optimize_above_cost",
    "jit_tuple_deforming",
    "join_collapse_limit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "max_parallel_workers_per_gather",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "plan_cache_mode",
    "quote_all_identifiers",
    "random_page_cost",
    // pg_dump closes views and foreign tables to itself by it
    "restrict_nonsystem_relation_kind",
    "seq_page_cost",
    "statement_timeout",
    "synchronize_seqscans",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_timeout",
    "xmlbinary",
    "xmloption",
];

const LEAVE_OUT: &str = "Leave the setting as it is.";
const READS: &str = "The grant only reads.";
const CONSTANTS: &str = "Write the setting's name and value as constants, without parameters or expressions.";

/// SET, RESET and their like.
pub(crate) fn check_set(rights: &Rules, name: &str, value: &SettingValue) -> Result<(), Reason> {
    let value = match value {
        SettingValue::Constants(values) if name == "search_path" => Value::List(values.clone()),
        SettingValue::Constants(values) => match values.as_slice() {
            [value] => Value::One(value),
            _ => Value::Unknown,
        },
        SettingValue::Default => Value::Default,
        SettingValue::Unknown => Value::Unknown,
    };
    check(rights, name, value)
}

/// `set_config`, whose second argument is read as the setting itself is written in a configuration file.
pub(crate) fn check_set_config(rights: &Rules, setting: Option<&(String, String)>) -> Result<(), Reason> {
    let Some((name, value)) = setting else {
        return Err(Reason::Setting { name: "set_config".to_owned(), hint: CONSTANTS });
    };
    // names of settings are compared without regard to case
    let name = name.to_ascii_lowercase();
    if name == "search_path" {
        let list = identifiers(value);
        return check(rights, &name, list.map_or(Value::Unknown, Value::List));
    }
    if name == "all" {
        return Err(Reason::Setting { name, hint: LEAVE_OUT });
    }
    check(rights, &name, Value::One(value))
}

/// Whether names may be looked up along this path, as a target of PostgreSQL 18 reports it.
#[must_use]
pub fn allows_search_path(rights: &Rules, path: &str) -> bool {
    check_set_config(rights, Some(&("search_path".to_owned(), path.to_owned()))).is_ok()
}

enum Value<'a> {
    One(&'a str),
    List(Vec<String>),
    Default,
    Unknown,
}

fn check(rights: &Rules, name: &str, value: Value<'_>) -> Result<(), Reason> {
    let allowed = |allowed: bool, hint: &'static str| {
        if allowed { Ok(()) } else { Err(Reason::Setting { name: name.to_owned(), hint }) }
    };
    let one = match value {
        Value::One(one) => Some(one),
        _ => None,
    };
    if matches!(value, Value::Default) {
        return check_back(rights, name);
    }
    let boolean = one.and_then(parse_bool);
    match name {
        "standard_conforming_strings" => {
            allowed(boolean == Some(true), "It may only be on: strings would be read in another way.")
        }
        "client_encoding" => allowed(one.is_some_and(is_utf8), "Use UTF8."),
        "row_security" => {
            allowed(boolean == Some(false), "It may only be off: then filtered rows are an error.")
        }
        "default_transaction_read_only" | "transaction_read_only" => {
            allowed(!rights.read_only || boolean == Some(true), READS)
        }
        "search_path" => {
            let list = match value {
                Value::List(list) => Some(list),
                _ => None,
            };
            allowed(
                list.is_some_and(|list| is_part_of(&list, &rights.search_path)),
                "Only schemas of the session's own search_path may be in it; write other names with their schema.",
            )
        }
        "role" | "session_authorization" => {
            allowed(false, "The gateway chooses the target's role from the grant.")
        }
        "transaction_snapshot" => allowed(false, "Begin a transaction of your own."),
        name if name.contains('.') => allowed(false, "Row policies may trust settings of applications."),
        name => allowed(FREE.binary_search(&name).is_ok() || is_planner(name), LEAVE_OUT),
    }
}

/// RESET, SET ... TO DEFAULT: back to what the session began with. That is what the gateway pinned at startup, and
/// no SET changes it; RESET ALL and DISCARD ALL, which every pool sends, give the same up. `role` goes back to what
/// the target's own configuration begins sessions with, which SET ROLE NONE would not.
fn check_back(rights: &Rules, name: &str) -> Result<(), Reason> {
    let refused = |hint: &'static str| Err(Reason::Setting { name: name.to_owned(), hint });
    match name {
        // Its own default is READ WRITE, whatever the session began with.
        "transaction_read_only" if rights.read_only => refused(READS),
        // A setting that nobody made is there afterwards, with an empty value: a row policy may take it for one.
        name if name.contains('.') => refused("RESET ALL gives up what the session set."),
        _ => Ok(()),
    }
}

/// `enable_seqscan` and its like.
fn is_planner(name: &str) -> bool {
    name.strip_prefix("enable_").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// As the server compares encodings' names: letters and digits alone, in any case.
fn is_utf8(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode"].iter().any(|utf8| name.eq_ignore_ascii_case(utf8))
}

/// The new path is searched only where the pinned one is: names then mean less, and never anything else. Temporary
/// relations come first unless they are named last; named first, new relations would be temporary.
fn is_part_of(list: &[String], pinned: &[String]) -> bool {
    if let [one] = list
        && one.is_empty()
    {
        return true;
    }
    let last = list.len().saturating_sub(1);
    list.iter().enumerate().all(|(at, schema)| match schema.as_str() {
        "pg_catalog" => at == 0,
        "pg_temp" => at == last,
        schema => pinned.iter().any(|pinned| pinned == schema),
    })
}

/// The server's `SplitIdentifierString`: names between commas, folded to lower case unless quoted. `None` if it is
/// not such a list, or if folding is not plain.
fn identifiers(text: &str) -> Option<Vec<String>> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut rest = text.trim_start_matches(blank);
    let mut names = Vec::new();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let name;
        (name, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => {
                let end = rest.find(|c| c == ',' || blank(c)).unwrap_or(rest.len());
                let (name, rest) = rest.split_at_checked(end)?;
                // a quote inside would go on as part of the name at the server; nobody writes that
                if name.is_empty() || !name.is_ascii() || name.contains('"') {
                    return None;
                }
                (name.to_ascii_lowercase(), rest)
            }
        };
        if name.len() > 63 {
            return None;
        }
        names.push(name);
        rest = rest.trim_start_matches(blank);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches(blank),
            None => return rest.is_empty().then_some(names),
        }
    }
}

/// Behind the opening quote: the name and what follows the closing one.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

/// The server's `parse_bool`: any case, any start of a word that fits only one word.
pub(crate) fn parse_bool(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let starts = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if starts("true", 1) || starts("yes", 1) || starts("on", 2) || value == "1" {
        Some(true)
    } else if starts("false", 1) || starts("no", 1) || starts("off", 2) || value == "0" {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(read_only: bool) -> Rules {
        Rules { search_path: vec!["public".into(), "App".into()], read_only, ..Rules::default() }
    }

    fn set(name: &str, values: &[&str]) -> bool {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        check_set(&rights(true), name, &SettingValue::Constants(values)).is_ok()
    }

    fn set_config(name: &str, value: &str) -> bool {
        check_set_config(&rights(true), Some(&(name.to_owned(), value.to_owned()))).is_ok()
    }

    #[test]
    fn lists_are_sorted() {
        assert!(FREE.is_sorted());
    }

    #[test]
    fn a_setting_that_changes_how_a_text_is_read_or_whose_rights_count() {
        for (name, value) in [
            ("standard_conforming_strings", "off"),
            ("standard_conforming_strings", "0"),
            ("client_encoding", "SJIS"),
            ("client_encoding", "GBK"),
            ("client_encoding", "utf8x"),
            ("role", "admin"),
            ("session_authorization", "admin"),
            ("row_security", "on"),
            ("session_replication_role", "replica"),
            ("app.tenant", "7"),
            ("plpgsql.extra_errors", "all"),
            ("default_transaction_read_only", "off"),
            ("transaction_read_only", "no"),
            ("work_mem", "1GB"),
            ("transaction_snapshot", "00000003-1"),
            ("backslash_quote", "on"),
            ("transform_null_equals", "on"),
            ("default_tablespace", "x"),
            ("check_function_bodies", "off"),
            ("local_preload_libraries", "x"),
            ("search_path", "secret"),
            ("log_statement", "none"),
            ("enable_seqscan.x", "1"),
            ("", ""),
        ] {
            assert!(!set(name, &[value]), "SET {name} = {value}");
            assert!(!set_config(name, value), "set_config({name}, {value})");
            assert!(!set_config(&name.to_uppercase(), value) || name.is_empty(), "upper case {name}");
        }
        assert!(check_set_config(&rights(false), None).is_err(), "not constant");
    }

    #[test]
    fn a_reset_that_makes_a_read_only_transaction_write() {
        let reset =
            |name: &str, read_only| check_set(&rights(read_only), name, &SettingValue::Default).is_ok();
        assert!(!reset("transaction_read_only", true), "its own default is off, not the session's");
        assert!(reset("default_transaction_read_only", true) && reset("transaction_read_only", false));
        assert!(reset("all", true) && reset("role", true) && reset("session_authorization", true));
        // It was not there before, and would be there with an empty value.
        assert!(!reset("app.tenant", false));
    }

    #[test]
    fn what_drivers_and_pg_dump_set() {
        for (name, value) in [
            ("application_name", "x"),
            ("datestyle", "ISO"),
            ("extra_float_digits", "3"),
            ("row_security", "off"),
            ("statement_timeout", "0"),
            ("client_encoding", "Utf-8"),
            ("client_encoding", "unicode"),
            ("standard_conforming_strings", "on"),
            ("quote_all_identifiers", "true"),
            ("enable_seqscan", "off"),
            ("default_transaction_read_only", "t"),
            ("transaction_read_only", "1"),
            ("synchronize_seqscans", "off"),
        ] {
            assert!(set(name, &[value]), "SET {name} = {value}");
            assert!(set_config(name, value), "set_config({name}, {value})");
        }
        assert!(set_config("search_path", "") && set("search_path", &[""]), "as pg_dump has it");
    }

    #[test]
    fn a_search_path_that_leads_elsewhere() {
        assert!(
            set("search_path", &["App", "public"])
                && set("search_path", &["pg_catalog", "public", "pg_temp"])
        );
        assert!(!set("search_path", &["app"]), "another schema: names are case-sensitive once folded");
        assert!(!set("search_path", &["public", "pg_catalog"]), "public would hide built-in functions");
        assert!(!set("search_path", &["pg_temp", "public"]) && !set("search_path", &["$user", "public"]));
        assert!(!set("search_path", &["public, secret"]), "SET takes one constant for one name");
        assert!(set_config("search_path", " PUBLIC ,\"App\"") && set_config("search_path", "\"public\""));
        for value in
            ["public, secret", "\"public", "public,", ",public", "\"pub\"\"lic\"", "public secret", "App"]
        {
            assert!(!set_config("search_path", value), "{value}");
        }
    }
}
