//! What is written, by which verb, and what a write reads.

#![allow(clippy::panic)]

mod rows;

use hoopwire_postgres_sql::Effect;

fn has_effect(text: &str, effect: &Effect) -> bool {
    let parsed = hoopwire_postgres_sql::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    parsed.statements().iter().any(|one| one.effects.contains(effect))
}

/// A write inside a CTE, and a read inside a write, must come out.
#[test]
fn writes_and_what_they_read() {
    rows::check(&[
        ("insert into t values (1, f())", "insert t, f()"),
        (
            "insert into s.t (a, b[f()], c.d) select a, b, c from u returning a",
            "select+insert s.t(a, b, c), select u, f()",
        ),
        ("insert into t default values", "insert t"),
        (
            "insert into t as x (a) overriding system value values (default) on conflict do nothing",
            "insert t(a)",
        ),
        (
            "insert into t (a) values (1) on conflict (a, lower(b)) where f() do nothing",
            "select+insert t(a), lower(), f()",
        ),
        (
            "insert into t (a) values (1) on conflict (a) do update set b = excluded.b, c = (select x from u) where g() returning (select y from v)",
            "select u, select+insert+update t(a, b, c), select v, g(), .b",
        ),
        (
            "insert into t (a) values (1) on conflict on constraint k do update set (b, c) = (select d, e from u)",
            "select u, select+insert+update t(a, b, c)",
        ),
        ("insert into t values (1) returning with (old as o, new as n) o.a, n.b", "select+insert t, .a, .b"),
        (
            "insert into t (a) (with x as (delete from u returning *) select * from x)",
            "insert t(a), select+delete u",
        ),
        (
            "insert into t values ((with x as (select 1) select * from x), (select 1 from x))",
            "insert t, select x",
        ),
        ("with x as (insert into t (a) values (1)) insert into t select 1", "insert t"),
        ("with x as (insert into t (a) values (1)) select * from t", "select+insert t(a)"),
        ("with x as (insert into t (a) values (1)) insert into t (b) values (2)", "insert t(a, b)"),
        ("update t set a = 1", "update t(a)"),
        ("update t set a = f(), b = default, c = $1", "update t(a, b, c), f()"),
        ("update t set a = a + 1", "select+update t(a)"),
        ("update t set a = (select max(x) from u)", "select u, select+update t(a), max()"),
        ("update t set a[i()] = 1", "update t(a), i()"),
        (
            "update s.t set a = 1, b = 2 from u join v on true where f()",
            "select+update s.t(a, b), select v, select u, f()",
        ),
        (
            "update t set (a, b) = (select c, d from u) where current of cur",
            "select u, select+update t(a, b)",
        ),
        ("update only t set (a, b) = (1, 2) returning old.a, new.*, g()", "select+update t(a, b), g(), .a"),
        ("update t set a = 1 where true", "select+update t(a)"),
        ("delete from t", "delete t"),
        (
            "delete from s.t as x using u, v where x.a = f() returning *",
            "select+delete s.t, select u, select v, f(), .a",
        ),
        ("delete from t where a in (select b from u)", "select+delete t, select u"),
        ("delete from t returning with (old as o) o.f", "select+delete t, .f"),
        (
            "merge into s.t as x using (select * from u) y on x.a = f() when matched and g() then update set b = h(), c = (select 1 from v) when not matched then insert (d, e) values (i(), 2) when not matched by source then delete when matched then do nothing returning merge_action(), j()",
            "select v, select+insert+update+delete s.t(b, c, d, e), select u, g(), h(), i(), f(), merge_action(), j(), .a",
        ),
        (
            "merge into t using u on true when not matched then insert default values",
            "select+insert t, select u",
        ),
        ("merge into t using u on true when not matched then insert values (1)", "select+insert t, select u"),
        (
            "merge into t using secrets s on t.a = s.a when matched then delete",
            "select+delete t, select secrets, .a",
        ),
        (
            "with u as (select 1) merge into t using u on true when matched then update set a = 1",
            "select+update t(a)",
        ),
        ("truncate t, only s.u", "truncate t, truncate s.u"),
        ("truncate table t restart identity cascade", "truncate t, Cascade"),
        ("lock table t, s.u in access share mode", "select t, select s.u"),
        ("lock t", "lock t"),
        ("lock t in row exclusive mode nowait", "lock t"),
    ]);
}

