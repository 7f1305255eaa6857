//! Keys and signatures of OpenSSH, asyncssh and `cryptography` (vectors/make_keys.py), and what is made of them.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use hoopwire_ssh_protocol::keys::{Algorithm, BadSignature, KeyType, PrivateKey, PublicKey, UnusableKey};
use hoopwire_wire::DecodeError;
use proptest::prelude::*;
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/keys.txt");

fn public(name: &str) -> PublicKey {
    PublicKey::read(&blob(name)).unwrap()
}

fn blob(name: &str) -> Vec<u8> {
    unhex(lines(VECTORS, "public").find(|words| words[0] == name).unwrap()[1])
}

fn private(name: &str) -> PrivateKey {
    PrivateKey::from_pkcs8(&unhex(lines(VECTORS, "pkcs8").find(|words| words[0] == name).unwrap()[1]))
        .unwrap()
}

/// Key, algorithm or `ssh-keygen`, message, signature: all that must be true.
fn signatures() -> Vec<(PublicKey, String, Vec<u8>, Vec<u8>)> {
    let plain = lines(VECTORS, "signature")
        .filter(|words| words[0] != "rsa1024" && words[1] != "ssh-rsa")
        .map(|words| {
            let (message, signature) = (unhex(words[2]), unhex(words[3]));
            (public(words[0]), words[1].to_owned(), message, signature)
        });
    let tokens = lines(VECTORS, "token").filter(|words| words[1] != "untouched").map(|words| {
        let key = PublicKey::read(&unhex(words[2])).unwrap();
        (key, words[1].to_owned(), unhex(words[3]), unhex(words[4]))
    });
    plain.chain(tokens).collect()
}

