//! What a query reads and calls, and what it only seems to.

mod rows;

/// A name hidden in any clause of a query must come out.
#[test]
fn every_place_of_a_query_is_read() {
    rows::check(&[
        ("select 1", "SELECT"),
        ("VALUES (1), (f(2))", "f()"),
        ("table secrets", "select secrets"),
        ("table only a.secrets", "select a.secrets"),
        (
            "select * from a, b.c join d on true left join e.f using (x) cross join g natural join h",
            "select a, select h, select g, select e.f, select d, select b.c",
        ),
        (
            "select * from a as b, lateral (select * from c where c.x = b.x) d, lateral f(b.x) g",
            "select a, select c, f(), .x",
        ),
        (
            "select * from (a join b on true) j, (values (1)) v(x), rows from (f(1), g(2) as (x int)) with ordinality",
            "select b, select a, f(), g()",
        ),
        (
            "select * from t tablesample bernoulli (1) repeatable (seed()), u tablesample s.mine (f())",
            "select t, select u, bernoulli(), seed(), s.mine(), f()",
        ),
        (
            "select (select x from a), array(select y from b), exists (select from c), 1 in (select z from d), 1 = any (select w from e), 2 > all (select v from f), (1, 2) = (select 1, 2 from g)",
            "select a, select b, select c, select d, select e, select f, select g",
        ),
        (
            "select row(a(), b()), (c(), d()), array[e(), f()], array[[g()]], h()::int, cast(i() as text), j() collate \"C\", (k()).l, (m())[n()], (o())[p():q()]",
            "b(), a(), d(), c(), f(), e(), g(), h(), i(), j(), k(), n(), m(), p(), q(), o(), .l",
        ),
        (
            "select case a() when b() then c() else d() end, coalesce(e(), f()), greatest(g(), h()), least(i()), nullif(j(), k()), not l() and m() or n(), o() is null, p() is true, q() is distinct from r(), s() between t() and u(), v() like w() escape x()",
            "c(), b(), d(), a(), f(), e(), h(), g(), i(), k(), j(), n(), m(), l(), o(), p(), r(), q(), u(), t(), s(), pg_catalog.like_escape(), w(), x(), v()",
        ),
        (
            "select f(a => g(), variadic h()), count(*) filter (where i()), percentile_cont(j()) within group (order by k()), string_agg(distinct l(), m() order by n() desc)",
            "f(), g(), h(), count(), i(), percentile_cont(), j(), k(), string_agg(), l(), m(), n()",
        ),
        (
            "select rank() over (partition by a() order by b() rows between c() preceding and d() following), sum(x) over w from t window w as (partition by e() order by f())",
            "select t, rank(), a(), b(), c(), d(), sum(), e(), f()",
        ),
        (
            "select distinct on (a(), b()) 1 from t group by c(), rollup (d(), e()), cube (f()), grouping sets ((g()), ()) having h() order by i() using <, j() nulls last limit k() offset l()",
            "select t, a(), b(), c(), e(), d(), f(), g(), h(), i(), j(), l(), k()",
        ),
        ("select * from t order by 1 fetch first (f()) rows with ties", "select t, f()"),
        (
            "select grouping(a), current_user, current_date, session_user, $1, 'x', b'1', null, true, 1.5, default_value() from t",
            "select t, default_value()",
        ),
        (
            "select extract(year from now()), overlay(a placing b from 1), position(a in b), substring(a from 1 for 2), trim(both from a), now() at time zone 'utc', normalize(a), (a, b) overlaps (c, d), a is normalized from t",
            "select t, pg_catalog.extract(), now(), pg_catalog.overlay(), pg_catalog.position(), pg_catalog.substring(), pg_catalog.btrim(), pg_catalog.timezone(), pg_catalog.normalize(), pg_catalog.overlaps(), pg_catalog.is_normalized()",
        ),
        (
            "select xmlelement(name x, xmlattributes(a() as b), c()), xmlforest(d() as e), xmlparse(content f()), xmlserialize(content g() as text), xmlpi(name h, i()), xmlroot(j(), version k()), xmlconcat(l()), m() is document",
            "a(), c(), d(), f(), g(), i(), k(), j(), l(), m()",
        ),
        (
            "select * from xmltable(xmlnamespaces(a() as x), b() passing c() columns d int path e() default f(), g for ordinality)",
            "c(), b(), a(), e(), f()",
        ),
        (
            "select * from json_table(a(), '$' passing b() as x columns (c int path '$.c' default d() on empty, nested path '$.e' columns (f int exists path '$.f' error on error)) error on error)",
            "json_table(), a(), b(), d()",
        ),
        (
            "select json(a()), json_scalar(b()), json_serialize(c() returning text), json_exists(d(), '$' passing e() as x), json_query(f(), '$'), json_value(g(), '$' default h() on empty default i() on error)",
            "json(), a(), json_scalar(), b(), json_serialize(), c(), json_exists(), d(), e(), json_query(), f(), json_value(), g(), h(), i()",
        ),
        (
            "select json_object('a': a(), b() value c()), json_object(d()), json_array(e(), f()), json_array(select x from t), json_objectagg(g() : h()) filter (where i()), json_arrayagg(j() order by k()) over (partition by l()), m() is json",
            "select t, json_object(), a(), b(), c(), pg_catalog.json_object(), d(), json_array(), e(), f(), json_objectagg(), i(), g(), h(), json_arrayagg(), k(), l(), j(), m()",
        ),
        ("select pg_catalog.json_object('{}')", "pg_catalog.json_object(), json_object()"),
        (
            "select s.f(), t.g from t where t.h and u.v.w = 1 and t.* is not null order by t.i",
            "select t, s.f(), .g, .w, .h, .i",
        ),
        ("select x.pg_sleep from unnest(array[1.0]) x", "unnest(), .pg_sleep"),
        (
            "select (t).purge, (t.a).b.c, t.a[1].d, (select u from u).e from t",
            "select t, select u, .purge, .b, .c, .a, .d, .e",
        ),
        (
            "select set_config('Role', 'postgres', false), pg_catalog.set_config('a', 'b', true), set_config('x', y(), false), set_config(setting_name => 'role', new_value => 'z', is_local => false), set_config('role'::text, 'postgres', true)",
            "set_config(role=postgres), pg_catalog.set_config(a=b), set_config(), y(), set_config(), set_config()",
        ),
        (
            "select set_config(name, 'x', false) from pg_settings where name = 'jit'",
            "select pg_settings, set_config(jit=x)",
        ),
        (
            "select set_config(name, 'x', false) from pg_settings s where name = 'jit'",
            "select pg_settings, set_config(jit=x)",
        ),
        (
            "select set_config(name, 'x', false) from pg_settings, t where name = 'jit'",
            "select pg_settings, select t, set_config()",
        ),
        (
            "select set_config(name, 'x', false) from pg_settings where name = 'jit' or true",
            "select pg_settings, set_config()",
        ),
        (
            "select (select 1 from t, set_config(name, 'x', false)) from pg_settings where name = 'jit'",
            "select pg_settings, select t, set_config()",
        ),
        (
            "select json_populate_record(null::secrets, '{}'), null::a.b, cast(null as secrets[]), 'x'::numeric(f(1)), 'y'::\"char\", g((select 1 from t)::int)",
            "select t, json_populate_record(), f(), g()",
        ),
    ]);
}