/// COPY reads or writes a table, a file of the server, or a program on it.
#[test]
fn copy_goes_by_its_direction_and_its_end() {
    rows::check(&[
        ("copy t to stdout", "select t"),
        ("copy s.t (a, b) to stdout with (format csv, force_quote (a), header)", "select s.t"),
        ("copy t from stdin", "insert t"),
        ("copy t (a, b) from stdin where a > f()", "insert t(a, b), f()"),
        ("copy (select f(x) from t) to stdout", "select t, f()"),
        ("copy (delete from t returning a) to stdout", "select+delete t"),
        ("copy t to '/tmp/x'", "select t, CopyFile"),
        ("copy t from '/tmp/x' csv", "insert t, CopyFile"),
        ("copy t from program 'id'", "insert t, CopyProgram"),
        ("copy (select 1) to program 'id' with (format binary)", "CopyProgram"),
        ("copy db.s.t to stdout", "select s.t, database db"),
    ]);
}

/// A DO block can hide anything, a CALL anything that its procedure does.
#[test]
fn procedures_and_blocks() {
    rows::check(&[
        ("call p(f(), 1)", "call p(), f()"),
        ("call s.p()", "call s.p()"),
        ("do $$ begin execute 'dr' || 'op table t'; end $$", "Do"),
        ("do language plpgsql 'x'", "Do"),
    ]);
}

/// VACUUM without a table goes over all of them.
#[test]
fn maintenance() {
    rows::check(&[
        ("vacuum", "maintain *.*"),
        ("vacuum (full, analyze) t, s.u (a)", "maintain t, maintain s.u"),
        ("analyze t (a, b)", "maintain t"),
        ("analyze", "maintain *.*"),
        ("reindex table s.t", "maintain s.t"),
        ("reindex index concurrently i", "maintain i"),
        ("reindex schema s", "maintain s.*"),
        ("reindex database d", "maintain *.*"),
        ("reindex system d", "maintain *.*"),
        ("cluster", "maintain *.*"),
        ("cluster t using i", "maintain t"),
        ("cluster (verbose) s.t", "maintain s.t"),
        ("refresh materialized view concurrently s.m with no data", "maintain s.m"),
    ]);
}

/// EXPLAIN ANALYZE, PREPARE and DECLARE must not hide what they run.
#[test]
fn a_statement_in_a_statement_counts() {
    rows::check(&[
        ("explain select f() from t", "select t, f()"),
        ("explain (analyze, format json) delete from t where a = 1", "select+delete t"),
        ("explain analyze create table x as select * from y", "ddl x, select y"),
        ("explain execute p(f())", "f(), execute p"),
        ("prepare p (int, s.t) as insert into t select * from u", "insert t, select u, prepare p"),
        ("prepare p as delete from t", "delete t, prepare p"),
        ("execute p(f(), (select 1 from t))", "select t, f(), execute p"),
        ("declare c binary cursor with hold for select * from t for update", "select+lock t, DeclareCursor"),
        ("create table x as execute p(f())", "ddl x, f(), execute p"),
    ]);
}

