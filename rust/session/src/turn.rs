//! One call into a session: the moment, the buffers, and where effects go.

use crate::effect::Effect;
use crate::release::Legs;
use hoopwire_recording::Frames;
use hoopwire_wire::Random;
use std::time::Instant;

/// What a session is given with each call. `C` is what its protocol keeps on a reactor for all its sessions. The buffers
/// and the recording are reached by its methods alone (`release`).
pub struct Turn<'a, C> {
    /// Monotonic.
    pub now: Instant,
    /// What the engine shall do, in order.
    pub effects: &'a mut Vec<Effect>,
    /// Randomness for nonces.
    pub random: &'a mut dyn Random,
    /// What the protocol keeps on this reactor.
    pub caches: &'a mut C,
    /// Wall clock in Unix microseconds, for the recording.
    pub(crate) unix_us: u64,
    pub(crate) frames: &'a mut Frames,
    pub(crate) legs: &'a mut Legs,
}

impl<'a, C> Turn<'a, C> {
    /// `at` is the moment on the monotonic clock, and in Unix microseconds.
    pub fn new(
        at: (Instant, u64),
        frames: &'a mut Frames,
        legs: &'a mut Legs,
        effects: &'a mut Vec<Effect>,
        random: &'a mut dyn Random,
        caches: &'a mut C,
    ) -> Turn<'a, C> {
        let (now, unix_us) = at;
        Turn { now, effects, random, caches, unix_us, frames, legs }
    }

    /// Wall clock in Unix seconds: for what others have signed with a date. Deadlines are on `now`.
    #[must_use]
    pub fn unix_s(&self) -> u64 {
        self.unix_us / 1_000_000
    }

    /// The same turn with a part of the caches, or others.
    pub fn with<'b, D>(&'b mut self, part: impl FnOnce(&'b mut C) -> &'b mut D) -> Turn<'b, D> {
        Turn {
            now: self.now,
            effects: self.effects,
            random: self.random,
            caches: part(self.caches),
            unix_us: self.unix_us,
            frames: self.frames,
            legs: self.legs,
        }
    }
}
