//! What needs a rule with its own name: relations of the catalogues and of extensions that show rows, secrets, settings
//! or what other sessions do, and columns of relations that may be read otherwise.

use crate::builtin::{CATALOG, STANDARD};
use crate::catalogue::Stored;
use hoopwire_postgres_sql::Closed;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// The settings.
pub(crate) const SETTINGS: &str = "pg_settings";

/// Relations of the system schemas. Only a rule that has the name without `*` covers one.
const SENSITIVE: &[(&str, &str)] = &[
    (CATALOG, "pg_aios"),
    (CATALOG, "pg_authid"),
    (CATALOG, "pg_db_role_setting"),
    (CATALOG, "pg_file_settings"),
    (CATALOG, "pg_hba_file_rules"),
    (CATALOG, "pg_ident_file_mappings"),
    (CATALOG, "pg_largeobject"),
    (CATALOG, "pg_prepared_xacts"),
    (CATALOG, "pg_roles"),
    (CATALOG, "pg_sequences"),
    (CATALOG, SETTINGS),
    (CATALOG, "pg_shadow"),
    (CATALOG, "pg_stat_activity"),
    (CATALOG, "pg_stat_gssapi"),
    (CATALOG, "pg_stat_replication"),
    (CATALOG, "pg_stat_ssl"),
    (CATALOG, "pg_stat_wal_receiver"),
    (CATALOG, "pg_statistic"),
    (CATALOG, "pg_statistic_ext_data"),
    (CATALOG, "pg_stats"),
    (CATALOG, "pg_stats_ext"),
    (CATALOG, "pg_stats_ext_exprs"),
    (CATALOG, "pg_subscription"),
    (CATALOG, "pg_user"),
    (CATALOG, "pg_user_mapping"),
    (CATALOG, "pg_user_mappings"),
    (STANDARD, "_pg_user_mappings"),
    (STANDARD, "user_mapping_options"),
];

/// Of these, the ones that everybody reads but for some columns (`\du`, `\dRs`, `\deu`, `\dconfig` and pg_dump do).
const COLUMNS: &[(&str, &[&str])] = &[
    ("pg_db_role_setting", &["setconfig"]),
    ("pg_roles", &["rolconfig"]),
    ("pg_sequences", &["last_value"]),
    (SETTINGS, &["boot_val", "reset_val", "setting", "sourcefile", "sourceline"]),
    ("pg_subscription", &["subconninfo"]),
    ("pg_user", &["useconfig"]),
    ("pg_user_mappings", &["umoptions"]),
];

/// Of these, the ones whose closed columns say what ALTER ROLE and ALTER DATABASE have set.
const KEPT_SETTINGS: &[&str] = &["pg_db_role_setting", "pg_roles", "pg_user"];

/// Of these, the ones that hold values of columns: no rule opens them to a grant with masks.
const STATISTICS: &[&str] =
    &["pg_statistic", "pg_statistic_ext_data", "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"];

/// Columns of the catalogues that hold a value of a masked column where the target has one there.
const STORED: &[(&str, &str, &[&str], Stored)] = &[
    (CATALOG, "pg_attribute", &["attmissingval"], Stored::MISSING),
    (CATALOG, "pg_attrdef", &["adbin"], Stored::DEFAULT),
    (STANDARD, "columns", &["column_default"], Stored::DEFAULT),
    (CATALOG, "pg_class", &["relpartbound"], Stored::BOUND),
];

/// Functions that say what a closed column of them holds.
const STORED_BY: &[(&str, Stored)] = &[("pg_get_partition_constraintdef", Stored::BOUND)];

/// Every column of these relations, in any version.
static KNOWN: LazyLock<FxHashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let lines = include_str!("builtin/columns.txt").lines();
    let entry =
        |line: &'static str| line.split_once(' ').map(|(name, columns)| (name, columns.split(' ').collect()));
    lines.filter_map(entry).collect()
});

/// What extensions bring, `*` for any schema.
#[derive(Default)]
struct Extensions {
    /// The schemas of a name.
    exact: FxHashMap<&'static str, Vec<&'static str>>,
    /// Schema and beginning of names that end in `*`, by what they begin with: few of a text's names come further.
    begin: FxHashMap<[u8; 4], Vec<(&'static str, &'static str)>>,
    /// Schemas of which all is meant.
    schemas: Vec<&'static str>,
}

static EXTENSIONS: LazyLock<Extensions> = LazyLock::new(|| {
    let mut extensions = Extensions::default();
    let lines = include_str!("builtin/extensions.txt").lines().filter(|line| !line.starts_with('#'));
    for (schema, name) in lines.filter_map(|line| line.split(' ').next()?.split_once('.')) {
        match name.strip_suffix('*') {
            Some("") => extensions.schemas.push(schema),
            Some(begin) => {
                let key = begin.as_bytes().first_chunk().copied().unwrap_or_default();
                extensions.begin.entry(key).or_default().push((schema, begin));
            }
            None => extensions.exact.entry(name).or_default().push(schema),
        }
    }
    extensions
});

