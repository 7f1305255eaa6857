//! A second protocol goes through the engine as it is: the skeleton's lines, with rights and words of their own, beside
//! a listener of the other protocol. The engine's sources don't know it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test is both peers of the engine"
)]

mod house;

use hoopwire_engine::Lease;
use hoopwire_gateway::{Grant, Protocol, Rights};
use hoopwire_grant::{Budgets, Record};
use hoopwire_recording::Frame;
use house::{Client, Fact, House, opens};
use std::time::{Duration, Instant};

const OTHER: &str = "the grant is for another protocol than this connection speaks";

#[test]
fn lines_are_decided_recorded_and_forwarded() {
    let mut house = House::start("lines");
    let mut client = house.connect(Protocol::Skeleton);
    // what is sent ahead waits for its turn
    client.say("HELLO agent orders token\nGET a\nGET salary\nPUT b 1 2\nPUT a 1\nwhat\n");
    let asked = house.wait(|fact| match fact {
        Fact::GrantNeeded { session, user, database, credential } => {
            Some((session.clone(), [user, database, credential].map(String::clone)))
        }
        _ => None,
    });
    assert_eq!(asked.1, ["agent", "orders", "token"]);
    let grant = Grant { record: Record::Full, ..opens(&["a"], &["b"]) };
    assert!(house.engine.admit(&asked.0, grant, house.lease()));
    assert_eq!(client.lines(1), ["OK"]);
    let answers = [
        "VALUE of a",
        "ERR denied: salary may not be read (key_not_readable)",
        "DONE",
        "ERR denied: a may not be written (key_not_writable)",
        "ERR malformed: the line is no GET key and no PUT key value (line_not_understood)",
    ];
    assert_eq!(client.lines(5), answers);
    let [live] = &house.engine.sessions()[..] else { panic!("one session lives") };
    assert_eq!((live.principal.as_str(), live.statements, live.bytes_in), ("cid:0oa1", 5, 40));
    house.engine.stop();
    assert_eq!(client.rest(), "ERR over: the gateway is shutting down\n");
    assert_eq!(*house.heard(), ["HELLO upstream secret", "GET a", "PUT b 1 2"]);

    let one = |frame: &str| vec![frame.to_owned()];
    let said = |code: &str, line: &str| {
        let digest = blake3::hash(format!("{line}\n").as_bytes()).to_hex();
        vec![format!("result {code} {digest}"), format!("rows {line}")]
    };
    let expected = [
        one("start agent orders"),
        one("decision connect true granted"),
        said("", "OK"),
        one("decision GET a true granted"),
        one("request GET a"),
        said("", answers[0]),
        one("decision GET salary false key_not_readable"),
        said("denied", answers[1]),
        one("decision PUT b 1 2 true granted"),
        one("request PUT b 1 2"),
        said("", answers[2]),
        one("decision PUT a 1 false key_not_writable"),
        said("denied", answers[3]),
        one("decision what false line_not_understood"),
        said("malformed", answers[4]),
        said("over", "ERR over: the gateway is shutting down"),
        one("end gateway shutdown over 5"),
    ];
    let recorded = house.recorded(|frame| match frame {
        Frame::SessionStart(start) => format!("start {} {}", start.principal_name, start.target),
        Frame::Decision(decision) => {
            format!("decision {} {} {}", decision.action, decision.allow, decision.reason)
        }
        Frame::Request(request) => format!("request {}", String::from_utf8_lossy(request.name)),
        Frame::Result(span) => {
            let digest = blake3::Hash::from(span.digest).to_hex();
            format!("result {} {digest}", String::from_utf8_lossy(span.sqlstate))
        }
        Frame::Rows(line) => format!("rows {}", String::from_utf8_lossy(line).trim_end()),
        Frame::SessionEnd(end) => {
            format!("end {} {} {} {}", end.closed_by, end.reason, end.sqlstate, end.statements)
        }
        other => format!("{other:?}"),
    });
    assert_eq!(recorded, expected.concat());
}

#[test]
fn the_grants_time_cuts_the_session() {
    let mut house = House::start("time");
    let (mut client, session) = house.admitted();
    let mut grant = opens(&["a"], &[]);
    grant.deadline = Instant::now() + Duration::from_millis(200);
    assert!(house.engine.regrant(&session, grant));
    assert_eq!(client.rest(), "ERR over: grant g_1 expired at 2026-11-23 22:15:00 UTC\n");
    assert_eq!(house.ended(), ["gateway", "grant_expired", "over"]);
}

