use super::*;
use crate::rights::{Actions, Grant, TestGrant};

fn rights(read_only: bool) -> Rules {
    Rules { search_path: vec!["public".into(), "App".into()], read_only, ..Rules::default() }
}

fn set(name: &str, values: &[&str]) -> bool {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    check_set(&rights(true), name, &SettingValue::Constants(values)).is_ok()
}

fn set_config(name: &str, value: &str) -> bool {
    check_set_config(&rights(true), Some(&(name.to_owned(), value.to_owned()))).is_ok()
}

#[test]
fn lists_are_sorted() {
    assert!(table::TABLE.is_sorted_by_key(|row| row.name));
}

#[test]
fn a_setting_that_changes_how_a_text_is_read_or_whose_rights_count() {
    for (name, value) in [
        ("standard_conforming_strings", "off"),
        ("standard_conforming_strings", "0"),
        ("client_encoding", "SJIS"),
        ("client_encoding", "GBK"),
        ("client_encoding", "utf8x"),
        ("role", "admin"),
        ("session_authorization", "admin"),
        ("row_security", "on"),
        ("session_replication_role", "replica"),
        ("app.tenant", "7"),
        ("plpgsql.extra_errors", "all"),
        ("default_transaction_read_only", "off"),
        ("transaction_read_only", "no"),
        ("work_mem", "1GB"),
        ("transaction_snapshot", "00000003-1"),
        ("backslash_quote", "on"),
        ("transform_null_equals", "on"),
        ("default_tablespace", "x"),
        ("check_function_bodies", "off"),
        ("local_preload_libraries", "x"),
        ("search_path", "secret"),
        ("log_statement", "none"),
        ("enable_seqscan.x", "1"),
        ("", ""),
    ] {
        assert!(!set(name, &[value]), "SET {name} = {value}");
        assert!(!set_config(name, value), "set_config({name}, {value})");
        assert!(!set_config(&name.to_uppercase(), value) || name.is_empty(), "upper case {name}");
    }
    assert!(check_set_config(&rights(false), None).is_err(), "not constant");
}

#[test]
fn a_reset_that_makes_a_read_only_transaction_write() {
    let reset = |name: &str, read_only| check_set(&rights(read_only), name, &SettingValue::Default).is_ok();
    assert!(!reset("transaction_read_only", true), "its own default is off, not the session's");
    assert!(reset("default_transaction_read_only", true) && reset("transaction_read_only", false));
    assert!(reset("all", true) && reset("role", true) && reset("session_authorization", true));
    // It was not there before, and would be there with an empty value.
    assert!(!reset("app.tenant", false));
}

#[test]
fn what_drivers_and_pg_dump_set() {
    for (name, value) in [
        ("application_name", "x"),
        ("datestyle", "ISO"),
        ("extra_float_digits", "3"),
        ("row_security", "off"),
        ("statement_timeout", "0"),
        ("client_encoding", "Utf-8"),
        ("client_encoding", "unicode"),
        ("standard_conforming_strings", "on"),
        ("quote_all_identifiers", "true"),
        ("enable_seqscan", "off"),
        ("default_transaction_read_only", "t"),
        ("transaction_read_only", "1"),
        ("synchronize_seqscans", "off"),
    ] {
        assert!(set(name, &[value]), "SET {name} = {value}");
        assert!(set_config(name, value), "set_config({name}, {value})");
    }
    assert!(set_config("search_path", "") && set("search_path", &[""]), "as pg_dump has it");
}

#[test]
fn a_search_path_that_leads_elsewhere() {
    assert!(
        set("search_path", &["App", "public"]) && set("search_path", &["pg_catalog", "public", "pg_temp"])
    );
    assert!(!set("search_path", &["app"]), "another schema: names are case-sensitive once folded");
    assert!(!set("search_path", &["public", "pg_catalog"]), "public would hide built-in functions");
    assert!(!set("search_path", &["pg_temp", "public"]) && !set("search_path", &["$user", "public"]));
    assert!(!set("search_path", &["public, secret"]), "SET takes one constant for one name");
    assert!(set_config("search_path", " PUBLIC ,\"App\"") && set_config("search_path", "\"public\""));
    for value in
        ["public, secret", "\"public", "public,", ",public", "\"pub\"\"lic\"", "public secret", "App"]
    {
        assert!(!set_config("search_path", value), "{value}");
    }
}

