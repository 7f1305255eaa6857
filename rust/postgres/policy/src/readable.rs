//! Which settings anybody may read.

use crate::refusal::{Reason, Refusal};
use crate::rights::{Denial, Grant};
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

/// PostgreSQL's own of 13 to 18 that an ordinary role sees, without those that can hold secrets. `scripts/function-lists`
/// writes the list.
static BUILTIN: LazyLock<FxHashSet<&'static str>> =
    LazyLock::new(|| include_str!("builtin/settings.txt").lines().collect());
/// Of extensions, and what SHOW alone knows.
static BY_HAND: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("builtin/settings_by_hand.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// True for a setting that holds no secret. Names are compared without regard to case.
pub(crate) fn is_readable(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    BUILTIN.contains(name.as_str())
        || BY_HAND.iter().any(|known| match known.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => *known == name,
        })
}

/// Whether a Bind may name this setting where its statement reads one. `None` for what cannot be told.
///
/// # Errors
/// The denial, as of a text that names it.
pub fn check_setting(grant: &Grant, name: Option<&str>) -> Result<(), Denial> {
    if name.is_some_and(is_readable) {
        return Ok(());
    }
    let reason = Reason::SettingRead { name: name.map(str::to_owned) };
    Err(Refusal { statement: 0, command: "SELECT", reason }.denial(grant))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H6: `show primary_conninfo` and `show app.jwt_secret` passed under every grant.
    #[test]
    fn a_setting_that_may_hold_a_secret() {
        for name in [
            "primary_conninfo",
            "Primary_ConnInfo",
            "primary_slot_name",
            "archive_command",
            "archive_cleanup_command",
            "restore_command",
            "recovery_end_command",
            "ssl_passphrase_command",
            "ssl_key_file",
            "ssl_crl_dir",
            "krb_server_keyfile",
            "hba_file",
            "data_directory",
            "log_directory",
            "shared_preload_libraries",
            "synchronous_standby_names",
            "dynamic_library_path",
            "unix_socket_directories",
            "app.jwt_secret",
            "app.tenant",
            "pgsodium.getkey_script",
            "pgaudit.role",
            "cron.database_name",
            "all",
            "",
            "no_such",
        ] {
            assert!(!is_readable(name), "{name}");
        }
    }

    #[test]
    fn what_drivers_and_people_ask() {
        for name in [
            "server_version",
            "server_version_num",
            "search_path",
            "TimeZone",
            "DateStyle",
            "transaction_isolation",
            "transaction_read_only",
            "default_transaction_isolation",
            "standard_conforming_strings",
            "client_encoding",
            "server_encoding",
            "is_superuser",
            "in_hot_standby",
            "session_authorization",
            "role",
            "lc_collate",
            "lc_ctype",
            "lc_messages",
            "max_connections",
            "max_identifier_length",
            "max_index_keys",
            "block_size",
            "data_checksums",
            "wal_level",
            "work_mem",
            "shared_buffers",
            "statement_timeout",
            "transaction_timeout",
            "application_name",
            "ssl",
            "jit",
            "bytea_output",
            "integer_datetimes",
            "password_encryption",
            "hot_standby",
            "enable_seqscan",
            "restrict_nonsystem_relation_kind",
            "io_method",
            "hnsw.ef_search",
            "pg_trgm.similarity_threshold",
            "plpgsql.variable_conflict",
        ] {
            assert!(is_readable(name), "{name}");
        }
    }
}
