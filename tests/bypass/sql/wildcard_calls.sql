-- H13: functions of PostgreSQL that touch files, large objects, settings, other sessions or run texts, under `call pg_catalog.*`.
--! grant=wild-calls refused=42501

--- directory: a directory of the server
--! shows=PG_VERSION
SELECT pg_ls_dir('.')
--- directory-qualified: with its schema
--! shows=PG_VERSION
SELECT pg_catalog.pg_ls_dir('.')
--- read-binary-file: as bytes
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_read_binary_file('PG_VERSION')
--- ls-dir: a directory of the server
--! shows=PG_VERSION
SELECT * FROM pg_ls_dir('.')
--- ls-logdir: the log directory, as a FROM item with a column list
--! unproven=nothing_of_it_is_in_the_digest
SELECT * FROM pg_ls_waldir() AS w(a, b, c)
--- read-file: a file of the server
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_read_file('PG_VERSION')
--- stat-file: sizes and times of a file
--! unproven=nothing_of_it_is_in_the_digest
SELECT size FROM pg_stat_file('PG_VERSION')
--- lo-from-bytea: a large object, by a function that makes one
--! unproven=large_objects_are_not_in_the_digest
SELECT lo_from_bytea(0, 'x'::bytea)
--- lo-import: a file of the server into a large object
--! unproven=nothing_of_it_is_in_the_digest
SELECT lo_import('/etc/hostname')
--- terminate: another session
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_terminate_backend(1)
--- terminate-attribute: the same by the notation of a column
--! unproven=nothing_of_it_is_in_the_digest
SELECT (x).pg_terminate_backend FROM (SELECT 1) x
--- cancel-in-where: another session, where nothing is selected
--! unproven=nothing_of_it_is_in_the_digest
SELECT 1 FROM public.customers WHERE pg_cancel_backend(1)
--- reload: the server's settings
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_reload_conf()
--- stat-reset: counters that others watch
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_stat_reset()
--- query-to-xml: a text that is run
--! shows=hit-me
SELECT query_to_xml('select ''hit'' || ''-me''', false, false, '')
--- activity: what other sessions run
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_stat_get_backend_activity(1)
--- activity-set: the same as a set
--! unproven=nothing_of_it_is_in_the_digest
SELECT query FROM pg_stat_get_activity(NULL)
--- backends: their numbers
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_stat_get_backend_idset()
--- switch-wal: the write-ahead log
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_switch_wal()
--- restore-point: a record in it
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_create_restore_point('x')
--- notify: other sessions
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_notify('c', 'p')
--- logical-message: into the stream of replication
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_logical_emit_message(false, 'a', 'b')
--- slot: a slot that keeps the log for ever
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_create_physical_replication_slot('s')
--- hba: the file of rules for logins
--! unproven=nothing_of_it_is_in_the_digest
SELECT * FROM pg_hba_file_rules()
--- export-snapshot: a file on the server
--! unproven=nothing_of_it_is_in_the_digest
SELECT pg_export_snapshot()
--- lateral: in LATERAL, behind a table
--! shows=PG_VERSION
SELECT f FROM public.customers, LATERAL pg_ls_dir('.') f
--- prepared: by PREPARE and EXECUTE
--! shows=PG_VERSION
PREPARE p AS SELECT pg_ls_dir('.')
-- then
EXECUTE p
--- order-by: where only an order comes of it
--! unproven=only_an_order_comes_of_it
SELECT 1 FROM public.customers ORDER BY pg_ls_dir('.')
--- default-of-copy: inside COPY
--! shows=PG_VERSION
COPY (SELECT pg_ls_dir('.')) TO STDOUT
--- unicode-name: its name in Unicode escapes
--! shows=PG_VERSION
SELECT U&"pg_ls\005fdir"('.')