/// What becomes of settings of the startup packet: what the target gets, or the SQLSTATE's kind and the hint.
fn begin(grant: &Grant, given: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    let given: Vec<(String, String)> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    check_startup(&given).map_err(|refusal| format!("{:?}: {}", refusal.fault, refusal.hint))?;
    startup_settings(grant, &given).map_err(|denial| format!("{}: {}", denial.code.name(), denial.hint))
}

#[allow(clippy::disallowed_methods)] // a test needs some instant to count from
fn grant() -> Grant {
    Grant::for_tests(std::time::Instant::now())
}

fn of_classes(actions: Actions) -> Grant {
    let mut grant = grant();
    grant.rights.actions = actions;
    grant
}

fn query() -> Grant {
    of_classes(Actions::QUERY)
}

fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_is_pinned_and_what_of_it_can_be_chosen() {
    let reads = grant().with_rules(rights(true));
    let strings = ("standard_conforming_strings", "on");
    let only = ("default_transaction_read_only", "on");
    let path = ("search_path", "\"public\", \"App\"");
    assert_eq!(begin(&reads, &[]), Ok(of(&[path, strings, only])));
    let writes = grant().with_rules(rights(false));
    assert_eq!(begin(&writes, &[]), Ok(of(&[path, strings])));
    assert_eq!(begin(&query(), &[]), Ok(Vec::new()));
    // O9: `search_path=public` was FATAL, though SET of it passes
    let chosen = ("search_path", "public");
    assert_eq!(begin(&reads, &[chosen]), Ok(of(&[chosen, strings, only])));
    // what goes up for a SET says on, too (`instead`)
    for off in ["off", "0", "FALSE"] {
        assert_eq!(begin(&reads, &[("default_transaction_read_only", off)]), Ok(of(&[path, strings, only])));
    }
    let off = ("default_transaction_read_only", "off");
    assert_eq!(begin(&writes, &[off]), Ok(of(&[off, path, strings])));
    assert_eq!(
        begin(&reads, &[("default_transaction_read_only", "maybe")]),
        Err(format!("setting_not_permitted: {READS}"))
    );
    assert_eq!(begin(&reads, &[("standard_conforming_strings", "TRUE")]), Ok(of(&[path, strings, only])));
}

#[test]
fn a_path_that_leads_elsewhere_is_refused_at_startup() {
    let reads = grant().with_rules(rights(true));
    for path in ["", "\"\"", "public", "PUBLIC", "public,\"App\"", "pg_catalog, public, pg_temp", " \"App\" "]
    {
        assert!(begin(&reads, &[("search_path", path)]).is_ok(), "{path}");
    }
    for path in [
        "secret",
        "App",
        "public, secret",
        "\"$user\", public",
        "public, pg_catalog",
        "pg_temp",
        "pg_temp, public",
        "\"public",
        "public,",
        "\"public\"secret",
        "public;secret",
        "public\u{a0}",
    ] {
        // pg_temp alone is last, and only names new relations
        let allowed = path == "pg_temp";
        assert_eq!(begin(&reads, &[("search_path", path)]).is_ok(), allowed, "{path}");
    }
    let refused = format!("setting_not_permitted: {PART_OF_PATH}");
    assert_eq!(begin(&reads, &[("search_path", "secret")]), Err(refused));
    assert_eq!(begin(&query(), &[("search_path", "secret")]), Ok(of(&[("search_path", "secret")])));
}

