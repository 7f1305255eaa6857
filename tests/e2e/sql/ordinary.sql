-- Ordinary statements, separated by empty lines: under `read-only` each gives what the direct connection gives.
-- A line of `-- group` names what follows. Every result has one order and the same values at every run.
-- group plain

SELECT 1

SELECT 1 AS one, 'two' AS two, NULL AS nothing, true AS yes

SELECT * FROM customers ORDER BY id

SELECT id, name FROM customers WHERE country = 'DE' ORDER BY id LIMIT 10

SELECT DISTINCT country FROM customers ORDER BY country

SELECT DISTINCT ON (country) country, id FROM customers ORDER BY country, id DESC

SELECT count(*), min(id), max(id), sum(id), avg(id) FROM orders

SELECT status, count(*) FROM orders GROUP BY status ORDER BY status

SELECT status, count(*) FROM orders GROUP BY 1 HAVING count(*) > 10 ORDER BY 1

SELECT * FROM customers WHERE id IN (1, 2, 3) ORDER BY id

SELECT * FROM customers WHERE id = ANY (ARRAY[4, 5, 6]) ORDER BY id

SELECT * FROM customers WHERE id BETWEEN 10 AND 12 ORDER BY id

SELECT * FROM customers WHERE id NOT BETWEEN SYMMETRIC 198 AND 3 ORDER BY id

SELECT * FROM customers WHERE name LIKE 'Ada%' ORDER BY id

SELECT * FROM customers WHERE name ILIKE '%LOVELACE' ORDER BY id

SELECT * FROM customers WHERE name SIMILAR TO '(Ada|Ken)%' ORDER BY id LIMIT 5

SELECT * FROM customers WHERE name ~ '^A' AND email !~* 'X@' ORDER BY id LIMIT 5

SELECT id FROM customers ORDER BY id OFFSET 190

SELECT id FROM customers ORDER BY id FETCH FIRST 3 ROWS ONLY

SELECT country FROM customers ORDER BY country FETCH FIRST 3 ROWS WITH TIES

SELECT id FROM customers ORDER BY country NULLS FIRST, id DESC NULLS LAST LIMIT 7

TABLE revenue ORDER BY country

VALUES (1, 'a'), (2, 'b'), (3, NULL)

VALUES (1), (2) ORDER BY 1 DESC LIMIT 1

SELECT * FROM (VALUES (1, 'one'), (2, 'two')) AS v (n, word) ORDER BY n

SELECT ALL id FROM tall ORDER BY id

SELECT FROM customers LIMIT 3

SELECT customers.* FROM customers WHERE customers.id = 7

SELECT public.customers.name FROM public.customers WHERE id = 8

SELECT c.name AS "Name of it" FROM customers AS c WHERE c.id = 9

SELECT "Mixed Case", "select" FROM odds ORDER BY 1

SELECT * FROM odds ORDER BY "Mixed Case"

SELECT * FROM "Other Schema"."Odd Table"

SELECT CASE WHEN id < 3 THEN 'low' WHEN id < 5 THEN 'mid' ELSE 'high' END FROM customers WHERE id < 8 ORDER BY id

SELECT CASE id WHEN 1 THEN 'one' ELSE 'other' END FROM customers WHERE id < 3 ORDER BY id

SELECT coalesce(NULL, NULL, 3), nullif(1, 1), greatest(1, 5, 3), least(4, 2)

SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, true IS NOT FALSE, NULL IS UNKNOWN

SELECT (1, 2) = (1, 2), ROW (1, NULL) IS NULL, ROW (NULL, NULL) IS NULL

SELECT (ROW (1, 'x'::text)).*

SELECT EXISTS (SELECT 1 FROM customers WHERE id = 1), NOT EXISTS (SELECT FROM orders WHERE id = -1)

SELECT id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c WHERE id < 5 ORDER BY id

SELECT id FROM customers WHERE id > ALL (SELECT 195) ORDER BY id

SELECT id FROM customers WHERE (country, id) IN (SELECT country, max(id) FROM customers GROUP BY country) ORDER BY id

SELECT 7 / 2, 7 % 2, 2 ^ 10, |/ 16, @ -3, 5 & 3, 5 | 3, 5 # 3, ~ 5, 1 << 4

SELECT 10, 0

SELECT 1e3, .5, 1.0

SELECT 'it''s', E'tab\tnew\nline', U&'\0061\+000062', $$dollar$$, $tag$with 'quotes'$tag$

SELECT B'101', X'1F', N'national'

SELECT 'a'
'b'

/* leading */ SELECT /* inner /* nested */ */ 1 -- trailing

;

-- group joins

SELECT c.name, o.id FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id LIMIT 10

SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'new' ORDER BY 1, 2 LIMIT 20

SELECT c.id, o.id FROM orders o RIGHT JOIN customers c ON o.customer_id = c.id ORDER BY 1, 2 LIMIT 20

SELECT a.n, b.n FROM generate_series(1, 3) a (n) FULL JOIN generate_series(2, 4) b (n) USING (n) ORDER BY 1, 2

SELECT n FROM generate_series(1, 3) a (n) FULL JOIN generate_series(2, 4) b (n) USING (n) ORDER BY n

SELECT * FROM generate_series(1, 2) a CROSS JOIN generate_series(3, 4) b ORDER BY 1, 2

SELECT * FROM tree NATURAL JOIN tall ORDER BY id

SELECT j.id FROM (tree t JOIN tall USING (id)) j ORDER BY 1

SELECT t.id, p.name FROM tree t JOIN tree p ON p.id = t.parent ORDER BY t.id

SELECT c.country, count(*) FROM customers c, orders o WHERE o.customer_id = c.id GROUP BY c.country ORDER BY 1

SELECT o.id, sum(i.quantity * i.unit_price) FROM orders o JOIN items i ON i.order_id = o.id GROUP BY o.id ORDER BY 2 DESC, 1 LIMIT 10

