//! Blocks hold what was pushed, within their limits, and a scan reads it back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod support;

use hoopwire_recording::*;
use proptest::prelude::*;
use support::*;

/// Sequence number, session and payload.
type Read = (u64, u32, Vec<u8>);

fn scanned(bytes: &[u8]) -> (Vec<Read>, Option<Seal>) {
    let mut scan = Scan::open(bytes).unwrap();
    let mut joiner = Joiner::default();
    let (mut frames, mut seal) = (Vec::new(), None);
    loop {
        match scan.next().unwrap() {
            Step::Block(block) => {
                assert!(block.header.length as usize <= BLOCK_MAX_BYTES);
                for (sequence, raw) in block.frames() {
                    if let Some(joined) = joiner.next(sequence, &raw) {
                        frames.push((joined.sequence, joined.session, joined.payload.to_vec()));
                    }
                }
            }
            Step::Seal(block) => {
                assert!(block.joins && block.seal.is_signed_by(&key().verifying_key(), &block.header));
                seal = Some(block.seal);
            }
            Step::Fault(fault) => panic!("{fault:?}"),
            Step::End(end) => {
                assert_eq!((end.rest, end.torn, joiner.is_waiting()), (0, None, false));
                return (frames, seal);
            }
        }
    }
}

#[test]
fn a_small_turn_costs_less_than_a_hundred_bytes_more_than_its_frames() {
    let mut segment = open_segment(0);
    let mut frames = Frames::new();
    frames.push(1, START_US, Direction::Upstream, &statement(1, b"select 1"));
    let before = segment.bytes.len();
    segment.append(&frames);
    assert_eq!(segment.bytes.len() - before - frames.bytes(), 76);
}

#[test]
fn a_seal_tells_what_it_closes() {
    let mut segment = open_segment(3);
    let used = segment.bytes.len() as u64;
    let seal = segment.seal();
    assert_eq!((seal.frames, seal.blocks, seal.bytes), (3, 3, used));
    assert_eq!(segment.bytes.len() as u64 - used, SEAL_BYTES as u64);
    let (read, next_frame) = read_seal(&segment.bytes).unwrap();
    assert_eq!((read, next_frame), (seal, 4));
    assert_eq!(scanned(&segment.bytes).1, Some(seal));
    assert!(read_seal(&segment.bytes[..segment.bytes.len() - 1]).is_none());
}

#[test]
fn a_frame_longer_than_a_block_is_cut_and_joined() {
    let long: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let mut frames = Frames::new();
    frames.push(1, START_US, Direction::Upstream, &statement(1, b"select 1"));
    frames.push(2, START_US, Direction::Downstream, &Frame::Rows(&long));
    frames.push(1, START_US, Direction::Upstream, &statement(2, b"select 2"));
    let expected: Vec<Vec<u8>> = frames.iter().map(|raw| raw.payload.to_vec()).collect();
    let mut segment = open_segment(0);
    segment.append(&frames);
    let (read, _) = scanned(&segment.bytes);
    assert_eq!(read.iter().map(|(_, _, payload)| payload.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(read.iter().map(|(sequence, ..)| *sequence).collect::<Vec<_>>(), [1, 2, 7]);
}

#[test]
fn a_fragment_without_its_beginning_gives_no_frame() {
    let long = vec![1; 200_000];
    let mut frames = Frames::new();
    frames.push(1, START_US, Direction::Downstream, &Frame::Rows(&long));
    let mut segment = open_segment(0);
    segment.append(&frames);
    let mut scan = Scan::open(segment.bytes.as_slice()).unwrap();
    let (mut joiner, mut first) = (Joiner::default(), true);
    while let Step::Block(block) = scan.next().unwrap() {
        for (sequence, raw) in block.frames().skip(usize::from(first)) {
            assert_eq!(joiner.next(sequence, &raw), None);
        }
        first = false;
    }
}

proptest! {
    #[test]
    fn any_turns_come_back_in_order(
        turns in proptest::collection::vec(proptest::collection::vec((0_u32..4, 0_usize..90_000), 1..5), 1..4),
    ) {
        let mut segment = open_segment(0);
        let mut expected = Vec::new();
        for turn in &turns {
            let mut frames = Frames::new();
            for (session, length) in turn {
                let rows = vec![*session as u8; *length];
                frames.push(*session, START_US, Direction::Downstream, &Frame::Rows(&rows));
            }
            expected.extend(frames.iter().map(|raw| (raw.session, raw.payload.to_vec())));
            segment.append(&frames);
        }
        let (read, _) = scanned(&segment.bytes);
        let read: Vec<(u32, Vec<u8>)> = read.into_iter().map(|(_, session, payload)| (session, payload)).collect();
        prop_assert_eq!(read, expected);
    }
}
