//! Logins between OpenSSH and asyncssh (vectors/capture.py): requests, answers, and signatures over real session ids.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;

use hoopwire_ssh_protocol::certificate::BadCertificate;
use hoopwire_ssh_protocol::keys::{Algorithm, BadSignature, PrivateKey, UnusableKey};
use hoopwire_ssh_protocol::plain::Packets;
use hoopwire_ssh_protocol::userauth::{
    self, Answer, Awaited, Method, Offer, Offered, Request, Responses, UnusableOffer, say, signed_data,
};
use hoopwire_wire::{DecodeError, Redacted, Secret};
use proptest::prelude::*;
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/packets.txt");

/// Scenario, sender, payload.
fn packets() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let all = lines(VECTORS, "packet").map(|words| (words[0], words[1], unhex(words[2])));
    all.filter(|(.., payload)| payload[0] < 80).collect()
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let all = packets().into_iter().filter(|(.., payload)| payload[0] == 50);
    all.map(|(scenario, _, payload)| (scenario, payload)).collect()
}

/// The ids of this scenario's connections.
fn session_ids(scenario: &str) -> Vec<Vec<u8>> {
    lines(VECTORS, "session").filter(|words| words[0] == scenario).map(|words| unhex(words[1])).collect()
}

/// A signed `publickey` request of this scenario, with its session id.
fn signed(scenario: &str) -> (Vec<u8>, Vec<u8>) {
    let payload = requests()
        .into_iter()
        .find(|(of, payload)| {
            let method = Request::read(payload).unwrap().method;
            *of == scenario && matches!(method, Method::PublicKey { signature: Some(_), .. })
        })
        .unwrap()
        .1;
    (payload, session_ids(scenario)[0].clone())
}

fn parts<'a>(request: &Request<'a>) -> (&'a [u8], &'a [u8], &'a [u8]) {
    match request.method {
        Method::PublicKey { algorithm, key, signature: Some(signature) } => (algorithm, key, signature),
        other => panic!("{other:?}"),
    }
}

fn awaited(scenario: &str) -> Awaited {
    match scenario {
        "keyboard" => Awaited::KeyboardInteractive,
        "password" | "change" => Awaited::Password,
        "none" => Awaited::None,
        _ => Awaited::PublicKey,
    }
}