SELECT c.id, x.id FROM customers c CROSS JOIN LATERAL (SELECT o.id FROM orders o WHERE o.customer_id = c.id ORDER BY o.id LIMIT 2) x ORDER BY 1, 2 LIMIT 20

SELECT c.id, x.n FROM customers c LEFT JOIN LATERAL (SELECT count(*) AS n FROM orders o WHERE o.customer_id = c.id) x ON true ORDER BY 1 LIMIT 5

SELECT c.id, g FROM customers c, LATERAL generate_series(1, c.id) g WHERE c.id < 4 ORDER BY 1, 2

SELECT c.id FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id) ORDER BY 1

SELECT DISTINCT c.country FROM customers c JOIN orders o ON o.customer_id = c.id JOIN items i ON i.order_id = o.id WHERE i.product = 'lamp' ORDER BY 1

SELECT * FROM (SELECT id, name FROM customers ORDER BY id LIMIT 3) s (key, label) ORDER BY key

-- group sets

SELECT 1 UNION SELECT 2 UNION ALL SELECT 2 ORDER BY 1

SELECT id FROM customers WHERE id < 5 INTERSECT SELECT id FROM orders WHERE id > 2 ORDER BY 1

SELECT id FROM customers WHERE id < 5 EXCEPT SELECT 2 ORDER BY 1

SELECT id FROM tree EXCEPT ALL SELECT id FROM tall ORDER BY 1

(SELECT id FROM customers ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM customers ORDER BY id DESC LIMIT 1)

SELECT 'a' AS k, 1 AS v UNION (SELECT 'b', 2 UNION SELECT 'c', 3) ORDER BY k

TABLE tall UNION TABLE tall ORDER BY 1

-- group ctes

WITH c AS (SELECT * FROM customers WHERE id < 4) SELECT id, name FROM c ORDER BY id

WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 AS n FROM a) SELECT * FROM a, b

WITH a (x, y) AS (VALUES (1, 2), (3, 4)) SELECT x * y FROM a ORDER BY 1

WITH a AS MATERIALIZED (SELECT 5 AS n) SELECT n FROM a

WITH a AS NOT MATERIALIZED (SELECT 5 AS n) SELECT n FROM a

WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t

WITH RECURSIVE down AS (SELECT id, name, 0 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, t.name, d.depth + 1 FROM tree t JOIN down d ON t.parent = d.id) SELECT * FROM down ORDER BY id

WITH RECURSIVE up (id, parent) AS (SELECT id, parent FROM tree WHERE id = 31 UNION SELECT t.id, t.parent FROM tree t, up WHERE t.id = up.parent) TABLE up ORDER BY id

WITH RECURSIVE walk AS (SELECT id, parent FROM tree WHERE id = 1 UNION ALL SELECT t.id, t.parent FROM tree t JOIN walk w ON t.parent = w.id) SEARCH DEPTH FIRST BY id SET ordering SELECT id FROM walk ORDER BY ordering

WITH RECURSIVE walk AS (SELECT id, parent FROM tree WHERE id = 1 UNION ALL SELECT t.id, t.parent FROM tree t JOIN walk w ON t.parent = w.id) CYCLE id SET looped USING path SELECT id, looped FROM walk ORDER BY id

WITH RECURSIVE fib (a, b) AS (SELECT 0::bigint, 1::bigint UNION ALL SELECT b, a + b FROM fib WHERE b < 1000000) SELECT a FROM fib ORDER BY a

WITH customers AS (SELECT 42 AS id) SELECT id FROM customers

WITH a AS (WITH b AS (SELECT 1 AS n) SELECT n FROM b) SELECT n FROM a

SELECT * FROM (WITH a AS (SELECT 1 AS n) SELECT n FROM a) s

-- group windows

SELECT id, row_number() OVER (ORDER BY id DESC) FROM customers ORDER BY id LIMIT 5

SELECT id, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w FROM customers WINDOW w AS (PARTITION BY country ORDER BY id) ORDER BY id LIMIT 20

SELECT id, ntile(4) OVER (ORDER BY id) FROM tree ORDER BY id

SELECT id, lag(id) OVER (ORDER BY id), lead(id, 2, -1) OVER (ORDER BY id) FROM tall ORDER BY id

SELECT id, first_value(name) OVER w, last_value(name) OVER w, nth_value(name, 2) OVER w FROM tall WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY id

SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM tree ORDER BY id

SELECT id, count(*) OVER (ORDER BY id RANGE BETWEEN 3 PRECEDING AND 3 FOLLOWING EXCLUDE CURRENT ROW) FROM tree ORDER BY id

SELECT id, sum(id) OVER (ORDER BY id / 4 GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM tree ORDER BY id

SELECT country, sum(count(*)) OVER (ORDER BY country) FROM customers GROUP BY country ORDER BY country

SELECT taken, avg(value) OVER (ORDER BY taken RANGE BETWEEN interval '7 days' PRECEDING AND CURRENT ROW) FROM measures ORDER BY taken LIMIT 20

SELECT id, array_agg(id) FILTER (WHERE id % 2 = 0) OVER (ORDER BY id) FROM tall ORDER BY id

SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY status ORDER BY id) AS n FROM orders) s WHERE n <= 2 ORDER BY id

SELECT id, sum(id) OVER a, sum(id) OVER (a ROWS 1 PRECEDING) FROM tall WINDOW a AS (ORDER BY id) ORDER BY id

-- group aggregates

SELECT country, status, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY ROLLUP (country, status) ORDER BY 1, 2

SELECT country, status, count(*), grouping(country, status) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY CUBE (country, status) ORDER BY 1, 2, 3

SELECT country, count(*) FROM customers GROUP BY GROUPING SETS ((country), ()) ORDER BY 1

SELECT string_agg(name, ', ' ORDER BY id) FROM tall

SELECT array_agg(DISTINCT country ORDER BY country DESC) FROM customers

