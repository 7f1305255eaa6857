//! Startup parameters, as the server reads them. Which of them may pass is decided elsewhere (policy/src/settings).
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
    let want = own(&[
        ("client_encoding", "UTF8"),
        ("datestyle", "ISO, MDY"),
        ("timezone", "Europe/Oslo"),
        ("geqo", "on"),
    ]);
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
    let want =
        [("client_encoding", "UTF8"), ("datestyle", "ISO"), ("timezone", "UTC"), ("extra_float_digits", "2")];
    assert_eq!(jdbc.settings, own(&want));
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
fn a_setting_has_one_name_by_every_road() {
    for name in ["search_path", "role", "session_authorization", "SEARCH_PATH", "Role"] {
        let found = |session: Result<SessionParams, ErrorReport>| {
            session.unwrap().settings.into_iter().filter(|(name, _)| name != "jit").collect::<Vec<_>>()
        };
        let want = own(&[(&name.to_ascii_lowercase(), "x")]);
        assert_eq!(found(with(name, "x")), want);
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
            assert_eq!(found(with("options", &options)), want, "{options}");
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
fn what_names_the_session_counts_only_as_the_server_spells_it() {
    assert_eq!(with("User", "root").unwrap().settings, own(&[("user", "root")]));
    assert_eq!(with("options", "-c options=x").unwrap().settings, own(&[("options", "x")]));
    assert_eq!(with("options", "-c user=root").unwrap().user, "me");
    assert_eq!(with("options", "-c replication=true").unwrap().replication, Replication::Off);
    assert_eq!(with("options", "-c Application_Name=x").unwrap().application_name, "x");
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
    fn a_setting_is_named_once_and_in_lower_case(text in "[-c=a-z_ \\\\A-Z.\t]{0,60}", tail in "search_path|role|app\\.x") {
        for options in [text.clone(), format!("{text}-c {tail}=x"), format!("{text} --{tail}=x")] {
            if let Ok(session) = with("options", &options) {
                let mut names: Vec<&str> = session.settings.iter().map(|(name, _)| name.as_str()).collect();
                prop_assert!(names.iter().all(|name| name.to_ascii_lowercase() == *name));
                names.sort_unstable();
                names.dedup();
                prop_assert_eq!(names.len(), session.settings.len());
            }
        }
    }
}