#[test]
fn all_methods_of_openssh_are_known() {
    let mut seen = BTreeSet::new();
    for (scenario, payload) in requests() {
        let request = Request::read(&payload).unwrap();
        assert_eq!(request.service, userauth::CONNECTION);
        assert!(["alice", "root", "none"].contains(&request.user));
        seen.insert(match request.method {
            Method::None => "none",
            Method::PublicKey { signature: None, .. } => "probe",
            Method::PublicKey { .. } => "signed",
            Method::HostBound { host_key, signature, .. } => {
                assert!(
                    host_key.starts_with(b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.com")
                        && signature.is_some()
                );
                "hostbound"
            }
            Method::Password { password } => {
                assert_eq!(password, Redacted(&b"hunter2"[..]));
                "password"
            }
            Method::PasswordChange { old, new } => {
                assert_eq!((old.0, new.0), (&b"hunter2"[..], &b"hunter2"[..]));
                "change"
            }
            Method::KeyboardInteractive { submethods } => {
                assert_eq!(submethods, "");
                "keyboard"
            }
            Method::Other { name } => panic!("{scenario}: {name:?}"),
        });
    }
    let all = ["change", "hostbound", "keyboard", "none", "password", "probe", "signed"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn all_answers_of_openssh_and_asyncssh_are_known() {
    let all = packets();
    let answers: Vec<_> = all
        .iter()
        .filter(|(.., payload)| (51..=60).contains(&payload[0]))
        .map(|(scenario, sender, payload)| (*sender, Answer::read(payload, awaited(scenario)).unwrap()))
        .collect();
    let methods = "publickey,password,keyboard-interactive";
    for wanted in [
        ("openssh-server", Answer::Failure { methods, is_partial: false }),
        ("openssh-server", Answer::Success),
        ("openssh-server", Answer::Banner { text: b"Be good.\n" }),
        ("asyncssh-server", Answer::Banner { text: "Welcome, α\r\n".as_bytes() }),
        ("asyncssh-server", Answer::PasswordChange { prompt: b"Choose another one" }),
    ] {
        assert!(answers.contains(&wanted), "{wanted:?}");
    }
    let (_, ok) = answers
        .iter()
        .find(|(sender, answer)| *sender == "openssh-server" && matches!(answer, Answer::PublicKeyOk { .. }))
        .unwrap();
    assert!(matches!(ok, Answer::PublicKeyOk { algorithm: b"ssh-ed25519", key } if key.len() == 51));
    let asked = answers.iter().find_map(|(_, answer)| match answer {
        Answer::Prompts { name, instruction, prompts } => Some((*name, *instruction, *prompts)),
        _ => None,
    });
    let (name, instruction, prompts) = asked.unwrap();
    assert_eq!((name, instruction, prompts.count()), (&b"Login"[..], &b"Both, please"[..], 2));
    assert_eq!(prompts.iter().collect::<Vec<_>>(), [(&b"Name: "[..], true), (b"Secret: ", false)]);
    let responses = all.iter().find(|(.., payload)| payload[0] == 61).unwrap();
    let responses = Responses::read(&responses.2).unwrap();
    assert_eq!(responses.count(), 2);
    assert_eq!(responses.iter().map(|response| response.0).collect::<Vec<_>>(), [b"hunter2", b"hunter2"]);
}

#[test]
fn message_60_is_read_as_what_was_asked_for_only() {
    for (scenario, _, payload) in packets().iter().filter(|(.., payload)| payload[0] == 60) {
        for other in [Awaited::PublicKey, Awaited::Password, Awaited::KeyboardInteractive, Awaited::None] {
            // a password prompt and a key have the same form: two strings
            let alike = [Awaited::PublicKey, Awaited::Password];
            if other == awaited(scenario) || (alike.contains(&other) && alike.contains(&awaited(scenario))) {
                continue;
            }
            assert!(Answer::read(payload, other).is_err(), "{scenario} {other:?}");
        }
    }
}

#[test]
fn what_openssh_and_asyncssh_signed_is_proven_for_their_session_only() {
    for (scenario, name) in [
        ("publickey", "ssh-ed25519"),
        ("rsa", "rsa-sha2-512"),
        ("certificate", "ssh-ed25519-cert-v01@openssh.com"),
        ("sshd", "ssh-ed25519"),
    ] {
        let (payload, session_id) = signed(scenario);
        let request = Request::read(&payload).unwrap();
        let (algorithm, key, signature) = parts(&request);
        let offer = Offer::read(algorithm, key).unwrap();
        assert_eq!((offer.name(), offer.blob()), (name, key));
        assert_eq!(matches!(offer.offered, Offered::Certificate(_)), name.contains("cert"));
        assert_eq!(offer.verify(&session_id, &request, signature), Ok(()), "{scenario}");
        let refused = Err(BadSignature::False);
        let other = session_ids("password")[0].clone();
        assert_eq!(offer.verify(&other, &request, signature), refused);
        let as_root = Request { user: "admin", ..request };
        assert_eq!(offer.verify(&session_id, &as_root, signature), refused);
        let elsewhere = Request { service: "ssh-other", ..request };
        assert_eq!(offer.verify(&session_id, &elsewhere, signature), refused);
    }
}

/// Key A offered, signed with key B; a certificate shown with the plain key's signature; a weaker algorithm than offered.
#[test]
fn a_signature_for_another_offer_proves_nothing() {
    let (plain_payload, plain_id) = signed("publickey");
    let plain = Request::read(&plain_payload).unwrap();
    let (certified_payload, _) = signed("certificate");
    let certified = Request::read(&certified_payload).unwrap();
    let (name, blob, _) = parts(&certified);
    let certificate = Offer::read(name, blob).unwrap();
    let (_, key, signature) = parts(&plain);
    assert_eq!(certificate.key().blob(), key, "the certificate is for the same key");
    assert_eq!(certificate.verify(&plain_id, &plain, signature), Err(BadSignature::False));

    let (rsa_payload, rsa_id) = signed("rsa");
    let rsa = Request::read(&rsa_payload).unwrap();
    let (_, key, signature) = parts(&rsa);
    let weaker = Offer::read(b"rsa-sha2-256", key).unwrap();
    assert_eq!(weaker.verify(&rsa_id, &rsa, signature), Err(BadSignature::Algorithm));

    let ours = private();
    let signed = signed_data(&plain_id, plain.user, plain.service, "ssh-ed25519", parts(&plain).1);
    let forged = ours.sign(&signed, Algorithm::Ed25519).unwrap();
    let offer = Offer::read(b"ssh-ed25519", parts(&plain).1).unwrap();
    assert_eq!(offer.verify(&plain_id, &plain, &forged), Err(BadSignature::False));
}

#[test]
fn an_algorithm_and_a_blob_that_do_not_fit_are_no_offer() {
    let (payload, _) = signed("publickey");
    let request = Request::read(&payload).unwrap();
    let (_, key, _) = parts(&request);
    let (payload, _) = signed("certificate");
    let request = Request::read(&payload).unwrap();
    let (name, certificate, _) = parts(&request);
    for (algorithm, blob, wanted) in [
        (&b"ssh-rsa"[..], key, UnusableOffer::Algorithm),
        (b"ssh-rsa-cert-v01@openssh.com", certificate, UnusableOffer::Algorithm),
        (b"", key, UnusableOffer::Algorithm),
        (b"rsa-sha2-512", key, UnusableOffer::Mismatch),
        (b"rsa-sha2-512-cert-v01@openssh.com", certificate, UnusableOffer::Mismatch),
        (b"ssh-ed25519", certificate, UnusableOffer::Key(UnusableKey::UnknownType)),
        (name, key, UnusableOffer::Certificate(BadCertificate::UnknownType)),
    ] {
        assert_eq!(Offer::read(algorithm, blob), Err(wanted));
    }
}

fn private() -> PrivateKey {
    let der = unhex(lines(include_str!("vectors/keys.txt"), "pkcs8").next().unwrap()[1]);
    PrivateKey::from_pkcs8(&der).unwrap()
}

#[test]
fn a_packet_that_is_cut_off_or_goes_on_is_none() {
    for (scenario, _, payload) in packets() {
        let is_read = |payload: &[u8]| match payload.first() {
            Some(50) => Request::read(payload).is_ok(),
            Some(5 | 6) => userauth::service(payload).is_ok(),
            Some(61) => Responses::read(payload).is_ok(),
            _ => Answer::read(payload, awaited(scenario)).is_ok(),
        };
        assert!(is_read(&payload), "{scenario} {payload:?}");
        for end in 0..payload.len() {
            assert!(!is_read(&payload[..end]), "{scenario} {payload:?} {end}");
        }
        assert!(!is_read(&[&payload[..], b"\0"].concat()), "{scenario} {payload:?}");
    }
}

#[test]
fn what_the_gateway_says_is_what_openssh_and_asyncssh_say() {
    let all = packets();
    let secret = Secret::new("hunter2".to_owned());
    let (payload, _) = signed("sshd");
    let request = Request::read(&payload).unwrap();
    let (_, key, signature) = parts(&request);
    let mut out = Vec::new();
    say::service_request(&mut out, userauth::USERAUTH);
    say::service_accept(&mut out, userauth::USERAUTH);
    say::failure(&mut out, &["publickey", "password", "keyboard-interactive"], false);
    say::success(&mut out);
    say::banner(&mut out, "Be good.\n");
    say::public_key_ok(&mut out, b"ssh-ed25519", key);
    say::prompts(&mut out, "Login", "Both, please", &[("Name: ", true), ("Secret: ", false)]);
    say::none(&mut out, "alice");
    say::public_key(&mut out, "root", "ssh-ed25519", key, signature);
    say::password(&mut out, "alice", &secret);
    say::keyboard_interactive(&mut out, "alice");
    say::responses(&mut out, &[&secret, &secret]);
    let said: Vec<_> = Packets::new(&out).collect();
    assert_eq!(said.len(), 12);
    for payload in said {
        assert!(all.iter().any(|(.., other)| other == payload), "{payload:?}");
    }
}

#[test]
fn a_key_of_ours_logs_in_at_a_target_as_a_target_would_check_it() {
    let key = private();
    let signed = signed_data(b"id", "deploy", userauth::CONNECTION, "ssh-ed25519", key.public_blob());
    let signature = key.sign(&signed, Algorithm::Ed25519).unwrap();
    let mut out = Vec::new();
    say::public_key(&mut out, "deploy", "ssh-ed25519", key.public_blob(), &signature);
    let payload = Packets::new(&out).next().unwrap();
    let request = Request::read(payload).unwrap();
    let (algorithm, blob, signature) = parts(&request);
    assert_eq!(Offer::read(algorithm, blob).unwrap().verify(b"id", &request, signature), Ok(()));
}

#[test]
fn no_secret_is_in_debug() {
    let mut hidden = 0;
    for (.., payload) in packets() {
        let shown = match payload[0] {
            50 => format!("{:?}", Request::read(&payload).unwrap()),
            61 => format!("{:?}", Responses::read(&payload).unwrap()),
            _ => continue,
        };
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117, 110"), "{shown}");
        hidden += shown.matches("<redacted>").count();
    }
    // two passwords, the second of which is changed; the responses
    assert_eq!(hidden, 5);
}

#[test]
fn lists_and_names_that_are_too_long_are_refused() {
    let responses = |count: u32| [&[61][..], &count.to_be_bytes(), &[0; 4 * 40]].concat();
    assert_eq!(Responses::read(&responses(33)), Err(DecodeError::TooLong { limit: 32 }));
    assert_eq!(Responses::read(&responses(u32::MAX)), Err(DecodeError::TooLong { limit: 32 }));
    assert_eq!(Responses::read(&responses(32)), Err(DecodeError::Trailing(32)));
    let prompts = [&[60][..], &[0; 12], &33u32.to_be_bytes(), &[0; 5 * 33]].concat();
    let read = Answer::read(&prompts, Awaited::KeyboardInteractive);
    assert_eq!(read, Err(DecodeError::TooLong { limit: 32 }));
    let mut out = Vec::new();
    say::none(&mut out, &"a".repeat(1025));
    let refused = Request::read(Packets::new(&out).next().unwrap());
    assert_eq!(refused, Err(DecodeError::TooLong { limit: 1024 }));
}

#[test]
fn other_methods_are_named_whatever_stands_behind() {
    let payload = b"\x32\0\0\0\x01a\0\0\0\x0essh-connection\0\0\0\x09hostbasedxyz";
    let wanted = Method::Other { name: b"hostbased" };
    assert_eq!(Request::read(payload).unwrap().method, wanted);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_fall_over(bytes: Vec<u8>, from: prop::sample::Index, at: usize) {
        let all = packets();
        let (scenario, _, mut payload) = all[from.index(all.len())].clone();
        let at = at % payload.len();
        let end = (at + bytes.len()).min(payload.len());
        payload.splice(at..end, bytes);
        let _ = Answer::read(&payload, awaited(scenario));
        let _ = Responses::read(&payload).map(|responses| responses.iter().count());
        let _ = userauth::service(&payload);
        if let Ok(Request { method: Method::PublicKey { algorithm, key, .. }, .. }) = Request::read(&payload) {
            let _ = Offer::read(algorithm, key);
        }
    }
}
