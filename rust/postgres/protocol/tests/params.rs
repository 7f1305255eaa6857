//! Startup parameters: what drivers send passes, what changes the meaning of statements does not.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use hoopwire_postgres_protocol::error::ErrorReport;
use hoopwire_postgres_protocol::params::{Replication, SessionParams, session_params};
use hoopwire_postgres_protocol::startup::Startup;
use proptest::prelude::*;

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn params(pairs: &[(&str, &str)]) -> Result<SessionParams, ErrorReport> {
    session_params(&Startup { major: 3, minor: 0, params: own(pairs), pq_options: Vec::new() })
}

fn with(name: &str, value: &str) -> Result<SessionParams, ErrorReport> {
    params(&[("user", "me"), (name, value)])
}

fn sqlstate(name: &str, value: &str) -> String {
    let report = with(name, value).expect_err("refused");
    assert!(report.hint.is_some(), "{report}");
    report.sqlstate.to_string()
}

#[test]
fn the_user_is_required_and_names_the_database() {
    assert_eq!(params(&[("database", "orders")]).unwrap_err().sqlstate.to_string(), "28000");
    assert_eq!(params(&[("user", "")]).unwrap_err().sqlstate.to_string(), "28000");
    assert_eq!(params(&[("user", "me")]).unwrap().database, "me");
    assert_eq!(params(&[("user", "me"), ("database", "")]).unwrap().database, "me");
    assert_eq!(params(&[("user", "me"), ("database", "orders/x")]).unwrap().database, "orders/x");
}

#[test]
fn what_stock_clients_send_passes() {
    // psql with PGTZ, PGDATESTYLE, PGGEQO
    let psql = params(&[
        ("user", "me"),
        ("database", "orders"),
        ("application_name", "psql"),
        ("client_encoding", "UTF8"),
        ("datestyle", "ISO, MDY"),
        ("timezone", "Europe/Oslo"),
        ("geqo", "on"),
    ])
    .unwrap();
    assert_eq!(psql.application_name, "psql");
    assert_eq!(psql.client_encoding.as_deref(), Some("UTF8"));
    let want = own(&[("datestyle", "ISO, MDY"), ("timezone", "Europe/Oslo"), ("geqo", "on")]);
    assert_eq!(psql.settings, want);
    // JDBC
    let jdbc = params(&[
        ("user", "me"),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO"),
        ("TimeZone", "UTC"),
        ("extra_float_digits", "2"),
    ])
    .unwrap();
    assert_eq!(jdbc.settings, own(&[("datestyle", "ISO"), ("timezone", "UTC"), ("extra_float_digits", "2")]));
    // asyncpg quotes it
    assert_eq!(with("client_encoding", "'utf-8'").unwrap().client_encoding.as_deref(), Some("UTF8"));
    // node-postgres
    assert!(
        params(&[
            ("user", "me"),
            ("statement_timeout", "5000"),
            ("idle_in_transaction_session_timeout", "1")
        ])
        .is_ok()
    );
    // psycopg and Django through libpq's options
    let django = with(
        "options",
        "-c statement_timeout=5s --lock-timeout=1s -cDefault_Transaction_Isolation=serializable",
    );
    let want = [
        ("statement_timeout", "5s"),
        ("lock_timeout", "1s"),
        ("default_transaction_isolation", "serializable"),
    ];
    assert_eq!(django.unwrap().settings, own(&want));
}

#[test]
fn search_path_role_and_session_authorization_are_refused_by_every_road() {
    for name in ["search_path", "role", "session_authorization", "SEARCH_PATH", "Role"] {
        assert_eq!(sqlstate(name, "x"), "42501");
        let dashed = name.replace('_', "-");
        for options in [
            format!("-c {name}=x"),
            format!("-c{name}=x"),
            format!("--{name}=x"),
            format!("--{dashed}=x"),
            format!("-c {dashed}=x"),
            format!("\\-c \\{name}=x"),
            format!("-c jit=off\t\n-c {name}=x"),
            format!("-c jit=\\ on -c {name}=x"),
        ] {
            assert_eq!(sqlstate("options", &options), "42501", "{options}");
        }
    }
}

