//! COPY both ways, and messages too big to be held.

use hoopwire_grant::Record;
use hoopwire_postgres_policy::Actions;
use hoopwire_testkit::messages::{framed, parameter};

use crate::link::check::Entry;
use crate::server::{Peer, bind, call, execute, parse, query, sync};

fn input_bytes(peer: &Peer) -> u64 {
    let entries = peer.link.ledger.entries.iter();
    entries.map(|entry| if let Entry::Input { bytes } = entry { *bytes } else { 0 }).sum()
}

#[test]
fn copy_in_is_recorded_by_digest() {
    let mut peer = Peer::ready(Actions::QUERY);
    assert_eq!(peer.say(&query("copyin")), "G");
    let rows: Vec<u8> = (0..100).flat_map(|i| framed(b'd', format!("{i}\n").as_bytes())).collect();
    assert_eq!(peer.say(&rows[..333]), "");
    assert_eq!(peer.say(&rows[333..]), "");
    assert_eq!(peer.say(&framed(b'c', b"")), "C Z:I");
    assert_eq!(input_bytes(&peer), rows.len() as u64);
    let last = Entry::Result {
        no: 1,
        rows: 0,
        bytes: 20,
        tag: "COPY 100".into(),
        last: true,
        sqlstate: String::new(),
    };
    assert!(peer.link.ledger.entries.contains(&last), "{:?}", peer.link.ledger.entries.last());
    assert_eq!(peer.say(&query("select")), "T D D C Z:I");
}

#[test]
fn copy_data_without_a_body_passes_however_it_is_split() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.say(&query("copyin"));
    for piece in [&b"d\0"[..], b"\0\0\x04", b"d\0\0\0\x04", b"d\0\0\0", b"\x04d\0\0\0\x04"] {
        peer.say(piece);
    }
    assert_eq!(peer.say(&framed(b'c', b"")), "C Z:I");
    assert_eq!(input_bytes(&peer), 20);
}

#[test]
fn a_copy_that_the_principal_fails_ends_in_step() {
    let mut peer = Peer::ready(Actions::QUERY);
    assert_eq!(peer.say(&query("copyin")), "G");
    assert_eq!(peer.say(&framed(b'f', b"my reason\0")), "E:57014 Z:I");
    assert!(peer.link.ledger.entries.contains(&Entry::Request { kind: 'f' }));
    // in the extended protocol, with a Sync that was sent ahead and is eaten
    assert_eq!(peer.say(&[parse("", "copyin"), bind("", b"1"), execute(), sync()].concat()), "1 2 G");
    assert_eq!(peer.say(&[framed(b'd', b"x"), framed(b'f', b"no\0"), sync()].concat()), "E:57014 Z:I");
    assert_eq!(peer.say(&[query("select"), call()].concat()), "T D D C Z:I E:42501 Z:I");
}

#[test]
fn copy_in_in_the_extended_protocol_with_a_sync_ahead() {
    let mut peer = Peer::ready(Actions::QUERY);
    assert_eq!(peer.say(&[parse("", "copyin"), bind("", b"1"), execute(), sync()].concat()), "1 2 G");
    assert_eq!(peer.say(&[framed(b'd', b"x"), framed(b'c', b""), sync()].concat()), "C Z:I");
    assert_eq!(peer.say(&[query("select"), call()].concat()), "T D D C Z:I E:42501 Z:I");
}

#[test]
fn copy_in_that_does_not_wait_for_the_target_stays_in_step() {
    // A client that sends its copy data before the target asks for it: the Sync behind CopyDone was taken for
    // one that the target ignores, and results were recorded for other statements from then on.
    let mut peer = Peer::ready(Actions::QUERY);
    let copy =
        [parse("", "copyin"), bind("", b"1"), execute(), framed(b'd', b"x"), framed(b'c', b"")].concat();
    let all = [copy, sync(), query("select"), call(), query("begin")].concat();
    assert_eq!(peer.say(&all), "1 2 G C Z:I T D D C Z:I E:42501 Z:I C Z:T");
    let begin = peer
        .link
        .ledger
        .entries
        .iter()
        .any(|entry| matches!(entry, Entry::Result { no: 4, tag, .. } if tag == "BEGIN"));
    assert!(begin, "{:?}", peer.link.ledger.entries);
}

#[test]
fn copy_out_counts_its_rows() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.link.principal(&query("copyout"));
    peer.ship();
    while !peer.replies.is_empty() {
        peer.deliver(3);
    }
    assert_eq!(peer.news(), "H d d d c C Z:I");
    assert_eq!(peer.link.session.counters().rows, 3);
}

#[test]
fn a_big_bind_streams_and_every_byte_of_it_is_accounted_for() {
    // Parameters sent in a message too big to be held escaped the recording.
    for size in [4000, 4096, 70_000, usize::MAX] {
        let mut peer = Peer::ready(Actions::QUERY);
        let big = bind("", &vec![b'v'; 300_000]);
        peer.say(&parse("", "insert"));
        let before = peer.link.up.len();
        for piece in big.chunks(size) {
            peer.link.principal(piece);
        }
        assert_eq!(peer.link.up[before..], big, "in pieces of {size}");
        assert_eq!(peer.say(&[execute(), sync()].concat()), "1 2 D D C Z:I");
        assert_eq!(input_bytes(&peer), big.len() as u64, "in pieces of {size}");
    }
}

