//! What is made, changed and dropped, and the code that comes along.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod rows;

/// The defaults, checks and queries inside a CREATE must come out.
#[test]
fn what_is_made() {
    rows::check(&[
        (
            "create table t (a int default f() check (g()) references u (x), b text collate \"C\" generated always as (h()) stored, c int generated always as identity (sequence name s.q), primary key (a), unique (b), check (i() > (select 1 from v)), exclude using gist (j() with &&, a with =) where (k()), foreign key (a, b) references s.w)",
            "ddl t, ddl u, ddl s.q, select v, ddl s.w, f(), g(), h(), i(), j(), k()",
        ),
        (
            "create table if not exists s.t (like u including all, c int) inherits (v, s.w) with (fillfactor = 70)",
            "ddl s.t, select u, ddl v, ddl s.w",
        ),
        (
            "create table t partition of p for values from (f(), minvalue) to (g(), 2)",
            "ddl t, ddl p, f(), g()",
        ),
        ("create table t partition of s.p default", "ddl t, ddl s.p"),
        ("create table t partition of p for values in (f(), 'x')", "ddl t, ddl p, f()"),
        ("create table t (a int) partition by range (a, (f(a)))", "ddl t, f()"),
        ("create temp table t (a int)", "ddl pg_temp.t"),
        ("create temporary table pg_temp.t (a int)", "ddl pg_temp.t"),
        ("create unlogged table t ()", "ddl t"),
        ("create table t of s.ty (a with options default f())", "ddl t, f()"),
        ("create table t as select * from u with no data", "ddl t, select u"),
        ("create table t (a, b) as values (f())", "ddl t, f()"),
        ("create temp table t as table u", "ddl pg_temp.t, select u"),
        ("create materialized view s.m as select f() from t", "ddl s.m, select t, f()"),
        ("create view v as select * from t", "ddl v, select t"),
        (
            "create or replace temp view v (a, b) with (security_barrier) as select f() from s.t with check option",
            "ddl pg_temp.v, select s.t, f()",
        ),
        ("create recursive view v (a) as select 1 union all select a from v, t", "ddl v, select t"),
        (
            "create unique index concurrently if not exists i on s.t using btree (a, f(b), (g() || 'x') collate \"C\" text_ops desc) include (c) with (fillfactor = 70) where h()",
            "ddl s.t, f(), g(), h()",
        ),
        ("create sequence s.q increment 2 owned by t.a", "ddl s.q, ddl t"),
        ("create temp sequence q owned by none", "ddl pg_temp.q"),
        ("alter sequence q restart with 5 owned by s.t.a", "ddl q, ddl s.t"),
        ("create schema s", "ddl s.*"),
        (
            "create schema s create table t (a int) create view v as select * from u",
            "ddl s.*, ddl t, ddl v, select u",
        ),
        ("create statistics s.st on a, (f(b)) from t", "ddl s.st, ddl t, f()"),
        ("create statistics on a, b from t", "ddl t"),
        ("alter statistics s.st set statistics 5", "ddl s.st"),
        ("create type ty as (a int, b s.u)", "ddl ty"),
        ("create type s.ty as enum ('a')", "ddl s.ty"),
        ("create type ty as range (subtype = int4, subtype_diff = f)", "ddl ty, DefineCode"),
        ("create type ty", "ddl ty, DefineCode"),
        ("create type ty (input = f, output = g)", "ddl ty, DefineCode"),
        ("create domain s.d as int default f() check (g(value))", "ddl s.d, f(), g()"),
        // what looks at the values of all columns of the domain reaches what is not named
        ("alter domain d add check (f(value))", "ddl d, f(), Cascade"),
        ("alter domain d add check (f(value)) not valid", "ddl d, f()"),
        ("alter domain d validate constraint c", "ddl d, Cascade"),
        ("alter domain d set not null", "ddl d, Cascade"),
        ("alter domain d drop not null", "ddl d"),
        ("alter domain d drop constraint c cascade", "ddl d, Cascade"),
        ("alter domain d set default g()", "ddl d, g()"),
        ("alter type ty add value 'x' before 'y'", "ddl ty"),
        ("alter type ty rename value 'x' to 'y'", "ddl ty"),
        ("alter type ty add attribute a int cascade", "ddl ty, Cascade"),
        ("alter type ty set (storage = plain)", "administer ALTER TYPE SET"),
    ]);
}