/// OLD or NEW in the test of a subquery of RETURNING: PostgreSQL 18 ended all of its sessions where the row is not there.
#[test]
fn a_row_that_may_be_absent_is_tested() {
    let all = [
        "new.id in (select 1)",
        "old.id not in (select 1)",
        "NEW.id = any (select 1)",
        "\"new\".id <> all (select 1)",
        "1 + old.id like any (select 'a')",
        "(a, new.id) in (select 1, 2)",
        "new in (select u from u)",
        "(new).id in (select 1)",
        "new.* in (select u from u)",
        "f(a, coalesce(old.id, 1)) in (values (1))",
        "case when a then b and not new.id in (select 1) end",
        "(select new.id) in (select 1)",
        "(select true where exists (select old.id)) = any (select true)",
        "exists (select from u where u.id = new.id)",
        "not exists (select from u where u.id in (select 1 where old.a))",
        "(old.id, 1) = (select 1, 2)",
        "row(1, new.id) < (select 1, 2)",
        "(new.id, 1) between (select 1, 2) and (3, 4)",
        "with (old as o) o.id in (select 1)",
        "with (old as new, new as o) new.id in (select 1)",
        "with (new as n) 1, old.id, n.id in (select 1)",
        "1 in (select 2 where new.a), old.id in (select 1)",
    ];
    let passes = [
        "old.id, new.id, new.*, old is null",
        "id in (select 1)",
        "new.id in (1, 2), (old.id, 2) in ((1, 2), (3, 4))",
        "new.id = (select 1), (select new.id)",
        "(select new.id in (select 1)), (select exists (select from u where u.id = old.id))",
        "1 in (select 1 where new.id = 1), array(select new.id in (select 1))",
        "new.id = any (array[1]), new.id between (select 1) and (select 2)",
        "\"NEW\".id in (select 1), t.new in (select 1)",
        "with (old as o, new as n) old.id in (select 1), new.id in (select 1), o.id, n.id",
        "exists (select from u where u.a = 1), old.id",
    ];
    let statements = [
        "delete from t returning",
        "insert into t values (1) on conflict do nothing returning",
        "update t set a = 1 from u returning",
        "merge into t using u on true when matched then delete returning",
        "with d as (delete from t returning 1), e as (delete from t returning",
    ];
    let is_refused = |text: &str| has_effect(text, &Effect::TestsAbsentRow);
    let whole = |statement: &str, list: &str| match statement.starts_with("with") {
        true => format!("{statement} {list}) select 1"),
        false => format!("{statement} {list}"),
    };
    for statement in statements {
        for list in all {
            assert!(is_refused(&whole(statement, list)), "{statement} {list}");
        }
        for list in passes {
            assert!(!is_refused(&whole(statement, list)), "{statement} {list}");
        }
    }
    for text in [
        "delete from t as new returning new.id in (select 1)",
        "delete from s.new returning new.id in (select 1)",
        "delete from t using new returning new.id in (select 1)",
        "delete from t using (select 1) old returning old.id in (select 1)",
        "delete from t using f() as new returning new.id in (select 1)",
        "merge into t using u as old on true when matched then delete returning old.id in (select 1)",
        "delete from t where new.id in (select 1) returning 1",
        "select new.id in (select 1) from new",
        "with d as (delete from t returning new.id) select new.id in (select 1) from d, new",
    ] {
        assert!(!is_refused(text), "{text}");
    }
    for text in [
        // a join's own alias hides what is in it
        "delete from t using (u as new join v on true) as j returning new.id in (select 1)",
        "delete from t as old returning new.id in (select 1)",
        "delete from t as new returning with (new as n) n.id in (select 1)",
        "copy (delete from t returning new.id in (select 1)) to stdout",
        "explain analyze delete from t returning new.id in (select 1)",
        "prepare p as delete from t returning new.id in (select 1)",
        "delete from t returning (with x as (select 1) select 2), new.id in (select 1)",
    ] {
        assert!(is_refused(text), "{text}");
    }
}

