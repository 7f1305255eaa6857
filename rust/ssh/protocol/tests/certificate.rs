//! Certificates of OpenSSH, asyncssh and `cryptography` (vectors/make_certificates.py), and what is made of them.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use hoopwire_ssh_protocol::certificate::{BadCertificate, Certificate, Distrust, Entry, Kind, Restrictions};
use hoopwire_ssh_protocol::keys::{BadSignature, PrivateKey, UnusableKey};
use hoopwire_wire::DecodeError;
use proptest::prelude::*;
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/certificates.txt");
const MAKERS: [&str; 9] = [
    "keygen",
    "asyncssh",
    "cryptography",
    "restricted",
    "nobody",
    "nowhere",
    "many",
    "unknown",
    "verify-required",
];

/// The first certificate of this maker and kind, and its authority's blob.
fn certificate(maker: &str, kind: &str) -> (Certificate, Vec<u8>) {
    let words = lines(VECTORS, maker).find(|words| words[2] == kind).unwrap();
    (Certificate::read(&unhex(words[0])).unwrap(), unhex(words[1]))
}

fn blobs() -> Vec<Vec<u8>> {
    MAKERS.iter().flat_map(|maker| lines(VECTORS, maker).map(|words| unhex(words[0]))).collect()
}

fn split(list: &str) -> Vec<String> {
    if list == "-" { Vec::new() } else { list.split(',').map(str::to_owned).collect() }
}

fn names(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.name.clone()).collect()
}

#[test]
fn certificates_are_read_as_they_were_made() {
    let mut seen = 0;
    for maker in MAKERS {
        for words in lines(VECTORS, maker) {
            let read = Certificate::read(&unhex(words[0])).unwrap();
            assert_eq!(read.blob(), unhex(words[0]));
            assert_eq!(read.authority_blob(), unhex(words[1]));
            assert_eq!(read.kind, if words[2] == "user" { Kind::User } else { Kind::Host });
            assert_eq!(read.serial.to_string(), words[3]);
            assert_eq!(read.key_id, words[4]);
            assert_eq!(read.principals, split(words[5]));
            assert_eq!(read.valid_after_s.to_string(), words[6]);
            assert_eq!(read.valid_before_s.to_string(), words[7]);
            assert_eq!(names(&read.critical), split(words[8]));
            assert_eq!(names(&read.extensions), split(words[9]));
            assert_eq!(read.verify_signature(), Ok(()), "{maker} {}", words[4]);
            assert!(read.one_line().starts_with(read.key.key_type().certificate_name()));
            seen += 1;
        }
    }
    assert_eq!(seen, 30);
}

#[test]
fn options_have_their_texts() {
    let (restricted, authority) = certificate("restricted", "user");
    let texts: Vec<_> = restricted.critical.iter().chain(&restricted.extensions).map(Entry::text).collect();
    assert_eq!(texts, [Some("/bin/true a b"), Some("10.0.0.0/8"), None, Some("y")]);
    let wanted = Restrictions { force_command: Some("/bin/true a b"), source_address: Some("10.0.0.0/8") };
    assert_eq!(restricted.check_user("deploy", 1_893_456_000, &[authority]), Ok(wanted));
}

#[test]
fn a_certificate_that_is_cut_off_goes_on_or_has_a_flipped_bit_is_not_believed() {
    for blob in blobs().iter().filter(|blob| blob.len() < 2_500) {
        let whole = Certificate::read(blob).unwrap();
        let authorities = [whole.authority_blob().to_vec()];
        let believed = |blob: &[u8]| {
            Certificate::read(blob).is_ok_and(|read| {
                authorities.contains(&read.authority_blob().to_vec()) && read.verify_signature().is_ok()
            })
        };
        assert!(believed(blob));
        for at in 0..blob.len() {
            assert!(Certificate::read(&blob[..at]).is_err(), "{whole:?} {at}");
            let mut flipped = blob.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(!believed(&flipped), "{whole:?} {at}");
        }
        let longer = [&blob[..], b"\0"].concat();
        assert_eq!(Certificate::read(&longer), Err(BadCertificate::Malformed(DecodeError::Trailing(1))));
    }
}

/// ssh-key 0.7-rc decodes a certificate whose signing key is a certificate by recursion: 1,000 deep, and the process ends.
#[test]
fn a_certificate_signed_by_a_certificate_is_refused_at_the_first() {
    let (plain, authority) = certificate("keygen", "user");
    let (head, behind) =
        plain.blob().split_at(plain.blob().len() - signature_field(&plain) - authority.len() - 4);
    let mut nested = plain.blob().to_vec();
    for depth in 0..150 {
        let mut outer = head.to_vec();
        outer.extend_from_slice(&u32::try_from(nested.len()).unwrap().to_be_bytes());
        outer.extend_from_slice(&nested);
        outer.extend_from_slice(&behind[authority.len() + 4..]);
        nested = outer;
        if nested.len() <= 35_000 {
            assert_eq!(Certificate::read(&nested), Err(BadCertificate::Nested), "{depth}");
        }
    }
    assert_eq!(
        Certificate::read(&nested),
        Err(BadCertificate::Malformed(DecodeError::TooLong { limit: 35_000 }))
    );
}

