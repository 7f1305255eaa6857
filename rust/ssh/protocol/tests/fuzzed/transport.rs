//! What must hold for any bytes before keys are there, in either role: identification, key exchange, unsealed packets.

use hoopwire_ssh_protocol::keys::PrivateKey;
use hoopwire_ssh_protocol::{Heard, HostKeys, HostTrust, Transport, plain};
use hoopwire_wire::Random;
use std::sync::Arc;

/// An Ed25519 key of the seed `[2; 32]`, for nothing but tests: PKCS#8, version 1.
const KEY: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

struct Counting(u8);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}

/// The first byte has the role, and whether the others are the stream itself or payloads with a length before each.
pub(crate) fn check(input: &[u8]) {
    let Some((how, bytes)) = input.split_first() else { return };
    let stream = if how & 2 == 0 { bytes.to_vec() } else { framed(bytes) };
    let whole = heard(how & 1 == 0, &stream, usize::MAX);
    let pieces = heard(how & 1 == 0, &stream, 1 + usize::from(how >> 2));
    assert_eq!(whole, pieces, "it does not matter where the bytes are cut");
}

/// Packets without a cipher, after an identification (RFC 4253, 6).
fn framed(mut bytes: &[u8]) -> Vec<u8> {
    let mut stream = b"SSH-2.0-OpenSSH_9.9\r\n".to_vec();
    while let [high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (payload, after) = rest.split_at(rest.len().min(length));
        bytes = after;
        let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
        stream.extend(u32::try_from(payload.len() + padding + 1).expect("small").to_be_bytes());
        stream.push(u8::try_from(padding).expect("small"));
        stream.extend_from_slice(payload);
        stream.extend(std::iter::repeat_n(0, padding));
    }
    stream
}

/// What came, and the numbers of what was said: a key of one use is another each time.
fn heard(as_server: bool, stream: &[u8], split: usize) -> (Vec<String>, Vec<u8>) {
    let mut leg = if as_server {
        let key = PrivateKey::from_pkcs8(&[&KEY[..], &[2; 32]].concat()).expect("a key");
        Transport::server(Arc::new(HostKeys::new(vec![(key, None)])))
    } else {
        Transport::client(HostTrust::default())
    };
    let mut random = Counting(5);
    let (mut out, mut payload, mut told) = (Vec::new(), Vec::new(), Vec::new());
    leg.begin(&mut out, &mut random);
    for piece in stream.chunks(split) {
        leg.push(piece);
        loop {
            match leg.next(&mut payload, &mut out, &mut random) {
                Ok(Some(Heard::KexDone { .. })) => {
                    panic!("keys, and nobody has signed for them or shown its own")
                }
                Ok(Some(Heard::Packet)) => told.push(format!("packet {payload:?}")),
                Ok(Some(other)) => told.push(format!("{other:?}")),
                Ok(None) => break,
                Err(broken) => {
                    told.push(broken.text);
                    return (told, numbers(&out));
                }
            }
        }
    }
    assert!(leg.held_bytes() <= 1 << 20);
    (told, numbers(&out))
}

fn numbers(out: &[u8]) -> Vec<u8> {
    plain::Packets::new(out).filter_map(|packet| packet.first().copied()).collect()
}
