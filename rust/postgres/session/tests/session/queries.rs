//! Simple and extended queries, pipelines, and denials in the middle of them.

use hoopwire_postgres_policy::Actions;
use hoopwire_testkit::messages::framed;

use crate::link::STATEMENT_MAX_BYTES;
use crate::link::check::Entry;
use crate::server::{Peer, bind, call, describe, execute, parse, query, sync};

fn statements(peer: &Peer) -> Vec<(u64, &'static str, bool)> {
    let entries = peer.link.ledger.entries.iter();
    entries
        .filter_map(|entry| match entry {
            Entry::Statement { no, via, allow, .. } => Some((*no, *via, *allow)),
            _ => None,
        })
        .collect()
}

/// Statement, rows, tag and SQLSTATE of each result.
fn results(peer: &Peer) -> Vec<(u64, u64, String, String)> {
    let entries = peer.link.ledger.entries.iter();
    entries
        .filter_map(|entry| match entry {
            Entry::Result { no, rows, tag, sqlstate, last: true, .. } if *no > 0 => {
                Some((*no, *rows, tag.clone(), sqlstate.clone()))
            }
            _ => None,
        })
        .collect()
}

fn oversize(tag: u8) -> Vec<u8> {
    let text = "x".repeat(STATEMENT_MAX_BYTES);
    if tag == b'Q' { query(&text) } else { parse("", &text) }
}

#[test]
fn a_simple_query_and_its_result() {
    let mut peer = Peer::ready(Actions::QUERY);
    assert_eq!(peer.say(&query("select 1;select 2")), "T D D C T D D C Z:I");
    assert_eq!(statements(&peer), [(1, "simple", true)]);
    let result = (1, 2, "SELECT 2".to_owned(), String::new());
    assert_eq!(results(&peer), [result.clone(), result]);
    assert_eq!(peer.say(&query("fail")), "E:22012 Z:I");
    assert_eq!(results(&peer)[2], (2, 0, String::new(), "22012".to_owned()));
    assert_eq!(peer.link.session.counters().rows, 4);
}

#[test]
fn an_extended_query_with_a_typed_parameter() {
    let mut peer = Peer::ready(Actions::QUERY);
    let ahead = [parse("s", "select $1"), describe("s"), bind("s", b"4"), execute(), sync()].concat();
    assert_eq!(peer.say(&ahead), "1 t T 2 D D C Z:I");
    assert_eq!(peer.say(&[bind("s", b"5"), execute(), sync()].concat()), "2 D D C Z:I");
    assert_eq!(statements(&peer), [(1, "parse", true)]);
    let binds: Vec<_> = peer.link.ledger.entries.iter().filter(|e| matches!(e, Entry::Bind { .. })).collect();
    assert_eq!(binds, [&Entry::Bind { no: 1, parameters: 1, types: vec![23] }; 2]);
    assert!(peer.link.ledger.entries.contains(&Entry::Execute { no: 1 }));
    assert_eq!(results(&peer).len(), 2);
}

#[test]
fn pipelined_statements_keep_their_own_results() {
    // A gateway paired pipelined statements with the results of others.
    let mut peer = Peer::ready(Actions::QUERY);
    let one = |text: &str| [parse("", text), bind("", b"1"), execute()].concat();
    let all = [one("select 1"), one("begin"), one("notify"), sync(), query("select"), query("fail")].concat();
    assert_eq!(peer.say(&all), "1 2 D D C 1 2 C 1 2 A C Z:T T D D C Z:T E:22012 Z:E");
    let numbers: Vec<_> =
        results(&peer).into_iter().map(|(no, _, tag, sqlstate)| (no, tag + &sqlstate)).collect();
    let expected = [(1, "SELECT 2"), (2, "BEGIN"), (3, "NOTIFY"), (4, "SELECT 2"), (5, "22012")]
        .map(|(no, tag)| (no, tag.to_owned()));
    assert_eq!(numbers, expected);
}

#[test]
fn an_error_skips_to_the_sync_and_the_next_round_is_in_step() {
    let mut peer = Peer::ready(Actions::QUERY);
    let broken = [parse("", "nonsense"), bind("", b"1"), execute(), sync(), query("select")].concat();
    assert_eq!(peer.say(&broken), "E:42601 Z:I T D D C Z:I");
    // the Sync comes only after the error
    assert_eq!(peer.say(&parse("", "nonsense")), "E:42601");
    assert_eq!(peer.say(&[bind("", b"1"), execute()].concat()), "");
    assert_eq!(peer.say(&sync()), "Z:I");
    assert_eq!(peer.say(&query("select")), "T D D C Z:I");
}

