-- Roads out of the read-only session, and settings by which the server would read another text than we do.
--! grant=reader refused=42501 ways=simple,extended

--- begin-read-write: BEGIN READ WRITE leaves the belt of a read-only session
--! role
BEGIN READ WRITE
-- then
DELETE FROM scratch
-- then
COMMIT
--- start-transaction-read-write: START TRANSACTION with two modes
--! role
START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE
-- then
DELETE FROM scratch
-- then
COMMIT
--- begin-read-only-then-write: the last of two modes counts
--! role
BEGIN READ ONLY, READ WRITE
-- then
DELETE FROM scratch
-- then
COMMIT
--- set-transaction-read-write: SET TRANSACTION before the first snapshot
--! role
BEGIN
-- then
SET TRANSACTION READ WRITE
-- then
DELETE FROM scratch
-- then
COMMIT
--- set-transaction-read-write-one-text: the same in one text
--! ways=simple role
BEGIN; SET TRANSACTION READ WRITE; DELETE FROM scratch; COMMIT
--- set-local-transaction-read-only: the setting behind SET TRANSACTION by its name
--! role
BEGIN
-- then
SET LOCAL transaction_read_only = off
-- then
DELETE FROM scratch
-- then
COMMIT
--- set-session-characteristics: SET SESSION CHARACTERISTICS changes the default
--! role
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
-- then
DELETE FROM scratch
--- set-default-read-only: the default by its name
--! role
SET default_transaction_read_only = off
-- then
DELETE FROM scratch
--- set-default-read-only-to-false: SET ... TO, with another word for off
--! role
SET SESSION default_transaction_read_only TO 'false'
-- then
DELETE FROM scratch
--- set-default-read-only-mixed-case: names of settings have no case, even in quotes
--! role
SET "DEFAULT_Transaction_Read_ONLY" = 0
-- then
DELETE FROM scratch
--- set-default-read-only-unicode: the name as U&""
--! role
SET U&"default_transaction_r\0065ad_only" = off
-- then
DELETE FROM scratch
--- set-from-current: SET ... FROM CURRENT and TO DEFAULT are values that nobody reads in the text
--! belt role
SET default_transaction_read_only TO DEFAULT
-- then
DELETE FROM scratch
--- set-config-read-only: set_config
--! role
SELECT set_config('default_transaction_read_only', 'off', false)
-- then
DELETE FROM scratch
--- set-config-transaction-read-only: set_config of the running transaction
--! belt role
BEGIN
-- then
SELECT set_config('transaction_read_only', 'off', true)
-- then
DELETE FROM scratch
-- then
COMMIT
--- set-config-computed-name: the name of the setting put together at run time
--! role
SELECT set_config('default_' || 'transaction_read_only', 'o' || 'ff', false)
-- then
DELETE FROM scratch
--- set-config-named-arguments: named arguments in another order
SELECT set_config(new_value => 'off', is_local => false, setting_name => 'default_transaction_read_only')
-- then
DELETE FROM scratch
--! unproven=no_server_up_to_18_names_its_arguments
--- set-config-in-where: set_config in WHERE of a query
--! role
SELECT 1 FROM customers WHERE set_config('default_transaction_read_only', 'off', false) = 'off' LIMIT 1
-- then
DELETE FROM scratch
--- set-config-in-prepare: set_config in PREPARE
--! role
PREPARE p AS SELECT set_config('default_transaction_read_only', 'off', false)
-- then
EXECUTE p
-- then
DELETE FROM scratch
--- set-config-in-default-subselect: set_config in a sublink of LIMIT
--! role
SELECT 1 LIMIT (SELECT length(set_config('default_transaction_read_only', 'off', false)))
-- then
DELETE FROM scratch
--- reset-read-only: RESET goes back to what the server has, not what the gateway gave
--! belt role
RESET default_transaction_read_only
-- then
DELETE FROM scratch
--- reset-all: RESET ALL
--! belt role
RESET ALL
-- then
DELETE FROM scratch
--- discard-all: DISCARD ALL resets all settings
--! belt role
DISCARD ALL
-- then
DELETE FROM scratch
--- update-pg-settings-read-only: pg_settings is a view with a rule that sets
--! belt role
UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'
-- then
DELETE FROM scratch
--- alter-role-set: ALTER ROLE ... SET for the next session
--! belt
ALTER ROLE CURRENT_USER SET default_transaction_read_only = off
--- alter-role-in-database: ALTER ROLE ... IN DATABASE
--! belt role
ALTER ROLE app_password IN DATABASE @database@ SET search_path = audit
--- alter-user-set-scs: ALTER USER ... SET of what the parser stands on
--! belt
ALTER USER CURRENT_USER SET standard_conforming_strings = off
--- alter-role-all-set: ALTER ROLE ALL SET
ALTER ROLE ALL SET client_encoding = 'SJIS'
--- alter-database-set: ALTER DATABASE ... SET
--! belt role
ALTER DATABASE @database@ SET default_transaction_read_only = off
--- alter-system: ALTER SYSTEM writes the server's settings
--! role
ALTER SYSTEM SET work_mem = '65MB'
--- alter-system-reset: ALTER SYSTEM RESET ALL
--! unproven=nothing_was_set
ALTER SYSTEM RESET ALL
--- do-set: a setting changed inside a DO block
--! role
DO $$ BEGIN PERFORM set_config('default_transaction_read_only', 'off', false); END $$
-- then
DELETE FROM scratch
--- function-with-set-clause: a function that may set anything
--! belt role
CREATE FUNCTION f() RETURNS int LANGUAGE sql SET default_transaction_read_only = off AS 'SELECT 1'
--- prepare-transaction: PREPARE TRANSACTION outlives the session
BEGIN
-- then
PREPARE TRANSACTION 'intruder'
--- commit-and-chain-read-write: COMMIT AND CHAIN keeps the modes of the transaction
--! role
BEGIN READ WRITE
-- then
COMMIT AND CHAIN
-- then
DELETE FROM scratch
-- then
COMMIT
--- set-scs-off: standard_conforming_strings = off makes \' end no constant
--! session=SHOW+standard_conforming_strings
SET standard_conforming_strings = off
--- set-scs-off-and-escape: with it off, what we read as a constant is a statement
--! ways=simple belt role
SET SESSION standard_conforming_strings TO off
-- then
SELECT '\''; DELETE FROM scratch; --'
--- set-local-scs-off: SET LOCAL in a transaction
--! ways=simple belt role
BEGIN
-- then
SET LOCAL standard_conforming_strings = off
-- then
SELECT '\''; DELETE FROM scratch; COMMIT; --'
--- set-config-scs-off: the same by set_config
--! ways=simple belt role
SELECT set_config('standard_conforming_strings', 'off', false)
-- then
SELECT '\''; DELETE FROM scratch; --'
--- set-client-encoding-sjis: in SJIS the second byte of a character can be a backslash
--! session=SHOW+client_encoding
SET client_encoding = 'SJIS'
--- set-names-big5: SET NAMES is client_encoding
--! session=SHOW+client_encoding
SET NAMES 'BIG5'
--- set-config-gbk: client_encoding by set_config
--! session=SHOW+client_encoding
SELECT set_config('client_encoding', 'GBK', false)
--- set-client-encoding-johab: JOHAB
--! session=SHOW+client_encoding
SET client_encoding TO johab
--- set-client-encoding-gb18030: GB18030, with the name in odd case and dashes
--! session=SHOW+client_encoding
SET Client_Encoding = 'gb-18030'
--- set-client-encoding-uhc: UHC
--! session=SHOW+client_encoding
SET SESSION client_encoding = UHC
--- sjis-backslash: the byte 0x5c inside a character of SJIS ends the constant for one of the two readers
--! ways=simple escapes belt role
SET client_encoding = 'SJIS'
-- then
SELECT E'\x95\x5c'; DELETE FROM scratch; --'
--- set-backslash-quote: backslash_quote allows \' inside E''
--! session=SHOW+backslash_quote
SET backslash_quote = on
--- set-escape-string-warning-role: SET ROLE gives other rights
--! session=SELECT+current_user role
SET ROLE app_md5
--- set-role-quoted: SET ROLE with a constant
--! session=SELECT+current_user role
SET ROLE 'app_md5'
--- set-local-role: SET LOCAL ROLE
--! session=SELECT+current_user
BEGIN
-- then
SET LOCAL ROLE app_md5
--- set-config-role: role is a setting
--! session=SELECT+current_user role
SELECT set_config('role', 'app_md5', false)
--- set-role-as-setting: SET role = ...
--! session=SELECT+current_user role
SET role = app_md5
--- set-session-authorization: SET SESSION AUTHORIZATION
--! session=SELECT+session_user role
SET SESSION AUTHORIZATION app_md5
--- set-session-authorization-as-setting: the setting of that name
--! session=SELECT+session_user role
SELECT set_config('session_authorization', 'app_md5', false)
--- reset-role: RESET ROLE may not leave the role that the session began with (it passes since O2, and changes nothing)
--! either session=SELECT+current_user unproven=there_is_no_role_to_leave
RESET ROLE
--- reset-session-authorization: RESET SESSION AUTHORIZATION, likewise
--! either session=SELECT+session_user unproven=there_is_nothing_to_leave
RESET SESSION AUTHORIZATION
--- set-search-path: SET search_path makes other objects of unqualified names
--! session=SHOW+search_path
SET search_path = audit, public
--- set-schema: SET SCHEMA is search_path
--! session=SHOW+search_path
SET SCHEMA 'audit'
--- set-local-search-path: SET LOCAL search_path
--! session=SHOW+search_path
BEGIN
-- then
SET LOCAL search_path TO audit
--- set-search-path-catalog-last: pg_catalog last, so that public.lower is found before it
--! belt role
SET search_path = public, pg_catalog
-- then
SELECT lower('x'::varchar)
--- set-statement-timeout-of-server: settings outside the allow-list, for instance one that loads a library
--! session=SHOW+session_preload_libraries
SET session_preload_libraries = ''
--! unproven=it_cannot_be_set_in_a_session
--- set-local-preload: local_preload_libraries and dynamic_library_path
--! session=SHOW+dynamic_library_path role
SET dynamic_library_path = '@loot@'
--- set-replica-role: session_replication_role = replica turns triggers and foreign keys off
--! session=SHOW+session_replication_role role
SET session_replication_role = replica
--- set-allow-system-table-mods: allow_system_table_mods
--! session=SHOW+allow_system_table_mods role
SET allow_system_table_mods = on
--- set-log-statement: what the server logs
--! session=SHOW+log_statement role
SET log_statement = 'all'
--- set-lo-compat: lo_compat_privileges turns off the rights on large objects
--! session=SHOW+lo_compat_privileges role
SET lo_compat_privileges = on
--- set-default-tablespace: where files go
--! session=SHOW+default_table_access_method unproven=there_is_one_access_method
SET default_table_access_method = heap
--- set-xmloption-session: synchronous_commit and other settings of durability
--! session=SHOW+synchronous_commit
SET synchronous_commit = remote_apply
--- load: LOAD runs code of a library
--! unproven=nothing_left_to_see
LOAD 'plpgsql'
