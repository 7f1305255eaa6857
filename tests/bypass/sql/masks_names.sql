-- Names that mean something else to PostgreSQL than to whoever reads the text: what hides a masked column, and what
-- only seems to. Masked: name, date, extract of hr.staff, what of hr.entries, and as in masks.sql of public.people.
--! grant=masked-names refused=42501 shows=mk7f3q

--- cast-of-subquery: H1: (select 1)::name was called name, and is ?column? to the server: the masked name behind it was read
SELECT id, (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
--- cast-of-subquery-qualified: the same beside a subquery that has the name
SELECT s.id, (SELECT name FROM (SELECT (SELECT 1)::name) q, (SELECT 2 AS x) r) FROM hr.staff s
--- cast-of-subquery-date: another type's name, not the last in its path
SELECT id, (SELECT date FROM (SELECT (SELECT current_date)::pg_catalog.date) q) FROM hr.staff
--- cast-of-cast: a cast of the cast
SELECT id, (SELECT name FROM (SELECT (SELECT 1)::text::name) q) FROM hr.staff
--- cast-collated: with COLLATE around it
SELECT id, (SELECT name FROM (SELECT ((SELECT 'a')::name) COLLATE "C") q) FROM hr.staff
--- cast-in-case: as the last branch of CASE
SELECT id, (SELECT name FROM (SELECT CASE WHEN true THEN 'a' ELSE (SELECT 'b')::name END) q) FROM hr.staff
--- cast-function: CAST() instead of ::
SELECT id, (SELECT name FROM (SELECT CAST((SELECT 1) AS name)) q) FROM hr.staff
--- cast-deep: a subquery that gives the subquery's
SELECT id, (SELECT name FROM (SELECT (SELECT (SELECT 1)::name)) q) FROM hr.staff
--- cast-aliased-inside: the subquery's own output has a name, which wins over the type's
SELECT id, (SELECT name FROM (SELECT (SELECT 1 AS x)::name) q) FROM hr.staff
--- cast-in-cte: out of a CTE
SELECT id, (WITH q AS (SELECT (SELECT 1)::name) SELECT name FROM q) FROM hr.staff
--- cast-in-cte-materialized: out of a CTE that is computed once
SELECT id, (WITH q AS MATERIALIZED (SELECT (SELECT 1)::name) SELECT name FROM q) FROM hr.staff
--- cast-in-recursion: out of a recursive CTE
SELECT id, (WITH RECURSIVE q AS (SELECT (SELECT current_date)::date UNION ALL SELECT current_date FROM q WHERE false) SELECT date FROM q) FROM hr.staff
--- cast-in-union: the first arm names the columns
SELECT id, (SELECT name FROM (SELECT (SELECT 'a')::name UNION ALL SELECT 'b') q LIMIT 1) FROM hr.staff
--- cast-through-star: through a star and another subquery
SELECT id, (SELECT name FROM (SELECT * FROM (SELECT (SELECT 1)::name) r) q) FROM hr.staff
--- cast-through-table-star: through a qualified star
SELECT id, (SELECT name FROM (SELECT r.* FROM (SELECT (SELECT 1)::name) r) q) FROM hr.staff
--- cast-in-join: joined with something else
SELECT id, (SELECT name FROM (SELECT (SELECT 1)::name) q CROSS JOIN (SELECT 2 AS x) r) FROM hr.staff
--- cast-in-natural-join: a natural join of two
SELECT id, (SELECT name FROM (SELECT (SELECT 1)::name, 1 AS x) q NATURAL JOIN (SELECT 1 AS x) r) FROM hr.staff
--- cast-in-lateral: in a lateral subquery
SELECT s.id, l.y FROM hr.staff s, LATERAL (SELECT name || '' AS y FROM (SELECT (SELECT 1)::name) q) l
--- cast-in-where: as a condition
--! shows=hit-me
SELECT 'hit-' || 'me' FROM hr.staff WHERE (SELECT name LIKE 'mk7f3q%' FROM (SELECT (SELECT 1)::name) q)
--- cast-in-exists: as a condition of EXISTS
--! shows=hit-me
SELECT 'hit-' || 'me' FROM hr.staff WHERE EXISTS (SELECT FROM (SELECT (SELECT 1)::name) q WHERE name LIKE 'mk7f3q%')
--- cast-aggregated: in an aggregate of the query around
SELECT (SELECT string_agg(name, ',') FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
--- cast-in-array: in ARRAY()
SELECT ARRAY(SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
--- cast-in-json: as JSON
SELECT (SELECT to_json(name) FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
--- cast-ordered: an output that seems to have the name, in ORDER BY
--! shows=desk-
SELECT desk, (SELECT 1)::name FROM hr.staff ORDER BY name DESC
--- cast-distinct: and in DISTINCT ON
--! shows=desk-
SELECT DISTINCT ON (name) desk, (SELECT 1)::name FROM hr.staff
--- cast-grouped: and in GROUP BY
--! shows=1
SELECT count(*), (SELECT 1)::name FROM hr.staff GROUP BY name
--- extract-name: extract() is called date_part by older servers
--! unproven=only_up_to_PostgreSQL_13
SELECT id, (SELECT extract FROM (SELECT extract(year FROM now())) q) FROM hr.staff
--- extract-item: and so is the item of FROM
--! unproven=only_up_to_PostgreSQL_13
SELECT id, (SELECT extract.name FROM extract(year FROM now())) FROM hr.staff extract
--- cast-item: a cast in FROM is an item that is called by its type, or not
SELECT id, (SELECT name.name FROM CAST((SELECT 1) AS name)) FROM hr.staff name
--- cast-item-row: its whole row
SELECT id, (SELECT row_to_json(name.*) FROM CAST((SELECT 1) AS name)) FROM hr.staff name
--- cast-item-date: with another type
SELECT id, (SELECT date.date FROM CAST((SELECT current_date) AS date)) FROM hr.staff date
--- field-name: a field of a composite has the field's name
SELECT s.id, (SELECT name FROM (SELECT (SELECT e FROM public.entries e LIMIT 1)) q) FROM hr.staff s

--- sample-sibling: H1b: an argument of TABLESAMPLE doesn't see what stands beside, but what is around
--! shows=hit-me
SELECT 'hit-me' FROM hr.staff WHERE 0 < (SELECT count(*) FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli (CASE WHEN name::text LIKE 'mk7f3q%' THEN 100 ELSE 0 END))
--- sample-output: an answer in each row
--! shows=desk-
SELECT desk, (SELECT count(*) FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli (CASE WHEN name::text LIKE '%1' THEN 100 ELSE 0 END)) FROM hr.staff
--- sample-cross-join: beside a CROSS JOIN
--! shows=desk-
SELECT desk, (SELECT count(*) FROM (SELECT 1 AS name) s CROSS JOIN customers TABLESAMPLE bernoulli (CASE WHEN name::text LIKE '%1' THEN 100 ELSE 0 END)) FROM hr.staff
--- sample-left-join: beside a LEFT JOIN
--! shows=desk-
SELECT desk, (SELECT count(*) FROM (SELECT 1 AS name) s LEFT JOIN customers TABLESAMPLE bernoulli (CASE WHEN name::text LIKE '%1' THEN 100 ELSE 0 END) ON true) FROM hr.staff
--- sample-qualified: by a name that stands beside and around
--! shows=desk-
SELECT desk, (SELECT count(*) FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli (CASE WHEN s.name::text LIKE '%1' THEN 100 ELSE 0 END)) FROM hr.staff s
--- sample-own: by the name that the sampled table has
--! shows=desk-
SELECT desk, (SELECT count(*) FROM customers s TABLESAMPLE bernoulli (CASE WHEN s.name::text LIKE '%1' THEN 100 ELSE 0 END)) FROM hr.staff s
--- sample-own-bare: a column that the sampled table has, too
--! shows=desk-
SELECT desk, (SELECT count(*) FROM customers TABLESAMPLE bernoulli (CASE WHEN name LIKE '%1' THEN 100 ELSE 0 END)) FROM hr.staff
--- sample-repeatable: the seed is an argument, too
--! shows=desk-
SELECT desk, (SELECT array_agg(id) FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli (50) REPEATABLE (length(name::text))) FROM hr.staff
--- sample-subquery: in a subquery of the argument
--! shows=desk-
SELECT desk, (SELECT count(*) FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli ((SELECT CASE WHEN name::text LIKE '%1' THEN 100 ELSE 0 END))) FROM hr.staff
--- sample-lateral: in a lateral subquery, which sees what stands beside it
--! shows=desk-
SELECT desk, n FROM hr.staff, LATERAL (SELECT count(*) AS n FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli (CASE WHEN name::text LIKE '%1' THEN 100 ELSE 0 END)) l
--- sample-in-cte: in a CTE of a subquery
--! shows=desk-
SELECT desk, (WITH c AS (SELECT count(*) FROM (SELECT 1 AS name) s, customers TABLESAMPLE bernoulli (CASE WHEN name::text LIKE '%1' THEN 100 ELSE 0 END)) SELECT count FROM c) FROM hr.staff
--- subquery-sibling: a subquery that isn't LATERAL
SELECT id, (SELECT l.y FROM (SELECT 1 AS name) s, (SELECT name AS y) l) FROM hr.staff
--- subquery-sibling-join: nor on the right of a join
SELECT id, (SELECT l.y FROM (SELECT 1 AS name) s CROSS JOIN (SELECT name AS y) l) FROM hr.staff
--- values-sibling: VALUES beside
SELECT id, (SELECT l.y FROM (SELECT 1 AS name) s, (VALUES (name)) l (y)) FROM hr.staff
--- with-sibling: a CTE doesn't see the FROM of its query
SELECT id, (WITH l AS (SELECT name AS y) SELECT l.y FROM (SELECT 1 AS name) s, l) FROM hr.staff
--- condition-sibling: a join condition sees its join only
--! shows=hit-me
SELECT 'hit-me' FROM hr.staff WHERE 0 < (SELECT count(*) FROM (SELECT 'x' AS name) s, entries a JOIN entries b ON name LIKE 'mk7f3q%')
--- condition-sibling-name: by the name of an item that stands beside
--! shows=hit-me
SELECT 'hit-me' FROM hr.staff s WHERE 0 < (SELECT count(*) FROM (SELECT 'x' AS name) s, entries a JOIN entries b ON s.name LIKE 'mk7f3q%')
--- condition-right: the right side is not seen from within the left
SELECT id, (SELECT l.y FROM (SELECT name AS y) l JOIN (SELECT 1 AS name) s ON true) FROM hr.staff
--- join-alias-hides: the alias of a join hides the names in it
SELECT s.id, (SELECT s.name FROM (entries s JOIN entries b ON true) AS j) FROM hr.staff s
--- using-alias-hides: and that of its USING
SELECT u.id, (SELECT u.name FROM ((SELECT 1 AS name) a JOIN (SELECT 1 AS name) b USING (name) AS u) AS j) FROM hr.staff u
--- limit-sibling: LIMIT may not name its own FROM
--! unproven=the_server_refuses_it,_too
SELECT id, (SELECT 1 FROM (SELECT 1 AS name) q LIMIT length(name::text)) FROM hr.staff
--- limit-around: but the query around
--! shows=desk-
SELECT desk, (SELECT array_agg(x) FROM (SELECT x FROM generate_series(1, 99) x LIMIT length(name)) y) FROM hr.staff
--- window-input: a window's names are columns of FROM, not outputs
--! shows=desk-
SELECT desk AS name, rank() OVER (ORDER BY name) FROM hr.staff
--- having-input: and HAVING's
--! shows=hit-me
SELECT 'hit-me' AS name FROM hr.staff GROUP BY id HAVING name LIKE 'mk7f3q%'
--- group-input: GROUP BY takes the column before the output
--! shows=desk-
SELECT max(desk) AS desk, 1 AS name FROM hr.staff GROUP BY hr.staff.name, name
--- order-expression: ORDER BY takes outputs only by themselves
--! shows=desk-
SELECT desk, 1 AS name FROM hr.staff ORDER BY name || ''
--- order-around: a column of the query around in ORDER BY
--! shows=desk-
SELECT desk, (SELECT array_agg(y.id) FROM (SELECT e.id FROM people e ORDER BY (CASE WHEN staff.name LIKE '%1' THEN e.id ELSE -e.id END)) y) FROM hr.staff
--- unnamed-subquery: a subquery without a name cannot be called
--! since=16
SELECT id, (SELECT unnamed_subquery.name FROM (SELECT 1 AS name)) FROM hr.staff unnamed_subquery
--- unnamed-join: nor a join
SELECT id, (SELECT unnamed_join.name FROM entries a JOIN entries b USING (id)) FROM hr.staff unnamed_join
--- values-name: nor VALUES
SELECT id, (SELECT "*VALUES*".name FROM (VALUES (1)) v (name)) FROM hr.staff "*VALUES*"

--- schema-of-column: H1c: hr.entries.what was looked for in public.entries, because that is called entries, too
SELECT id, (SELECT hr.entries.what FROM entries LIMIT 1) FROM hr.entries
--- schema-of-column-database: with the database's name
SELECT id, (SELECT @database@.hr.entries.what FROM entries LIMIT 1) FROM hr.entries
--- schema-of-column-written: the other schema is written
SELECT id, (SELECT hr.entries.what FROM public.entries LIMIT 1) FROM hr.entries
--- schema-of-column-expression: in an expression
SELECT id, (SELECT hr.entries.what || '' FROM entries LIMIT 1) FROM hr.entries
--- schema-of-column-where: in a condition
--! shows=hit-me
SELECT 'hit-me' FROM hr.entries WHERE EXISTS (SELECT FROM entries WHERE hr.entries.what LIKE 'mk7f3q%')
--- schema-of-column-alias: the item has that name as an alias
SELECT id, (SELECT hr.entries.what FROM (SELECT 1 AS what) entries) FROM hr.entries
--- schema-of-column-cte: a CTE has that name
WITH entries AS (SELECT 1 AS what) SELECT id, (SELECT hr.entries.what FROM entries) FROM hr.entries
--- schema-of-column-function: its whole row, by the notation of a column
SELECT id, (SELECT hr.entries.row_to_json FROM entries LIMIT 1) FROM hr.entries
--- schema-of-row: its whole row
SELECT id, (SELECT row_to_json(hr.entries.*) FROM entries LIMIT 1) FROM hr.entries
--- schema-of-row-text: as text
SELECT id, (SELECT (hr.entries.*)::text FROM entries LIMIT 1) FROM hr.entries
--- schema-of-star: its columns
SELECT id, (SELECT t.b || '' FROM (SELECT hr.entries.* FROM entries) t (a, b, c) LIMIT 1) FROM hr.entries
--- schema-of-column-order: in ORDER BY of a subquery
--! shows=label-1
SELECT label, (SELECT array_agg(id) FROM (SELECT e.id FROM people e, entries ORDER BY (CASE WHEN hr.entries.what LIKE 'mk%' THEN e.id ELSE -e.id END)) y) FROM hr.entries
--- schema-of-column-sample: in an argument of TABLESAMPLE
--! shows=label-1
SELECT label, (SELECT count(*) FROM entries, customers TABLESAMPLE bernoulli (CASE WHEN hr.entries.what LIKE 'mk%' THEN 100 ELSE 0 END)) FROM hr.entries
--- schema-of-column-lateral: in a function in FROM
SELECT l FROM hr.entries, LATERAL (SELECT t FROM entries, regexp_split_to_table(hr.entries.what, '@') t) l
--- two-of-a-name: two items of one name, and the row of the masked one
SELECT row_to_json(hr.entries.*) FROM public.entries, hr.entries
--- unqualified-row: the whole row by its bare name
SELECT row_to_json(entries) FROM hr.entries
--- column-around: a column that the inner relation of the same name has not
SELECT id, (SELECT what FROM entries LIMIT 1) FROM hr.entries
--- column-around-people: and one of an unmasked relation that only seems to have it
SELECT id, (SELECT email FROM entries LIMIT 1) FROM people

--- update-from-old: an item that is called old is not the row before
--! since=18 permitted
WITH c AS (UPDATE entries SET label = 'label-1' FROM hr.entries AS old WHERE old.id = entries.id RETURNING old.what || '' AS w) SELECT w FROM c
--- update-from-star: a star of several items in RETURNING
--! permitted
WITH c AS (UPDATE entries SET label = 'label-1' FROM hr.entries e WHERE e.id = entries.id RETURNING e) SELECT c.e::text FROM c
--- delete-using: a name in a subquery of RETURNING
--! permitted
WITH c AS (DELETE FROM outbox o USING hr.staff s WHERE false RETURNING (SELECT name FROM (SELECT (SELECT 1)::name) q)) SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
--- insert-derived: into another table
--! shows=
INSERT INTO outbox (body) SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
--- insert-schema: the column of another schema
--! shows=
INSERT INTO outbox (body) SELECT (SELECT hr.entries.what FROM entries LIMIT 1) FROM hr.entries
--- update-derived: by UPDATE
--! shows=
UPDATE entries SET label = (SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff LIMIT 1)
--- update-multiple: several columns at once
--! shows=
UPDATE entries SET (label, id) = (SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q), 1 FROM hr.staff LIMIT 1)
--- conflict-derived: in DO UPDATE
--! shows=
INSERT INTO entries VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET label = (SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff LIMIT 1)
--- merge-derived: in MERGE
--! shows= since=15
MERGE INTO entries e USING hr.staff s ON e.id = s.id WHEN MATCHED THEN UPDATE SET label = (SELECT name FROM (SELECT (SELECT 1)::name) q)
--- copy-derived: in COPY
COPY (SELECT id, (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff) TO STDOUT
--- cursor-derived: through a cursor
BEGIN
-- then
DECLARE c CURSOR FOR SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
-- then
FETCH ALL FROM c
--- prepared-derived: through a prepared statement
PREPARE p AS SELECT (SELECT name FROM (SELECT (SELECT 1)::name) q) FROM hr.staff
-- then
EXECUTE p