/// A CTE named like a table must not hide the reading of the table.
#[test]
fn a_cte_hides_a_table_only_where_the_server_says_so() {
    rows::check(&[
        ("with secrets as (select * from secrets) select * from secrets", "select secrets"),
        (
            "with a as (select 1), b as (select * from a), c as (select * from d), d as (select 1) select * from a, b, c, d",
            "select d",
        ),
        (
            "with recursive a as (select * from b union all select * from a), b as (select 1) select * from a",
            "SELECT",
        ),
        ("with a as (with b as (select * from c) select * from b) select * from a, b", "select c, select b"),
        (
            "with a as (select 1) select * from public.a, (select * from a) x, (with b as (select * from a) select * from b) y, b",
            "select public.a, select b",
        ),
        (
            "with a as (select 1) select (select x from a where exists (with c as (select 1) select * from c, a)), (select 1 from c)",
            "select c",
        ),
        (
            "with a as (select 1) (select * from a) union (with b as (select 1) select * from a, b) union all select * from b",
            "select b",
        ),
        ("(with a as (select 1) select * from a union select * from a) union select * from a", "select a"),
        ("with a as (select 1) insert into a select * from a", "insert a"),
        (
            "with a as (insert into b values (1) returning x), c as (update d set y = 1 returning *), e as (delete from f returning z), g as (merge into h using i on true when matched then delete) select * from a, c, e",
            "select+insert b, select+update d(y), select+delete f, select+delete h, select i",
        ),
        ("with a as (select 1) update a set x = 1 from a b", "select+update a(x)"),
        ("with a as (select 1) delete from a using a b", "select+delete a"),
        ("with a as (select 1) merge into a using a b on true when matched then do nothing", "select a"),
        (
            "with a as materialized (select 1), b as not materialized (select * from a) select * from b",
            "SELECT",
        ),
        (
            "with recursive a(x) as (select 1 union all select x + f() from a, t) search depth first by x set y cycle x set z to 1 default 2 using p select * from a",
            "select t, f()",
        ),
        ("with a as (select * from a for update) select * from a for update", "select+lock a"),
    ]);
}

