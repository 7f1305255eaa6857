-- What extensions show of other sessions, of secrets and settings, wherever their schema is.
--! grant=denied refused=42501 ways=simple,extended shows=vault-4h8k

--- statements: H7: texts of other sessions in public
--! grant=reader
SELECT query FROM pg_stat_statements
--- statements-qualified: H7: with the schema
--! grant=reader
SELECT query FROM public.pg_stat_statements
--- statements-database: H7: with the database
--! grant=reader
SELECT query FROM @database@.public.pg_stat_statements
--- statements-quoted: H7: in quotes
--! grant=reader
SELECT "query" FROM "public"."pg_stat_statements"
--- statements-cte: H7: in a CTE
--! grant=reader
WITH s AS (TABLE pg_stat_statements) SELECT * FROM s
--- statements-copied: H7: by COPY
COPY public.pg_stat_statements TO STDOUT
--- statements-cursor: H7: by a cursor
--! ways=simple
BEGIN; DECLARE c CURSOR FOR SELECT query FROM pg_stat_statements; FETCH ALL FROM c
--- statements-joined: H7: in a join
SELECT s.query FROM customers c JOIN pg_stat_statements s ON true LIMIT 1
--- statements-masked: H7: under masks
--! grant=masked
SELECT query FROM pg_stat_statements
--- statements-info: H7: the view beside it
--! grant=reader
SELECT * FROM pg_stat_statements_info
--- statements-function: H7: the function behind it
--! grant=calls-public
SELECT query FROM pg_stat_statements(true)
--- statements-function-qualified: H7: with the schema
--! grant=calls-public
SELECT (public.pg_stat_statements(true)).query
--- qualstats: H7: constants of conditions
SELECT constvalue FROM pg_qualstats
--- powa: H7: passwords of other servers
--! grant=reader
SELECT password FROM powa_servers
--- cron-job: H7: commands that run later
SELECT command FROM cron.job
--- vault: H7: a vault
SELECT secret FROM vault.secrets
--- vault-decrypted: H7: what it decrypts
SELECT decrypted_secret FROM vault.decrypted_secrets
--- vault-row: H7: by a row
SELECT s.to_jsonb FROM vault.decrypted_secrets s
--- net: H7: answers to others
SELECT content FROM net._http_response
--- under-patterns: H7: patterns are no rule for it
--! grant=stars
SELECT query FROM pg_stat_statements
--- dblink: H7: another connection, any text
--! grant=calls-public
SELECT * FROM dblink('host=@socket@ port=@port@ dbname=@database@ user=postgres', 'select key from secrets limit 1') AS t (key text)
--- dblink-connect: H7: a function of the family
--! grant=calls-public shows=connected
SELECT 'conn' || 'ected', dblink_connect('x', 'host=@socket@ port=@port@ dbname=@database@ user=postgres')