#[test]
fn a_drain_waits_for_the_answer_that_is_owed() {
    let mut house = House::start("drain");
    let (mut idle, _) = house.admitted();
    let (mut busy, _) = house.admitted();
    busy.say("GET slow\n");
    house.wait_heard("GET slow");
    house.engine.drain(Duration::from_secs(60));
    assert_eq!(idle.rest(), "ERR over: the gateway is shutting down\n");
    house.let_go();
    assert_eq!(busy.rest(), "VALUE of slow\nERR over: the gateway is shutting down\n");
    house.wait(|fact| matches!(fact, Fact::Drained {}).then_some(()));
}

#[test]
fn a_budget_that_is_used_up_refuses_or_cuts() {
    let mut house = House::start("budgets");
    let limited = |id: &str, budgets: Budgets| {
        let mut grant = opens(&["a", "slow"], &[]);
        grant.id = id.to_owned();
        Grant { budgets, ..grant }
    };
    let used_up = |id: &str, which: &str| format!("ERR limit: grant {id} has used up its budget: {which}");

    let budgets = Budgets { statements: Some(1), ..Budgets::default() };
    let (mut client, _) = house.admitted_by(limited("g_s", budgets));
    client.say("GET a\nGET a\n");
    let refused = used_up("g_s", "statements (budget_statements)");
    assert_eq!(client.lines(2), ["VALUE of a", &refused]);

    let budgets = Budgets { bytes: Some(10), ..Budgets::default() };
    let (mut client, _) = house.admitted_by(limited("g_b", budgets));
    client.say("GET a\n");
    assert_eq!(client.lines(1), [used_up("g_b", "bytes (budget_bytes)")]);

    let budgets = Budgets { wall_time: Some(Duration::from_millis(50)), ..Budgets::default() };
    let (mut client, _) = house.admitted_by(limited("g_t", budgets));
    client.say("GET slow\n");
    assert_eq!(client.rest(), used_up("g_t", "wall_time") + "\n");
    house.wait_heard("GET slow");
    house.let_go();
}

#[test]
fn the_end_of_either_side_ends_the_session() {
    let mut house = House::start("ends");
    let (client, _) = house.admitted();
    drop(client);
    assert_eq!(house.ended(), ["downstream", "the client closed the connection", ""]);

    let (mut client, _) = house.admitted();
    client.say("GET gone\n");
    assert_eq!(client.rest(), "ERR target: the target closed the connection\n");
    assert_eq!(house.ended(), ["upstream", "the target closed the connection", "target"]);

    let mut client = house.connect(Protocol::Skeleton);
    client.say("HELLO agent orders token\n");
    let session = house.asked();
    let lease = Lease { user: "nobody".to_owned(), ..house.lease() };
    assert!(house.engine.admit(&session, opens(&["a"], &[]), lease));
    assert_eq!(client.rest(), "ERR target: the target did not let the gateway in\n");
}

#[test]
fn a_grant_of_another_protocol_ends_the_connection() {
    let mut house = House::start("other");
    let mut postgres = opens(&[], &[]);
    postgres.rights = Rights::Postgres(Default::default());

    let mut client = house.connect(Protocol::Skeleton);
    client.say("HELLO agent orders token\n");
    let session = house.asked();
    assert!(house.engine.admit(&session, postgres.clone(), house.lease()));
    assert_eq!(client.rest(), format!("ERR denied: {OTHER}\n"));
    assert_eq!(house.ended(), ["gateway", "a grant for another protocol", "denied"]);

    let (mut client, session) = house.admitted();
    assert!(house.engine.regrant(&session, postgres));
    assert_eq!(client.rest(), format!("ERR denied: {OTHER}\n"));
    assert_eq!(house.ended(), ["gateway", "a grant for another protocol", "denied"]);

    let mut client = house.connect(Protocol::Postgres);
    client.say("\0\0\0\x24\0\x03\0\0user\0agent\0database\0orders\0\0p\0\0\0\x0atoken\0");
    let session = house.asked();
    assert!(house.engine.admit(&session, opens(&["a"], &[]), house.lease()));
    let said = client.rest();
    assert!(said.contains("C28000") && said.contains(OTHER), "{said:?}");
    assert_eq!(house.ended(), ["gateway", "a grant for another protocol", "28000"]);
    assert_eq!(*house.heard(), ["HELLO upstream secret"], "nothing went to a target but the one login");
}

#[test]
fn each_listener_has_the_tls_names_of_its_protocol() {
    let house = House::start("alpn");
    let [skeleton, postgres] = house.engine.addresses() else { panic!("two listeners") };
    for (address, alpn, fits) in [
        (skeleton, "skeleton", true),
        (skeleton, "postgresql", false),
        (postgres, "postgresql", true),
        (postgres, "skeleton", false),
    ] {
        let mut client = Client::connect(*address, alpn);
        let shaken = client.stream.conn.complete_io(&mut client.stream.sock);
        assert_eq!(shaken.is_ok(), fits, "{alpn} {shaken:?}");
    }
}
