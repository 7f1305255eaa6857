//! Messages out of a byte stream: a header scan that forwards by default and buffers only what somebody must read.
//!
//! Two rules:
//! 1. A message is given out whole only where the caller's table says so ([`Take::Whole`]); everything else
//!    passes through in the pieces it arrived in, so that a message of 1 GiB needs no memory.
//! 2. What has been given out is never seen again, and nothing is given out twice: the pieces, put end to
//!    end, are the input (except the bodies of [`Take::Skip`]).
//!
//! This file knows the frame (`tag`, `int32 length`, body: PostgreSQL documentation, chapter 55.7), not what
//! the messages mean. The type byte becomes a tag of the direction (`frontend`, `backend`) here; a byte that is
//! none is refused.

use std::fmt;

use hoopwire_wire::Writer;

/// Largest length word accepted, as PostgreSQL's own `PQ_LARGE_MESSAGE_LIMIT` (`MaxAllocSize`, 1 GiB).
pub const MESSAGE_MAX_BYTES: usize = 0x3fff_ffff;
/// A message before its body: type byte and length word.
pub const HEADER_BYTES: usize = 5;

/// The types of message of one direction.
pub trait MessageTag: Copy + Eq {
    /// The type that this byte stands for, if there is one.
    fn of(byte: u8) -> Option<Self>;

    /// Its byte on the wire.
    fn byte(self) -> u8;
}

