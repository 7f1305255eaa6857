//! The turn buffer: what the sessions of one event-loop turn push their frames into.

use crate::encode;
use crate::frame::Frame;
use crate::kind::{Direction, Kind};
use crate::layout::{FLAG_CONTINUES, FLAG_MORE, FRAME_HEADER_BYTES, FRAME_MAX_BYTES, FrameHeader};

/// Frames of one turn, encoded one after the other in one buffer that is used again each turn.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    count: u32,
    base_us: u64,
    sessions_change: bool,
    oversized: bool,
}

impl Frames {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Frames {
        Frames::default()
    }

    /// Appends a frame of the session with this stream-local number. `at_us` is Unix time in microseconds; the
    /// first push of a turn sets the base that the others are relative to.
    pub fn push(&mut self, session: u32, at_us: u64, direction: Direction, frame: &Frame<'_>) {
        if self.count == 0 {
            self.base_us = at_us;
        }
        let kind = frame.kind();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        encode::payload(frame, &mut self.bytes);
        let length = self.bytes.len() - start - FRAME_HEADER_BYTES;
        if length > FRAME_MAX_BYTES {
            self.oversized = true;
        }
        let header = FrameHeader {
            length: u32::try_from(length).unwrap_or(u32::MAX),
            session,
            kind: kind.byte(),
            direction: direction as u8,
            flags: 0,
            delta_us: u32::try_from(at_us.saturating_sub(self.base_us)).unwrap_or(u32::MAX),
        };
        if let Some(place) = self.bytes.get_mut(start..start + FRAME_HEADER_BYTES) {
            place.copy_from_slice(&header.encode());
        }
        self.sessions_change |=
            matches!(kind, Kind::SessionStart | Kind::SessionContinued | Kind::SessionEnd);
        self.count = self.count.saturating_add(1);
    }

    /// How many frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// No frame was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that the frames take, headers included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Where the buffer stands now, for `roll_back`.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            count: self.count,
            sessions_change: self.sessions_change,
            oversized: self.oversized,
        }
    }

    /// Forgets what was pushed since the mark: a frame that a panic left half written must not be kept.
    pub fn roll_back(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.count = mark.count;
        self.sessions_change = mark.sessions_change;
        self.oversized = mark.oversized;
    }

    /// Forgets the frames and keeps the memory, unless it grew past 256 KiB.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(256 * 1024);
        self.count = 0;
        self.sessions_change = false;
        self.oversized = false;
    }

    /// A session starts, goes on, changes its grant or ends in these frames.
    #[must_use]
    pub fn sessions_change(&self) -> bool {
        self.sessions_change
    }

    /// A frame is longer than the format allows: these frames cannot be kept.
    #[must_use]
    pub fn is_oversized(&self) -> bool {
        self.oversized
    }

    /// Unix microseconds of the first frame.
    #[must_use]
    pub fn base_us(&self) -> u64 {
        self.base_us
    }

    /// The frames in order.
    pub fn iter(&self) -> impl Iterator<Item = RawFrame<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (frame, after) = RawFrame::split(rest, self.base_us)?;
            rest = after;
            Some(frame)
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A place in a turn buffer.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    count: u32,
    sessions_change: bool,
    oversized: bool,
}

/// A frame as it lies in a block: its header read, its payload not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// Unix microseconds.
    pub unix_us: u64,
    /// Stream-local session number.
    pub session: u32,
    /// See [`Kind`]; kept as a byte, so that later kinds can be passed over.
    pub kind: u8,
    /// See [`Direction`].
    pub direction: u8,
    /// Bit 0: the payload goes on in the next frame. Bit 1: it continues that of the frame before.
    pub flags: u16,
    /// One MessagePack array, or a part of one.
    pub payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// The payload goes on in the next frame.
    #[must_use]
    pub fn more(&self) -> bool {
        self.flags & FLAG_MORE != 0
    }

    /// The payload continues that of the frame before.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.flags & FLAG_CONTINUES != 0
    }

    /// The first frame of `bytes` and what follows it; `None` if there is no whole frame.
    pub(crate) fn split(bytes: &'a [u8], base_us: u64) -> Option<(RawFrame<'a>, &'a [u8])> {
        let (head, rest) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>()?;
        let header = FrameHeader::decode(head);
        let (payload, rest) = rest.split_at_checked(usize::try_from(header.length).ok()?)?;
        let frame = RawFrame {
            unix_us: base_us.saturating_add(u64::from(header.delta_us)),
            session: header.session,
            kind: header.kind,
            direction: header.direction,
            flags: header.flags,
            payload,
        };
        Some((frame, rest))
    }
}
