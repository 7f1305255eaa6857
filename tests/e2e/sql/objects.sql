-- What the ordinary statements read besides the dataset. Run by psql as `app` in the database `orders`.
\set ON_ERROR_STOP on
CREATE TABLE documents (id integer PRIMARY KEY, title text, body jsonb NOT NULL, words tsvector);
INSERT INTO documents
SELECT n, 'Document ' || n,
    jsonb_build_object('n', n, 'tags', jsonb_build_array('t' || n % 3, 'all'), 'deep', jsonb_build_object('even', n % 2 = 0)),
    to_tsvector('english', 'The quick brown fox number ' || n || ' jumps over lazy dogs and ' || (ARRAY['cats', 'birds', 'mice'])[1 + n % 3])
FROM generate_series(1, 30) n;
CREATE INDEX documents_words ON documents USING gin (words);
CREATE TABLE bookings (id integer PRIMARY KEY, room integer NOT NULL, during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&) WHERE (room = 0));
INSERT INTO bookings SELECT n, 1 + n % 3, tstzrange(timestamptz '2026-05-01 00:00+00' + n * interval '5 hours', timestamptz '2026-05-01 00:00+00' + n * interval '5 hours' + interval '7 hours') FROM generate_series(1, 30) n;
CREATE TABLE measures (taken date NOT NULL, sensor integer NOT NULL, value double precision) PARTITION BY RANGE (taken);
CREATE TABLE measures_2026a PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE measures_2026b PARTITION OF measures FOR VALUES FROM ('2026-07-01') TO ('2027-01-01') PARTITION BY LIST (sensor);
CREATE TABLE measures_2026b_odd PARTITION OF measures_2026b FOR VALUES IN (1, 3);
CREATE TABLE measures_2026b_rest PARTITION OF measures_2026b DEFAULT;
INSERT INTO measures SELECT date '2026-01-01' + n, 1 + n % 4, (n * 37 % 100) / 4.0 FROM generate_series(0, 300) n;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE point3 AS (x double precision, y double precision, z double precision);
CREATE TABLE odds ("Mixed Case" integer GENERATED ALWAYS AS IDENTITY, "select" text, feeling mood DEFAULT 'ok', at point3, numbers integer[], matrix integer[][], bits bit varying, net inet, money money, id uuid, raw bytea, p positive, during int4multirange);
INSERT INTO odds ("select", feeling, at, numbers, matrix, bits, net, money, id, raw, p, during)
SELECT 'row ' || n, (ARRAY['sad', 'ok', 'happy'])[1 + n % 3]::mood, ROW (n, n / 2.0, -n)::point3, ARRAY[n, n + 1, NULL], ARRAY[[n, 1], [2, n]],
    n::bit(8)::varbit, ('10.0.0.' || n)::inet, n::numeric::money, ('00000000-0000-0000-0000-0000000000' || lpad(n::text, 2, '0'))::uuid, decode(lpad(to_hex(n), 2, '0'), 'hex'), n, int4multirange(int4range(n, n + 2), int4range(n + 5, n + 6))
FROM generate_series(1, 10) n;
CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree, name text NOT NULL);
INSERT INTO tree SELECT n, NULLIF(n / 2, 0), 'node ' || n FROM generate_series(1, 31) n;
CREATE VIEW tall AS SELECT id, name FROM tree WHERE id < 8;
CREATE MATERIALIZED VIEW by_country AS SELECT country, count(*) AS customers FROM customers GROUP BY country;
CREATE SEQUENCE counter;
COMMENT ON TABLE documents IS 'Documents with words';
COMMENT ON COLUMN documents.body IS 'What it says';
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touch BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION touched();
CREATE RULE quiet AS ON DELETE TO tree DO INSTEAD NOTHING;
CREATE STATISTICS documents_stats ON id, title FROM documents;
CREATE COLLATION plain FROM "C";
CREATE TEXT SEARCH CONFIGURATION own (COPY = english);
CREATE SCHEMA "Other Schema";
CREATE TABLE "Other Schema"."Odd Table" (a integer, b text DEFAULT 'x');
ANALYZE;
