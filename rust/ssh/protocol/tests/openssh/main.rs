//! Against OpenSSH's own `ssh` and `sshd`, over the loopback interface: every key exchange with every cipher, in
//! both roles. They are found by `PATH`; what an older OpenSSH doesn't have is left out, with a word.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod echo;
mod link;
mod programs;

use std::net::TcpListener;
use std::sync::Arc;

use hoopwire_ssh_protocol::{HostKeys, HostTrust, Transport, plain};

use echo::Echo;
use link::{Link, SERVICE_ACCEPT, SERVICE_REQUEST, accept};
use programs::{Openssh, Scratch, one_line};

/// Each cipher with its MAC, as OpenSSH's options name them.
const CIPHERS: [(&str, &str); 8] = [
    ("aes128-gcm@openssh.com", ""),
    ("aes256-gcm@openssh.com", ""),
    ("chacha20-poly1305@openssh.com", ""),
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes192-ctr", "hmac-sha2-512-etm@openssh.com"),
    ("aes256-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
    ("aes128-ctr", "hmac-sha2-512-etm@openssh.com"),
];
/// Of host keys.
const KINDS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];
const METHODS: [&str; 3] = ["mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"];

/// Within what `certify` signs for: 2026.
const NOW_S: u64 = 1_780_000_000;

fn service(number: u8) -> Vec<u8> {
    let mut out = Vec::new();
    plain::put(&mut out, |payload| {
        payload.push(number);
        payload.extend_from_slice(b"\0\0\0\x0cssh-userauth");
    });
    out
}

/// SSH_MSG_USERAUTH_FAILURE that names `password` only.
fn failure() -> Vec<u8> {
    let mut out = Vec::new();
    plain::put(&mut out, |payload| payload.extend_from_slice(b"\x33\0\0\0\x08password\0"));
    out
}

#[test]
fn ssh_comes_as_far_as_its_login_is_refused() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("client");
    let keys = KINDS.map(|kind| Arc::new(HostKeys::new(vec![(openssh.host_key(&scratch, kind).0, None)])));
    for (method, cipher, mac, kind) in openssh.combinations() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = [("KexAlgorithms", method), ("Ciphers", cipher), ("MACs", mac)];
        let client = openssh.client(&scratch, port, &options, "true");
        let mut link = Link::new(accept(&listener), Transport::server(Arc::clone(&keys[kind])));
        assert_eq!(link.first_packet()[0], SERVICE_REQUEST, "{method} {cipher}");
        let names = link.transport.cipher_names().unwrap();
        assert_eq!((names.method, names.incoming, names.outgoing), (method, cipher, cipher));
        link.say(&service(SERVICE_ACCEPT));
        assert_eq!(link.first_packet()[0], 50, "USERAUTH_REQUEST");
        link.say(&failure());
        // BatchMode has no password to give
        link.until_end();
        let said = client.finish();
        assert!(said.contains("Permission denied (password)"), "{method} {cipher}: {said}");
    }
}

#[test]
fn sshd_accepts_the_service_that_we_ask_for() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("server");
    let blobs = KINDS.map(|kind| openssh.host_key(&scratch, kind).1);
    for (method, cipher, mac, kind) in openssh.combinations() {
        let options = [("KexAlgorithms", method), ("Ciphers", cipher), ("MACs", mac)];
        let server = openssh.server(&scratch, KINDS[kind], &options);
        let trust = HostTrust { keys: vec![blobs[kind].clone()], ..HostTrust::default() };
        let mut link = Link::new(server.connect(), Transport::client(trust));
        link.until_keys();
        let names = link.transport.cipher_names().unwrap();
        assert_eq!((names.method, names.incoming, names.outgoing), (method, cipher, cipher));
        link.say(&service(SERVICE_REQUEST));
        assert_eq!(link.first_packet()[0], SERVICE_ACCEPT, "{method} {cipher}");
        assert!(!link.transport.signature_algorithms().unwrap().is_empty(), "EXT_INFO");
    }
}

#[test]
fn a_target_with_another_host_key_is_not_trusted() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("other");
    let (_, pinned) = openssh.host_key(&scratch, "ed25519");
    let (_, other_kind) = openssh.host_key(&scratch, "ecdsa");
    let other = Scratch::new("other-still");
    openssh.host_key(&other, "ed25519");
    let server = openssh.server(&other, "ed25519", &[]);
    for keys in [vec![pinned], vec![other_kind], Vec::new()] {
        let trust = HostTrust { keys, ..HostTrust::default() };
        let broken = Link::new(server.connect(), Transport::client(trust)).until_broken();
        assert!(broken.host_key, "{broken:?}");
    }
}

#[test]
fn the_cipher_that_we_prefer_is_used() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("prefer");
    let (_, blob) = openssh.host_key(&scratch, "ed25519");
    let server = openssh.server(&scratch, "ed25519", &[]);
    for cipher in ["chacha20-poly1305@openssh.com", "aes192-ctr", "aes256-gcm@openssh.com"] {
        let trust =
            HostTrust { keys: vec![blob.clone()], prefer_cipher: Some(cipher), ..HostTrust::default() };
        let mut link = Link::new(server.connect(), Transport::client(trust));
        link.until_keys();
        assert_eq!(link.transport.cipher_names().unwrap().outgoing, cipher);
    }
}

