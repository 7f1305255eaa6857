//! The order, held by types: what goes to the target was allowed and is recorded; what goes to the principal is in the
//! frame of a result. Code that leaves a step out does not compile:
//!
//! ```
//! use hoopwire_grant::Permit;
//! use hoopwire_recording::{Direction, Frame};
//! use hoopwire_session::Turn;
//!
//! fn forward(turn: &mut Turn<'_, ()>, permit: &Permit, frame: &Frame<'_>) {
//!     let kept = turn.record(7, Direction::Upstream, frame);
//!     turn.forward(permit, kept, b"bytes");
//! }
//! ```
//!
//! Without a frame:
//!
//! ```compile_fail
//! use hoopwire_grant::Permit;
//! use hoopwire_recording::{Direction, Frame};
//! use hoopwire_session::Turn;
//!
//! fn forward(turn: &mut Turn<'_, ()>, permit: &Permit, frame: &Frame<'_>) {
//!     turn.forward(permit, b"bytes");
//! }
//! ```
//!
//! Twice for one frame:
//!
//! ```compile_fail
//! use hoopwire_grant::Permit;
//! use hoopwire_recording::{Direction, Frame};
//! use hoopwire_session::Turn;
//!
//! fn forward(turn: &mut Turn<'_, ()>, permit: &Permit, frame: &Frame<'_>) {
//!     let kept = turn.record(7, Direction::Upstream, frame);
//!     turn.forward(permit, kept, b"bytes");
//!     turn.forward(permit, kept, b"and others");
//! }
//! ```
//!
//! With a proof of its own making, of either kind:
//!
//! ```compile_fail
//! use hoopwire_grant::Permit;
//! use hoopwire_recording::{Direction, Frame};
//! use hoopwire_session::{Recorded, Turn};
//!
//! fn forward(turn: &mut Turn<'_, ()>, permit: &Permit, frame: &Frame<'_>) {
//!     let kept = Recorded { _private: () };
//!     turn.forward(permit, kept, b"bytes");
//! }
//! ```
//!
//! ```compile_fail
//! use hoopwire_grant::Permit;
//! use hoopwire_recording::{Direction, Frame};
//! use hoopwire_session::Turn;
//!
//! fn forward(turn: &mut Turn<'_, ()>, permit: &Permit, frame: &Frame<'_>) {
//!     let kept = turn.record(7, Direction::Upstream, frame);
//!     turn.forward(&Permit { _private: () }, kept, b"bytes");
//! }
//! ```
//!
//! Around the order, by the buffers themselves:
//!
//! ```compile_fail
//! use hoopwire_session::Turn;
//!
//! fn forward(turn: &mut Turn<'_, ()>) {
//!     turn.legs.up_mut().extend_from_slice(b"bytes");
//! }
//! ```
//!
//! Toward the principal without a span, whose end pushes the frame:
//!
//! ```
//! use hoopwire_session::Turn;
//!
//! fn deliver(turn: &mut Turn<'_, ()>) {
//!     let span = turn.span();
//!     turn.deliver(&span, |out| out.extend_from_slice(b"bytes"));
//! }
//! ```
//!
//! ```compile_fail
//! use hoopwire_session::Turn;
//!
//! fn deliver(turn: &mut Turn<'_, ()>) {
//!     turn.deliver(|out| out.extend_from_slice(b"bytes"));
//! }
//! ```
//!
//! A span that is never closed is no way out either: what no frame tells of is not sent ([`Legs::keep_what_is_told`]).

use crate::admission::Admission;
use crate::turn::Turn;
use hoopwire_grant::Permit;
use hoopwire_recording::{Direction, Frame, Input, SessionStart};
use zeroize::Zeroize;

/// Proof that a frame which tells of some bytes is in the turn's recording. Forwarding them uses it up.
#[derive(Debug)]
pub struct Recorded {
    _private: (),
}

/// Bytes of the principal that go to the target piece by piece in one turn and are recorded by one digest.
#[derive(Debug)]
#[must_use = "a flow is recorded when it ends"]
pub struct Flow {
    start: usize,
}