SELECT count(*) FILTER (WHERE id < 10), count(DISTINCT country) FROM customers

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id), percentile_disc(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY country) FROM customers

SELECT rank(50) WITHIN GROUP (ORDER BY id) FROM customers

SELECT stddev(id), variance(id), stddev_pop(id), var_samp(id) FROM customers

SELECT corr(id, customer_id), regr_slope(id, customer_id), covar_pop(id, customer_id) FROM orders

SELECT bool_and(id > 0), bool_or(id > 199), every(true), bit_and(id), bit_or(id) FROM customers

SELECT json_agg(t ORDER BY id) FROM tall t

SELECT json_object_agg(id, name ORDER BY id) FROM tall

SELECT jsonb_object_agg(id, name) FROM tall

SELECT max(placed_at), min(placed_at) FROM orders

SELECT sum(value), avg(value) FROM measures

SELECT any_value FROM (SELECT 1 AS any_value) s

SELECT range_agg(during ORDER BY id), range_intersect_agg(int4range(1, id + 5)) FROM bookings

SELECT count(*), country FROM customers GROUP BY DISTINCT country ORDER BY 2

-- group json

SELECT body FROM documents ORDER BY id LIMIT 5

SELECT body -> 'n', body ->> 'n', body #> '{deep,even}', body #>> '{tags,0}' FROM documents ORDER BY id LIMIT 5

SELECT id FROM documents WHERE body @> '{"deep": {"even": true}}' ORDER BY id

SELECT id FROM documents WHERE body ? 'n' AND body ?| ARRAY['x', 'tags'] AND body ?& ARRAY['n', 'tags'] ORDER BY id LIMIT 3

SELECT id FROM documents WHERE body @? '$.tags[*] ? (@ == "t1")' ORDER BY id

SELECT id FROM documents WHERE body @@ '$.n > 25' ORDER BY id

SELECT body['n'], body['deep']['even'] FROM documents ORDER BY id LIMIT 3

SELECT jsonb_path_query(body, '$.tags[*]') FROM documents WHERE id = 1

SELECT jsonb_path_query_array(body, '$.tags[*]'), jsonb_path_exists(body, '$.n'), jsonb_path_query_first(body, '$.n') FROM documents WHERE id = 2

SELECT d.id, t FROM documents d, jsonb_array_elements_text(d.body -> 'tags') t ORDER BY 1, 2 LIMIT 10

SELECT key, value FROM documents, jsonb_each(body) WHERE id = 3 ORDER BY key

SELECT * FROM jsonb_to_record('{"a": 1, "b": "x"}') AS x (a int, b text)

SELECT * FROM jsonb_to_recordset('[{"a": 1}, {"a": 2}]') AS x (a int) ORDER BY a

SELECT * FROM json_populate_record(NULL::tree, '{"id": 1, "name": "x"}')

SELECT jsonb_set('{"a": 1}', '{b}', '2'), jsonb_insert('[1]', '{0}', '0'), '{"a": 1}'::jsonb || '{"b": 2}', '{"a": 1, "b": 2}'::jsonb - 'a', '{"a": [1, 2]}'::jsonb #- '{a,0}'

SELECT json_build_object('a', 1, 'b', ARRAY[1, 2]), jsonb_build_array(1, 'x', NULL), to_jsonb(ARRAY[1, 2]), row_to_json(ROW (1, 'x'))

SELECT jsonb_pretty('{"a": [1, {"b": 2}]}'), jsonb_typeof('[]'), json_typeof('1'), jsonb_array_length('[1, 2, 3]'), jsonb_strip_nulls('{"a": null}')

SELECT jsonb_object_keys('{"b": 1, "a": 2}') ORDER BY 1

SELECT row_to_json(t) FROM tall t ORDER BY id

SELECT to_json(c) -> 'country' FROM customers c WHERE id = 1

SELECT array_to_json(ARRAY[[1, 2], [3, 4]]), json_object('{a, 1, b, 2}'), json_object('{a, b}', '{1, 2}')

-- group text search

SELECT id FROM documents WHERE words @@ to_tsquery('english', 'fox & cats') ORDER BY id

SELECT id FROM documents WHERE words @@ plainto_tsquery('english', 'lazy dogs') ORDER BY id LIMIT 3

SELECT id FROM documents WHERE words @@ phraseto_tsquery('english', 'lazy dogs') ORDER BY id LIMIT 3

SELECT id FROM documents WHERE words @@ websearch_to_tsquery('english', 'fox -cats "lazy dogs"') ORDER BY id

SELECT id, ts_rank(words, q), ts_rank_cd(words, q) FROM documents, to_tsquery('english', 'birds | fox') q WHERE words @@ q ORDER BY 2 DESC, 1 LIMIT 5

SELECT ts_headline('english', 'The quick brown fox', to_tsquery('english', 'fox'))

SELECT to_tsvector('simple', 'a b c'), setweight(to_tsvector('simple', 'x'), 'A'), strip(to_tsvector('simple', 'x y')), length(to_tsvector('simple', 'x y'))

SELECT 'fat & rat'::tsquery && 'cat'::tsquery, 'a'::tsquery || 'b'::tsquery, !! 'a'::tsquery, 'a'::tsquery <-> 'b'::tsquery, numnode('a & b'::tsquery), querytree('a & !b'::tsquery)

SELECT * FROM ts_parse('default', 'a web.site/x')

SELECT * FROM ts_token_type('default') ORDER BY tokid

SELECT alias, token FROM ts_debug('english', 'The Brightest stars')

SELECT ts_lexize('english_stem', 'stars'), get_current_ts_config()

SELECT unnest(tsvector_to_array(words)) FROM documents WHERE id = 1 ORDER BY 1

-- group ranges

SELECT id, lower(during), upper(during), isempty(during), lower_inc(during), upper_inf(during) FROM bookings ORDER BY id LIMIT 5

