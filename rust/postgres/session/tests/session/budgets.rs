//! H3, H4: every byte that is delivered counts, and all that makes the target work.

use std::time::Duration;

use hoopwire_grant::Budgets;
use hoopwire_postgres_policy::Actions;
use hoopwire_session::Effect;
use hoopwire_testkit::messages::{framed, parameter};

use crate::server::{Peer, bind, call, describe, error, execute, parse, query, ready, sync};

fn peer(change: impl FnOnce(&mut Budgets)) -> Peer {
    let mut budgets = Budgets::default();
    change(&mut budgets);
    Peer::ready_with(Actions::QUERY.with(Actions::FUNCTION_CALL), |grant| grant.budgets = budgets)
}

fn bytes(limit: u64) -> Peer {
    peer(|budgets| budgets.bytes = Some(limit))
}

fn said(tag: u8, sqlstate: &str, text: &str) -> Vec<u8> {
    let severity = if tag == b'E' { "ERROR" } else { "NOTICE" };
    framed(tag, format!("S{severity}\0V{severity}\0C{sqlstate}\0M{text}\0\0").as_bytes())
}

fn got(peer: &Peer, text: &str) -> bool {
    peer.link.down.windows(text.len()).any(|part| part == text.as_bytes())
}

fn cancels(peer: &Peer) -> usize {
    peer.link.effects.iter().filter(|effect| matches!(effect, Effect::Call(_))).count()
}

#[test]
fn all_that_is_delivered_is_counted() {
    let mut peer = peer(|_| {});
    let before = peer.link.down.len();
    for asked in [
        query("select 1"),
        query("fail"),
        query("notice"),
        query("notify"),
        query("copyout"),
        query("big 100000"),
        call(),
        [parse("", "select 1"), describe(""), bind("", b"1"), execute(), sync()].concat(),
        [parse("", "nonsense"), sync()].concat(),
    ] {
        peer.say(&asked);
    }
    peer.link.target(&parameter("application_name", "x"));
    assert_eq!(peer.link.spent.bytes(), (peer.link.down.len() - before) as u64);
}

#[test]
fn an_error_carried_all_rows_out() {
    // H3: select string_agg(body, ',')::int
    for size in [5_000, 100_000] {
        let mut peer = bytes(1000);
        peer.link.principal(&query("select 1"));
        peer.ship();
        peer.replies.clear();
        let error = said(b'E', "22P02", &"secret".repeat(size / 6));
        for part in [error, ready(false, false)].concat().chunks(4096) {
            peer.link.target(part);
        }
        assert_eq!(peer.news(), "E:54000 Z:I");
        assert!(!got(&peer, "secret"));
        assert!(peer.last_error(b'D').ends_with("code: budget_bytes"), "{}", peer.last_error(b'D'));
        assert_eq!(peer.say(&query("select 1")), "E:54000 Z:I");
        assert_eq!(peer.link.spent.bytes(), 1000);
    }
}

#[test]
fn an_error_that_fits_is_told() {
    let mut peer = bytes(1000);
    assert_eq!(peer.say(&query("fail")), "E:22012 Z:I");
    assert!(peer.link.spent.bytes() > 0);
}

#[test]
fn notices_were_a_road_around_the_bytes() {
    let mut peer = bytes(250);
    peer.link.principal(&query("begin"));
    peer.pump();
    peer.news();
    peer.link.principal(&query("select 1"));
    peer.ship();
    peer.replies.clear();
    let notice = said(b'N', "00000", "some of the secret");
    for _ in 0..20 {
        peer.link.target(&notice);
    }
    let told = peer.news();
    assert!(told.starts_with("N N N") && told.ends_with("N E:54000"), "{told}");
    assert!(cancels(&peer) > 0);
    peer.link.target(&[error("57014"), ready(true, true)].concat());
    peer.pump();
    assert_eq!(peer.news(), "Z:E", "as after an error: what stands for the statement fails");
}

#[test]
fn notices_in_a_copy_from_end_it() {
    let mut peer = bytes(150);
    peer.link.principal(&query("copyin"));
    peer.pump();
    assert_eq!(peer.news(), "G");
    let notice = said(b'N', "00000", "some of the secret");
    for _ in 0..5 {
        peer.link.target(&notice);
    }
    let told = peer.news();
    assert!(told.ends_with("N E:54000"), "{told}");
    peer.link.principal(&framed(b'd', b"1\n"));
    peer.pump();
    assert_eq!(peer.news(), "Z:I", "the COPY failed");
    assert_eq!(peer.say(&query("select 1")), "E:54000 Z:I");
}

#[test]
fn what_tells_of_settings_and_listeners_counts_too() {
    let mut peer = bytes(100);
    peer.link.target(&framed(b'A', format!("\0\0\0\x01channel\0{}\0", "secret".repeat(30)).as_bytes()));
    assert_eq!(peer.news(), "E:54000", "a listener that is told nothing would wait for ever");
    assert!(peer.link.session.is_closed() && !got(&peer, "secret"));

    let mut peer = bytes(100);
    peer.link.target(&parameter("application_name", &"secret".repeat(50)));
    assert_eq!(peer.news(), "E:54000");
    assert!(!got(&peer, "secret"));

    let mut peer = bytes(100);
    for _ in 0..100 {
        peer.link.target(&parameter("application_name", "secret"));
    }
    let told = peer.news();
    assert!(told.ends_with("S E:54000"), "not without end: {told}");
}

