//! What comes when, and what is kept back.

use hoopwire_testkit::Zeros;

use super::super::Heard;
use super::super::outgoing::Used;
use super::scripted::{Manner, OLD, Scripted, USUAL, half, payloads, with_list};
use crate::kexinit::Role;
use crate::keys::Algorithm;
use crate::{number, plain};

const ROLES: [Role; 2] = [Role::Client, Role::Server];
const DATA: &[u8] = b"\x5e\0\0\0\0\0\0\0\x02hi";
const REQUEST: &[u8] = b"\x05\0\0\0\x0cssh-userauth";

fn plain_of(entries: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for each in entries {
        plain::put(&mut out, |payload| payload.extend_from_slice(each));
    }
    out
}

#[test]
fn keys_are_exchanged_and_packets_pass_both_ways() {
    for role in ROLES {
        for manner in [USUAL, OLD] {
            let mut peer = Scripted::new(role, manner);
            assert!(peer.transport.in_kex() && peer.transport.session_id().is_empty());
            peer.exchange();
            assert_eq!(peer.heard, [Heard::Identified, Heard::KexDone { first: true }]);
            assert!(!peer.transport.in_kex());
            let session_id = peer.transport.session_id().to_vec();
            peer.said.retain(|payload| payload[0] != number::EXT_INFO);
            for exchange in 0..3 {
                peer.say(DATA).unwrap();
                peer.carry(&plain_of(&[REQUEST, DATA]));
                while peer.hear().is_some() {}
                assert!(peer.said.ends_with(&[REQUEST.to_vec(), DATA.to_vec()]), "{exchange}");
                peer.exchange();
            }
            assert_eq!(peer.payloads, [DATA; 3]);
            assert_eq!(peer.heard.last(), Some(&Heard::KexDone { first: false }));
            assert_eq!(peer.transport.session_id(), session_id);
        }
    }
}

#[test]
fn a_client_that_takes_extensions_is_told_what_a_user_may_sign_by_once() {
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    let told = peer.hear().unwrap();
    assert!(
        told.starts_with(b"\x07\0\0\0\x01\0\0\0\x0fserver-sig-algs")
            && told.ends_with(b"rsa-sha2-512,rsa-sha2-256")
    );
    peer.exchange();
    assert_eq!(peer.hear(), None);
    let mut peer = Scripted::new(Role::Client, OLD);
    peer.exchange();
    assert_eq!(peer.hear(), None);
}

#[test]
fn what_a_server_takes_signatures_by_is_kept_as_far_as_it_is_known() {
    let mut peer = Scripted::new(Role::Server, USUAL);
    peer.exchange();
    assert_eq!(peer.transport.signature_algorithms(), None);
    let lists: [&[u8]; 4] = [b"server-sig-algs", b"ssh-rsa,rsa-sha2-256,ssh-ed25519,x", b"other", b"\0"];
    let payload = [&b"\x07\0\0\0\x02"[..], &half(0, &lists)[1..]].concat();
    peer.say(&payload).unwrap();
    assert_eq!(peer.transport.signature_algorithms(), Some(&[Algorithm::Ed25519, Algorithm::RsaSha256][..]));
    // of a client it says nothing
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    peer.say(&payload).unwrap();
    assert_eq!(peer.transport.signature_algorithms(), None);
}

#[test]
fn from_kexinit_to_newkeys_packets_are_kept_back_in_order() {
    for role in ROLES {
        let mut peer = Scripted::new(role, USUAL);
        peer.exchange();
        while peer.hear().is_some() {}
        let mut out = Vec::new();
        peer.transport.rekey_now(&mut out, &mut Zeros);
        assert_eq!(payloads(&out)[0][0], number::KEXINIT);
        assert!(peer.transport.in_kex() && !peer.transport.keeps_back());
        // once is enough
        let before = out.len();
        peer.transport.rekey_now(&mut out, &mut Zeros);
        assert_eq!(out.len(), before);
        // before our KEXINIT is sealed, things go on
        peer.carry(&plain_of(&[DATA]));
        assert_eq!(peer.hear().as_deref(), Some(DATA));
        peer.carry(&out);
        assert!(peer.transport.keeps_back());
        let more = [b"\x5f1", b"\x062", b"\x323"].map(|payload| payload.to_vec());
        peer.carry(&plain_of(&[&more[0], b"\x02\0\0\0\0", &more[1]]));
        peer.carry(&plain_of(&[&more[2]]));
        assert_eq!(peer.transport.held_bytes(), 3 * 6);
        // the peer has not answered: it may still talk
        peer.say(DATA).unwrap();
        peer.said.clear();
        // our KEXINIT, IGNORE, and then nothing
        let kexinit = peer.hear().unwrap();
        assert_eq!(peer.hear().unwrap(), b"\x02\0\0\0\0");
        assert_eq!((kexinit[0], peer.hear()), (number::KEXINIT, None));
        // the peer reads it now; IGNORE counted
        peer.go_on_from(None, Some(kexinit));
        peer.exchange();
        let told: Vec<_> = std::iter::from_fn(|| peer.hear()).collect();
        assert_eq!(told, more);
        assert_eq!((peer.transport.held_bytes(), peer.transport.in_kex()), (0, false));
    }
}

