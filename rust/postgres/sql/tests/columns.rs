//! Queries that may show a column, and queries that cannot.
#![allow(clippy::expect_used)]

use hoopwire_postgres_sql::{Closed, parse};

const S: Closed<'static> = Closed { relation: "s", columns: &["secret"], known: &["a", "b", "c", "secret"] };

fn may_show(text: &str) -> bool {
    parse(text).expect("a query").may_show(0, &S)
}

/// H5: a column that must not be seen was seen by a function of the whole row written as a column (`s.to_jsonb`), and
/// guessed by a join that compares it without naming it.
#[test]
fn every_way_to_show_a_column_counts() {
    for text in [
        "select secret from s",
        "select s.secret from s",
        "select x.\"secret\" as y from s x",
        "select * from s",
        "select 1, * from t, s",
        "select * from t join s on true",
        "select * from (t cross join u) cross join s",
        "select s.* from s",
        "select x.s.* from x.s",
        "table s",
        "(table s) union all table s",
        "select s from s",
        "select x from s x",
        "select secret(x) from s x",
        "select to_json(x) from s as x",
        "select x.to_json from s as x",
        "select s.row_to_json from s",
        "select x.s.text from x.s",
        "select d.x.s.to_jsonb from d.x.s",
        "select m.text from s m order by m.text",
        "select count(x.md5) from s x",
        "select (x).a from s x",
        "select (x).secret from (select 1) y, f() x",
        "select count(x) from s x",
        "select x is null from s x",
        "select x.* is distinct from null from s x",
        "select row(x.*)::text from s x",
        "select x::text from s x",
        "select 1 from s x, s y where x = y",
        "select 1 from s x where x in (select row(1))",
        "select 1 from s x where (x.*) = (1, 2, 3, 4)",
        "select xmlforest(x.*) from s x",
        "select json_build_object('a', x) from s x",
        "select jsonb_each.value from s x, jsonb_each(to_jsonb(x))",
        "select y.v from s x, lateral (select x as v) y",
        "select y.* from s x, lateral (select x.*) y",
        "select y.v from s x cross join lateral (select x.to_jsonb) y(v)",
        "select a from s x order by x",
        "select a from s x group by x, a",
        "select a from s x where exists (select x.to_jsonb)",
        "select max(a) over (partition by x) from s x",
        "select a from s as x(a)",
        "select b from (select a, b from s as y(a, b)) as x(a, b)",
        "with x as (select * from s) select a from x",
        "with x as (table s) select a from x",
        "select a from s join t using (secret)",
        "select a from s join t using (a) as j where j.to_jsonb is null",
        "select j.* from (s cross join t) j",
        "select j.text from (s cross join t) as j",
        "select a from (s cross join t) as j(a, b, c)",
        "select a from s natural join t",
        "select a from s natural join (select 'guess' as secret) g",
        "select a from t natural left join s",
        "select a from s where secret like 'x%'",
        "select a from s order by secret",
        "select a from t where exists (select 1 from s where s.secret = t.a)",
        "select a from s where a in (select secret from s)",
        "insert into t select x.to_jsonb from s x",
        "insert into t table s",
        "insert into t select a from s returning *, (select secret from s)",
        "update t set b = s.secret from s",
        "update t set (a, b) = (select x.* from s x)",
        "update t set b = 1 from s returning *",
        "delete from t using s returning s",
        "merge into t using s on t.a = s.a when not matched then insert values (s.to_jsonb)",
        "merge into t using s x on t.b = x.secret when matched then do nothing",
        "create view v as table s",
        "create table t as select x.text from s x",
        "create materialized view v as select * from s",
        "with w as (delete from t using s where s.a = t.a returning *) select 1 from w",
        "explain select secret from s",
        "explain analyze table s",
        "declare c cursor for table s",
        "prepare p as select x.to_jsonb from s x",
        "copy s to stdout",
        "copy s (secret) to stdout",
        "copy (table s) to stdout",
        "values (1), (2) union select secret from s",
    ] {
        assert!(may_show(text), "{text}");
    }
}

