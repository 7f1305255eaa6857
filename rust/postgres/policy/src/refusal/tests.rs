use super::*;
use crate::TestGrant;
use std::time::Instant;

#[allow(clippy::disallowed_methods)] // a test needs some instant to count from
fn grant(texts: &[&str]) -> Grant {
    let mut grant = Grant::for_tests(Instant::now());
    grant.policy = "readers".into();
    grant.rights.action_texts = texts.iter().map(|text| (*text).to_owned()).collect();
    grant
}

fn denial(reason: Reason) -> Denial {
    Refusal { statement: 0, command: "SELECT", reason }.denial(&grant(&["select on public.*", "catalog"]))
}

fn name(schema: &str, name: &str) -> Name {
    Name { schema: Some(schema.into()), name: name.into() }
}

#[test]
fn a_refusal_says_what_is_missing_and_how_to_ask_for_it() {
    let denial = denial(Reason::Relation { relation: name("public", "orders"), verbs: Verbs::DELETE });
    assert_eq!((denial.fault, denial.code.name()), (Fault::NotGranted, "relation_not_granted"));
    assert_eq!(denial.message, "grant g_1 does not allow delete on public.orders");
    assert_eq!(
        denial.detail,
        "Missing: \"delete on public.orders\". Policy \"readers\" grants: select on public.*; catalog.\n\
         code: relation_not_granted"
    );
    assert!(denial.hint.contains("actions [\"delete on public.orders\"]"), "{}", denial.hint);
}

#[test]
fn a_name_that_breaks_out_of_the_text() {
    let odd = "a\" drop\nDETAIL: granted";
    let denial = denial(Reason::Relation { relation: name("public", odd), verbs: Verbs::SELECT });
    assert!(
        denial.message.ends_with("select on public.\"a\"\" drop\u{fffd}DETAIL: granted\""),
        "{}",
        denial.message
    );
    let long = "x".repeat(5000);
    let denial = super::tests::denial(Reason::Function { function: name("public", &long) });
    assert!(denial.message.len() < 300 && denial.detail.len() < 600 && denial.hint.len() < 600);
}

#[test]
fn a_policy_of_a_thousand_actions_in_every_refusal() {
    let grant = grant(&["select on public.a"; 1000]);
    let denial = Refusal { statement: 2, command: "", reason: Reason::ReadOnly }.denial(&grant);
    assert!(
        denial.detail.contains("; 990 more.") && denial.detail.contains("statement 3 of"),
        "{}",
        denial.detail
    );
}

#[test]
fn a_literal_of_the_statement_in_a_denial() {
    for (message, expected) in [
        ("syntax error at or near \"form\"", "syntax error at or near \"form\""),
        ("syntax error at or near \")\"", "syntax error at or near \")\""),
        ("syntax error at end of input", "syntax error at end of input"),
        ("syntax error at or near \"'hunter2'\"", "syntax error at or near a literal"),
        (
            "unterminated quoted string at or near \"'hunter2 and\nmore\"",
            "unterminated quoted string at or near a literal",
        ),
        ("syntax error at or near \"4111111111111111\"", "syntax error at or near a literal"),
        (
            "unterminated dollar-quoted string at or near \"$$x at or near \"y\"\"",
            "unterminated dollar-quoted string at or near a literal",
        ),
        ("invalid thing 'hunter2'", "syntax error"),
    ] {
        let denial = denial(Reason::Syntax { message: message.into(), position: Some(7) });
        assert_eq!(
            (denial.message.as_str(), denial.code, denial.position),
            (expected, Code::SyntaxError, Some(7))
        );
    }
}

#[test]
fn every_reason_has_all_texts_and_a_code_of_its_own() {
    let reasons = [
        Reason::Relation { relation: name("a", "b"), verbs: Verbs::SELECT },
        Reason::Denied { object: name("a", "b"), verbs: Verbs::CALL },
        Reason::Function { function: name("a", "b") },
        Reason::FunctionUnknown { function: Name { schema: None, name: "b".into() } },
        Reason::Setting { name: "role".into(), hint: "Leave it." },
        Reason::Word { word: PolicyWords::NOTIFY, command: "NOTIFY" },
        Reason::NotUnderstood { what: "ALTER SYSTEM".into() },
        Reason::Cascade { verbs: Verbs::DDL },
        Reason::ReadOnly,
        Reason::Masked { column: "email".into(), place: "in WHERE" },
        Reason::Syntax { message: "syntax error".into(), position: None },
        Reason::AbsentRow,
        Reason::TooWide,
        Reason::TooDeep,
        Reason::Encoding,
        Reason::NoStatements,
    ];
    let mut codes = std::collections::HashSet::new();
    for reason in reasons {
        let denial = denial(reason);
        assert!(codes.insert(denial.code.name()), "{} twice", denial.code.name());
        assert!(denial.detail.ends_with(&format!("\ncode: {}", denial.code.name())), "{denial:?}");
        assert!(!denial.message.is_empty() && !denial.hint.is_empty(), "{denial:?}");
    }
}
