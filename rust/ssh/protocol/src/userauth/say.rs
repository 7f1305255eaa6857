//! What the gateway says itself, toward a client and toward a target. Each appends one packet in [`plain`] form.
//!
//! A packet with a secret stays in `out` until it is sealed: that buffer is its owner's to zero.

use hoopwire_wire::Secret;

use super::{CONNECTION, number, offer};
use crate::{fields, plain};

/// To a target: asks for a service.
pub fn service_request(out: &mut Vec<u8>, service: &str) {
    named(out, number::SERVICE_REQUEST, service);
}

/// To a client: grants it.
pub fn service_accept(out: &mut Vec<u8>, service: &str) {
    named(out, number::SERVICE_ACCEPT, service);
}

fn named(out: &mut Vec<u8>, number: u8, name: &str) {
    plain::put(out, |payload| {
        payload.push(number);
        fields::put_string(payload, name.as_bytes());
    });
}

/// To a client: not logged in, and by what it can go on.
pub fn failure(out: &mut Vec<u8>, methods: &[&str], is_partial: bool) {
    plain::put(out, |payload| {
        payload.push(number::USERAUTH_FAILURE);
        fields::put_string(payload, methods.join(",").as_bytes());
        payload.push(u8::from(is_partial));
    });
}

/// To a client: logged in.
pub fn success(out: &mut Vec<u8>) {
    plain::put(out, |payload| payload.push(number::USERAUTH_SUCCESS));
}

/// To a client: a text for the person. Lines end with CR LF.
pub fn banner(out: &mut Vec<u8>, text: &str) {
    plain::put(out, |payload| {
        payload.push(number::USERAUTH_BANNER);
        fields::put_string(payload, text.as_bytes());
        fields::put_string(payload, b"");
    });
}

/// To a client: the key that it offered would be taken. Both as they came.
pub fn public_key_ok(out: &mut Vec<u8>, algorithm: &[u8], key: &[u8]) {
    plain::put(out, |payload| {
        payload.push(number::USERAUTH_PK_OK);
        fields::put_string(payload, algorithm);
        fields::put_string(payload, key);
    });
}

/// To a client: questions, each with whether the answer may be shown. With none, the client shows name and instruction and
/// answers at once.
pub fn prompts(out: &mut Vec<u8>, name: &str, instruction: &str, prompts: &[(&str, bool)]) {
    plain::put(out, |payload| {
        payload.push(number::USERAUTH_INFO_REQUEST);
        for field in [name, instruction, ""] {
            fields::put_string(payload, field.as_bytes());
        }
        put_count(payload, prompts.len());
        for (prompt, echo) in prompts {
            fields::put_string(payload, prompt.as_bytes());
            payload.push(u8::from(*echo));
        }
    });
}

/// To a target: asks for its methods, and logs in where nothing is asked.
pub fn none(out: &mut Vec<u8>, user: &str) {
    plain::put(out, |payload| request(payload, user, "none"));
}

/// To a target: logs in by a key or certificate. `signature` is over [`signed_data`](super::signed_data) of the same.
pub fn public_key(out: &mut Vec<u8>, user: &str, algorithm: &str, key: &[u8], signature: &[u8]) {
    plain::put(out, |payload| {
        offer::put_signed_request(payload, user, CONNECTION, algorithm, key);
        fields::put_string(payload, signature);
    });
}

/// To a target: logs in by a password.
pub fn password(out: &mut Vec<u8>, user: &str, password: &Secret<String>) {
    plain::put(out, |payload| {
        request(payload, user, "password");
        payload.push(0);
        fields::put_string(payload, password.expose().as_bytes());
    });
}

/// To a target: lets it ask.
pub fn keyboard_interactive(out: &mut Vec<u8>, user: &str) {
    plain::put(out, |payload| {
        request(payload, user, "keyboard-interactive");
        fields::put_string(payload, b"");
        fields::put_string(payload, b"");
    });
}

/// To a target: answers, as many as were asked for.
pub fn responses(out: &mut Vec<u8>, responses: &[&Secret<String>]) {
    plain::put(out, |payload| {
        payload.push(number::USERAUTH_INFO_RESPONSE);
        put_count(payload, responses.len());
        for response in responses {
            fields::put_string(payload, response.expose().as_bytes());
        }
    });
}

fn request(payload: &mut Vec<u8>, user: &str, method: &str) {
    payload.push(number::USERAUTH_REQUEST);
    for field in [user, CONNECTION, method] {
        fields::put_string(payload, field.as_bytes());
    }
}

fn put_count(payload: &mut Vec<u8>, count: usize) {
    payload.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}
