//! O1: the end of a transaction passes, however it is sent, and whatever is used up or not known.

use std::time::Duration;

use hoopwire_grant::Budgets;
use hoopwire_postgres_policy::{Actions, Grant};
use hoopwire_testkit::messages::framed;

use crate::exact::{PEOPLE, masked, read};
use crate::server::{Peer, bind, describe, execute, parse, query, sync};

/// A session that prepared `said`, in a transaction that has failed since, with a catalogue that is too old.
fn failed(change: impl FnOnce(&mut Grant), said: &[u8]) -> Peer {
    let (mut peer, _) = Peer::exact(read(), PEOPLE, change);
    if !said.is_empty() {
        peer.say(&[said, &sync()].concat());
    }
    assert_eq!(peer.say(&query("begin")), "C Z:T");
    assert_eq!(peer.say(&query("fail")), "E:42601 Z:E");
    peer.link.wait(Duration::from_secs(11));
    peer
}

fn flush() -> Vec<u8> {
    framed(b'H', b"")
}

#[test]
fn a_named_rollback_was_refused_while_the_catalogue_was_old() {
    // O1: Parse, Bind, Execute of a ROLLBACK that has a name: 55000 for ever, and a pool that hangs.
    for change in [masked, |_: &mut Grant| {}] {
        let one_round = [parse("S_1", "ROLLBACK"), bind("S_1", b"1"), execute(), sync()].concat();
        assert_eq!(failed(change, b"").say(&one_round), "1 2 C Z:I", "as pgjdbc sends it");

        let mut peer = failed(change, b"");
        assert_eq!(peer.say(&[parse("x1", "rollback"), describe("x1"), flush()].concat()), "1 t n");
        assert_eq!(
            peer.say(&[bind("x1", b"1"), execute(), sync()].concat()),
            "2 C Z:I",
            "as postgres.js does"
        );

        let mut peer = failed(change, b"");
        assert_eq!(peer.say(&[parse("x1", "rollback"), sync()].concat()), "1 Z:E");
        assert_eq!(peer.say(&[bind("x1", b"1"), sync()].concat()), "2 Z:E");
        assert_eq!(peer.say(&[bind("x1", b"1"), execute(), sync()].concat()), "2 C Z:I");

        let mut peer = failed(change, &parse("x1", "rollback"));
        assert_eq!(peer.say(&[bind("x1", b"1"), execute(), sync()].concat()), "2 C Z:I", "prepared before");
    }
}

#[test]
fn texts_that_only_move_transactions_need_no_catalogue() {
    for text in [
        "rollback",
        "ROLLBACK;BEGIN",
        "rollback; begin; savepoint a",
        "commit; begin isolation level serializable",
    ] {
        let mut peer = failed(masked, b"");
        let said = peer.say(&query(text));
        assert!(!said.contains("E:55000"), "{text}: {said}");
        let mut peer = failed(masked, b"");
        assert_eq!(
            peer.say(&query("rollback; select 1 from orders")),
            "E:55000 Z:E",
            "what may run is decided"
        );
    }
}

#[test]
fn a_statement_behind_the_end_in_one_round_is_still_decided_by_what_is_known_now() {
    let mut peer = failed(masked, &parse("q", "select id from people"));
    let end = [parse("r", "rollback"), bind("r", b"1"), execute()].concat();
    assert_eq!(peer.say(&[end, bind("q", b"1"), execute(), sync()].concat()), "1 2 C E:55000 Z:I");
}

/// Ready, in a transaction, with a budget of which nothing is left.
fn used_up(budgets: Budgets) -> Peer {
    let mut peer = Peer::ready_with(Actions::QUERY, |grant| grant.budgets = budgets);
    assert_eq!(peer.say(&[parse("old", "rollback"), parse("other", "select 1"), sync()].concat()), "1 1 Z:I");
    assert_eq!(peer.say(&query("begin")), "C Z:T");
    peer.say(&query("select 1"));
    assert!(peer.say(&query("select 1")).starts_with("E:54000"));
    peer
}

#[test]
fn with_a_budget_used_up_a_transaction_can_be_left() {
    // O1: 54000 for ever where the ROLLBACK had a name, came in two rounds, or had a comment.
    let ends: &[&[Vec<u8>]] = &[
        &[query("rollback")],
        &[query("/* app */ ROLLBACK -- x")],
        &[query("rollback to savepoint \"a\"")],
        &[query("commit and chain")],
        &[[parse("", "rollback"), bind("", b"1"), execute(), sync()].concat()],
        &[[parse("r", "rollback"), bind("r", b"1"), execute(), sync()].concat()],
        &[
            [parse("r", "rollback"), describe("r"), flush()].concat(),
            [bind("r", b"1"), execute(), sync()].concat(),
        ],
        &[[parse("r", "rollback"), sync()].concat(), [bind("r", b"1"), execute(), sync()].concat()],
        &[[parse("r", "rollback"), sync(), bind("r", b"1"), execute(), sync()].concat()],
        &[[bind("old", b"1"), execute(), sync()].concat()],
    ];
    let some = |change: fn(&mut Budgets)| {
        let mut budgets = Budgets::default();
        change(&mut budgets);
        budgets
    };
    for budgets in [
        some(|budgets| budgets.rows = Some(1)),
        some(|budgets| budgets.bytes = Some(90)),
        some(|budgets| budgets.statements = Some(2)),
    ] {
        for end in ends {
            let mut peer = used_up(budgets);
            let said: Vec<String> = end.iter().map(|said| peer.say(said)).collect();
            assert!(!said.concat().contains("E:"), "{budgets:?}: {said:?} to {end:?}");
        }
    }
}

#[test]
fn an_exhausted_budget_lets_nothing_else_through_by_the_name_of_an_end() {
    let used = || used_up(Budgets { rows: Some(1), ..Budgets::default() });
    for said in [
        [bind("other", b"1"), execute(), sync()].concat(),
        [parse("old2", "rollback; select 1"), bind("old2", b"1"), execute(), sync()].concat(),
        // the name may be either when it is bound
        [parse("old", "select 1"), sync(), bind("old", b"1"), execute(), sync()].concat(),
        query("rollback; begin"),
    ] {
        let heard = used().say(&said);
        assert!(heard.contains("E:54000"), "{heard}");
    }
}

#[test]
fn a_name_that_is_no_end_any_more_ends_the_session() {
    // A DO block can give the name of a ROLLBACK to another statement: it would have run for nothing, again and again.
    let mut peer = used_up(Budgets { rows: Some(1), ..Budgets::default() });
    peer.link.principal(&[bind("old", b"1"), execute(), sync()].concat());
    peer.link.target(&[framed(b'2', b""), framed(b'C', b"INSERT 0 1\0"), framed(b'Z', b"T")].concat());
    assert_eq!(peer.news(), "2 E:08P01");
}
