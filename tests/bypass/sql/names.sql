-- Names that mean something else than they seem: temporary objects, shadows, schemas of one's own.
--! grant=reader refused=42501 ways=simple,extended

--- temp-table: a temporary table can be made in a read-only transaction
CREATE TEMP TABLE t (n int)
--- temp-table-shadows: pg_temp comes before public: a temporary table takes a granted name
CREATE TEMPORARY TABLE customers AS SELECT 1 AS id
-- then
SELECT * FROM customers
--- temp-table-in-pg-temp: CREATE TABLE pg_temp.t
CREATE TABLE pg_temp.notes (n int)
--- temp-view: a temporary view carries the name of a granted table
CREATE TEMP VIEW customers AS SELECT key FROM secrets
-- then
SELECT * FROM customers
--! shows=vault-4h8k
--- temp-view-recursive: CREATE RECURSIVE VIEW
CREATE OR REPLACE TEMP RECURSIVE VIEW customers (key) AS SELECT key FROM secrets
-- then
SELECT * FROM customers
--! shows=vault-4h8k
--- temp-sequence: a temporary sequence
CREATE TEMP SEQUENCE s
--- temp-function: a function in pg_temp
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS 'SELECT key FROM public.secrets LIMIT 1'
-- then
SELECT pg_temp.f()
--! shows=vault-4h8k
--- shadow-lower: public.lower(varchar) is a better match than pg_catalog.lower(text) (CVE-2018-1058)
SELECT lower(name::varchar) FROM customers LIMIT 1
--- shadow-length: the same with length
SELECT length('x'::varchar)
--- shadow-abs: a shadow for another argument type, found first when the path says so
SELECT public.abs(1::smallint)
--- shadow-variadic: a shadow of a function with VARIADIC
SELECT concat('x'::varchar, 1)
--- shadow-aggregate: a shadow of an aggregate
SELECT max(name::varchar) FROM customers
--- shadow-qualified: the shadow by its own name
SELECT public.lower('x'::varchar)
--- shadow-in-where: a shadow in WHERE only
SELECT count(*) FROM customers WHERE lower(name::varchar) = 'x'
--- shadow-quoted: the shadow with a quoted name
SELECT "lower"('x'::varchar)
--- schema-create: a schema of one's own
CREATE SCHEMA intruder
--- schema-with-elements: CREATE SCHEMA with its contents in the same statement
CREATE SCHEMA intruder CREATE TABLE t (n int) CREATE VIEW v AS SELECT * FROM t
--- schema-authorization: CREATE SCHEMA AUTHORIZATION
CREATE SCHEMA AUTHORIZATION CURRENT_USER
--- alter-schema-rename: a schema that is renamed changes what every name means
ALTER SCHEMA audit RENAME TO intruder
--- alter-set-schema: a table moved into a granted schema
ALTER TABLE secrets SET SCHEMA audit
--- rename-secret: a table renamed into a granted name
ALTER TABLE secrets RENAME TO harmless
--- rename-column: a column renamed
ALTER TABLE people RENAME email TO label
--- other-schema: a relation of another schema is not in `public.*`
--! shows=begun
SELECT what FROM audit.entries
--- other-schema-quoted: the schema in quotes and with comments
--! shows=begun
SELECT what FROM "audit" /* public */ . "entries"
--- other-schema-three-parts: database.schema.table
--! shows=begun
SELECT what FROM @database@.audit.entries
--- other-schema-table-command: TABLE audit.entries
--! shows=begun
TABLE audit.entries
--- other-schema-only: ONLY and a star
--! shows=begun
SELECT what FROM ONLY (audit.entries) e
--- narrow-catalogue: a grant without the word catalog
--! grant=narrow shows=plpgsql
SELECT lanname FROM pg_language
--- narrow-information-schema: information_schema without the word catalog
--! grant=narrow shows=salary
SELECT column_name FROM information_schema.columns WHERE table_name = 'people'
--- narrow-other-table: a table beside the two that are granted
--! grant=narrow shows=lamp
SELECT product FROM items
--- narrow-view: a view over granted tables is a relation of its own
--! grant=narrow shows=DE
SELECT country FROM revenue
--- narrow-join: one granted table and one that is not
--! grant=narrow shows=lamp
SELECT product FROM orders JOIN items ON order_id = id
--- narrow-natural-join: NATURAL JOIN with a table that is not granted
--! grant=narrow shows=DE
SELECT country FROM orders NATURAL JOIN revenue LIMIT 50
--- narrow-insert: a verb that is not granted on a relation that is
--! grant=narrow
INSERT INTO orders VALUES (90001, 1, 'new', now())
--- narrow-catalogue-unqualified-temp: pg_temp by its true name
CREATE TABLE pg_temp_3.t (n int)
--! unproven=the_number_is_the_server's refused=42501
