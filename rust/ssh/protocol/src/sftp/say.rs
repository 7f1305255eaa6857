//! What the gateway says itself inside an sftp channel: whole messages, to be sent as channel data.

use super::{EXTENDED, Extensions, kind};
use crate::{fields, plain};

/// Answers a request with a STATUS: how it went, and in words. Codes are in [`status`](super::status).
pub fn status(out: &mut Vec<u8>, id: u32, code: u32, message: &str) {
    // A message has the same form as a packet that waits to be sealed: its length, then its type.
    plain::put(out, |body| {
        body.push(kind::STATUS);
        body.extend_from_slice(&id.to_be_bytes());
        body.extend_from_slice(&code.to_be_bytes());
        fields::put_string(body, message.as_bytes());
        fields::put_string(body, b"en");
    });
}

/// A server's VERSION without what isn't in [`EXTENDED`]: an extended request that nobody decides must not be made.
pub fn version(out: &mut Vec<u8>, version: u32, extensions: Extensions<'_>) {
    plain::put(out, |body| {
        body.push(kind::VERSION);
        body.extend_from_slice(&version.to_be_bytes());
        for (name, text) in extensions.iter() {
            if EXTENDED.iter().any(|known| known.as_bytes() == name) {
                fields::put_string(body, name);
                fields::put_string(body, text);
            }
        }
    });
}
