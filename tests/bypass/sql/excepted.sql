-- `public.secrets*` is excepted, or `public.secrets` denied: every road to its rows. The marker must never be seen.
--! grant=reader refused=42501 ways=simple,extended,binary shows=vault-4h8k

--- select: by its plain name
--! role
SELECT * FROM secrets
--- select-qualified: with the schema
--! role
SELECT key FROM public.secrets
--- select-upper-case: unquoted names are folded to lower case
--! role
SELECT KEY FROM PUBLIC.SECRETS
--- select-quoted: in quotes
--! role
SELECT "key" FROM "public"."secrets"
--- select-unicode: as U&""
--! role
SELECT key FROM U&"s\0065crets"
--- select-unicode-long: as U&"" with six digits
--! role
SELECT key FROM public.U&"\+000073ecrets"
--- select-comment-inside: comments between the parts of the name
--! role
SELECT key FROM public/* customers */./**/secrets
--- select-three-parts: with the database
--! role
SELECT key FROM @database@.public.secrets
--- select-alias: under the alias of a granted table
--! role
SELECT customers.key FROM secrets AS customers
--- select-alias-columns: with other names for its columns
--! role
SELECT a.b FROM secrets AS a (c, b)
--- select-only: ONLY
--! role
SELECT key FROM ONLY secrets
--- select-star-suffix: the old suffix for children
--! role
SELECT key FROM secrets *
--- select-tablesample: TABLESAMPLE
--! role
SELECT key FROM secrets TABLESAMPLE system (100)
--- table-command: TABLE
--! role
TABLE secrets
--- whole-row: the row as one value
--! role
SELECT s FROM secrets s
--- whole-row-json: row_to_json
--! role
SELECT row_to_json(secrets) FROM secrets
--- join: a JOIN with a granted table
--! role
SELECT c.id, s.key FROM customers c JOIN secrets s ON s.service = 'mail' LIMIT 3
--- join-comma: behind a comma
--! role
SELECT s.key FROM customers c, secrets s LIMIT 3
--- join-in-parentheses: inside a parenthesised join
--! role
SELECT key FROM customers c LEFT JOIN (orders o CROSS JOIN secrets s) ON o.customer_id = c.id LIMIT 3
--- join-natural: NATURAL JOIN
--! role
SELECT key FROM customers NATURAL JOIN secrets LIMIT 3
--- lateral: in LATERAL
--! role
SELECT x.key FROM customers c, LATERAL (SELECT key FROM secrets) x LIMIT 3
--- subquery-from: a subquery in FROM
--! role
SELECT * FROM (SELECT key FROM secrets) s
--- subquery-deep: five subqueries down
--! role
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM secrets) a) b) c) d
--- subquery-scalar: a scalar subquery
--! role
SELECT (SELECT key FROM secrets LIMIT 1)
--- subquery-array: ARRAY(SELECT ...)
--! role
SELECT ARRAY(SELECT key FROM secrets)
--- subquery-exists: EXISTS tells one bit
--! shows=hit-me role
SELECT 'hit-' || 'me' WHERE EXISTS (SELECT FROM secrets WHERE key LIKE 'vault%')
--- subquery-in: IN (SELECT ...)
--! shows=hit-me role
SELECT 'hit-' || 'me' WHERE 'mail' IN (SELECT service FROM secrets)
--- subquery-any: = ANY (SELECT ...)
--! shows=hit-me role
SELECT 'hit-' || 'me' WHERE 'mail' = ANY (SELECT service FROM secrets)
--- subquery-order-by: in ORDER BY
--! shows=hit-me role
SELECT 'hit-' || 'me' ORDER BY (SELECT key FROM secrets LIMIT 1)
--- subquery-limit: in LIMIT
--! shows=hit-me role
SELECT 'hit-' || 'me' FROM generate_series(1, 9) LIMIT (SELECT count(*) FROM secrets)
--- subquery-values: in VALUES
--! role
VALUES ((SELECT key FROM secrets LIMIT 1))
--- subquery-case: in CASE
--! role
SELECT CASE WHEN true THEN (SELECT max(key COLLATE "C") FROM secrets) END
--- subquery-function-argument: in a function's argument
--! role
SELECT upper((SELECT key FROM secrets LIMIT 1)) || 'vault-4h8k'
--- subquery-having: in HAVING
--! shows=hit-me role
SELECT 'hit-' || 'me' FROM customers HAVING count(*) > (SELECT count(*) FROM secrets)
--- subquery-window: in a window definition
--! shows=hit-me role
SELECT 'hit-' || 'me', row_number() OVER (ORDER BY (SELECT key FROM secrets LIMIT 1))
--- cte: in a CTE
--! role
WITH c AS (SELECT key FROM secrets) SELECT * FROM c
--- cte-same-name: a CTE of the same name whose own body reads the real table
--! role
WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets
--- cte-same-name-qualified: a CTE takes the name, the qualified name is the table all the same
--! role
WITH secrets AS (SELECT 1) SELECT key FROM public.secrets
--- cte-out-of-scope: the CTE's name is known in one branch and not in the other
--! role
SELECT * FROM (WITH secrets AS (SELECT 'x'::text AS a, 'y'::text AS b) TABLE secrets) s UNION ALL SELECT service, key FROM secrets
--- cte-later: a CTE may not be used before it is defined, so the first one reads the table
--! role
WITH a AS (SELECT * FROM secrets), secrets AS (SELECT 1) SELECT * FROM a
--- cte-recursive: in the second half of a recursive CTE
--! role
WITH RECURSIVE r (n, key) AS (SELECT 1, ''::text UNION ALL SELECT n + 1, s.key FROM r, secrets s WHERE n < 2) SELECT * FROM r
--- cte-inner-shadow: a CTE inside a CTE has the name, outside it has not
--! role
WITH a AS (WITH secrets AS (SELECT 'x' AS key) SELECT key FROM secrets) SELECT key FROM a UNION SELECT key FROM secrets
--- union: the second branch of a UNION
--! role
SELECT name, email FROM customers UNION ALL SELECT service, key FROM secrets
--- intersect: INTERSECT
--! role
SELECT key FROM secrets INTERSECT SELECT key FROM public.secrets
--- except: EXCEPT
--! role
(SELECT key FROM secrets EXCEPT SELECT name FROM customers) ORDER BY 1
--- function-in-from-argument: as argument of a function in FROM
--! role
SELECT * FROM unnest(ARRAY(SELECT key FROM secrets)) u
--- view: a new view over it
--! belt role
CREATE VIEW loot AS SELECT * FROM secrets
-- then
SELECT * FROM loot
--- copy-table: COPY table TO STDOUT
--! role
COPY secrets TO STDOUT
--- copy-columns: COPY with a list of columns
--! role
COPY public.secrets (key) TO STDOUT (FORMAT csv, HEADER)
--- copy-query: COPY (SELECT) TO STDOUT
--! role
COPY (SELECT key FROM secrets) TO STDOUT WITH BINARY
--- copy-to-file: COPY to a file of the server, read afterwards
--! role
COPY secrets TO '@loot@/out'
-- then
SELECT pg_read_file('@loot@/out')
--- cursor: through a cursor
--! role
BEGIN
-- then
DECLARE c CURSOR FOR SELECT key FROM secrets
-- then
FETCH ALL FROM c
--- cursor-binary: through a binary cursor WITH HOLD
--! role
DECLARE c BINARY NO SCROLL CURSOR WITH HOLD FOR TABLE secrets
-- then
FETCH ALL IN c
--- prepare: through PREPARE
--! role
PREPARE p AS SELECT key FROM secrets
-- then
EXECUTE p
--- explain-analyze: EXPLAIN ANALYZE shows how many there are, VERBOSE what is compared
--! shows=secrets
EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM secrets WHERE key = 'x'
--- explain: EXPLAIN alone tells of a relation's statistics
--! shows=secrets
EXPLAIN SELECT * FROM secrets WHERE key > 'v'
--- lock: LOCK IN ACCESS SHARE MODE of what is excepted
--! shows= unproven=access_share_is_what_every_reader_has
BEGIN
-- then
LOCK TABLE secrets IN ACCESS SHARE MODE
--- child: a table that inherits from it, excepted by the same pattern
--! role
SELECT key FROM secrets_2026
--- parent-only-children: the children's rows by way of the parent
--! role
SELECT tableoid::regclass, key FROM secrets WHERE tableoid <> 'customers'::regclass
--- sequence: a sequence is a relation
--! shows=484811 role
SELECT last_value || '' FROM secrets_seq
--- sequence-view: pg_sequences shows the last value of every sequence
--! shows=484811 role
SELECT last_value FROM pg_sequences
--- sequence-view-row: and its whole row has it
--! shows=484811
SELECT s FROM pg_sequences s WHERE sequencename = 'secrets_seq'
--- sequence-function: the function behind the view
--! shows=484811 role
SELECT pg_sequence_last_value(seqrelid) FROM pg_sequence
--- prefix: a table of the excepted pattern
--! role
SELECT key FROM secrets_notes
--- identifier-of-63-bytes: a name of 63 bytes
--! role
SELECT key FROM secrets_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
--- identifier-of-64-bytes: a name of 64 bytes is cut by the server, and means the table of 63
--! role
SELECT key FROM secrets_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy
--- identifier-of-200-bytes: much too long, in quotes
--! role
SELECT key FROM "secrets_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
--- statistics-view: pg_stats shows the commonest values
--! role
SELECT most_common_vals FROM pg_stats WHERE tablename = 'secrets'
--- statistics-table: pg_statistic, below it
--! role
SELECT stavalues1::text FROM pg_catalog.pg_statistic WHERE starelid = 'secrets'::regclass
--- statistics-histogram: the histogram of a partitioned table
--! grant=denied role
SELECT histogram_bounds FROM pg_stats WHERE tablename = 'ledger_low'
--- toast: the TOAST table by its own name
--! shows=chunk_data role
SELECT * FROM pg_toast.pg_toast_2618 LIMIT 1
--- function: a function that reads it
--! role
SELECT secret_of('mail')
--- function-in-from: the same in FROM
--! role
SELECT * FROM secret_of('payments')
--- type-name: the table as a type: its rows by a cast
--! role
SELECT (json_populate_record(NULL::secrets, row_to_json(s))).key FROM secrets s
--- insert-select: INSERT ... SELECT into a table that is granted
--! grant=writer belt role
INSERT INTO notes (author, body) SELECT service, key FROM secrets RETURNING body
--- update-from: UPDATE ... FROM
--! grant=writer belt role
UPDATE notes SET body = key FROM secrets WHERE id = 1 RETURNING body
--- update-sublink: UPDATE SET (SELECT ...)
--! grant=writer belt role
UPDATE notes SET body = (SELECT key FROM secrets LIMIT 1) WHERE id = 1 RETURNING body
--- on-conflict-sublink: a sublink in ON CONFLICT ... WHERE
--! grant=writer belt role
INSERT INTO notes (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = (SELECT key FROM secrets LIMIT 1) RETURNING body
--- returning-sublink: a sublink in RETURNING
--! grant=writer belt role
INSERT INTO notes (body) VALUES ('x') RETURNING (SELECT key FROM secrets LIMIT 1)
--- merge-using: MERGE USING
--! grant=writer shows= belt role
MERGE INTO notes USING secrets ON false WHEN NOT MATCHED THEN INSERT (body) VALUES (key)
--- error-text: a value in the text of an error
--! role
SELECT key::int FROM secrets
--- error-text-cast-json: a value in DETAIL of an error
--! shows=Token role
SELECT key::json FROM secrets
--- denied-select: a deny wins over read-only
--! grant=denied role
SELECT key FROM secrets
--- denied-cte: a deny through a CTE
--! grant=denied role
WITH a AS (TABLE public.secrets) SELECT * FROM a
--- denied-partitioned: a denied partitioned table
--! grant=denied role
SELECT key FROM ledger
--- denied-partition: its partition by its own name
--! grant=denied role
SELECT key FROM public.ledger_low
--- denied-partition-default: its default partition
--! grant=denied role
SELECT key FROM ledger_rest WHERE id > 100
--- denied-function: a harmless function that is denied all the same
--! grant=denied shows=HIT
SELECT upper('hit')
--- denied-function-qualified: the same with its schema
--! grant=denied shows=HIT
SELECT pg_catalog.upper('hit')
--- denied-function-reads: a function that reads what is denied
--! grant=denied role
SELECT public.secret_of('mail')
--- denied-copy: COPY of what is denied
--! grant=denied role
COPY secrets TO STDOUT
--- denied-inherited-from-below: EXPLAIN of what is denied
--! grant=denied shows=secrets
EXPLAIN SELECT * FROM secrets