#[test]
fn what_no_grant_lets_through_at_startup() {
    for grant in [query(), grant().with_rules(rights(false)), grant()] {
        for name in [
            "role",
            "session_authorization",
            "local_preload_libraries",
            "session_preload_libraries",
            "transaction_read_only",
            "transaction_isolation",
            "transaction_deferrable",
            "transaction_snapshot",
        ] {
            for value in ["", "x", "none", "on"] {
                let refused = begin(&grant, &[("jit", "on"), (name, value)]).unwrap_err();
                assert!(refused.starts_with("NotPermitted: "), "{name}: {refused}");
            }
        }
        for name in [
            "all",
            "constraints",
            "options",
            "user",
            "no_such_thing",
            "post_auth_delay",
            "ignore_system_indexes",
            "is_superuser",
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "app.ten ant",
            "1.a",
            "app.te-nant",
            "r\u{f6}le",
            "role\u{200b}",
        ] {
            let refused = begin(&grant, &[(name, "1")]).unwrap_err();
            assert!(refused.starts_with("UnknownName: "), "{name}: {refused}");
        }
        assert!(begin(&grant, &[("client_encoding", "utf7")]).unwrap_err().starts_with("UnknownValue: "));
    }
}

#[test]
fn what_set_may_do_where_statements_are_not_read() {
    for (name, value) in [
        ("search_path", "\"$user\", secret"),
        ("standard_conforming_strings", "off"),
        ("row_security", "on"),
        ("work_mem", "1GB"),
        ("app.tenant", "7"),
        ("default_transaction_read_only", "off"),
        ("session_replication_role", "replica"),
        ("enable_seqscan", "off"),
    ] {
        assert_eq!(begin(&query(), &[(name, value)]), Ok(of(&[(name, value)])));
        // a session without statements has no SET
        let call = of_classes(Actions::FUNCTION_CALL.with(Actions::REPLICATION));
        assert_eq!(begin(&call, &[(name, value)]).is_ok(), name == "enable_seqscan", "{name}");
    }
    assert_eq!(
        begin(&query(), &[("client_encoding", "'Shift-JIS'")]),
        Ok(of(&[("client_encoding", "SJIS")]))
    );
}

#[test]
fn encodings_that_hide_a_backslash_are_refused_in_every_spelling() {
    for name in [
        "SJIS",
        "shift_jis",
        "Shift-JIS",
        "mskanji",
        "win932",
        "Windows-932",
        "SHIFT_JIS_2004",
        "big5",
        "BIG 5",
        "win950",
        "gbk",
        "WIN936",
        "windows936",
        "gb18030",
        "GB-18030",
        "johab",
        "uhc",
        "win949",
        "windows_949",
        "'sjis'",
        "s\u{e9}jis",
    ] {
        for grant in [grant().with_rules(rights(true)), grant().with_rules(rights(false)), grant()] {
            let refused = begin(&grant, &[("client_encoding", name)]).unwrap_err();
            assert!(refused.contains("can hold a backslash"), "{name}: {refused}");
        }
    }
    for name in ["utf7", ""] {
        assert!(begin(&query(), &[("client_encoding", name)]).unwrap_err().starts_with("UnknownValue"));
    }
}

#[test]
fn other_encodings_pass_under_the_servers_name() {
    for (name, want) in [
        ("utf-8", "UTF8"),
        ("'utf-8'", "UTF8"),
        ("Unicode", "UTF8"),
        ("iso-8859-1", "LATIN1"),
        ("LATIN9", "LATIN9"),
        ("windows-1252", "WIN1252"),
        ("euc_jp", "EUC_JP"),
        ("SQL_ASCII", "SQL_ASCII"),
    ] {
        for grant in [query(), grant(), grant().with_rules(rights(true))] {
            let begun = begin(&grant, &[("client_encoding", name)]).unwrap();
            assert!(begun.contains(&("client_encoding".to_owned(), want.to_owned())), "{name}");
        }
    }
}

#[test]
fn what_a_recording_tells() {
    let given = of(&[
        ("datestyle", "ISO"),
        ("client_encoding", "UTF8"),
        ("search_path", "a, b"),
        ("enable_sort", "off"),
        ("app.tenant", "7"),
    ]);
    assert_eq!(told_of_startup(&given), "search_path=a, b, app.tenant=7");
    assert_eq!(told_of_startup(&of(&[("client_encoding", "SJIS")])), "client_encoding=SJIS");
    assert_eq!(told_of_startup(&of(&[("timezone", "UTC")])), "");
}
