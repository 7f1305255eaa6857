//! Fragments joined to whole frames.

use crate::decode::Scratch;
use crate::error::PayloadError;
use crate::frame::Frame;
use crate::frames::RawFrame;
use crate::layout::{FLAG_CONTINUES, FLAG_MORE, FRAME_MAX_BYTES};

/// A whole frame of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined<'a> {
    /// Its sequence number in the stream (of its first fragment).
    pub sequence: u64,
    /// Unix microseconds.
    pub unix_us: u64,
    /// Stream-local session number.
    pub session: u32,
    /// See [`crate::Kind`].
    pub kind: u8,
    /// See [`crate::Direction`].
    pub direction: u8,
    /// As in the frame header, without `MORE`.
    pub flags: u16,
    /// One MessagePack array.
    pub payload: &'a [u8],
}

impl<'a> Joined<'a> {
    /// The frame itself.
    ///
    /// # Errors
    /// See [`Frame::decode`].
    pub fn frame<'s>(&self, scratch: &'s mut Scratch<'a>) -> Result<Frame<'s>, PayloadError>
    where
        'a: 's,
    {
        Frame::decode(self.kind, self.payload, scratch)
    }
}

/// Joins the fragments of one stream. Holds at most one frame.
#[derive(Debug, Default)]
pub struct Joiner {
    parts: Vec<u8>,
    begun: Option<Begun>,
    done: bool,
}

#[derive(Debug)]
struct Begun {
    sequence: u64,
    unix_us: u64,
    session: u32,
    kind: u8,
}

impl Joiner {
    /// A frame is begun and not finished.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.begun.is_some() && !self.done
    }

    /// Forgets a frame that was begun: its rest is lost.
    pub fn reset(&mut self) {
        self.parts = Vec::new();
        self.begun = None;
        self.done = false;
    }

    /// Takes the next raw frame; gives a whole frame if this one ends it. What misses a fragment is dropped.
    pub fn next<'a>(&'a mut self, sequence: u64, raw: &RawFrame<'a>) -> Option<Joined<'a>> {
        if self.done || !raw.continues() {
            self.reset();
        }
        if !raw.continues() {
            if !raw.more() {
                return Some(joined(sequence, raw.unix_us, raw, raw.payload));
            }
            self.begun = Some(Begun { sequence, unix_us: raw.unix_us, session: raw.session, kind: raw.kind });
        }
        let fits = |begun: &Begun| begun.session == raw.session && begun.kind == raw.kind;
        if !self.begun.as_ref().is_some_and(fits) || self.parts.len() + raw.payload.len() > FRAME_MAX_BYTES {
            self.reset();
        }
        let begun = self.begun.as_ref()?;
        self.parts.extend_from_slice(raw.payload);
        if raw.more() {
            return None;
        }
        self.done = true;
        Some(joined(begun.sequence, begun.unix_us, raw, &self.parts))
    }
}

fn joined<'a>(sequence: u64, unix_us: u64, raw: &RawFrame<'_>, payload: &'a [u8]) -> Joined<'a> {
    Joined {
        sequence,
        unix_us,
        session: raw.session,
        kind: raw.kind,
        direction: raw.direction,
        flags: raw.flags & !(FLAG_MORE | FLAG_CONTINUES),
        payload,
    }
}
