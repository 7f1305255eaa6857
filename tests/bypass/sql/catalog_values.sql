-- Values of masked columns that stand in the catalogues.
--! grant=stored refused=42501 ways=simple,extended shows=mk7f3q

--- missing-value: H9: what rows have that are older than the column
SELECT attmissingval FROM pg_attribute WHERE atthasmissing
--- missing-value-row: H9: in a whole row
SELECT a FROM pg_attribute a WHERE atthasmissing
--- missing-value-star: H9: by a star
SELECT a.* FROM pg_attribute a WHERE atthasmissing
--- missing-value-json: H9: as a function of the row
SELECT a.to_jsonb FROM pg_attribute a WHERE atthasmissing
--- missing-value-error: H9: in an error
SELECT attmissingval::text::integer FROM pg_attribute WHERE atthasmissing
--- missing-value-guess: H9: guessed
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_attribute WHERE atthasmissing AND attmissingval::text LIKE '%mk7f3q-def%'
--- missing-value-element: H9: an element of it
SELECT (attmissingval::text::text[])[1] FROM pg_attribute WHERE atthasmissing
--- missing-value-database: H9: with the database
SELECT attmissingval FROM @database@.pg_catalog.pg_attribute WHERE atthasmissing
--- default: H9: the default
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
--- default-tree: H9: its tree
--! shows=guessed
SELECT 'gue' || 'ssed' FROM pg_attrdef WHERE adbin::text LIKE '%CONST%'
--- default-row: H9: by a whole row
SELECT pg_get_expr((d).adbin, d.adrelid) FROM pg_attrdef d
--- default-of-the-standard: H9: the standard's view
SELECT column_default FROM information_schema.columns
--- default-of-the-standard-star: H9: by a star
SELECT * FROM information_schema.columns WHERE table_name = 'tokens'
--- bound: H9: a partition's bound is the value of all its rows
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'branches_1'
--- bound-row: H9: by a whole row
SELECT pg_get_expr((c).relpartbound, oid) FROM pg_class c WHERE relname = 'branches_1'
--- bound-as-constraint: H9: as a constraint
SELECT pg_get_partition_constraintdef('branches_1'::regclass)
--- statistics: H9: the planner's
SELECT most_common_vals FROM pg_stats WHERE tablename = 'tokens'
--- statistics-row: H9: as a function of the row
SELECT s.to_jsonb FROM pg_stats s WHERE tablename = 'tokens'
--- statistics-table: H9: the table behind it
SELECT stavalues1 FROM pg_statistic WHERE starelid = 'tokens'::regclass
--- the-column: H9: the column itself, so that the rest proves something
SELECT token || '' FROM tokens
