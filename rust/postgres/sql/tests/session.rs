//! What changes the session, and what exact grants never allow.

mod rows;

/// A read-only session must not be made writable by BEGIN READ WRITE.
#[test]
fn transactions() {
    rows::check(&[
        ("begin", "transaction"),
        ("begin read write", "transaction read write"),
        ("begin isolation level serializable, read only", "transaction"),
        ("start transaction read only, read write, deferrable", "transaction read write"),
        ("commit and chain", "transaction"),
        ("end", "transaction"),
        ("rollback", "transaction"),
        ("abort", "transaction"),
        ("savepoint s", "transaction"),
        ("release s", "transaction"),
        ("rollback to savepoint s", "transaction"),
        ("prepare transaction 'x'", "TwoPhase"),
        ("commit prepared 'x'", "TwoPhase"),
        ("rollback prepared 'x'", "TwoPhase"),
    ]);
}

/// A setting may be spelled in many ways, and each must have its one name.
#[test]
fn every_spelling_of_a_setting() {
    rows::check(&[
        ("SET Search_Path = a, \"B\", 'c'", "set search_path=a;B;c"),
        ("set work_mem to 64", "set work_mem=64"),
        ("set seq_page_cost = 1.5", "set seq_page_cost=1.5"),
        ("set enable_seqscan = off", "set enable_seqscan=off"),
        ("set local x.y = true", "set x.y=true"),
        ("set session x.y to default", "set x.y to default"),
        ("set x from current", "set x to ?"),
        ("set time zone 'utc'", "set timezone=utc"),
        ("set time zone local", "set timezone to default"),
        ("set time zone -3", "set timezone=-3"),
        ("set time zone interval '1' hour", "set timezone to ?"),
        ("set names 'latin1'", "set client_encoding=latin1"),
        ("set names", "set client_encoding to default"),
        ("set schema 'x'", "set search_path=x"),
        ("set role postgres", "set role=postgres"),
        ("set role none", "set role=none"),
        ("set role 'a b'", "set role=a b"),
        ("set session authorization bob", "set session_authorization=bob"),
        ("set session authorization default", "set session_authorization to default"),
        ("set xml option document", "set xmloption=DOCUMENT"),
        ("set seed to 1", "set seed=1"),
        ("set transaction read write", "set transaction_read_only=off"),
        (
            "set transaction read only, isolation level repeatable read, not deferrable",
            "set transaction_read_only=on, set transaction_isolation=repeatable read, set transaction_deferrable=off",
        ),
        ("set transaction snapshot '1-2'", "set transaction_snapshot=1-2"),
        (
            "set session characteristics as transaction read write, isolation level serializable",
            "set default_transaction_read_only=off, set default_transaction_isolation=serializable",
        ),
        ("set session characteristics as transaction deferrable", "set default_transaction_deferrable=on"),
        ("SET \"Default_Transaction_Read_Only\" = 'OFF'", "set default_transaction_read_only=OFF"),
        ("reset Role", "set role to default"),
        ("reset all", "set all to default"),
        ("reset session authorization", "set session_authorization to default"),
        ("reset time zone", "set timezone to default"),
        ("reset transaction isolation level", "set transaction_isolation to default"),
        ("show search_path", "show search_path"),
        ("SHOW \"Search_Path\"", "show search_path"),
        ("show app.Secret", "show app.secret"),
        ("show time zone", "show timezone"),
        ("show transaction isolation level", "show transaction_isolation"),
        ("show session authorization", "show session_authorization"),
        ("show all", "show all"),
        ("set constraints all deferred", "set constraints=deferred"),
        ("set constraints a, s.b immediate", "set constraints=immediate"),
    ]);
}

/// What is kept by the session under a name.
#[test]
fn cursors_prepared_statements_channels() {
    rows::check(&[
        ("fetch 5 from c", "Cursor"),
        ("move backward all in c", "Cursor"),
        ("close c", "Cursor"),
        ("close all", "Cursor"),
        ("deallocate p", "deallocate Some(\"p\")"),
        ("deallocate prepare p", "deallocate Some(\"p\")"),
        ("deallocate all", "deallocate None"),
        ("discard all", "Discard"),
        ("discard temp", "Discard"),
        ("listen x", "Listen"),
        ("unlisten *", "Unlisten"),
        ("unlisten x", "Unlisten"),
        ("notify x, 'y'", "Notify"),
    ]);
}

