//! Two transports talk to each other: in any split, with keys exchanged anew from either side at any time, and with
//! someone in the middle.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use hoopwire_ssh_protocol::keys::PrivateKey;
use hoopwire_ssh_protocol::{Broken, Heard, HostKeys, HostTrust, Transport, plain, put_disconnect};
use hoopwire_testkit::Zeros;
use proptest::prelude::*;
use vectors::{lines, unhex};

mod vectors;

const CIPHERS: [&str; 6] = [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
];

fn host_key() -> PrivateKey {
    let keys = include_str!("vectors/keys.txt");
    PrivateKey::from_pkcs8(&unhex(lines(keys, "pkcs8").find(|words| words[0] == "ed25519").unwrap()[1]))
        .unwrap()
}

/// One side.
struct Side {
    transport: Transport,
    /// Sealed and not yet carried to the other side.
    wire: Vec<u8>,
    heard: Vec<Heard>,
    payloads: Vec<Vec<u8>>,
    said: Vec<Vec<u8>>,
}

impl Side {
    fn new(mut transport: Transport) -> Self {
        let (mut out, mut wire) = (Vec::new(), Vec::new());
        transport.begin(&mut out, &mut Zeros);
        transport.seal(&out, &mut wire, &mut Zeros);
        Self { transport, wire, heard: Vec::new(), payloads: Vec::new(), said: Vec::new() }
    }

    fn seal(&mut self, out: &[u8]) {
        self.transport.seal(out, &mut self.wire, &mut Zeros);
    }

    fn say(&mut self, payload: Vec<u8>) {
        let mut out = Vec::new();
        plain::put(&mut out, |to| to.extend_from_slice(&payload));
        self.said.push(payload);
        self.seal(&out);
    }

    fn rekey(&mut self) {
        let mut out = Vec::new();
        self.transport.rekey_now(&mut out, &mut Zeros);
        self.seal(&out);
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.transport.push(bytes);
        let (mut payload, mut out) = (Vec::new(), Vec::new());
        loop {
            let heard = self.transport.next(&mut payload, &mut out, &mut Zeros);
            self.seal(&std::mem::take(&mut out));
            let Some(heard) = heard? else { return Ok(()) };
            if heard == Heard::Packet {
                self.payloads.push(payload.clone());
            }
            self.heard.push(heard);
        }
    }

    fn is_through(&self) -> bool {
        self.heard.contains(&Heard::KexDone { first: true })
    }
}

fn pair(cipher: &'static str) -> [Side; 2] {
    let trust = HostTrust {
        keys: vec![host_key().public_blob().to_vec()],
        prefer_cipher: Some(cipher),
        ..HostTrust::default()
    };
    [Transport::client(trust), Transport::server(Arc::new(HostKeys::new(vec![(host_key(), None)])))]
        .map(Side::new)
}

/// Carries at most this many bytes from a side to the other.
fn carry(sides: &mut [Side; 2], from: usize, most: usize) -> Result<bool, Broken> {
    let bytes: Vec<u8> = {
        let wire = &mut sides[from].wire;
        let end = most.min(wire.len());
        wire.drain(..end).collect()
    };
    sides[1 - from].take(&bytes)?;
    Ok(!bytes.is_empty())
}

fn settle(sides: &mut [Side; 2]) {
    while carry(sides, 0, usize::MAX).unwrap() | carry(sides, 1, usize::MAX).unwrap() {}
}

fn talk(sides: &mut [Side; 2]) {
    for side in sides {
        side.say(vec![5; 20]);
        side.say(vec![94; 300]);
    }
}

/// Bytes that each side says until there is no more to say.
fn lengths(mut sides: [Side; 2]) -> [usize; 2] {
    let mut lengths = [0, 0];
    while (0..2).any(|from| !sides[from].wire.is_empty()) {
        for (from, length) in lengths.iter_mut().enumerate() {
            *length += sides[from].wire.len();
            carry(&mut sides, from, usize::MAX).unwrap();
        }
    }
    lengths
}

#[derive(Clone, Debug)]
enum Step {
    Carry(usize, usize),
    Say(usize, usize),
    Rekey(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..2_usize, prop_oneof![1..40_usize, 1..5_000_usize]).prop_map(|(from, most)| Step::Carry(from, most)),
        4 => (0..2_usize, prop_oneof![1..60_usize, 1..33_000_usize]).prop_map(|(from, size)| Step::Say(from, size)),
        1 => (0..2_usize).prop_map(Step::Rekey),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_that_is_said_is_heard_in_order(steps in steps(), cipher in prop::sample::select(&CIPHERS[..])) {
        let mut sides = pair(cipher);
        let mut said = 0_u32;
        for step in steps {
            match step {
                Step::Carry(from, most) => { carry(&mut sides, from, most).unwrap(); }
                Step::Say(from, size) => {
                    said += 1;
                    let mut payload = vec![94];
                    payload.extend_from_slice(&said.to_be_bytes());
                    payload.resize(size.max(5), said as u8);
                    sides[from].say(payload);
                }
                Step::Rekey(from) => sides[from].rekey(),
            }
        }
        settle(&mut sides);
        prop_assert_eq!(&sides[0].said, &sides[1].payloads);
        prop_assert_eq!(&sides[1].said, &sides[0].payloads);
        let exchanges = |side: &Side| side.heard.iter().filter(|each| matches!(each, Heard::KexDone { .. })).count();
        prop_assert_eq!(exchanges(&sides[0]), exchanges(&sides[1]));
        for side in &sides {
            prop_assert!(side.is_through() && !side.transport.in_kex());
            prop_assert_eq!(side.transport.held_bytes(), 0);
            prop_assert_eq!(side.transport.cipher_names().unwrap().outgoing, cipher);
        }
        prop_assert_eq!(sides[0].transport.session_id(), sides[1].transport.session_id());
        prop_assert_eq!(sides[0].transport.session_id().len(), 32);
    }

