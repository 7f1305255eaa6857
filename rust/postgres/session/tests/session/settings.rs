//! Settings of the startup packet: the same answer as SET gives under the same grant, unless the table says why not.

use hoopwire_postgres_policy::{
    Actions, Catalogue, DecisionCache, Grant, Rules, TestGrant, View, allows_search_path, check_startup,
    decide_text, setting_names, startup_settings,
};
use hoopwire_postgres_protocol::params::session_params;
use hoopwire_postgres_protocol::startup::Startup;
use hoopwire_session::Effect;
use hoopwire_testkit::messages::{first, framed, startup};

use proptest::prelude::*;

use crate::exact::read;
use crate::link::Link;
use crate::link::check::Entry;
use crate::server::{PASSWORD, SSL_REQUEST, asking, field};

/// Refused at startup under every grant, whatever SET may do.
const NEVER: [&str; 10] = [
    "all",
    "constraints",
    "local_preload_libraries",
    "role",
    "session_authorization",
    "session_preload_libraries",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "transaction_snapshot",
];
const VALUES: [&str; 17] = [
    "",
    "on",
    "ON",
    "off",
    "0",
    "tr",
    "maybe",
    " on",
    "public",
    "PUBLIC, \"App\"",
    "\"public\"",
    "audit",
    "'on'",
    "a b\\x",
    "utf-8",
    "SJIS",
    "none",
];

