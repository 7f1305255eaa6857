//! How a text is cut into tokens and statements: disguises, and where each statement is.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod rows;

use hoopwire_postgres_sql::{ParseError, parse};

/// A name or a verb in disguise must be read as the server reads it.
#[test]
fn disguises() {
    rows::check(&[
        ("dElEtE/**/FrOm\n\tSeCrEtS", "delete secrets"),
        ("-- select 1\r\ndelete from t -- where false", "delete t"),
        ("/* /* nested */ ' */ delete from t /* open */", "delete t"),
        ("select 1 /* ; drop table t */", "SELECT"),
        ("select '/*' from t where '*/' = '--'", "select t"),
        ("select $$ ; drop table t; $$, $a$ $$ ' $b$ $a$ from u", "select u"),
        (r"select 'a\' from t --'", "select t"),
        (r"select E'a\' from t --'", "SELECT"),
        (r"select e'\x27 \047 \u0027 \'' from t", "select t"),
        (r"select set_config(E'\x72ole', U&'\0070g', true)", "set_config(role=pg)"),
        (r#"select * from U&"\0073ecrets""#, "select secrets"),
        (r#"select * from U&"!0073ecrets" uescape '!'"#, "select secrets"),
        (
            r#"select * from u&"\+000073ecrets", "Secrets", "sec""rets""#,
            "select secrets, select Secrets, select sec\"rets",
        ),
        (r#"select * from "public"."secrets", PUBLIC.SECRETS"#, "select public.secrets"),
        (r#"select * from "a.b", a."b""#, "select a.b, select a.b"),
        (r#"select * from "*", a."*""#, "select *, select a.*"),
        (r#"select "F"(), "s"."G"()"#, "F(), s.G()"),
        (
            "select 1from t",
            "Syntax { message: \"trailing junk after numeric literal at or near \\\"1from\\\"\", position: Some(8) }",
        ),
        ("select'x'from t", "select t"),
        ("select*from\"t\"where(f())", "select t, f()"),
        ("select 0x1F, 1_000, 0b1, .5, 1e3 from t", "select t"),
        ("select a ? 'b', a ?| array['c'], a @? '$', $1, - - 1, 1 --1\n from t", "select t"),
        ("select n'x', b'1', x'1f', B'0' from t", "select t"),
        ("select 'a'\n'b' from t", "select t"),
        ("select \u{feff}1 from t", "select t"),
        ("select * from ünïcode, \"日本\".\"語\"", "select ünïcode, select 日本.語"),
        ("select * from ÄB", "select Äb"),
    ]);
}

/// Statements behind a semicolon must not be overlooked.
#[test]
fn many_statements() {
    rows::check(&[
        ("", ""),
        (" ;; ; -- nothing\n; /* no */ ", ""),
        ("select 1; delete from t", "SELECT | delete t"),
        (";;select * from a;;;drop table b;", "select a | ddl b"),
        ("begin; update t set a = 1; commit", "transaction | update t(a) | transaction"),
        ("select ';'; select * from t", "SELECT | select t"),
        (
            "create rule r as on insert to t do (delete from u; select 1); select 1",
            "ddl t, delete u, DefineCode | SELECT",
        ),
        (
            "create function f() returns int begin atomic select 1; delete from t; end; select 2",
            "delete t, DefineCode | SELECT",
        ),
        (
            "select 1; selec 2",
            "Syntax { message: \"syntax error at or near \\\"selec\\\"\", position: Some(11) }",
        ),
    ]);
}

/// The recording and the refusals quote a statement by its bytes.
#[test]
fn spans() {
    let text = " /* a */ select 'ü;' ;\n\n-- b\n delete from t\n ; ; select 3 ";
    let parsed = parse(text).unwrap();
    let pieces: Vec<_> = parsed.spans(text).into_iter().map(|span| &text[span]).collect();
    assert_eq!(pieces, ["select 'ü;'", "delete from t", "select 3"]);
    assert_eq!((parsed.len(), parsed.is_empty()), (3, false));
}

/// The server cuts names at 63 bytes, never inside a character: a longer name is the same relation.
#[test]
fn names_are_cut_at_63_bytes() {
    for (name, cut) in [
        ("a".repeat(63), "a".repeat(63)),
        ("a".repeat(64), "a".repeat(63)),
        ("ü".repeat(32), "ü".repeat(31)),
        (format!("a{}", "ü".repeat(31)), format!("a{}", "ü".repeat(31))),
        (format!("a{}", "ü".repeat(32)), format!("a{}", "ü".repeat(31))),
        ("語".repeat(22), "語".repeat(21)),
        ("𝒳".repeat(16), "𝒳".repeat(15)),
        (format!("abc{}", "𝒳".repeat(16)), format!("abc{}", "𝒳".repeat(15))),
    ] {
        let quoted = format!("select * from \"{name}\"");
        assert_eq!(rows::facts(&quoted), format!("select {cut}"));
        assert_eq!(rows::facts(&format!("select * from {name}")), format!("select {cut}"));
        assert_eq!(rows::facts(&format!("select \"{name}\".\"{name}\"()")), format!("{cut}.{cut}()"));
        assert_eq!(rows::facts(&format!("select * from U&\"{name}\" uescape '!'")), format!("select {cut}"));
        assert_eq!(rows::facts(&format!("prepare \"{name}\" as select 1")), format!("prepare {cut}"));
    }
}

/// What the grammar refuses, with the place where that can be told.
#[test]
fn errors_have_a_place() {
    let place = |text| match parse(text) {
        Err(ParseError::Syntax { position, .. }) => position,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("{text} is read"),
    };
    assert_eq!(place("select 'ü' frm t x"), Some(16));
    assert_eq!(place("select 'ü' from"), Some(16));
    assert_eq!(place("select , from , t"), None, "the token is there twice");
    assert_eq!(place("select 1\0; drop table t"), Some(9));
    assert_eq!(place("\0"), Some(1));
    assert_eq!(place("select 'open"), Some(8));
    assert_eq!(place("select a from b order by 1 fetch first 1 rows with ties, 1"), Some(56));
}

/// Known differences to the server, which refuses less: libpg_query makes tokens of comments, and so refuses some
/// in places where the server looks ahead. They must stay refusals.
#[test]
fn comments_in_odd_places_are_refused() {
    for text in [
        "select 1 not /* c */ in (1)",
        "select 'a' -- c\n'b'",
        "select 1 from t order by 1 nulls /* c */ last",
        "select * from U&\"!0073ecrets\" /* c */ uescape '!'",
        "select U&'!0073' /* c */ uescape '!'",
        "select * from f() with /* c */ ordinality",
    ] {
        assert!(matches!(parse(text), Err(ParseError::Syntax { .. })), "{text}");
    }
}
