-- O3: temporary relations and types come first where a name has no schema, as in any session. None of them may stand
-- between the gateway and what it asks the target, nor unmask anything.
--! grant=temp-maker refused=42501 ways=simple,extended shows=mk7f3q

--- domain-text: what the gateway's question cast to `text` was cut to two letters: no masked relation was found
--! permitted
CREATE DOMAIN pg_temp.text AS varchar(2)
-- then
SELECT email || '!' FROM public.people
--- domain-text-with-a-path: the same once the path is set
--! permitted
CREATE DOMAIN pg_temp.text AS varchar(2)
-- then
SET search_path = public
-- then
SELECT email || '!' FROM people
--- domain-oid: the type of numbers
--! permitted
CREATE DOMAIN pg_temp.oid AS integer
-- then
SET search_path = public
-- then
SELECT email || '!' FROM people
--- enum-name: the type of names
--! permitted
CREATE TYPE pg_temp.name AS ENUM ('a')
-- then
SET search_path = ''
-- then
SELECT email || '!' FROM public.people
--- table-text: a table is a type, too
--! permitted
CREATE TEMP TABLE text (x int)
-- then
SET search_path = public
-- then
SELECT email || '!' FROM people
--- table-regclass: likewise
--! permitted
CREATE TEMP TABLE regclass (x int)
-- then
SELECT email || '' FROM people
--- table-pg-class: a table by the name of a catalogue comes before the catalogue
--! permitted
CREATE TEMP TABLE pg_class (oid int, relname int)
-- then
SELECT email || '' FROM people
--- table-pg-inherits: the one that says what is a child
--! permitted
CREATE TEMP TABLE pg_inherits (inhrelid int, inhparent int)
-- then
SELECT email || '' FROM people_child
--- view-pg-attribute: a view likewise
--! permitted
CREATE TEMP VIEW pg_attribute AS SELECT 1 AS attnum
-- then
SELECT email || '' FROM people
--- table-of-a-masked-name: the permanent one stays masked behind it
--! permitted
CREATE TEMP TABLE people AS SELECT id, name FROM public.people
-- then
SELECT email || '' FROM public.people
--- table-of-a-masked-name-dropped: and when it is gone
CREATE TEMP TABLE people (id int, label text)
-- then
DROP TABLE pg_temp.people
-- then
SELECT email || '' FROM people
--- table-of-a-masked-name-rolled-back: and when it never was
BEGIN
-- then
CREATE TEMP TABLE people (email text)
-- then
ROLLBACK
-- then
SELECT email || '' FROM people
--- table-of-masked-values: masked values into a table without masks
CREATE TEMP TABLE taken AS SELECT email FROM people
-- then
SELECT email FROM pg_temp.taken
--- insert-of-masked-values: by INSERT
--! permitted
CREATE TEMP TABLE taken (email text)
-- then
INSERT INTO pg_temp.taken SELECT email FROM people
-- then
SELECT email FROM pg_temp.taken
--- select-into-temp: by SELECT INTO
SELECT email INTO TEMP taken FROM people
-- then
SELECT email FROM pg_temp.taken
--- view-of-masked-values: by a view
CREATE TEMP VIEW taken AS SELECT email AS label FROM people
-- then
SELECT label FROM pg_temp.taken
--- view-of-a-masked-name: by a view that has the name itself
CREATE TEMP VIEW people AS SELECT id, email AS label FROM public.people
-- then
SELECT label FROM people
--- secrets-by-a-temp-view: what the grant excepts, behind a name that it gives
CREATE TEMP VIEW notes AS SELECT key AS body FROM public.secrets
-- then
SELECT body FROM notes
--! shows=vault-4h8k
--- masked-child-of-ones-own: a child of the masked relation has no rows of it
--! shows=
CREATE TEMP TABLE mine () INHERITS (public.people)
--- temp-first-in-the-path: new relations would be temporary, or not
--! session=SHOW+search_path shows=
SET search_path = pg_temp, public
--- write-to-the-permanent-one: the temporary one of its name does not give rights on it
--! shows=
BEGIN
-- then
CREATE TEMP TABLE scratch (n int)
-- then
DELETE FROM public.scratch
-- then
COMMIT
--- drop-the-permanent-one: nor to drop it
--! shows=
BEGIN
-- then
CREATE TEMP TABLE scratch (n int)
-- then
DROP TABLE pg_temp.scratch
-- then
DROP TABLE scratch
-- then
COMMIT
--- move-the-temporary-one: into a schema where nothing may be made
--! shows= unproven=temporary_relations_cannot_be_moved
BEGIN
-- then
CREATE TEMP TABLE mine (n int)
-- then
ALTER TABLE pg_temp.mine SET SCHEMA public
-- then
COMMIT
