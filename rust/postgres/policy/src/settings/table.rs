//! The table of settings: one row for each that PostgreSQL 13 to 18 let a session or a superuser change.
//!
//! A row says which values a session may choose where statements are read (`values`), by SET and, unless the row says
//! why not (`at_startup`), in the startup packet just the same. Where statements are not read (action `query`) SET is
//! free, and so is the startup packet, but for what the row says.

/// A setting.
#[derive(Debug)]
pub(crate) struct Row {
    /// In lower case.
    pub(crate) name: &'static str,
    pub(crate) values: Values,
    pub(crate) at_startup: AtStartup,
}

/// Which values pass where statements are read. Texts say to the principal why no other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Any; the target checks it.
    Any,
    On(&'static str),
    Off(&'static str),
    /// Only on where the grant only reads, any elsewhere.
    OnIfReading,
    /// Schemas of the grant's own path.
    PartOfPath,
    Utf8,
    None(&'static str),
}

/// Whether the startup packet may say what SET may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtStartup {
    AsBySet,
    /// Under no grant; says why.
    Never(&'static str),
    /// Any encoding whose characters hide no backslash: the gateway hears which one before the first statement, and
    /// reads all statements of the session in it. That is also why no SET may change it later.
    AnySafeEncoding,
    /// A word of SET and RESET, and the name of no setting.
    NotASetting,
}

/// Stands for every name that begins so.
pub(crate) const PLANNER: &str = "enable_";

pub(crate) const LEAVE_AS_IS: &str = "Leave the setting as it is.";
pub(crate) const OF_APPLICATION: &str = "Row policies may trust settings of applications.";
const ROLE: &str = "The gateway chooses the target's role from the grant.";
const OF_TRANSACTION: &str = "It belongs to one transaction, and none has begun: set default_transaction_isolation, _read_only or _deferrable.";
const LOADS_CODE: &str = "It loads code as the session begins, which no SET does.";

const fn row(name: &'static str, values: Values) -> Row {
    Row { name, values, at_startup: AtStartup::AsBySet }
}

/// Formats, timeouts and plans of the session itself.
const fn free(name: &'static str) -> Row {
    row(name, Values::Any)
}

/// It can change how a text is read, what names mean, whose rights count, what a row policy sees or what the target
/// spends.
const fn closed(name: &'static str) -> Row {
    row(name, Values::None(LEAVE_AS_IS))
}

const fn never(name: &'static str, values: Values, why: &'static str) -> Row {
    Row { name, values, at_startup: AtStartup::Never(why) }
}

/// RESET ALL, SET CONSTRAINTS.
const fn word(name: &'static str) -> Row {
    Row { name, values: Values::Any, at_startup: AtStartup::NotASetting }
}

/// Sorted by name.
pub(crate) const TABLE: &[Row] = &[
    word("all"),
    closed("allow_in_place_tablespaces"),
    closed("allow_system_table_mods"),
    free("application_name"),
    closed("array_nulls"),
    closed("backend_flush_after"),
    closed("backslash_quote"),
    closed("backtrace_functions"),
    free("bytea_output"),
    closed("check_function_bodies"),
    closed("client_connection_check_interval"),
    Row { name: "client_encoding", values: Values::Utf8, at_startup: AtStartup::AnySafeEncoding },
    free("client_min_messages"),
    closed("commit_delay"),
    closed("commit_siblings"),
    closed("compute_query_id"),
    closed("constraint_exclusion"),
    word("constraints"),
    free("cpu_index_tuple_cost"),
    free("cpu_operator_cost"),
    free("cpu_tuple_cost"),
    closed("createrole_self_grant"),
    free("cursor_tuple_fraction"),
    free("datestyle"),
    closed("deadlock_timeout"),
    closed("debug_discard_caches"),
    closed("debug_invalidate_system_caches_always"),
    closed("debug_logical_replication_streaming"),
    free("debug_parallel_query"),
    closed("debug_pretty_print"),
    closed("debug_print_parse"),
    closed("debug_print_plan"),
    closed("debug_print_rewritten"),
    closed("default_statistics_target"),
    closed("default_table_access_method"),
    closed("default_tablespace"),
    closed("default_text_search_config"),
    closed("default_toast_compression"),
    free("default_transaction_deferrable"),
    free("default_transaction_isolation"),
    row("default_transaction_read_only", Values::OnIfReading),
    closed("default_with_oids"),
    closed("dynamic_library_path"),
    closed("effective_cache_size"),
    closed("effective_io_concurrency"),
    // `enable_seqscan` and its like: any name that begins so
    free(PLANNER),
    free("escape_string_warning"),
    closed("event_triggers"),
    closed("exit_on_error"),
    closed("extension_control_path"),
    free("extra_float_digits"),
    closed("file_copy_method"),
    free("force_parallel_mode"),
    free("from_collapse_limit"),
    free("geqo"),
    closed("geqo_effort"),
    closed("geqo_generations"),
    closed("geqo_pool_size"),
    closed("geqo_seed"),
    closed("geqo_selection_bias"),
    closed("geqo_threshold"),
    closed("gin_fuzzy_search_limit"),
    closed("gin_pending_list_limit"),
    closed("hash_mem_multiplier"),
    closed("icu_validation_level"),
    free("idle_in_transaction_session_timeout"),
    free("idle_session_timeout"),
    closed("ignore_checksum_failure"),
    free("intervalstyle"),
    closed("io_combine_limit"),
    free("jit"),
    free("jit_above_cost"),
    closed("jit_dump_bitcode"),
    free("jit_expressions"),
    free("jit_inline_above_cost"),
    free("jit_optimize_above_cost"),
    free("jit_tuple_deforming"),
    free("join_collapse_limit"),
    closed("lc_messages"),
    free("lc_monetary"),
    free("lc_numeric"),
    free("lc_time"),
    closed("lo_compat_privileges"),
    never("local_preload_libraries", Values::None(LEAVE_AS_IS), LOADS_CODE),
    free("lock_timeout"),
    closed("log_duration"),
    closed("log_error_verbosity"),
    closed("log_executor_stats"),
    closed("log_lock_failures"),
    closed("log_lock_waits"),
    closed("log_min_duration_sample"),
    closed("log_min_duration_statement"),
    closed("log_min_error_statement"),
    closed("log_min_messages"),
    closed("log_parameter_max_length"),
    closed("log_parameter_max_length_on_error"),
    closed("log_parser_stats"),
    closed("log_planner_stats"),
    closed("log_replication_commands"),
    closed("log_statement"),
    closed("log_statement_sample_rate"),
    closed("log_statement_stats"),
    closed("log_temp_files"),
    closed("log_transaction_sample_rate"),
    closed("logical_decoding_work_mem"),
    closed("logical_replication_mode"),
    closed("maintenance_io_concurrency"),
    closed("maintenance_work_mem"),
    closed("max_parallel_maintenance_workers"),
    closed("max_parallel_workers"),
    free("max_parallel_workers_per_gather"),
    closed("max_stack_depth"),
    closed("md5_password_warnings"),
    closed("min_parallel_index_scan_size"),
    closed("min_parallel_table_scan_size"),
    closed("operator_precedence_warning"),
    closed("parallel_leader_participation"),
    free("parallel_setup_cost"),
    free("parallel_tuple_cost"),
    closed("password_encryption"),
    free("plan_cache_mode"),
    free("quote_all_identifiers"),
    free("random_page_cost"),
    closed("recursive_worktable_factor"),
    free("restrict_nonsystem_relation_kind"),
    never("role", Values::None(ROLE), ROLE),
    row("row_security", Values::Off("It may only be off: then filtered rows are an error.")),
    closed("scram_iterations"),
    row("search_path", Values::PartOfPath),
    closed("seed"),
    free("seq_page_cost"),
    never("session_authorization", Values::None(ROLE), ROLE),
    never("session_preload_libraries", Values::None(LEAVE_AS_IS), LOADS_CODE),
    closed("session_replication_role"),
    closed("ssl_renegotiation_limit"),
    row(
        "standard_conforming_strings",
        Values::On("It may only be on: strings would be read in another way."),
    ),
    free("statement_timeout"),
    closed("stats_fetch_consistency"),
    free("synchronize_seqscans"),
    closed("synchronous_commit"),
    closed("tcp_keepalives_count"),
    closed("tcp_keepalives_idle"),
    closed("tcp_keepalives_interval"),
    closed("tcp_user_timeout"),
    closed("temp_buffers"),
    closed("temp_file_limit"),
    closed("temp_tablespaces"),
    free("timezone"),
    closed("timezone_abbreviations"),
    closed("trace_notify"),
    closed("trace_sort"),
    closed("track_activities"),
    closed("track_cost_delay_timing"),
    closed("track_counts"),
    closed("track_functions"),
    closed("track_io_timing"),
    closed("track_wal_io_timing"),
    never("transaction_deferrable", Values::Any, OF_TRANSACTION),
    never("transaction_isolation", Values::Any, OF_TRANSACTION),
    never("transaction_read_only", Values::OnIfReading, OF_TRANSACTION),
    never("transaction_snapshot", Values::None("Begin a transaction of your own."), OF_TRANSACTION),
    free("transaction_timeout"),
    closed("transform_null_equals"),
    closed("update_process_title"),
    closed("vacuum_buffer_usage_limit"),
    closed("vacuum_cleanup_index_scale_factor"),
    closed("vacuum_cost_delay"),
    closed("vacuum_cost_limit"),
    closed("vacuum_cost_page_dirty"),
    closed("vacuum_cost_page_hit"),
    closed("vacuum_cost_page_miss"),
    closed("vacuum_failsafe_age"),
    closed("vacuum_freeze_min_age"),
    closed("vacuum_freeze_table_age"),
    closed("vacuum_max_eager_freeze_failure_rate"),
    closed("vacuum_multixact_failsafe_age"),
    closed("vacuum_multixact_freeze_min_age"),
    closed("vacuum_multixact_freeze_table_age"),
    closed("vacuum_truncate"),
    closed("wal_compression"),
    closed("wal_consistency_checking"),
    closed("wal_init_zero"),
    closed("wal_recycle"),
    closed("wal_sender_timeout"),
    closed("wal_skip_threshold"),
    closed("work_mem"),
    free("xmlbinary"),
    free("xmloption"),
    closed("zero_damaged_pages"),
];

/// The row of a name in lower case; `None` for settings of extensions and applications, and for what is no setting.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    let name = if is_planner(name) { PLANNER } else { name };
    let at = TABLE.binary_search_by(|row| row.name.cmp(name)).ok()?;
    TABLE.get(at)
}

/// `enable_seqscan` and its like.
fn is_planner(name: &str) -> bool {
    name.strip_prefix(PLANNER).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// The names of all rows, `enable_` among them.
#[cfg(feature = "testing")]
pub fn setting_names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.name)
}