/// More columns than 16 bits number, in a RETURNING or by which an aggregate sorts: PostgreSQL 13 to 18 ended all of their
/// sessions.
#[test]
fn what_list_may_be_too_wide() {
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    let joined =
        |count: usize| (0..count).map(|at| format!("t t{at}")).collect::<Vec<_>>().join(" cross join ");
    let is_refused = |text: &str| has_effect(text, &Effect::TooWide);
    for text in [
        format!("delete from t returning {}", list("1", 32_768)),
        format!("insert into t values (1) returning {}", list("a as b", 40_000)),
        format!("update t set a = 1 returning {}", list("*", 20)),
        format!("update t set a = 1 returning {}", list("t.*", 20)),
        format!("update t set a = 1 returning {}", list("s.t.*", 20)),
        format!("update t set a = 1 returning {}", list("(t).*", 20)),
        format!("update t set a = 1 returning {}", list("(f(a)).b.*", 20)),
        format!("update t set a = 1 returning {}, {}", list("*", 19), list("a", 1_200)),
        format!("update t set a = 1 from {} returning *", joined(19)),
        format!("update t set a = 1 from {} returning *", list("t", 19)),
        format!("update t set a = 1 from ({}) j returning j.*", joined(19)),
        format!("delete from t using {} returning *", joined(19)),
        format!("merge into t using ({}) on true when matched then delete returning *", joined(19)),
        format!("select array_agg(a order by {}) from t", list("a + 1", 1_665)),
        format!("select percentile_disc(0.5) within group (order by {}) from t", list("a", 1_665)),
        format!("select 1 from t having (select max(count(b order by {}))) > 1", list("a", 1_665)),
        format!("select json_arrayagg(a order by {}) from t", list("a", 1_665)),
        format!("select count(a order by {}) over (partition by a) from t", list("a", 1_665)),
        format!("create view v as select array_agg(a order by {}) from t", list("a", 1_665)),
        format!("with d as (delete from t returning {}) select 1", list("*", 20)),
        format!("with d as (select 1) delete from t returning {}", list("*", 20)),
        format!("with d as (delete from t returning {}) update t set a = 1 from d returning d.*, d.*", list("1", 20_000)),
        format!("with d as (delete from t returning {}) update t set a = 1 from d returning *", list("t.*", 19)),
        format!("with recursive e as (delete from t using d returning (d).*, d.*), d as (delete from t returning {}) \
                 select 1", list("1", 15_000)),
        "with a as (delete from t using u returning t.*, u.*, *), b as (delete from t using a returning t.*, a.*, *), \
         c as (delete from t using b returning *, b.*) select 1".to_owned(),
        format!("copy (delete from t returning {}) to stdout", list("*", 20)),
        format!("explain delete from t returning {}", list("*", 20)),
        format!("prepare p as delete from t returning {}", list("*", 20)),
        format!("select 1; delete from t returning {}", list("*", 20)),
        format!("create rule r as on insert to v do instead delete from t returning {}", list("*", 20)),
    ] {
        assert!(is_refused(&text), "{}", &text[..100]);
    }
    for text in [
        format!("delete from t returning {}", list("a", 1_664)),
        format!("delete from t returning {}", list("t.*", 19)),
        "with d as (update t set a = 1 from u, v, (w join x on true) returning t.*, u.*, v.*, w.*, x.*) select * from d"
            .to_owned(),
        format!("update t set a = 1 from {} returning *", joined(18)),
        "with a as (delete from t returning *), b as (insert into u select * from a returning *), c as (update v set a = 1 \
         from b returning v.*, b.*), d as (update w set a = 1 from c returning *) select * from d".to_owned(),
        (0..50).map(|at| format!("d{at} as (delete from t returning id, name)")).collect::<Vec<_>>().join(", ")
            .replacen("d0", "with d0", 1) + " select 1",
        format!("select {} from t", list("*", 40_000)),
        format!("select array_agg(a order by {}) from t", list("a", 1_664)),
        format!("select a from t order by {}", list("a", 2_000)),
        format!("delete from t returning (select count(*) from (values ({})) v)", list("1", 1_600)),
    ] {
        assert!(!is_refused(&text), "{}", &text[..100]);
    }
}
