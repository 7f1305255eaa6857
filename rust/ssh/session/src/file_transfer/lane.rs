//! One direction of an sftp channel: what came and is not decided yet, what may go and waits for room, and how much room
//! each end has been given.
//!
//! ```text
//!  sender ──granted──▶ [stream: parts of messages, and whole ones that wait] ──decided──▶ [out] ──room──▶ receiver
//! ```
//!
//! The sender's room is that of the receiver, less what is held here: so the sender is held back as if the gateway were not
//! there. Only to complete a message it gets more, since a message goes on when it is whole.

use hoopwire_ssh_protocol::sftp::Stream;
use zeroize::Zeroize;

/// The most room that a sender has: what OpenSSH gives, too.
pub(crate) const ROOM_MOST: u32 = 2 * 1024 * 1024;
/// Room is given in pieces of at least this, unless the sender has hardly any.
const ROOM_LEAST: u32 = 32 * 1024;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) stream: Stream,
    out: Out,
    /// What the receiver takes now, and in one packet.
    room: u32,
    packet_max: u32,
    /// What the sender may send.
    granted: u32,
}

/// Decided bytes, from `sent` on. Not shown, and zeroed.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    sent: usize,
}

impl Drop for Out {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("bytes", &self.bytes.len()).field("sent", &self.sent).finish()
    }
}

impl Lane {
    /// With this much room at the receiver, of which `granted` is known to the sender.
    pub(super) fn new(room: u32, packet_max: u32, granted: u32) -> Lane {
        Lane { stream: Stream::new(), out: Out::default(), room, packet_max, granted }
    }

    /// Data of the sender. False if there was no room for it.
    pub(super) fn take_in(&mut self, data: &[u8]) -> bool {
        let is_fit = self.pass_by(data.len());
        if is_fit {
            self.stream.push(data);
        }
        is_fit
    }

    /// Data of the sender that goes nowhere, or around. False if there was no room for it.
    pub(super) fn pass_by(&mut self, bytes: usize) -> bool {
        let rest = u32::try_from(bytes).ok().and_then(|bytes| self.granted.checked_sub(bytes));
        self.granted = rest.unwrap_or(self.granted);
        rest.is_some()
    }

    /// Takes the receiver's room for bytes that go around. How many fit.
    pub(super) fn take_room(&mut self, bytes: usize) -> usize {
        let fits = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.room).min(self.packet_max);
        self.room = self.room.saturating_sub(fits);
        fits as usize
    }

    /// They fit into one packet, and leave room for what waits.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.packet_max as usize && bytes.saturating_add(self.out_bytes()) <= self.room as usize
    }

    /// The receiver makes room. False if that is more than there can be.
    pub(super) fn grow(&mut self, bytes: u32) -> bool {
        let room = self.room.checked_add(bytes);
        self.room = room.unwrap_or(self.room);
        room.is_some()
    }

    /// What is appended to this goes to the receiver when there is room.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out.bytes
    }

    /// Decided bytes that wait for room.
    pub(super) fn out_bytes(&self) -> usize {
        self.out.bytes.len().saturating_sub(self.out.sent)
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.stream.held_bytes().saturating_add(self.out_bytes())
    }

    /// What the next packet carries.
    pub(super) fn cut(&mut self) -> Option<&[u8]> {
        if self.out_bytes() == 0 {
            self.out = Out::default();
            return None;
        }
        let fits = self.take_room(self.out_bytes());
        let from = self.out.sent;
        self.out.sent = from.saturating_add(fits);
        self.out.bytes.get(from..self.out.sent).filter(|packet| !packet.is_empty())
    }

    /// What the sender is to be given now; 0 is nothing.
    pub(super) fn due(&mut self) -> u32 {
        let held = u32::try_from(self.held_bytes()).unwrap_or(u32::MAX);
        let free = self.room.saturating_sub(held).saturating_sub(self.granted);
        let missing = u32::try_from(self.stream.missing_bytes()).unwrap_or(u32::MAX);
        let due = free.max(missing.saturating_sub(self.granted));
        let due = due.min(ROOM_MOST.saturating_sub(self.granted).saturating_sub(held.min(ROOM_MOST)));
        // pieces of a few bytes would make packets of a few bytes
        let due = if due >= ROOM_LEAST || due > self.granted { due } else { 0 };
        self.granted = self.granted.saturating_add(due);
        due
    }

    /// Nothing goes this way any more.
    pub(super) fn clear(&mut self) {
        self.stream = Stream::new();
        self.out = Out::default();
    }
}