fn grants() -> [(&'static str, Grant); 4] {
    let path = vec!["public".to_owned(), "App".to_owned()];
    let reads = Rules { search_path: path, ..read() };
    let writes = Rules { read_only: false, ..reads.clone() };
    let link = Link::new();
    [
        ("query", link.grant(Actions::QUERY)),
        ("reads", link.grant(Actions::default()).with_rules(reads)),
        ("writes", link.grant(Actions::default()).with_rules(writes)),
        ("calls", link.grant(Actions::FUNCTION_CALL)),
    ]
}

/// The packet passed, or the FATAL error.
fn begin(params: &[(&str, &str)], grant: &Grant) -> Result<Link, String> {
    let mut link = Link::new();
    link.principal(SSL_REQUEST);
    link.tls();
    link.principal(&startup(0, params));
    if !link.session.is_closed() {
        link.principal(&framed(b'p', format!("{PASSWORD}\0").as_bytes()));
        let mut grant = grant.clone();
        grant.deadline = link.now + std::time::Duration::from_secs(600);
        link.admit(grant);
    }
    if link.effects.iter().any(|effect| matches!(effect, Effect::Dial(_))) {
        return Ok(link);
    }
    let mut rest = &link.down[1..];
    while let Some(((tag, body), after)) = first(rest) {
        if tag == b'E' {
            assert_eq!(field(&body, b'S'), "FATAL");
            return Err(format!("{}: {} {}", field(&body, b'C'), field(&body, b'M'), field(&body, b'H')));
        }
        rest = after;
    }
    panic!("neither in nor refused");
}

/// What SET says: as a constant, or (what is a list) as the setting itself is written.
fn set_passes(grant: &Grant, name: &str, value: &str, cache: &mut DecisionCache) -> bool {
    let literal = value.replace('\'', "''");
    let text = match name {
        "search_path" => format!("select set_config('{name}', '{literal}', false)"),
        _ => format!("set {name} = '{literal}'"),
    };
    let catalogue = Catalogue::default();
    let view = View { utf8: true, catalogue: Some(&catalogue) };
    decide_text(grant, text.as_bytes(), &view, cache).outcome.is_ok()
}

#[test]
fn startup_answers_as_set_does() {
    // O9: two lists contradicted each other.
    let mut cache = DecisionCache::new(1 << 20);
    let named = setting_names().filter(|name| *name != "enable_").map(str::to_owned);
    let more = ["enable_seqscan", "enable_no_such", "app.tenant", "a.b.c"].map(str::to_owned);
    for name in named.chain(more) {
        let mixed: String =
            name.char_indices().map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
        let dashed = name.replace('_', "-");
        for value in VALUES {
            let escaped: String = value
                .chars()
                .flat_map(|c| matches!(c, ' ' | '\\').then_some('\\').into_iter().chain([c]))
                .collect();
            let packets = [
                (name.clone(), value.to_owned()),
                (mixed.clone(), value.to_owned()),
                ("options".to_owned(), format!("-c {name}={escaped}")),
                ("options".to_owned(), format!(" -c{mixed}={escaped}\t")),
                ("options".to_owned(), format!("-c jit=on --{dashed}={escaped}")),
                ("options".to_owned(), format!("-c {name}=twice --{name}={escaped}")),
            ];
            for (words, grant) in grants() {
                let wanted = match name.as_str() {
                    name if NEVER.contains(&name) => false,
                    "client_encoding" => value == "utf-8" || (value, words) == ("SJIS", "query"),
                    // There are no statements, and no SET: what a grant that only reads and pins nothing could choose.
                    _ if words == "calls" => continue,
                    name => set_passes(&grant, name, value, &mut cache),
                };
                for (key, packed) in &packets {
                    let begun = begin(&[("user", "u"), ("database", "orders"), (key, packed)], &grant);
                    let said = begun.as_ref().err();
                    assert_eq!(begun.is_ok(), wanted, "{words}: {key}: {packed} {said:?}");
                }
            }
        }
    }
}

#[test]
fn a_refusal_at_startup_is_that_of_set() {
    let [_, (_, reads), ..] = grants();
    let refused = |name, value| {
        let said = begin(&[("user", "u"), ("database", "orders"), (name, value)], &reads);
        said.err().unwrap()
    };
    for (name, value) in [
        ("search_path", "audit"),
        ("options", "-c search-path=audit"),
        ("app.tenant", "1"),
        ("work_mem", "1TB"),
    ] {
        let said = refused(name, value);
        assert!(said.starts_with("42501: grant g_1 does not allow this change of setting"), "{said}");
    }
    assert!(refused("search_path", "audit").contains("write other names with their schema"));
    // these are told before anybody is asked for a password, as ever
    for (name, value, want) in [
        ("role", "x", "42501: permission denied to set startup parameter \"role\" The gateway chooses"),
        ("options", "-c role=x", "42501: permission denied to set startup parameter \"role\""),
        (
            "no_such_thing",
            "1",
            "42704: startup parameter \"no_such_thing\" is not one that the gateway knows",
        ),
        ("options", "-c options=x", "42704: startup parameter \"options\""),
        ("options", "-c user=root", "42704: startup parameter \"user\""),
        ("options", "-c replication=true", "42704: startup parameter \"replication\""),
        (
            "client_encoding",
            "utf7",
            "22023: invalid value for parameter \"client_encoding\": \"utf7\" Use UTF8.",
        ),
    ] {
        let said = refused(name, value);
        assert!(said.starts_with(want), "{said}");
        let mut link = Link::new();
        link.principal(SSL_REQUEST);
        link.tls();
        link.principal(&startup(0, &[("user", "u"), ("database", "orders"), (name, value)]));
        assert!(link.session.is_closed());
    }
}

#[test]
fn what_passes_at_startup_is_recorded_unless_it_only_formats() {
    let [(_, query), (_, reads), ..] = grants();
    let decided = |params: &[(&str, &str)], grant: &Grant| {
        let mut link = asking(&[&[("user", "u"), ("database", "orders")], params].concat());
        link.admit(grant.clone());
        let entries = link.ledger.entries.iter();
        let decisions = entries.filter_map(|entry| match entry {
            Entry::Decision { action, allow } if action != "connect" => Some((action.clone(), *allow)),
            _ => None,
        });
        decisions.collect::<Vec<_>>()
    };
    assert_eq!(decided(&[("TimeZone", "UTC"), ("client_encoding", "UTF8")], &reads), []);
    let path = [("search_path", "public"), ("jit", "off")];
    assert_eq!(decided(&path, &reads), [("startup parameters search_path=public".to_owned(), true)]);
    let both = [("options", "-c app.tenant=7 -c search_path=audit")];
    let words = "startup parameters app.tenant=7, search_path=audit".to_owned();
    assert_eq!(decided(&both, &query), [(words.clone(), true)]);
    assert_eq!(decided(&both, &reads), [(words, false)]);
}

#[test]
fn a_target_that_refuses_a_setting_is_not_said_to_refuse_the_gateway() {
    // A wrong value of a timeout was "could not log in to the target" (08006), with a hint to tell the operators.
    let [(_, query), ..] = grants();
    let heard = |sqlstate: &str, message: &str| {
        let mut link =
            begin(&[("user", "u"), ("database", "orders"), ("Statement_Timeout", "abc")], &query).unwrap();
        link.dialed(None);
        link.target(&framed(b'E', format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0").as_bytes()));
        let told = String::from_utf8_lossy(&link.down).into_owned();
        let message = told.split('\0').rev().find_map(|field| field.strip_prefix('M')).unwrap_or_default();
        format!("{message} {}", link.ending().code)
    };
    let refused = "the target refused startup parameter \"statement_timeout\" 22023";
    assert_eq!(heard("22023", "invalid value for parameter \"statement_timeout\": \"abc\""), refused);
    let failed = "the gateway could not log in to the target 08006";
    assert_eq!(heard("22023", "invalid value for parameter \"search_path\": \"abc\""), failed);
    assert_eq!(heard("28P01", "parameter \"statement_timeout\" of user \"secret_user\""), failed);
}

proptest! {
    #[test]
    fn no_options_text_chooses_anything_outside_the_table(
        text in "[-c=a-z_ \\\\A-Z.\t]{0,60}",
        tail in "search_path|role|app\\.x|standard_conforming_strings|default-transaction-read-only",
        value in "x|off|public|[a-z\",\\\\ ]{0,12}",
    ) {
        let [_, (_, reads), ..] = grants();
        for options in [text.clone(), format!("{text}-c {tail}={value}"), format!("{text} --{tail}={value}")] {
            let params = [("user", "u"), ("options", &options)].map(|(name, value)| (name.to_owned(), value.to_owned()));
            let packet = Startup { major: 3, minor: 0, params: params.to_vec(), pq_options: Vec::new() };
            let Ok(session) = session_params(&packet) else { continue };
            if check_startup(&session.settings).is_err() { continue }
            let Ok(settings) = startup_settings(&reads, &session.settings) else { continue };
            for (name, value) in settings {
                prop_assert!(!["role", "session_authorization", "backslash_quote"].contains(&name.as_str()));
                prop_assert!(!name.contains('.'));
                match name.as_str() {
                    "search_path" => prop_assert!(allows_search_path(reads.rights.rules.as_ref().unwrap(), &value)),
                    "standard_conforming_strings" | "default_transaction_read_only" => prop_assert_eq!(value, "on"),
                    _ => {}
                }
            }
        }
    }
}