/// OWNER TO and DISABLE TRIGGER are not plain changes of a table.
#[test]
fn alter_table() {
    rows::check(&[
        (
            "alter table s.t add a int default f() references u, drop column b, alter c type int using g(), alter d set default (select 1 from v), alter e drop default, alter f set not null, alter g drop not null",
            "ddl s.t, ddl u, select v, f(), g()",
        ),
        ("alter table t drop column a cascade", "ddl t, Cascade"),
        (
            "alter table only t add constraint k check (f()) not valid, validate constraint k, drop constraint l, alter constraint m deferrable",
            "ddl t, f()",
        ),
        (
            "alter table t alter a set statistics 5, alter b set storage plain, alter c set compression pglz, alter d set (n_distinct = 5), alter e add generated always as identity, alter f set generated by default set start 5, alter g drop identity, alter h drop expression, alter i set expression as (f())",
            "ddl t, f()",
        ),
        ("alter table t attach partition s.p for values in (f())", "ddl t, ddl s.p, f()"),
        ("alter table t detach partition p concurrently", "ddl t, ddl p"),
        ("alter table t inherit u", "ddl t, ddl u, administer ALTER TABLE with such a subcommand"),
        ("alter table t no inherit s.u", "ddl t, ddl s.u, administer ALTER TABLE with such a subcommand"),
        ("alter table t of s.ty", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t enable trigger all", "ddl t, administer ALTER TABLE ... TRIGGER"),
        ("alter table t disable rule r", "ddl t, administer ALTER TABLE ... RULE"),
        ("alter table t enable row level security", "ddl t, administer ALTER TABLE ... ROW LEVEL SECURITY"),
        ("alter table t force row level security", "ddl t, administer ALTER TABLE ... ROW LEVEL SECURITY"),
        ("alter table t replica identity full", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t cluster on i", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t set logged", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t set tablespace x", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t set access method x", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t set (fillfactor = 5)", "ddl t, administer ALTER TABLE with such a subcommand"),
        ("alter table t add constraint k primary key using index i", "ddl t"),
        ("alter index s.i attach partition j", "ddl s.i, ddl j"),
        ("alter view v alter a set default f()", "ddl v, f()"),
        ("alter materialized view m alter a set statistics 5", "ddl m"),
        ("alter table t rename to u", "ddl t, ddl u"),
        ("alter table s.t rename a to b", "ddl s.t"),
        ("alter table t rename constraint a to b", "ddl t"),
        ("alter view s.v rename to w", "ddl s.v, ddl s.w"),
        ("alter index i rename to j", "ddl i, ddl j"),
        ("alter sequence q rename to r", "ddl q, ddl r"),
        ("alter schema a rename to b", "ddl a.*, ddl b.*"),
        ("alter type s.ty rename to tz", "ddl s.ty, ddl s.tz"),
        ("alter type ty rename attribute a to b cascade", "ddl ty, Cascade"),
        ("alter domain d rename constraint a to b", "ddl d"),
        ("alter table t set schema s", "ddl t, ddl s.t"),
        ("alter view a.v set schema b", "ddl a.v, ddl b.v"),
        ("alter type ty set schema s", "ddl ty, ddl s.ty"),
        ("alter sequence a.q set schema b", "ddl a.q, ddl b.q"),
        ("alter statistics st rename to su", "ddl st, ddl su"),
        ("alter role a rename to b", "administer ALTER ROLE"),
        ("alter database a rename to b", "administer ALTER DATABASE"),
        ("alter policy p on t rename to q", "administer ALTER POLICY"),
    ]);
}

/// CASCADE touches what the statement does not name.
#[test]
fn drop() {
    rows::check(&[
        ("drop table a, s.b", "ddl a, ddl s.b"),
        ("drop table if exists t cascade", "ddl t, Cascade"),
        ("drop view s.v", "ddl s.v"),
        ("drop materialized view m", "ddl m"),
        ("drop index concurrently s.i", "ddl s.i"),
        ("drop sequence q", "ddl q"),
        ("drop type ty, s.tz", "ddl ty, ddl s.tz"),
        ("drop domain s.d cascade", "ddl s.d, Cascade"),
        ("drop schema a, b", "ddl a.*, ddl b.*"),
        ("drop statistics s.st", "ddl s.st"),
        ("drop table db.s.t", "ddl s.t, database db"),
        ("drop function f(int), s.g cascade", "Cascade, DefineCode"),
        ("drop procedure p", "DefineCode"),
        ("drop routine r", "DefineCode"),
        ("drop aggregate a(*)", "DefineCode"),
        ("drop operator + (int, int)", "DefineCode"),
        ("drop cast (int as text)", "DefineCode"),
        ("drop language l", "DefineCode"),
        ("drop trigger tr on s.t", "ddl s.t, DefineCode"),
        ("drop rule r on t cascade", "ddl t, Cascade, DefineCode"),
        ("drop collation c", "administer DROP COLLATION"),
        ("drop conversion c", "administer DROP CONVERSION"),
        ("drop text search parser p", "administer DROP TEXT SEARCH"),
        ("drop server s", "administer DROP SERVER"),
        ("drop publication p", "administer DROP PUBLICATION"),
        ("drop event trigger e", "administer DROP EVENT TRIGGER"),
        ("drop operator class c using btree", "DefineCode"),
    ]);
}

/// COMMENT needs the ownership of what it is on.
#[test]
fn comment() {
    rows::check(&[
        ("comment on table s.t is 'x'", "ddl s.t"),
        ("comment on column s.t.a is null", "ddl s.t"),
        ("comment on column t.a is 'x'", "ddl t"),
        ("comment on schema s is 'x'", "ddl s.*"),
        ("comment on type s.ty is 'x'", "ddl s.ty"),
        ("comment on constraint c on t is 'x'", "ddl t"),
        ("comment on constraint c on domain s.d is 'x'", "ddl s.d"),
        ("comment on index i is 'x'", "ddl i"),
        ("comment on function f() is 'x'", "administer COMMENT"),
        ("comment on database d is 'x'", "administer COMMENT"),
        ("comment on trigger tr on t is 'x'", "ddl t, DefineCode"),
        ("comment on column db.s.t.a is 'x'", "ddl s.t, database db"),
    ]);
}

/// A trigger or rule runs code with the rights of others.
#[test]
fn code_that_runs_later() {
    rows::check(&[
        (
            "create function f(a int default g(), b s.t) returns int language sql as 'select 1'",
            "g(), DefineCode",
        ),
        ("create or replace procedure s.p() language plpgsql as $$ begin end $$", "DefineCode"),
        ("create function f() returns int return g((select 1 from t))", "select t, g(), DefineCode"),
        (
            "create function f() returns int begin atomic insert into t values (1); select * from u; end",
            "insert t, select u, DefineCode",
        ),
        ("alter function f() set search_path = x", "DefineCode"),
        ("alter function f() rename to g", "DefineCode"),
        ("alter function f() set schema s", "DefineCode"),
        ("alter procedure p() depends on extension x", "administer ALTER ... DEPENDS ON EXTENSION"),
        ("create aggregate a(int) (sfunc = f, stype = int)", "DefineCode"),
        ("create operator + (leftarg = int, rightarg = int, function = f)", "DefineCode"),
        ("create cast (int as text) with function f(int)", "DefineCode"),
        ("create language l", "administer CREATE EXTENSION"),
        ("create transform for int language l (from sql with function f(internal))", "DefineCode"),
        ("create operator class c for type int using btree as operator 1 <", "DefineCode"),
        ("create operator family f using btree", "DefineCode"),
        ("alter operator family f using btree add operator 1 < (int, int)", "DefineCode"),
        ("alter operator + (int, int) set (restrict = none)", "DefineCode"),
        (
            "create trigger tr before update of a on s.t referencing old table as o for each row when (g()) execute function s.f('x')",
            "ddl s.t, s.f(), g(), DefineCode",
        ),
        (
            "create constraint trigger tr after insert on t from u for each row execute function f()",
            "ddl t, ddl u, f(), DefineCode",
        ),
        ("alter trigger tr on t rename to ts", "ddl t, DefineCode"),
        (
            "create rule r as on insert to s.t where f() do also (insert into u values (new.a); notify x)",
            "ddl s.t, insert u, f(), .a, Notify, DefineCode",
        ),
        ("create rule r as on select to t do instead select * from u", "ddl t, select u, DefineCode"),
        ("alter rule r on t rename to s", "ddl t, DefineCode"),
    ]);
}

/// A refusal and the recording name the command: `DROP` alone would say too little.
#[test]
fn commands_have_their_words() {
    for (text, command) in [
        ("table t", "SELECT"),
        ("select 1 into t", "SELECT INTO"),
        ("with x as (delete from t) insert into u values (1)", "INSERT"),
        ("explain delete from t", "EXPLAIN"),
        ("create table t as select 1", "CREATE TABLE AS"),
        ("create materialized view m as select 1", "CREATE MATERIALIZED VIEW"),
        ("drop table t", "DROP TABLE"),
        ("drop materialized view t", "DROP MATERIALIZED VIEW"),
        ("drop function f", "DROP FUNCTION"),
        ("alter index i rename to j", "ALTER INDEX"),
        ("alter view v rename a to b", "ALTER VIEW"),
        ("alter table t rename constraint a to b", "ALTER TABLE"),
        ("alter view v alter a set default 1", "ALTER VIEW"),
        ("alter table t set schema s", "ALTER TABLE"),
        ("alter function f() set schema s", "ALTER FUNCTION"),
        ("alter type ty rename attribute a to b", "ALTER TYPE"),
        ("start transaction", "START TRANSACTION"),
        ("reset all", "RESET"),
        ("analyze t", "ANALYZE"),
        ("move c", "MOVE"),
    ] {
        assert_eq!(hoopwire_postgres_sql::parse(text).unwrap().statements()[0].command, command, "{text}");
    }
}

/// The modifiers of types and the values of options are expressions to the grammar, and may hold calls.
#[test]
fn modifiers_and_options_are_read() {
    rows::check(&[
        ("alter table t alter a set generated always set sequence name s.q", "ddl t, ddl s.q"),
        ("alter foreign table t rename a to b", "ddl t, administer ALTER FOREIGN TABLE"),
        ("create type ty as (a numeric(f()))", "ddl ty, f()"),
        ("create domain d as text collate a.b.c", "ddl d, database a"),
        ("create domain d as numeric(f())", "ddl d, f()"),
        ("create function x(a numeric(f())) returns numeric(g()) language sql as ''", "f(), g(), DefineCode"),
        ("create table t (a text) partition by range (a collate a.b.c)", "ddl t, database a"),
        ("create table t (a text) partition by range (a a.b.c)", "ddl t, database a"),
        ("create table t (a text collate a.b.c)", "ddl t, database a"),
        ("create index on t (a collate a.b.c)", "ddl t, database a"),
        ("create index on t (a a.b.c)", "ddl t, database a"),
        ("create index on t (a text_ops (x = numeric(f())))", "ddl t, f()"),
        ("create index on t (a) with (x = numeric(f()))", "ddl t, f()"),
        ("create table t (a int) with (x = numeric(f()))", "ddl t, f()"),
        ("create table t with (x = numeric(f())) as select 1", "ddl t, f()"),
        ("create table t (unique (a) with (x = numeric(f())))", "ddl t, f()"),
        ("create table t (exclude using gist (a with operator(a.b.=)))", "ddl t, database a"),
        ("create table t of ty (unique (a), check (f()))", "ddl t, f()"),
        ("create view v with (x = numeric(f())) as select 1", "ddl v, f()"),
        ("alter table t set (x = numeric(f()))", "ddl t, f(), administer ALTER TABLE with such a subcommand"),
        ("create type ty as range (x = numeric(f()))", "ddl ty, f(), DefineCode"),
        ("create type ty (x = numeric(f()))", "ddl ty, f(), DefineCode"),
        ("create domain d as int constraint c check (f()) not null", "ddl d, f()"),
        ("alter table t of db.s.ty", "ddl t, administer ALTER TABLE with such a subcommand, database db"),
    ]);
}
