//! The binary packet, RFC 4253 section 6: `packet_length ‖ padding_length ‖ payload ‖ padding ‖ tag`.

use std::fmt;

use hoopwire_wire::Random;
use zeroize::Zeroize;

use crate::broken::{Broken, reason};
use crate::cipher::{NotOpened, Opener, Sealer};

/// Bytes of the length word in front of each packet.
pub(crate) const LENGTH: usize = 4;
/// Largest packet_length that is taken before the peer is authenticated: all that RFC 4253 section 6.1 asks
/// for.
pub(crate) const MOST_BEFORE_LOGIN: u32 = 35_000;
/// Largest packet_length that is taken after it, OpenSSH's own limit.
pub(crate) const MOST_AFTER_LOGIN: u32 = 256 * 1024;
const LEAST_PADDING: usize = 4;
/// Two blocks of AES: more is never needed.
const MOST_FILL: usize = 32;

/// Bytes of payload in a packet that has `rest` bytes behind its padding_length. None if that leaves no
/// payload: each has at least its message number.
pub(crate) fn payload_bytes(rest: usize, padding: u8) -> Option<usize> {
    let padding = usize::from(padding);
    rest.checked_sub(padding).filter(|&length| length > 0 && padding >= LEAST_PADDING)
}

/// A packet about to be sealed.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    length: u32,
    padding_length: [u8; 1],
    payload: &'a [u8],
    padding: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Fills `payload` up for `sealer`. None for a payload that has no length word: our own bug.
    pub(crate) fn new(sealer: &Sealer, payload: &'a [u8], padding: &'a [u8]) -> Option<Self> {
        let unpadded = payload.len() + 1 + if sealer.is_plain() { LENGTH } else { 0 };
        let block = sealer.block();
        let mut fill = block - unpadded % block;
        if fill < LEAST_PADDING {
            fill += block;
        }
        Some(Self {
            length: u32::try_from(payload.len().checked_add(1 + fill)?).ok()?,
            padding_length: [u8::try_from(fill).ok()?],
            payload,
            padding: padding.get(..fill)?,
        })
    }

    /// A packet that says another length of its padding than it has.
    #[cfg(test)]
    pub(crate) fn with_padding_length(said: u8, payload: &'a [u8], padding: &'a [u8]) -> Self {
        let length = u32::try_from(1 + payload.len() + padding.len()).unwrap();
        Self { length, padding_length: [said], payload, padding }
    }

    /// packet_length as it stands in the packet.
    pub(crate) fn length(&self) -> [u8; LENGTH] {
        self.length.to_be_bytes()
    }

    /// What is encrypted, in order.
    pub(crate) fn encrypted(&self) -> [&[u8]; 3] {
        [&self.padding_length, self.payload, self.padding]
    }

    /// Bytes of padding that were used.
    pub(crate) fn padding_bytes(&self) -> usize {
        self.padding.len()
    }

    /// Bytes of the packet without its tag.
    pub(crate) fn total(&self) -> usize {
        LENGTH + self.encrypted().iter().map(|part| part.len()).sum::<usize>()
    }

    /// Appends the packet, unencrypted.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        out.reserve(self.total() + 16);
        out.extend_from_slice(&self.length());
        for part in self.encrypted() {
            out.extend_from_slice(part);
        }
    }
}

/// Random bytes to pad with: fetched many at a time, each given once.
pub(crate) struct Padding {
    bytes: [u8; 1024],
    used: usize,
}

impl fmt::Debug for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Padding")
    }
}

impl Padding {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; 1024], used: 1024 }
    }

    /// At least as many bytes as the longest padding that [`Parts::new`] asks for. Say by [`spend`](Self::spend)
    /// how many were used.
    pub(crate) fn ahead(&mut self, random: &mut dyn Random) -> &[u8] {
        if self.bytes.len() - self.used < MOST_FILL {
            random.fill(&mut self.bytes);
            self.used = 0;
        }
        self.bytes.get(self.used..).unwrap_or_default()
    }

    pub(crate) fn spend(&mut self, bytes: usize) {
        self.used = (self.used + bytes).min(self.bytes.len());
    }
}

