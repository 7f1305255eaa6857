-- Definitions of all kinds, under a grant that only reads.
--! grant=reader refused=42501 ways=simple,extended

--- create-table: CREATE TABLE
--! belt role
CREATE TABLE loot (n int)
--- create-table-like: CREATE TABLE LIKE copies defaults that call functions
--! belt role
CREATE TABLE loot (LIKE notes INCLUDING ALL)
--- create-table-if-not-exists: IF NOT EXISTS made it look harmless
--! belt role
CREATE TABLE IF NOT EXISTS loot (n int)
--- create-table-partition-of: a partition of a granted table takes its rows
--! belt role
CREATE TABLE ledger_mid PARTITION OF ledger FOR VALUES FROM (1000) TO (2000)
--- create-unlogged: UNLOGGED
--! belt role
CREATE UNLOGGED TABLE loot ()
--- create-view: CREATE VIEW
--! belt role
CREATE VIEW loot AS SELECT * FROM customers
--- replace-view: CREATE OR REPLACE VIEW changes what a granted name means
--! belt role
CREATE OR REPLACE VIEW open_notes AS SELECT 1 AS id, key AS body FROM secrets
--- create-matview: CREATE MATERIALIZED VIEW
--! belt role
CREATE MATERIALIZED VIEW loot AS SELECT 1 AS n
--- create-index: CREATE INDEX runs expressions over the table
--! belt role
CREATE INDEX loot ON notes (body)
--- create-sequence: CREATE SEQUENCE
--! belt role
CREATE SEQUENCE loot
--- create-function-sql: CREATE FUNCTION
--! belt role
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
--- create-function-atomic: BEGIN ATOMIC bodies hold semicolons
--! belt role

CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END
--- create-or-replace-function: a granted function is replaced
--! belt role
CREATE OR REPLACE FUNCTION shop.total() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'
--- create-procedure: CREATE PROCEDURE
--! belt role
CREATE PROCEDURE f() LANGUAGE plpgsql AS 'BEGIN NULL; END'
--- create-aggregate: CREATE AGGREGATE
--! belt role
CREATE AGGREGATE f (int) (SFUNC = int4pl, STYPE = int)
--- create-trigger: CREATE TRIGGER runs code in sessions of others
--! belt role
CREATE TRIGGER t BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
--- create-event-trigger: CREATE EVENT TRIGGER
CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION no_such()
--! unproven=there_is_no_event_function
--- create-rule: CREATE RULE rewrites what others send
--! belt role
CREATE RULE r AS ON INSERT TO notes DO ALSO DELETE FROM scratch
--- create-operator: CREATE OPERATOR runs code where nobody sees a call
--! belt role
CREATE OPERATOR public.### (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)
--- create-cast: CREATE CAST
--! belt role
CREATE CAST (people AS text) WITH FUNCTION email_of(people)
--- create-type: CREATE TYPE
--! belt role
CREATE TYPE loot AS (n int)
--- create-enum: CREATE TYPE AS ENUM
--! belt role
CREATE TYPE loot AS ENUM ('a')
--- create-domain: CREATE DOMAIN with a CHECK that calls
--! belt role
CREATE DOMAIN loot AS int CHECK (value > 0)
--- create-policy: CREATE POLICY
--! belt role
CREATE POLICY p ON notes USING (true)
--- create-extension: CREATE EXTENSION brings code
--! belt role
CREATE EXTENSION IF NOT EXISTS lo
--- create-language: CREATE LANGUAGE
--! unproven=it_is_there_already
CREATE OR REPLACE LANGUAGE plpgsql
--- create-role: CREATE ROLE
--! belt role
CREATE ROLE intruder SUPERUSER LOGIN
--- create-user: CREATE USER
--! belt role
CREATE USER intruder PASSWORD 'x'
--- create-database: CREATE DATABASE
--! belt role
CREATE DATABASE intruder
--- create-tablespace: CREATE TABLESPACE
--! belt role
CREATE TABLESPACE intruder LOCATION '@loot@'
--- create-publication: CREATE PUBLICATION
--! belt role
CREATE PUBLICATION p FOR ALL TABLES
--- create-subscription: CREATE SUBSCRIPTION connects to wherever it is told
CREATE SUBSCRIPTION s CONNECTION 'host=@socket@ port=@port@ dbname=postgres' PUBLICATION p WITH (connect = false)
--! unproven=it_would_hinder_the_restoring
--- create-server: CREATE SERVER
--! belt role
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host '@socket@')
--- create-fdw: CREATE FOREIGN DATA WRAPPER
--! belt role
CREATE FOREIGN DATA WRAPPER f
--- create-foreign-table: CREATE FOREIGN TABLE
--! belt role
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw; CREATE FOREIGN TABLE ft (n int) SERVER s
--! ways=simple
--- create-user-mapping: CREATE USER MAPPING
--! belt role
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw; CREATE USER MAPPING FOR PUBLIC SERVER s
--! ways=simple
--- create-collation: CREATE COLLATION
--! belt role
CREATE COLLATION loot FROM "C"
--- create-conversion: CREATE CONVERSION
--! belt role
CREATE CONVERSION loot FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8
--- create-statistics: CREATE STATISTICS
--! belt role
CREATE STATISTICS loot ON author, body FROM notes
--- create-text-search: CREATE TEXT SEARCH CONFIGURATION
--! belt role
CREATE TEXT SEARCH CONFIGURATION loot (COPY = simple)
--- create-access-method: CREATE ACCESS METHOD
--! belt role
CREATE ACCESS METHOD loot TYPE INDEX HANDLER bthandler
--- create-transform: CREATE OPERATOR CLASS
--! belt role
CREATE OPERATOR FAMILY loot USING btree
--- drop-table: DROP TABLE
--! belt role
DROP TABLE scratch
--- drop-cascade: DROP ... CASCADE reaches what is not named
--! belt role
DROP TABLE customers CASCADE
--- drop-if-exists-many: the second name of DROP
--! belt role
DROP TABLE IF EXISTS no_such_table, scratch
--- drop-schema: DROP SCHEMA CASCADE
--! belt role
DROP SCHEMA audit CASCADE
--- drop-function: DROP FUNCTION
--! belt role
DROP FUNCTION secret_of(text)
--- drop-routine: DROP ROUTINE
--! belt role
DROP ROUTINE scribble_later
--- drop-owned: DROP OWNED
--! unproven=it_would_drop_the_objects_of_every_database
DROP OWNED BY CURRENT_USER CASCADE
--- reassign-owned: REASSIGN OWNED
REASSIGN OWNED BY app TO app_md5
--! unproven=it_would_change_the_whole_server
--- drop-role: DROP ROLE
DROP ROLE IF EXISTS app_trust
--! unproven=others_need_it
--- drop-database: DROP DATABASE
DROP DATABASE IF EXISTS no_such_database
--! unproven=there_is_none_to_lose
--- alter-table-add: ALTER TABLE ADD COLUMN
--! belt role
ALTER TABLE notes ADD COLUMN n int DEFAULT 1
--- alter-table-owner: ALTER TABLE OWNER TO
--! belt role
ALTER TABLE notes OWNER TO app_md5
--- alter-table-all-tablespace: ALTER TABLE ALL IN TABLESPACE
--! unproven=there_is_one_tablespace
ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default
--- alter-table-disable-trigger: DISABLE TRIGGER
--! belt role
ALTER TABLE orders DISABLE TRIGGER ALL
--- alter-table-using: ALTER COLUMN TYPE USING runs an expression over all rows
--! belt role
ALTER TABLE scratch ALTER COLUMN body TYPE text USING 'x'
--- alter-view-default: ALTER VIEW
--! belt role
ALTER VIEW open_notes ALTER COLUMN body SET DEFAULT 'x'
--- alter-sequence: ALTER SEQUENCE RESTART
--! belt role
ALTER SEQUENCE tickets RESTART
--- alter-function: ALTER FUNCTION SECURITY DEFINER
--! belt role
ALTER FUNCTION secret_of(text) SECURITY DEFINER
--- alter-type-add-value: ALTER DOMAIN, ALTER TYPE
--! belt role
CREATE TYPE loot AS ENUM ('a'); ALTER TYPE loot ADD VALUE 'b'
--! ways=simple
--- alter-role-superuser: ALTER ROLE
--! belt role
ALTER ROLE app_md5 SUPERUSER
--- alter-role-password: ALTER ROLE PASSWORD
--! belt role
ALTER ROLE app_md5 PASSWORD 'known'
--- alter-default-privileges: ALTER DEFAULT PRIVILEGES
--! belt
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
--- alter-extension: ALTER EXTENSION
--! belt role
ALTER EXTENSION dblink SET SCHEMA audit
--- grant: GRANT
--! belt role
GRANT ALL ON secrets TO PUBLIC
--- grant-role: GRANT of a role
--! belt role
GRANT pg_read_all_data TO app_md5
--- revoke: REVOKE
--! belt
REVOKE SELECT ON customers FROM app
--- grant-all-in-schema: GRANT ... ON ALL TABLES IN SCHEMA
--! belt role
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_md5
--- comment: COMMENT ON
--! belt role
COMMENT ON TABLE notes IS 'owned'
--- security-label: SECURITY LABEL
--! unproven=there_is_no_label_provider
SECURITY LABEL ON TABLE notes IS 'x'
--- import-foreign-schema: IMPORT FOREIGN SCHEMA
--! unproven=there_is_no_foreign_server
IMPORT FOREIGN SCHEMA public FROM SERVER s INTO public