    /// Whoever changes a byte of the handshake, or of the first packets after it, gets nothing else to be heard.
    #[test]
    fn a_byte_changed_on_its_way_is_never_taken(
        from in 0..2_usize,
        place in 0.0..1.0_f64,
        mask in 1..=255_u8,
        cipher in prop::sample::select(&CIPHERS[..]),
    ) {
        let handshake = lengths(pair(cipher));
        let mut sides = pair(cipher);
        talk(&mut sides);
        let lengths = lengths(sides);
        let at = (place * lengths[from] as f64) as usize;
        let mut sides = pair(cipher);
        talk(&mut sides);
        let mut carried = [0, 0];
        let mut broken = false;
        while !broken && (0..2).any(|from| !sides[from].wire.is_empty()) {
            for each in 0..2 {
                let wire = &mut sides[each].wire;
                if each == from && (carried[each]..carried[each] + wire.len()).contains(&at) {
                    wire[at - carried[each]] ^= mask;
                }
                carried[each] += wire.len();
                broken |= carry(&mut sides, each, usize::MAX).is_err();
            }
        }
        for (each, other) in [(0, 1), (1, 0)] {
            prop_assert!(sides[other].said.starts_with(&sides[each].payloads));
        }
        // before the keys, padding is free; a length that became larger waits for the rest
        prop_assert!(broken || at < handshake[from] || sides[1 - from].payloads.len() < 2);
    }

    #[test]
    fn no_bytes_make_a_transport_fall_over(bytes: Vec<u8>, role in 0..2_usize, after in 0..3_usize, authenticated: bool) {
        let mut sides = pair("aes128-gcm@openssh.com");
        match after {
            0 => {}
            1 => { carry(&mut sides, 1 - role, 40).unwrap(); }
            _ => settle(&mut sides),
        }
        if authenticated {
            sides[role].transport.authenticated();
        }
        let _ = sides[role].take(&bytes);
        let _ = sides[role].take(&bytes);
    }
}

#[test]
fn someone_in_the_middle_who_hides_strict_key_exchange_is_seen() {
    for (from, marker) in [(0, "kex-strict-c-v00@openssh.com"), (1, "kex-strict-s-v00@openssh.com")] {
        let mut sides = pair("aes128-gcm@openssh.com");
        let at =
            sides[from].wire.windows(marker.len()).position(|window| window == marker.as_bytes()).unwrap();
        sides[from].wire[at] = b'x';
        let mut broken = Vec::new();
        for _ in 0..4 {
            broken.extend([0, 1].into_iter().filter_map(|from| carry(&mut sides, from, usize::MAX).err()));
        }
        assert!(broken[0].host_key && broken[0].text.contains("does not prove its host key"), "{broken:?}");
        assert!(!sides[0].is_through());
        // with another cipher it does not come so far
        let mut sides = pair("chacha20-poly1305@openssh.com");
        sides[from].wire[at] = b'x';
        let broken = carry(&mut sides, from, usize::MAX).unwrap_err();
        assert!(broken.text.contains("CVE-2023-48795"), "{broken}");
    }
}

#[test]
fn a_disconnect_is_heard_with_its_words_even_between_kexinit_and_newkeys() {
    let mut sides = pair("aes256-ctr");
    settle(&mut sides);
    sides[1].rekey();
    let mut out = Vec::new();
    put_disconnect(&mut out, 11, "the grant is over");
    sides[1].seal(&out);
    settle(&mut sides);
    let wanted = Heard::Disconnected { code: 11, text: "the grant is over".into() };
    assert_eq!(sides[0].heard.last(), Some(&wanted));
}

#[test]
fn both_sides_may_start_to_exchange_keys_at_once_with_both_pipes_full() {
    for cipher in CIPHERS {
        let mut sides = pair(cipher);
        settle(&mut sides);
        for _ in 0..20 {
            for side in &mut sides {
                side.say(vec![94; 30_000]);
                side.rekey();
                side.say(vec![95; 30_000]);
            }
            settle(&mut sides);
        }
        assert_eq!((&sides[0].said, &sides[1].said), (&sides[1].payloads, &sides[0].payloads));
        assert_eq!(sides[0].payloads.len(), 40);
    }
}
