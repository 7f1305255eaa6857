-- Through a grant that writes a little, to write more.
--! grant=writer refused=42501 ways=simple,extended

--- other-table: INSERT into another table
INSERT INTO scratch VALUES (77, 'x')
--- other-verb: DELETE where only INSERT and UPDATE are granted
DELETE FROM notes
--- other-schema-same-name: a table of another schema
INSERT INTO audit.entries (what) VALUES ('x')
--- truncate: TRUNCATE is no DELETE, and neither is granted
TRUNCATE notes
--- denied-update: a deny on a verb
UPDATE orders SET status = 'new'
--- cte-other-table: a granted INSERT with a CTE that writes elsewhere
WITH w AS (DELETE FROM scratch RETURNING body) INSERT INTO notes (body) SELECT body FROM w
--- cte-in-update: a granted UPDATE with a CTE that writes elsewhere
WITH w AS (INSERT INTO scratch VALUES (78, 'x') RETURNING n) UPDATE notes SET body = 'x' FROM w
--- on-conflict-allowed-then-other: a granted upsert, then a statement that is not
--! ways=simple
INSERT INTO notes (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'y'; DELETE FROM notes WHERE id = 2
--- merge-delete: MERGE with a branch that deletes
MERGE INTO notes n USING (VALUES (1)) v (id) ON n.id = v.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (body) VALUES ('x')
--- view-of-table: a view over the granted table is not the table
UPDATE open_notes SET body = 'x'
--- all-or-nothing: the granted statement of a text must not run when another is refused
--! ways=simple
INSERT INTO notes (body) VALUES ('x'); INSERT INTO scratch VALUES (79, 'x')
--- trigger-on-own: a trigger on the granted table
CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
--- insert-function: a granted INSERT whose value writes elsewhere
INSERT INTO notes (body) VALUES (scribble('x')::text)
--- insert-setval: nextval is granted, setval is not
INSERT INTO notes (id, body) VALUES (setval('tickets', 5000), 'x')
--- returning-function: a granted INSERT whose RETURNING writes
INSERT INTO notes (body) VALUES ('x') RETURNING lo_create(555009)
--- copy-other: COPY FROM STDIN into another table
COPY scratch FROM STDIN
--! unproven=the_row_does_not_fit
--- copy-where-function: COPY ... WHERE with a function
COPY notes FROM STDIN WHERE setval('tickets', 4000) > 0
--- lock-own: LOCK is not granted with the writing
BEGIN
-- then
LOCK TABLE notes IN ACCESS EXCLUSIVE MODE
--- for-update-own: FOR UPDATE is a lock
BEGIN
-- then
SELECT * FROM notes FOR UPDATE
--- drop-own: DDL of the granted table
ALTER TABLE notes ADD COLUMN extra text
--- appender-select: INSERT alone, no SELECT
--! grant=appender shows=begun
SELECT what FROM audit.entries
--- appender-returning: RETURNING reads
--! grant=appender
INSERT INTO audit.entries (what) VALUES ('x') RETURNING id, what
--- appender-update: UPDATE of the table that one appends to
--! grant=appender
UPDATE audit.entries SET what = 'x'
--- appender-on-conflict: ON CONFLICT DO UPDATE under INSERT alone
--! grant=appender
INSERT INTO audit.entries (id, what) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET what = 'y'
--- appender-from-select: INSERT ... SELECT reads another table
--! grant=appender
INSERT INTO audit.entries (what) SELECT key FROM public.secrets
--- appender-sublink: a sublink in VALUES
--! grant=appender
INSERT INTO audit.entries (what) VALUES ((SELECT name FROM public.customers LIMIT 1))
--- appender-delete-cte: a CTE that deletes
--! grant=appender
WITH w AS (DELETE FROM audit.entries RETURNING what) INSERT INTO audit.entries (what) SELECT what FROM w
--- migrator-other-schema: DDL outside the granted schema
--! grant=migrator
CREATE TABLE public.loot (n int)
--- migrator-unqualified: an unqualified name goes to public
--! grant=migrator
CREATE TABLE loot (n int)
--- migrator-table-as: CREATE TABLE AS reads what is not granted
--! grant=migrator
CREATE TABLE shop.loot AS SELECT * FROM public.secrets
--- migrator-view: a view over what is not granted, to be read by its name
--! grant=migrator
CREATE VIEW shop.loot AS SELECT * FROM public.secrets
--- migrator-matview: a materialised view over what is not granted
--! grant=migrator
CREATE MATERIALIZED VIEW shop.loot AS SELECT key FROM public.secrets
--- migrator-view-temp: a view over a table, redefined
--! grant=migrator
CREATE OR REPLACE VIEW shop.loot AS TABLE public.secrets
--- migrator-like: LIKE of a foreign table
--! grant=migrator
CREATE TABLE shop.loot (LIKE public.people INCLUDING ALL)
--- migrator-inherits: a table that inherits from one that is not granted is written with it
--! grant=migrator
CREATE TABLE shop.loot () INHERITS (public.notes)
--- migrator-partition-of: a partition of what is not granted
--! grant=migrator
CREATE TABLE shop.loot PARTITION OF public.ledger FOR VALUES FROM (5000) TO (6000)
--- migrator-references: a foreign key to what is not granted is an oracle, and locks it
--! grant=migrator
CREATE TABLE shop.loot (n text REFERENCES public.secrets (service))
--- migrator-set-schema: a table moved in
--! grant=migrator
ALTER TABLE public.secrets SET SCHEMA shop
--- migrator-move-out: a table moved out, into another's name
--! grant=migrator
ALTER TABLE shop.settings SET SCHEMA public
--- migrator-rename-schema: the schema itself renamed
--! grant=migrator
ALTER SCHEMA audit RENAME TO shop2
--- migrator-sequence-owned: a sequence owned by a foreign column
--! grant=migrator unproven=the_owners_differ
CREATE SEQUENCE shop.s OWNED BY public.notes.id
--- migrator-function: code is not DDL of a table
--! grant=migrator
CREATE FUNCTION shop.f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT key FROM public.secrets'
--- migrator-default-call: a column default that calls
--! grant=migrator
CREATE TABLE shop.loot (n int DEFAULT public.scribble('x'))
--- migrator-check-call: a CHECK that calls
--! grant=migrator
ALTER TABLE shop.settings ADD CHECK (public.scribble(value) > 0)
--- migrator-index-call: an index expression that calls
--! grant=migrator
CREATE INDEX ON shop.settings ((public.secret_of(name)))
--! unproven=the_function_is_not_immutable
--- migrator-drop-cascade: DROP ... CASCADE reaches other schemas
--! grant=migrator
CREATE VIEW public.dependent AS SELECT * FROM shop.settings
-- then
DROP TABLE shop.settings CASCADE
--- migrator-drop-many: the second name is another's
--! grant=migrator
DROP TABLE shop.settings, public.scratch
--- migrator-drop-schema-cascade: DROP SCHEMA CASCADE
--! grant=migrator
DROP SCHEMA public CASCADE
--- migrator-truncate-cascade: TRUNCATE CASCADE follows foreign keys to other schemas
--! grant=migrator
TRUNCATE shop.settings, public.scratch CASCADE
--- migrator-grant: GRANT is no DDL
--! grant=migrator
GRANT ALL ON shop.settings TO PUBLIC
--- migrator-owner: OWNER TO is no DDL
--! grant=migrator
ALTER TABLE shop.settings OWNER TO app_md5
--- migrator-policy: row security of another's table
--! grant=migrator
ALTER TABLE public.secrets ENABLE ROW LEVEL SECURITY
--- caller-other: one function is granted, another is called
--! grant=caller
SELECT shop.total(), scribble('x')
--- caller-argument: the argument of a granted function writes
--! grant=caller
SELECT shop.total() + scribble('x')
--- caller-unqualified: a function of the same name elsewhere
--! grant=caller unproven=there_is_no_such_function refused=42501,42883
SELECT total()
--- caller-call: CALL of a procedure
--! grant=caller
CALL scribble_later('x')
--- caller-replace: the granted function is replaced
--! grant=caller
CREATE OR REPLACE FUNCTION shop.total() RETURNS bigint LANGUAGE sql AS 'DELETE FROM public.notes; SELECT 1::bigint'
-- then
SELECT shop.total()