#[test]
fn what_a_bind_frame_does_not_say_is_kept_by_digest() {
    // The rest of a value over 16 KiB, and whatever stood behind a malformed list, reached the target and was in
    // no frame.
    let long = bind("", &vec![b'v'; 20_000]);
    let malformed = framed(b'B', b"\0\0\0\0\0\x05hidden");
    let odd_format = framed(b'B', b"\0\0\0\0\0\0\0\x01\x68\x69");
    for (message, kept) in
        [(&long, true), (&malformed, true), (&odd_format, true), (&bind("", b"short"), false)]
    {
        let mut peer = Peer::ready(Actions::QUERY);
        peer.say(&parse("", "insert"));
        peer.link.principal(message);
        assert_eq!(input_bytes(&peer), if kept { message.len() as u64 } else { 0 });
    }
}

#[test]
fn bytes_behind_the_end_of_a_small_message_reach_no_target() {
    // A Sync, Flush, CopyDone, Describe, Close or Execute with more in it than its kind has: the target got it all,
    // the recording only its length.
    for (tag, body) in [
        (b'S', &b"hidden"[..]),
        (b'H', b"hidden"),
        (b'c', b"hidden"),
        (b'D', b"S\0hidden"),
        (b'C', b"S\0hidden"),
        (b'E', b"\0\0\0\0\0hidden"),
    ] {
        let mut peer = Peer::ready(Actions::QUERY);
        let before = peer.link.up.len();
        peer.link.principal(&framed(tag, body));
        assert!(!peer.link.up[before..].windows(6).any(|part| part == b"hidden"), "{tag}");
        assert!(peer.link.session.is_closed(), "{tag}");
    }
}

#[test]
fn what_is_recorded_of_a_big_bind_does_not_depend_on_the_split() {
    let parameters = |size: usize| {
        let mut peer = Peer::ready(Actions::QUERY);
        peer.say(&parse("", "insert"));
        let value = [&b"\0\0\0\x64"[..], &[b'v'; 100]].concat();
        let body = [&b"\0\0\0\0\x03\x20"[..], &value.repeat(800), b"\0\0"].concat();
        for piece in framed(b'B', &body).chunks(size) {
            peer.link.principal(piece);
        }
        let binds = peer.link.ledger.entries.iter().filter_map(|entry| match entry {
            Entry::Bind { parameters, .. } => Some(*parameters),
            _ => None,
        });
        binds.collect::<Vec<_>>()
    };
    assert_eq!(parameters(1000), parameters(usize::MAX));
    assert_eq!(parameters(1000), [39], "those in the first 4 KiB");
}

#[test]
fn a_streamed_bind_after_a_denial_is_dropped_as_a_whole() {
    let mut peer = Peer::ready(Actions::QUERY);
    peer.say(&parse("", &"x".repeat(5000)));
    let before = peer.link.up.len();
    for piece in bind("", &vec![b'v'; 200_000]).chunks(9000) {
        peer.link.principal(piece);
    }
    assert_eq!(peer.link.up.len(), before);
    assert_eq!(peer.say(&sync()), "Z:I");
}

#[test]
fn a_big_row_streams_in_small_pieces() {
    for record in [Record::Digest, Record::Full] {
        let mut peer = Peer::ready_with(Actions::QUERY, |grant| grant.record = record);
        peer.link.principal(&query("big 100000"));
        peer.ship();
        while !peer.replies.is_empty() {
            peer.deliver(777);
        }
        assert_eq!(peer.news(), "T D C Z:I");
        assert_eq!(peer.link.session.counters().rows, 1, "a row in pieces is one row");
        assert_eq!(peer.link.ledger.entries.contains(&Entry::Rows), record == Record::Full);
        let mut spans = peer.link.ledger.entries.iter().filter_map(|entry| match entry {
            Entry::Result { no, bytes, .. } => Some((*no, *bytes)),
            _ => None,
        });
        assert_eq!(spans.next().unwrap().0, 0, "the welcome belongs to no statement");
        let of_others = spans.filter(|(no, _)| *no != 1).count();
        assert_eq!(of_others, 0, "every piece counts for the statement that it answers");
    }
}

#[test]
fn parameters_and_notifications_that_come_unasked_are_passed_and_recorded() {
    let mut peer = Peer::ready(Actions::QUERY);
    let aside = [
        framed(b'A', b"\0\0\0\x01channel\0payload\0"),
        parameter("TimeZone", "UTC"),
        framed(b'N', b"SWARNING\0C01000\0Mcareful\0\0"),
    ];
    peer.link.target(&aside.concat());
    assert_eq!(peer.news(), "A S N");
    let warned =
        Entry::Report { severity: "WARNING".into(), sqlstate: "01000".into(), message: "careful".into() };
    assert!(peer.link.ledger.entries.contains(&warned));
}