/// Appends a message of this type whose body `body` writes.
pub(crate) fn write(tag: impl MessageTag, out: &mut Vec<u8>, body: impl FnOnce(&mut Writer<'_>)) {
    hoopwire_wire::message(out, tag.byte(), body);
}

/// Makes the types of message of one direction: each is its byte.
macro_rules! message_tags {
    ($($(#[$type_doc:meta])+ $type:ident { $($(#[$doc:meta])+ $variant:ident = $byte:literal,)+ })+) => {$(
        $(#[$type_doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $type {
            $($(#[$doc])+ $variant = $byte,)+
        }

        impl $crate::message::MessageTag for $type {
            #[inline]
            fn of(byte: u8) -> Option<Self> {
                // looked up rather than matched: it is asked of every message
                #[allow(clippy::indexing_slicing, reason = "by a byte, into 256, at compile time")]
                const ALL: [Option<$type>; 256] = {
                    let mut all = [None; 256];
                    $(all[$byte as usize] = Some($type::$variant);)+
                    all
                };
                ALL.get(usize::from(byte)).copied().flatten()
            }

            #[inline]
            fn byte(self) -> u8 {
                self as u8
            }
        }
    )+};
}
pub(crate) use message_tags;

/// What the caller wants of a message, answered from its tag and body length alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Give it out in one slice, header and body.
    Whole,
    /// Give it out as it comes.
    Stream,
    /// Give it out as it comes, but the first piece holds at least this many bytes (or the whole message).
    StreamAfter(usize),
    /// Like `Stream`, and neighbours of the same tag that are whole in the input come as one piece.
    Run,
    /// Announce it, then drop its bytes.
    Skip,
    /// Not a message that may come here.
    Refuse,
}

/// The caller's table: which messages it must read.
pub trait Table<T> {
    /// How to take a message with this tag and body length (bytes, without the header).
    fn take(&self, tag: T, body_len: usize) -> Take;
}

impl<T, F: Fn(T, usize) -> Take> Table<T> for F {
    fn take(&self, tag: T, body_len: usize) -> Take {
        self(tag, body_len)
    }
}

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a, T> {
    /// One message; `raw` is header and body.
    Whole {
        /// The message's type.
        tag: T,
        /// Header and body.
        raw: &'a [u8],
    },
    /// `count` neighbouring whole messages of one tag.
    Run {
        /// The type of all of them.
        tag: T,
        /// How many messages.
        count: u64,
        /// All of them, headers and bodies.
        raw: &'a [u8],
    },
    /// The beginning of a streamed message: header and at least the asked-for part of the body.
    Head {
        /// The message's type.
        tag: T,
        /// Length of the whole body in bytes.
        body_len: usize,
        /// Header and the part of the body that is here.
        raw: &'a [u8],
        /// The message ends with this piece.
        last: bool,
    },
    /// More of a streamed message.
    Tail {
        /// The message's type.
        tag: T,
        /// Bytes of the body.
        raw: &'a [u8],
        /// The message ends with this piece.
        last: bool,
    },
    /// A message whose bytes are dropped.
    Skipped {
        /// The message's type.
        tag: T,
        /// Length of its body in bytes.
        body_len: usize,
    },
}

impl<'a, T> Piece<'a, T> {
    /// The body of a whole message or the part of it that a head holds; empty for the others.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        match self {
            Piece::Whole { raw, .. } | Piece::Head { raw, .. } => raw.get(HEADER_BYTES..).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// A frame that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length word is below 4 or above [`MESSAGE_MAX_BYTES`].
    Length {
        /// The message type byte.
        tag: u8,
        /// The length word as sent.
        length: u32,
    },
    /// There is no such type, or the table refuses it.
    Type {
        /// The message type byte.
        tag: u8,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Length { tag, length } => {
                write!(f, "invalid length {} in a message of type \"{}\"", *length as i32, tag.escape_ascii())
            }
            FrameError::Type { tag } => write!(f, "unexpected message type \"{}\"", tag.escape_ascii()),
        }
    }
}

impl std::error::Error for FrameError {}

#[derive(Debug, PartialEq, Eq)]
enum State<T> {
    /// At a message boundary; `held` has the beginning of the next message, if any.
    Boundary,
    /// Inside a streamed message: so many bytes still to come.
    Streaming { tag: T, remaining: usize },
    /// Inside a dropped message.
    Skipping { remaining: usize },
}

/// The scanner of one direction of one connection.
///
/// ```text
///             Whole, Run            Head(last)
///            ┌────────┐            ┌──────────┐
///            ▼        │            ▼          │
///          Boundary ──┴── Head ─▶ Streaming ──┴─ Tail(last) ─▶ Boundary
///            │  ▲
///            │  └──────────────┐
///            └── Skipped ─▶ Skipping
/// ```
#[derive(Debug)]
pub struct Scanner<T> {
    state: State<T>,
    held: Vec<u8>,
    /// `held` was given out by the last call and must go before the next.
    spent: bool,
}

impl<T> Default for Scanner<T> {
    fn default() -> Self {
        Scanner { state: State::Boundary, held: Vec::new(), spent: false }
    }
}

/// A buffer that grew past this is dropped after use rather than kept for the session's life.
const HELD_KEEP_BYTES: usize = 16 * 1024;

struct Header {
    /// The type byte.
    tag: u8,
    body_len: usize,
}

impl Header {
    fn tag<T: MessageTag>(&self) -> Result<T, FrameError> {
        T::of(self.tag).ok_or(FrameError::Type { tag: self.tag })
    }
}

fn header(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let Some((&[tag, a, b, c, d], _)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]);
    let bytes = length as usize;
    if !(4..=MESSAGE_MAX_BYTES).contains(&bytes) {
        return Err(FrameError::Length { tag, length });
    }
    Ok(Some(Header { tag, body_len: bytes.saturating_sub(4) }))
}

impl<T: MessageTag> Scanner<T> {
    /// True between two messages: something of our own may be put into the stream here.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.state == State::Boundary
    }

    /// True when the stream may end here: at a boundary, with nothing of a next message received.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.at_boundary() && (self.held.is_empty() || self.spent)
    }

    /// The next piece of `input`, which is advanced past it; `None` when `input` is used up.
    ///
    /// # Errors
    /// [`FrameError`] on an impossible length or a type that the table refuses; the scanner is then of no further use.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
        table: &impl Table<T>,
    ) -> Result<Option<Piece<'s, T>>, FrameError> {
        if self.spent {
            self.spent = false;
            self.held.clear();
            if self.held.capacity() > HELD_KEEP_BYTES {
                self.held = Vec::new();
            }
        }
        if let State::Skipping { remaining } = self.state {
            let dropped = remaining.min(input.len());
            *input = input.get(dropped..).unwrap_or_default();
            self.state = match remaining.saturating_sub(dropped) {
                0 => State::Boundary,
                remaining => State::Skipping { remaining },
            };
        }
        if input.is_empty() {
            return Ok(None);
        }
        match self.state {
            State::Streaming { tag, remaining } => Ok(Some(self.tail(input, tag, remaining))),
            _ if self.held.is_empty() => self.next_of_input(input, table),
            _ => self.next_of_held(input, table),
        }
    }

    fn tail<'i>(&mut self, input: &mut &'i [u8], tag: T, remaining: usize) -> Piece<'i, T> {
        let (raw, rest) = input.split_at(remaining.min(input.len()));
        *input = rest;
        let left = remaining.saturating_sub(raw.len());
        self.state = if left == 0 { State::Boundary } else { State::Streaming { tag, remaining: left } };
        Piece::Tail { tag, raw, last: left == 0 }
    }

    /// The common case: nothing held, the message begins in `input`.
    fn next_of_input<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
        table: &impl Table<T>,
    ) -> Result<Option<Piece<'s, T>>, FrameError> {
        let all: &'i [u8] = input;
        let Some(header) = header(all)? else {
            self.hold(input);
            return Ok(None);
        };
        let (tag, body_len) = (header.tag()?, header.body_len);
        let total = HEADER_BYTES.saturating_add(body_len);
        let here = all.len().min(total);
        match table.take(tag, body_len) {
            Take::Refuse => Err(FrameError::Type { tag: header.tag }),
            Take::Skip => Ok(Some(self.skip(input, HEADER_BYTES, tag, body_len))),
            Take::Whole if here < total => {
                self.hold(input);
                Ok(None)
            }
            Take::StreamAfter(least) if here < total.min(least) => {
                self.hold(input);
                Ok(None)
            }
            Take::Whole => {
                let (raw, rest) = all.split_at(total);
                *input = rest;
                Ok(Some(Piece::Whole { tag, raw }))
            }
            Take::Run if here == total => {
                let (count, bytes) = run(all, header.tag);
                let (raw, rest) = all.split_at(bytes);
                *input = rest;
                Ok(Some(Piece::Run { tag, count, raw }))
            }
            Take::Stream | Take::StreamAfter(_) | Take::Run => {
                let (raw, rest) = all.split_at(here);
                *input = rest;
                Ok(Some(self.head(raw, tag, body_len)))
            }
        }
    }

    /// The message began in an earlier input: add to `held` only as much as the decision needs.
    fn next_of_held<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
        table: &impl Table<T>,
    ) -> Result<Option<Piece<'s, T>>, FrameError> {
        self.fill(input, HEADER_BYTES);
        let Some(header) = header(&self.held)? else { return Ok(None) };
        let (tag, body_len) = (header.tag()?, header.body_len);
        let total = HEADER_BYTES.saturating_add(body_len);
        let take = table.take(tag, body_len);
        let want = match take {
            Take::Refuse => return Err(FrameError::Type { tag: header.tag }),
            Take::Skip => {
                // only a header can be held of a message that is skipped
                self.held.clear();
                return Ok(Some(self.skip(input, 0, tag, body_len)));
            }
            Take::Whole => total,
            // the header is held already: less than that would leave the state out of step with what was given
            Take::StreamAfter(least) => total.min(least.max(HEADER_BYTES)),
            Take::Stream | Take::Run => HEADER_BYTES,
        };
        self.fill(input, want);
        if self.held.len() < want {
            return Ok(None);
        }
        self.spent = true;
        if want == total {
            return Ok(Some(match take {
                Take::Run => Piece::Run { tag, count: 1, raw: &self.held },
                _ => Piece::Whole { tag, raw: &self.held },
            }));
        }
        let left = total.saturating_sub(want);
        self.state = State::Streaming { tag, remaining: left };
        Ok(Some(Piece::Head { tag, body_len, raw: &self.held, last: false }))
    }

    fn head<'i>(&mut self, raw: &'i [u8], tag: T, body_len: usize) -> Piece<'i, T> {
        let left = HEADER_BYTES.saturating_add(body_len).saturating_sub(raw.len());
        if left > 0 {
            self.state = State::Streaming { tag, remaining: left };
        }
        Piece::Head { tag, body_len, raw, last: left == 0 }
    }

    fn skip<'i>(&mut self, input: &mut &'i [u8], header: usize, tag: T, body_len: usize) -> Piece<'i, T> {
        *input = input.get(header..).unwrap_or_default();
        if body_len > 0 {
            self.state = State::Skipping { remaining: body_len };
        }
        Piece::Skipped { tag, body_len }
    }

    fn hold(&mut self, input: &mut &[u8]) {
        self.held.extend_from_slice(input);
        *input = &[];
    }

    fn fill(&mut self, input: &mut &[u8], want: usize) {
        let missing = want.saturating_sub(self.held.len()).min(input.len());
        let (add, rest) = input.split_at(missing);
        self.held.extend_from_slice(add);
        *input = rest;
    }
}

