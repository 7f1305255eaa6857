use std::fmt;

use aws_lc_rs::aead::chacha20_poly1305_openssh as chacha;
use aws_lc_rs::aead::{Aad, LessSafeKey};
use aws_lc_rs::cipher::{DecryptionContext, StreamingDecryptingKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{constant_time, hmac};

use super::{AES_BLOCK, Counter, GCM_TAG, KeyMaterial, LEAST_BLOCK, Suite, ctr, gcm, initial, tag};
use crate::packet::{LENGTH, payload_bytes};

/// Opens the packets of one direction. `Debug` shows no key; the keys are zeroed when it is dropped.
pub(crate) struct Opener(Kind);

enum Kind {
    /// Before the first keys.
    Plain,
    Gcm(LessSafeKey, Counter),
    ChaCha(Box<chacha::OpeningKey>),
    Ctr(StreamingDecryptingKey, Box<hmac::Key>),
}

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// Its tag is wrong: it was changed on its way.
    Changed,
    /// Its padding is longer than it, or too short.
    Padding,
}

impl From<Unspecified> for NotOpened {
    fn from(_: Unspecified) -> Self {
        Self::Changed
    }
}

impl Opener {
    /// Packets as they are.
    pub(crate) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// The keys' lengths must be those that `suite` says.
    pub(crate) fn new(suite: Suite, keys: &KeyMaterial) -> Result<Self, Unspecified> {
        let (iv, key) = (keys.iv.expose(), keys.key.expose());
        Ok(Self(match (suite.cipher, suite.mac) {
            (cipher, Some(mac)) if cipher.needs_mac() => Kind::Ctr(
                StreamingDecryptingKey::ctr(ctr(cipher, key)?, DecryptionContext::Iv128(initial(iv)?))?,
                Box::new(hmac::Key::new(mac.algorithm(), keys.mac.expose())),
            ),
            (cipher, None) if cipher.is_gcm() => Kind::Gcm(gcm(cipher, key)?, Counter::new(iv)?),
            (cipher, None) if !cipher.needs_mac() => {
                Kind::ChaCha(Box::new(chacha::OpeningKey::new(key.first_chunk().ok_or(Unspecified)?)))
            }
            _ => return Err(Unspecified),
        }))
    }

    /// What the length of what is encrypted must be a multiple of.
    pub(crate) fn block(&self) -> usize {
        match self.0 {
            Kind::Plain | Kind::ChaCha(_) => LEAST_BLOCK,
            Kind::Gcm(..) | Kind::Ctr(..) => AES_BLOCK,
        }
    }

    /// No keys are in use: the length word counts among what is filled up to a block.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.0, Kind::Plain)
    }

    /// Bytes behind what is encrypted.
    pub(crate) fn tag_bytes(&self) -> usize {
        match &self.0 {
            Kind::Plain => 0,
            Kind::Gcm(..) => GCM_TAG,
            Kind::ChaCha(_) => chacha::TAG_LEN,
            Kind::Ctr(_, mac) => mac.algorithm().tag_len(),
        }
    }

    /// packet_length, which nobody vouches for until the packet is opened.
    pub(crate) fn length(&self, sequence: u32, word: [u8; LENGTH]) -> u32 {
        u32::from_be_bytes(match &self.0 {
            Kind::ChaCha(key) => key.decrypt_packet_length(sequence, word),
            _ => word,
        })
    }

    /// Opens `packet`, from its length word to its tag, and appends what it says to `payload`. What `packet`
    /// holds afterwards is of no use to anyone, and may be plain.
    pub(crate) fn open(
        &mut self,
        sequence: u32,
        packet: &mut [u8],
        payload: &mut Vec<u8>,
    ) -> Result<(), NotOpened> {
        let body_end = packet.len().checked_sub(self.tag_bytes()).ok_or(NotOpened::Padding)?;
        let (sealed, tag_given) = packet.split_at_mut_checked(body_end).ok_or(NotOpened::Padding)?;
        let body = match &mut self.0 {
            Kind::Plain => sealed.get(LENGTH..).ok_or(NotOpened::Padding)?,
            Kind::Gcm(key, counter) => {
                let (length, body) = sealed.split_first_chunk_mut::<LENGTH>().ok_or(NotOpened::Padding)?;
                key.open_in_place_separate_tag(counter.next(), Aad::from(*length), tag_given, body)?
            }
            Kind::ChaCha(key) => {
                let tag = tag_given.first_chunk().ok_or(NotOpened::Padding)?;
                key.open_in_place(sequence, sealed, tag)?
            }
            Kind::Ctr(key, mac) => {
                constant_time::verify_slices_are_equal(tag(mac, sequence, sealed).as_ref(), tag_given)?;
                return decrypt(key, sealed.get(LENGTH..).unwrap_or_default(), payload);
            }
        };
        let (padding, rest) = body.split_first().ok_or(NotOpened::Padding)?;
        let length = payload_bytes(rest.len(), *padding).ok_or(NotOpened::Padding)?;
        payload.extend_from_slice(rest.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// CTR has no form that works in place: the payload is decrypted into where it is wanted, in three parts.
fn decrypt(key: &mut StreamingDecryptingKey, body: &[u8], payload: &mut Vec<u8>) -> Result<(), NotOpened> {
    let (first, rest) = body.split_at_checked(1).ok_or(NotOpened::Padding)?;
    let mut scratch = [0; 256 + AES_BLOCK];
    key.less_safe_update(first, &mut scratch)?;
    let [padding, ..] = scratch;
    let length = payload_bytes(rest.len(), padding).ok_or(NotOpened::Padding)?;
    let (said, filled) = rest.split_at_checked(length).ok_or(NotOpened::Padding)?;
    let start = payload.len();
    // the primitive wants room up to the next block's end, and uses none of it
    payload.resize(start + length + AES_BLOCK, 0);
    key.less_safe_update(said, payload.get_mut(start..).unwrap_or_default())?;
    payload.truncate(start + length);
    key.less_safe_update(filled, &mut scratch)?;
    Ok(())
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Plain => "Opener(plain)",
            Kind::Gcm(..) => "Opener(gcm)",
            Kind::ChaCha(_) => "Opener(chacha20)",
            Kind::Ctr(..) => "Opener(ctr)",
        })
    }
}
