-- Secrets in settings of the server, the database and its roles.
--! grant=denied refused=42501 ways=simple,extended shows=vault-4h8k

--- show: H6: a setting of the application
SHOW app.jwt_secret
--- show-quoted: H6: in quotes and other letters
SHOW "App"."JWT_secret"
--- show-all: H6: all settings
SHOW ALL
--- show-narrow: H6: under a grant for two tables
--! grant=narrow
SHOW app.jwt_secret
--- show-appender: H6: under a grant that only writes
--! grant=appender
SHOW app.jwt_secret
--- show-masked: H6: under masks
--! grant=masked
SHOW app.jwt_secret
--- show-in-a-transaction: H6: behind BEGIN
--! ways=simple
BEGIN; SHOW app.jwt_secret; COMMIT
--- show-second: H6: the second statement of a text
--! ways=simple
SELECT 1; SHOW app.jwt_secret
--- current-setting: H6: as a function
SELECT current_setting('app.jwt_secret')
--- current-setting-missing-ok: H6: with its second argument
SELECT current_setting('app.jwt_secret', true)
--- current-setting-qualified: H6: with the schema
SELECT pg_catalog.current_setting('app.jwt_secret')
--- current-setting-computed: H6: a name that is computed
SELECT current_setting('app.' || 'jwt_secret')
--- current-setting-escaped: H6: a name with escapes
SELECT current_setting(E'app.jwt\x5fsecret')
--- current-setting-upper-case: H6: names fold
SELECT current_setting('APP.JWT_SECRET')
--- current-setting-named: H6: an argument by its name
--! unproven=the_arguments_have_no_names
SELECT current_setting(setting_name => 'app.jwt_secret')
--- current-setting-cast: H6: a cast constant
SELECT current_setting('app.jwt_secret'::text)
--- current-setting-column: H6: a name out of a row
SELECT current_setting(n) FROM (VALUES ('app.jwt_secret')) v (n)
--- current-setting-like-a-fixed-one: H6: a column called name, of something else
SELECT current_setting(name) FROM (VALUES ('app.jwt_secret')) v (name) WHERE name <> 'work_mem'
--- current-setting-as-a-column: H6: x.current_setting is current_setting(x)
SELECT x.current_setting FROM unnest(ARRAY['app.jwt_secret']) x
--- current-setting-in-from: H6: in FROM
SELECT * FROM current_setting('app.jwt_secret')
--- current-setting-rows-from: H6: in ROWS FROM
SELECT * FROM ROWS FROM (current_setting('app.jwt_secret'))
--- current-setting-in-an-error: H6: the value in an error
SELECT current_setting('app.jwt_secret')::integer
--- current-setting-in-where: H6: guessed
--! shows=guessed
SELECT 'gue' || 'ssed' WHERE current_setting('app.jwt_secret') LIKE 'vault%'
--- current-setting-in-limit: H6: told by a number of rows
--! shows=long
SELECT 'lo' || 'ng' FROM generate_series(1, 100) LIMIT length(current_setting('app.jwt_secret'))
--- current-setting-unicode: H6: the function's name with an escape
SELECT U&"current\005fsetting"('app.jwt_secret')
--- current-setting-nested: H6: inside a value for set_config
SELECT set_config('application_name', current_setting('app.jwt_secret'), true)
--- view: H6: the view of settings
SELECT setting FROM pg_settings WHERE name = 'archive_cleanup_command'
--- view-all: H6: all of it
SELECT * FROM pg_settings
--- view-second-condition: H6: a name that is allowed, or another one
SELECT setting FROM pg_settings WHERE name = 'work_mem' OR name = 'archive_cleanup_command'
--- view-true: H6: a name that is allowed, or all
SELECT setting FROM pg_settings WHERE name = 'work_mem' OR true
--- view-negated: H6: all but one
SELECT setting FROM pg_settings WHERE name <> 'work_mem'
--- view-pattern: H6: by a pattern
SELECT setting FROM pg_settings WHERE name ~ 'cleanup_c'
--- view-pattern-of-psql: H6: psql's own form with a pattern
SELECT s.name, pg_catalog.current_setting(s.name) FROM pg_catalog.pg_settings s WHERE pg_catalog.lower(s.name) OPERATOR(pg_catalog.~) '^(archive_cl.*)$' COLLATE pg_catalog.default
--- view-renamed: H6: columns under each other's names
SELECT x.name FROM pg_settings AS x (a, name) WHERE x.a LIKE 'archive_cl%'
--- view-reset-value: H6: the value behind the value
SELECT reset_val FROM pg_settings WHERE name LIKE 'archive_cl%'
--- view-row: H6: a whole row
SELECT s.to_jsonb FROM pg_settings s
--- view-joined: H6: the condition is on another item
SELECT s.setting FROM pg_settings s, (SELECT 'work_mem' AS name) x WHERE x.name = 'work_mem'
--- view-lateral: H6: a name out of another item
SELECT y.setting FROM (SELECT 'archive_cleanup_command' AS n) x, LATERAL (SELECT setting FROM pg_settings WHERE name = x.n) y
--- view-inside: H6: the condition outside
SELECT setting FROM (SELECT * FROM pg_settings) x WHERE name = 'archive_cleanup_command'
--- view-in-union: H6: an arm without a condition
SELECT setting FROM pg_settings WHERE name = 'work_mem' UNION ALL SELECT setting FROM pg_settings
--- view-in-an-error: H6: a value that is cast before its row is left out
--! unproven=the_order_of_conditions_is_the_planners
SELECT 1 FROM (SELECT * FROM pg_settings WHERE name IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j')) x WHERE x.setting::"char"::text::integer IS NULL AND x.setting LIKE 'vault%'
--- view-having: H6: a condition on groups is moved to the rows
--! unproven=the_order_of_conditions_is_the_planners
SELECT setting FROM pg_settings WHERE name IN ('work_mem', 'jit') GROUP BY setting HAVING setting::integer > 0
--- view-guessed: H6: guessed by a condition
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_settings WHERE setting LIKE 'vault%'
--- view-natural: H6: guessed by a join
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_settings NATURAL JOIN (SELECT 'vault-4h8k-command' AS setting) g
--- view-copied: H6: by COPY
COPY (SELECT setting FROM pg_settings) TO STDOUT
--- view-cursor: H6: by a cursor
--! ways=simple
BEGIN; DECLARE c CURSOR FOR SELECT setting FROM pg_settings; FETCH ALL FROM c
--- view-under-patterns: H6: patterns are no rule for it
--! grant=stars
SELECT * FROM pg_settings
--- show-under-patterns: H6: nor for SHOW
--! grant=stars
SHOW app.jwt_secret
--- function: H6: what the view calls
SELECT setting FROM pg_show_all_settings()
--- function-in-the-list: H6: in a select list
SELECT (pg_show_all_settings()).setting
--- function-row: H6: its row
SELECT x FROM pg_show_all_settings() x
--- function-with-a-view: H6: beside a view that is fixed
SELECT (SELECT string_agg(f.setting, '') FROM pg_show_all_settings() f) FROM pg_settings WHERE name = 'work_mem'
--- database-settings: H6: where ALTER ROLE and ALTER DATABASE put them
SELECT setconfig FROM pg_db_role_setting
--- database-settings-star: H6: the same by a star
SELECT * FROM pg_catalog.pg_db_role_setting
--- database-settings-of-psql: H6: as psql lists them
SELECT rolname, datname, pg_catalog.array_to_string(setconfig, E'\n') AS "Settings" FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = setrole ORDER BY 1, 2
--- database-settings-unnested: H6: by a function in FROM
SELECT u FROM pg_db_role_setting, unnest(setconfig) u
--- role-settings: H6: with the roles
--! unproven=restoring_resets_the_settings_of_roles
SELECT rolconfig FROM pg_roles
--- role-settings-star: H6: the same by a star
--! unproven=restoring_resets_the_settings_of_roles
SELECT * FROM pg_roles
--- user-settings: H6: with the users
--! unproven=restoring_resets_the_settings_of_roles
SELECT useconfig FROM pg_user
--- shadow-settings: H6: with the passwords
--! unproven=restoring_resets_the_settings_of_roles
SELECT useconfig FROM pg_shadow
--- conninfo: H6: how a standby reaches its primary
--! unproven=the_server_is_no_standby
SHOW primary_conninfo
--- conninfo-function: H6: the same as a function
--! unproven=the_server_is_no_standby
SELECT current_setting('primary_conninfo')
--- archive-command: H6: a command of the shell
--! unproven=nothing_is_archived
SHOW archive_command
--- key-file: H6: where the keys are
--! shows=key
SHOW ssl_key_file
--- data-directory: H6: where the data is
--! shows=data
SHOW data_directory
