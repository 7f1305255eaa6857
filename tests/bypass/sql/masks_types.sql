-- Masked columns whose types are made of parts, and what SQL of PostgreSQL 14 to 18 computes with any column: each of these
-- shows a value, or says something of one.
--! grant=masked-types shows=mk7f3q,77123 refused=42501 ways=simple,extended

--- range-bound: a function of a range
SELECT lower(r) FROM typed
--- range-contains: an operator of a range
--! unproven=says_something_of_a_value
SELECT id FROM typed WHERE r @> 77123
--- range-order: ranges sort
--! unproven=says_something_of_a_value
SELECT id FROM typed ORDER BY r
--- range-agg: ranges put together
--! since=14
SELECT range_agg(r) FROM typed
--- range-unnested: a range as text through an array
SELECT unnest(array[r]) FROM typed
--- range-frame: a window's frame over ranges
--! unproven=says_something_of_a_value
SELECT id, count(*) OVER (ORDER BY r range between unbounded preceding AND current row) FROM typed
--- composite-field: a field of a composite
SELECT (c).label FROM typed
--- composite-field-qualified: with the relation's name
SELECT (typed.c).label FROM typed
--- composite-star: all fields
SELECT (c).* FROM typed
--- composite-as-text: a cast of a composite
SELECT c::text FROM typed
--- composite-compared: composites compare field by field
--! unproven=says_something_of_a_value
SELECT id FROM typed WHERE c < row('n', 0)::pair
--- composite-old: a field of OLD
--! since=18
UPDATE typed SET id = id RETURNING (old.c).label
--- json-arrow: an operator of json
SELECT j -> 'a' FROM typed
--- json-subscript: a subscript of json
--! since=14
SELECT j['a'] FROM typed
--- json-path: a path of json
SELECT jsonb_path_query(j, '$.a') FROM typed
--- json-table: JSON_TABLE over the column
--! since=17
SELECT t.a FROM typed, json_table(j, '$' columns (a text path '$.a')) t
--- json-value: JSON_VALUE
--! since=17
SELECT json_value(j, '$.a') FROM typed
--- json-query: JSON_QUERY
--! since=17
SELECT json_query(j, '$') FROM typed
--- json-exists: JSON_EXISTS
--! since=17 unproven=says_something_of_a_value
SELECT json_exists(j, '$.a') FROM typed
--- json-serialize: JSON_SERIALIZE
--! since=17 unproven=of_jsonb_a_server_of_18_answers_its_own_bytes
SELECT json_serialize(j) FROM typed
--- json-scalar: JSON_SCALAR
--! since=17
SELECT json_scalar(v) FROM typed
--- json-object: JSON_OBJECT
--! since=16
SELECT json_object('a': v) FROM typed
--- json-array: JSON_ARRAY
--! since=16
SELECT json_array(v) FROM typed
--- json-array-of-a-query: JSON_ARRAY over a query
--! since=16
SELECT json_array(SELECT v FROM typed)
--- json-objectagg: JSON_OBJECTAGG
--! since=16
SELECT json_objectagg(id: v) FROM typed
--- json-arrayagg: JSON_ARRAYAGG
--! since=16
SELECT json_arrayagg(v ORDER BY v) FROM typed
--- json-is: IS JSON says what a value is
--! since=16 unproven=says_something_of_a_value
SELECT j is json object FROM typed
--- json-passing: PASSING brings it into a path
--! since=17
SELECT json_value(jsonb '{}', '$x' passing v AS x) FROM typed
--- json-row: a row with it as json
SELECT to_jsonb(t) FROM typed t
--- xml-table: XMLTABLE over the column
SELECT t.a FROM typed, xmltable('/a' passing x columns a text path '.') t
--- xml-table-default: its default for a column
SELECT t.a FROM typed, xmltable('/b' passing xml '<b/>' columns a text path 'c' default v) t
--- xml-serialize: XMLSERIALIZE
SELECT xmlserialize(content x AS text) FROM typed
--- xml-forest: XMLFOREST
SELECT xmlforest(v) FROM typed
--- xml-attributes: XMLATTRIBUTES
SELECT xmlelement(name e, xmlattributes(v AS a)) FROM typed
--- xml-agg: XMLAGG
SELECT xmlagg(x) FROM typed
--- xml-path: a path
SELECT xpath('/a/text()', x) FROM typed
--- search-match: a text search
--! unproven=says_something_of_a_value
SELECT id FROM typed WHERE ts @@ 'mk7f3q'
--- search-words: its words
SELECT unnest(tsvector_to_array(ts)) FROM typed
--- search-rank: its rank
--! unproven=says_something_of_a_value
SELECT ts_rank(ts, 'mk7f3q') FROM typed
--- domain-cast: out of the domain
SELECT d::text FROM typed
--- domain-other: into another one
--! unproven=says_something_of_a_value
SELECT d::wage FROM typed
--- varchar-cast: a cast to its own type
SELECT v::varchar(40) FROM typed
--- varchar-cut: a cast that cuts
--! unproven=says_something_of_a_value
SELECT v::char(1) FROM typed
--- grouping-sets: GROUPING SETS
SELECT v, count(*) FROM typed GROUP BY GROUPING SETS ((v), ())
--- rollup-grouping: GROUPING of a rollup
--! unproven=says_something_of_a_value
SELECT id FROM typed GROUP BY ROLLUP (id, v)
--- cube: CUBE
--! unproven=says_something_of_a_value
SELECT id FROM typed GROUP BY CUBE (id, v)
--- group-by-distinct: GROUP BY DISTINCT
--! since=14 unproven=says_something_of_a_value
SELECT id FROM typed GROUP BY DISTINCT ROLLUP (id, v)
--- filter: FILTER of an aggregate
--! unproven=says_something_of_a_value
SELECT count(*) FILTER (WHERE v LIKE 'mk%') FROM typed
--- within-group: WITHIN GROUP
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY v) FROM typed
--- window-partition: PARTITION BY
--! unproven=says_something_of_a_value
SELECT id, count(*) OVER (PARTITION BY v) FROM typed
--- window-named: a named window
--! unproven=says_something_of_a_value
SELECT id, RANK() OVER w FROM typed WINDOW w AS (ORDER BY v)
--- window-value: a window function's argument
SELECT first_value(v) OVER () FROM typed
--- with-ties: WITH TIES shows what is equal
--! unproven=says_something_of_a_value
SELECT id FROM typed ORDER BY v FETCH FIRST 1 ROWS WITH TIES
--- sample-repeatable: REPEATABLE takes an expression of constants
--! unproven=says_something_of_a_value
SELECT id FROM typed TABLESAMPLE system (100) REPEATABLE (length((SELECT v FROM typed)))
--- limit-by-value: LIMIT by the value
--! unproven=says_something_of_a_value
SELECT id FROM typed LIMIT (SELECT length(v) FROM typed)
--- any-value: ANY_VALUE
--! since=16
SELECT any_value(v) FROM typed
--- merge-on: MERGE joins by it
--! since=15 shows=
MERGE INTO notes n USING typed t ON n.body = t.v WHEN NOT MATCHED THEN insert (body) VALUES ('x')
--- merge-condition: MERGE looks at it
--! since=15 shows=
MERGE INTO notes n USING typed t ON n.id = t.id WHEN MATCHED AND t.v LIKE 'mk%' THEN DELETE
--- merge-insert: MERGE puts it elsewhere
--! since=15 shows=
MERGE INTO notes n USING typed t ON false WHEN NOT MATCHED THEN insert (body) VALUES (t.v)
--- merge-not-by-source: WHEN NOT MATCHED BY SOURCE
--! since=17 shows=
MERGE INTO typed t USING (SELECT 0 i) s ON t.id = s.i WHEN NOT MATCHED BY SOURCE AND v LIKE 'mk%' THEN DELETE
--- merge-returning: an expression in RETURNING of MERGE
--! since=17
MERGE INTO typed t USING (SELECT 1 i) s ON t.id = s.i WHEN MATCHED THEN UPDATE SET d = 'x' RETURNING t.v || ''
--- returning-alias: OLD by another name
--! since=18 unproven=says_something_of_a_value
UPDATE typed SET id = 1 RETURNING WITH (old AS o, new AS n) o.v = n.v
--- returning-whole-old: OLD as a whole
--! since=18
UPDATE typed SET id = 1 RETURNING to_jsonb(old)
--- conflict-old-value: what was there goes where it shows
INSERT INTO typed (id, v) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET d = typed.v RETURNING d
--- conflict-condition: a condition on what was there
--! shows=
INSERT INTO typed (id, v) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = 'x' WHERE typed.v LIKE 'mk%'
--- as-a-type-of-a-table: a relation's row as a column of another
--! shows=
INSERT INTO notes (body) SELECT t::text FROM typed t
