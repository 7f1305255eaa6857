-- Masked columns of public.people and public.members: email, phone, salary, shout. The markers must never be seen.
-- `masked` passes with the value masked; `either` may be refused or masked; the rest is refused.
--! grant=masked refused=42501 ways=simple,extended,binary shows=mk7f3q

--- star: all columns
--! masked
SELECT * FROM people
--- column: one column
--! masked
SELECT email FROM people
--- alias: a column under another name
--! masked
SELECT email AS name FROM people
--- alias-table: a table under another name
--! masked
SELECT customers.email FROM people AS customers
--- alias-list: names for all columns in the FROM clause
--! either
SELECT t.c FROM people AS t (a, b, c, d)
--- alias-list-star: the same and a star
--! either
SELECT * FROM people AS t (a, b, c, d, e)
--- qualified: with the schema
--! masked
SELECT public.people.email FROM public.people
--- unicode-column: the column as U&""
--! masked
SELECT U&"em\0061il" FROM people
--- quoted: the column in quotes
--! masked
SELECT "email" FROM "people"
--- subquery: out of a subquery
--! either
SELECT s.x FROM (SELECT email AS x FROM people) s
--- subquery-deep: three subqueries with other names each
--! either
SELECT z FROM (SELECT y AS z FROM (SELECT x AS y FROM (SELECT email AS x FROM people) a) b) c
--- cte: out of a CTE
--! either
WITH c (v) AS (SELECT email FROM people) SELECT v FROM c
--- cte-materialized: out of a materialised CTE, where the origin is lost
--! either
WITH c AS MATERIALIZED (SELECT email AS v FROM people) SELECT v FROM c
--- cte-recursive: through a recursive CTE
--! either
WITH RECURSIVE r (n, v) AS (SELECT 1, email FROM people WHERE id = 1 UNION ALL SELECT n + 1, v FROM r WHERE n < 3) SELECT * FROM r
--- table-command: TABLE
--! masked
TABLE people
--- limit: with LIMIT and OFFSET
--! masked
SELECT email FROM people LIMIT 1 OFFSET 1
--- concat: in an expression
SELECT email || '' FROM people
--- cast: a cast
SELECT email::varchar FROM people
--- cast-same: a cast to its own type is no cast for the server
--! either
SELECT email::text FROM people
--- collate: COLLATE
--! either
SELECT email COLLATE "C" FROM people
--- function: in a function
SELECT substr(email, 1, 100) FROM people
--- upper: in upper
--! shows=MK7F3Q
SELECT upper(email) FROM people
--- reverse: in reverse
--! shows=q3f7km
SELECT reverse(email) FROM people
--- encode-hex: in hexadecimal
--! shows=6d6b37663371
SELECT encode(email::bytea, 'hex') FROM people
--- encode-base64: in base64
--! shows=bWs3ZjNx
SELECT encode(convert_to(email, 'UTF8'), 'base64') FROM people
--- md5: a digest can be looked up
--! shows=0bddc30a5b8a24e3a9b640f57f32e67b
SELECT md5(email) FROM people WHERE id = 1
--- length: its length
--! shows=20
SELECT length(email::text) || ' is 20' FROM people
--- coalesce: COALESCE
SELECT coalesce(email, 'x') FROM people
--- case: CASE
SELECT CASE WHEN true THEN email END FROM people
--- nullif: NULLIF
SELECT nullif(email, '') FROM people
--- greatest: GREATEST
SELECT greatest(email, 'a') FROM people
--- array: ARRAY[]
SELECT ARRAY[email] FROM people
--- row: ROW()
SELECT ROW (email, 1) FROM people
--- array-agg: an aggregate
SELECT array_agg(email) FROM people
--- string-agg: string_agg
SELECT string_agg(email, ',') FROM people
--- min: min and max give values
SELECT min(email COLLATE "C"), max(email COLLATE "C") FROM people
--- first-value: a window function
SELECT first_value(email) OVER (ORDER BY id) FROM people
--- lag: lag and lead
SELECT lag(email, 0) OVER (ORDER BY id) FROM people
--- whole-row: the row as one value
SELECT people FROM people
--- whole-row-alias: the row under an alias
SELECT p FROM people p
--- whole-row-star: (p).*
--! either
SELECT (p).* FROM people p
--- whole-row-field: (p).email
--! either
SELECT (p).email FROM people p
--- whole-row-text: the row as text
SELECT p::text FROM people p
--- whole-row-json: row_to_json
SELECT row_to_json(p) FROM people p
--- whole-row-jsonb: to_jsonb
SELECT to_jsonb(people) - 'name' FROM people
--- whole-row-json-agg: json_agg
SELECT json_agg(p) FROM people p
--- whole-row-count: count(p) needs the row
--! either unproven=a_count_shows_no_value
SELECT count(p) FROM people p
--- whole-row-subquery: the row of a subquery
SELECT s FROM (SELECT email FROM people) s
--- whole-row-function: a function of the row, written as a call
SELECT email_of(p) FROM people p
--- whole-row-attribute: a function of the row, written as a column
SELECT p.email_of FROM people p
--- whole-row-coalesce: the row through COALESCE
SELECT (coalesce(p, NULL)).email FROM people p
--- whole-row-concat: concat of the row
SELECT concat(p) FROM people p
--- where-equal: WHERE is an oracle
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE email = 'mk7f3q-1@example.com'
--- where-like: WHERE LIKE, letter by letter
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE email LIKE 'mk7%'
--- where-number: WHERE over a masked number
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE salary BETWEEN 77123 AND 77123
--- where-whole-row: WHERE over the whole row
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people p WHERE p::text LIKE '%mk7f3q%'
--- where-in: WHERE (email) IN
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE email IN ('mk7f3q-1@example.com', 'x')
--- where-sublink: WHERE in a correlated sublink
--! shows=hit-me
SELECT 'hit-' || 'me' FROM contacts c WHERE EXISTS (SELECT FROM people p WHERE p.email = c.email)
--- where-is-null: IS NOT NULL is one bit
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE email IS NOT NULL
--- where-outer-alias: WHERE over the name that a subquery gave
--! shows=hit-me
SELECT 'hit-' || 'me' FROM (SELECT email AS x FROM people) s WHERE x LIKE 'mk7f%'
--- order-by: ORDER BY tells the order
--! shows=Person
SELECT name FROM people ORDER BY email
--- order-by-position: ORDER BY 2
--! shows=Person
SELECT name, salary FROM people ORDER BY 2
--- order-by-alias: ORDER BY an alias
--! shows=Person
SELECT name, email AS e FROM people ORDER BY e DESC
--- group-by: GROUP BY
--! shows=1
SELECT count(*) FROM people GROUP BY salary
--- group-by-position: GROUP BY 1
SELECT email, count(*) FROM people GROUP BY 1
--- grouping-sets: GROUPING SETS
SELECT email, count(*) FROM people GROUP BY GROUPING SETS ((email), ())
--- distinct: DISTINCT compares
SELECT DISTINCT email FROM people
--- distinct-on: DISTINCT ON
--! shows=Person
SELECT DISTINCT ON (email) name FROM people
--- distinct-star: DISTINCT of all
SELECT DISTINCT * FROM people
--- having: HAVING
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people HAVING max(email COLLATE "C") LIKE 'mk7%'
--- window-order: a window's ORDER BY
--! shows=Person
SELECT name, rank() OVER (ORDER BY salary) FROM people
--- window-partition: a named window's PARTITION BY
--! shows=Person
SELECT name, count(*) OVER w FROM people WINDOW w AS (PARTITION BY email)
--- filter: FILTER
--! shows=hit-me
SELECT 'hit-' || CASE count(*) FILTER (WHERE email LIKE 'mk7%') WHEN 0 THEN '' ELSE 'me' END FROM people
--- join-on: a join condition
--! shows=known
SELECT c.label FROM people p JOIN contacts c ON c.email = p.email
--- join-using: JOIN USING
--! shows=known
SELECT label FROM people JOIN contacts USING (email)
--- join-using-alias: JOIN USING with an alias merges columns
--! shows=known
SELECT label FROM people JOIN contacts USING (email) AS j
--- join-natural: NATURAL JOIN
--! shows=known
SELECT label FROM people NATURAL JOIN contacts
--- join-full-using: FULL JOIN USING makes a COALESCE of both sides
SELECT email FROM people FULL JOIN contacts USING (email)
--- join-output: a join leaves the origin as it was
--! masked
SELECT p.email FROM contacts c JOIN people p ON p.id = c.person_id
--- join-alias: an alias of the join
--! either
SELECT j.email FROM (people p CROSS JOIN (SELECT 1 AS one) o) j
--- left-join: the nullable side of a join
--! either
SELECT p.email FROM contacts c LEFT JOIN people p ON p.id = c.person_id
--- lateral: LATERAL
--! either
SELECT l.v FROM people p, LATERAL (SELECT p.email AS v) l
--- lateral-values: LATERAL VALUES makes a new column
SELECT l.v FROM people p, LATERAL (VALUES (p.email)) l (v)
--- lateral-function: a function in FROM over a masked column
SELECT u FROM people p, unnest(ARRAY[p.email]) u
--- lateral-regexp: regexp_split_to_table in FROM
SELECT u FROM people p, regexp_split_to_table(p.email, ',') u
--- union: UNION ALL has no origin
SELECT email FROM people UNION ALL SELECT 'x'
--- union-second: the second branch of a UNION
SELECT 'x' UNION SELECT email FROM people
--- intersect: INTERSECT is an oracle
SELECT email FROM people INTERSECT SELECT email FROM contacts
--- except: EXCEPT
SELECT email FROM people EXCEPT SELECT 'x'
--- scalar-subquery: a scalar subquery
SELECT (SELECT email FROM people WHERE id = 1)
--- scalar-subquery-in-values: in VALUES
VALUES ((SELECT email FROM people WHERE id = 1))
--- array-subquery: ARRAY(SELECT)
SELECT ARRAY(SELECT email FROM people)
--- any-subquery: = ANY (SELECT)
--! shows=hit-me
SELECT 'hit-' || 'me' WHERE 'mk7f3q-1@example.com' = ANY (SELECT email FROM people)
--- row-subquery: ROW = (SELECT)
--! shows=hit-me
SELECT 'hit-' || 'me' WHERE (1, 'mk7f3q-1@example.com') = (SELECT id, email FROM people WHERE id = 1)
--- set-returning-unnest: unnest of an array of it
SELECT unnest(ARRAY[email]) FROM people
--- generated-column: a column that is generated from a masked one
--! masked
SELECT shout FROM people
--- view: a view over a masked column
SELECT address FROM people_view
--- view-other-column: a view over masked columns is opaque as a whole, or masked
--! either shows= unproven=the_column_itself_is_not_masked
SELECT name FROM people_view
--- view-of-view: a view over a view, with an expression
--! shows=MK7F3Q
SELECT shouted FROM people_view_of_view
--- view-matview: a materialised view keeps its own copy
SELECT mail FROM people_copy
--- view-copy: COPY of a view
COPY (SELECT * FROM people_view) TO STDOUT
--- child: a table that inherits the masked column
--! either
SELECT email FROM people_child
--- child-star: all of it
--! either
SELECT * FROM people_child
--- parent: the child's rows through the parent
--! masked
SELECT email FROM people WHERE id = 99
--- partitioned: a partitioned table
--! masked
SELECT email FROM members
--- partition: its partition by its own name
--! either
SELECT email FROM members_eu
--- copy-table: COPY table TO STDOUT
--! either
COPY people TO STDOUT
--- copy-columns: COPY with a list of columns
--! either
COPY people (id, email) TO STDOUT
--- copy-csv: CSV with quotes
--! either
COPY people (email) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)
--- copy-binary: binary COPY
--! either
COPY people (email, salary) TO STDOUT (FORMAT binary)
--- copy-query: COPY (SELECT)
--! either
COPY (SELECT email AS e FROM people) TO STDOUT
--- copy-query-binary: COPY (SELECT) in binary
--! either
COPY (SELECT * FROM people) TO STDOUT WITH (FORMAT binary)
--- copy-expression: COPY of an expression
COPY (SELECT email || '!' FROM people) TO STDOUT
--- copy-odd-delimiter: a delimiter that occurs in the value
--! either
COPY people (id, email) TO STDOUT (DELIMITER '@', NULL '')
--- cursor: through a cursor
--! either
BEGIN
-- then
DECLARE c CURSOR FOR SELECT email AS x FROM people
-- then
FETCH ALL FROM c
--- cursor-binary: through a binary cursor
--! either
BEGIN
-- then
DECLARE c BINARY CURSOR FOR SELECT email FROM people
-- then
FETCH 2 FROM c
--- cursor-hold: a cursor WITH HOLD has stored its rows
--! either
DECLARE c CURSOR WITH HOLD FOR SELECT email FROM people
-- then
FETCH ALL FROM c
--- cursor-scroll: FETCH BACKWARD, ABSOLUTE
--! either
BEGIN
-- then
DECLARE c SCROLL CURSOR FOR SELECT * FROM people
-- then
FETCH LAST FROM c
--- prepare: through PREPARE
--! either
PREPARE p AS SELECT email FROM people
-- then
EXECUTE p
--- prepare-expression: an expression in PREPARE
PREPARE p AS SELECT email || '' FROM people
-- then
EXECUTE p
--- explain-analyze: EXPLAIN (ANALYZE, VERBOSE) as an oracle
--! shows=rows=9
EXPLAIN (ANALYZE, VERBOSE, COSTS off) SELECT id FROM people WHERE email LIKE 'mk7f3q%'
--- error-cast: a value in the text of an error
SELECT email::int FROM people
--- error-division: an error that comes or does not
SELECT 1 / (salary - 77123) FROM people
--! unproven=the_error_shows_one_bit
--- error-json: a value in DETAIL and CONTEXT
SELECT email::json FROM people
--- error-date: a value in the text of an error about dates
SELECT phone::date FROM people
--! shows=4455
--- error-offset: an error by way of LIMIT
SELECT 1 LIMIT (SELECT email::int FROM people LIMIT 1)
--- tablesample: TABLESAMPLE (with an argument from it)
SELECT email FROM people TABLESAMPLE system (100)
--! masked
--- stats: pg_stats shows values
SELECT histogram_bounds FROM pg_stats WHERE tablename = 'people'
--- stats-ext: pg_stats_ext shows values
--! shows=4455 unproven=there_are_no_common_values
SELECT most_common_vals FROM pg_stats_ext
--- stats-expressions: pg_statistic of the index over lower(email)
SELECT stavalues1::text FROM pg_statistic WHERE starelid = 'people_email_lower'::regclass
--- xml: table_to_xml
SELECT table_to_xml('people', true, true, '')
--- ts-stat: ts_stat
SELECT word FROM ts_stat('select to_tsvector(''simple'', replace(email, ''@'', '' '')) from people')
--! shows=mk7f3q
--- constraint-definition: pg_get_constraintdef shows no values, an index's definition none: these pass
--! masked shows= unproven=it_shows_no_value
SELECT indexdef FROM pg_indexes WHERE tablename = 'people'
--- number: a masked number in text and binary
--! masked shows=77123 ways=simple,extended
SELECT salary FROM people
--- number-expression: arithmetic
--! shows=77124
SELECT salary + 1 FROM people WHERE id = 1
--- number-sum: sum
--! shows=77123
SELECT sum(salary) FROM people WHERE id = 1
--- number-avg: avg over one
--! shows=77123
SELECT avg(salary)::int FROM people WHERE id = 1
--- number-generate-series: as an argument of a function in FROM
--! shows=hit-me
SELECT 'hit-' || 'me' FROM people p, generate_series(p.salary, p.salary) g WHERE g = 77123
--- phone: a fixed mask
--! masked shows=4455
SELECT phone FROM people
--- phone-concat: a fixed mask in concat_ws
--! shows=4455
SELECT concat_ws('-', id, phone) FROM people
--- writer-returning: RETURNING *
--! grant=masked-writer masked permitted
UPDATE people SET note = 'y' WHERE id = 1 RETURNING *
--- writer-returning-expression: RETURNING an expression
--! grant=masked-writer belt
UPDATE people SET note = 'y' WHERE id = 1 RETURNING email || ''
--- writer-delete-returning: DELETE ... RETURNING the row
--! grant=masked-writer belt
DELETE FROM people p WHERE id = 8 RETURNING p
--- writer-insert-returning: INSERT ... SELECT ... RETURNING
--! grant=masked-writer belt
INSERT INTO outbox (body) SELECT email FROM people RETURNING body
--- writer-copy-column: UPDATE SET note = email, to read note afterwards
--! grant=masked-writer belt
UPDATE people SET note = email
-- then
SELECT note FROM people
--- writer-copy-row: UPDATE SET (a) = (SELECT ...)
--! grant=masked-writer belt
UPDATE people p SET (note) = (SELECT q.email FROM people q WHERE q.id = p.id)
-- then
SELECT note FROM people
--- writer-move-column: UPDATE email = 'x' with the old value in another column
--! grant=masked-writer belt
UPDATE people SET name = people.email, email = 'known' || id
-- then
SELECT name FROM people
--- writer-update-where: UPDATE ... WHERE email tells by the row count
--! grant=masked-writer shows=UPDATE_1 unproven=the_count_is_the_oracle
UPDATE people SET note = 'hit' WHERE email = 'mk7f3q-1@example.com'
--- writer-on-conflict: ON CONFLICT (email) is an oracle, and EXCLUDED a road
--! grant=masked-writer belt
INSERT INTO people (id, name, email, phone, salary) VALUES (55, 'x', 'mk7f3q-1@example.com', 'x', 1) ON CONFLICT (email) DO UPDATE SET note = people.email RETURNING note
--- writer-on-conflict-count: DO NOTHING tells by the row count
--! grant=masked-writer shows=mk7f3q-1 unproven=the_count_is_the_oracle either
INSERT INTO people (id, name, email, phone, salary) VALUES (56, 'x', 'mk7f3q-1@example.com', 'x', 1) ON CONFLICT (email) DO NOTHING
--- writer-merge: MERGE ... SET note = email
--! grant=masked-writer belt
MERGE INTO people p USING people q ON p.id = q.id WHEN MATCHED THEN UPDATE SET note = q.email
-- then
SELECT note FROM people
--- writer-table-as: CREATE TABLE AS
--! grant=masked-writer belt
CREATE TABLE loot AS SELECT email AS e FROM people
-- then
SELECT e FROM loot
--- writer-select-into: SELECT INTO
--! grant=masked-writer belt
SELECT email AS e INTO loot FROM people
-- then
SELECT e FROM loot
--- writer-view: CREATE VIEW over it
--! grant=masked-writer belt
CREATE VIEW loot AS SELECT email AS e FROM people
-- then
SELECT e FROM loot
--- writer-matview: CREATE MATERIALIZED VIEW
--! grant=masked-writer belt
CREATE MATERIALIZED VIEW loot AS SELECT email AS e FROM people
-- then
SELECT e FROM loot
--- writer-rename-column: a rename in the session's own hand
--! grant=masked-writer belt
ALTER TABLE people RENAME email TO harmless
-- then
SELECT harmless FROM people
--- writer-rename-table: the table renamed
--! grant=masked-writer belt
ALTER TABLE people RENAME TO harmless
-- then
SELECT email FROM harmless
--- writer-add-generated: a new column generated from the masked one
--! grant=masked-writer belt
ALTER TABLE people ADD COLUMN copied text GENERATED ALWAYS AS (email) STORED
-- then
SELECT copied FROM people
--- writer-alter-using: ALTER COLUMN note TYPE USING email
--! grant=masked-writer belt
ALTER TABLE people ALTER COLUMN note TYPE text USING email
-- then
SELECT note FROM people
--- writer-index: CREATE UNIQUE INDEX tells values by its error
--! grant=masked-writer belt
CREATE UNIQUE INDEX loot ON people ((left(email, 6)))
--- writer-check: ADD CHECK tells by failing
--! grant=masked-writer shows=23514 unproven=the_failure_is_the_oracle
ALTER TABLE people ADD CHECK (email NOT LIKE 'mk7%')
--- writer-inherit: a new child or parent of the table
--! permitted grant=masked-writer belt
CREATE TABLE loot (email text)
-- then
ALTER TABLE people INHERIT loot
-- then
SELECT email FROM loot
--- writer-like: a table like it, then INSERT ... SELECT *
--! permitted grant=masked-writer belt
CREATE TABLE loot (LIKE people)
-- then
INSERT INTO loot SELECT * FROM people
-- then
SELECT email FROM loot
--- writer-partition-attach: the table attached as a partition of one's own
--! grant=masked-writer
ALTER TABLE members DETACH PARTITION members_eu
-- then
SELECT email FROM members_eu
--- writer-trigger: a trigger that copies
--! permitted grant=masked-writer belt
CREATE RULE r AS ON UPDATE TO people DO ALSO INSERT INTO outbox (body) VALUES (old.email)
-- then
UPDATE people SET note = 'z'
-- then
SELECT body FROM outbox
--- writer-detail-check: DETAIL of a check violation shows the failing row
--! grant=masked-writer either belt
UPDATE people SET salary = -1 WHERE id = 1
--- writer-detail-unique: DETAIL of a unique violation shows the key
--! grant=masked-writer either
UPDATE people SET email = 'mk7f3q-2@example.com' WHERE id = 1
--! unproven=the_value_is_the_client's_own
--- writer-detail-not-null: DETAIL of a NOT NULL violation shows the failing row
--! grant=masked-writer either belt
UPDATE people SET name = NULL WHERE id = 1
--- writer-notice: a function's NOTICE shows its argument
--! grant=masked-writer
SELECT whisper(email) FROM people
--- writer-default: a column default cannot read, an UPDATE of another table can
--! grant=masked-writer
UPDATE outbox SET body = email FROM people
-- then
INSERT INTO outbox (body) SELECT 'x' FROM people p WHERE p.email LIKE 'mk%' RETURNING body
--! shows= unproven=the_first_step_finds_no_row
--- writer-copy-in: COPY FROM STDIN with a row that collides: DETAIL and CONTEXT
--! grant=masked-writer either belt
COPY people (id, name, email) FROM STDIN
--! shows=9001
