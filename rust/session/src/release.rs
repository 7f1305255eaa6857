//! Bytes on their way out.

use hoopwire_grant::Permit;

/// One buffer a leg. The engine sends them after the turn's frames are kept.
#[derive(Debug, Default)]
pub struct Legs {
    /// Toward the principal.
    pub down: Vec<u8>,
    up: Vec<u8>,
}

impl Legs {
    /// The bytes for the target.
    #[must_use]
    pub fn up(&self) -> &[u8] {
        &self.up
    }

    /// The bytes for the target, for the engine to send.
    pub fn up_mut(&mut self) -> &mut Vec<u8> {
        &mut self.up
    }

    /// Bytes of the principal for the target: asks for the proof that a decision allowed them.
    pub fn forward(&mut self, _proof: &Permit, bytes: &[u8]) {
        self.up.extend_from_slice(bytes);
    }

    /// Bytes that the gateway itself says to the target: its login, and what ends or asks there.
    pub fn own_up(&mut self) -> &mut Vec<u8> {
        &mut self.up
    }
}
