-- Secrets of the catalogue, by whole rows that do not look like one, and by guesses.
--! grant=denied refused=42501 ways=simple,extended shows=vault-4h8k

--- to-jsonb-as-a-column: H5: m.to_jsonb is to_jsonb(m), a whole row
SELECT m.to_jsonb FROM pg_user_mappings m
--- row-to-json-as-a-column: H5: the same by row_to_json
SELECT m.row_to_json FROM pg_user_mappings m
--- to-json-as-a-column: H5: the same by to_json
SELECT m.to_json FROM pg_user_mappings m
--- json-agg-as-a-column: H5: an aggregate of the row, written as a column
SELECT m.json_agg FROM pg_user_mappings m
--- jsonb-agg-as-a-column: H5: the binary one
SELECT m.jsonb_agg FROM pg_user_mappings m
--- array-agg-as-a-column: H5: an array of rows
SELECT m.array_agg FROM pg_user_mappings m
--- concat-as-a-column: H5: a variadic function of the row
SELECT m.concat FROM pg_user_mappings m
--- quote-literal-as-a-column: H5: a function of any element
SELECT m.quote_literal FROM pg_user_mappings m
--- json-build-array-as-a-column: H5: a variadic function that makes JSON
SELECT m.json_build_array FROM pg_user_mappings m
--- with-the-schema: H5: three parts, of which the last is a function
SELECT pg_catalog.pg_user_mappings.to_jsonb FROM pg_catalog.pg_user_mappings
--- with-the-database: H5: four parts, of which the last is a function
SELECT @database@.pg_catalog.pg_user_mappings.to_jsonb FROM @database@.pg_catalog.pg_user_mappings
--- as-a-column-in-upper-case: H5: folded and quoted
SELECT "m"."to_jsonb" FROM PG_USER_MAPPINGS M
--- as-a-column-in-order-by: H5: computed where it is sorted by
SELECT DISTINCT ON (m.to_jsonb) m.to_jsonb::text FROM pg_user_mappings m ORDER BY m.to_jsonb
--- as-a-column-in-lateral: H5: in a function of FROM
SELECT e.value FROM pg_user_mappings m, LATERAL jsonb_each_text(m.to_jsonb) e
--- as-a-column-in-a-sub-select: H5: from the query around it
SELECT (SELECT m.to_jsonb) FROM pg_user_mappings m
--- as-a-column-in-a-cte: H5: in a CTE
WITH c AS (SELECT m.to_jsonb AS j FROM pg_user_mappings m) SELECT j FROM c
--- as-a-column-in-case: H5: in CASE
SELECT CASE WHEN m.umid > 0 THEN m.to_jsonb END FROM pg_user_mappings m
--- as-a-column-in-a-union: H5: in the second arm
SELECT NULL::jsonb UNION ALL SELECT m.to_jsonb FROM pg_user_mappings m
--- as-a-column-in-a-window: H5: what a window function takes
SELECT first_value(m.to_jsonb) OVER () FROM pg_user_mappings m
--- field-of-the-row: H5: (m).umoptions
SELECT (m).umoptions FROM pg_user_mappings m
--- field-of-a-sub-select: H5: a field of a row that a sub-select gives
SELECT (SELECT m).umoptions FROM pg_user_mappings m
--- star-of-the-row: H5: (m).*
SELECT (m).* FROM pg_user_mappings m
--- row-as-text: H5: a cast of the row
SELECT m::text FROM pg_user_mappings m
--- row-constructor: H5: ROW (m.*)
SELECT ROW (m.*)::text FROM pg_user_mappings m
--- row-in-xml: H5: xmlforest of the row
SELECT xmlforest(m.umoptions[2] AS x) FROM pg_user_mappings m
--- row-concatenated: H5: an operator takes the row
SELECT m || '' FROM pg_user_mappings m
--- row-through-lateral: H5: the row gets another name
SELECT x.v FROM pg_user_mappings m, LATERAL (SELECT m AS v) x
--- star-through-lateral: H5: its columns get into another item
SELECT x.* FROM pg_user_mappings m, LATERAL (SELECT m.*) x
--- table: H5: TABLE has no list
TABLE pg_user_mappings
--- star-of-a-join: H5: a star over a join
SELECT * FROM pg_foreign_server s JOIN pg_user_mappings m ON m.srvid = s.oid
--- alias-of-a-join: H5: the join has a name, and a row
SELECT j.to_jsonb FROM (pg_foreign_server s JOIN pg_user_mappings m ON m.srvid = s.oid) AS j
--- columns-renamed: H5: a list of other names for its columns
SELECT x.f::text FROM pg_user_mappings AS x (a, b, c, d, e, f)
--- columns-of-a-join-renamed: H5: other names for the columns of a join
SELECT x.f::text FROM (pg_user_mappings m CROSS JOIN (SELECT 1 AS g) y) AS x (a, b, c, d, e, f)
--- cte-star: H5: a star within a CTE
WITH c AS (SELECT * FROM pg_user_mappings) SELECT c.umoptions FROM c
--- cursor: H5: by a cursor
--! ways=simple
BEGIN; DECLARE c CURSOR FOR SELECT m.to_jsonb FROM pg_user_mappings m; FETCH ALL FROM c
--- prepared: H5: by PREPARE and EXECUTE
--! ways=simple
PREPARE p AS SELECT m.to_jsonb FROM pg_user_mappings m; EXECUTE p
--- copied: H5: by COPY
COPY (SELECT m.to_jsonb FROM pg_user_mappings m) TO STDOUT
--- natural-join: H5: a join by equal names compares the secret with a guess
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_user_mappings NATURAL JOIN (SELECT '{user=remote,password=vault-4h8k-fdw}'::text[] AS umoptions) g
--- natural-left-join: H5: the same by the outer one
--! shows=guessed
SELECT CASE WHEN g.hit THEN 'gue' || 'ssed' END FROM pg_user_mappings NATURAL LEFT JOIN (SELECT '{user=remote,password=vault-4h8k-fdw}'::text[] AS umoptions, true AS hit) g
--- join-using: H5: USING the secret
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_user_mappings JOIN (SELECT '{user=remote,password=vault-4h8k-fdw}'::text[] AS umoptions) g USING (umoptions)
--- row-comparison: H5: a row compared as a whole
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_user_mappings m WHERE m::text LIKE '%password=vault%'
--- row-in-a-set: H5: IN over whole rows
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_user_mappings m WHERE m::text IN (SELECT x::text FROM pg_user_mappings x)
--- named-in-where: H5: compared where it is not shown
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_user_mappings WHERE umoptions::text LIKE '%vault%'
--- named-in-order: H5: sorted by
SELECT umoptions[2] FROM pg_user_mappings ORDER BY umoptions
--- standard-view: H5: the standard's own view
SELECT option_value FROM information_schema.user_mapping_options
--- standard-helper: H5: what that view is made of
SELECT umoptions FROM information_schema._pg_user_mappings
--- the-table-itself: H5: the table behind the view
SELECT u.to_jsonb FROM pg_user_mapping u
--- functions-of-options: H5: a function that takes the secret apart
SELECT (pg_options_to_table(umoptions)).option_value FROM pg_user_mappings
--- under-patterns: H5: patterns that match the name are no rule for it
--! grant=stars
SELECT m.to_jsonb FROM pg_user_mappings m
--- role-settings-as-a-column: H5: another relation with a secret column
--! unproven=restoring_resets_the_settings_of_roles
SELECT r.to_jsonb FROM pg_roles r
--- user-settings-as-a-column: H5: and another
--! unproven=restoring_resets_the_settings_of_roles
SELECT u.row_to_json FROM pg_user u
--- settings-of-roles-as-a-column: H5: and another
SELECT s.to_json FROM pg_db_role_setting s
--- sequences-as-a-column: H5: values of sequences
--! shows=484811
SELECT s.to_jsonb FROM pg_sequences s
--- subscriptions-as-a-column: H5: a connection string
--! unproven=a_subscription_keeps_its_database_from_being_dropped
SELECT s.to_jsonb FROM pg_subscription s
--- subscriptions-natural-join: H5: guessed
--! unproven=a_subscription_keeps_its_database_from_being_dropped
SELECT 1 FROM pg_subscription NATURAL JOIN (SELECT 'x' AS subconninfo) g