/// Roles, grants, extensions and the like are never part of an exact grant.
#[test]
fn administration_is_known_as_such() {
    rows::check(&[
        ("alter system set x = 1", "administer ALTER SYSTEM"),
        ("alter role bob set search_path = x", "administer ALTER ROLE"),
        ("alter database d set x = 1", "administer ALTER DATABASE"),
        ("create role bob superuser", "administer CREATE ROLE"),
        ("create user bob", "administer CREATE ROLE"),
        ("alter user bob password 'x'", "administer ALTER ROLE"),
        ("drop role bob", "administer DROP ROLE"),
        ("grant select on t to bob", "administer GRANT"),
        ("revoke all on all tables in schema s from bob", "administer REVOKE"),
        ("grant a to b", "administer GRANT ROLE"),
        ("revoke a from b", "administer REVOKE ROLE"),
        ("alter default privileges grant select on tables to bob", "administer ALTER DEFAULT PRIVILEGES"),
        ("reassign owned by a to b", "administer REASSIGN OWNED"),
        ("drop owned by a", "administer DROP OWNED"),
        ("create extension dblink", "administer CREATE EXTENSION"),
        ("alter extension x update", "administer ALTER EXTENSION"),
        ("alter extension x add table t", "administer ALTER EXTENSION"),
        ("drop extension x cascade", "Cascade, administer DROP EXTENSION"),
        ("create server s foreign data wrapper w", "administer CREATE SERVER"),
        ("create foreign data wrapper w", "administer CREATE FOREIGN DATA WRAPPER"),
        ("alter server s options (add a 'b')", "administer ALTER SERVER"),
        ("create user mapping for a server s", "administer CREATE USER MAPPING"),
        ("drop user mapping for a server s", "administer DROP USER MAPPING"),
        ("import foreign schema s from server x into y", "administer IMPORT FOREIGN SCHEMA"),
        ("create foreign table t (a int) server s", "administer CREATE FOREIGN TABLE"),
        ("drop foreign table t", "administer DROP FOREIGN TABLE"),
        ("alter foreign table t add column a int", "ddl t, administer ALTER FOREIGN TABLE"),
        ("create publication p for table t where (f())", "administer CREATE PUBLICATION"),
        ("alter publication p add table t", "administer ALTER PUBLICATION"),
        ("create subscription s connection 'c' publication p", "administer CREATE SUBSCRIPTION"),
        ("alter subscription s disable", "administer ALTER SUBSCRIPTION"),
        ("drop subscription s", "administer DROP SUBSCRIPTION"),
        ("create tablespace t location '/x'", "administer CREATE TABLESPACE"),
        ("drop tablespace t", "administer DROP TABLESPACE"),
        ("create database d", "administer CREATE DATABASE"),
        ("alter database d owner to bob", "administer ALTER ... OWNER TO"),
        ("drop database d", "administer DROP DATABASE"),
        ("create policy p on t using (f())", "administer CREATE POLICY"),
        ("alter policy p on t using (true)", "administer ALTER POLICY"),
        ("drop policy p on t", "administer DROP POLICY"),
        ("security label on table t is 'x'", "administer SECURITY LABEL"),
        ("load 'x'", "administer LOAD"),
        ("checkpoint", "administer CHECKPOINT"),
        (
            "create event trigger e on ddl_command_start execute function f()",
            "administer CREATE EVENT TRIGGER",
        ),
        ("alter event trigger e disable", "administer ALTER EVENT TRIGGER"),
        ("create access method m type table handler h", "administer CREATE ACCESS METHOD"),
        ("create collation c from \"C\"", "administer CREATE COLLATION"),
        ("alter collation c refresh version", "administer ALTER COLLATION"),
        ("create conversion c for 'a' to 'b' from f", "administer CREATE CONVERSION"),
        ("create text search configuration c (copy = simple)", "administer CREATE TEXT SEARCH"),
        (
            "alter text search configuration c add mapping for word with d",
            "administer ALTER TEXT SEARCH CONFIGURATION",
        ),
        ("alter text search dictionary d (a = b)", "administer ALTER TEXT SEARCH DICTIONARY"),
        ("create schema authorization bob", "administer CREATE SCHEMA AUTHORIZATION"),
        ("alter table t owner to bob", "ddl t, administer ALTER TABLE ... OWNER TO"),
        ("alter function f() owner to bob", "administer ALTER ... OWNER TO"),
        ("alter table all in tablespace a set tablespace b", "administer ALTER ... ALL IN TABLESPACE"),
    ]);
}
