-- DETAIL of an error quoted whole rows and keys of relations that the grant may write and not read. PostgreSQL leaves out
-- of it what the session's user may not read; the gateway's user at the target reads them all.
--! grant=blind shows=vault-4h8k ways=simple,extended

--- check-of-an-update: "Failing row contains", and what the statement does not name with it
--! refused=23514
UPDATE stock SET n = -1
--- not-null-of-an-update: a column that may not be null
--! refused=23502
UPDATE stock SET code = NULL
--- default-of-an-insert: a column that is left out
--! refused=23514
INSERT INTO stock (id, tenant, code, n) VALUES (9, 9, 'x', -1)
--- not-null-of-an-insert: the same where a column may not be null
--! refused=23502
INSERT INTO stock (id, tenant, code) VALUES (9, 9, NULL)
--- key-of-two-columns: "already exists", and the column that was not written
--! refused=23505
UPDATE stock SET tenant = 1
--- key-of-a-default: a default that is taken
--! refused=23505
INSERT INTO stock (id, tenant, code) VALUES (9, 1, 'x')
--- still-referenced: a key that is referred to, by DELETE without reading it
--! refused=23503
DELETE FROM stock_keys
--- cascade-to-another: ON DELETE SET NULL fails in a relation that nobody named
--! refused=23502
DELETE FROM stock_owners
--- exclusion: "conflicts with existing key"
--! refused=23P01
INSERT INTO stock_rooms (id) VALUES (2)
--- no-partition: the partition key of a row for which there is no partition
--! refused=23514
INSERT INTO stock_days (day) VALUES (1)
--- at-commit: a deferred constraint speaks when the transaction ends
--! refused=23505 ways=simple permitted
BEGIN
-- then
INSERT INTO stock_later (id) VALUES (2)
-- then
COMMIT
--- at-set-constraints: or when it is made immediate
--! refused=23505 ways=simple
BEGIN
-- then
INSERT INTO stock_later (id) VALUES (2)
-- then
SET CONSTRAINTS ALL IMMEDIATE
--- check-option-of-a-view: the row that a view does not take; no relation is told
--! refused=44000
UPDATE stock_view SET n = 500
--- base-of-a-view: the relation is another one than the statement names
--! refused=23514
UPDATE stock_view SET n = -1
--- by-a-function: what a granted function violates
--! refused=23514,42501
SELECT public.restock()
--- by-merge: MERGE that reads nothing of the target
--! refused=23514,42501 since=15
MERGE INTO stock USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET n = -1
--- by-explain: EXPLAIN ANALYZE runs it
--! refused=23514
EXPLAIN ANALYZE UPDATE stock SET n = -1
--- prepared-in-sql: PREPARE and EXECUTE
--! refused=23514 ways=simple
PREPARE p AS UPDATE stock SET n = -1
-- then
EXECUTE p
--- denied-check: reading is denied, writing is not
--! refused=23514 grant=blind-by-deny
UPDATE stock SET n = -1
--- denied-key: the same by a key
--! refused=23505 grant=blind-by-deny
UPDATE stock SET tenant = 1
--- denied-reference: the same by a foreign key
--! refused=23503 grant=blind-by-deny
DELETE FROM stock_keys
--- denied-view: the same by a view's check option
--! refused=44000 grant=blind-by-deny
UPDATE stock_view SET n = 500
--- denied-unique-index: keys that are there twice
--! refused=23505 grant=blind-by-deny
CREATE UNIQUE INDEX ON stock (secret)
--- denied-validation: a foreign key that is looked at when it is made
--! refused=23503,42501 grant=blind-by-deny
ALTER TABLE stock ADD FOREIGN KEY (secret) REFERENCES stock_keys (key)