#[test]
fn keys_of_openssh_are_read_and_have_its_fingerprints() {
    let mut seen = 0;
    for words in lines(VECTORS, "public").filter(|words| words[0] != "rsa1024") {
        let key = public(words[0]);
        assert_eq!(key.blob(), unhex(words[1]));
        assert_eq!(key.fingerprint(), words[2]);
        assert_eq!(format!("{key:?}"), format!("PublicKey({} {})", key.algorithm(), words[2]));
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn signatures_of_openssh_and_asyncssh_are_true_and_nothing_else_is() {
    let made = signatures();
    assert_eq!(made.len(), 17);
    for (key, by, message, signature) in &made {
        assert_eq!(key.verify(signature, message, &Algorithm::ALL), Ok(()), "{key:?} {by}");
        let mut other = message.clone();
        other[0] ^= 1;
        assert_eq!(key.verify(signature, &other, &Algorithm::ALL), Err(BadSignature::False), "{key:?} {by}");
    }
}

#[test]
fn a_signature_with_one_flipped_bit_a_missing_or_an_additional_byte_is_none() {
    for (key, by, message, signature) in signatures() {
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(key.verify(&flipped, &message, &Algorithm::ALL).is_err(), "{key:?} {by} {at}");
            assert!(key.verify(&signature[..at], &message, &Algorithm::ALL).is_err(), "{key:?} {by} {at}");
        }
        let mut longer = signature;
        longer.push(0);
        let refused = key.verify(&longer, &message, &Algorithm::ALL);
        assert_eq!(refused, Err(BadSignature::Malformed(DecodeError::Trailing(1))), "{key:?} {by}");
    }
}

/// A key of one type offered, a signature of another: the name inside the signature decided, and the key was asked whatever
/// it said.
#[test]
fn a_signature_counts_for_its_own_key_and_algorithm_only() {
    let made = signatures();
    for (key, _, message, _) in &made {
        for (other, by, _, signature) in made.iter().filter(|(other, ..)| other != key) {
            let refused = key.verify(signature, message, &Algorithm::ALL).unwrap_err();
            let is_by_type = refused == BadSignature::Algorithm;
            assert_eq!(is_by_type, key.key_type() != other.key_type(), "{key:?} {by} {refused:?}");
        }
    }
    for (key, _, message, signature) in &made {
        let others: Vec<_> =
            Algorithm::ALL.into_iter().filter(|one| one.key_type() != key.key_type()).collect();
        assert_eq!(key.verify(signature, message, &others), Err(BadSignature::Algorithm));
        assert_eq!(key.verify(signature, message, &[]), Err(BadSignature::Algorithm));
    }
}

#[test]
fn a_name_that_was_swapped_inside_a_signature_does_not_make_it_true() {
    let words = lines(VECTORS, "signature").find(|words| words[1] == "rsa-sha2-256").unwrap();
    let (key, message, mut signature) = (public(words[0]), unhex(words[2]), unhex(words[3]));
    assert_eq!(key.verify(&signature, &message, &[Algorithm::RsaSha512]), Err(BadSignature::Algorithm));
    signature[4..16].copy_from_slice(b"rsa-sha2-512");
    assert_eq!(key.verify(&signature, &message, &[Algorithm::RsaSha512]), Err(BadSignature::False));
}

#[test]
fn sha1_is_refused_although_its_signature_is_true() {
    let words = lines(VECTORS, "signature").find(|words| words[1] == "ssh-rsa").unwrap();
    let (message, signature) = (unhex(words[2]), unhex(words[3]));
    assert_eq!(&signature[4..11], b"ssh-rsa");
    assert_eq!(public(words[0]).verify(&signature, &message, &Algorithm::ALL), Err(BadSignature::Algorithm));
    assert_eq!(Algorithm::named(b"ssh-rsa"), None);
    assert_eq!(Algorithm::of_certificate(b"ssh-rsa-cert-v01@openssh.com"), None);
}

#[test]
fn a_token_that_nobody_touched_proves_nothing() {
    let mut seen = 0;
    for words in lines(VECTORS, "token").filter(|words| words[1] == "untouched") {
        let (key, message, mut signature) =
            (PublicKey::read(&unhex(words[2])).unwrap(), unhex(words[3]), unhex(words[4]));
        assert_eq!(key.verify(&signature, &message, &Algorithm::ALL), Err(BadSignature::NotPresent));
        let flags = signature.len() - 5;
        signature[flags] = 1;
        assert_eq!(key.verify(&signature, &message, &Algorithm::ALL), Err(BadSignature::False));
        seen += 1;
    }
    assert_eq!(seen, 2);
}

/// RFC 4253: the number s goes without padding, so one in 256 signatures of some clients is a byte short.
#[test]
fn an_rsa_signature_that_begins_with_zeros_may_come_without_them() {
    let key = private("rsa2048");
    let short = (0u32..)
        .map(|n| n.to_be_bytes())
        .find_map(|message| {
            let signature = key.sign(&message, Algorithm::RsaSha256).unwrap();
            (signature[20] == 0).then(|| (message, signature[21..].to_vec()))
        })
        .unwrap();
    let mut signature = b"\0\0\0\x0crsa-sha2-256\0\0\0\xff".to_vec();
    signature.extend_from_slice(&short.1);
    assert_eq!(key.public().verify(&signature, &short.0, &Algorithm::ALL), Ok(()));
}

/// 64 kbit RSA: one verification keeps a core busy for seconds, for a key that anybody may offer.
#[test]
fn rsa_of_other_sizes_is_refused_before_any_arithmetic() {
    assert_eq!(PublicKey::read(&blob("rsa1024")), Err(UnusableKey::RsaBits(1024)));
    for (bits, taken) in
        [(2047, false), (2048, true), (8192, true), (8193, false), (65_536, false), (0, false)]
    {
        let read = PublicKey::read(&rsa(&[1, 0, 1], bits));
        let wanted = if taken { None } else { Some(UnusableKey::RsaBits(bits)) };
        assert_eq!(read.err(), wanted, "{bits}");
    }
    for exponent in [&[1][..], &[], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        assert_eq!(PublicKey::read(&rsa(exponent, 2048)), Err(UnusableKey::RsaExponent));
    }
}

/// An RSA key's blob with this exponent and a modulus of this many bits.
fn rsa(exponent: &[u8], bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    if let Some(first) = modulus.first_mut() {
        *first = 0xff >> ((8 - bits % 8) % 8);
    }
    let mut out = b"\0\0\0\x07ssh-rsa".to_vec();
    for number in [exponent, &modulus] {
        let sign = number.first().is_some_and(|byte| byte & 0x80 != 0);
        out.extend_from_slice(&u32::try_from(number.len() + usize::from(sign)).unwrap().to_be_bytes());
        out.extend(sign.then_some(0));
        out.extend_from_slice(number);
    }
    out
}

#[test]
fn a_key_that_is_cut_off_or_goes_on_is_none() {
    let tokens = lines(VECTORS, "token").map(|words| unhex(words[2]));
    let plain = lines(VECTORS, "public").filter(|words| words[0] != "rsa1024").map(|words| unhex(words[1]));
    for mut blob in plain.chain(tokens) {
        for end in 0..blob.len() {
            assert!(PublicKey::read(&blob[..end]).is_err());
        }
        blob.push(0);
        assert_eq!(PublicKey::read(&blob), Err(UnusableKey::Malformed(DecodeError::Trailing(1))));
    }
}

#[test]
fn a_point_of_another_curve_or_in_another_form_is_none() {
    let mut named = blob("p256");
    named.splice(7..19, *b"2-nistp384"); // the type's name is now too short: a type that nobody knows
    assert_eq!(PublicKey::read(&named), Err(UnusableKey::UnknownType));
    let whole = blob("p256");
    let mut inner = whole.clone();
    inner[23 + 4..23 + 12].copy_from_slice(b"nistp384");
    assert_eq!(PublicKey::read(&inner), Err(UnusableKey::Point));
    let mut form = whole.clone();
    form[39] = 2;
    assert_eq!(PublicKey::read(&form), Err(UnusableKey::Point));
    // not on the curve: read, and nothing is true for it
    let (.., message, signature) = signatures().into_iter().find(|(key, ..)| key.blob() == whole).unwrap();
    let mut off = whole;
    *off.last_mut().unwrap() ^= 1;
    let key = PublicKey::read(&off).unwrap();
    assert_eq!(key.verify(&signature, &message, &Algorithm::ALL), Err(BadSignature::False));
}

#[test]
fn types_that_are_not_used_are_refused() {
    for name in ["ssh-dss", "ssh-ed448", "ssh-ed25519-cert-v01@openssh.com", "", "SSH-ED25519"] {
        let mut blob = u32::try_from(name.len()).unwrap().to_be_bytes().to_vec();
        blob.extend_from_slice(name.as_bytes());
        blob.extend_from_slice(b"\0\0\0\x20................................");
        assert_eq!(PublicKey::read(&blob), Err(UnusableKey::UnknownType), "{name}");
    }
}

#[test]
fn private_keys_sign_what_their_public_halves_verify() {
    let mut seen = 0;
    for words in lines(VECTORS, "pkcs8").filter(|words| words[0] != "rsa1024") {
        let key = private(words[0]);
        assert_eq!(key.public_blob(), blob(words[0]));
        for algorithm in Algorithm::ALL {
            let Some(signature) = key.sign(b"session", algorithm) else {
                assert!(!key.algorithms().contains(&algorithm));
                continue;
            };
            assert_eq!(key.public().verify(&signature, b"session", &[algorithm]), Ok(()));
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}

#[test]
fn what_is_no_private_key_is_refused() {
    let weak = lines(VECTORS, "pkcs8").find(|words| words[0] == "rsa1024").unwrap();
    assert!(PrivateKey::from_pkcs8(&unhex(weak[1])).is_err());
    let whole = unhex(lines(VECTORS, "pkcs8").next().unwrap()[1]);
    for end in 0..whole.len() {
        assert!(PrivateKey::from_pkcs8(&whole[..end]).is_err());
    }
    let mut longer = whole;
    longer.push(0);
    assert!(PrivateKey::from_pkcs8(&longer).is_err());
}

#[test]
fn a_private_key_shows_its_public_half_only() {
    let key = private("ed25519");
    assert_eq!(format!("{key:?}"), format!("PrivateKey {{ public: {:?}, .. }}", key.public()));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_fall_over(bytes: Vec<u8>, kind in 0usize..7) {
        let name = KeyType::ALL[kind].name().as_bytes();
        let mut blob = u32::try_from(name.len()).unwrap().to_be_bytes().to_vec();
        blob.extend_from_slice(name);
        blob.extend_from_slice(&bytes);
        if let Ok(key) = PublicKey::read(&blob) {
            prop_assert_eq!(key.blob(), &blob[..]);
        }
        for (key, ..) in signatures().iter().take(2) {
            prop_assert!(key.verify(&blob, b"x", &Algorithm::ALL).is_err());
        }
        prop_assert!(PrivateKey::from_pkcs8(&bytes).is_err());
    }
}