SELECT a.id, b.id FROM bookings a JOIN bookings b ON a.during && b.during AND a.id < b.id ORDER BY 1, 2 LIMIT 10

SELECT id FROM bookings WHERE during @> timestamptz '2026-05-02 12:00+00' ORDER BY id

SELECT int4range(1, 5) * int4range(3, 8), int4range(1, 5) + int4range(5, 8), int4range(1, 5) - int4range(3, 8), int4range(1, 5) << int4range(6, 8), int4range(1, 5) -|- int4range(5, 6)

SELECT numrange(1.5, 2.5, '[]'), daterange('2026-01-01', '2026-02-01'), tsrange(NULL, '2026-01-01'), int8range(1, 10, '(]'), range_merge(int4range(1, 2), int4range(5, 6))

SELECT int4multirange(int4range(1, 3), int4range(5, 7)) @> 6, unnest(int4multirange(int4range(1, 3), int4range(5, 7)))

SELECT during, during * int4multirange(int4range(3, 8)) FROM odds ORDER BY 1

-- group arrays

SELECT ARRAY[1, 2, 3], ARRAY[[1, 2], [3, 4]], '{a,NULL,"b c"}'::text[], ARRAY[]::int[]

SELECT numbers[1], numbers[1:2], matrix[1][2], matrix[2:2][1:1], array_length(numbers, 1), cardinality(matrix), array_ndims(matrix), array_dims(matrix), array_upper(matrix, 2) FROM odds ORDER BY 1

SELECT array_append(ARRAY[1], 2), array_prepend(0, ARRAY[1]), array_cat(ARRAY[1], ARRAY[2]), ARRAY[1] || 2, 0 || ARRAY[1], array_remove(ARRAY[1, 2, 1], 1), array_replace(ARRAY[1, 2], 1, 9), array_position(ARRAY['a', 'b'], 'b'), array_positions(ARRAY[1, 2, 1], 1), trim_array(ARRAY[1, 2, 3], 1), array_fill(7, ARRAY[2, 2])

SELECT ARRAY[1, 2] @> ARRAY[1], ARRAY[1] <@ ARRAY[1, 2], ARRAY[1, 2] && ARRAY[2, 3], 1 = ANY (ARRAY[1, 2]), 3 > ALL (ARRAY[1, 2])

SELECT unnest(ARRAY[1, 2]), unnest(ARRAY['a', 'b', 'c'])

SELECT * FROM unnest(ARRAY[1, 2], ARRAY['x', 'y', 'z']) WITH ORDINALITY AS u (a, b, n) ORDER BY n

SELECT ARRAY(SELECT id FROM tall ORDER BY id)

SELECT array_to_string(ARRAY[1, NULL, 3], ',', '*'), string_to_array('a,b,,c', ',', ''), string_to_table('x y', ' ')

SELECT generate_subscripts(ARRAY['a', 'b', 'c'], 1) ORDER BY 1

-- group series and dates

SELECT * FROM generate_series(1, 10, 3)

SELECT * FROM generate_series(5, 1, -2)

SELECT * FROM generate_series(timestamp '2026-01-01', timestamp '2026-01-02', interval '6 hours')

SELECT generate_series(1.1, 4, 1.3)

SELECT date '2026-02-03' + 1, date '2026-02-03' - date '2026-01-01', timestamp '2026-02-03 04:05:06' + interval '1 month 2 days', time '04:05' + interval '1 hour'

SELECT extract(year FROM timestamp '2026-02-03 04:05:06'), extract(epoch FROM timestamptz '2026-02-03 04:05:06+00'), date_part('dow', date '2026-02-03'), extract(isodow FROM date '2026-02-01'), extract(quarter FROM date '2026-05-01')

SELECT date_trunc('month', timestamp '2026-02-03 04:05:06'), date_trunc('day', timestamptz '2026-02-03 04:05:06+00', 'Europe/Berlin'), date_bin('15 minutes', timestamp '2026-02-03 04:07', timestamp '2026-01-01')

SELECT to_char(timestamp '2026-02-03 04:05:06', 'YYYY-MM-DD HH24:MI:SS Day Month'), to_char(1234.5, 'FM9,999.00'), to_char(interval '90 minutes', 'HH24:MI'), to_date('03.02.2026', 'DD.MM.YYYY'), to_timestamp('2026-02-03', 'YYYY-MM-DD'), to_timestamp(0), to_number('1,234', '9,999')

SELECT timestamptz '2026-02-03 04:05:06+00' AT TIME ZONE 'America/New_York', timestamp '2026-02-03 04:05:06' AT TIME ZONE 'UTC', timezone('UTC', timestamptz '2026-02-03 04:05:06+00')

SELECT age(timestamp '2026-02-03', timestamp '2020-01-01'), justify_days(interval '40 days'), justify_hours(interval '30 hours'), justify_interval(interval '1 mon -1 hour'), make_interval(days => 10), make_date(2026, 2, 3), make_time(4, 5, 6.5), make_timestamp(2026, 2, 3, 4, 5, 6), make_timestamptz(2026, 2, 3, 4, 5, 6, 'UTC')

SELECT (date '2026-01-01', date '2026-02-01') OVERLAPS (date '2026-01-15', interval '1 month'), isfinite(date 'infinity'), interval '1-2', interval 'P1Y2M', interval '1' YEAR

SELECT now() = current_timestamp, current_date = now()::date, localtime IS NOT NULL, clock_timestamp() >= now(), statement_timestamp() IS NOT NULL, transaction_timestamp() = now(), timeofday() IS NOT NULL

SELECT date_trunc('week', placed_at) AS week, count(*) FROM orders GROUP BY 1 ORDER BY 1

-- group strings

SELECT upper('a'), lower('B'), initcap('hello world'), length('häß'), char_length('x'), octet_length('ä'), bit_length('x')