/// FOR UPDATE blocks writers: a lock, and not only a read.
#[test]
fn row_locks_are_not_plain_reads() {
    rows::check(&[
        ("select * from a, b.c for update", "select+lock a, select+lock b.c"),
        ("select * from a x, b y, c for share of x, c", "select+lock a, select b, select+lock c"),
        ("select * from a x join b y on true for no key update of y nowait", "select+lock b, select a"),
        (
            "select * from (select * from a, b for key share of b) x, c for update of c skip locked",
            "select a, select+lock b, select+lock c",
        ),
        ("select * from (select * from a) x, b for update of x", "select+lock a, select b"),
        ("select * from (select * from (select * from a) y) x for update", "select+lock a"),
        ("select * from (a cross join b) j, c for update of j", "select+lock b, select+lock a, select c"),
        ("with a as (select * from t) select * from a, b for update", "select t, select+lock b"),
        ("select * from a for update of a for share of a", "select+lock a"),
    ]);
}

/// SELECT INTO writes, though it begins with SELECT.
#[test]
fn select_into_makes_a_table() {
    rows::check(&[
        ("select a.x into b from a", "ddl b, select a, .x"),
        ("select 1 into temp t", "ddl pg_temp.t"),
        ("select 1 into temporary table s.t from u", "ddl s.t, select u"),
        ("with a as (select * from b) select * into c from a", "select b, ddl c"),
    ]);
}

/// A table on the far side of a UNION must come out.
#[test]
fn set_operations_are_read_on_all_sides() {
    rows::check(&[(
        "select * from a union select * from b intersect (select * from c except select * from d order by f() limit g()) order by h()",
        "select d, select c, select b, select a, h(), f(), g()",
    )]);
}

/// `db.schema.rel` must not pass as `schema.rel` where the database is another one; O5: of the session's own it was not
/// understood.
#[test]
fn names_of_three_parts_say_which_database() {
    rows::check(&[
        ("select * from db.public.t", "select public.t, database db"),
        ("select db.s.f()", "s.f(), database db"),
        (
            "select set_config('a', 'b', false), db.pg_catalog.current_setting('A')",
            "set_config(a=b), pg_catalog.current_setting(a=), database db",
        ),
        ("select db.s.t.*, db.s.t.c, other.s.t.c from t", "select t, .c, database db, database other"),
        ("select a.b.c.d.e from t", "select t, .e, unknown a name"),
        ("select db.s.t.c from t", "select t, .c, database db"),
        ("select 1 operator(a.b.+) 2, 'x' collate a.b.c, null::a.b.c", "database a"),
        ("select * from t tablesample a.b.c(1)", "select t, b.c(), database a"),
        ("select", "SELECT"),
    ]);
}

