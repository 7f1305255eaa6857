//! The binary packet, RFC 4253 section 6: `packet_length ‖ padding_length ‖ payload ‖ padding ‖ tag`.

use hoopwire_wire::{Random, Secret};

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
const MOST_PADDING: usize = 255;

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
        let unpadded = payload.len() + 1 + if sealer.pads_length() { LENGTH } else { 0 };
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

    /// packet_length as it stands in the packet.
    pub(crate) fn length(&self) -> [u8; LENGTH] {
        self.length.to_be_bytes()
    }

    /// What is encrypted, in order.
    pub(crate) fn encrypted(&self) -> [&[u8]; 3] {
        [&self.padding_length, self.payload, self.padding]
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

impl Padding {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; 1024], used: 1024 }
    }

    /// At least as many bytes as the longest padding that [`Parts::new`] asks for. Say by [`spend`](Self::spend)
    /// how many were used.
    pub(crate) fn ahead(&mut self, random: &mut dyn Random) -> &[u8] {
        if self.bytes.len() - self.used < MOST_PADDING {
            random.fill(&mut self.bytes);
            self.used = 0;
        }
        self.bytes.get(self.used..).unwrap_or_default()
    }

    pub(crate) fn spend(&mut self, bytes: usize) {
        self.used = (self.used + bytes).min(self.bytes.len());
    }
}
