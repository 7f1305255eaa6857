//! One call into a session: the moment, the buffers, and where effects go.

use crate::effect::Effect;
use crate::release::Legs;
use hoopwire_recording::Frames;
use hoopwire_wire::Random;
use std::time::Instant;

/// What a session is given with each call. `C` is what its protocol keeps on a reactor for all its sessions.
pub struct Turn<'a, C> {
    /// Monotonic.
    pub now: Instant,
    /// Wall clock in Unix microseconds, for the recording.
    pub unix_us: u64,
    /// The turn's frames.
    pub frames: &'a mut Frames,
    /// Outgoing bytes.
    pub legs: &'a mut Legs,
    /// What the engine shall do, in order.
    pub effects: &'a mut Vec<Effect>,
    /// Randomness for nonces.
    pub random: &'a mut dyn Random,
    /// What the protocol keeps on this reactor.
    pub caches: &'a mut C,
}

impl<C> Turn<'_, C> {
    /// The same turn with a part of the caches, or others.
    pub fn with<'b, D>(&'b mut self, part: impl FnOnce(&'b mut C) -> &'b mut D) -> Turn<'b, D> {
        Turn {
            now: self.now,
            unix_us: self.unix_us,
            frames: self.frames,
            legs: self.legs,
            effects: self.effects,
            random: self.random,
            caches: part(self.caches),
        }
    }
}
