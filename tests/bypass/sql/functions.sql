-- A SELECT of a function that writes, reads what it must not, or reaches others.
--! grant=reader refused=42501 ways=simple,extended

--- nextval: a sequence moves, transaction or not
--! belt role
SELECT nextval('tickets')
--- nextval-qualified: the function with its schema
--! belt role
SELECT pg_catalog.nextval('public.tickets'::regclass)
--- nextval-quoted: the function's name in quotes
--! belt role
SELECT "nextval"('tickets')
--- nextval-unicode: the function's name as U&""
--! belt role
SELECT U&"n\0065xtval"('tickets')
--- nextval-mixed-case: NextVal
--! belt role
SELECT NextVal ('tickets')
--- nextval-in-from: a function in FROM
--! belt role
SELECT * FROM nextval('tickets')
--- nextval-rows-from: a function in ROWS FROM
--! belt role
SELECT * FROM ROWS FROM (generate_series(1, 2), nextval('tickets'))
--- nextval-lateral: a function in LATERAL
--! belt role
SELECT * FROM generate_series(1, 3) g, LATERAL nextval('tickets') n
--- nextval-where: a function in WHERE
--! belt role
SELECT 1 FROM customers WHERE nextval('tickets') > 0 LIMIT 1
--- nextval-order-by: a function in ORDER BY
--! belt role
SELECT 1 ORDER BY nextval('tickets')
--- nextval-group-by: a function in GROUP BY
--! belt role
SELECT count(*) FROM customers GROUP BY nextval('tickets') > 0
--- nextval-having: a function in HAVING
--! belt role
SELECT count(*) FROM customers HAVING nextval('tickets') > 0
--- nextval-limit: a function in LIMIT
--! belt role
SELECT 1 LIMIT nextval('tickets')
--- nextval-offset: a function in OFFSET
--! belt role
SELECT 1 OFFSET nextval('tickets')
--- nextval-values: a function in VALUES
--! belt role
VALUES (1), (nextval('tickets'))
--- nextval-case: a function in CASE
--! belt role
SELECT CASE WHEN true THEN nextval('tickets') END
--- nextval-coalesce: a function in COALESCE
--! belt role
SELECT coalesce(NULL, nextval('tickets'))
--- nextval-array: a function in ARRAY[]
--! belt role
SELECT ARRAY[nextval('tickets')]
--- nextval-row: a function in ROW()
--! belt role
SELECT ROW (1, nextval('tickets'))
--- nextval-subscript: a function as a subscript
--! belt role
SELECT (ARRAY[1, 2])[nextval('tickets')]
--- nextval-in-list: a function in IN
--! belt role
SELECT 1 IN (2, nextval('tickets'))
--- nextval-between: a function in BETWEEN
--! belt role
SELECT 1 BETWEEN 0 AND nextval('tickets')
--- nextval-join-condition: a function in ON
--! belt role
SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id AND nextval('tickets') > 0
--- nextval-window: a function in a window's ORDER BY
--! belt role
SELECT row_number() OVER (ORDER BY nextval('tickets'))
--- nextval-named-window: a function in a WINDOW clause
--! belt role
SELECT row_number() OVER w FROM customers WINDOW w AS (PARTITION BY nextval('tickets'))
--- nextval-filter: a function in FILTER
--! belt role
SELECT count(*) FILTER (WHERE nextval('tickets') > 0) FROM customers
--- nextval-aggregate-order: a function in an aggregate's ORDER BY
--! belt role
SELECT array_agg(id ORDER BY nextval('tickets')) FROM customers
--- nextval-within-group: a function in WITHIN GROUP
--! belt role
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY nextval('tickets')) FROM customers
--- nextval-distinct-on: a function in DISTINCT ON
--! belt role
SELECT DISTINCT ON (nextval('tickets')) id FROM customers
--- nextval-tablesample: a function as argument of TABLESAMPLE
--! belt role
SELECT count(*) FROM customers TABLESAMPLE bernoulli (nextval('tickets'))
--- nextval-xml: a function in XMLFOREST
--! unproven=a_server_built_without_xml
SELECT xmlforest(nextval('tickets') AS n)
--- nextval-union: a function in the second branch of a UNION
--! belt role
SELECT 1 UNION ALL SELECT nextval('tickets')
--- nextval-sublink: a function in a scalar subquery
--! belt role
SELECT (SELECT nextval('tickets'))
--- nextval-named-argument: a function's argument by name
SELECT setval(nextval('tickets')::int::oid::regclass, 5)
--! unproven=the_argument_is_no_sequence_but_nextval_runs
--- nextval-execute-argument: a function as an argument of EXECUTE
--! belt role
PREPARE p (bigint) AS SELECT $1
-- then
EXECUTE p (nextval('tickets'))
--- nextval-set-limit-fetch: a function in FETCH FIRST
--! belt role
SELECT 1 FETCH FIRST (nextval('tickets')) ROWS ONLY
--- nextval-frame: a function in a window frame
--! belt role
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN nextval('tickets') PRECEDING AND CURRENT ROW) FROM customers LIMIT 1
--- nextval-cast: a function under a cast and COLLATE
--! belt role
SELECT nextval('tickets')::text COLLATE "C"
--- nextval-json-constructor: SQL/JSON constructors hold expressions, PostgreSQL 16 and later
--! since=16 belt role
SELECT JSON_OBJECT('n': nextval('tickets'))
--- nextval-json-table: JSON_TABLE's context item is an expression, PostgreSQL 17
--! since=17 belt role
SELECT * FROM JSON_TABLE(jsonb_build_array(nextval('tickets')), '$[*]' COLUMNS (n int PATH '$'))
--- setval: a sequence is set
--! belt role
SELECT setval('tickets', 1)
--- setval-is-called: setval with three arguments
--! belt role
SELECT pg_catalog.setval('tickets', 9, false)
--- attribute-notation: a function written like a column: (row).function
SELECT (p.email_of) FROM people p
--! shows=mk7f3q unproven=read_as_a_column_by_the_grammar_see_the_masks
--- user-function: a function of the database that writes
--! belt role
SELECT scribble('x')
--- user-function-in-from: the same in FROM
--! belt role
SELECT * FROM scribble_rows()
--- user-function-schema: a function of another schema that writes
--! belt role
SELECT audit.scribble('x')
--- user-function-dynamic: a function that runs any text
--! belt role
SELECT run_any('delete from scratch')
--- user-function-named-catalog: a function quoted with a dot in its name is not in that schema
--! unproven=there_is_no_such_function refused=42501,42883
SELECT "pg_catalog.lower"('x')
--- user-aggregate: an aggregate whose transition function writes
--! belt role
SELECT scribble_all(name) FROM customers
--- user-aggregate-over: the same as a window function
--! belt role
SELECT scribble_all(name) OVER () FROM customers LIMIT 1
--- user-function-prepared: a writing function in PREPARE
--! belt role
PREPARE p AS SELECT scribble('x')
-- then
EXECUTE p
--- user-function-explained: EXPLAIN ANALYZE of a writing function
--! belt role
EXPLAIN ANALYZE SELECT scribble('x')
--- user-function-cursor: a writing function in a cursor
--! belt role
BEGIN
-- then
DECLARE c CURSOR FOR SELECT scribble('x')
-- then
FETCH c
-- then
COMMIT
--- user-function-copy: a writing function in COPY
--! belt role
COPY (SELECT scribble('x')) TO STDOUT
--- user-function-variadic: a call with VARIADIC
--! belt role
SELECT run_any(format('delete from scratch where %s', VARIADIC ARRAY['true']))
--- lo-create: large objects are tables of their own
SELECT lo_create(555001)
--- lo-creat: the old spelling
SELECT lo_creat(-1)
--- lo-from-bytea: lo_from_bytea
SELECT lo_from_bytea(555002, 'x')
--- lo-put: lo_put
--! role
SELECT lo_put(777001, 0, 'y')
--- lo-unlink: lo_unlink
--! role
SELECT lo_unlink(777001)
--- lo-open-write: lo_open for writing, then lowrite
--! role
BEGIN
-- then
SELECT lowrite(lo_open(777001, 131072), 'y')
-- then
COMMIT
--- lo-truncate: lo_truncate
--! role
BEGIN
-- then
SELECT lo_truncate(lo_open(777001, 131072), 0)
-- then
COMMIT
--- lo-import: lo_import reads a file of the server
--! role
SELECT lo_import('@loot@/server-file')
--- lo-export: lo_export writes a file of the server
--! role
SELECT lo_export(777001, '@loot@/stolen')
--- lo-get: a large object is data that no grant names
--! shows=vault-4h8k role
SELECT convert_from(lo_get(777001), 'UTF8')
--- lo-loread: the same by loread
--! shows=vault-4h8k role
BEGIN
-- then
SELECT convert_from(loread(lo_open(777001, 262144), 1000), 'UTF8')
--- pg-read-file: a file of the server
--! shows=vault-4h8k role
SELECT pg_read_file('@loot@/server-file')
--- pg-read-binary-file: the same as bytes
--! shows=vault-4h8k role
SELECT convert_from(pg_read_binary_file('@loot@/server-file'), 'UTF8')
--- pg-ls-dir: the directory of the server
--! shows=server-file role
SELECT pg_ls_dir('@loot@')
--- pg-stat-file: size and times of a file
--! shows=2026 role
SELECT modification > '2000-01-01', 2026 FROM pg_stat_file('@loot@/server-file')
--- pg-terminate-backend: another session is ended
--! role
SELECT pg_terminate_backend(@victim@, 2000)
--- pg-terminate-backend-filter: the same, hidden in FILTER
--! role
SELECT count(*) FILTER (WHERE pg_terminate_backend(@victim@, 2000)) FROM customers
--- pg-cancel-backend: another session's statement is cancelled
--! unproven=the_victim_runs_nothing
SELECT pg_cancel_backend(@victim@)
--- pg-reload-conf: the server reads its settings again
--! unproven=nothing_changed_in_the_file
SELECT pg_reload_conf()
--- pg-rotate-logfile: the log is rotated
--! unproven=there_is_no_log_collector
SELECT pg_rotate_logfile()
--- pg-switch-wal: the WAL is switched
--! shows=/ role
SELECT pg_switch_wal()
--- pg-create-restore-point: a restore point is written
--! shows=/ role
SELECT pg_create_restore_point('x')
--- pg-logical-emit-message: writes to the WAL
--! shows=/
SELECT pg_logical_emit_message(false, 'x', 'y')
--- pg-create-slot: a replication slot keeps WAL for ever
--! role
SELECT pg_create_physical_replication_slot('intruder')
--- pg-create-logical-slot: a logical slot
SELECT pg_create_logical_replication_slot('intruder', 'test_decoding')
--! unproven=the_plugin_may_not_be_there
--- pg-replication-origin: a replication origin
--! role
SELECT pg_replication_origin_create('intruder')
--- pg-advisory-lock: an advisory lock that the application waits for
SELECT pg_advisory_lock(1)
--- pg-try-advisory-lock: the one that does not wait
SELECT pg_try_advisory_lock(7, 8)
--- pg-advisory-xact-lock: the one of the transaction
BEGIN
-- then
SELECT pg_advisory_xact_lock_shared(3)
--- pg-notify: a notification to the application
SELECT pg_notify('public_news', 'x')
--- notify: NOTIFY
NOTIFY public_news, 'x'
--- listen: LISTEN hears what others say
--! session=SELECT+count(*)+FROM+pg_listening_channels()
LISTEN public_news
--- set-config-search-path: set_config is SET
--! session=SHOW+search_path
SELECT set_config('search_path', 'audit', false)
--- query-to-xml: query_to_xml runs a text, and the text may call what writes
--! belt role
SELECT query_to_xml('select scribble(''x'')', true, true, '')
--- query-to-xml-secret: query_to_xml reads what is excepted
--! shows=vault-4h8k role
SELECT query_to_xml('select * from secrets', true, true, '')
--- query-to-xml-and-xmlschema: its relatives
--! shows=vault-4h8k role
SELECT query_to_xml_and_xmlschema('table secrets', true, true, '')
--- cursor-to-xml: cursor_to_xml reads a cursor
--! shows=vault-4h8k role
BEGIN
-- then
DECLARE c CURSOR FOR SELECT * FROM secrets
-- then
SELECT cursor_to_xml('c', 10, true, true, '')
--- table-to-xml: table_to_xml reads a table by its name in a text
--! shows=vault-4h8k role
SELECT table_to_xml('secrets', true, true, '')
--- schema-to-xml: schema_to_xml reads all tables
--! shows=vault-4h8k
SELECT schema_to_xml('public', true, true, '')
--- database-to-xml: database_to_xml reads all schemas
--! shows=vault-4h8k
SELECT database_to_xml(true, true, '')
--- ts-stat: ts_stat runs a text
--! shows=vault-4h8k role
SELECT word FROM ts_stat('select to_tsvector(''simple'', replace(key, ''-payments'', '''')) from secrets')
--- ts-rewrite: ts_rewrite runs a text
--! belt role
SELECT ts_rewrite('a'::tsquery, 'select ''a''::tsquery, to_tsquery(''b'') from scribble(''x'')')
--- dblink: a function that connects back to the server
--! role
SELECT * FROM dblink('host=@socket@ port=@port@ dbname=@database@ user=postgres', 'insert into notes (body) values (''x'') returning 1') t (n int)
--- dblink-exec: the same without a result
--! role
SELECT dblink_exec('host=@socket@ port=@port@ dbname=@database@ user=postgres', 'delete from scratch')
--- dblink-connect: a named connection for later
--! role
SELECT dblink_connect('a', 'host=@socket@ port=@port@ dbname=@database@ user=postgres'), dblink_exec('a', 'delete from scratch')
--- dblink-read: dblink reads what is excepted
--! shows=vault-4h8k role
SELECT * FROM dblink('host=@socket@ port=@port@ dbname=@database@ user=postgres', 'select key from secrets') t (key text)
--- pg-export-snapshot: writes a file and holds the horizon back
--! shows=-
BEGIN ISOLATION LEVEL REPEATABLE READ
-- then
SELECT pg_export_snapshot()
--- txid-current: takes a transaction id, a write
--! unproven=a_transaction_id_is_in_no_table
SELECT txid_current()
--- pg-current-xact-id: the new name
--! unproven=a_transaction_id_is_in_no_table
SELECT pg_current_xact_id()
--- pg-stat-reset: statistics of the server are thrown away
--! unproven=counters_are_not_part_of_the_digest
SELECT pg_stat_reset()
--- brin-summarize: maintenance by a function
--! unproven=there_is_no_brin_index
SELECT brin_summarize_new_values('notes_author')
--- gin-clean: maintenance by a function
--! unproven=there_is_no_gin_index
SELECT gin_clean_pending_list('notes_author')
--- pg-import-system-collations: rows in pg_collation
--! unproven=the_collations_are_there_already
SELECT pg_import_system_collations('public')
--- currtid: reads a row's version of any table by name
--! unproven=it_shows_a_row's_place_only refused=42501,42883
SELECT currtid2('secrets', '(0,1)'::tid)
--- pg-relation-size-of-secret: the size of what is excepted
--! unproven=harmless_or_not_is_the_list's_business refused=42501
SELECT pg_relation_filepath('secrets')
--! either
--- has-function-by-operator: the function behind an operator by its own name with side effects
--! belt role
SELECT pg_catalog.int8inc(nextval('tickets'))
--- sql-value-function-shadow: CURRENT_CATALOG and friends are no calls; a call with their look is
SELECT "current_user"(), nextval('tickets')
--! unproven=current_user_is_no_function_by_name refused=42501,42883
--- pg-file-settings: the server's settings file
--! shows=autovacuum role
SELECT name, setting FROM pg_file_settings
--- pg-hba: the server's access rules
--! shows=scram role
SELECT * FROM pg_hba_file_rules
--- pg-hba-function: the function behind the view
--! shows=scram role
SELECT * FROM pg_hba_file_rules()
--- pg-authid: password hashes
--! shows=SCRAM-SHA-256$ role
SELECT rolpassword FROM pg_authid
--- pg-shadow: password hashes by the old view
--! shows=SCRAM-SHA-256$ role
SELECT passwd FROM pg_shadow
--- pg-authid-through-catalog-join: the same, joined with what is allowed
--! shows=SCRAM-SHA-256$ role
SELECT r.rolname, a.rolpassword FROM pg_roles r JOIN pg_catalog.pg_authid a USING (rolname)
--- pg-largeobject: data of large objects
--! shows=vault-4h8k role
SELECT convert_from(data, 'UTF8') FROM pg_largeobject WHERE loid = 777001
--- pg-stat-activity: statements of others
--! shows=victim
SELECT application_name FROM pg_stat_activity
--- pg-stat-get-activity: the function behind the view
--! shows=victim
SELECT * FROM pg_stat_get_activity(NULL)
--- pg-stat-get-backend-activity: statements of others by a function
--! shows=victim-or-not
SELECT pg_stat_get_backend_activity(b) || 'victim-or-not' FROM pg_stat_get_backend_idset() b
--- pg-ls-logdir: names of log files
--! unproven=there_is_no_log_collector
SELECT * FROM pg_ls_logdir()
--- pg-ls-waldir: names of WAL files
--! shows=0000 role
SELECT name FROM pg_ls_waldir()
--- pg-config: how the server was built
--! unproven=harmless_or_not_is_the_list's_business either
SELECT * FROM pg_config()
--- pg-sleep-forever: a statement that holds a connection
--! unproven=it_only_waits
SELECT pg_sleep(0.01)
--- pg-sleep-until: the same by another name
--! unproven=it_only_waits
SELECT pg_sleep_for('10 milliseconds')
