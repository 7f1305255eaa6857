-- A deny was not asked by nextval, setval and currval: the rule for the function says nothing of sequences, and the name
-- of one is a text.
--! grant=whole refused=42501 ways=simple,extended

--- next-of-a-denied: by its name
SELECT nextval('secrets_seq')
--- next-qualified: with its schema
SELECT nextval('public.secrets_seq')
--- next-of-the-catalogue: the function with its schema
SELECT pg_catalog.nextval('secrets_seq'::regclass)
--- next-by-a-typed-constant: the type before the constant
SELECT nextval(regclass 'secrets_seq')
--- next-by-two-casts: text, then regclass
SELECT nextval('secrets_seq'::text::regclass)
--- next-in-capitals: regclass folds letters
SELECT nextval('Public.SECRETS_seq')
--- next-in-quotes: regclass reads quotes
SELECT nextval('"public"."secrets_seq"')
--- next-with-spaces: regclass skips them
SELECT nextval(' secrets_seq')
--- next-computed: put together
SELECT nextval('secrets' || '_seq')
--- next-by-a-function: put together by another function
SELECT nextval(format('secrets_%s', 'seq'))
--- next-cut: a cast that cuts what a longer name says
SELECT nextval('secrets_seq_of_mine'::varchar(11))
--- next-of-a-name: a cast to name
SELECT nextval('secrets_seq'::name::text)
--- next-by-a-subquery: a subquery says which
SELECT nextval((SELECT 'secrets_seq')::regclass)
--- next-by-the-catalogue: its OID
SELECT nextval(oid) FROM pg_class WHERE relname = 'secrets_seq'
--- next-by-case: a choice of two
SELECT nextval(CASE WHEN true THEN 'secrets_seq' ELSE 'tickets' END)
--- next-beside-another: the second of two
SELECT nextval('tickets'), nextval('secrets_seq')
--- next-in-values: in a row that is put in
INSERT INTO notes (id, body) VALUES (nextval('secrets_seq'), 'x')
--- next-in-from: as an item of FROM
SELECT * FROM nextval('secrets_seq')
--- next-as-a-default: each row that is put in later
ALTER TABLE notes ALTER COLUMN id SET DEFAULT nextval('secrets_seq')
--- next-as-a-default-of-ones-own: a table of one's own
CREATE TABLE mine (id integer DEFAULT nextval('secrets_seq'))
--- next-prepared: a parameter says which
--! ways=simple
PREPARE p(text) AS SELECT nextval($1)
-- then
EXECUTE p('secrets_seq')
--- next-explained: EXPLAIN ANALYZE runs it
EXPLAIN ANALYZE SELECT nextval('secrets_seq')
--- set-of-a-denied: it begins again
SELECT setval('secrets_seq', 1)
--- set-and-called: with three arguments
SELECT setval('secrets_seq', 1, false)
--- set-computed: put together
SELECT setval('secrets' || '_seq', 1)
--- set-by-oid: its OID
SELECT setval(oid, 1) FROM pg_class WHERE relname = 'secrets_seq'
--- set-in-a-cte: in a CTE
WITH s AS MATERIALIZED (SELECT setval('secrets_seq', 1) v) SELECT v FROM s
--- current-of-a-denied: what this session had of it
--! unproven=needs_a_nextval_first
SELECT currval('secrets_seq')