#[test]
fn names_of_columns_and_results_of_functions_count() {
    let mut peer = bytes(100);
    peer.link.principal(&query("select 1"));
    peer.ship();
    peer.replies.clear();
    let described = [b"\0\x01", "secret".repeat(20).as_bytes(), &[0; 19]].concat();
    peer.link.target(&framed(b'T', &described));
    assert_eq!(peer.news(), "E:54000");

    let mut peer = bytes(100);
    assert_eq!(peer.say(&call()), "V Z:I");
    peer.link.principal(&call());
    peer.ship();
    peer.replies.clear();
    let large = framed(b'V', &[&600_u32.to_be_bytes()[..], "secret".repeat(100).as_bytes()].concat());
    for part in large.chunks(100) {
        peer.link.target(part);
    }
    peer.link.target(&ready(false, false));
    peer.pump();
    assert_eq!(peer.news(), "E:54000 Z:I");
    assert!(!got(&peer, "secret"));

    let mut peer = self::peer(|budgets| budgets.rows = Some(1));
    assert_eq!(peer.say(&call()), "V Z:I");
    assert_eq!(peer.say(&call()), "E:54000 Z:I", "a result is a row");
}

#[test]
fn to_parse_and_to_plan_took_time_that_nobody_counted() {
    // H4: Parse, Bind, Sync of an expression that takes six seconds to fold.
    for behind in [execute(), describe(""), sync(), framed(b'H', b"")] {
        let mut peer = peer(|budgets| budgets.wall_time = Some(Duration::from_secs(5)));
        peer.link.principal(&[parse("", "select 1"), bind("", b"1"), behind].concat());
        peer.link.wait(Duration::from_secs(6));
        assert_eq!(cancels(&peer), 1);
        let begun = [framed(b'1', b""), error("57014")].concat();
        peer.link.target(&begun);
        assert_eq!(peer.news(), "1 E:54000");
        assert!(peer.last_error(b'D').ends_with("code: budget_wall_time"));
        assert_eq!(peer.link.spent.wall_time(), Duration::from_secs(6));
    }
}

#[test]
fn a_commit_that_fires_triggers_takes_time() {
    let mut peer = peer(|budgets| budgets.wall_time = Some(Duration::from_secs(5)));
    peer.link.principal(&[parse("", "select 1"), bind("", b"1"), execute(), sync()].concat());
    peer.link.target(&[framed(b'1', b""), framed(b'2', b""), framed(b'C', b"INSERT 0 1\0")].concat());
    peer.link.wait(Duration::from_secs(6));
    assert_eq!(cancels(&peer), 1);
    peer.link.target(&[error("57014"), ready(false, false)].concat());
    assert_eq!(peer.news(), "1 2 C E:54000 Z:I");
}

#[test]
fn the_time_before_a_sync_is_the_principals() {
    // A server keeps its answer back until Flush or Sync: a client that thinks meanwhile pays a second at most.
    let mut peer = peer(|budgets| budgets.wall_time = Some(Duration::from_secs(60)));
    peer.link.principal(&[parse("", "select 1"), bind("", b"1")].concat());
    peer.ship();
    peer.link.wait(Duration::from_secs(1));
    peer.pump();
    assert_eq!(peer.news(), "1 2");
    peer.link.wait(Duration::from_secs(100));
    assert_eq!(peer.link.spent.wall_time(), Duration::from_secs(1));
    assert_eq!(peer.say(&[execute(), sync()].concat()), "D D C Z:I");
}

#[test]
fn a_function_that_catches_its_cancel_ends_its_session() {
    let mut peer = peer(|budgets| budgets.wall_time = Some(Duration::from_secs(1)));
    peer.link.principal(&query("select 1"));
    for _ in 0..8 {
        peer.link.wait(Duration::from_secs(1));
    }
    assert!(peer.link.session.is_closed());
    assert_eq!(peer.news(), "E:54000");
    assert_eq!(cancels(&peer), 6, "five, and one as it ends");
}

#[test]
fn a_statement_is_counted_once_however_far_it_goes() {
    // H4: a Bind without Execute is planned, and cost nothing.
    let three = || peer(|budgets| budgets.statements = Some(3));
    let whole = [parse("", "select 1"), bind("", b"1"), execute(), sync()].concat();
    let planned = [parse("", "select 1"), bind("", b"1"), sync()].concat();
    let again = [bind("s", b"1"), execute(), sync()].concat();
    for (first, each, heard) in [
        (sync(), whole, "1 2 D D C Z:I"),
        (sync(), planned, "1 2 Z:I"),
        (sync(), [parse("", "select 1"), sync()].concat(), "1 Z:I"),
        ([parse("s", "select 1"), sync()].concat(), again, "2 D D C Z:I"),
        ([parse("s", "select 1"), sync()].concat(), [bind("s", b"1"), sync()].concat(), "2 Z:I"),
    ] {
        let mut peer = three();
        peer.say(&first);
        for _ in 0..3 {
            assert_eq!(peer.say(&each), heard);
        }
        assert_eq!(peer.link.spent.statements(), 3);
        assert_eq!(peer.say(&each), "E:54000 Z:I");
    }
}

#[test]
fn where_texts_are_not_read_each_statement_of_one_is_counted_by_its_answer() {
    // Under `query` a text of a thousand statements was one.
    let mut peer = peer(|budgets| budgets.statements = Some(3));
    assert_eq!(peer.say(&query("select 1;select 2")), "T D D C T D D C Z:I");
    assert_eq!(peer.link.spent.statements(), 2);
    assert_eq!(peer.say(&query("select 1;select 2;select 3")), "T D D C E:54000 Z:I");
    assert_eq!(peer.say(&query("select 1")), "E:54000 Z:I");
}