/// Bytes for the principal that are recorded together.
#[derive(Debug)]
#[must_use = "a span is recorded when it is closed"]
pub struct Span {
    start: usize,
}

/// Which of a session's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Toward the principal.
    Down,
    /// Toward the target.
    Up,
}

/// One buffer a leg. The engine sends them after the turn's frames are kept.
#[derive(Debug, Default)]
pub struct Legs {
    down: Vec<u8>,
    up: Vec<u8>,
    /// So much of each is told of by frames, or needs none.
    told_down: usize,
    told_up: usize,
    /// The session is recorded: from here on nothing goes to the principal without a frame.
    is_recorded: bool,
    /// So much of each was there when the engine last sent: it is as it goes out.
    settled_down: usize,
    settled_up: usize,
}

impl Legs {
    /// The bytes for the principal.
    #[must_use]
    pub fn down(&self) -> &[u8] {
        &self.down
    }

    /// The same for the engine, to send.
    pub fn down_mut(&mut self) -> &mut Vec<u8> {
        &mut self.down
    }

    /// The bytes for the target.
    #[must_use]
    pub fn up(&self) -> &[u8] {
        &self.up
    }

    /// The same for the engine, to send.
    pub fn up_mut(&mut self) -> &mut Vec<u8> {
        &mut self.up
    }

    /// Drops what no frame tells of, before the turn is kept: a span or flow that was not closed. True if there was any.
    pub fn keep_what_is_told(&mut self) -> bool {
        let is_untold = self.down.len() > self.told_down || self.up.len() > self.told_up;
        if is_untold {
            self.down.truncate(self.told_down);
            self.up.truncate(self.told_up);
        }
        is_untold
    }

    /// A frame tells of what goes up from `start` to here, or none needs to. Behind what is untold it stays untold.
    #[inline]
    fn tell_up(&mut self, start: usize) {
        if self.told_up >= start {
            self.told_up = self.up.len();
        }
    }

    /// The same toward the principal.
    #[inline]
    fn tell_down(&mut self, start: usize) {
        if self.told_down >= start {
            self.told_down = self.down.len();
        }
    }

    #[inline]
    fn push_up(&mut self, bytes: &[u8]) {
        let start = self.up.len();
        self.up.extend_from_slice(bytes);
        self.tell_up(start);
    }

    /// A part of what is buffered was sent, or dropped.
    pub fn settle(&mut self) {
        self.told_down = self.down.len();
        self.told_up = self.up.len();
        self.settled_down = self.told_down;
        self.settled_up = self.told_up;
    }

    /// What came into each buffer since it was last sent becomes what `make` makes of it: for protocols whose
    /// ciphers count, so that only what is kept may be sealed. It is given the plain bytes and the buffer to append to.
    pub fn seal(&mut self, mut make: impl FnMut(Leg, &[u8], &mut Vec<u8>)) {
        let legs = [(Leg::Down, &mut self.down, self.settled_down), (Leg::Up, &mut self.up, self.settled_up)];
        for (leg, buffer, from) in legs {
            if buffer.len() > from {
                let mut plain = buffer.split_off(from);
                make(leg, &plain, buffer);
                plain.zeroize();
            }
        }
        self.settle();
    }
}

