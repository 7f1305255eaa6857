//! What PostgreSQL itself brings: functions known to be harmless, and the names of its catalogues.
//!
//! The lists are written by `scripts/function-lists`, which says how.

use crate::glob::glob;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

/// The schema of what PostgreSQL itself brings.
pub(crate) const CATALOG: &str = "pg_catalog";
/// The standard's views over it.
pub(crate) const STANDARD: &str = "information_schema";

/// What pg_catalog has under a function's name, in any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// Functions that neither write nor read named data nor touch others.
    Harmless,
    /// Others.
    Known,
    /// Nothing.
    Unknown,
}

/// All function names of pg_catalog. The tables never change, so that a fast hash does.
static FUNCTIONS: LazyLock<FxHashMap<&'static str, Builtin>> = LazyLock::new(|| {
    let harmless: FxHashSet<&str> = include_str!("builtin/harmless.txt").lines().collect();
    let kind = |name: &str| if harmless.contains(name) { Builtin::Harmless } else { Builtin::Known };
    include_str!("builtin/known.txt").lines().map(|name| (name, kind(name))).collect()
});
/// Tables and views of pg_catalog in PostgreSQL 13 to 18.
static RELATIONS: LazyLock<FxHashSet<&'static str>> =
    LazyLock::new(|| include_str!("builtin/relations.txt").lines().collect());

/// What gives the last value of any sequence: fine for a grant that reads every relation. pg_dump 18 calls the first
/// one for all of them.
const SEQUENCES: &[&str] = &["pg_get_sequence_data", "pg_sequence_last_value", "pg_sequences"];

/// Functions that only wait: harmless if the time that statements run is limited.
const WAITING: &[&str] = &["pg_sleep", "pg_sleep_for", "pg_sleep_until"];

/// Of the functions that need a `call` rule, those that a `*` in it may give, too: sequences, waiting, advisory locks,
/// the statement's own transaction. All others touch files, large objects, settings, other sessions, replication or run
/// texts, and need a rule with their own name. So do those that a newer server has. The same as `MILD` of
/// python/hoopwire/model/patterns.py.
const MILD: &[&str] = &[
    "currval",
    "lastval",
    "nextval",
    "pg_advisory_*",
    "pg_current_xact_id",
    "pg_sleep*",
    "pg_try_advisory_*",
    "setval",
    "txid_current",
];

/// A schema that no `*` matches: the rule has to write it out.
pub(crate) fn is_system_schema(schema: &str) -> bool {
    schema == STANDARD
        || schema.strip_prefix("pg_").is_some_and(|rest| {
            matches!(rest, "catalog" | "toast" | "temp")
                || rest.starts_with("temp_")
                || rest.starts_with("toast_temp_")
        })
}

/// True for functions that need a rule with their own name.
pub(crate) fn is_dangerous(schema: &str, name: &str) -> bool {
    schema == CATALOG && builtin(name) != Builtin::Harmless && !MILD.iter().any(|mild| glob(mild, name))
}

/// True for functions and views that read any sequence.
pub(crate) fn reads_sequences(schema: &str, name: &str) -> bool {
    schema == CATALOG && SEQUENCES.contains(&name)
}

/// True for tables and views of pg_catalog, of any version.
pub(crate) fn is_catalog_relation(name: &str) -> bool {
    name.starts_with("pg_") && RELATIONS.contains(name)
}

/// What pg_catalog has under this name.
pub(crate) fn builtin(name: &str) -> Builtin {
    FUNCTIONS.get(name).copied().unwrap_or(Builtin::Unknown)
}

impl Builtin {
    /// True for functions that pg_catalog has or, by their names, may have in a version that is newer than the lists.
    pub(crate) fn may_be_there(self, name: &str) -> bool {
        self != Builtin::Unknown || name.starts_with("pg_") || name.starts_with("binary_upgrade_")
    }

    /// True if the function of this schema is harmless. `may_wait`: the grant limits how long statements run.
    pub(crate) fn is_harmless(self, schema: &str, name: &str, may_wait: bool) -> bool {
        match schema {
            CATALOG => self == Builtin::Harmless || (may_wait && WAITING.contains(&name)),
            STANDARD => name.starts_with("_pg_"),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_whole_and_each_is_part_of_the_next() {
        let harmless: Vec<&str> = include_str!("builtin/harmless.txt").lines().collect();
        assert!(harmless.len() > 2400 && FUNCTIONS.len() > 2650 && RELATIONS.len() > 138);
        assert!(harmless.iter().all(|name| builtin(name) == Builtin::Harmless));
        assert!(RELATIONS.iter().all(|name| name.starts_with("pg_")), "an unqualified name is told by it");
    }

    #[test]
    fn a_function_with_effects_is_on_the_list_of_harmless_ones() {
        // reads that are writes, or that read what no rule names
        for name in [
            "nextval",
            "setval",
            "currval",
            "lastval",
            "set_config",
            "pg_terminate_backend",
            "pg_cancel_backend",
            "pg_read_file",
            "pg_read_binary_file",
            "pg_ls_dir",
            "pg_stat_file",
            "lo_import",
            "lo_export",
            "lo_get",
            "lo_put",
            "loread",
            "lowrite",
            "query_to_xml",
            "query_to_xml_and_xmlschema",
            "table_to_xml",
            "schema_to_xml",
            "database_to_xml",
            "cursor_to_xml",
            "ts_stat",
            "ts_rewrite",
            "pg_notify",
            "pg_sleep",
            "pg_advisory_lock",
            "pg_logical_emit_message",
            "pg_stat_get_activity",
            "pg_stat_get_backend_activity",
            "pg_reload_conf",
            "pg_rotate_logfile",
            "pg_switch_wal",
            "pg_promote",
            "pg_export_snapshot",
            "currtid2",
            "pg_stat_reset",
            "pg_hba_file_rules",
            "pg_get_backend_memory_contexts",
            "pg_clear_relation_stats",
            "pg_mcv_list_items",
            "pg_stat_get_wal_receiver",
            "binary_upgrade_create_empty_extension",
            "pg_import_system_collations",
            "pg_replication_origin_create",
            "pg_create_logical_replication_slot",
        ] {
            assert_eq!(builtin(name), Builtin::Known, "{name}");
            assert!(!Builtin::Known.is_harmless(CATALOG, name, false), "{name}");
        }
        for name in
            ["lower", "count", "now", "random", "row_number", "generate_series", "jsonb_agg", "any_value"]
        {
            assert!(builtin(name).is_harmless(CATALOG, name, false), "{name}");
            assert!(!builtin(name).is_harmless("public", name, false), "only pg_catalog's own {name}");
        }
        assert!(builtin("pg_sleep").is_harmless(CATALOG, "pg_sleep", true));
    }

    #[test]
    fn system_schemas() {
        for schema in
            ["pg_catalog", "pg_temp", "pg_temp_3", "pg_toast", "pg_toast_temp_12", "information_schema"]
        {
            assert!(is_system_schema(schema), "{schema}");
        }
        assert!(!is_system_schema("public") && !is_system_schema("pg_tempest"));
    }
}
