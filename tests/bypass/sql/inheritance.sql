-- H8: a deny was by name alone: the rows of a denied partition or child came through its parent, those of a denied
-- parent through its partitions, and whatever was done to one was done to the other.
--! grant=kin refused=42501 ways=simple,extended shows=vault-4h8k

--- parent-of-a-denied-partition: its rows come through the parent
SELECT * FROM ledger
--- parent-by-table: TABLE is a SELECT
TABLE ledger
--- parent-qualified-and-quoted: in another spelling
SELECT l.key FROM "public"."ledger" AS l
--- parent-star: with the star that ONLY is the opposite of
SELECT * FROM ledger *
--- parent-in-a-subquery: further inside
SELECT (SELECT string_agg(key, ',') FROM ledger)
--- parent-in-a-cte: behind a name of its own
WITH ledger_low AS (SELECT * FROM public.ledger) SELECT * FROM ledger_low
--- parent-in-a-join: beside another relation
SELECT c.id, l.key FROM customers c JOIN ledger l ON l.id > 0 LIMIT 5
--- parent-as-a-row: the row as a whole
SELECT l::text FROM ledger l
--- parent-in-a-union: on the right of UNION
SELECT 'x' UNION ALL SELECT key FROM ledger
--- parent-in-a-lateral: behind LATERAL
SELECT x.key FROM generate_series(1, 1) n, LATERAL (SELECT key FROM ledger) x
--- parent-in-a-copy: COPY of a query
COPY (SELECT * FROM ledger) TO STDOUT
--- parent-in-a-cursor: a cursor
--! ways=simple
BEGIN; DECLARE c CURSOR FOR SELECT * FROM ledger; FETCH ALL FROM c; COMMIT
--- parent-prepared: PREPARE and EXECUTE
PREPARE p AS SELECT * FROM ledger
-- then
EXECUTE p
--- parent-sampled: TABLESAMPLE
SELECT * FROM ledger TABLESAMPLE system (100)
--- parent-by-tableoid: only the denied rows are asked for
SELECT key FROM ledger WHERE tableoid = 'ledger_low'::regclass
--- parent-returning: RETURNING shows what is deleted
DELETE FROM ledger WHERE id < 100 RETURNING key
--- parent-update-returning: or changed
UPDATE ledger SET key = key WHERE id < 100 RETURNING key
--- parent-locked: FOR SHARE is a lock and a read
SELECT * FROM ledger FOR SHARE
--- parent-into-a-table: a copy under a name that is granted
CREATE TABLE taken AS SELECT * FROM ledger
-- then
SELECT * FROM taken
--- parent-through-a-view: a view made for it
CREATE VIEW taken_view AS SELECT * FROM ledger
-- then
SELECT * FROM taken_view
--- parent-of-a-denied-child: inheritance without partitions
SELECT * FROM secrets
--- parent-of-a-denied-child-by-condition: of the child alone
SELECT key FROM secrets WHERE service = 'child'
--- only-and-not-only: ONLY in one place, and not in the other
SELECT b.key FROM ONLY secrets a, secrets b
--- only-in-a-cte-and-not-outside: likewise with a CTE
WITH o AS (SELECT * FROM ONLY secrets) SELECT s.key FROM secrets s
--- insert-from-the-parent: what is put elsewhere is read first
INSERT INTO outbox (body) SELECT key FROM secrets
-- then
SELECT body FROM outbox
--- child-of-a-denied-parent: its rows are the parent's
--! shows=mk7f3q
SELECT * FROM members_eu
--- child-of-a-denied-parent-only: also with ONLY
--! shows=mk7f3q
SELECT email FROM ONLY members_eu
--- child-of-a-denied-parent-copied: also by COPY
--! shows=mk7f3q
COPY members_eu TO STDOUT
--- child-of-a-denied-parent-returning: also by RETURNING
--! shows=mk7f3q
DELETE FROM members_eu RETURNING email
--- delete-through-the-parent: rows of the denied partition go
--! shows=
DELETE FROM ledger
--- update-through-the-parent: and change
--! shows=
UPDATE ledger SET key = 'x'
--- insert-through-the-parent: and come
--! shows=
INSERT INTO ledger VALUES (5, 'x')
--- insert-by-a-cte-through-the-parent: also inside WITH
--! shows=
WITH i AS (INSERT INTO ledger VALUES (6, 'x') RETURNING id) SELECT 1
--- merge-through-the-parent: MERGE
--! shows= since=15
MERGE INTO ledger l USING (VALUES (95)) v(id) ON l.id = v.id WHEN MATCHED THEN DELETE
--- truncate-the-parent: TRUNCATE goes down
--! shows=
TRUNCATE ledger
--- truncate-the-parent-of-a-child: also to children
--! shows=
TRUNCATE secrets
--- delete-from-the-parent-of-a-child: DELETE does
--! shows=
DELETE FROM secrets WHERE service = 'child'
--- update-the-parent-of-a-child: UPDATE does
--! shows=
UPDATE secrets SET key = 'x'
--- lock-the-parent: LOCK goes down, and holds the denied partition up
--! shows= ways=simple
BEGIN
-- then
LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE
--- drop-the-parent: DROP of a partitioned table takes its partitions along
--! shows=
DROP TABLE ledger
--- alter-the-parent: a column more for all
--! shows=
ALTER TABLE ledger ADD COLUMN extra int
--- detach-the-denied: it would be no kin any more
--! shows=
ALTER TABLE ledger DETACH PARTITION ledger_low
--- disinherit-the-denied: NO INHERIT is said of the child
--! shows=
ALTER TABLE secrets_2026 NO INHERIT secrets
--- inherit-the-denied: a parent of one's own
--! shows=
BEGIN
-- then
CREATE TABLE mine (service text, key text)
-- then
ALTER TABLE secrets_2026 INHERIT mine
-- then
COMMIT
--- a-child-of-the-denied: rows that the denied relation would show
--! shows=
CREATE TABLE mine () INHERITS (secrets_2026)
--- rename-the-parent: the same relation under another name
--! shows=
ALTER TABLE ledger RENAME TO ledger2
--- index-on-the-parent: an index on each partition
--! shows=
CREATE INDEX taken_index ON ledger (key)
--- analyze-the-parent: statistics of the rows below
--! shows=
ANALYZE ledger
--- vacuum-the-parent: VACUUM goes down to partitions
--! shows= ways=simple
VACUUM (FULL) ledger
--- insert-into-the-child-of-a-denied-parent: a row of the parent
--! shows=
INSERT INTO members_eu VALUES (2, 'x', 'eu')
--- update-the-child-of-a-denied-parent: another one
--! shows=
UPDATE members_eu SET id = 7
--- truncate-the-child-of-a-denied-parent: all of them
--! shows=
TRUNCATE members_eu
--- drop-the-child-of-a-denied-parent: for good
--! shows=
DROP TABLE members_eu
--- alter-the-child-of-a-denied-parent: its rows would be read by another default
--! shows=
ALTER TABLE members_eu ALTER COLUMN id SET DEFAULT 7
--- rename-the-child-of-a-denied-parent: a name that nothing is known of
--! shows=mk7f3q
ALTER TABLE members_eu RENAME TO europeans
-- then
SELECT email FROM europeans
--- under-the-older-deny-the-child-too: `denied` names secrets alone, and secrets_2026 has a part of its rows
--! grant=denied
SELECT * FROM secrets_2026