impl<C> Turn<'_, C> {
    /// Puts a frame of session `no` into the recording.
    #[inline]
    pub fn record(&mut self, no: u32, direction: Direction, frame: &Frame<'_>) -> Recorded {
        self.frames.push(no, self.unix_us, direction, frame);
        self.legs.is_recorded = true;
        Recorded { _private: () }
    }

    /// The session begins: who may do what, and what its protocol calls that.
    pub fn record_start<R>(
        &mut self,
        admission: &Admission<'_, R>,
        actions: &[&str],
        application_name: &str,
    ) {
        let Admission { no, session, peer, node, grant, .. } = admission;
        let frame = Frame::SessionStart(SessionStart {
            session,
            grant: &grant.id,
            issuer: &grant.issuer,
            principal: &grant.principal,
            principal_name: &grant.principal_name,
            principal_kind: &grant.principal_kind,
            target: &grant.target,
            database: &grant.database,
            actions,
            policy: &grant.policy,
            policy_hash: &grant.policy_hash,
            task: &grant.task,
            peer,
            application_name,
            node,
        });
        self.record(*no, Direction::Gateway, &frame);
    }

    /// Bytes of the principal for the target: a decision allows them, and the frame tells of them.
    #[inline]
    pub fn forward(&mut self, _permit: &Permit, _kept: Recorded, bytes: &[u8]) {
        self.legs.push_up(bytes);
    }

    /// The same, written in place.
    pub fn forward_by(&mut self, _permit: &Permit, _kept: Recorded, write: impl FnOnce(&mut Vec<u8>)) {
        self.carry_up(write);
    }

    /// Bytes of the gateway's own for the target that a frame tells of.
    pub fn say_up(&mut self, _kept: Recorded, bytes: &[u8]) {
        self.legs.push_up(bytes);
    }

    /// Bytes of the gateway's own for the target, told of by their digest.
    pub fn say_up_by_digest(&mut self, no: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.legs.up.len();
        write(&mut self.legs.up);
        self.record_up(no, Direction::Gateway, start);
    }

    /// What the gateway says for itself at its login, and to say goodbye. No frame tells of it: it may hold a secret.
    pub fn log_in_up<T>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, &mut dyn hoopwire_wire::Random) -> T,
    ) -> T {
        let start = self.legs.up.len();
        let said = write(&mut self.legs.up, self.random);
        self.legs.tell_up(start);
        said
    }

    /// What the principal sends from here on in this turn is recorded by one digest.
    pub fn flow(&mut self) -> Flow {
        Flow { start: self.legs.up.len() }
    }

    /// A piece of a flow.
    #[inline]
    pub fn forward_in(&mut self, _permit: &Permit, _flow: &Flow, bytes: &[u8]) {
        self.legs.up.extend_from_slice(bytes);
    }

    /// The flow ends: a frame tells of all that went up since it began.
    pub fn end_flow(&mut self, no: u32, Flow { start }: Flow) {
        self.record_up(no, Direction::Upstream, start);
    }

    fn record_up(&mut self, no: u32, direction: Direction, start: usize) {
        let sent = self.legs.up.get(start..).unwrap_or_default();
        let frame = Frame::Input(Input { bytes: sent.len() as u64, digest: *blake3::hash(sent).as_bytes() });
        self.frames.push(no, self.unix_us, direction, &frame);
        self.legs.tell_up(start);
    }

    /// Bytes of the target, or words of the gateway's own, that a frame tells of.
    pub fn hand_down(&mut self, _kept: Recorded, write: impl FnOnce(&mut Vec<u8>)) {
        self.carry_down(write);
    }

    /// What a leg's transport needs for itself, and says nothing: new keys, room in a window, an end that was agreed on. No
    /// frame tells of it. A wing's dialogues hold that nothing else goes this way.
    pub fn carry_down(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.legs.down.len();
        write(&mut self.legs.down);
        self.legs.tell_down(start);
    }

    /// The same toward the target.
    pub fn carry_up(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.legs.up.len();
        write(&mut self.legs.up);
        self.legs.tell_up(start);
    }

    /// What a connection is told before anything of it is recorded: before it is admitted. Later it writes nothing.
    pub fn greet(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.legs.is_recorded {
            let start = self.legs.down.len();
            write(&mut self.legs.down);
            self.legs.tell_down(start);
        }
    }

    /// What the principal gets from here on is recorded together.
    #[inline]
    pub fn span(&mut self) -> Span {
        Span { start: self.legs.down.len() }
    }

    /// Bytes for the principal.
    #[inline]
    pub fn deliver<T>(&mut self, _span: &Span, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        write(&mut self.legs.down)
    }

    /// The span ends here, and another begins: `frame` tells of what was delivered in it (nothing is told of nothing).
    /// With `is_whole` the bytes themselves are recorded, too. Gives how many there were.
    #[inline]
    pub fn close_span<'f>(
        &mut self,
        no: u32,
        span: &mut Span,
        is_whole: bool,
        frame: impl FnOnce(u64, [u8; 32]) -> Frame<'f>,
    ) -> u64 {
        let delivered = self.legs.down.get(span.start..).unwrap_or_default();
        if delivered.is_empty() {
            return 0;
        }
        let bytes = delivered.len() as u64;
        let frame = frame(bytes, *blake3::hash(delivered).as_bytes());
        self.frames.push(no, self.unix_us, Direction::Downstream, &frame);
        if is_whole {
            self.frames.push(no, self.unix_us, Direction::Downstream, &Frame::Rows(delivered));
        }
        self.legs.tell_down(span.start);
        span.start = self.legs.down.len();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoopwire_recording::Frames;
    use hoopwire_wire::Random;
    use std::time::Instant;

    struct Zeros;

    impl Random for Zeros {
        fn fill(&mut self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    #[allow(clippy::disallowed_methods)] // some instant
    fn turn(legs: &mut Legs, act: impl FnOnce(&mut Turn<'_, ()>)) -> Frames {
        let mut frames = Frames::new();
        act(&mut Turn::new((Instant::now(), 1), &mut frames, legs, &mut Vec::new(), &mut Zeros, &mut ()));
        frames
    }

    #[test]
    fn what_no_frame_tells_of_is_not_sent() {
        let mut legs = Legs::default();
        let input = Frame::Input(Input { bytes: 0, digest: [0; 32] });
        turn(&mut legs, |turn| {
            turn.greet(|out| out.extend_from_slice(b"hello"));
            let _ = turn.record(7, Direction::Upstream, &input);
            turn.greet(|out| out.extend_from_slice(b" again"));
            let span = turn.span();
            turn.deliver(&span, |out| out.extend_from_slice(b"rows"));
            turn.log_in_up(|out, _| out.extend_from_slice(b"login"));
            let _ = turn.flow();
        });
        assert!(legs.keep_what_is_told());
        assert_eq!((legs.down(), legs.up()), (&b"hello"[..], &b"login"[..]));
        assert!(!legs.keep_what_is_told());
    }

    #[test]
    fn what_is_told_behind_a_gap_does_not_take_the_gap_along() {
        // A span or flow that was left open went out with the next one that was closed.
        let mut legs = Legs::default();
        let input = Frame::Input(Input { bytes: 0, digest: [0; 32] });
        turn(&mut legs, |turn| {
            let kept = turn.record(7, Direction::Upstream, &input);
            turn.say_up(kept, b"told");
            let left_open = turn.span();
            turn.deliver(&left_open, |out| out.extend_from_slice(b"gap"));
            let mut span = turn.span();
            turn.deliver(&span, |out| out.extend_from_slice(b"rows"));
            turn.close_span(7, &mut span, false, |bytes, digest| Frame::Input(Input { bytes, digest }));
            turn.legs.up.extend_from_slice(b"gap");
            turn.say_up_by_digest(7, |out| out.extend_from_slice(b"own"));
            turn.log_in_up(|out, _| out.extend_from_slice(b"login"));
            let kept = turn.record(7, Direction::Upstream, &input);
            turn.say_up(kept, b"more");
        });
        assert!(legs.keep_what_is_told());
        assert_eq!((legs.down(), legs.up()), (&b""[..], &b"told"[..]));
    }

    #[test]
    fn a_span_and_a_flow_are_told_of_once() {
        let mut legs = Legs::default();
        let frames = turn(&mut legs, |turn| {
            let mut span = turn.span();
            turn.deliver(&span, |out| out.extend_from_slice(b"rows"));
            let frame = |bytes, digest| Frame::Input(Input { bytes, digest });
            assert_eq!(turn.close_span(7, &mut span, true, frame), 4);
            assert_eq!(turn.close_span(7, &mut span, true, frame), 0);
            turn.say_up_by_digest(7, |out| out.extend_from_slice(b"own"));
            let flow = turn.flow();
            turn.end_flow(7, flow);
        });
        assert_eq!(frames.iter().count(), 4);
        assert!(!legs.keep_what_is_told());
    }
}
