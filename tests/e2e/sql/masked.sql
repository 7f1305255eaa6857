-- Reports and mappers' queries under a policy that masks customers.email and tree.name: none may be refused, and
-- all cells but those of the two columns are as without the gateway. Parts between empty lines.

SELECT id, name, email FROM customers ORDER BY id LIMIT 5

SELECT * FROM customers ORDER BY id LIMIT 3

SELECT c.*, o.status FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id LIMIT 5

SELECT count(*) AS count_1 FROM (SELECT customers.id AS customers_id, customers.email AS customers_email FROM customers WHERE customers.country = 'DE') AS anon_1

SELECT anon_1.customers_id AS anon_1_customers_id, anon_1.customers_email AS anon_1_customers_email, orders_1.id AS orders_1_id FROM (SELECT customers.id AS customers_id, customers.email AS customers_email FROM customers ORDER BY customers.id LIMIT 3) AS anon_1 LEFT OUTER JOIN orders AS orders_1 ON anon_1.customers_id = orders_1.customer_id ORDER BY anon_1.customers_id, orders_1.id

SELECT anon_1.id, anon_2.email FROM (SELECT o.customer_id AS id, count(*) AS n FROM orders o GROUP BY o.customer_id) AS anon_1 JOIN (SELECT anon_3.id AS id, anon_3.email AS email FROM (SELECT id, email FROM customers) AS anon_3) AS anon_2 USING (id) ORDER BY anon_1.id LIMIT 5

SELECT "t0"."id" AS "t0_id", "t0"."email" AS "t0_email", "t1"."id" AS "t1_id" FROM "public"."customers" "t0" LEFT JOIN "orders" "t1" ON "t1"."customer_id" = "t0"."id" ORDER BY "t0"."id", "t1"."id" LIMIT 4

SELECT "public"."customers"."id", "public"."customers"."email" FROM "public"."customers" WHERE ("public"."customers"."id" = 3 AND 1=1) ORDER BY "public"."customers"."id" ASC LIMIT 1 OFFSET 0

SELECT "public"."customers"."id" FROM "public"."customers" WHERE ("public"."customers"."id") IN (SELECT "t1"."customer_id" FROM "public"."orders" AS "t1" WHERE ("t1"."status" = 'paid' AND "t1"."customer_id" IS NOT NULL)) ORDER BY 1

SELECT COUNT(*) FROM (SELECT DISTINCT "customers"."country" AS "col1" FROM "customers") subquery

SELECT COUNT(*) FROM (SELECT 1 AS one FROM "customers" LIMIT 3) subquery_for_count

SELECT t.email, t.count FROM (SELECT email, count(*) OVER () FROM customers) t WHERE t.count > 3 ORDER BY t.count LIMIT 2

SELECT email, count FROM (SELECT id, email, count(*) OVER () FROM customers) t ORDER BY id LIMIT 2

SELECT row_number, id, email FROM (SELECT row_number() OVER (ORDER BY id), id, email FROM customers) t WHERE row_number <= 3 ORDER BY row_number

SELECT country, count(*) FROM customers GROUP BY country ORDER BY count DESC, country

SELECT country::text, max(id) FROM customers GROUP BY country ORDER BY country

SELECT id::text, email FROM customers ORDER BY id LIMIT 3

SELECT upper(country), count(*) FROM customers GROUP BY upper ORDER BY upper

SELECT date_trunc('year', created_at)::date, count(*) FROM customers GROUP BY date_trunc ORDER BY date_trunc

SELECT extract(year FROM created_at) AS year, count(*) FROM customers GROUP BY year ORDER BY year

SELECT CASE WHEN id > 10 THEN 'new' ELSE 'old' END, count(*) FROM customers GROUP BY 1 ORDER BY 1

WITH per_country AS (SELECT country, count(*) FROM customers GROUP BY country), best AS (SELECT country FROM per_country ORDER BY count DESC, country LIMIT 3) SELECT c.id, c.email, p.count FROM customers c JOIN best USING (country) JOIN per_country p USING (country) ORDER BY p.count, c.id LIMIT 5

WITH RECURSIVE up(id, parent, level) AS (SELECT id, parent, 0 FROM tree WHERE id = 9 UNION ALL SELECT t.id, t.parent, level + 1 FROM up JOIN tree t ON t.id = up.parent) SELECT up.level, t.name FROM up JOIN tree t ON t.id = up.id ORDER BY level

SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) AS orders, c.email FROM customers c ORDER BY c.id LIMIT 4

SELECT c.id, c.email, last.status FROM customers c CROSS JOIN LATERAL (SELECT o.status FROM orders o WHERE o.customer_id = c.id ORDER BY o.id DESC LIMIT 1) last ORDER BY c.id LIMIT 4

SELECT t.id, (SELECT p.id FROM tree p WHERE p.id = t.parent) AS parent_id, t.name FROM tree t ORDER BY t.id LIMIT 4

SELECT id, (SELECT max(name) FROM customers c WHERE c.id = tree.id) FROM tree ORDER BY id LIMIT 4

SELECT id, (SELECT email FROM (SELECT 'nobody' AS email) q) FROM customers ORDER BY id LIMIT 2

SELECT g, email FROM customers, generate_series(1, 3) g WHERE id = g ORDER BY g

SELECT generate_series, email FROM customers, generate_series(1, 3) WHERE generate_series = id ORDER BY generate_series

SELECT u.n, c.email FROM customers c JOIN unnest(ARRAY[1, 2]) WITH ORDINALITY AS u(id, n) ON u.id = c.id ORDER BY u.n

SELECT count(*) FROM orders o TABLESAMPLE bernoulli (100) JOIN customers c ON c.id = o.customer_id

SELECT id, country FROM customers WHERE EXISTS (SELECT FROM orders WHERE customer_id = customers.id AND status = 'paid') ORDER BY id LIMIT 5

SELECT id FROM customers UNION SELECT customer_id FROM orders ORDER BY id LIMIT 5

SELECT public.customers.id, public.orders.status FROM public.customers, public.orders WHERE public.orders.customer_id = public.customers.id ORDER BY public.orders.id LIMIT 5

SELECT (o).id, c.email FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id LIMIT 3

SELECT to_jsonb(o) ->> 'status', c.email FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id LIMIT 3

SELECT o.status, count(*) FILTER (WHERE c.country = 'DE'), json_agg(c.id ORDER BY c.id) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY ROLLUP (o.status) ORDER BY o.status NULLS LAST