#[test]
fn a_denied_function_call_leaves_the_state_that_an_error_leaves() {
    // A gateway answered a denial with the status "idle" inside a transaction: the client believed it was over.
    // Another left the transaction as if nothing had failed: a server never does that after an error.
    let mut peer = Peer::ready(Actions::QUERY);
    assert_eq!(peer.say(&call()), "E:42501 Z:I");
    assert_eq!(peer.say(&query("begin")), "C Z:T");
    assert_eq!(peer.say(&call()), "E:42501 Z:E");
    assert!(peer.last_error(b'D').contains("function-call"));
    assert_eq!(peer.say(&query("fail")), "E:22012 Z:E");
    assert_eq!(peer.say(&call()), "E:42501 Z:E");
    assert_eq!(peer.say(&query("commit")), "C Z:I");
    assert_eq!(statements(&peer)[..2], [(1, "function_call", false), (2, "simple", true)]);
    assert!(!peer.link.up.windows(call().len()).any(|part| part == call()));
}

#[test]
fn a_granted_function_call_goes_up_with_its_digest() {
    let mut peer = Peer::ready(Actions::QUERY.with(Actions::FUNCTION_CALL));
    assert_eq!(peer.say(&call()), "V Z:I");
    let input = Entry::Input { bytes: call().len() as u64 };
    assert!(peer.link.ledger.entries.contains(&input));
    assert_eq!(results(&peer), [(1, 0, String::new(), String::new())]);
}

#[test]
fn a_denial_keeps_its_place_in_the_pipeline() {
    // A gateway answered a denial at once, before the replies to what was asked earlier.
    let mut peer = Peer::ready(Actions::QUERY);
    let all = [query("begin"), call(), query("select"), oversize(b'Q'), query("commit"), call()].concat();
    peer.link.principal(&all);
    assert_eq!(peer.news(), "", "nothing is due before the target answers");
    peer.ship();
    while !peer.replies.is_empty() {
        peer.deliver(1);
    }
    assert_eq!(peer.news(), "C Z:T E:42501 Z:E T D D C Z:E E:54000 Z:E C Z:I E:42501 Z:I");
}

#[test]
fn a_statement_over_the_limit_is_denied_recorded_and_not_forwarded() {
    // A statement that was refused for its length was counted and not recorded.
    let mut peer = Peer::ready(Actions::QUERY);
    for tag in [b'Q', b'P'] {
        for size in [7, usize::MAX] {
            for piece in oversize(tag).chunks(size.min(4096)) {
                peer.link.principal(piece);
            }
        }
    }
    assert_eq!(peer.say(&sync()), "E:54000 Z:I E:54000 Z:I E:54000 Z:I");
    let denied = peer.link.ledger.entries.iter().filter(
        |entry| matches!(entry, Entry::Statement { allow: false, reason, .. } if reason == "statement_too_long"),
    );
    assert_eq!(denied.count(), 3, "the second Parse stands behind a denial and before its Sync");
    assert!(peer.last_error(b'H').contains("limits.statement"));
    assert!(!peer.link.up.windows(3).any(|part| part == b"xxx"));
}

#[test]
fn a_denied_parse_in_a_pipeline_discards_to_the_sync() {
    let mut peer = Peer::ready(Actions::QUERY);
    let before = [parse("", "select"), bind("", b"1"), execute()].concat();
    let behind = [bind("", b"2"), execute(), call(), query("select")].concat();
    let all = [before, oversize(b'P'), behind, sync(), query("select")].concat();
    assert_eq!(peer.say(&all), "1 2 D D C E:54000 Z:I T D D C Z:I");
    assert_eq!(
        peer.link.ledger.entries.iter().filter(|entry| matches!(entry, Entry::Bind { .. })).count(),
        1
    );

    let mut peer = Peer::ready(Actions::QUERY);
    let ahead = [parse("", "select"), bind("", b"1"), execute(), oversize(b'P')].concat();
    assert_eq!(peer.say(&ahead), "1 2 D D C E:54000", "before the Sync comes");
    assert_eq!(peer.say(&[framed(b'H', b""), sync()].concat()), "Z:I");
}

#[test]
fn the_recording_names_the_statement_that_ran() {
    // A Parse that the target skipped gave its number to what was executed by the name: the recording told of a
    // harmless statement where another one ran.
    let bound = |behind: &[u8]| {
        let mut peer = Peer::ready(Actions::QUERY);
        peer.say(&[parse("s", "select"), sync()].concat());
        let harmless = [parse("s", "select"), sync()].concat();
        let skipped = [parse("", "nonsense"), framed(b'C', b"Ss\0"), harmless].concat();
        peer.say(&[&skipped[..], behind].concat());
        peer.say(&[bind("s", b"1"), execute(), sync()].concat());
        let entries = peer.link.ledger.entries.iter();
        entries
            .filter_map(|entry| if let Entry::Bind { no, .. } = entry { Some(*no) } else { None })
            .collect::<Vec<u64>>()
    };
    assert_eq!(bound(b""), [1]);
    assert_eq!(bound(&[bind("s", b"1"), execute(), sync()].concat()), [0, 1], "not known before the answer");
}

