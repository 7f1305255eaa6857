-- Definitions of all kinds, under a grant that only reads.
--! grant=reader refused=42501 ways=simple,extended

--- create-table: CREATE TABLE
CREATE TABLE loot (n int)
--- create-table-like: CREATE TABLE LIKE copies defaults that call functions
CREATE TABLE loot (LIKE notes INCLUDING ALL)
--- create-table-if-not-exists: IF NOT EXISTS made it look harmless
CREATE TABLE IF NOT EXISTS loot (n int)
--- create-table-partition-of: a partition of a granted table takes its rows
CREATE TABLE ledger_mid PARTITION OF ledger FOR VALUES FROM (1000) TO (2000)
--- create-unlogged: UNLOGGED
CREATE UNLOGGED TABLE loot ()
--- create-view: CREATE VIEW
CREATE VIEW loot AS SELECT * FROM customers
--- replace-view: CREATE OR REPLACE VIEW changes what a granted name means
CREATE OR REPLACE VIEW open_notes AS SELECT 1 AS id, key AS body FROM secrets
--- create-matview: CREATE MATERIALIZED VIEW
CREATE MATERIALIZED VIEW loot AS SELECT 1 AS n
--- create-index: CREATE INDEX runs expressions over the table
CREATE INDEX loot ON notes (body)
--- create-sequence: CREATE SEQUENCE
CREATE SEQUENCE loot
--- create-function-sql: CREATE FUNCTION
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
--- create-function-atomic: BEGIN ATOMIC bodies hold semicolons

CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END
--- create-or-replace-function: a granted function is replaced
CREATE OR REPLACE FUNCTION shop.total() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'
--- create-procedure: CREATE PROCEDURE
CREATE PROCEDURE f() LANGUAGE plpgsql AS 'BEGIN NULL; END'
--- create-aggregate: CREATE AGGREGATE
CREATE AGGREGATE f (int) (SFUNC = int4pl, STYPE = int)
--- create-trigger: CREATE TRIGGER runs code in sessions of others
CREATE TRIGGER t BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
--- create-event-trigger: CREATE EVENT TRIGGER
CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION no_such()
--! unproven=there_is_no_event_function
--- create-rule: CREATE RULE rewrites what others send
CREATE RULE r AS ON INSERT TO notes DO ALSO DELETE FROM scratch
--- create-operator: CREATE OPERATOR runs code where nobody sees a call
CREATE OPERATOR public.### (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)
--- create-cast: CREATE CAST
CREATE CAST (people AS text) WITH FUNCTION email_of(people)
--- create-type: CREATE TYPE
CREATE TYPE loot AS (n int)
--- create-enum: CREATE TYPE AS ENUM
CREATE TYPE loot AS ENUM ('a')
--- create-domain: CREATE DOMAIN with a CHECK that calls
CREATE DOMAIN loot AS int CHECK (value > 0)
--- create-policy: CREATE POLICY
CREATE POLICY p ON notes USING (true)
--- create-extension: CREATE EXTENSION brings code
CREATE EXTENSION IF NOT EXISTS lo
--- create-language: CREATE LANGUAGE
--! unproven=it_is_there_already
CREATE OR REPLACE LANGUAGE plpgsql
--- create-role: CREATE ROLE
CREATE ROLE intruder SUPERUSER LOGIN
--- create-user: CREATE USER
CREATE USER intruder PASSWORD 'x'
--- create-database: CREATE DATABASE
CREATE DATABASE intruder
--- create-tablespace: CREATE TABLESPACE
CREATE TABLESPACE intruder LOCATION '@loot@'
--- create-publication: CREATE PUBLICATION
CREATE PUBLICATION p FOR ALL TABLES
--- create-subscription: CREATE SUBSCRIPTION connects to wherever it is told
CREATE SUBSCRIPTION s CONNECTION 'host=@socket@ port=@port@ dbname=postgres' PUBLICATION p WITH (connect = false)
--! unproven=it_would_hinder_the_restoring
--- create-server: CREATE SERVER
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host '@socket@')
--- create-fdw: CREATE FOREIGN DATA WRAPPER
CREATE FOREIGN DATA WRAPPER f
--- create-foreign-table: CREATE FOREIGN TABLE
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw; CREATE FOREIGN TABLE ft (n int) SERVER s
--! ways=simple
--- create-user-mapping: CREATE USER MAPPING
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw; CREATE USER MAPPING FOR PUBLIC SERVER s
--! ways=simple
--- create-collation: CREATE COLLATION
CREATE COLLATION loot FROM "C"
--- create-conversion: CREATE CONVERSION
CREATE CONVERSION loot FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8
--- create-statistics: CREATE STATISTICS
CREATE STATISTICS loot ON author, body FROM notes
--- create-text-search: CREATE TEXT SEARCH CONFIGURATION
CREATE TEXT SEARCH CONFIGURATION loot (COPY = simple)
--- create-access-method: CREATE ACCESS METHOD
CREATE ACCESS METHOD loot TYPE INDEX HANDLER bthandler
--- create-transform: CREATE OPERATOR CLASS
CREATE OPERATOR FAMILY loot USING btree
--- drop-table: DROP TABLE
DROP TABLE scratch
--- drop-cascade: DROP ... CASCADE reaches what is not named
DROP TABLE customers CASCADE
--- drop-if-exists-many: the second name of DROP
DROP TABLE IF EXISTS no_such_table, scratch
--- drop-schema: DROP SCHEMA CASCADE
DROP SCHEMA audit CASCADE
--- drop-function: DROP FUNCTION
DROP FUNCTION secret_of(text)
--- drop-routine: DROP ROUTINE
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
ALTER TABLE notes ADD COLUMN n int DEFAULT 1
--- alter-table-owner: ALTER TABLE OWNER TO
ALTER TABLE notes OWNER TO app_md5
--- alter-table-all-tablespace: ALTER TABLE ALL IN TABLESPACE
--! unproven=there_is_one_tablespace
ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default
--- alter-table-disable-trigger: DISABLE TRIGGER
ALTER TABLE orders DISABLE TRIGGER ALL
--- alter-table-using: ALTER COLUMN TYPE USING runs an expression over all rows
ALTER TABLE scratch ALTER COLUMN body TYPE text USING 'x'
--- alter-view-default: ALTER VIEW
ALTER VIEW open_notes ALTER COLUMN body SET DEFAULT 'x'
--- alter-sequence: ALTER SEQUENCE RESTART
ALTER SEQUENCE tickets RESTART
--- alter-function: ALTER FUNCTION SECURITY DEFINER
ALTER FUNCTION secret_of(text) SECURITY DEFINER
--- alter-type-add-value: ALTER DOMAIN, ALTER TYPE
CREATE TYPE loot AS ENUM ('a'); ALTER TYPE loot ADD VALUE 'b'
--! ways=simple
--- alter-role-superuser: ALTER ROLE
ALTER ROLE app_md5 SUPERUSER
--- alter-role-password: ALTER ROLE PASSWORD
ALTER ROLE app_md5 PASSWORD 'known'
--- alter-default-privileges: ALTER DEFAULT PRIVILEGES
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
--- alter-extension: ALTER EXTENSION
ALTER EXTENSION dblink SET SCHEMA audit
--- grant: GRANT
GRANT ALL ON secrets TO PUBLIC
--- grant-role: GRANT of a role
GRANT pg_read_all_data TO app_md5
--- revoke: REVOKE
REVOKE SELECT ON customers FROM app
--- grant-all-in-schema: GRANT ... ON ALL TABLES IN SCHEMA
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_md5
--- comment: COMMENT ON
COMMENT ON TABLE notes IS 'owned'
--- security-label: SECURITY LABEL
--! unproven=there_is_no_label_provider
SECURITY LABEL ON TABLE notes IS 'x'
--- import-foreign-schema: IMPORT FOREIGN SCHEMA
--! unproven=there_is_no_foreign_server
IMPORT FOREIGN SCHEMA public FROM SERVER s INTO public