SELECT 'a' || 'b' || 1, concat('a', NULL, 1), concat_ws('-', 'a', NULL, 'b'), repeat('x', 3), reverse('abc'), replace('aXa', 'X', 'y'), translate('abc', 'ab', 'xy')

SELECT substring('hello' FROM 2 FOR 3), substring('hello', 2), substring('foobar' FROM 'o.b'), substring('foobar' SIMILAR '%#"o_b#"%' ESCAPE '#'), substr('hello', 2, 2), left('hello', 2), right('hello', -1), overlay('Txxxxas' PLACING 'hom' FROM 2 FOR 4), position('l' IN 'hello'), strpos('hello', 'l')

SELECT trim('  x '), trim(BOTH 'x' FROM 'xxaxx'), ltrim('xxa', 'x'), rtrim('axx', 'x'), btrim('xax', 'x'), lpad('7', 3, '0'), rpad('x', 3, '-')

SELECT split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), starts_with('hello', 'he'), 'hello' ^@ 'he', ascii('A'), chr(65), to_hex(255), quote_ident('a b'), quote_literal('it''s'), quote_nullable(NULL), format('%s-%I-%L-%1$s', 'a', 'b c', 'd')

SELECT md5('x'), sha256('x'), encode('abc', 'base64'), decode('YWJj', 'base64'), encode('\x00ff'::bytea, 'hex'), convert_to('ä', 'UTF8'), convert_from('\xc3a4', 'UTF8'), get_byte('\x0102'::bytea, 1), set_byte('\x0102'::bytea, 0, 9), get_bit('\x01'::bytea, 0)

SELECT regexp_replace('foobar', 'o+', 'x', 'g'), regexp_match('foobar', '(o+)(b)'), regexp_split_to_array('a b  c', '\s+'), regexp_count('aaa', 'a'), regexp_instr('foobar', 'b'), regexp_like('X', 'x', 'i'), regexp_substr('foobar', 'o.')

SELECT regexp_matches('a1b2', '[a-z](\d)', 'g')

SELECT * FROM regexp_split_to_table('a,b,c', ',') ORDER BY 1

SELECT 'abc' COLLATE "C" < 'B' COLLATE "C", 'a' LIKE '_', 'a%' LIKE 'a!%' ESCAPE '!', 'x' NOT LIKE 'y', 'abc' ~~* 'AB%'

SELECT normalize('ä', NFD) = 'ä', 'ä' IS NFC NORMALIZED, unistr('\0061'), parse_ident('a.b'), string_to_array('abc', NULL)

SELECT 'ÄÖÜ'::text, '世界', '🙂', length('🙂')

-- group numbers and casts

SELECT round(2.5), round(2.567, 2), ceil(1.2), floor(-1.2), trunc(1.99, 1), abs(-5), sign(-2), mod(7, 3), div(7, 2), power(2, 3), sqrt(2.0), cbrt(27), exp(1), ln(2), log(100), log(2, 8), pi(), degrees(pi()), radians(180), gcd(12, 18), lcm(4, 6), factorial(5), width_bucket(5, 0, 10, 5), scale(1.10), min_scale(1.10), trim_scale(1.10)

SELECT sin(1), cos(1), tan(1), asin(0.5), acos(0.5), atan(1), atan2(1, 2), sinh(1), cosh(1), tanh(1), sind(30), cosd(60)

SELECT 1::text, '1'::int, CAST('1.5' AS numeric(5, 2)), int '7', '2026-02-03'::date::timestamp, 1.5::int, true::int, 'yes'::boolean, 'x'::char(3), 'abcdef'::varchar(3), 5::bit(4), '\x41'::bytea, 1::oid

SELECT 'infinity'::float8, 'NaN'::numeric, '-infinity'::timestamp, 1e300 * 10, (-0.0)::float8, 9223372036854775807::int8

SELECT feeling, feeling < 'happy', enum_range(NULL::mood), enum_first(NULL::mood), enum_last(NULL::mood) FROM odds ORDER BY 1, 2

SELECT (at).x, (at).*, at = ROW (1, 0.5, -1)::point3 FROM odds ORDER BY "Mixed Case"

SELECT net, host(net), masklen(net), broadcast(net), network(set_masklen(net, 24)), net << '10.0.0.0/8', family(net), '08:00:2b:01:02:03'::macaddr FROM odds ORDER BY net

SELECT money, money * 2 AS double, money::numeric AS number FROM odds ORDER BY odds.money

SELECT id, raw, bits, p FROM odds ORDER BY id

SELECT point '(1,2)', box '((0,0),(1,1))', circle '<(0,0),2>', area(circle '<(0,0),2>'), point '(0,0)' <-> point '(3,4)', path '((0,0),(1,1))', polygon '((0,0),(1,0),(1,1))', lseg '[(0,0),(1,1)]', center(box '((0,0),(2,2))'), '{1,2,3}'::line

SELECT pg_typeof(1), pg_typeof('x'::text), pg_typeof(now()), pg_typeof(NULL::mood), pg_typeof(ARRAY[1])

SELECT 'customers'::regclass, 'int4'::regtype, 'now'::regproc, 'lower(text)'::regprocedure, '+(int4,int4)'::regoperator, 'pg_catalog'::regnamespace, 'english'::regconfig, 'simple'::regdictionary

SELECT to_regclass('customers'), to_regclass('no_such'), to_regtype('int'), to_regproc('now'), to_regnamespace('public'), to_regrole('app')

SELECT numeric_value FROM (SELECT 12345678901234567890.123456789::numeric AS numeric_value) s

SELECT repeat('w', 10000)

SELECT gen_random_uuid() IS NOT NULL, random() BETWEEN 0 AND 1

SELECT num_nulls(1, NULL), num_nonnulls(1, NULL), hashtext('x'), hashint4(1), pg_column_size(1), pg_size_pretty(1024::bigint), pg_size_bytes('1 kB')

SELECT twice_it FROM (SELECT 2 * 21 AS twice_it) s

-- group partitions

SELECT count(*) FROM measures