#[test]
fn a_target_with_a_certificate_of_the_hosts_authority_is_trusted_by_its_name() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("certified");
    let (_, authority) = openssh.host_key(&scratch, "ecdsa");
    for kind in ["ed25519", "rsa"] {
        openssh.host_key(&scratch, kind);
        let certificate = openssh.certify(&scratch, "ecdsa", kind, "web1.example");
        let server = openssh.server(&scratch, kind, &[("HostCertificate", certificate.to_str().unwrap())]);
        let trust = |name: &str, unix_s| HostTrust {
            authorities: vec![authority.clone()],
            name: name.into(),
            unix_s,
            ..HostTrust::default()
        };
        let mut link = Link::new(server.connect(), Transport::client(trust("web1.example", NOW_S)));
        link.until_keys();
        assert!(link.transport.cipher_names().unwrap().host_key.ends_with("-cert-v01@openssh.com"));
        for (name, unix_s, words) in [
            ("web2.example", NOW_S, "does not name"),
            ("web1.example", NOW_S + 86_400 * 366 * 100, "was valid until"),
        ] {
            let broken = Link::new(server.connect(), Transport::client(trust(name, unix_s))).until_broken();
            assert!(broken.host_key && broken.text.contains(words), "{broken:?}");
        }
    }
}

#[test]
fn ssh_trusts_us_by_a_certificate() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("certified-client");
    let (_, authority) = openssh.host_key(&scratch, "ecdsa");
    let known = scratch.write(
        "known",
        &format!("@cert-authority gateway {}\n", one_line("ecdsa-sha2-nistp256", &authority)),
    );
    for kind in ["ed25519", "rsa"] {
        let (key, _) = openssh.host_key(&scratch, kind);
        let certificate = openssh.read_certificate(&openssh.certify(&scratch, "ecdsa", kind, "gateway"));
        let keys = Arc::new(HostKeys::new(vec![(key, Some(certificate))]));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = [
            ("UserKnownHostsFile", known.to_str().unwrap()),
            ("StrictHostKeyChecking", "yes"),
            ("HostKeyAlias", "gateway"),
        ];
        let client = openssh.client(&scratch, port, &options, "true");
        let mut link = Link::new(accept(&listener), Transport::server(keys));
        assert_eq!(link.first_packet()[0], SERVICE_REQUEST);
        assert!(link.transport.cipher_names().unwrap().host_key.ends_with("-cert-v01@openssh.com"));
        drop(link);
        client.finish();
    }
}

/// A megabyte that no cipher makes shorter and no one can mistake for others.
fn data() -> Vec<u8> {
    (0..1_000_000_u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

#[test]
fn ssh_exchanges_keys_anew_again_and_again_while_data_passes_both_ways() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("rekey-client");
    let keys = Arc::new(HostKeys::new(vec![(openssh.host_key(&scratch, "ed25519").0, None)]));
    for (cipher, mac) in CIPHERS.into_iter().step_by(2) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = [("RekeyLimit", "256K"), ("Ciphers", cipher), ("MACs", mac)];
        let client = openssh.client(&scratch, port, &options, "cat").feed(data());
        let mut link = Link::new(accept(&listener), Transport::server(Arc::clone(&keys)));
        assert_eq!(link.first_packet()[0], SERVICE_REQUEST);
        link.say(&service(SERVICE_ACCEPT));
        let mut echo = Echo::serve(&mut link);
        echo.run(&mut link, 17);
        link.until_end();
        let (written, said) = client.output();
        assert!(
            written == data() && echo.received == data(),
            "{cipher}: {} {} {said}",
            written.len(),
            echo.received.len()
        );
        assert!(link.exchanges > 5, "{cipher}: {}", link.exchanges);
    }
}

#[test]
fn sshd_exchanges_keys_anew_again_and_again_while_data_passes_both_ways() {
    let Some(openssh) = Openssh::find() else { return };
    let scratch = Scratch::new("rekey-server");
    let (_, blob) = openssh.host_key(&scratch, "ed25519");
    let (key, public) = openssh.host_key(&Scratch::new("rekey-user"), "ed25519");
    let authorized = scratch.write("authorized", &one_line("ssh-ed25519", &public));
    for (cipher, mac) in CIPHERS.into_iter().step_by(2) {
        let options = [
            ("RekeyLimit", "256K"),
            ("Ciphers", cipher),
            ("MACs", mac),
            ("AuthorizedKeysFile", authorized.to_str().unwrap()),
            ("StrictModes", "no"),
        ];
        let server = openssh.server(&scratch, "ed25519", &options);
        let trust = HostTrust { keys: vec![blob.clone()], ..HostTrust::default() };
        let mut link = Link::new(server.connect(), Transport::client(trust));
        link.say(&service(SERVICE_REQUEST));
        assert_eq!(link.first_packet()[0], SERVICE_ACCEPT);
        let mut echo = Echo::ask(&mut link, &programs::user(), &key, &data());
        echo.run(&mut link, 17);
        assert!(echo.received == data(), "{cipher}: {}", echo.received.len());
        assert!(link.exchanges > 5, "{cipher}: {}", link.exchanges);
    }
}
