//! The ciphers, each of which also says whether a packet was changed on its way.
//!
//! aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 and OpenSSH's PROTOCOL 1.6),
//! chacha20-poly1305@openssh.com (PROTOCOL.chacha20poly1305), and aes128/192/256-ctr (RFC 4344) with
//! hmac-sha2-256/512-etm@openssh.com (PROTOCOL 1.5). No CBC, no MAC over plaintext, no compression.

mod opener;
mod sealer;

use aws_lc_rs::aead::chacha20_poly1305_openssh as chacha;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use hoopwire_wire::Secret;

pub(crate) use opener::{NotOpened, Opener};
pub(crate) use sealer::Sealer;

const GCM_TAG: usize = 16;
/// What a packet without padding of its own is filled up to, where no cipher asks for more.
const LEAST_BLOCK: usize = 8;
const AES_BLOCK: usize = 16;

/// A cipher by the name that KEXINIT has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// aes128-gcm@openssh.com
    Aes128Gcm,
    /// aes256-gcm@openssh.com
    Aes256Gcm,
    /// chacha20-poly1305@openssh.com
    ChaCha20Poly1305,
    /// aes128-ctr
    Aes128Ctr,
    /// aes192-ctr
    Aes192Ctr,
    /// aes256-ctr
    Aes256Ctr,
}

impl Cipher {
    /// All of them, the one we like best first.
    pub(crate) const ALL: [Self; 6] = [
        Self::Aes128Gcm,
        Self::Aes256Gcm,
        Self::ChaCha20Poly1305,
        Self::Aes256Ctr,
        Self::Aes192Ctr,
        Self::Aes128Ctr,
    ];

    /// Its name in KEXINIT.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "aes128-gcm@openssh.com",
            Self::Aes256Gcm => "aes256-gcm@openssh.com",
            Self::ChaCha20Poly1305 => "chacha20-poly1305@openssh.com",
            Self::Aes128Ctr => "aes128-ctr",
            Self::Aes192Ctr => "aes192-ctr",
            Self::Aes256Ctr => "aes256-ctr",
        }
    }

    /// The cipher of a name in KEXINIT.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.name() == name)
    }

    pub(crate) fn is_gcm(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes256Gcm)
    }

    /// Whether it needs a MAC beside it.
    pub(crate) fn needs_mac(self) -> bool {
        matches!(self, Self::Aes128Ctr | Self::Aes192Ctr | Self::Aes256Ctr)
    }

    /// Whether a prefix of what it protects can be cut off unseen, unless strict kex resets the sequence
    /// numbers (CVE-2023-48795, Terrapin). GCM counts by itself.
    pub(crate) fn needs_strict_kex(self) -> bool {
        !self.is_gcm()
    }

    fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ctr => 16,
            Self::Aes192Ctr => 24,
            Self::Aes256Gcm | Self::Aes256Ctr => 32,
            Self::ChaCha20Poly1305 => chacha::KEY_LEN,
        }
    }

    fn iv_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            Self::ChaCha20Poly1305 => 0,
            Self::Aes128Ctr | Self::Aes192Ctr | Self::Aes256Ctr => 16,
        }
    }
}

/// A MAC that is computed over what was encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mac {
    /// hmac-sha2-256-etm@openssh.com
    Sha256,
    /// hmac-sha2-512-etm@openssh.com
    Sha512,
}

impl Mac {
    /// All of them, the one we like best first.
    pub(crate) const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// Its name in KEXINIT.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "hmac-sha2-256-etm@openssh.com",
            Self::Sha512 => "hmac-sha2-512-etm@openssh.com",
        }
    }

    /// The MAC of a name in KEXINIT.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mac| mac.name() == name)
    }

    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// Key and tag have one length.
    fn bytes(self) -> usize {
        self.algorithm().tag_len()
    }
}

/// What protects one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) cipher: Cipher,
    /// Only where the cipher needs one.
    pub(crate) mac: Option<Mac>,
}

/// Lengths of the three values that a direction's keys are made from, RFC 4253 section 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyLengths {
    pub(crate) iv: usize,
    pub(crate) key: usize,
    pub(crate) mac: usize,
}

impl Suite {
    pub(crate) fn lengths(self) -> KeyLengths {
        KeyLengths {
            iv: self.cipher.iv_bytes(),
            key: self.cipher.key_bytes(),
            mac: self.mac.map_or(0, Mac::bytes),
        }
    }
}

/// The three values, made from the exchange's secret.
#[derive(Debug)]
pub(crate) struct KeyMaterial {
    pub(crate) iv: Secret<Vec<u8>>,
    pub(crate) key: Secret<Vec<u8>>,
    pub(crate) mac: Secret<Vec<u8>>,
}

/// AES-GCM's nonce: 4 bytes that stay and a counter of 8, which goes up by one with each packet.
struct Counter {
    fixed: [u8; 4],
    count: u64,
}

impl Counter {
    fn new(iv: &[u8]) -> Result<Self, Unspecified> {
        let (fixed, count) = iv.split_first_chunk::<4>().ok_or(Unspecified)?;
        Ok(Self { fixed: *fixed, count: u64::from_be_bytes(count.try_into().map_err(|_| Unspecified)?) })
    }

    fn next(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        let (fixed, count) = nonce.split_at_mut(4);
        fixed.copy_from_slice(&self.fixed);
        count.copy_from_slice(&self.count.to_be_bytes());
        self.count = self.count.wrapping_add(1);
        Nonce::from(&nonce)
    }
}

fn gcm(cipher: Cipher, key: &[u8]) -> Result<LessSafeKey, Unspecified> {
    let algorithm = if cipher == Cipher::Aes128Gcm { &AES_128_GCM } else { &AES_256_GCM };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new)
}

fn ctr(cipher: Cipher, key: &[u8]) -> Result<UnboundCipherKey, Unspecified> {
    let algorithm = match cipher {
        Cipher::Aes128Ctr => &AES_128,
        Cipher::Aes192Ctr => &AES_192,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, key)
}

fn initial(iv: &[u8]) -> Result<FixedLength<16>, Unspecified> {
    iv.first_chunk::<16>().map(|iv| FixedLength::from(*iv)).ok_or(Unspecified)
}

/// The tag of `encrypted`, whose length word is part of it, as packet `sequence`.
fn tag(key: &hmac::Key, sequence: u32, encrypted: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(&sequence.to_be_bytes());
    context.update(encrypted);
    context.sign()
}

#[cfg(test)]
mod tests;
