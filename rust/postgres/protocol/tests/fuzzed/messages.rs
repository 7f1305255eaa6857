//! What must hold for the frame scanner, whatever the stream, the table and the splits.
//!
//! The first byte of the input chooses the table, the second how the rest is split.

use hoopwire_postgres_protocol::message::{MessageTag, Piece, Scanner, Take};

/// Any byte, so that the table alone says which types there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Any(u8);

impl MessageTag for Any {
    fn of(byte: u8) -> Option<Any> {
        Some(Any(byte))
    }

    fn byte(self) -> u8 {
        self.0
    }
}

/// What comes out of a stream: bytes in order (frames of skipped messages left out), and per message its tag
/// and body length, which no split may change.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    passed: Vec<u8>,
    skipped: Vec<(u8, usize)>,
    whole: Vec<(u8, usize)>,
    failed: bool,
}

pub(crate) fn check(input: &[u8]) {
    let [table, split, stream @ ..] = input else { return };
    let once = scan(*table, stream, stream.len().max(1));
    let in_pieces = scan(*table, stream, usize::from(*split) + 1);
    assert_eq!(once.failed, in_pieces.failed);
    assert_eq!(once.skipped, in_pieces.skipped);
    assert_eq!(once.whole, in_pieces.whole);
    // A stream that breaks off may be held back at different points, never differ.
    let shorter = once.passed.len().min(in_pieces.passed.len());
    assert_eq!(once.passed[..shorter], in_pieces.passed[..shorter]);
    if once.skipped.is_empty() {
        assert!(stream.starts_with(&once.passed), "the pieces put end to end are the input");
    }
}

fn take(table: u8, tag: u8, body_len: usize) -> Take {
    match tag.wrapping_add(table) % 8 {
        0 => Take::Refuse,
        1 => Take::Skip,
        2 if body_len <= 4096 => Take::Whole,
        3 => Take::StreamAfter(usize::from(table)),
        4 | 5 => Take::Run,
        _ => Take::Stream,
    }
}

fn scan(table: u8, stream: &[u8], size: usize) -> Seen {
    let mut scanner = Scanner::default();
    let mut seen = Seen::default();
    // Bytes of the streamed message that are still owed.
    let mut owed = 0;
    for mut piece in stream.chunks(size) {
        loop {
            let before = piece.len();
            match scanner.next(&mut piece, &|Any(tag), body_len| take(table, tag, body_len)) {
                Ok(None) => break,
                Err(_) => {
                    seen.failed = true;
                    return seen;
                }
                Ok(Some(Piece::Whole { tag: Any(tag), raw })) => {
                    assert_eq!(raw[0], tag);
                    seen.passed.extend_from_slice(raw);
                    if matches!(take(table, tag, raw.len() - 5), Take::Whole) {
                        seen.whole.push((tag, raw.len() - 5));
                    }
                }
                Ok(Some(Piece::Run { tag: Any(tag), count, raw })) => {
                    assert!(count > 0 && raw.len() as u64 >= 5 * count && raw[0] == tag);
                    seen.passed.extend_from_slice(raw);
                }
                Ok(Some(Piece::Head { tag: Any(tag), body_len, raw, last })) => {
                    assert_eq!((raw[0], owed), (tag, 0));
                    owed = body_len + 5 - raw.len();
                    assert_eq!(last, owed == 0);
                    seen.passed.extend_from_slice(raw);
                }
                Ok(Some(Piece::Tail { raw, last, .. })) => {
                    owed -= raw.len();
                    assert_eq!(last, owed == 0);
                    seen.passed.extend_from_slice(raw);
                }
                Ok(Some(Piece::Skipped { tag: Any(tag), body_len })) => seen.skipped.push((tag, body_len)),
            }
            assert!(piece.len() <= before);
        }
        assert!(piece.is_empty(), "the scanner asks for more and has not taken all");
    }
    seen
}
