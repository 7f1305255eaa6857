-- The demo's data: three databases, one of which nobody should reach through the gateway.
-- Run by hoopwire.demo.postgres with psql as the superuser. Same rows at every run.
\set ON_ERROR_STOP on

CREATE DATABASE orders OWNER app;
CREATE DATABASE analytics OWNER app;
CREATE DATABASE secrets OWNER app;

\connect orders
SET ROLE app;
CREATE TABLE customers (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    country char(2) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    status text NOT NULL CHECK (status IN ('new', 'paid', 'shipped', 'returned')),
    placed_at timestamptz NOT NULL
);
CREATE TABLE items (
    order_id integer NOT NULL REFERENCES orders,
    line integer NOT NULL,
    product text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
INSERT INTO customers
SELECT n,
       (ARRAY['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Radia', 'Ken', 'Margaret'])[1 + n % 8] || ' '
           || (ARRAY['Lovelace', 'Hopper', 'Dijkstra', 'Liskov', 'Turing', 'Perlman'])[1 + n % 6],
       'customer' || n || '@example.com',
       (ARRAY['DE', 'FR', 'US', 'JP', 'BR'])[1 + n % 5],
       timestamptz '2026-01-01 00:00:00+00' + n * interval '7 hours'
FROM generate_series(1, 200) n;
INSERT INTO orders
SELECT n, 1 + n * 37 % 200, (ARRAY['new', 'paid', 'shipped', 'returned'])[1 + n % 4],
       timestamptz '2026-03-01 00:00:00+00' + n * interval '53 minutes'
FROM generate_series(1, 1000) n;
INSERT INTO items
SELECT n, line, (ARRAY['lamp', 'chair', 'desk', 'shelf', 'clock', 'rug', 'vase'])[1 + (n + line) % 7],
       1 + (n * line) % 5, 4.90 + (n * 13 + line * 29) % 200
FROM generate_series(1, 1000) n, generate_series(1, 1 + n % 3) line;
CREATE VIEW revenue AS
SELECT c.country, sum(i.quantity * i.unit_price) AS total
FROM customers c JOIN orders o ON o.customer_id = c.id JOIN items i ON i.order_id = o.id
GROUP BY c.country;
ANALYZE;

\connect analytics
SET ROLE app;
CREATE TABLE daily_visits (day date PRIMARY KEY, visits integer NOT NULL);
INSERT INTO daily_visits
SELECT date '2026-01-01' + n, 1000 + (n * 7919) % 500 FROM generate_series(0, 89) n;

\connect secrets
SET ROLE app;
CREATE TABLE api_keys (service text PRIMARY KEY, key text NOT NULL);
INSERT INTO api_keys VALUES ('payments', 'pk_live_this_must_not_leak'), ('mail', 'key-this-must-not-leak');
