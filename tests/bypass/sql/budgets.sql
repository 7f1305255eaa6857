-- More than the grant's budget: each statement alone, or all of them together.
--! refused=54000,53400,57014 ways=simple,extended,binary exceeds

--- rows-one-statement: one statement with too many rows
--! grant=few-rows
SELECT n FROM generate_series(1, 500) n
--- rows-several-statements: each below the budget, together above it
--! grant=few-rows
SELECT n FROM generate_series(1, 60) n
-- then
SELECT n FROM generate_series(1, 60) n
--- rows-one-text: two statements in one text
--! grant=few-rows ways=simple
SELECT n FROM generate_series(1, 60) n; SELECT n FROM generate_series(1, 60) n
--- rows-cursor: a cursor in small fetches
--! grant=few-rows
BEGIN
-- then
DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 500) n
-- then
FETCH 40 FROM c
-- then
FETCH 40 FROM c
-- then
FETCH 40 FROM c
--- rows-cursor-hold: a cursor WITH HOLD
--! grant=few-rows
DECLARE c CURSOR WITH HOLD FOR SELECT n FROM generate_series(1, 500) n
-- then
FETCH 90 FROM c
-- then
FETCH BACKWARD 90 FROM c
--- rows-copy: COPY TO STDOUT sends rows that are no DataRows
--! grant=few-rows
COPY (SELECT n FROM generate_series(1, 500) n) TO STDOUT
--- rows-copy-binary: binary COPY
--! grant=few-rows
COPY (SELECT n FROM generate_series(1, 500) n) TO STDOUT (FORMAT binary)
--- rows-prepare: EXECUTE again and again
--! grant=few-rows
PREPARE p AS SELECT n FROM generate_series(1, 60) n
-- then
EXECUTE p
-- then
EXECUTE p
--- rows-explain: a plan of many lines is rows, too
--! grant=few-rows ways=simple
EXPLAIN (VERBOSE) SELECT 1 UNION ALL SELECT 2
-- then
SELECT n FROM generate_series(1, 101) n
--- bytes-one-row: one row of many bytes
--! grant=few-bytes
SELECT repeat('x', 200000)
--- bytes-many-rows: many rows of few bytes
--! grant=few-bytes
SELECT repeat('x', 100) FROM generate_series(1, 2000)
--- bytes-copy: COPY of many bytes
--! grant=few-bytes
COPY (SELECT repeat('x', 200000)) TO STDOUT
--- bytes-notice: an error's text has bytes, too
--! grant=few-bytes
SELECT repeat('x', 60000)
-- then
SELECT repeat('x', 60000)
--- statements-simple: one statement more than granted
--! grant=few-statements
SELECT 1
-- then
SELECT 2
-- then
SELECT 3
-- then
SELECT 4
-- then
SELECT 5
-- then
SELECT 6
-- then
SELECT 7
--- statements-one-text: seven in one text
--! grant=few-statements ways=simple
SELECT 1; SELECT 2; SELECT 3; SELECT 4; SELECT 5; SELECT 6; SELECT 7
--- statements-execute: EXECUTE counts
--! grant=few-statements
PREPARE p AS SELECT 1
-- then
EXECUTE p
-- then
EXECUTE p
-- then
EXECUTE p
-- then
EXECUTE p
-- then
EXECUTE p
-- then
EXECUTE p
--- time-sleep: pg_sleep over the budget
--! grant=short ways=simple,extended
SELECT pg_sleep(4)
--- time-sleep-for: pg_sleep in parts
--! grant=short ways=simple
SELECT pg_sleep(0.6)
-- then
SELECT pg_sleep(0.6)
-- then
SELECT pg_sleep(0.6)
--- time-cpu: a query that computes
--! grant=short ways=simple
SELECT count(*) FROM generate_series(1, 100000000) n WHERE n % 7 = 3
--- time-copy: COPY of a sleeping query
--! grant=short ways=simple
COPY (SELECT pg_sleep(0.3) FROM generate_series(1, 10)) TO STDOUT