/// True for relations of the system schemas that need a rule with their own name.
pub(crate) fn is_sensitive(schema: &str, name: &str) -> bool {
    [CATALOG, STANDARD].contains(&schema) && SENSITIVE.contains(&(schema, name))
}

/// True for relations and functions of extensions that do.
pub(crate) fn is_of_extension(schema: &str, name: &str) -> bool {
    let here = |it: &str| it == "*" || it == schema;
    EXTENSIONS.exact.get(name).is_some_and(|schemas| schemas.iter().any(|it| here(it)))
        || (name.as_bytes().first_chunk().and_then(|key| EXTENSIONS.begin.get(key)))
            .is_some_and(|names| names.iter().any(|(it, begin)| name.starts_with(begin) && here(it)))
        || EXTENSIONS.schemas.contains(&schema)
}

/// The columns of a sensitive relation that are all that is closed of it.
pub(crate) fn closed_columns(schema: &str, name: &str) -> Option<Closed<'static>> {
    let (relation, columns) = COLUMNS.iter().find(|(relation, _)| schema == CATALOG && *relation == name)?;
    Some(closed(relation, columns))
}

/// True if all that is closed of a relation are settings of roles and databases.
pub(crate) fn keeps_settings(name: &str) -> bool {
    KEPT_SETTINGS.contains(&name)
}

/// The columns of a relation that hold values of masked columns, given what is `stored` of them.
pub(crate) fn stored_columns(schema: &str, name: &str, stored: Stored) -> Option<Closed<'static>> {
    let is_it = |(its_schema, relation, _, kind): &&(&str, &str, &[&str], Stored)| {
        *its_schema == schema && *relation == name && stored.intersects(*kind)
    };
    STORED.iter().find(is_it).map(|(_, relation, columns, _)| closed(relation, columns))
}

/// A function of pg_catalog says what is stored of masked columns.
pub(crate) fn says_stored(name: &str, stored: Stored) -> bool {
    STORED_BY.iter().any(|(function, kind)| *function == name && stored.intersects(*kind))
}

/// True for relations that show values of other relations' columns.
pub(crate) fn is_statistics(schema: &str, name: &str) -> bool {
    schema == CATALOG && STATISTICS.contains(&name)
}

fn closed(relation: &'static str, columns: &'static [&'static str]) -> Closed<'static> {
    Closed { relation, columns, known: KNOWN.get(relation).map_or(&[], Vec::as_slice) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::is_catalog_relation;

    #[test]
    fn the_lists_name_what_is_there() {
        assert!(SENSITIVE.iter().all(|(schema, name)| *schema == STANDARD || is_catalog_relation(name)));
        assert!(STATISTICS.iter().all(|name| is_sensitive(CATALOG, name)));
        assert!(COLUMNS.iter().all(|(name, _)| is_sensitive(CATALOG, name)));
        assert!(KEPT_SETTINGS.iter().all(|name| COLUMNS.iter().any(|(relation, _)| relation == name)));
        let stored = STORED.iter().map(|(_, relation, columns, _)| (relation, columns));
        for (relation, columns) in COLUMNS.iter().map(|(relation, columns)| (relation, columns)).chain(stored)
        {
            let known = KNOWN.get(relation).expect("a relation of columns.txt");
            assert!(columns.iter().all(|column| known.contains(column)), "{relation} {columns:?}");
        }
    }

    /// H7: pg_stat_statements lives in public almost everywhere, and a rule for `public.*` opened it.
    #[test]
    fn what_extensions_show_wherever_they_are() {
        for (schema, name) in [
            ("public", "pg_stat_statements"),
            ("monitoring", "pg_stat_statements_info"),
            ("public", "powa_servers"),
            ("cron", "job"),
            ("public", "dblink_get_connections"),
            ("pg_catalog", "pg_dist_authinfo"),
            ("pgsodium", "anything"),
        ] {
            assert!(is_of_extension(schema, name), "{schema}.{name}");
        }
        for (schema, name) in [
            ("public", "job"),
            ("app", "secrets"),
            ("public", "pg_stat"),
            ("net", "hosts"),
            ("public", "queue"),
        ] {
            assert!(!is_of_extension(schema, name), "{schema}.{name}");
        }
        assert!(
            EXTENSIONS.begin.values().flatten().all(|(_, begin)| begin.len() >= 4),
            "shorter ones never match"
        );
    }
}
