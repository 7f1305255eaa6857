-- What the attempts need in the database `orders`, besides the dataset. Run by psql as the superuser.
-- The upstream user is made a superuser: the worst case, in which nothing but the gateway stands in the way.
\set ON_ERROR_STOP on
ALTER ROLE app SUPERUSER;
ALTER ROLE app_password SUPERUSER;
CREATE EXTENSION dblink;
SET ROLE app;

CREATE TABLE notes (id serial PRIMARY KEY, author text NOT NULL DEFAULT 'nobody', body text NOT NULL);
INSERT INTO notes (body) SELECT 'note ' || n FROM generate_series(1, 20) n;
CREATE INDEX notes_author ON notes (author);
CREATE TABLE scratch (n integer PRIMARY KEY, body text);
INSERT INTO scratch SELECT n, 'scratch ' || n FROM generate_series(1, 10) n;
CREATE SEQUENCE tickets START 100;
CREATE MATERIALIZED VIEW totals AS SELECT country, count(*) AS customers FROM customers GROUP BY country;
CREATE VIEW open_notes AS SELECT id, body FROM notes WHERE author = 'nobody';
CREATE SCHEMA audit;
CREATE TABLE audit.entries (id serial PRIMARY KEY, what text NOT NULL);
INSERT INTO audit.entries (what) VALUES ('begun');
CREATE SCHEMA shop;
CREATE TABLE shop.settings (name text PRIMARY KEY, value text);
INSERT INTO shop.settings VALUES ('colour', 'green');

