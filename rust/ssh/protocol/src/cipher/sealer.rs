use std::fmt;

use aws_lc_rs::aead::chacha20_poly1305_openssh as chacha;
use aws_lc_rs::aead::{Aad, LessSafeKey};
use aws_lc_rs::cipher::{EncryptionContext, StreamingEncryptingKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;

use super::{AES_BLOCK, Counter, KeyMaterial, LEAST_BLOCK, Suite, ctr, gcm, initial, tag};
use crate::packet::{LENGTH, Parts};

/// Seals the packets of one direction. `Debug` shows no key; the keys are zeroed when it is dropped.
pub(crate) struct Sealer(Kind);

enum Kind {
    /// Before the first keys.
    Plain,
    Gcm(LessSafeKey, Counter),
    ChaCha(Box<chacha::SealingKey>),
    Ctr(StreamingEncryptingKey, Box<hmac::Key>),
}

impl Sealer {
    /// Packets as they are.
    pub(crate) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// The keys' lengths must be those that `suite` says.
    pub(crate) fn new(suite: Suite, keys: &KeyMaterial) -> Result<Self, Unspecified> {
        let (iv, key) = (keys.iv.expose(), keys.key.expose());
        Ok(Self(match (suite.cipher, suite.mac) {
            (cipher, Some(mac)) if cipher.needs_mac() => Kind::Ctr(
                StreamingEncryptingKey::less_safe_ctr(
                    ctr(cipher, key)?,
                    EncryptionContext::Iv128(initial(iv)?),
                )?,
                Box::new(hmac::Key::new(mac.algorithm(), keys.mac.expose())),
            ),
            (cipher, None) if cipher.is_gcm() => Kind::Gcm(gcm(cipher, key)?, Counter::new(iv)?),
            (cipher, None) if !cipher.needs_mac() => {
                Kind::ChaCha(Box::new(chacha::SealingKey::new(key.first_chunk().ok_or(Unspecified)?)))
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

    /// Appends the sealed packet to `out`, whose new bytes are the only copy that is made.
    pub(crate) fn seal(
        &mut self,
        sequence: u32,
        parts: &Parts<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unspecified> {
        let start = out.len();
        match &mut self.0 {
            Kind::Plain => parts.append(out),
            Kind::Gcm(key, counter) => {
                parts.append(out);
                let (length, body) = out
                    .get_mut(start..)
                    .and_then(<[u8]>::split_first_chunk_mut::<LENGTH>)
                    .ok_or(Unspecified)?;
                let tag = key.seal_in_place_separate_tag(counter.next(), Aad::from(*length), body)?;
                out.extend_from_slice(tag.as_ref());
            }
            Kind::ChaCha(key) => {
                parts.append(out);
                let mut tag = [0; chacha::TAG_LEN];
                key.seal_in_place(sequence, out.get_mut(start..).ok_or(Unspecified)?, &mut tag);
                out.extend_from_slice(&tag);
            }
            Kind::Ctr(key, mac) => {
                out.extend_from_slice(&parts.length());
                let mut at = out.len();
                out.resize(start + parts.total(), 0);
                for part in parts.encrypted() {
                    key.less_safe_update(part, out.get_mut(at..).ok_or(Unspecified)?)?;
                    at += part.len();
                }
                let tag = tag(mac, sequence, out.get(start..).ok_or(Unspecified)?);
                out.extend_from_slice(tag.as_ref());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Plain => "Sealer(plain)",
            Kind::Gcm(..) => "Sealer(gcm)",
            Kind::ChaCha(_) => "Sealer(chacha20)",
            Kind::Ctr(..) => "Sealer(ctr)",
        })
    }
}