/// What came and was not yet read. Packets are opened where they lie.
#[derive(Default)]
pub(crate) struct Arrived {
    bytes: Vec<u8>,
    /// Read up to here.
    start: usize,
    /// Bytes of the whole packet at `start`, once its length is known and was found good.
    whole: Option<usize>,
}

/// More room than this is given back when all is read: idle legs keep little.
const KEPT_ROOM: usize = 128 * 1024;

impl Arrived {
    pub(crate) fn push(&mut self, input: &[u8]) {
        // what is left is less than one packet, if the reader went on until there was no more
        self.bytes.drain(..self.start);
        self.start = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_ROOM {
            self.bytes.shrink_to(KEPT_ROOM);
        }
        self.bytes.extend_from_slice(input);
    }

    /// What was not yet read.
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Has read this much.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.bytes.len());
    }

    /// Bytes that are set aside.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets everything: the leg is at its end.
    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.start = 0;
        self.whole = None;
    }

    /// Opens the packet at the front, if all of it has come, and appends its payload to `payload`; gives its
    /// bytes on the wire. Nothing is reserved for a packet of more than `most` bytes.
    pub(crate) fn packet(
        &mut self,
        opener: &mut Opener,
        sequence: u32,
        most: u32,
        payload: &mut Vec<u8>,
    ) -> Result<Option<usize>, Broken> {
        let unread = self.bytes.get_mut(self.start..).unwrap_or_default();
        let whole = match (self.whole, unread.first_chunk::<LENGTH>()) {
            (Some(whole), _) => whole,
            (None, None) => return Ok(None),
            (None, Some(word)) => {
                let length = opener.length(sequence, *word);
                *self.whole.insert(LENGTH + checked(opener, length, most)? + opener.tag_bytes())
            }
        };
        let Some(packet) = unread.get_mut(..whole) else { return Ok(None) };
        let opened = opener.open(sequence, packet, payload);
        // it was opened in place: nothing plain stays behind
        packet.fill(0);
        opened.map_err(|why| match why {
            NotOpened::Changed => {
                Broken::new(reason::MAC_ERROR, "a packet was changed on its way: its MAC is wrong")
            }
            NotOpened::Padding => Broken::protocol("a packet's padding does not fit its length"),
        })?;
        self.whole = None;
        self.advance(whole);
        Ok(Some(whole))
    }
}

