//! What the gateway says itself inside an sftp channel: whole messages, to be sent as channel data.

use super::{EXTENDED, Extensions, kind, u64};
use crate::{fields, plain};
use hoopwire_wire::{DecodeError, Reader};

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

/// A client's first message: version 3, and nothing besides.
pub fn init(out: &mut Vec<u8>) {
    plain::put(out, |body| {
        body.push(kind::INIT);
        body.extend_from_slice(&3_u32.to_be_bytes());
    });
}

/// Asks a server what a path leads to.
pub fn realpath(out: &mut Vec<u8>, id: u32, path: &[u8]) {
    ask_about(out, kind::REALPATH, id, path);
}

/// Asks a server what is known of a file, of a link itself where it is one.
pub fn lstat(out: &mut Vec<u8>, id: u32, path: &[u8]) {
    ask_about(out, kind::LSTAT, id, path);
}

fn ask_about(out: &mut Vec<u8>, kind: u8, id: u32, path: &[u8]) {
    plain::put(out, |body| {
        body.push(kind);
        body.extend_from_slice(&id.to_be_bytes());
        fields::put_string(body, path);
    });
}

/// Answers `limits@openssh.com`: most bytes of a message, of a read, of a write, and most handles; 0 is not said.
/// `rest` is what a server answered. A limit of its own stays where it is the lower one.
///
/// # Errors
/// It is no such answer.
pub fn limits(out: &mut Vec<u8>, id: u32, rest: &[u8], most: [u64; 4]) -> Result<(), DecodeError> {
    let mut reader = Reader::new(rest);
    let mut lower = [0; 4];
    for (lower, most) in lower.iter_mut().zip(most) {
        *lower = match u64(&mut reader)? {
            0 => most,
            said => said.min(most),
        };
    }
    reader.finish()?;
    plain::put(out, |body| {
        body.push(kind::EXTENDED_REPLY);
        body.extend_from_slice(&id.to_be_bytes());
        for limit in lower {
            body.extend_from_slice(&limit.to_be_bytes());
        }
    });
    Ok(())
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
