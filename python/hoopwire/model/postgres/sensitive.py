"""The names that no `*` matches, because they show secrets or other sessions: a rule must write them out.

They are the lists of rust/postgres/policy (closed.rs, extensions.txt): tests/unit/model/test_grammar.py
compares them.
"""

SENSITIVE = frozenset(
    {
        ("pg_catalog", "pg_aios"),
        ("pg_catalog", "pg_authid"),
        ("pg_catalog", "pg_db_role_setting"),
        ("pg_catalog", "pg_file_settings"),
        ("pg_catalog", "pg_hba_file_rules"),
        ("pg_catalog", "pg_ident_file_mappings"),
        ("pg_catalog", "pg_largeobject"),
        ("pg_catalog", "pg_prepared_xacts"),
        ("pg_catalog", "pg_roles"),
        ("pg_catalog", "pg_sequences"),
        ("pg_catalog", "pg_settings"),
        ("pg_catalog", "pg_shadow"),
        ("pg_catalog", "pg_stat_activity"),
        ("pg_catalog", "pg_stat_gssapi"),
        ("pg_catalog", "pg_stat_replication"),
        ("pg_catalog", "pg_stat_ssl"),
        ("pg_catalog", "pg_stat_wal_receiver"),
        ("pg_catalog", "pg_statistic"),
        ("pg_catalog", "pg_statistic_ext_data"),
        ("pg_catalog", "pg_stats"),
        ("pg_catalog", "pg_stats_ext"),
        ("pg_catalog", "pg_stats_ext_exprs"),
        ("pg_catalog", "pg_subscription"),
        ("pg_catalog", "pg_user"),
        ("pg_catalog", "pg_user_mapping"),
        ("pg_catalog", "pg_user_mappings"),
        ("information_schema", "_pg_user_mappings"),
        ("information_schema", "user_mapping_options"),
    }
)
"""Relations of the system schemas that show rows, secrets, settings or other sessions."""

EXTENSIONS = (
    ("*", "pg_stat_statements*"),
    ("*", "pg_stat_monitor*"),
    ("*", "pg_stat_kcache*"),
    ("*", "pg_qualstats*"),
    ("*", "pg_wait_sampling*"),
    ("*", "pg_store_plans*"),
    ("*", "pg_show_plans*"),
    ("*", "pg_query_state"),
    ("*", "pgpro_stats_*"),
    ("*", "aqo_query_texts"),
    ("*", "pgsentinel*"),
    ("*", "pg_active_session_history"),
    ("*", "powa_*"),
    ("*", "citus_stat_*"),
    ("*", "citus_dist_stat_activity"),
    ("*", "citus_worker_stat_activity"),
    ("*", "citus_lock_waits"),
    ("hint_plan", "hints"),
    ("query_store", "*"),
    ("profile", "sample_statements"),
    ("profile", "stmt_list*"),
    ("cron", "job"),
    ("cron", "job_run_details"),
    ("cron", "schedule*"),
    ("cron", "alter_job"),
    ("pgagent", "pga_jobstep"),
    ("pgagent", "pga_jobsteplog"),
    ("timescaledb_information", "jobs"),
    ("timescaledb_information", "job_errors"),
    ("timescaledb_information", "job_history"),
    ("_timescaledb_config", "bgw_job"),
    ("pgl_ddl_deploy", "events"),
    ("pgl_ddl_deploy", "exceptions"),
    ("pgl_ddl_deploy", "unhandled"),
    ("pgl_ddl_deploy", "subscriber_logs"),
    ("pgl_ddl_deploy", "commands"),
    ("pgl_ddl_deploy", "queue"),
    ("omnidb", "contexts"),
    ("omnidb", "statistics"),
    ("omnidb", "variables"),
    ("graphile_worker", "jobs"),
    ("graphile_worker", "_private_jobs"),
    ("vault", "secrets"),
    ("vault", "decrypted_secrets"),
    ("pgsodium", "*"),
    ("net", "_http_response"),
    ("net", "http_request_queue"),
    ("hdb_catalog", "*"),
    ("pglogical", "node_interface"),
    ("pglogical", "queue"),
    ("spock", "node_interface"),
    ("spock", "queue"),
    ("bdr", "node_interface"),
    ("bdr", "bdr_nodes"),
    ("bdr", "bdr_connections"),
    ("bucardo", "db"),
    ("repmgr", "nodes"),
    ("repmgr", "show_nodes"),
    ("pgq_node", "node_location"),
    ("*", "dblink_mapping_mimeo"),
    ("*", "sl_path"),
    ("*", "pg_dist_authinfo"),
    ("*", "pg_dist_poolinfo"),
    ("pgautofailover", "node"),
    ("*", "pg_track_settings*"),
    ("*", "pg_track_db_role_settings*"),
    ("*", "dblink*"),
    ("*", "postgres_fdw_get_connections"),
    ("*", "crosstab*"),
    ("*", "connectby"),
    ("*", "xpath_table"),
    ("*", "get_raw_page"),
    ("*", "fsm_page_contents"),
    ("*", "pg_get_wal_*"),
    ("*", "pg_get_logical_snapshot_*"),
    ("*", "pg_logdir_ls"),
    ("*", "pg_file_*"),
    ("*", "pgrowlocks"),
    ("*", "pg_dirtyread"),
    ("*", "plr_*"),
    ("*", "sql_firewall_*"),
)
"""Relations and functions of extensions that do, or that run a text: the schema (`*` is any) and the name
(`*` ends the beginning of one)."""

_EXACT = frozenset(pair for pair in EXTENSIONS if not pair[1].endswith("*"))
_BEGIN = tuple((schema, name[:-1]) for schema, name in EXTENSIONS if name.endswith("*"))


def is_sensitive(schema: str, name: str) -> bool:
    """Is it matched by its own name only?"""
    return (
        (schema, name) in SENSITIVE
        or (schema, name) in _EXACT
        or ("*", name) in _EXACT
        or any(its in ("*", schema) and name.startswith(begin) for its, begin in _BEGIN)
    )
