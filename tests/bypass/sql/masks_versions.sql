-- Masked columns and what came with PostgreSQL 16, 17 and 18. See masks.sql.
--! grant=masked refused=42501 ways=simple,extended,binary shows=mk7f3q

--- virtual: a virtual column of a masked one has no value of its own
--! masked
SELECT shout FROM badges
--- virtual-star: in a star
--! masked
SELECT * FROM badges
--- virtual-expression: in an expression
SELECT shout || '?' FROM badges
--- virtual-where: in WHERE
--! shows=hit-me
SELECT 'hit-' || 'me' FROM badges WHERE shout LIKE 'mk7f3q%'
--- virtual-view: in a view
SELECT shout FROM badge_shouts
--- virtual-copy: COPY computes it, too
--! either
COPY (SELECT id, shout FROM badges) TO STDOUT
--- virtual-copy-table: a COPY of the table leaves it out up to PostgreSQL 18
--! either
COPY badges TO STDOUT
--- virtual-row: in the whole row
SELECT b FROM badges b
--- virtual-cursor: through a cursor
--! either
BEGIN
-- then
DECLARE c CURSOR FOR SELECT shout AS s FROM badges
-- then
FETCH ALL FROM c
--- copy-matview: COPY of a materialised view, of PostgreSQL 18
--! since=18
COPY people_copy TO STDOUT
--- copy-partitioned: COPY of a partitioned table by its name
--! either unproven=no_server_up_to_18_does_it
COPY members TO STDOUT
--- system-user: a word of the newer grammar is a masked column of an older server
--! unproven=only_up_to_PostgreSQL_15
SELECT system_user || '' FROM visits
--- system-user-plain: and by itself
--! unproven=only_up_to_PostgreSQL_15
SELECT t.x || '' FROM (SELECT system_user AS x FROM visits) t
--- any-value: any_value gives one of the values
--! since=16
SELECT any_value(email) FROM people
--- json-object: JSON_OBJECT
--! since=16
SELECT JSON_OBJECT('e': email) FROM people
--- json-array: JSON_ARRAY
--! since=16
SELECT JSON_ARRAY(email, id) FROM people
--- json-array-query: JSON_ARRAY of a query
--! since=16
SELECT JSON_ARRAY(SELECT email FROM people)
--- json-objectagg: JSON_OBJECTAGG
--! since=16
SELECT JSON_OBJECTAGG(id: email) FROM people
--- json-arrayagg: JSON_ARRAYAGG, in its ORDER BY only
--! since=16 shows=Person
SELECT JSON_ARRAYAGG(name ORDER BY email) FROM people
--- is-json: IS JSON tells something of a value
--! since=16 shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE email IS NOT JSON
--- json-scalar: JSON_SCALAR and JSON_SERIALIZE
--! since=17
SELECT JSON_SERIALIZE(JSON_SCALAR(email)) FROM people
--- json-value: JSON_VALUE
--! since=17
SELECT JSON_VALUE(to_jsonb(email), '$') FROM people
--- json-query: JSON_QUERY over an array of it
--! since=17
SELECT JSON_QUERY(jsonb_build_array(email), '$[*]') FROM people
--- json-exists-passing: JSON_EXISTS with the value as a variable
--! since=17 shows=hit-me
SELECT 'hit-' || 'me' FROM people WHERE JSON_EXISTS(jsonb '1', '$ ? ($e starts with "mk7f3q")' PASSING email AS e)
--- json-value-default: a default that is another column
--! since=17
SELECT JSON_VALUE(jsonb '{}', '$.x' DEFAULT email ON EMPTY) FROM people
--! unproven=a_default_takes_no_column
--- json-table: JSON_TABLE over it, a column without an origin
--! since=17
SELECT t.e FROM people p, JSON_TABLE(jsonb_build_array(p.email), '$[*]' COLUMNS (e text PATH '$')) t
--- json-table-beside: JSON_TABLE beside a masked column
--! since=17 masked
SELECT p.email FROM people p, JSON_TABLE(jsonb '[1]', '$[*]' COLUMNS (n int PATH '$')) t
--- xmltext: xmltext
--! since=17
SELECT xmltext(email) FROM people
--- casefold: casefold and reverse of bytes
--! since=18
SELECT casefold(email), reverse(email::bytea) FROM people
--- array-sort: array_sort over an array of it
--! since=18
SELECT array_sort(ARRAY[email]) FROM people
--- explain-serialize: EXPLAIN (SERIALIZE) tells how long the output is, and how many rows passed
--! since=17 shows=rows=9
EXPLAIN (ANALYZE, SERIALIZE binary, COSTS off) SELECT id FROM people WHERE email LIKE 'mk7f3q%'
--- returning-old-new: RETURNING names the row as it was and will be
--! since=18 grant=masked-writer masked permitted
UPDATE people SET note = 'y' WHERE id = 1 RETURNING OLD.email, NEW.email AS e, OLD.phone
--- returning-old-star: all of it
--! since=18 grant=masked-writer masked permitted
UPDATE people SET note = 'y' WHERE id = 1 RETURNING OLD.*, NEW.*
--- returning-old-renamed: under names of the statement's own
--! since=18 grant=masked-writer masked permitted
UPDATE people SET note = 'y' WHERE id = 1 RETURNING WITH (OLD AS o, NEW AS n) o.email, n.email
--- returning-old-overwritten: the value as it was, behind a new one
--! since=18 grant=masked-writer masked permitted
UPDATE people SET email = 'known' WHERE id = 1 RETURNING OLD.email, OLD.shout
--- returning-old-row: as a whole row
--! since=18 grant=masked-writer belt
UPDATE people SET note = 'y' WHERE id = 1 RETURNING OLD
--- returning-old-expression: in an expression
--! since=18 grant=masked-writer belt
UPDATE people SET note = 'y' WHERE id = 1 RETURNING OLD.email || ''
--- returning-old-compared: compared with what was written, an oracle
--! since=18 grant=masked-writer belt shows=hit-me
UPDATE people SET email = 'mk7f3q-1@example.com' WHERE id = 1 RETURNING CASE WHEN OLD.email = NEW.email THEN 'hit-' || 'me' END
--- returning-old-named-like-table: a name of the statement's own that is another table's
--! since=18 grant=masked-writer belt
UPDATE people SET note = 'y' WHERE id = 1 RETURNING WITH (OLD AS contacts) upper(contacts.email)
--! shows=MK7F3Q
--- returning-on-conflict-old: ON CONFLICT DO UPDATE gives the row that was there
--! since=18 grant=masked-writer masked permitted
INSERT INTO people (id, name, email, phone, salary) VALUES (1, 'x', 'x', 'x', 1) ON CONFLICT (id) DO UPDATE SET note = 'z' RETURNING OLD.*, NEW.email
--- returning-deleted-old: DELETE
--! since=18 grant=masked-writer masked permitted
DELETE FROM people WHERE id = 8 RETURNING OLD.email, NEW.email
--- returning-cte-old: OLD through a CTE
--! since=18 grant=masked-writer masked permitted
WITH w AS (UPDATE people SET note = 'y' WHERE id = 1 RETURNING OLD.email AS e, NEW.*) SELECT e, email FROM w
--- returning-cte-old-expression: OLD through a CTE, then in an expression
--! since=18 grant=masked-writer belt
WITH w AS (UPDATE people SET note = 'y' WHERE id = 1 RETURNING OLD.email AS e) SELECT e || '' FROM w
--- returning-old-view: OLD of a view over it
--! since=18 grant=masked-writer belt
UPDATE people_view SET name = 'y' WHERE id = 1 RETURNING OLD.address
--- returning-old-partitioned: OLD of a partitioned table
--! since=18 grant=masked-writer masked permitted
UPDATE members SET id = 2 RETURNING OLD.email, NEW.email
--- returning-old-child: OLD of rows that live in a child
--! since=18 grant=masked-writer masked permitted
UPDATE people SET note = 'y' WHERE id = 99 RETURNING OLD.email, tableoid
--- merge-returning: MERGE ... RETURNING
--! since=17 grant=masked-writer masked permitted
MERGE INTO people p USING (VALUES (1)) v (n) ON p.id = v.n WHEN MATCHED THEN UPDATE SET note = 'y' RETURNING merge_action(), p.email, p.shout
--- merge-returning-star: all of it, the source's columns first
--! since=17 grant=masked-writer masked permitted
MERGE INTO people p USING (VALUES (1)) v (n) ON p.id = v.n WHEN MATCHED THEN DELETE RETURNING *
--- merge-returning-old: MERGE ... RETURNING with OLD and NEW
--! since=18 grant=masked-writer masked permitted
MERGE INTO people p USING (VALUES (1)) v (n) ON p.id = v.n WHEN MATCHED THEN UPDATE SET note = 'y' RETURNING merge_action(), OLD.email, NEW.email
--- merge-returning-expression: an expression in it
--! since=17 grant=masked-writer belt
MERGE INTO people p USING (VALUES (1)) v (n) ON p.id = v.n WHEN MATCHED THEN DELETE RETURNING merge_action() || p.email
--- merge-source: the masked table as the source
--! since=17 grant=masked-writer masked permitted
MERGE INTO outbox o USING people p ON p.id = 1 AND o.id = -1 WHEN NOT MATCHED THEN INSERT (body) VALUES ('x') RETURNING p.email
--- merge-by-source: WHEN NOT MATCHED BY SOURCE AND is an oracle
--! since=17 grant=masked-writer belt
MERGE INTO people p USING (VALUES (1)) v (n) ON p.id = v.n WHEN NOT MATCHED BY SOURCE AND p.email LIKE 'mk7f3q-2%' THEN DELETE
--! shows= unproven=the_count_is_the_oracle
--- merge-cte: MERGE in a CTE
--! since=17 grant=masked-writer belt
WITH w AS (MERGE INTO people p USING (VALUES (1)) v (n) ON p.id = v.n WHEN MATCHED THEN DELETE RETURNING p.email AS e) SELECT e || '' FROM w
--- add-virtual: a virtual column of a masked one, made by the session
--! since=18 grant=masked-writer belt
ALTER TABLE people ADD COLUMN copied text GENERATED ALWAYS AS (email)
-- then
SELECT copied FROM people
--- set-expression: a column that is computed anew from a masked one
--! since=17 grant=masked-writer belt
ALTER TABLE people ALTER COLUMN shout SET EXPRESSION AS (email || name)
-- then
SELECT shout FROM people
--- copy-on-error: NOTICE of ON_ERROR shows the client's own values, DETAIL of a collision a row
--! since=17 grant=masked-writer either belt
COPY people (id, name, email) FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose)
--! shows=9001
