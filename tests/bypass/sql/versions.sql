-- What came with PostgreSQL 16, 17 and 18. Older servers refuse these themselves; the gateway refuses them everywhere.
--! grant=reader refused=42501

--- explain-serialize: EXPLAIN's newer options stood in front of ANALYZE, which runs the statement
--! since=17 belt role
EXPLAIN (SERIALIZE text, MEMORY, ANALYZE) DELETE FROM scratch
--- explain-generic-plan: EXPLAIN (GENERIC_PLAN) runs nothing, a second statement does
--! since=16 belt role ways=simple
EXPLAIN (GENERIC_PLAN) DELETE FROM scratch WHERE n = $1; DELETE FROM scratch
--- copy-on-error: COPY FROM with the options of PostgreSQL 17
--! since=17 belt role
COPY notes FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose)
--- copy-reject-limit: and the one of PostgreSQL 18
--! since=18 belt role
COPY notes FROM STDIN (ON_ERROR ignore, REJECT_LIMIT 3)
--- copy-force-null-all: FORCE_NULL * with files
--! since=17 role unproven=the_file_has_other_columns
COPY notes FROM '@loot@/server-file' (FORMAT csv, FORCE_NULL *)
--- copy-default: COPY FROM with DEFAULT
--! since=16 belt role
COPY notes FROM STDIN (DEFAULT '#')
--- merge-by-source: WHEN NOT MATCHED BY SOURCE deletes what the source does not name
--! since=17 belt role
MERGE INTO scratch s USING (VALUES (1)) v (n) ON s.n = v.n WHEN NOT MATCHED BY SOURCE AND s.n > 5 THEN DELETE
--- merge-view: MERGE into a view writes its table
--! since=17 belt role
MERGE INTO open_notes o USING (VALUES (1)) v (id) ON o.id = v.id WHEN MATCHED THEN DELETE
--- merge-returning-excepted: a MERGE that changes nothing gives what is excepted
--! since=17 belt role shows=vault-4h8k
MERGE INTO notes n USING secrets s ON n.id = 1 AND s.service = 'mail' WHEN MATCHED THEN UPDATE SET body = n.body RETURNING s.key
--- returning-old-deleted: DELETE ... RETURNING OLD in a CTE
--! since=18 belt role
WITH w AS (DELETE FROM scratch RETURNING OLD.n) SELECT count(*) FROM w
--- returning-on-conflict-old: ON CONFLICT ... RETURNING OLD.* reads the table that it writes
--! since=18 belt role
INSERT INTO scratch VALUES (1, 'x') ON CONFLICT (n) DO UPDATE SET body = 'y' RETURNING OLD.*
--- json-table-excepted: JSON_TABLE over a query of what is excepted
--! since=17 shows=vault-4h8k role
SELECT * FROM JSON_TABLE((SELECT jsonb_agg(key) FROM secrets), '$[*]' COLUMNS (k text PATH '$'))
--- json-table-passing: in PASSING
--! since=17 shows=vault-4h8k role
SELECT * FROM JSON_TABLE(jsonb '[1]', '$[*] ? ($k != "")' PASSING (SELECT key FROM secrets LIMIT 1) AS k COLUMNS (k text PATH '$k'))
--! unproven=a_variable_is_no_path
--- json-table-nested-default: in DEFAULT ... ON EMPTY of a nested column
--! since=17 belt role unproven=a_default_takes_no_such_call
SELECT * FROM JSON_TABLE(jsonb '[{}]', '$[*]' COLUMNS (NESTED PATH '$' COLUMNS (n int PATH '$.n' DEFAULT scribble('x') ON EMPTY)))
--- json-query-passing: JSON_QUERY's PASSING holds an expression
--! since=17 belt role
SELECT JSON_QUERY(jsonb '[1]', '$ ? (@ == $n)' PASSING nextval('tickets') AS n)
--- json-exists-subquery: JSON_EXISTS over what is excepted
--! since=17 role shows=hit-me
SELECT 'hit-' || 'me' WHERE JSON_EXISTS((SELECT jsonb_agg(key) FROM secrets), '$[*] ? (@ starts with "vault")')
--- json-serialize: JSON_SERIALIZE and JSON_SCALAR
--! since=17 role shows=vault-4h8k
SELECT JSON_SERIALIZE(JSON_SCALAR((SELECT key FROM secrets LIMIT 1)))
--- json-arrayagg: JSON_ARRAYAGG with FILTER
--! since=16 belt role
SELECT JSON_ARRAYAGG(n) FILTER (WHERE nextval('tickets') > 0) FROM scratch
--- json-array-query: JSON_ARRAY of a query
--! since=16 role shows=vault-4h8k
SELECT JSON_ARRAY(SELECT key FROM secrets)
--- any-value: any_value over what is excepted
--! since=16 role shows=vault-4h8k
SELECT any_value(key) FROM secrets
--- standby-snapshot: writes to the WAL
--! since=16 role shows=/
SELECT pg_log_standby_snapshot()
--- emit-message-flush: writes to the WAL and waits for the disk
--! since=17 shows=/
SELECT pg_logical_emit_message(false, 'x', 'y', flush => true)
--- sync-slots: replication slots of the primary
--! since=17 unproven=only_on_a_standby
SELECT pg_sync_replication_slots()
--- restore-relation-stats: statistics are what plans rest on
--! since=18 role
SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', 'notes', 'relpages', 4711)
--- clear-relation-stats: statistics taken away
--! since=18 role
SELECT pg_clear_relation_stats('public', 'notes')
--- restore-attribute-stats: statistics of a column
--! since=18 role
SELECT pg_restore_attribute_stats('schemaname', 'public', 'relname', 'notes', 'attname', 'body', 'inherited', false, 'null_frac', 0.5::real)
--- clear-attribute-stats: and taken away
--! since=18 role
SELECT pg_clear_attribute_stats('public', 'customers', 'email', false)
--- sequence-data: the last value of a sequence that is excepted
--! since=18 role shows=484811
SELECT last_value FROM pg_get_sequence_data('secrets_seq')
--- reset-backend-stats: counters of another session
--! since=18 role unproven=counters_are_not_part_of_the_digest
SELECT pg_stat_reset_backend_stats(@victim@)
--- aios: what other sessions read and write
--! since=18 role unproven=nothing_is_under_way
SELECT * FROM pg_aios
--- loaded-modules: paths of the server's libraries
--! since=18 unproven=no_library_is_loaded
SELECT file_name FROM pg_get_loaded_modules()
--- wal-summaries: what the WAL says of each block
--! since=17 unproven=nothing_is_summarised
SELECT * FROM pg_available_wal_summaries()
--- vacuum-only: VACUUM ONLY is of PostgreSQL 18
--! since=18
VACUUM (FULL) ONLY notes
--- vacuum-buffer-limit: VACUUM with its newer options
--! since=16
VACUUM (ANALYZE, SKIP_DATABASE_STATS, PROCESS_MAIN, BUFFER_USAGE_LIMIT '128 kB') notes
--- vacuum-database-stats: VACUUM of no table at all
--! since=16 unproven=nothing_was_older
VACUUM (ONLY_DATABASE_STATS)
--- grant-maintain: MAINTAIN lets VACUUM, REINDEX, CLUSTER and LOCK
--! since=17 belt
GRANT MAINTAIN ON notes TO app_md5
--- grant-options: options of a membership
--! since=16 belt role
GRANT pg_use_reserved_connections TO app_md5 WITH INHERIT TRUE, SET TRUE, ADMIN FALSE
--- grant-pg-maintain: the role that maintains everything
--! since=17 belt role
GRANT pg_maintain TO app_md5
--- createrole-self-grant: a role that is made gives itself to its maker
--! since=16 session=SHOW+createrole_self_grant
SET createrole_self_grant = 'set, inherit'
--- event-triggers: event triggers are what auditing rests on
--! since=17 session=SHOW+event_triggers role
SET event_triggers = off
--- extension-control-path: extensions from another directory
--! since=18 session=SHOW+extension_control_path role
SET extension_control_path = '@loot@'
--- session-authorization-default: SET SESSION AUTHORIZATION DEFAULT (it passes since O2, and changes nothing)
--! either session=SELECT+session_user unproven=there_is_nothing_to_leave
SET SESSION AUTHORIZATION DEFAULT
--- event-trigger-login: an event trigger at every login
--! since=17 unproven=there_is_no_event_function
CREATE EVENT TRIGGER t ON login EXECUTE FUNCTION no_such()
--- alter-set-expression: what a generated column is computed from
--! since=17 belt role
ALTER TABLE people ALTER COLUMN shout SET EXPRESSION AS (name || '?')
--- add-virtual: PostgreSQL 18 adds a virtual column unless told otherwise
--! since=18 belt role
ALTER TABLE scratch ADD COLUMN twice integer GENERATED ALWAYS AS (n * 2)
--- constraint-not-enforced: a constraint that is not enforced any more
--! since=18 belt role unproven=only_a_foreign_key_can
ALTER TABLE people ALTER CONSTRAINT salary_positive NOT ENFORCED
--- alter-default-privileges-lo: privileges on all large objects to come
--! since=18 belt role
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON LARGE OBJECTS TO app_md5