-- What a grant excepts: the marker vault-4h8k must never be seen.
CREATE TABLE secrets (service text PRIMARY KEY, key text NOT NULL);
INSERT INTO secrets VALUES ('payments', 'vault-4h8k-payments'), ('mail', 'vault-4h8k-mail'), ('mail2', 'vault-4h8k-mail');
CREATE TABLE "public.secrets" (key text);
INSERT INTO "public.secrets" VALUES ('vault-4h8k-in-an-odd-name');
CREATE TABLE "Secrets" (key text);
INSERT INTO "Secrets" VALUES ('vault-4h8k-in-mixed-case');
CREATE TABLE "sécrets" (key text);
INSERT INTO "sécrets" VALUES ('vault-4h8k-with-an-accent');
CREATE TABLE secrets_2026 () INHERITS (secrets);
INSERT INTO secrets_2026 VALUES ('child', 'vault-4h8k-child');
CREATE TABLE ledger (id integer, key text) PARTITION BY RANGE (id);
CREATE TABLE ledger_low PARTITION OF ledger FOR VALUES FROM (0) TO (100);
CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT;
INSERT INTO ledger SELECT n, 'vault-4h8k-ledger-' || n FROM generate_series(95, 105) n;
CREATE SEQUENCE secrets_seq START 484811;
SELECT nextval('secrets_seq');
SELECT lo_from_bytea(777001, 'vault-4h8k in a large object');
CREATE TABLE secrets_notes (id int, key text);
INSERT INTO secrets_notes VALUES (1, 'vault-4h8k-notes');
-- 63 bytes, and a name that is the same once a server has cut it.
CREATE TABLE secrets_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx (key text);
INSERT INTO secrets_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx VALUES ('vault-4h8k-long');
CREATE FUNCTION secret_of(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT key FROM public.secrets WHERE service = name';

-- Functions that write.
CREATE FUNCTION scribble(text) RETURNS integer LANGUAGE sql AS 'INSERT INTO public.notes (body) VALUES ($1) RETURNING id';
CREATE FUNCTION audit.scribble(text) RETURNS integer LANGUAGE sql AS 'INSERT INTO public.notes (body) VALUES ($1) RETURNING id';
CREATE PROCEDURE scribble_later(text) LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.notes (body) VALUES ($1); COMMIT; END';
CREATE FUNCTION run_any(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN $1; END';
CREATE FUNCTION scribble_state(integer, text) RETURNS integer LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.notes (body) VALUES ($2); RETURN $1 + 1; END';
CREATE AGGREGATE scribble_all(text) (SFUNC = scribble_state, STYPE = integer, INITCOND = '0');
CREATE FUNCTION scribble_rows() RETURNS SETOF integer LANGUAGE sql AS 'INSERT INTO public.notes (body) VALUES (''rows'') RETURNING id';
CREATE FUNCTION shop.total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.notes';

-- Built-in names with a better match in the search path (CVE-2018-1058).
CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.notes (body) VALUES ('by a shadow'); RETURN pg_catalog.lower($1::text); END $$;
CREATE FUNCTION public.length(varchar) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.notes (body) VALUES ('by a shadow'); RETURN pg_catalog.length($1::text); END $$;
CREATE FUNCTION public.abs(smallint) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.notes (body) VALUES ('by a shadow'); RETURN 1; END $$;
CREATE FUNCTION public.concat(varchar, integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.notes (body) VALUES ('by a shadow'); RETURN 'x'; END $$;
CREATE FUNCTION public.max_state(text, varchar) RETURNS text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.notes (body) VALUES ('by a shadow'); RETURN 'x'; END $$;
CREATE AGGREGATE public.max(varchar) (SFUNC = public.max_state, STYPE = text, INITCOND = '');

-- Masked columns: the markers mk7f3q (text), 77123 (number) and 4455 (phone) must never be seen.
CREATE TABLE people (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    phone text NOT NULL,
    salary integer NOT NULL CONSTRAINT salary_positive CHECK (salary > 0),
    born date,
    note text,
    shout text GENERATED ALWAYS AS (email || '!') STORED
);
INSERT INTO people
SELECT n, 'Person ' || n, 'mk7f3q-' || n || '@example.com', '+49-4455-' || n, 77123 + (n - 1) * 1000, date '1990-01-01' + n, 'public'
FROM generate_series(1, 8) n;
CREATE TABLE contacts (person_id integer PRIMARY KEY, email text, label text);
INSERT INTO contacts VALUES (1, 'mk7f3q-1@example.com', 'known');
CREATE VIEW people_view AS SELECT id, name, email AS address, salary FROM people;
CREATE VIEW people_view_of_view AS SELECT id, upper(address) AS shouted FROM people_view;
CREATE MATERIALIZED VIEW people_copy AS SELECT id, email AS mail FROM people;
CREATE TABLE people_child () INHERITS (people);
INSERT INTO people_child (id, name, email, phone, salary) VALUES (99, 'Child', 'mk7f3q-99@example.com', '+49-4455-99', 77123);
CREATE TABLE members (id integer, email text, region text) PARTITION BY LIST (region);
CREATE TABLE members_eu PARTITION OF members FOR VALUES IN ('eu');
INSERT INTO members VALUES (1, 'mk7f3q-eu@example.com', 'eu');
-- PostgreSQL 18 computes such a column when it is read, and keeps no value of it.
SELECT current_setting('server_version_num')::int >= 180000 AS virtual \gset
\if :virtual
CREATE TABLE badges (id integer PRIMARY KEY, email text, shout text GENERATED ALWAYS AS (email || '!') VIRTUAL);
\else
CREATE TABLE badges (id integer PRIMARY KEY, email text, shout text GENERATED ALWAYS AS (email || '!') STORED);
\endif
INSERT INTO badges (id, email) VALUES (1, 'mk7f3q-badge@example.com');
CREATE VIEW badge_shouts AS SELECT id, shout FROM badges;
-- A word of the grammar since PostgreSQL 16; before, a column as any other.
CREATE TABLE visits (id integer PRIMARY KEY, "system_user" text);
INSERT INTO visits VALUES (1, 'mk7f3q-visit@example.com');
-- Masked columns called as PostgreSQL calls a cast, and two relations of one name (masks_names.sql).
CREATE SCHEMA hr;
CREATE TABLE hr.staff (id integer PRIMARY KEY, name text, "date" text, extract text, desk text);
INSERT INTO hr.staff SELECT n, 'mk7f3q-name-' || n, 'mk7f3q-date-' || n, 'mk7f3q-extract-' || n, 'desk-' || n FROM generate_series(1, 3) n;
CREATE TABLE hr.entries (id integer PRIMARY KEY, what text, label text);
INSERT INTO hr.entries VALUES (1, 'mk7f3q-entry', 'label-1');
CREATE TABLE entries (id integer PRIMARY KEY, label text);
INSERT INTO entries VALUES (1, 'label-1');
-- A domain of which a masked column is: what is asked of the domain is asked of its columns (domains.sql).
CREATE DOMAIN wage AS integer;
ALTER DOMAIN wage ADD CONSTRAINT wage_known CHECK (VALUE > 0) NOT VALID;
CREATE TABLE wages (id integer PRIMARY KEY, pay wage);
INSERT INTO wages SELECT n, 77123 + n FROM generate_series(1, 3) n;
CREATE DOMAIN shop.ref AS text;
CREATE TABLE vaulted (ref shop.ref);
INSERT INTO vaulted VALUES ('vault-4h8k-ref');
CREATE TABLE outbox (id serial PRIMARY KEY, body text);
CREATE FUNCTION whisper(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard %', $1; RETURN 'ok'; END $$;
CREATE FUNCTION email_of(people) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.email';
CREATE INDEX people_email_lower ON people (pg_catalog.lower(email));
CREATE STATISTICS people_stats ON email, phone FROM people;
ANALYZE;
-- What is written blindly: each of these has a constraint that quotes the row, or its key, when it is violated
-- (error_details.sql).
CREATE TABLE stock (
    id integer PRIMARY KEY,
    tenant integer NOT NULL,
    code text NOT NULL,
    secret text NOT NULL DEFAULT 'vault-4h8k-stock',
    n integer CHECK (n > 0),
    UNIQUE (tenant, secret)
);
INSERT INTO stock SELECT n, n, 'code-' || n, 'vault-4h8k-stock', n FROM generate_series(1, 3) n;
CREATE VIEW stock_view AS SELECT * FROM stock WHERE n < 100 WITH CHECK OPTION;
CREATE TABLE stock_keys (key text PRIMARY KEY);
INSERT INTO stock_keys VALUES ('vault-4h8k-key');
CREATE TABLE stock_refs (key text REFERENCES stock_keys);
INSERT INTO stock_refs VALUES ('vault-4h8k-key');
CREATE TABLE stock_owners (id integer PRIMARY KEY);
INSERT INTO stock_owners VALUES (1);
CREATE TABLE stock_notes (owner integer NOT NULL REFERENCES stock_owners ON DELETE SET NULL, secret text);
INSERT INTO stock_notes VALUES (1, 'vault-4h8k-note');
CREATE TABLE stock_rooms (id integer, secret text DEFAULT 'vault-4h8k-room', EXCLUDE USING hash (secret WITH =));
INSERT INTO stock_rooms VALUES (1);
CREATE TABLE stock_days (day integer, secret text DEFAULT 'vault-4h8k-day') PARTITION BY LIST (secret);
CREATE TABLE stock_days_1 PARTITION OF stock_days FOR VALUES IN ('x');
CREATE TABLE stock_later (id integer, secret text DEFAULT 'vault-4h8k-later' UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO stock_later VALUES (1);
CREATE FUNCTION restock() RETURNS void LANGUAGE sql AS 'UPDATE public.stock SET n = -1';
-- Masked columns whose types are made of parts (masks_types.sql).
CREATE TYPE pair AS (label text, n integer);
CREATE DOMAIN word AS text;
CREATE TABLE typed (id integer PRIMARY KEY, v varchar(40), r int4range, d word, c pair, j jsonb, x xml, ts tsvector);
INSERT INTO typed VALUES (
    1, 'mk7f3q-v', '[77123,77124)', 'mk7f3q-d', ('mk7f3q-c', 77123), '{"a": "mk7f3q-j", "n": 77123}', '<a>mk7f3q-x</a>', 'mk7f3q:1'
);
RESET ROLE;
-- A foreign table that cannot be read here; what its columns are of the other server is an option of theirs.
CREATE FOREIGN DATA WRAPPER plain_wrapper;
CREATE SERVER plain_server FOREIGN DATA WRAPPER plain_wrapper;
CREATE FOREIGN TABLE shop.remote (id integer) SERVER plain_server;
ALTER FOREIGN TABLE shop.remote OWNER TO app;

-- Secrets of the catalogue and of settings; what extensions bring, by tables that look like theirs.
CREATE SERVER elsewhere FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host 'db.example');
CREATE USER MAPPING FOR app SERVER elsewhere OPTIONS (user 'remote', password 'vault-4h8k-fdw');
CREATE USER MAPPING FOR app_password SERVER elsewhere OPTIONS (user 'remote', password 'vault-4h8k-fdw');
ALTER DATABASE postgres SET app.jwt_secret = 'vault-4h8k-jwt';
SET ROLE app;
CREATE TABLE pg_stat_statements (queryid bigint, query text);
INSERT INTO pg_stat_statements VALUES (1, 'create role x password ''vault-4h8k-text''');
CREATE VIEW pg_stat_statements_info AS SELECT query AS dealloc FROM pg_stat_statements;
CREATE TABLE pg_qualstats (constvalue text);
INSERT INTO pg_qualstats VALUES ('vault-4h8k-constant');
CREATE TABLE powa_servers (hostname text, password text);
INSERT INTO powa_servers VALUES ('db', 'vault-4h8k-powa');
CREATE FUNCTION pg_stat_statements(boolean) RETURNS SETOF public.pg_stat_statements LANGUAGE sql STABLE AS 'TABLE public.pg_stat_statements';
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, command text);
INSERT INTO cron.job VALUES (1, 'call send(''vault-4h8k-job'')');
CREATE SCHEMA vault;
CREATE TABLE vault.secrets (id integer, secret text);
INSERT INTO vault.secrets VALUES (1, 'vault-4h8k-kept');
CREATE VIEW vault.decrypted_secrets AS SELECT id, secret AS decrypted_secret FROM vault.secrets;
CREATE SCHEMA net;
CREATE TABLE net._http_response (id integer, content text);
INSERT INTO net._http_response VALUES (1, 'vault-4h8k-answer');

-- Values of masked columns in the catalogues.
CREATE TABLE tokens (id integer PRIMARY KEY);
INSERT INTO tokens SELECT generate_series(1, 3);
ALTER TABLE tokens ADD COLUMN token text DEFAULT 'mk7f3q-default';
CREATE TABLE branches (id integer, place text) PARTITION BY LIST (place);
CREATE TABLE branches_1 PARTITION OF branches FOR VALUES IN ('mk7f3q-north');
INSERT INTO branches VALUES (1, 'mk7f3q-north');
ANALYZE tokens;
RESET ROLE;