/// Bytes of the last field, its length word included.
fn signature_field(certificate: &Certificate) -> usize {
    let authority = certificate.authority_blob();
    let blob = certificate.blob();
    let at = blob.windows(authority.len()).rposition(|window| window == authority).unwrap();
    blob.len() - at - authority.len()
}

#[test]
fn a_host_is_believed_by_its_name_its_time_and_its_authority() {
    let (host, authority) = certificate("cryptography", "host");
    let ours = [authority];
    assert_eq!(host.check_host("web1", 10, &ours), Ok(()));
    assert_eq!(host.check_host("WEB1", 19, &ours), Ok(()));
    assert_eq!(host.check_host("web1", 9, &ours), Err(Distrust::NotYet(10)));
    assert_eq!(host.check_host("web1", 20, &ours), Err(Distrust::Expired(20)));
    for name in ["web2", "web", "", "web1.example.org", "*"] {
        assert_eq!(host.check_host(name, 10, &ours), Err(Distrust::Principal), "{name}");
    }
    let by = Distrust::Authority(host.authority().fingerprint());
    assert_eq!(host.check_host("web1", 10, &[]), Err(by.clone()));
    let strangers = [unhex(lines(VECTORS, "keygen").nth(2).unwrap()[1]), b"".to_vec()];
    assert_eq!(host.check_host("web1", 10, &strangers), Err(by));
}

#[test]
fn a_host_certificate_is_none_for_a_user_and_the_other_way_round() {
    for (kind, wanted) in [("user", Kind::User), ("host", Kind::Host)] {
        let (read, authority) = certificate("keygen", kind);
        let (host, user) = (
            read.check_host("web1", 0, std::slice::from_ref(&authority)),
            read.check_user("alice", 0, std::slice::from_ref(&authority)).map(drop),
        );
        let refused = Err(Distrust::Kind(wanted));
        assert_eq!((host, user), if kind == "user" { (refused, Ok(())) } else { (Ok(()), refused) });
    }
}

/// OpenSSH lets a certificate without principals be everybody's.
#[test]
fn no_principals_means_nobody() {
    let (user, authority) = certificate("nobody", "user");
    for name in ["root", "", "nobody"] {
        assert_eq!(user.check_user(name, 0, std::slice::from_ref(&authority)), Err(Distrust::Principal));
    }
    let (host, authority) = certificate("nowhere", "host");
    assert_eq!(host.check_host("web1", 0, &[authority]), Err(Distrust::Principal));
}

#[test]
fn a_demand_that_is_not_known_is_refused() {
    for (maker, name) in [("unknown", "do-this@example.org"), ("verify-required", "verify-required")] {
        let (read, authority) = certificate(maker, "user");
        assert_eq!(read.check_user("alice", 0, &[authority]), Err(Distrust::Option(name.into())));
    }
}

#[test]
fn for_ever_is_for_ever_but_not_after_it() {
    let (read, authority) = certificate("keygen", "user");
    let ours = [authority];
    assert_eq!(read.check_user("alice", u64::MAX - 1, &ours), Ok(Restrictions::default()));
    assert_eq!(read.check_user("alice", u64::MAX, &ours), Err(Distrust::Expired(u64::MAX)));
}

#[test]
fn at_most_256_principals_are_read() {
    assert_eq!(certificate("many", "user").0.principals.len(), 256);
    let words = lines(VECTORS, "toomany").next().unwrap();
    let refused = BadCertificate::Malformed(DecodeError::TooLong { limit: 256 });
    assert_eq!(Certificate::read(&unhex(words[0])), Err(refused));
}

/// Builds certificates that no honest tool makes, signed all the same.
struct Forger {
    authority: PrivateKey,
}

impl Forger {
    fn new() -> Forger {
        let der = unhex(lines(include_str!("vectors/keys.txt"), "pkcs8").next().unwrap()[1]);
        Forger { authority: PrivateKey::from_pkcs8(&der).unwrap() }
    }

    fn certify(
        &self,
        kind: u32,
        key_id: &[u8],
        principals: &[u8],
        critical: &[u8],
        extensions: &[u8],
    ) -> Vec<u8> {
        let (like, _) = certificate("keygen", "user");
        let algorithm = self.authority.algorithms()[0];
        let mut out = Vec::new();
        put(&mut out, b"ssh-ed25519-cert-v01@openssh.com");
        put(&mut out, &[7; 32]);
        put(&mut out, &like.key.blob()[19..]);
        out.extend_from_slice(&1u64.to_be_bytes());
        out.extend_from_slice(&kind.to_be_bytes());
        put(&mut out, key_id);
        put(&mut out, principals);
        out.extend_from_slice(&0u64.to_be_bytes());
        out.extend_from_slice(&u64::MAX.to_be_bytes());
        for field in [critical, extensions, b"", self.authority.public_blob()] {
            put(&mut out, field);
        }
        let signature = self.authority.sign(&out, algorithm).unwrap();
        put(&mut out, &signature);
        out
    }