#[test]
fn the_peers_kexinit_may_be_answered_later() {
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    while peer.hear().is_some() {}
    let kexinit = peer.kexinit();
    let sealed = peer.sealed(&kexinit);
    let (mut payload, mut aside) = (Vec::new(), Vec::new());
    peer.transport.push(&sealed);
    assert_eq!(peer.transport.next(&mut payload, &mut aside, &mut Zeros), Ok(None));
    peer.carry(&plain_of(&[DATA, REQUEST]));
    assert_eq!([peer.hear(), peer.hear()], [Some(DATA.to_vec()), Some(REQUEST.to_vec())]);
    peer.carry(&aside);
    peer.carry(&plain_of(&[DATA]));
    peer.go_on_from(Some(kexinit), None);
    peer.exchange();
    assert_eq!(peer.hear().as_deref(), Some(DATA));
}

#[test]
fn what_is_unknown_is_answered_with_its_own_number() {
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    while peer.hear().is_some() {}
    for kind in [0_u8, 8, 19, 22, 29] {
        peer.say(&[kind]).unwrap();
    }
    let told: Vec<_> = std::iter::from_fn(|| peer.hear()).collect();
    assert_eq!(told, [0_u8, 1, 2, 3, 4].map(|sequence| vec![3, 0, 0, 0, sequence]));
    assert!(peer.payloads.is_empty());
    // and what only the caller can judge, by the caller
    peer.say(&[200]).unwrap();
    let mut out = Vec::new();
    peer.transport.unimplemented(&mut out);
    assert_eq!(payloads(&out), [[3, 0, 0, 0, 5]]);
}

#[test]
fn a_wrong_guess_is_passed_over_and_a_right_one_counts() {
    for (methods, right) in
        [("mlkem768x25519-sha256,", true), ("curve25519-sha256,mlkem768x25519-sha256,", false)]
    {
        let mut peer = Scripted::new(Role::Client, USUAL);
        let names = format!("{methods}kex-strict-c-v00@openssh.com");
        let mut kexinit = with_list(&peer.kexinit(), 0, &names);
        let at = kexinit.len() - 5;
        kexinit[at] = 1;
        peer.say(&kexinit).unwrap();
        let guess = peer.say(&half(30, &[b"no half at all"]));
        assert_eq!(guess.is_err(), right);
        if !right {
            peer.go_on_from(Some(kexinit), None);
            peer.exchange();
            assert_eq!(peer.transport.cipher_names().unwrap().method, "curve25519-sha256");
        }
    }
}

#[test]
fn worn_keys_are_exchanged_before_they_are_used_up() {
    let worn = [Used { packets: 1 << 31, bytes: 0 }, Used { packets: 0, bytes: 1 << 36 }];
    for used in worn {
        for incoming in [true, false] {
            let mut peer = Scripted::new(Role::Client, USUAL);
            peer.exchange();
            while peer.hear().is_some() {}
            peer.say(DATA).unwrap();
            assert!(!peer.transport.in_kex());
            peer.transport.set_used(incoming, used);
            peer.say(DATA).unwrap();
            assert!(peer.transport.in_kex());
            peer.exchange();
            peer.say(DATA).unwrap();
            assert!(!peer.transport.in_kex());
        }
    }
}

#[test]
fn keys_that_are_used_up_are_used_no_more() {
    let all = Used { packets: (1 << 32) - (1 << 20), bytes: 0 };
    let mut peer = Scripted::new(Role::Client, USUAL);
    peer.exchange();
    while peer.hear().is_some() {}
    peer.transport.set_used(false, all);
    peer.carry(&plain_of(&[DATA, DATA]));
    assert_eq!((peer.hear(), peer.transport.held_bytes()), (None, 2 * (DATA.len() + 4)));
    peer.transport.set_used(true, all);
    assert!(peer.say(DATA).unwrap_err().text.contains("used its keys up"));
}

#[test]
fn nothing_secret_is_shown() {
    let mut peer = Scripted::new(Role::Client, Manner { cipher: "aes256-ctr", ..USUAL });
    peer.exchange();
    let shown = format!("{:?}", peer.transport);
    assert!(shown.contains("aes256-ctr") && shown.contains("held_bytes: 0") && shown.len() < 400, "{shown}");
}
