-- Every verb that writes, in every disguise, under a grant that only reads.
--! grant=reader refused=42501 ways=simple,extended

--- insert: a plain INSERT was passed on because only the user's role was trusted
--! belt role
INSERT INTO notes (body) VALUES ('x')
--- insert-mixed-case: a list of forbidden words was compared in lower case only
--! belt role
iNsErT iNtO notes (body) vAlUeS ('x')
--- insert-after-comment: the first word was looked for at the first byte
--! belt role
/* harmless */ INSERT INTO notes (body) VALUES ('x')
--- insert-after-line-comment: a comment of two dashes hid the verb from a regex without multi-line mode
--! belt role
-- select 1
INSERT INTO notes (body) VALUES ('x')
--- insert-after-nested-comment: comments nest in PostgreSQL; a scanner that stops at the first */ reads another text
--! belt role
/* a /* select 1 */ still a comment */ INSERT INTO notes (body) VALUES ('x')
--- insert-comment-inside: words were matched with spaces between them
--! belt role
INSERT/**/INTO/**/notes/**/(body)/**/VALUES/**/('x')
--- insert-odd-spaces: tabs, form feeds and newlines are spaces, too
--! belt role
INSERT	INTO
notes (body)
	VALUES ('x')
--- insert-vertical-tab-prefix: leading white space that strip() does not know
--! escapes belt role
\x0c\x0dINSERT INTO notes (body) VALUES ('x')
--- insert-default-values: INSERT without VALUES or SELECT
--! belt role
INSERT INTO notes (body) SELECT 'x'
--- insert-from-select: the reading half of INSERT ... SELECT was decided, the writing half not
--! belt role
INSERT INTO scratch SELECT id + 1000, name FROM customers
--- insert-overriding: OVERRIDING and column lists
--! belt role
INSERT INTO scratch AS s (n, body) OVERRIDING USER VALUE VALUES (77, 'x')
--- insert-on-conflict-nothing: an INSERT that is "only" an upsert
--! belt role
INSERT INTO scratch VALUES (77, 'x') ON CONFLICT DO NOTHING
--- insert-on-conflict-update: ON CONFLICT DO UPDATE is an UPDATE
--! belt role
INSERT INTO scratch VALUES (1, 'x') ON CONFLICT (n) DO UPDATE SET body = excluded.body
--- insert-returning: RETURNING made it look like a query
--! belt role
INSERT INTO notes (body) VALUES ('x') RETURNING *
--- insert-into-view: an automatically updatable view is a road to its table
--! belt role
INSERT INTO open_notes (body) VALUES ('x')
--- insert-dollar-quotes: the verb behind a dollar-quoted constant with a quote in it
--! belt role
SELECT $$'$$; INSERT INTO notes (body) VALUES ($x$'$x$)
--! ways=simple
--- update: UPDATE
--! belt role
UPDATE notes SET body = 'x' WHERE id = 1
--- update-from: UPDATE ... FROM
--! belt role
UPDATE notes n SET body = c.name FROM customers c WHERE c.id = n.id
--- update-only-star: UPDATE ONLY with parentheses and a multi-column assignment
--! belt role
UPDATE ONLY (notes) SET (author, body) = ROW ('x', 'y') WHERE id = 2
--- update-by-subselect: (a, b) = (SELECT ...)
--! belt role
UPDATE notes SET (author, body) = (SELECT name, country FROM customers WHERE id = 3) WHERE id = 3
--- update-catalogue: an UPDATE of a system catalogue by a superuser's role
--! belt role
UPDATE pg_catalog.pg_description SET description = 'x' WHERE objoid = (SELECT min(objoid) FROM pg_description)
--- update-pg-settings: pg_settings has a rule that turns UPDATE into set_config
--! session=SHOW+search_path belt
UPDATE pg_settings SET setting = 'audit' WHERE name = 'search_path'
--- delete: DELETE
--! belt role
DELETE FROM notes WHERE id = 1
--- delete-mixed-case: dElEtE, the example of every product page
--! belt role
dElEtE fRoM notes WhErE id = 1
--- delete-using: DELETE ... USING
--! belt role
DELETE FROM notes USING customers c WHERE c.id = notes.id AND c.id = 4
--- delete-quoted: a quoted identifier next to the verb, no space between
--! belt role
DELETE FROM"notes"WHERE"id"=5
--- delete-where-current-of: a cursor, then DELETE WHERE CURRENT OF
--! ways=simple belt role
BEGIN; DECLARE c CURSOR FOR SELECT * FROM scratch; FETCH 1 FROM c; DELETE FROM scratch WHERE CURRENT OF c; COMMIT
--- delete-where-current-of-stepwise: the same in steps of their own
--! belt role
BEGIN
-- then
DECLARE c CURSOR FOR SELECT * FROM scratch
-- then
FETCH 1 FROM c
-- then
DELETE FROM scratch WHERE CURRENT OF c
-- then
COMMIT
--- truncate: TRUNCATE
--! belt role
TRUNCATE notes
--- truncate-cascade: TRUNCATE ... RESTART IDENTITY CASCADE reaches tables that are not named
--! belt role
TRUNCATE TABLE ONLY customers RESTART IDENTITY CASCADE
--- merge-insert: MERGE was new and not on the list
--! belt role
MERGE INTO scratch s USING (VALUES (99)) v (n) ON s.n = v.n WHEN NOT MATCHED THEN INSERT VALUES (v.n, 'x')
--- merge-update: MERGE ... WHEN MATCHED THEN UPDATE
--! belt role
MERGE INTO scratch s USING (VALUES (1)) v (n) ON s.n = v.n WHEN MATCHED THEN UPDATE SET body = 'x'
--- merge-delete: MERGE ... WHEN MATCHED THEN DELETE
--! belt role
MERGE INTO scratch s USING (VALUES (1)) v (n) ON s.n = v.n WHEN MATCHED THEN DELETE
--- merge-returning: MERGE ... RETURNING came with PostgreSQL 17; it is a write all the same
--! since=17 belt role
MERGE INTO scratch s USING (VALUES (1)) v (n) ON s.n = v.n WHEN MATCHED THEN DELETE RETURNING s.*
--- merge-not-matched-by-source: WHEN NOT MATCHED BY SOURCE came with PostgreSQL 17
--! since=17 belt role
MERGE INTO scratch s USING (VALUES (1)) v (n) ON s.n = v.n WHEN NOT MATCHED BY SOURCE THEN DELETE
--- returning-old-new: RETURNING with OLD and NEW came with PostgreSQL 18
--! since=18 belt role
UPDATE notes SET body = 'x' RETURNING WITH (OLD AS o, NEW AS n) o.body, n.body
--- cte-insert: the outer statement is a SELECT; the CTE writes
--! belt role
WITH w AS (INSERT INTO notes (body) VALUES ('x') RETURNING id) SELECT * FROM w
--- cte-update: a CTE that is never read writes all the same
--! belt role
WITH w AS (UPDATE notes SET body = 'x' RETURNING 1) SELECT 1
--- cte-delete: DELETE in a CTE, named like a table
--! belt role
WITH customers AS (DELETE FROM notes RETURNING *) SELECT count(*) FROM customers
--- cte-merge: MERGE in a CTE is of PostgreSQL 17
--! since=17 belt role
WITH w AS (MERGE INTO scratch s USING (VALUES (1)) v (n) ON s.n = v.n WHEN MATCHED THEN DELETE RETURNING s.n) SELECT * FROM w
--- cte-second: only the first CTE was looked at
--! belt role
WITH a AS (SELECT 1), b AS (SELECT 2), c AS (DELETE FROM scratch RETURNING n) SELECT * FROM a, b, c
--- cte-recursive: a writing CTE beside a recursive one
--! belt role
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3), w AS (INSERT INTO scratch SELECT n + 500, 'x' FROM t RETURNING n) SELECT * FROM w
--- cte-before-values: WITH in front of VALUES
--! belt role
WITH w AS (DELETE FROM scratch RETURNING n) VALUES (1)
--- cte-before-table: WITH in front of TABLE
--! belt role
WITH w AS (DELETE FROM scratch RETURNING n) TABLE w
--- cte-in-parentheses: the SELECT in parentheses, WITH outside
--! belt role
WITH w AS (DELETE FROM scratch RETURNING n) (SELECT 1)
--- cte-upper-union: a WITH above a UNION
--! belt role
WITH w AS (DELETE FROM scratch RETURNING n) SELECT 1 UNION SELECT n FROM w
--- cte-materialized: AS NOT MATERIALIZED between the name and the write
--! belt role
WITH w AS NOT MATERIALIZED (INSERT INTO notes (body) VALUES ('x') RETURNING 1) SELECT 1
--- select-into: SELECT INTO creates a table
--! belt role
SELECT * INTO loot FROM customers
--- select-into-temp: a temporary table shadows whatever has its name
--! belt
SELECT * INTO TEMP loot FROM customers
--- select-into-unlogged: SELECT INTO UNLOGGED TABLE
--! belt role
SELECT 1 AS n INTO UNLOGGED TABLE loot
--- select-into-in-union: INTO in the first branch of a UNION
--! belt role
SELECT 1 AS n INTO loot UNION SELECT 2
--- select-into-behind-cte: INTO behind a WITH
--! belt role
WITH w AS (SELECT 1 AS n) SELECT n INTO loot FROM w
--- create-table-as: CREATE TABLE AS
--! belt role
CREATE TABLE loot AS SELECT * FROM customers
--- create-table-as-execute: CREATE TABLE AS EXECUTE of a harmless statement
--! ways=simple belt role
PREPARE p AS SELECT 1 AS n; CREATE TABLE loot AS EXECUTE p
--- select-for-update: FOR UPDATE takes locks and writes to rows
--! belt role
BEGIN
-- then
SELECT * FROM notes WHERE id = 1 FOR UPDATE
--- select-for-no-key-update: FOR NO KEY UPDATE
--! belt role
BEGIN
-- then
SELECT * FROM notes WHERE id = 1 FOR NO KEY UPDATE SKIP LOCKED
--- select-for-share: FOR SHARE
--! belt role
BEGIN
-- then
SELECT * FROM notes WHERE id = 1 FOR SHARE NOWAIT
--- select-for-key-share: FOR KEY SHARE OF
--! belt role
BEGIN
-- then
SELECT * FROM notes n, customers c WHERE n.id = 1 AND c.id = 1 FOR KEY SHARE OF n
--- select-for-update-nested: FOR UPDATE in a subquery only
--! belt role
BEGIN
-- then
SELECT * FROM (SELECT id FROM notes FOR UPDATE) s
--- select-for-update-cte: FOR UPDATE in a CTE only
--! belt role
BEGIN
-- then
WITH w AS (SELECT id FROM notes FOR UPDATE) SELECT count(*) FROM w
--- cursor-for-update: FOR UPDATE in a cursor
--! belt role
BEGIN
-- then
DECLARE c CURSOR FOR SELECT * FROM notes FOR UPDATE
-- then
FETCH ALL FROM c
--- lock-table: LOCK TABLE stops everybody else
--! role
BEGIN
-- then
LOCK TABLE notes
--- lock-table-share: LOCK in a weaker mode
--! role
BEGIN
-- then
LOCK notes IN ROW EXCLUSIVE MODE NOWAIT
--- lock-two: the second name of LOCK was not decided
--! role
BEGIN
-- then
LOCK TABLE customers, audit.entries IN SHARE MODE
--- explain-analyze-insert: EXPLAIN ANALYZE runs what it explains
--! belt role
EXPLAIN ANALYZE INSERT INTO notes (body) VALUES ('x')
--- explain-options: EXPLAIN (ANALYZE true, ...)
--! belt role
EXPLAIN (COSTS off, ANALYZE true, FORMAT json) DELETE FROM scratch
--- explain-analyze-cte: EXPLAIN ANALYZE of a SELECT whose CTE writes
--! belt role
EXPLAIN (ANALYZE) WITH w AS (DELETE FROM scratch RETURNING 1) SELECT * FROM w
--- explain-analyze-last-wins: ANALYZE off, then on: the last one counts
--! belt role
EXPLAIN (ANALYZE off, ANALYZE on) DELETE FROM scratch
--- explain-analyze-create: EXPLAIN ANALYZE CREATE TABLE AS
--! role
EXPLAIN ANALYZE CREATE TABLE loot AS SELECT 1 AS n
--- explain-analyze-execute: EXPLAIN ANALYZE EXECUTE of what was prepared
--! ways=simple belt role
PREPARE p AS DELETE FROM scratch; EXPLAIN ANALYZE EXECUTE p
--- explain-analyze-declare: EXPLAIN ANALYZE DECLARE CURSOR ... FOR UPDATE
--! belt role
BEGIN
-- then
EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT * FROM notes FOR UPDATE
--- prepare-execute: PREPARE hides the verb, EXECUTE runs it
--! belt role
PREPARE p AS INSERT INTO notes (body) VALUES ('x')
-- then
EXECUTE p
--- prepare-parameters: the same with parameters and types
--! belt role
PREPARE p (text) AS INSERT INTO notes (body) VALUES ($1)
-- then
EXECUTE p ('x')
--- prepare-execute-one-text: PREPARE and EXECUTE in one text
--! ways=simple belt role
PREPARE p AS DELETE FROM scratch; EXECUTE p
--- prepare-cte: PREPARE of a SELECT whose CTE writes
--! belt role
PREPARE p AS WITH w AS (DELETE FROM scratch RETURNING 1) SELECT * FROM w
-- then
EXECUTE p
--- prepare-redefined: a name that was harmless is deallocated and prepared again
--! belt role
PREPARE p AS SELECT 1
-- then
DEALLOCATE p
-- then
PREPARE p AS DELETE FROM scratch
-- then
EXECUTE p
--- multi-last: the bad statement last in a text of several
--! ways=simple belt role
SELECT 1; SELECT 2; DELETE FROM scratch
--- multi-first: the bad statement first
--! ways=simple belt role
DELETE FROM scratch; SELECT 1
--- multi-middle: the bad statement between two good ones
--! ways=simple belt role
SELECT 1; DELETE FROM scratch; SELECT 2
--- multi-many: the bad one behind two hundred good ones
--! ways=simple belt role
;;;;;;;;;;SELECT 1;SELECT 1;SELECT 1;SELECT 1;SELECT 1;SELECT 1;SELECT 1;SELECT 1;SELECT 1;;;;;;;;;;;;;;;;;;;;DELETE FROM scratch;;;;
--- multi-after-comment-semicolon: a semicolon in a comment and one in a constant
--! ways=simple belt role
SELECT ';' /* ; */; -- ;
DELETE FROM scratch
--- multi-committed-before-error: the write commits before a later statement fails
--! ways=simple belt role
BEGIN; DELETE FROM scratch; COMMIT; SELECT 1/0
--- copy-from-stdin: COPY FROM STDIN is an INSERT
--! belt role
COPY notes FROM STDIN
--- copy-from-stdin-columns: COPY with columns and options
--! belt role
COPY notes (id, author, body) FROM STDIN WITH (FORMAT text, DELIMITER E'\t')
--- copy-from-old-syntax: the syntax of 7.2
--! belt role
COPY notes FROM STDIN DELIMITERS '	'
--- copy-from-file: COPY FROM a file of the server
--! belt role
COPY notes (body) FROM '@loot@/server-file'
--- copy-from-program: COPY FROM PROGRAM runs a command
--! belt role
COPY notes (body) FROM PROGRAM 'echo owned; touch @loot@/owned'
--- copy-to-file: COPY TO a file of the server
--! role
COPY customers TO '@loot@/stolen'
--- copy-to-program: COPY TO PROGRAM runs a command
--! role
COPY customers TO PROGRAM 'cat > @loot@/stolen'
--- copy-query-to-program: COPY (SELECT ...) TO PROGRAM
--! role
COPY (SELECT 'x') TO PROGRAM 'touch @loot@/owned'
--- copy-writing-query: COPY (DELETE ... RETURNING) TO STDOUT
--! belt role
COPY (DELETE FROM scratch RETURNING *) TO STDOUT
--- copy-writing-cte: COPY (WITH ... DELETE) TO STDOUT
--! belt role
COPY (WITH w AS (DELETE FROM scratch RETURNING n) SELECT * FROM w) TO STDOUT
--- copy-insert-returning: COPY (INSERT ... RETURNING)
--! belt role
COPY (INSERT INTO notes (body) VALUES ('x') RETURNING id) TO STDOUT (FORMAT csv)
--- copy-catalogue: COPY FROM into a view, through its rules
COPY open_notes (id, body) FROM STDIN (DELIMITER '	')
--! unproven=a_view_takes_no_copy_without_a_trigger
--- do-insert: a DO block is a body that nobody reads
--! belt role
DO $$ BEGIN INSERT INTO notes (body) VALUES ('x'); END $$
--- do-execute-concat: DO with EXECUTE of a text put together at run time
--! belt role
DO $$ BEGIN EXECUTE 'dr' || 'op' || ' table scratch'; END $$
--- do-language: DO LANGUAGE before the body, and an E'' body
--! belt role
DO LANGUAGE plpgsql E'BEGIN DELETE FROM scr\141tch; END'
--- do-unicode-body: the body as a U&'' constant
--! belt role
DO U&'BEGIN DELETE FROM scr\0061tch; END'
--- do-loop-commit: a DO block that commits by itself
--! belt role
DO $body$ BEGIN FOR i IN 1..3 LOOP INSERT INTO notes (body) VALUES ('x'); COMMIT; END LOOP; END $body$
--- call-procedure: CALL of a procedure that writes and commits
--! belt role
CALL scribble_later('x')
--- call-qualified: CALL with a schema
--! belt role
CALL public.scribble_later(text 'x')
--- cursor-with-hold-volatile: DECLARE WITH HOLD runs its query at COMMIT
--! belt role
BEGIN
-- then
DECLARE c CURSOR WITH HOLD FOR SELECT scribble('x')
-- then
COMMIT
--- unicode-identifier: U&"" names are unescaped by the grammar
--! belt role
DELETE FROM U&"scr\0061tch"
--- unicode-identifier-uescape: UESCAPE chooses another character
--! belt role
DELETE FROM U&"scr!0061tch" UESCAPE '!'
--- refresh-matview: REFRESH MATERIALIZED VIEW writes and runs a query
--! belt role
INSERT INTO customers VALUES (9999, 'x', 'x', 'XX', now()); REFRESH MATERIALIZED VIEW totals
--! ways=simple
--- vacuum: VACUUM rewrites a table
--! role
VACUUM FULL notes
--- vacuum-options: VACUUM (ANALYZE)
--! role
VACUUM (ANALYZE, FREEZE) customers
--- analyze: ANALYZE writes statistics
--! role
ANALYZE notes (body)
--- reindex: REINDEX
--! role
REINDEX TABLE notes
--- reindex-concurrently: REINDEX ... CONCURRENTLY
--! role
REINDEX INDEX CONCURRENTLY notes_author
--- cluster: CLUSTER
--! role
CLUSTER notes USING notes_pkey
--- checkpoint: CHECKPOINT makes the server write
--! unproven=no_table_shows_it
CHECKPOINT
--- insert-values-subselect-hidden: the write in a sublink's CTE is refused by the server, and by the gateway before
--! unproven=the_server_refuses_it_too refused=42501,0A000
SELECT (WITH w AS (DELETE FROM scratch RETURNING n) SELECT n FROM w)
