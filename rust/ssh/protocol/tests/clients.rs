//! What other clients say (vectors/capture_clients.py): PuTTY, paramiko, libssh2, Go. Nothing of theirs may end a connection
//! because it can't be read.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;

use hoopwire_ssh_protocol::channel::{Global, Message, Open, Request as Asked};
use hoopwire_ssh_protocol::gatekeep::{Phase, Side, Verdict, verdict};
use hoopwire_ssh_protocol::sftp::{Ask, Request as Wanted, Stream};
use hoopwire_ssh_protocol::userauth::{Method, Offer, Request, Responses};
use vectors::{lines, unhex};

mod vectors;

const VECTORS: &str = include_str!("vectors/clients.txt");

fn packets() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>)> {
    lines(VECTORS, "packet").map(|words| (words[0], words[1], unhex(words[2])))
}

#[test]
fn their_channels_and_requests_are_read_and_few_are_not_known() {
    let (mut senders, mut unknown, mut opens) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (_, sender, payload) in packets().filter(|(.., payload)| payload[0] >= 80) {
        assert_eq!(verdict(Phase::AfterLogin, Side::Client, payload[0]), Verdict::Take);
        let message = Message::read(&payload).unwrap_or_else(|error| panic!("{sender} {payload:?}: {error}"));
        match message {
            Message::Request { request: Asked::Other { name, .. }, .. }
            | Message::Global { global: Global::Other { name, .. }, .. }
            | Message::Open { open: Open::Other { name, .. }, .. } => {
                unknown.insert(String::from_utf8(name.to_vec()).unwrap());
            }
            Message::Open { open: Open::DirectTcpip { host: "web1", port: 80, .. }, .. } => {
                opens.insert(sender);
            }
            _ => {}
        }
        senders.insert(sender);
    }
    assert_eq!(senders, ["go-client", "libssh2-client", "paramiko-client", "putty-client"].into());
    assert!(opens.contains("go-client"), "{opens:?}");
    for name in &unknown {
        let is_theirs = name.starts_with("keepalive@") || name.ends_with("@putty.projects.tartarus.org");
        assert!(is_theirs, "{name}");
    }
    assert!(
        unknown.contains("keepalive@golang.org") && unknown.contains("simple@putty.projects.tartarus.org")
    );
}

#[test]
fn their_logins_are_read_and_their_signatures_prove_their_keys() {
    let ids: Vec<_> = lines(VECTORS, "session").map(|words| unhex(words[1])).collect();
    let (mut proven, mut answered, mut passwords) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (_, sender, payload) in packets().filter(|(.., payload)| payload[0] < 80) {
        assert_eq!(verdict(Phase::BeforeLogin, Side::Client, payload[0]), Verdict::Take);
        match payload[0] {
            50 => {
                let request = Request::read(&payload).unwrap();
                match request.method {
                    Method::PublicKey { algorithm, key, signature } => {
                        let offer = Offer::read(algorithm, key).unwrap();
                        let Some(signature) = signature else { continue };
                        let of: Vec<_> =
                            ids.iter().filter(|id| offer.verify(id, &request, signature).is_ok()).collect();
                        assert_eq!(of.len(), 1, "a signature is for one session: {sender}");
                        proven.insert(sender);
                    }
                    Method::Password { .. } => {
                        passwords.insert(sender);
                    }
                    Method::None | Method::KeyboardInteractive { .. } => {}
                    other => panic!("{sender} {other:?}"),
                }
            }
            61 => {
                assert_eq!(Responses::read(&payload).unwrap().count(), 2);
                answered.insert(sender);
            }
            _ => {}
        }
    }
    let all = BTreeSet::from(["go-client", "libssh2-client", "paramiko-client", "putty-client"]);
    assert_eq!((proven, passwords), (all.clone(), all));
    assert!(answered.contains("go-client") && answered.contains("libssh2-client"), "{answered:?}");
}

#[test]
fn their_files_are_moved_by_requests_that_are_all_known() {
    for client in ["putty", "go", "paramiko", "libssh2"] {
        let way = |way| {
            unhex(lines(VECTORS, "stream").find(|words| words[0] == client && words[1] == way).unwrap()[2])
        };
        let (mut stream, mut asked, mut written, mut links) = (Stream::new(), 0, Vec::new(), 0);
        stream.push(&way("requests"));
        while let Some(message) = stream.next().unwrap() {
            let request = message.request().unwrap_or_else(|error| panic!("{client} {error}"));
            match request {
                Wanted::Init { version, .. } => assert!(version >= 3, "{client}"),
                Wanted::Ask { ask: Ask::Other { .. } | Ask::OtherExtended { .. }, .. } => {
                    panic!("{client} {request:?}")
                }
                Wanted::Ask { ask: Ask::Write { data, .. }, .. } => written.extend_from_slice(data.0),
                // all have OpenSSH's order, not the draft's
                Wanted::Ask { ask: Ask::Symlink { target, link }, .. } => {
                    assert!(!target.starts_with(b"/") && link.ends_with(b"/s"), "{client} {request:?}");
                    links += 1;
                }
                Wanted::Ask { .. } => {}
            }
            asked += 1;
        }
        assert_eq!(stream.held_bytes(), 0);
        assert!(asked > 10 && !written.is_empty(), "{client} {asked}");
        assert_eq!(links, usize::from(client != "putty"), "{client}");
        let (mut stream, mut answered) = (Stream::new(), 0);
        stream.push(&way("replies"));
        while let Some(message) = stream.next().unwrap() {
            message.reply().unwrap();
            answered += 1;
        }
        assert!(answered > 10, "{client}");
    }
}
