use std::fmt;

use hoopwire_wire::DecodeError;

use crate::{fields, number, plain};

/// Longest words of a DISCONNECT, in bytes.
pub(crate) const MOST_WORDS: usize = 1024;

/// Reasons of a DISCONNECT, RFC 4253 section 11.1, as far as they are used.
pub mod reason {
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: u32 = 2;
    /// There is no algorithm that both sides have, or the exchange itself failed.
    pub const KEY_EXCHANGE_FAILED: u32 = 3;
    /// A packet was changed on its way.
    pub const MAC_ERROR: u32 = 5;
    /// The peer speaks another version of SSH.
    pub const VERSION_NOT_SUPPORTED: u32 = 8;
    /// The peer's host key is not one that we trust.
    pub const HOST_KEY_NOT_VERIFIABLE: u32 = 9;
    /// We end the connection of our own will.
    pub const BY_APPLICATION: u32 = 11;
}

/// Why a leg cannot go on. It says so with a DISCONNECT of this code and text, and ends.
///
/// Holds no bytes of a packet: they may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What the DISCONNECT says, RFC 4253 section 11.1; see [`reason`].
    pub code: u32,
    /// What happened, for people.
    pub text: String,
    /// The host key was not the pinned one.
    pub host_key: bool,
}

impl Broken {
    pub(crate) fn new(code: u32, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), host_key: false }
    }

    pub(crate) fn protocol(text: impl Into<String>) -> Self {
        Self::new(reason::PROTOCOL_ERROR, text)
    }

    pub(crate) fn exchange(text: impl Into<String>) -> Self {
        Self::new(reason::KEY_EXCHANGE_FAILED, text)
    }

    pub(crate) fn host_key(text: impl Into<String>) -> Self {
        Self { host_key: true, ..Self::new(reason::HOST_KEY_NOT_VERIFIABLE, text) }
    }

    /// `packet` names what was read.
    pub(crate) fn malformed(packet: &str, error: DecodeError) -> Self {
        Self::protocol(format!("malformed {packet}: {error}"))
    }
}

/// Appends DISCONNECT in plain form: RFC 4253 section 11.1. A text beyond 1,024 bytes is cut.
pub fn put_disconnect(out: &mut Vec<u8>, code: u32, text: &str) {
    plain::put(out, |payload| {
        payload.push(number::DISCONNECT);
        payload.extend_from_slice(&code.to_be_bytes());
        fields::put_string(payload, cut(text).as_bytes());
        fields::put_string(payload, b"");
    });
}

/// Appends DEBUG in plain form, to be shown: RFC 4253 section 11.3. A text beyond 1,024 bytes is cut.
pub fn put_debug(out: &mut Vec<u8>, text: &str) {
    plain::put(out, |payload| {
        payload.extend_from_slice(&[number::DEBUG, 1]);
        fields::put_string(payload, cut(text).as_bytes());
        fields::put_string(payload, b"");
    });
}

fn cut(text: &str) -> &str {
    let ends = text.char_indices().map(|(start, each)| start + each.len_utf8());
    let end = ends.take_while(|&end| end <= MOST_WORDS).last().unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disconnect_has_code_words_and_an_empty_language() {
        let mut out = Vec::new();
        put_disconnect(&mut out, reason::BY_APPLICATION, "the grant is over");
        assert_eq!(out, b"\0\0\0\x1e\x01\0\0\0\x0b\0\0\0\x11the grant is over\0\0\0\0");
    }

    #[test]
    fn words_that_are_too_long_are_cut_between_characters() {
        let mut out = Vec::new();
        put_disconnect(&mut out, 2, &format!("x{}", "é".repeat(600)));
        let words = &out[13..out.len() - 4];
        assert_eq!(std::str::from_utf8(words).unwrap().chars().count(), 512);
        assert_eq!(words.len(), 1023);
    }
}
