use aws_lc_rs::error::Unspecified;
use hoopwire_wire::Random;
use zeroize::Zeroize;

use crate::cipher::Sealer;
use crate::number;
use crate::packet::{Padding, Parts};
use crate::plain::{self, Packets};

/// How much one set of keys was used in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Used {
    /// RFC 4344 section 3: sequence numbers repeat after 2^32 packets, and blocks of AES after 2^64 are no
    /// longer random; 64 GiB is what OpenSSH allows.
    const PACKETS: u64 = 1 << 31;
    const BYTES: u64 = 1 << 36;
    /// Here a direction stops: chacha20 would use a nonce twice.
    const LAST_PACKETS: u64 = (1 << 32) - (1 << 20);

    pub(super) fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// New keys are due.
    pub(super) fn is_much(self) -> bool {
        self.packets >= Self::PACKETS || self.bytes >= Self::BYTES
    }

    /// The keys are worn out.
    pub(super) fn is_all(self) -> bool {
        self.packets >= Self::LAST_PACKETS
    }
}

/// What we say: its keys and what they may not yet seal.
#[derive(Debug)]
pub(super) struct Outgoing {
    sealer: Sealer,
    /// In use from our NEWKEYS on; whether its sequence numbers begin anew.
    next: Option<(Sealer, bool)>,
    sequence: u32,
    pub(super) used: Used,
    padding: Padding,
    /// The identification line is out.
    named: bool,
    /// Between our KEXINIT and our NEWKEYS, as the peer sees them.
    exchanging: bool,
    /// In plain form, until NEWKEYS.
    held: Vec<u8>,
    /// Something else than key exchanges was sealed since this was last asked.
    busy: bool,
    /// A packet could not be sealed: the peer can't read what would follow.
    failed: bool,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            sealer: Sealer::plain(),
            next: None,
            sequence: 0,
            used: Used::default(),
            padding: Padding::new(),
            named: false,
            exchanging: true,
            held: Vec::new(),
            busy: false,
            failed: false,
        }
    }

    /// Keys for after the next NEWKEYS. False if those before them are not in use yet.
    pub(super) fn set_next(&mut self, sealer: Sealer, from_zero: bool) -> bool {
        self.next.replace((sealer, from_zero)).is_none()
    }

    pub(super) fn keeps_back(&self) -> bool {
        self.exchanging || self.used.is_all()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn take_busy(&mut self) -> bool {
        std::mem::take(&mut self.busy)
    }

    pub(super) fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>, random: &mut dyn Random) {
        for payload in Packets::new(plain) {
            if self.failed {
                return;
            }
            self.entry(payload, sealed, random);
        }
    }

    fn entry(&mut self, payload: &[u8], sealed: &mut Vec<u8>, random: &mut dyn Random) {
        if !self.named {
            self.named = true;
            sealed.extend_from_slice(payload);
            return;
        }
        let Some(&kind) = payload.first() else { return };
        if number::waits_for_keys(kind) {
            if self.keeps_back() {
                plain::put(&mut self.held, |held| held.extend_from_slice(payload));
                return;
            }
            self.busy = true;
        }
        if self.packet(payload, sealed, random).is_err() {
            self.failed = true;
            return;
        }
        match kind {
            number::KEXINIT => self.exchanging = true,
            number::NEWKEYS => self.switch(sealed, random),
            _ => {}
        }
    }

    fn packet(
        &mut self,
        payload: &[u8],
        sealed: &mut Vec<u8>,
        random: &mut dyn Random,
    ) -> Result<(), Unspecified> {
        let before = sealed.len();
        let parts = Parts::new(&self.sealer, payload, self.padding.ahead(random)).ok_or(Unspecified)?;
        let fill = parts.padding_bytes();
        self.sealer.seal(self.sequence, &parts, sealed)?;
        self.padding.spend(fill);
        self.sequence = self.sequence.wrapping_add(1);
        self.used.add(sealed.len() - before);
        Ok(())
    }

    /// NEWKEYS is sealed: what comes now has the new keys, and what was kept back goes.
    fn switch(&mut self, sealed: &mut Vec<u8>, random: &mut dyn Random) {
        let Some((sealer, from_zero)) = self.next.take() else {
            self.failed = true;
            return;
        };
        self.sealer = sealer;
        self.used = Used::default();
        if from_zero {
            self.sequence = 0;
        }
        self.exchanging = false;
        let mut held = std::mem::take(&mut self.held);
        self.seal(&held, sealed, random);
        held.zeroize();
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}
