//! However the bytes of either side are split and interleaved, both sides get the same bytes and the recording
//! has the same statements.

use hoopwire_postgres_policy::Actions;
use proptest::prelude::*;

use crate::link::check::Entry;
use crate::server::{Peer, bind, call, describe, execute, parse, query, sync};
use hoopwire_testkit::messages::framed;

/// Things that a principal may say without waiting for an answer.
fn piece(which: u8) -> Vec<u8> {
    match which % 14 {
        0 => query("select"),
        1 => query("begin"),
        2 => query("commit"),
        3 => query("fail"),
        4 => query("notify"),
        5 => query("big 5000"),
        6 => call(),
        7 => query(&"x".repeat(3000)),
        8 => [parse("s", "select"), bind("s", b"1"), describe("s"), execute(), sync()].concat(),
        9 => [parse("", "nonsense"), bind("", b"1"), execute(), call(), sync()].concat(),
        10 => {
            [parse("", "select"), bind("", b"1"), execute(), parse("", &"x".repeat(3000)), execute(), sync()]
                .concat()
        }
        11 => [parse("", "select"), bind("", &vec![b'v'; 70_000]), execute(), sync()].concat(),
        12 => [parse("", "copyout"), bind("", b"1"), execute(), framed(b'H', b""), sync()].concat(),
        _ => query("notice;notice"),
    }
}

/// Who moves next, and by how many bytes.
#[derive(Clone, Debug)]
enum Step {
    Principal(usize),
    Target(usize),
}

fn run(script: &[u8], steps: &[Step]) -> (Vec<u8>, Vec<u8>, Vec<Entry>) {
    let mut peer = Peer::ready(Actions::QUERY);
    let said: Vec<u8> = script.iter().flat_map(|which| piece(*which)).collect();
    let mut rest = &said[..];
    let mut steps = steps.iter().cycle();
    while !rest.is_empty() {
        match steps.next() {
            Some(Step::Principal(bytes)) => {
                let (now, later) = rest.split_at(rest.len().min(*bytes));
                peer.link.principal(now);
                rest = later;
            }
            Some(Step::Target(bytes)) => {
                peer.ship();
                peer.deliver(*bytes);
            }
            None => {
                peer.link.principal(rest);
                rest = &[];
            }
        }
    }
    let chunk = steps.find_map(|step| if let Step::Target(bytes) = step { Some(*bytes) } else { None });
    loop {
        peer.ship();
        if peer.replies.is_empty() {
            break;
        }
        peer.deliver(chunk.unwrap_or(usize::MAX));
    }
    assert!(!peer.link.session.is_closed());
    let statements = peer.link.ledger.entries.iter().filter(|entry| {
        matches!(entry, Entry::Statement { .. } | Entry::Execute { .. } | Entry::Report { .. })
    });
    let mut statements: Vec<Entry> = statements.cloned().collect();
    // reports come when the target answers: their place among the statements is the interleaving's
    statements.sort_by_key(|entry| matches!(entry, Entry::Report { .. }));
    (peer.link.down.clone(), peer.link.up.clone(), statements)
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![4 => 1_usize..8, 2 => 1_usize..400, 1 => 1_usize..100_000];
    (any::<bool>(), bytes)
        .prop_map(|(principal, bytes)| if principal { Step::Principal(bytes) } else { Step::Target(bytes) })
}

/// What is behind an error is not run: which statement it names is told as long as the error is not known.
fn says_the_same(left: &Entry, right: &Entry) -> bool {
    match (left, right) {
        (Entry::Execute { no: left }, Entry::Execute { no: right }) => {
            left == right || *left == 0 || *right == 0
        }
        _ => left == right,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn splits_and_interleavings_do_not_matter(
        script in proptest::collection::vec(any::<u8>(), 1..12),
        mut steps in proptest::collection::vec(step(), 1..40),
    ) {
        // or a script of big messages takes minutes
        steps.push(Step::Principal(9_000));
        steps.push(Step::Target(9_000));
        let whole = run(&script, &[]);
        let split = run(&script, &steps);
        prop_assert_eq!(whole.2.len(), split.2.len());
        for (left, right) in whole.2.iter().zip(&split.2) {
            prop_assert!(says_the_same(left, right), "{left:?}, {right:?}");
        }
        prop_assert!(whole.0 == split.0, "the principal got other bytes");
        prop_assert!(whole.1 == split.1, "the target got other bytes");
    }
}