/// The modifiers of types are expressions to the grammar, and every name may have too many parts.
#[test]
fn modifiers_and_long_names_are_read() {
    rows::check(&[
        ("select xmlserialize(content 'x' as numeric(f()))", "f()"),
        ("select * from xmltable('a' passing 'b' columns c numeric(f()) path 'd')", "f()"),
        ("select * from json_table('a', '$' columns (c numeric(f()) path '$'))", "json_table(), f()"),
        (
            "select * from json_table('a', '$' as p passing f() as x columns (c int) empty on error)",
            "json_table(), f()",
        ),
        (
            "select * from json_table('a', '$' columns (nested '$' columns (c int path '$' default f() on empty default g() on error)))",
            "json_table(), f(), g()",
        ),
        (
            "select json_object('a': 1 returning numeric(f())), json_array(1 returning numeric(g()))",
            "json_object(), f(), json_array(), g()",
        ),
        (
            "select json_array(select 1 returning numeric(f())), json_arrayagg(1 returning numeric(g()))",
            "json_array(), f(), json_arrayagg(), g()",
        ),
        (
            "select json_objectagg('a': 1 returning numeric(f())), json_serialize('1' returning numeric(g()))",
            "json_objectagg(), f(), json_serialize(), g()",
        ),
        (
            "select json_value('1', '$' returning numeric(f())), json_exists('1', f() passing g() as x)",
            "json_value(), f(), json_exists(), g()",
        ),
        (
            "with recursive a(x) as (select 1) cycle x set z to ty(f()) '1' default ty(g()) '0' using p select 1",
            "f(), g()",
        ),
        ("select 1 from t order by a using operator(a.b.<)", "select t, database a"),
        ("select 1 operator(a.b.=) any (select 1)", "database a"),
        ("select 1 operator(a.b.=) 2", "database a"),
        ("select 'x' collate a.b.c", "database a"),
        ("select null::a.b.c", "database a"),
        ("select * from f() as (a numeric(g()))", "f(), g()"),
        ("select * from rows from (f() as (a numeric(g()), b text collate a.b.c))", "f(), g(), database a"),
        ("select ty(f()) '1', interval(3) '1'", "f()"),
    ]);
}

/// ONLY leaves children alone, and so do rows that are put in and a COPY of the relation itself.
#[test]
fn what_goes_down_to_children() {
    for (text, expected) in [
        ("select from t", true),
        ("select from only t", false),
        ("select from only t, t b", true),
        ("update t set a = 1", true),
        ("update only t set a = 1", false),
        ("delete from only (t)", false),
        ("truncate t", true),
        ("truncate only t", false),
        ("lock t", true),
        ("lock only t", false),
        ("insert into t values (1)", false),
        ("insert into t select * from t", true),
        ("insert into t select * from only t", false),
        ("copy t to stdout", false),
        ("copy t from stdin", false),
        ("merge into t using u on false when matched then delete", true),
        ("merge into only t using u on false when matched then delete", false),
        ("analyze t", true),
        ("alter table t add a int", true),
        ("alter table only t add a int", false),
        ("create table u partition of t default", false),
        ("create table u (like t)", false),
        ("drop table t", true),
        ("comment on table t is 'x'", true),
    ] {
        let statements = hoopwire_postgres_sql::parse(text).unwrap().statements();
        let access = statements[0].accesses.iter().find(|access| access.relation.name == "t").unwrap();
        assert_eq!(access.children, expected, "{text}");
    }
}
