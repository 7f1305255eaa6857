//! Every kind of frame comes back as it went in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use hoopwire_recording::ssh::{Answer, Ask, Data, Flow, Ssh, Typed};
use hoopwire_recording::*;
use proptest::prelude::*;

/// The frame that a decode of its own bytes gives, compared by its debug text and its bytes.
fn assert_round_trip(frame: &Frame<'_>) {
    let mut frames = Frames::new();
    frames.push(9, 1_000_000, Direction::Downstream, frame);
    let raw = frames.iter().next().unwrap();
    assert_eq!((raw.session, raw.unix_us, raw.kind), (9, 1_000_000, frame.kind().byte()));
    let mut scratch = Scratch::default();
    assert_eq!(&Frame::decode(raw.kind, raw.payload, &mut scratch).unwrap(), frame);
    for cut in 0..raw.payload.len() {
        let mut scratch = Scratch::default();
        let part = &raw.payload[..cut];
        assert_eq!(Frame::decode(raw.kind, part, &mut scratch), Err(PayloadError::Malformed(raw.kind)));
    }
    let mut scratch = Scratch::default();
    let longer = [raw.payload, &[0xc0]].concat();
    assert_eq!(Frame::decode(raw.kind, &longer, &mut scratch), Err(PayloadError::Malformed(raw.kind)));
}

#[test]
fn every_kind_round_trips_and_no_part_of_one_decodes() {
    let digest = [0xd1; 32];
    let parameters = [
        Parameter { oid: 23, format: 1, value: Some(&[0, 0, 0, 7]), length: 4 },
        Parameter { oid: 0, format: 0, value: None, length: 0 },
        Parameter { oid: 4_000_000_000, format: -1, value: Some(b"beginning"), length: 1 << 40 },
    ];
    let frames = [
        Frame::SessionStart(SessionStart {
            session: "s_01",
            grant: "g_01",
            issuer: "https://id.example",
            principal: "cid:0oa1",
            principal_name: "reporting ägent",
            principal_kind: "ai_agent",
            target: "orders",
            database: "orders",
            actions: &["query", "replication"],
            policy: "readers",
            policy_hash: "ab12",
            task: "",
            peer: "10.0.0.7:51000",
            application_name: "psql",
            node: "gw-1",
        }),
        Frame::SessionContinued(SessionContinued { session: "s_01", grant: "g_01" }),
        Frame::SessionEnd(SessionEnd {
            closed_by: "gateway",
            reason: "expired",
            sqlstate: "57P01",
            statements: 3,
            rows: u64::MAX,
            bytes_in: 300,
            bytes_out: 1 << 33,
        }),
        Frame::Statement(Statement {
            no: 1,
            via: Via::Parse,
            name: b"p1",
            text: b"select \xff $1",
            types: &[23, 0, u32::MAX],
            allow: false,
            reason: b"not_granted",
        }),
        Frame::Statement(Statement {
            no: 2,
            via: Via::FunctionCall,
            name: b"",
            text: b"",
            types: &[],
            allow: true,
            reason: b"",
        }),
        Frame::Bind(Bind { no: 1, portal: b"c", name: b"p1", parameters: &parameters, bytes: 77 }),
        Frame::Bind(Bind { no: 0, portal: b"", name: b"", parameters: &[], bytes: 12 }),
        Frame::Execute(Execute { portal: b"c", no: 1, max_rows: -1 }),
        Frame::Request(Request { kind: b'S', name: b"", bytes: 5 }),
        Frame::Input(Input { bytes: 8192, digest }),
        Frame::Result(ResultSpan {
            no: 1,
            rows: 2,
            bytes: 99,
            digest,
            tag: b"SELECT 2",
            last: true,
            sqlstate: b"",
        }),
        Frame::Rows(&[0x44; 300]),
        Frame::Report(Report { severity: "FATAL", sqlstate: "57P01", message: b"cut" }),
        Frame::Decision(Decision { action: "connect", allow: true, reason: "granted", policy: "readers" }),
        Frame::GrantChanged(GrantChanged { grant: "g_02", reason: "policy changed" }),
        Frame::Cancel(Cancel { allow: true, from: "10.0.0.7:51001" }),
        Frame::Ssh(Ssh::Open(Ask {
            channel: 1,
            name: b"direct-tcpip",
            about: b"db:5432",
            allow: false,
            reason: "forward_not_granted",
        })),
        Frame::Ssh(Ssh::Request(Ask {
            channel: 2,
            name: b"exec",
            about: b"uptime\xff",
            allow: true,
            reason: "ops",
        })),
        Frame::Ssh(Ssh::Data(Data { channel: 1 << 33, stream: 1, content: &[0x1b; 300] })),
        Frame::Ssh(Ssh::Flow(Flow { channel: 2, stream: 0, bytes: 1 << 40, digest })),
        Frame::Ssh(Ssh::Typed(Typed { channel: 2, bytes: 1 })),
        Frame::Ssh(Ssh::Answer(Answer { channel: 2, what: "failure", about: b"" })),
    ];
    for frame in &frames {
        assert_round_trip(frame);
    }
    let kinds: std::collections::BTreeSet<u8> = frames.iter().map(|frame| frame.kind().byte()).collect();
    let known: Vec<u8> = (0..=255).filter(|byte| Kind::from_byte(*byte).is_some()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), known, "a kind is not in this test");
}

#[test]
fn a_turn_keeps_order_times_and_memory() {
    let mut frames = Frames::new();
    frames.push(1, 500, Direction::Upstream, &Frame::Rows(b"a"));
    frames.push(2, 700, Direction::Downstream, &Frame::Rows(b"b"));
    // a clock that was set back must not wrap
    frames.push(1, 100, Direction::Gateway, &Frame::Rows(b"c"));
    let seen: Vec<(u32, u64)> = frames.iter().map(|raw| (raw.session, raw.unix_us)).collect();
    assert_eq!(seen, [(1, 500), (2, 700), (1, 500)]);
    assert_eq!((frames.len(), frames.is_empty(), frames.sessions_change()), (3, false, false));
    frames.clear();
    assert_eq!((frames.len(), frames.bytes(), frames.iter().count()), (0, 0, 0));
}

#[test]
fn a_frame_longer_than_the_format_allows_is_marked() {
    let long = vec![0; FRAME_MAX_BYTES];
    let mut frames = Frames::new();
    frames.push(1, 0, Direction::Downstream, &Frame::Rows(&long));
    assert!(frames.is_oversized());
    frames.clear();
    assert!(!frames.is_oversized());
}

proptest! {
    #[test]
    fn statements_of_any_bytes_round_trip(
        no: u64,
        text in proptest::collection::vec(any::<u8>(), 0..600),
        name in proptest::collection::vec(any::<u8>(), 0..40),
        types in proptest::collection::vec(any::<u32>(), 0..20),
        allow: bool,
    ) {
        let frame = Frame::Statement(Statement {
            no, via: Via::Simple, name: &name, text: &text, types: &types, allow, reason: &name,
        });
        let mut frames = Frames::new();
        frames.push(1, 1, Direction::Upstream, &frame);
        let raw = frames.iter().next().unwrap();
        let mut scratch = Scratch::default();
        prop_assert_eq!(Frame::decode(raw.kind, raw.payload, &mut scratch).unwrap(), frame);
    }

    #[test]
    fn any_payload_decodes_or_is_refused(kind: u8, payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut scratch = Scratch::default();
        let _ = Frame::decode(kind, &payload, &mut scratch);
    }
}