SELECT tableoid::regclass, count(*) FROM measures GROUP BY 1 ORDER BY 1::text

SELECT * FROM measures WHERE taken BETWEEN '2026-03-01' AND '2026-03-05' ORDER BY taken

SELECT * FROM measures_2026b_odd ORDER BY taken LIMIT 5

SELECT sensor, avg(value), max(taken) FROM measures WHERE taken >= '2026-07-01' GROUP BY sensor ORDER BY sensor

SELECT count(*) FROM ONLY measures

SELECT * FROM pg_partition_tree('measures') ORDER BY level, relid::text

SELECT pg_partition_root('measures_2026b_odd'), pg_get_partkeydef('measures'::regclass)

SELECT * FROM by_country ORDER BY country

SELECT count(*) FROM customers TABLESAMPLE bernoulli (100)

SELECT count(*) FROM customers TABLESAMPLE system (100) REPEATABLE (7)

SELECT ctid, xmin IS NOT NULL, cmin IS NOT NULL FROM tree ORDER BY 1

-- group functions in from

SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (a, b)

SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['x'])) WITH ORDINALITY

SELECT * FROM current_schema()

SELECT * FROM upper('x') u

SELECT * FROM pg_get_keywords() WHERE word LIKE 'a%' ORDER BY word

SELECT n, s FROM generate_series(1, 3) n, LATERAL (SELECT n * 2 AS s) x ORDER BY n

SELECT * FROM json_each_text('{"a": 1}')

SELECT * FROM XMLTABLE('/r/i' PASSING '<r><i>1</i><i>2</i></r>' COLUMNS v int PATH '.') ORDER BY v

SELECT xmlelement(name a, xmlattributes('x' AS b), 'text'), xmlforest(1 AS a, 2 AS b), xmlconcat('<a/>', '<b/>'), xmlcomment('c'), xmlpi(name php, 'x'), '<a/>' IS DOCUMENT

SELECT xpath('/a/b/text()', '<a><b>x</b></a>'), xpath_exists('/a', '<a/>'), xml_is_well_formed('<a>'), xmlserialize(CONTENT '<a/>'::xml AS text), xmlparse(DOCUMENT '<a/>')

SELECT xmlagg(xmlelement(name n, id) ORDER BY id) FROM tall

-- group session

SELECT current_user = session_user, current_database(), current_schema, current_schemas(false), current_catalog

SELECT current_setting('server_version_num')::int > 130000, current_setting('work_mem', true), current_setting('search_path')

SELECT name, setting, unit FROM pg_settings WHERE name = ANY (ARRAY['work_mem', 'max_connections']) ORDER BY name

SELECT s.setting::int > 0 FROM pg_catalog.pg_settings s WHERE s.name = 'max_index_keys'

SELECT (SELECT setting FROM pg_settings WHERE name = 'block_size')::int / 1024 AS kb

SELECT count(*) > 300, count(DISTINCT category) > 10 FROM (SELECT name, category FROM pg_settings) s

SELECT name, vartype, enumvals FROM pg_settings WHERE vartype = 'enum' ORDER BY name LIMIT 3

SHOW TIME ZONE

SHOW TRANSACTION ISOLATION LEVEL

SHOW SESSION AUTHORIZATION

SHOW server_encoding

SHOW max_identifier_length

SHOW "Work_Mem"

SHOW is_superuser

SELECT "orders"."public"."customers"."id" FROM "orders"."public"."customers" ORDER BY 1 LIMIT 3

SELECT c.* FROM orders.public.customers c JOIN "orders".public.orders o ON o.customer_id = c.id ORDER BY c.id LIMIT 3

SELECT orders.pg_catalog.upper('x'), 'x'::orders.pg_catalog.text, 1 OPERATOR(orders.pg_catalog.+) 2, 'x' COLLATE orders.pg_catalog."C"

SELECT orders.public.tall.* FROM orders.public.tall ORDER BY orders.public.tall.id

EXPLAIN (COSTS OFF) SELECT count(*) FROM orders.public.customers

SHOW server_version

SHOW search_path

SHOW standard_conforming_strings

SHOW TimeZone

SHOW transaction_isolation

SET application_name = 'ordinary'

SET statement_timeout = '1min'

SET extra_float_digits = 3

SET DateStyle = 'ISO, MDY'

SET TIME ZONE 'UTC'

SET bytea_output = 'hex'

SET lock_timeout = 0

SET idle_in_transaction_session_timeout = 0

SET client_encoding = 'UTF8'

SET client_min_messages = notice

SET IntervalStyle = 'postgres'

SET enable_seqscan = on

SET random_page_cost = 4

RESET statement_timeout

SET search_path = public

SET standard_conforming_strings = on

SELECT set_config('application_name', 'ordinary', false)

SELECT set_config('search_path', 'public', false)

BEGIN; SELECT 1; COMMIT

BEGIN READ ONLY; SELECT count(*) FROM customers; ROLLBACK

BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1; END

START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE; SELECT 1; ABORT

BEGIN; SET TRANSACTION READ ONLY; SELECT 1; COMMIT

BEGIN; SAVEPOINT a; SELECT 1; ROLLBACK TO SAVEPOINT a; RELEASE a; COMMIT

BEGIN; COMMIT AND CHAIN; SELECT 1; ROLLBACK AND NO CHAIN

SELECT 1; SELECT 2; SELECT 3

PREPARE one AS SELECT $1::int + 1; EXECUTE one (41); DEALLOCATE one

PREPARE two (int, text) AS SELECT * FROM customers WHERE id = $1 OR name = $2 ORDER BY id; EXECUTE two (5, 'x'); DEALLOCATE PREPARE two

PREPARE three AS VALUES (1); EXPLAIN (COSTS off) EXECUTE three; DEALLOCATE ALL

BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers ORDER BY id; FETCH 3 FROM c; MOVE 5 FROM c; FETCH NEXT FROM c; CLOSE c; COMMIT

BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM customers ORDER BY id; FETCH LAST FROM c; FETCH PRIOR FROM c; FETCH ABSOLUTE 10 FROM c; FETCH RELATIVE -2 FROM c; FETCH BACKWARD 2 FROM c; CLOSE ALL; COMMIT

DECLARE held CURSOR WITH HOLD FOR SELECT id FROM tree ORDER BY id; FETCH ALL FROM held; CLOSE held

BEGIN; DECLARE b BINARY CURSOR FOR SELECT id FROM tall ORDER BY id; FETCH 2 FROM b; COMMIT

COPY (SELECT id, name FROM customers ORDER BY id) TO STDOUT

COPY customers TO STDOUT (FORMAT csv, HEADER)

COPY customers (id, country) TO STDOUT WITH (DELIMITER '|', NULL '-')

COPY (SELECT 1, 'a') TO STDOUT (FORMAT binary)

COPY (VALUES (1, 'x'), (2, NULL)) TO STDOUT CSV QUOTE '''' FORCE QUOTE *

EXPLAIN (COSTS off) SELECT * FROM customers WHERE id = 1

EXPLAIN (COSTS off, VERBOSE, FORMAT json) SELECT count(*) FROM orders

EXPLAIN (COSTS off) SELECT * FROM measures WHERE taken = '2026-03-01'

EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) SELECT * FROM tall

EXPLAIN (FORMAT yaml, COSTS off) WITH a AS (SELECT 1) SELECT * FROM a

EXPLAIN (COSTS off) SELECT c.country FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1

-- group errors that are the server's

SELECT 1 / 0

SELECT no_such_column FROM customers

SELECT 'x'::int

SELECT * FROM customers WHERE id = 'x'

SELECT sum(name) FROM customers

SELECT count(*), id FROM customers

SELECT lower()

-- group catalogues

SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname

SELECT attname, atttypid::regtype, attnotnull FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0 ORDER BY attnum

SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1

SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 1

SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2

SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass ORDER BY 1

SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'customers'::regclass ORDER BY 1::text

SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 2

SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1

SELECT matviewname, definition FROM pg_matviews ORDER BY 1

SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1

SELECT rolname, rolsuper, rolcanlogin FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1

SELECT datname, encoding, datcollate FROM pg_database WHERE datname IN ('orders', 'postgres') ORDER BY 1

SELECT name, setting FROM pg_settings WHERE name IN ('server_encoding', 'block_size') ORDER BY 1

SELECT extname, extversion FROM pg_extension ORDER BY 1

SELECT lanname FROM pg_language ORDER BY 1

SELECT amname FROM pg_am ORDER BY 1

SELECT enumlabel FROM pg_enum WHERE enumtypid = 'mood'::regtype ORDER BY enumsortorder

SELECT inhrelid::regclass, inhparent::regclass FROM pg_inherits ORDER BY 1::text

SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1

SELECT rulename, definition FROM pg_rules WHERE schemaname = 'public' ORDER BY 1

SELECT collname FROM pg_collation WHERE collnamespace = 'public'::regnamespace

SELECT cfgname FROM pg_ts_config ORDER BY 1

SELECT spcname FROM pg_tablespace ORDER BY 1

SELECT evtname FROM pg_event_trigger

SELECT pubname FROM pg_publication

SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext ORDER BY 1

SELECT seqrelid::regclass, seqstart, seqincrement FROM pg_sequence ORDER BY 1::text

SELECT sequencename, last_value FROM pg_sequences ORDER BY 1

SELECT oprname, oprleft::regtype, oprright::regtype FROM pg_operator WHERE oprname = '@>' ORDER BY 2::text, 3::text

SELECT castsource::regtype, casttarget::regtype FROM pg_cast WHERE castsource = 'json'::regtype ORDER BY 2::text

SELECT aggfnoid::regproc, aggkind FROM pg_aggregate WHERE aggfnoid::text LIKE 'percentile%' ORDER BY 1::oid

SELECT description FROM pg_description WHERE objoid = 'documents'::regclass ORDER BY objsubid

SELECT obj_description('documents'::regclass, 'pg_class'), col_description('documents'::regclass, 3), shobj_description(1, 'pg_database')

SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY adrelid::regclass::text, adnum

SELECT pg_get_viewdef('revenue'::regclass, true), pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = 'tree'::regclass

SELECT pg_get_functiondef('twice(integer)'::regprocedure)

SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0 ORDER BY attnum

SELECT pg_table_is_visible('customers'::regclass), pg_type_is_visible('mood'::regtype), pg_function_is_visible('twice(integer)'::regprocedure)

SELECT has_table_privilege('customers', 'select'), has_schema_privilege('public', 'usage'), has_database_privilege('orders', 'connect'), has_column_privilege('customers', 'id', 'select'), has_function_privilege('twice(integer)', 'execute'), has_sequence_privilege('counter', 'usage'), pg_has_role('app', 'usage')

SELECT pg_get_userbyid(relowner), pg_encoding_to_char(6) FROM pg_class WHERE relname = 'customers'

SELECT pg_get_serial_sequence('odds', 'Mixed Case'), pg_relation_is_updatable('revenue', false), pg_column_is_updatable('customers', 1::smallint, false)

SELECT version() LIKE 'PostgreSQL%', pg_backend_pid() > 0, pg_postmaster_start_time() IS NOT NULL, pg_is_in_recovery(), inet_server_port() IS NOT NULL

SELECT current_schemas(true)

SELECT pg_client_encoding(), getdatabaseencoding()

SELECT relname, relacl, acldefault('r', relowner) IS NOT NULL FROM pg_class WHERE relname IN ('customers', 'orders') ORDER BY 1

SELECT (aclexplode(acldefault('r', 10))).privilege_type ORDER BY 1

SELECT classid::regclass, objid FROM pg_depend WHERE refobjid = 'tall'::regclass ORDER BY 1::text, 2 LIMIT 1

SELECT pg_describe_object('pg_class'::regclass, 'customers'::regclass, 0), pg_identify_object('pg_class'::regclass, 'customers'::regclass, 0)

SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 2

SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_name = 'odds' ORDER BY ordinal_position

SELECT constraint_name, constraint_type FROM information_schema.table_constraints WHERE table_schema = 'public' AND constraint_name !~ '^\d' ORDER BY 1

SELECT * FROM information_schema.key_column_usage WHERE table_name = 'items' ORDER BY constraint_name, ordinal_position

SELECT * FROM information_schema.referential_constraints ORDER BY constraint_name

SELECT routine_name, routine_type FROM information_schema.routines WHERE routine_schema = 'public' ORDER BY 1

SELECT schema_name FROM information_schema.schemata ORDER BY 1

SELECT sequence_name FROM information_schema.sequences ORDER BY 1

SELECT table_name FROM information_schema.views WHERE table_schema = 'public' ORDER BY 1

SELECT trigger_name, event_manipulation FROM information_schema.triggers ORDER BY 1

SELECT feature_id FROM information_schema.sql_features WHERE is_supported = 'YES' ORDER BY 1 LIMIT 5

SELECT domain_name, data_type FROM information_schema.domains WHERE domain_schema = 'public'

SELECT * FROM information_schema.check_constraints WHERE constraint_name LIKE 'orders%' ORDER BY constraint_name

SELECT character_set_name FROM information_schema.character_sets

-- group newer: an older server says that it does not know these, both ways alike

SELECT JSON_OBJECT('a': 1, 'b' VALUE name) FROM tall ORDER BY id LIMIT 2

SELECT JSON_OBJECT()

SELECT JSON_ARRAY(1, 'x', NULL NULL ON NULL), JSON_ARRAY()

SELECT JSON_ARRAY(SELECT id FROM tall ORDER BY id)

SELECT JSON_ARRAYAGG(name ORDER BY id), JSON_OBJECTAGG(id: name) FROM tall

SELECT JSON_SCALAR(1.5), JSON_SERIALIZE('{"a": 1}' RETURNING bytea), JSON('[1]')

SELECT JSON_VALUE(body, '$.n'), JSON_QUERY(body, '$.tags' WITH WRAPPER), JSON_EXISTS(body, '$.tags[*] ? (@ == $t)' PASSING 'x' AS t) FROM documents ORDER BY id LIMIT 5

SELECT d.id, t.* FROM documents d, JSON_TABLE(d.body, '$.tags[*]' COLUMNS (n FOR ORDINALITY, tag text PATH '$')) t ORDER BY 1, 2 LIMIT 10

SELECT * FROM JSON_TABLE('{"a": [{"b": 1}, {"b": 2}]}'::jsonb, '$' COLUMNS (NESTED PATH '$.a[*]' COLUMNS (b int PATH '$.b' DEFAULT 0 ON EMPTY)))

SELECT '{"a": 1}' IS JSON OBJECT WITH UNIQUE KEYS, '[' IS NOT JSON

SELECT any_value(country) FROM customers WHERE id = 1

SELECT country, json_agg_strict(name ORDER BY id) FROM customers WHERE id < 4 GROUP BY country ORDER BY 1

SELECT date_add('2026-01-01 00:00+00', '1 day', 'UTC'), date_subtract('2026-01-01 00:00+00', '1 day', 'UTC')

SELECT erf(1), gamma(5), lgamma(5)

SELECT pg_input_is_valid('12', 'integer'), (pg_input_error_info('x', 'integer')).message

SELECT 0x1F, 0b101, 0o17, 1_000_000

SELECT to_bin(5), to_oct(64), unicode_assigned('x'), to_regtypemod('varchar(5)'), pg_basetype('int4'::regtype)

SELECT uuid_extract_version(uuidv7()), uuid_extract_version(uuidv4())

SELECT array_sort(ARRAY[3, 1, 2]), array_reverse(ARRAY[1, 2, 3]), casefold('Straße'), crc32('x'), reverse('abc'::bytea)

SELECT cardinality(array_shuffle(ARRAY[1, 2, 3])), array_length(array_sample(ARRAY[1, 2, 3], 2), 1)

SELECT interval 'infinity', timestamp '2026-01-01' AT LOCAL IS NOT NULL

SELECT xmltext('a < b')

SELECT count(*) > 0 FROM pg_stat_io

SELECT count(*) > 0 FROM pg_wait_events

SELECT count(*) FROM pg_stat_checkpointer

SELECT pg_get_acl('pg_class'::regclass, 'customers'::regclass, 0) IS NULL

EXPLAIN (GENERIC_PLAN, COSTS off) SELECT * FROM customers WHERE id = $1

SELECT 'x'::text COLLATE pg_unicode_fast < 'y', 'x' COLLATE ucs_basic < 'y'

SELECT id FROM tall ORDER BY id FETCH FIRST 2 ROWS WITH TIES

SET transaction_timeout = '1min'

-- What gives up what the session holds.

UNLISTEN *

RESET ROLE

SET SESSION AUTHORIZATION DEFAULT

RESET SESSION AUTHORIZATION

RESET work_mem

SET LOCAL work_mem TO DEFAULT

SET TIME ZONE DEFAULT

SELECT pg_advisory_unlock_all()

SELECT pg_advisory_unlock(7), pg_advisory_unlock_shared(7, 8)

CLOSE ALL

DISCARD PLANS

DISCARD SEQUENCES

DISCARD TEMP

ROLLBACK

RESET no_such_setting

-- What drivers always say.

BEGIN READ WRITE

BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE, NOT DEFERRABLE

START TRANSACTION READ WRITE

BEGIN READ ONLY, READ WRITE; SELECT count(*) FROM customers; COMMIT

SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE

SET default_transaction_read_only = off

SET TRANSACTION READ WRITE
