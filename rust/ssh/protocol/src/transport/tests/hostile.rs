//! What ends a leg, and that it takes no memory until then.

use hoopwire_testkit::Zeros;

use super::super::Heard;
use super::scripted::{Manner, OLD, Scripted, USUAL, half, with_list};
use crate::broken::reason;
use crate::kexinit::Role;
use crate::number;

const ROLES: [Role; 2] = [Role::Client, Role::Server];
const DATA: &[u8] = b"\x5e\0\0\0\0\0\0\0\x02hi";

#[test]
fn every_message_number_before_kexinit_ends_the_leg() {
    for role in ROLES {
        for kind in 0..=255 {
            let mut peer = Scripted::new(role, USUAL);
            let result = peer.say(&[kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            if kind == number::DISCONNECT {
                assert_eq!(peer.heard.last(), Some(&Heard::Disconnected { code: 0, text: String::new() }));
                continue;
            }
            let broken = result.unwrap_err();
            assert_eq!(broken.code, reason::PROTOCOL_ERROR, "{kind}");
            assert!(kind == number::KEXINIT || broken.text.contains("before KEXINIT"), "{broken}");
            // and it stays so
            assert_eq!(peer.give(b"anything"), Err(broken));
            assert_eq!(peer.heard, [Heard::Identified]);
        }
    }
}

#[test]
fn within_the_first_exchange_nothing_foreign_is_taken() {
    for role in ROLES {
        for manner in [USUAL, OLD] {
            for kind in 0..=255 {
                let mut peer = Scripted::new(role, manner);
                peer.agree();
                let result = peer.say(&[kind, 0, 0, 0, 0]);
                let harmless = matches!(kind, number::IGNORE | number::UNIMPLEMENTED | number::DEBUG);
                let taken = harmless && !manner.strict;
                assert_eq!(result.is_ok(), taken, "{kind}");
                assert_eq!(peer.payloads, [[0; 0]; 0]);
            }
        }
    }
}

#[test]
fn a_strict_peer_says_nothing_before_its_kexinit_and_neither_does_another() {
    for manner in [USUAL, OLD] {
        let mut peer = Scripted::new(Role::Client, manner);
        assert!(peer.say(b"\x02\0\0\0\0").unwrap_err().text.contains("before KEXINIT"));
    }
}

#[test]
fn after_the_peers_kexinit_nothing_but_keys_comes_until_its_newkeys() {
    for role in ROLES {
        for kind in [5, 6, 50, 52, 80, 90, 94, 98, 192, 255] {
            let mut peer = Scripted::new(role, USUAL);
            peer.exchange();
            peer.say(DATA).unwrap();
            peer.say_kexinit().unwrap();
            let broken = peer.say(&[kind, 0]).unwrap_err();
            assert!(broken.text.contains("within a key exchange"), "{broken}");
            assert_eq!(peer.payloads, [DATA]);
        }
    }
}

#[test]
fn a_second_kexinit_newkeys_out_of_place_and_halves_unasked_end_the_leg() {
    for role in ROLES {
        let mut peer = Scripted::new(role, USUAL);
        peer.exchange();
        assert!(peer.say(&[number::NEWKEYS]).unwrap_err().text.contains("NEWKEYS"));
        for kind in 30..=49 {
            let mut peer = Scripted::new(role, USUAL);
            peer.exchange();
            assert!(
                peer.say(&half(kind, &[&[9; 32]])).unwrap_err().text.contains("no key exchange wants it")
            );
        }
        let mut peer = Scripted::new(role, USUAL);
        peer.exchange();
        peer.say_kexinit().unwrap();
        let again = peer.kexinit();
        assert!(peer.say(&again).unwrap_err().text.contains("KEXINIT"));
    }
}

#[test]
fn a_half_without_entropy_ends_the_leg() {
    for method in ["curve25519-sha256", "curve25519-sha256@libssh.org", "mlkem768x25519-sha256"] {
        let manner = Manner { method, ..USUAL };
        for bytes in [0, 31, 32, 33, 1120, 1216, 20_000] {
            let mut peer = Scripted::new(Role::Client, manner);
            peer.agree();
            let broken = peer.say(&half(number::KEX_INIT, &[&vec![0; bytes]])).unwrap_err();
            assert_eq!(broken.code, reason::KEY_EXCHANGE_FAILED, "{method} {bytes}");
            let mut peer = Scripted::new(Role::Server, manner);
            peer.agree();
            let broken =
                peer.say(&half(number::KEX_REPLY, &[b"key", &vec![0; bytes], b"signature"])).unwrap_err();
            assert_eq!(broken.code, reason::KEY_EXCHANGE_FAILED, "{method} {bytes}");
        }
        // cut off, and gone on
        for payload in [vec![30], vec![30, 0, 0, 0, 9, 1], [half(30, &[&[9; 32]]), vec![0]].concat()] {
            let mut peer = Scripted::new(Role::Client, manner);
            peer.agree();
            assert!(peer.say(&payload).unwrap_err().text.contains("malformed"));
        }
    }
}

#[test]
fn keys_exchanged_again_and_again_end_the_leg() {
    for role in ROLES {
        for (authenticated, most) in [(false, 16), (true, 1024)] {
            let mut peer = Scripted::new(role, Manner { method: "curve25519-sha256", ..USUAL });
            peer.exchange();
            if authenticated {
                peer.transport.authenticated();
            }
            // with something between, it may go on
            for _ in 0..most + 3 {
                peer.say(DATA).unwrap();
                peer.exchange();
            }
            for _ in 1..most {
                peer.exchange();
            }
            let broken = peer.try_exchange().unwrap_err();
            assert!(broken.text.contains("again and again"), "{broken}");
        }
    }
}

#[test]
fn a_flood_of_what_says_nothing_is_not_kept() {
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    let flood: Vec<u8> = (0..20_000).flat_map(|_| peer.sealed(b"\x02\0\0\0\x04junk")).collect();
    let heard = peer.heard.len();
    for part in flood.chunks(5_000) {
        peer.give(part).unwrap();
    }
    assert_eq!((peer.heard.len(), peer.transport.held_bytes()), (heard, 0));
    assert!(peer.transport.incoming.arrived.room() < 32 * 1024);
}

#[test]
fn large_packets_are_for_those_who_have_logged_in() {
    let mut large = b"\x5e".to_vec();
    large.resize(200_000, 7);
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    assert!(peer.say(&large).unwrap_err().text.contains("at most 35000"));
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    peer.transport.authenticated();
    peer.say(&large).unwrap();
    assert_eq!(peer.payloads, [&large[..]]);
    large.resize(256 * 1024, 7);
    assert!(peer.say(&large).unwrap_err().text.contains("at most 262144"));
}

#[test]
fn a_changed_packet_ends_the_leg_whatever_the_cipher() {
    for cipher in
        ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes192-ctr"]
    {
        let whole = Scripted::new(Role::Client, USUAL).sealed(DATA).len() + 64;
        for at in 0..whole {
            let mut peer =
                Scripted::new(Role::Client, Manner { cipher, method: "curve25519-sha256", ..USUAL });
            peer.exchange();
            let mut packet = peer.sealed(DATA);
            let Some(byte) = packet.get_mut(at) else { break };
            *byte ^= 0x10;
            // a larger length waits for what would be the rest
            packet.extend_from_slice(&[0; 35_100]);
            assert!(peer.give(&packet).is_err(), "{cipher} {at}");
            assert!(peer.payloads.is_empty());
        }
    }
}

#[test]
fn cutting_off_the_first_packet_after_the_keys_is_seen() {
    // Terrapin (CVE-2023-48795): without the reset of sequence numbers, a packet put in before lets one be cut off after
    for cipher in ["chacha20-poly1305@openssh.com", "aes128-ctr", "aes128-gcm@openssh.com"] {
        let mut peer = Scripted::new(Role::Server, Manner { cipher, ..USUAL });
        peer.exchange();
        let _cut_off = peer.sealed(b"\x07\0\0\0\0");
        // under the wrong number chacha20's length is any number: there is enough behind it for each that is taken
        let second = [peer.sealed(DATA), vec![0; 35_100]].concat();
        assert!(peer.give(&second).is_err() && peer.payloads.is_empty(), "{cipher}");
        let mut peer = Scripted::new(Role::Server, Manner { cipher, ..USUAL });
        peer.agree();
        assert!(peer.say(b"\x02\0\0\0\0").unwrap_err().text.contains("within the first key exchange"));
    }
    // GCM counts by itself, for those who know no better
    let mut peer = Scripted::new(Role::Server, OLD);
    peer.agree();
    peer.say(b"\x02\0\0\0\0").unwrap();
}

#[test]
fn words_of_a_disconnect_are_short_and_harmless() {
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    let words = format!("\x1b[2Jbye\r\n\u{9b}{}", "x".repeat(5_000));
    peer.say(
        &half(1, &[])
            .into_iter()
            .chain(11_u32.to_be_bytes())
            .chain(half(0, &[words.as_bytes()])[1..].to_vec())
            .collect::<Vec<_>>(),
    )
    .unwrap();
    let Some(Heard::Disconnected { code: 11, text }) = peer.heard.last() else { panic!("{:?}", peer.heard) };
    assert!(text.starts_with(" [2Jbye   xxx") && text.len() < 1_030);
    // nothing comes after it
    peer.say(DATA).unwrap();
    assert!(peer.payloads.is_empty());
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    assert!(peer.say(b"\x01\0\0").unwrap_err().text.contains("malformed DISCONNECT"));
}

#[test]
fn extensions_are_read_to_their_end_and_counted() {
    for payload in
        [&b"\x07"[..], b"\x07\0\0\0\x01", b"\x07\xff\xff\xff\xff", b"\x07\0\0\0\x41", b"\x07\0\0\0\0x"]
    {
        let mut peer = Scripted::new(Role::Server, USUAL);
        peer.exchange();
        assert!(peer.say(payload).unwrap_err().text.contains("malformed EXT_INFO"), "{payload:?}");
    }
}

#[test]
fn a_kexinit_that_offers_nothing_of_ours_ends_the_leg_with_words() {
    for (list, names) in
        [(0, "diffie-hellman-group14-sha1"), (1, "ssh-dss"), (2, "aes128-cbc"), (6, "zlib"), (7, "")]
    {
        let mut peer = Scripted::new(Role::Client, USUAL);
        let kexinit = with_list(&peer.kexinit(), list, names);
        let broken = peer.say(&kexinit).unwrap_err();
        assert_eq!(broken.code, reason::KEY_EXCHANGE_FAILED);
        assert!(broken.text.contains("in common") && broken.text.contains(names), "{broken}");
    }
}

#[test]
fn a_leg_that_could_not_seal_is_broken() {
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    let mut sealed = Vec::new();
    // NEWKEYS without keys: the mistake would be ours
    peer.transport.seal(b"\0\0\0\x01\x15\0\0\0\x01\x5e", &mut sealed, &mut Zeros);
    let after = sealed.len();
    peer.transport.seal(b"\0\0\0\x01\x5e", &mut sealed, &mut Zeros);
    assert_eq!(sealed.len(), after);
    assert!(peer.give(b"").unwrap_err().text.contains("could not be sealed"));
}
