//! What the gateway says itself. Each appends one packet in [`plain`] form.

use super::{STDERR, number};
use crate::fields;
use crate::plain;

/// A packet that begins with a number and a channel's recipient.
fn about(out: &mut Vec<u8>, number: u8, recipient: u32, write: impl FnOnce(&mut Vec<u8>)) {
    plain::put(out, |payload| {
        payload.push(number);
        put_u32(payload, recipient);
        write(payload);
    });
}

fn put_u32(payload: &mut Vec<u8>, value: u32) {
    payload.extend_from_slice(&value.to_be_bytes());
}

/// Grants a channel, which `sender` is our number for.
pub fn confirmation(out: &mut Vec<u8>, recipient: u32, sender: u32, window_bytes: u32, packet_bytes: u32) {
    about(out, number::CHANNEL_OPEN_CONFIRMATION, recipient, |payload| {
        [sender, window_bytes, packet_bytes].into_iter().for_each(|value| put_u32(payload, value));
    });
}

/// Refuses a channel; the description is what a client shows. Codes are in [`reason`](super::reason).
pub fn open_failure(out: &mut Vec<u8>, recipient: u32, code: u32, description: &str) {
    about(out, number::CHANNEL_OPEN_FAILURE, recipient, |payload| {
        put_u32(payload, code);
        fields::put_string(payload, description.as_bytes());
        fields::put_string(payload, b"");
    });
}

/// Lets this many more bytes come.
pub fn window_adjust(out: &mut Vec<u8>, recipient: u32, bytes: u32) {
    about(out, number::CHANNEL_WINDOW_ADJUST, recipient, |payload| put_u32(payload, bytes));
}

/// Data. That window and packet size have room for it is the caller's to know.
pub fn data(out: &mut Vec<u8>, recipient: u32, data: &[u8]) {
    about(out, number::CHANNEL_DATA, recipient, |payload| fields::put_string(payload, data));
}

/// Data on stderr. That window and packet size have room for it is the caller's to know.
pub fn extended_data(out: &mut Vec<u8>, recipient: u32, data: &[u8]) {
    about(out, number::CHANNEL_EXTENDED_DATA, recipient, |payload| {
        put_u32(payload, STDERR);
        fields::put_string(payload, data);
    });
}

/// No more data comes from us.
pub fn eof(out: &mut Vec<u8>, recipient: u32) {
    about(out, number::CHANNEL_EOF, recipient, |_| {});
}

/// We are done with the channel.
pub fn close(out: &mut Vec<u8>, recipient: u32) {
    about(out, number::CHANNEL_CLOSE, recipient, |_| {});
}

/// Grants the channel's oldest request.
pub fn success(out: &mut Vec<u8>, recipient: u32) {
    about(out, number::CHANNEL_SUCCESS, recipient, |_| {});
}

/// Refuses the channel's oldest request.
pub fn failure(out: &mut Vec<u8>, recipient: u32) {
    about(out, number::CHANNEL_FAILURE, recipient, |_| {});
}

/// What the channel's program ended with. Wants no reply.
pub fn exit_status(out: &mut Vec<u8>, recipient: u32, status: u32) {
    about(out, number::CHANNEL_REQUEST, recipient, |payload| {
        fields::put_string(payload, b"exit-status");
        payload.push(0);
        put_u32(payload, status);
    });
}

/// Grants the oldest global request; `rest` is what its type says besides.
pub fn request_success(out: &mut Vec<u8>, rest: &[u8]) {
    plain::put(out, |payload| {
        payload.push(number::REQUEST_SUCCESS);
        payload.extend_from_slice(rest);
    });
}

/// Refuses the oldest global request.
pub fn request_failure(out: &mut Vec<u8>) {
    plain::put(out, |payload| payload.push(number::REQUEST_FAILURE));
}

/// Asks the client for any answer at all: it comes when all before it was read. OpenSSH's own name for it.
pub fn keepalive(out: &mut Vec<u8>) {
    plain::put(out, |payload| {
        payload.push(number::GLOBAL_REQUEST);
        fields::put_string(payload, b"keepalive@openssh.com");
        payload.push(1);
    });
}

/// Tells a client all host keys, so that it can learn new ones: OpenSSH's PROTOCOL, section 2.5. Wants no reply.
pub fn host_keys<'k>(out: &mut Vec<u8>, keys: impl IntoIterator<Item = &'k [u8]>) {
    plain::put(out, |payload| {
        payload.push(number::GLOBAL_REQUEST);
        fields::put_string(payload, b"hostkeys-00@openssh.com");
        payload.push(0);
        keys.into_iter().for_each(|key| fields::put_string(payload, key));
    });
}

/// What a host key signs to prove itself after `hostkeys-prove-00@openssh.com`. The reply's `rest` is the signatures, each
/// as a string, in the order in which keys were asked for.
#[must_use]
pub fn host_key_proof(session_id: &[u8], key: &[u8]) -> Vec<u8> {
    let mut signed = Vec::new();
    for field in [b"hostkeys-prove-00@openssh.com", session_id, key] {
        fields::put_string(&mut signed, field);
    }
    signed
}