#[test]
fn what_sql_prepares_is_not_taken_for_what_was_parsed() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.say(&[parse("s", "select"), sync()].concat());
    peer.link.principal(&query("deallocate s; prepare s as select"));
    peer.link
        .target(&[framed(b'C', b"DEALLOCATE\0"), framed(b'C', b"PREPARE\0"), framed(b'Z', b"I")].concat());
    peer.news();
    peer.link.principal(&bind("s", b"1"));
    assert_eq!(peer.link.ledger.entries.last(), Some(&Entry::Bind { no: 0, parameters: 1, types: vec![0] }));
}

#[test]
fn a_denial_behind_an_error_is_skipped_like_any_request() {
    let mut peer = Peer::ready(Actions::QUERY);
    let all = [parse("", "nonsense"), oversize(b'P'), call(), sync(), query("select")].concat();
    assert_eq!(peer.say(&all), "E:42601 Z:I T D D C Z:I");
}

#[test]
fn a_denial_while_a_copy_out_streams_is_answered() {
    // A request that was denied while a COPY out was streaming was never answered: its client waited for ever.
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("copyout"));
    peer.ship();
    peer.deliver(20);
    peer.link.principal(&call());
    peer.pump();
    assert_eq!(peer.news(), "H d d d c C Z:I E:42501 Z:I");
}

#[test]
fn nothing_of_a_refused_request_reaches_the_target() {
    // What goes up in its place is a fixed text: a name or a literal of the refused one would be in the target's log.
    let mut peer = Peer::ready(Actions::FUNCTION_CALL);
    let before = peer.link.up.len();
    let secret = [parse("sesame", "select 'sesame'"), bind("sesame", b"sesame"), execute(), sync()].concat();
    assert_eq!(peer.say(&[query("select 'sesame'"), secret].concat()), "E:42501 Z:I E:42501 Z:I");
    assert!(!peer.link.up[before..].windows(6).any(|part| part == b"sesame"));
}

#[test]
fn a_target_that_runs_what_stands_for_a_refused_request_ends_the_session() {
    // "Nothing passes undecided" rests on the target's error: one that does not come is looked at as hostile.
    for answer in [&b"C\0\0\0\x0dSELECT 1\0"[..], b"D\0\0\0\x0b\0\x01\0\0\0\x011", b"1\0\0\0\x04"] {
        let mut peer = Peer::ready(Actions::QUERY);
        peer.link.principal(&call());
        peer.link.target(answer);
        assert_eq!(peer.news(), "E:08P01");
        assert!(peer.link.session.is_closed());
    }
}

#[test]
fn without_the_action_every_class_of_request_is_denied_and_sync_is_answered() {
    let mut peer = Peer::ready(Actions::FUNCTION_CALL);
    assert_eq!(peer.say(&query("select")), "E:42501 Z:I");
    assert_eq!(peer.say(&[parse("", "select"), bind("", b"1"), execute(), sync()].concat()), "E:42501 Z:I");
    assert_eq!(peer.say(&[bind("", &[b'x'; 100_000]), sync()].concat()), "E:42501 Z:I");
    assert_eq!(peer.say(&call()), "V Z:I");
}

#[test]
fn what_no_client_sends_ends_the_session() {
    let long_name = vec![b'n'; 20_000];
    let messages = [
        framed(b'p', b"second password\0"),
        framed(b'?', b""),
        framed(b'Q', b"no terminator"),
        framed(b'Q', b"two\0texts\0"),
        framed(b'P', b"\0select\0\0\x02\0\0\0\x17"),
        framed(b'P', b"\0select\0\xff\xff"),
        framed(b'E', b"\0"),
        framed(b'D', &long_name),
        b"Q\0\0\0\x03".to_vec(),
        b"Q\xff\xff\xff\xff".to_vec(),
        b"d\x7f\xff\xff\xff".to_vec(),
    ];
    for message in messages {
        let mut peer = Peer::ready(Actions::QUERY);
        let up = peer.link.up.len();
        assert_eq!(peer.say(&[query("select"), message.clone()].concat()).split(' ').next(), Some("E:08P01"));
        assert_eq!(peer.link.up.len(), up + query("select").len(), "{message:?}");
    }
}