#[test]
fn switches_of_the_servers_command_line_are_refused() {
    for options in [
        "-e",
        "-d 5",
        "-O",
        "-P",
        "-f s",
        "-S 64",
        "-tpa",
        "-W 5",
        "--",
        "-",
        "-c",
        "-c jit",
        "--jit",
        "x",
        "\\",
        "-bcrole=x",
        "-C role",
    ] {
        assert_eq!(sqlstate("options", options), "42501", "{options}");
    }
    assert!(with("options", "  ").is_ok());
}

#[test]
fn settings_of_applications_and_unknown_ones_are_refused() {
    assert_eq!(sqlstate("app.tenant", "1"), "42501");
    assert_eq!(sqlstate("options", "-c app.tenant=1"), "42501");
    assert_eq!(sqlstate("session_replication_role", "replica"), "42501");
    assert_eq!(sqlstate("work_mem", "1TB"), "42501");
    assert_eq!(sqlstate("no_such_thing", "1"), "42704");
    assert_eq!(sqlstate("User", "root"), "42704");
    assert_eq!(sqlstate("options", "-c options=x"), "42704");
    assert_eq!(sqlstate("options", "-c user=root"), "42704");
    let report = with("no_such_thing", "1").unwrap_err();
    assert!(report.message.contains("\"no_such_thing\""), "{report}");
}

#[test]
fn strings_stay_standard_and_read_only_stays_on() {
    for name in ["standard_conforming_strings", "default_transaction_read_only"] {
        assert_eq!(with(name, "TRUE").unwrap().settings, own(&[(name, "on")]));
        for value in ["off", "0", "f", "", "maybe"] {
            assert_eq!(sqlstate(name, value), "42501");
            assert_eq!(sqlstate("options", &format!("-c {name}={value}")), "42501");
        }
    }
    assert_eq!(sqlstate("backslash_quote", "on"), "42501");
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
        assert_eq!(sqlstate("client_encoding", name), "42501", "{name}");
        assert_eq!(sqlstate("options", &format!("-c client_encoding={}", name.replace(' ', "\\ "))), "42501");
    }
    assert_eq!(sqlstate("client_encoding", "utf7"), "22023");
    assert_eq!(sqlstate("client_encoding", ""), "22023");
}

#[test]
fn other_encodings_pass_under_the_servers_name() {
    for (name, want) in [
        ("utf-8", "UTF8"),
        ("Unicode", "UTF8"),
        ("iso-8859-1", "LATIN1"),
        ("LATIN9", "LATIN9"),
        ("windows-1252", "WIN1252"),
        ("euc_jp", "EUC_JP"),
        ("SQL_ASCII", "SQL_ASCII"),
    ] {
        assert_eq!(with("client_encoding", name).unwrap().client_encoding.as_deref(), Some(want));
    }
}

#[test]
fn replication_is_read_and_left_to_the_caller() {
    for (value, want) in [
        ("true", Replication::Physical),
        ("1", Replication::Physical),
        ("database", Replication::Database),
        ("off", Replication::Off),
    ] {
        assert_eq!(with("replication", value).unwrap().replication, want);
    }
    assert_eq!(sqlstate("replication", "Database"), "22023");
    assert_eq!(sqlstate("options", "-c replication=true"), "42704");
}

#[test]
fn the_packet_outweighs_options_and_the_last_option_counts() {
    let got =
        params(&[("TimeZone", "UTC"), ("user", "me"), ("options", "-c timezone=a -c timezone=b -c jit=off")]);
    assert_eq!(got.unwrap().settings, own(&[("jit", "off"), ("timezone", "UTC")]));
    assert_eq!(with("options", "-c jit=on -c jit=off").unwrap().settings, own(&[("jit", "off")]));
}

proptest! {
    #[test]
    fn no_options_text_sets_anything_outside_the_list(text in "[-c=a-z_ \\\\A-Z.\t]{0,60}", tail in "search_path|role|app\\.x") {
        for options in [text.clone(), format!("{text}-c {tail}=x"), format!("{text} --{tail}=x")] {
            if let Ok(session) = with("options", &options) {
                for (name, _) in session.settings {
                    prop_assert!(!["search_path", "role", "session_authorization"].contains(&name.as_str()));
                    prop_assert!(!name.contains('.'));
                }
            }
        }
    }
}