/// The first `count` whole messages of `raw`.
#[must_use]
pub fn first_messages(raw: &[u8], count: u64) -> &[u8] {
    let mut end = 0_usize;
    for _ in 0..count {
        let Some(word) = raw.get(end.saturating_add(1)..).and_then(|rest| rest.first_chunk::<4>()) else {
            break;
        };
        end = end.saturating_add(1).saturating_add(u32::from_be_bytes(*word) as usize);
    }
    raw.get(..end).unwrap_or_default()
}

/// How many whole messages with this type byte stand at the front of `bytes`, and their length together.
fn run(bytes: &[u8], tag: u8) -> (u64, usize) {
    let mut count = 0;
    let mut rest = bytes;
    while let Some((&[byte, a, b, c, d], _)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if byte != tag || !(4..=MESSAGE_MAX_BYTES).contains(&length) {
            break;
        }
        let Some((_, behind)) = rest.split_at_checked(length.saturating_add(1)) else { break };
        rest = behind;
        count += 1;
    }
    (count, bytes.len().saturating_sub(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any byte is a type here: the frame is the same for all.
    impl MessageTag for u8 {
        fn of(byte: u8) -> Option<u8> {
            Some(byte)
        }

        fn byte(self) -> u8 {
            self
        }
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        out.extend_from_slice(body);
        out
    }

    fn table(tag: u8, body_len: usize) -> Take {
        match tag {
            b'Q' => Take::Whole,
            b'D' => Take::Run,
            b'B' if body_len > 40 => Take::StreamAfter(20),
            b'B' => Take::Whole,
            b'd' => Take::Stream,
            b'X' => Take::Skip,
            _ => Take::Refuse,
        }
    }

    /// Feeds `parts` and puts what comes out end to end, per message: (tag, bytes), with runs taken apart.
    fn collect(parts: &[&[u8]]) -> Result<Vec<(u8, Vec<u8>)>, FrameError> {
        let mut scanner = Scanner::default();
        let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
        for part in parts {
            let mut input = *part;
            while let Some(piece) = scanner.next(&mut input, &table)? {
                match piece {
                    Piece::Whole { tag, raw } | Piece::Head { tag, raw, .. } => {
                        messages.push((tag, raw.to_vec()))
                    }
                    Piece::Run { tag, raw, count } => {
                        let mut rest = raw;
                        let before = messages.len();
                        while let Some(h) = header(rest).unwrap() {
                            let (one, more) = rest.split_at(5 + h.body_len);
                            messages.push((tag, one.to_vec()));
                            rest = more;
                        }
                        assert_eq!((messages.len() - before) as u64, count);
                    }
                    Piece::Tail { raw, .. } => messages.last_mut().unwrap().1.extend_from_slice(raw),
                    Piece::Skipped { tag, .. } => messages.push((tag, Vec::new())),
                }
            }
            assert!(input.is_empty());
        }
        Ok(messages)
    }

    #[test]
    fn refuses_lengths_that_no_message_can_have() {
        for length in [0_u32, 1, 3, 0x4000_0000, 0x7fff_ffff, 0xffff_ffff] {
            let mut bytes = vec![b'Q'];
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(b"select 1\0");
            assert_eq!(collect(&[&bytes]), Err(FrameError::Length { tag: b'Q', length }));
        }
        assert_eq!(collect(&[b"Z\0\0\0\x04"]), Err(FrameError::Type { tag: b'Z' }));
    }

    #[test]
    fn rows_are_cut_between_messages() {
        let raw = b"D\0\0\0\x06\0\0D\0\0\0\x04D\0\0\0\x05x";
        assert_eq!(first_messages(raw, 0), b"");
        assert_eq!(first_messages(raw, 1), &raw[..7]);
        assert_eq!(first_messages(raw, 2), &raw[..12]);
        assert_eq!(first_messages(raw, 9), raw, "no more than there are");
        assert_eq!(
            first_messages(b"D\0\0\0\x09x", 1),
            b"",
            "a length that lies: nothing rather than too much"
        );
    }

    #[test]
    fn a_byte_that_is_no_type_is_refused_behind_its_length() {
        for split in 1..6 {
            let mut scanner = Scanner::<crate::backend::Tag>::default();
            let mut scan = |mut input: &[u8]| scanner.next(&mut input, &|_, _| Take::Whole).map(drop);
            let outcome =
                scan(&b"Q\0\0\0\x04"[..split.min(5)]).and_then(|()| scan(&b"Q\0\0\0\x04"[split.min(5)..]));
            assert_eq!(outcome, Err(FrameError::Type { tag: b'Q' }));
        }
        let mut scanner = Scanner::<crate::backend::Tag>::default();
        let outcome = scanner.next(&mut &b"Q\0\0\0\x03"[..], &|_, _| Take::Whole);
        assert_eq!(outcome, Err(FrameError::Length { tag: b'Q', length: 3 }));
    }

    #[test]
    fn a_first_piece_smaller_than_a_header_keeps_the_framing() {
        // A header that came in two pieces, of a message whose first piece may have less than 5 bytes, was
        // counted as a part of the body: everything behind it was framed wrongly.
        for least in 0..=6 {
            let table = |_: u8, _| Take::StreamAfter(least);
            let (mut scanner, mut seen) = (Scanner::default(), Vec::new());
            for part in [&b"d\0\0"[..], b"\0\x06xyd\0\0\0\x04"] {
                let mut input = part;
                while let Some(piece) = scanner.next(&mut input, &table).unwrap() {
                    match piece {
                        Piece::Head { raw, .. } | Piece::Tail { raw, .. } | Piece::Whole { raw, .. } => {
                            seen.extend_from_slice(raw)
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert_eq!(seen, b"d\0\0\0\x06xyd\0\0\0\x04", "at least {least}");
            assert!(scanner.is_clean(), "at least {least}");
        }
    }

    #[test]
    fn an_empty_row_that_came_in_two_pieces_is_counted() {
        // A CopyData without a body, its header split, came out as some other message: not counted as a row,
        // and refused where copy data is let through.
        let mut scanner = Scanner::default();
        assert_eq!(scanner.next(&mut &b"D\0\0"[..], &table), Ok(None));
        let piece = scanner.next(&mut &b"\0\x04"[..], &table);
        assert_eq!(piece, Ok(Some(Piece::Run { tag: b'D', count: 1, raw: b"D\0\0\0\x04" })));
    }

    #[test]
    fn a_gigabyte_message_is_streamed_without_being_held() {
        let mut scanner = Scanner::default();
        let mut head = vec![b'd'];
        head.extend_from_slice(&(MESSAGE_MAX_BYTES as u32).to_be_bytes());
        assert!(matches!(
            scanner.next(&mut head.as_slice(), &table),
            Ok(Some(Piece::Head { tag: b'd', last: false, .. }))
        ));
        let chunk = vec![7; 65_536];
        let mut left = MESSAGE_MAX_BYTES - 4;
        while left > 0 {
            let mut input = &chunk[..left.min(chunk.len())];
            left -= input.len();
            let last_expected = left == 0;
            assert!(
                matches!(scanner.next(&mut input, &table), Ok(Some(Piece::Tail { last, .. })) if last == last_expected)
            );
            assert_eq!(scanner.held.capacity(), 0);
        }
        assert!(scanner.is_clean());
    }

    proptest! {
        /// Any split of the stream gives the messages that the whole stream gives.
        #[test]
        fn splits_do_not_matter(
            bodies in proptest::collection::vec((prop::sample::select(b"QDBdX".to_vec()), 0_usize..90), 0..20),
            cuts in proptest::collection::vec(0_usize..2000, 0..30),
        ) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (i, (tag, len)) in bodies.iter().enumerate() {
                let bytes = message(*tag, &vec![i as u8; *len]);
                stream.extend_from_slice(&bytes);
                expected.push((*tag, if *tag == b'X' { Vec::new() } else { bytes }));
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            prop_assert_eq!(collect(&parts).unwrap(), expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..12)) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let _ = collect(&parts);
        }
    }
}