/// What psql asks of pg_subscription was refused for a column that it does not ask for.
#[test]
fn a_query_that_cannot_show_it_is_told_apart() {
    for text in [
        "select a from s",
        "select x.a, f(x.b) from s x where x.c = (select oid from d where n = current_database()) order by 1, 2",
        "select s.tableoid, s.a from s",
        "select count(1), count(*) from s group by a having max(b) > 1",
        "with x as (select a from s) select a from x",
        "with x as (select a from s) select * from x",
        "with x(n) as (select b from s) select n from x",
        "select y.* from (select a, b from s) y",
        "select * from (select a, b from s) y",
        "select d.*, (select x.a from s x where x.b = d.oid) from d",
        "select a from s join t using (b) where 'secret' = c",
        "select g.n from s, generate_series(1, 2) as g(n)",
        "select y.to_jsonb from t y, s",
        "insert into t select a from s",
        "insert into t (a) select a from s on conflict do nothing returning t.a",
        "update t set b = s.b from s where s.a = t.a",
        "delete from t where a in (select a from s) returning a",
        "merge into t using s on t.a = s.a when not matched then insert values (s.b)",
        "with w as (insert into t select 1 returning 1) select a from s",
        "create view v as select a from s",
        "create table t as select a from s",
        "explain select a from s",
        "declare c cursor for select a from s",
        "prepare p as select a from s where b = $1",
        "copy (select a from s) to stdout",
    ] {
        assert!(!may_show(text), "{text}");
    }
}

/// A walk over a deep tree needed as much stack as the tree is deep.
#[test]
fn a_deep_tree_needs_no_stack() {
    let text = format!("select a from s where 0 < {}1", "1 + ".repeat(100_000));
    assert!(!may_show(&text));
    let text = format!("select a from s where 0 < {}secret", "1 + ".repeat(100_000));
    assert!(may_show(&text));
}

/// H6: settings are read by names that are constants, where nothing else of the row can be evaluated first.
#[test]
fn settings_by_constant_names() {
    let fixed = |text: &str| {
        let parsed = parse(text).expect("a query");
        parsed.fixed_settings(0).map(|names| names.join(" "))
    };
    for (text, names) in [
        ("select setting from pg_settings where name = 'a'", "a"),
        ("select s.* from pg_catalog.pg_settings s where 'a'::text = s.name", "a"),
        ("select * from pg_settings where name in ('a', 'b') order by 1", "a b"),
        ("select * from pg_settings where name = any (array['a', 'b'])", "a b"),
        ("select * from pg_settings where name = any ('{a,b}'::text[])", "a b"),
        ("select * from pg_settings where name = 'a' or pg_settings.name = 'b'", "b a"),
        (
            "select * from pg_settings s where lower(s.name) operator(pg_catalog.~) '^(a)$' collate pg_catalog.default",
            "a",
        ),
        ("select (select setting::int from pg_settings where name = 'a') * 2 from t", "a"),
        (
            "select setting from pg_settings where name = 'a' union select setting from pg_settings where name = 'b'",
            "b a",
        ),
        ("select set_config('x', 'y', false) from pg_show_all_settings() where name = 'a'", "a"),
        ("explain select setting from pg_settings where name = 'a'", "a"),
        ("select 1", ""),
    ] {
        assert_eq!(fixed(text).as_deref(), Some(names), "{text}");
    }
    for text in [
        "select * from pg_settings",
        "select setting from pg_settings where name <> 'a'",
        "select setting from pg_settings where name not in ('a')",
        "select setting from pg_settings where name = $1",
        "select setting from pg_settings where name = 'a' and setting::int > 0",
        "select setting from pg_settings where name = 'a' or true",
        "select setting from pg_settings where name like 'a'",
        "select setting from pg_settings where lower(name) ~ '^(a.*)$'",
        "select setting from pg_settings where lower(name) ~ 'a'",
        "select setting from pg_settings where not name = 'a'",
        "select setting from pg_settings where name operator(public.=) 'a'",
        "select setting from pg_settings where name = 'a'::char(1)",
        "select setting from pg_settings where name in ('a') group by setting having setting::int > 0",
        "select setting from pg_settings as x(setting, name) where name = 'a'",
        "select setting from pg_settings, t where name = 'a'",
        "select setting from pg_settings join t on true where name = 'a'",
        "select setting from (select * from pg_settings where name = 'a') x where setting::int > 0",
        "with x as (select * from pg_settings where name = 'a') select 1 from x where setting::int > 0",
        "select 1 where 5 in (select setting::int from pg_settings where name = 'a')",
        "select 1 where exists (select setting from pg_settings where name = 'a')",
        "select pg_show_all_settings() from pg_settings where name = 'a'",
        "select x.pg_show_all_settings from pg_settings x where name = 'a'",
        "select * from pg_show_all_settings() with ordinality, pg_settings where name = 'a'",
        "select * from public.pg_show_all_settings() where name = 'a'",
        "select setting from pg_settings where name = 'a' union select setting from pg_settings",
        "update pg_settings set setting = 'x' where name = 'a'",
    ] {
        assert_eq!(fixed(text), None, "{text}");
    }
}