    fn authorities(&self) -> [Vec<u8>; 1] {
        [self.authority.public_blob().to_vec()]
    }
}

fn put(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
    out.extend_from_slice(field);
}

/// A list of strings, as principals and options are.
fn list(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|field| put(&mut out, field));
    out
}

#[test]
fn options_twice_out_of_order_or_without_a_value_are_refused() {
    let forger = Forger::new();
    let alice = list(&[b"alice"]);
    let value = list(&[b"id"]);
    let read = |critical: &[u8], extensions: &[u8]| {
        Certificate::read(&forger.certify(1, b"k", &alice, critical, extensions))
    };
    assert!(read(&list(&[b"force-command", &value]), b"").is_ok());
    let twice = list(&[b"force-command", &value, b"force-command", &value]);
    let unordered = list(&[b"source-address", &value, b"force-command", &value]);
    for bad in [&twice, &unordered] {
        assert_eq!(read(bad, b""), Err(BadCertificate::Order));
        assert_eq!(read(b"", bad), Err(BadCertificate::Order));
    }
    assert!(matches!(read(&list(&[b"force-command"]), b""), Err(BadCertificate::Malformed(_))));
    for value in [&b""[..], b"id", &list(&[b""]), &list(&[b"id", b"x"]), &list(&[b"id\0x"])] {
        let read = read(&list(&[b"force-command", value]), b"").unwrap();
        let refused = Err(Distrust::OptionValue("force-command"));
        assert_eq!(read.check_user("alice", 0, &forger.authorities()), refused);
    }
}

#[test]
fn names_with_zero_bytes_other_kinds_and_forged_signatures_are_refused() {
    let forger = Forger::new();
    let alice = list(&[b"alice"]);
    assert_eq!(Certificate::read(&forger.certify(0, b"k", &alice, b"", b"")), Err(BadCertificate::Kind(0)));
    assert_eq!(Certificate::read(&forger.certify(3, b"k", &alice, b"", b"")), Err(BadCertificate::Kind(3)));
    for (key_id, principals) in [(&b"g_1\0g_2"[..], alice.clone()), (b"k", list(&[b"alice\0"]))] {
        let read = Certificate::read(&forger.certify(1, key_id, &principals, b"", b""));
        assert_eq!(read, Err(BadCertificate::ZeroByte));
    }
    let utf8 = Certificate::read(&forger.certify(1, b"\xff", &alice, b"", b""));
    assert_eq!(utf8, Err(BadCertificate::Malformed(DecodeError::NotUtf8)));
    // a host certificate may demand nothing
    let demand = list(&[b"force-command", &list(&[b"id"])]);
    let host = Certificate::read(&forger.certify(2, b"k", &alice, &demand, b"")).unwrap();
    assert_eq!(
        host.check_host("alice", 0, &forger.authorities()),
        Err(Distrust::Option("force-command".into()))
    );
    // another principal under the same signature
    let mut blob = forger.certify(1, b"k", &alice, b"", b"");
    let at = blob.windows(5).position(|window| window == b"alice").unwrap();
    blob[at..at + 5].copy_from_slice(b"bobby");
    let forged = Certificate::read(&blob).unwrap();
    let refused = Err(Distrust::Signature(BadSignature::False));
    assert_eq!(forged.check_user("bobby", 0, &forger.authorities()), refused);
}

#[test]
fn a_plain_key_or_one_that_is_not_used_is_no_certificate() {
    let (read, authority) = certificate("keygen", "user");
    assert_eq!(Certificate::read(&authority), Err(BadCertificate::UnknownType));
    let mut weak = read.blob().to_vec();
    let at = weak.windows(authority.len()).rposition(|window| window == authority).unwrap();
    weak[at + 4..at + 15].copy_from_slice(b"ssh-ed25518");
    assert_eq!(Certificate::read(&weak), Err(BadCertificate::Authority(UnusableKey::UnknownType)));
}

proptest! {
    #[test]
    fn no_bytes_make_the_walk_fall_over(from in 0usize..30, at: usize, bytes: Vec<u8>) {
        let mut blob = blobs()[from].clone();
        let at = at % blob.len();
        let end = (at + bytes.len()).min(blob.len());
        blob.splice(at..end, bytes);
        if let Ok(read) = Certificate::read(&blob) {
            prop_assert_eq!(read.blob(), &blob[..]);
        }
    }
}
