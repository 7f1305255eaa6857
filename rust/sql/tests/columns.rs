//! Queries that may show a column, and queries that cannot.
#![allow(clippy::expect_used)]

use hoopwire_sql::parse;

fn may_show(text: &str) -> bool {
    parse(text).expect("a query").may_show(0, "secret")
}

/// A column that must not be seen was seen by a star, a whole row or another name.
#[test]
fn every_way_to_show_a_column_counts() {
    for text in [
        "select secret from s",
        "select s.secret from s",
        "select x.\"secret\" as y from s x",
        "select * from s",
        "select s.* from s",
        "table s",
        "select s from s",
        "select x from s x",
        "select secret(x) from s x",
        "select to_json(x) from s as x",
        "select (x).a from s x",
        "select (x).secret from (select 1) y, f() x",
        "select a from s as x(a)",
        "select b from (select a, b from s) as x(a, b)",
        "with x(a) as (select b from s) select a from x",
        "with x as (select * from s) select a from x",
        "select a from s join t using (secret)",
        "select a from s where secret like 'x%'",
        "select a from s order by secret",
        "select a from t where exists (select 1 from s where s.secret = t.a)",
        "select a from s where a in (select secret from s)",
        "insert into t select a from s",
        "explain select a from s",
        "copy (select a from s) to stdout",
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
        "select count(1) from s group by a having max(b) > 1",
        "with x as (select a from s) select a from x",
        "select a from s join t using (b) where 'secret' = c",
    ] {
        assert!(!may_show(text), "{text}");
    }
}