/// A packet_length that a packet can have, as a number of bytes.
fn checked(opener: &Opener, length: u32, most: u32) -> Result<usize, Broken> {
    if length > most {
        return Err(Broken::protocol(format!("a packet of {length} bytes: at most {most} are taken here")));
    }
    let bytes =
        usize::try_from(length).map_err(|_| Broken::protocol("a packet's length is no number here"))?;
    let filled = bytes + if opener.is_plain() { LENGTH } else { 0 };
    if bytes < 1 + LEAST_PADDING + 1 || !filled.is_multiple_of(opener.block()) {
        return Err(Broken::protocol(format!("no packet has {length} bytes: it does not fill whole blocks")));
    }
    Ok(bytes)
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("unread", &self.unread().len()).finish()
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], most: u32) -> Result<Option<Vec<u8>>, Broken> {
        let mut arrived = Arrived::default();
        arrived.push(input);
        let mut payload = Vec::new();
        let read = arrived.packet(&mut Opener::plain(), 0, most, &mut payload)?;
        Ok(read.map(|bytes| {
            assert_eq!((bytes, arrived.unread().len()), (input.len(), 0));
            payload
        }))
    }

    /// A packet in the clear.
    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::plain();
        let padding = [0; 32];
        let mut out = Vec::new();
        let parts = Parts::new(&sealer, payload, &padding).unwrap();
        sealer.seal(0, &parts, &mut out).unwrap();
        out
    }

    #[test]
    fn a_packet_fills_blocks_of_eight_and_has_four_bytes_of_padding_at_least() {
        // as OpenSSH sends NEWKEYS in the clear
        assert_eq!(packet(b"\x15"), b"\0\0\0\x0c\x0a\x15\0\0\0\0\0\0\0\0\0\0");
        for size in 1..200 {
            let payload = vec![7; size];
            let whole = packet(&payload);
            assert!(whole.len().is_multiple_of(8) && (4..12).contains(&whole[4]));
            assert_eq!(read(&whole, MOST_BEFORE_LOGIN).unwrap(), Some(payload));
        }
    }

    #[test]
    fn lengths_over_the_limit_are_refused_when_four_bytes_have_come_and_no_room_is_made() {
        for length in [35_001, 35_004, 256 * 1024, 0x7fff_ffff, u32::MAX] {
            let mut arrived = Arrived::default();
            arrived.push(&length.to_be_bytes());
            let broken =
                arrived.packet(&mut Opener::plain(), 0, MOST_BEFORE_LOGIN, &mut Vec::new()).unwrap_err();
            assert!(broken.text.contains("at most 35000"), "{}", broken.text);
            assert!(arrived.room() < 64);
        }
        assert_eq!(read(&34_996_u32.to_be_bytes(), MOST_BEFORE_LOGIN), Ok(None));
        assert!(read(&(MOST_AFTER_LOGIN + 4).to_be_bytes(), MOST_AFTER_LOGIN).is_err());
        assert_eq!(read(&(MOST_AFTER_LOGIN - 4).to_be_bytes(), MOST_AFTER_LOGIN), Ok(None));
    }

    #[test]
    fn lengths_that_no_packet_has_are_refused() {
        for length in (0..100_u32).filter(|length| length % 8 != 4 || *length == 4) {
            assert!(read(&length.to_be_bytes(), MOST_BEFORE_LOGIN).is_err(), "{length}");
        }
        // no payload; more padding than packet
        for padding in [0, 3, 11, 12, 255] {
            let packet = [&b"\0\0\0\x0c"[..], &[padding], &[5; 11]].concat();
            assert!(read(&packet, MOST_BEFORE_LOGIN).is_err(), "{padding}");
        }
    }

    #[test]
    fn what_was_opened_is_not_kept() {
        let mut arrived = Arrived::default();
        arrived.push(&[packet(b"\x5esecret"), packet(b"\x5ehidden")].concat());
        let mut payload = Vec::new();
        for _ in 0..2 {
            arrived.packet(&mut Opener::plain(), 0, MOST_BEFORE_LOGIN, &mut payload).unwrap().unwrap();
        }
        assert_eq!(payload, b"\x5esecret\x5ehidden");
        assert!(arrived.bytes.iter().all(|&byte| byte == 0));
        // and much room is given back
        arrived.push(&[0; 4 * KEPT_ROOM]);
        arrived.advance(4 * KEPT_ROOM);
        arrived.push(b"x");
        assert!(arrived.room() <= KEPT_ROOM && arrived.unread() == b"x");
    }

    #[test]
    fn padding_is_given_once() {
        struct Count(u8);
        impl Random for Count {
            fn fill(&mut self, out: &mut [u8]) {
                self.0 += 1;
                out.fill(self.0);
            }
        }
        let (mut padding, mut random) = (Padding::new(), Count(0));
        let mut used = 0;
        while random.0 < 3 {
            let ahead = padding.ahead(&mut random);
            assert!(ahead.len() >= MOST_FILL && ahead[..MOST_FILL].iter().all(|byte| *byte == ahead[0]));
            padding.spend(19);
            used += 19;
        }
        assert!(used > 2 * (1024 - MOST_FILL) && used <= 2 * 1024 + 19);
    }
}
