//! A peer that says whatever it is told to, in either role, from the same parts but without the transport's order.

use std::sync::Arc;

use hoopwire_testkit::Zeros;

use super::super::{Heard, Transport};
use crate::broken::Broken;
use crate::cipher::{Opener, Sealer};
use crate::host::{HostKeys, HostTrust};
use crate::kex::{self, HASH, Offer, Shared, Transcript};
use crate::kexinit::{self, Agreed, KexInit, Role};
use crate::keys::{Algorithm, PrivateKey};
use crate::packet::{Arrived, MOST_AFTER_LOGIN, Parts};
use crate::plain::Packets;
use crate::vectors::{lines, unhex};
use crate::{fields, ident, number};

const LINE: &str = "SSH-2.0-scripted";

pub(crate) fn host_key() -> PrivateKey {
    let keys = include_str!("../../../tests/vectors/keys.txt");
    PrivateKey::from_pkcs8(&unhex(lines(keys, "pkcs8").find(|words| words[0] == "ed25519").unwrap()[1]))
        .unwrap()
}

/// How the peer goes about it.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) strict: bool,
    /// Lists in its KEXINIT: exchange and ciphers. Empty for all.
    pub(crate) method: &'static str,
    pub(crate) cipher: &'static str,
}

pub(crate) const USUAL: Manner = Manner { strict: true, method: "", cipher: "" };
/// A peer from before strict key exchange, with the one cipher that is taken of it.
pub(crate) const OLD: Manner =
    Manner { strict: false, method: "curve25519-sha256", cipher: "aes128-gcm@openssh.com" };

/// The transport under test, and the peer.
pub(crate) struct Scripted {
    pub(crate) transport: Transport,
    role: Role,
    manner: Manner,
    key: PrivateKey,
    arrived: Arrived,
    opener: Opener,
    sealer: Sealer,
    /// Of what we say, of what comes.
    sequences: [u32; 2],
    /// KEXINITs of the exchange that is under way.
    ours: Option<Vec<u8>>,
    theirs: Option<Vec<u8>>,
    exchanges: usize,
    pub(crate) heard: Vec<Heard>,
    /// Payloads that the transport gave.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Payloads that the transport said.
    pub(crate) said: Vec<Vec<u8>>,
}

impl Scripted {
    /// A transport that has begun, whose peer has the other `role` and has said its line.
    pub(crate) fn new(role: Role, manner: Manner) -> Self {
        let transport = match role {
            Role::Client => Transport::server(Arc::new(HostKeys::new(vec![(host_key(), None)]))),
            Role::Server => Transport::client(HostTrust {
                keys: vec![host_key().public_blob().to_vec()],
                ..HostTrust::default()
            }),
        };
        let mut scripted = Self {
            transport,
            role,
            manner,
            key: host_key(),
            arrived: Arrived::default(),
            opener: Opener::plain(),
            sealer: Sealer::plain(),
            sequences: [0; 2],
            ours: None,
            theirs: None,
            exchanges: 0,
            heard: Vec::new(),
            payloads: Vec::new(),
            said: Vec::new(),
        };
        let mut out = Vec::new();
        scripted.transport.begin(&mut out, &mut Zeros);
        scripted.carry(&out);
        let line = format!("{}\r\n", ident::OURS);
        assert!(scripted.arrived.unread().starts_with(line.as_bytes()));
        scripted.arrived.advance(line.len());
        scripted.give(format!("{LINE}\r\n").as_bytes()).unwrap();
        assert_eq!(scripted.heard, [Heard::Identified]);
        scripted
    }

    /// Has the transport seal `out`, and reads it.
    pub(crate) fn carry(&mut self, out: &[u8]) {
        let mut sealed = Vec::new();
        self.transport.seal(out, &mut sealed, &mut Zeros);
        self.arrived.push(&sealed);
    }

    /// Gives bytes to the transport, and reads what it says.
    pub(crate) fn give(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let (mut payload, mut out) = (Vec::new(), Vec::new());
        self.transport.push(bytes);
        loop {
            let heard = self.transport.next(&mut payload, &mut out, &mut Zeros);
            self.carry(&std::mem::take(&mut out));
            let Some(heard) = heard? else { return Ok(()) };
            if heard == Heard::Packet {
                self.payloads.push(payload.clone());
            } else {
                assert!(payload.is_empty());
            }
            self.heard.push(heard);
        }
    }

    /// The bytes of a packet, sealed with the keys of now.
    pub(crate) fn sealed(&mut self, payload: &[u8]) -> Vec<u8> {
        let padding = [0; 32];
        let parts = Parts::new(&self.sealer, payload, &padding).unwrap();
        let mut sealed = Vec::new();
        self.sealer.seal(self.sequences[0], &parts, &mut sealed).unwrap();
        self.sequences[0] = self.sequences[0].wrapping_add(1);
        sealed
    }

    pub(crate) fn say(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let sealed = self.sealed(payload);
        self.give(&sealed)
    }

    /// The next packet that the transport sent.
    pub(crate) fn hear(&mut self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        self.arrived.packet(&mut self.opener, self.sequences[1], MOST_AFTER_LOGIN, &mut payload).unwrap()?;
        self.sequences[1] = self.sequences[1].wrapping_add(1);
        self.said.push(payload.clone());
        Some(payload)
    }

    fn hear_kind(&mut self, kind: u8) -> Vec<u8> {
        let payload = self.hear().expect("the transport says something");
        assert_eq!(payload[0], kind);
        payload
    }

    /// Says KEXINIT.
    pub(crate) fn say_kexinit(&mut self) -> Result<(), Broken> {
        let kexinit = self.kexinit();
        self.ours = Some(kexinit.clone());
        self.say(&kexinit)
    }

    /// What it says. The extensions stand in the first only.
    pub(crate) fn kexinit(&self) -> Vec<u8> {
        let mut kexinit = Vec::new();
        let first = self.exchanges == 0 && self.manner.strict;
        kexinit::put(&mut kexinit, self.role, [7; 16], &["ssh-ed25519"], None, first);
        let method = match (self.manner.method, first, self.role) {
            ("", ..) => String::new(),
            (method, true, Role::Client) => format!("{method},kex-strict-c-v00@openssh.com"),
            (method, true, Role::Server) => format!("{method},kex-strict-s-v00@openssh.com"),
            (method, false, _) => method.to_owned(),
        };
        let lists = [(0, method.as_str()), (2, self.manner.cipher), (3, self.manner.cipher)];
        let changed = lists.into_iter().filter(|(_, names)| !names.is_empty());
        changed.fold(kexinit, |kexinit, (list, names)| with_list(&kexinit, list, names))
    }

    /// The exchange goes on with KEXINITs that were said and heard already.
    pub(crate) fn go_on_from(&mut self, ours: Option<Vec<u8>>, theirs: Option<Vec<u8>>) {
        (self.ours, self.theirs) = (ours, theirs);
    }

    /// Both KEXINITs are said.
    pub(crate) fn agree(&mut self) -> Agreed {
        if self.ours.is_none() {
            self.say_kexinit().unwrap();
        }
        if self.theirs.is_none() {
            self.theirs = Some(self.hear_kind(number::KEXINIT));
        }
        let [ours, theirs] =
            [&self.ours, &self.theirs].map(|said| KexInit::read(said.as_ref().unwrap()).unwrap());
        let strict = (self.exchanges > 0).then_some(self.manner.strict);
        kexinit::agree(self.role, &ours, &theirs, strict).unwrap()
    }

    /// A whole exchange, as far as it is not done yet.
    pub(crate) fn exchange(&mut self) {
        self.try_exchange().unwrap();
    }

    pub(crate) fn try_exchange(&mut self) -> Result<(), Broken> {
        let agreed = self.agree();
        let [ours, theirs] = [self.ours.take().unwrap(), self.theirs.take().unwrap()];
        let (shared, hash) = match self.role {
            Role::Client => {
                let (offer, init) = Offer::new(agreed.method).unwrap();
                self.say(&half(number::KEX_INIT, &[&init])).unwrap();
                let reply = self.hear_kind(number::KEX_REPLY);
                let mut reader = hoopwire_wire::Reader::new(&reply[1..]);
                let [blob, reply] = [0, 1].map(|_| fields::bytes(&mut reader).unwrap());
                let shared = offer.accept(reply).unwrap();
                let transcript = Transcript {
                    client_line: LINE,
                    server_line: ident::OURS,
                    client_kexinit: &ours,
                    server_kexinit: &theirs,
                    host_key: blob,
                    init: &init,
                    reply,
                };
                let hash = transcript.hash(&shared);
                (shared, hash)
            }
            Role::Server => {
                let init = self.hear_kind(number::KEX_INIT)[5..].to_vec();
                let (reply, shared) = kex::answer(agreed.method, &init).unwrap();
                let blob = self.key.public_blob().to_vec();
                let transcript = Transcript {
                    client_line: ident::OURS,
                    server_line: LINE,
                    client_kexinit: &theirs,
                    server_kexinit: &ours,
                    host_key: &blob,
                    init: &init,
                    reply: &reply,
                };
                let hash = transcript.hash(&shared);
                let signature = self.key.sign(&hash, Algorithm::Ed25519).unwrap();
                self.say(&half(number::KEX_REPLY, &[&blob, &reply, &signature])).unwrap();
                (shared, hash)
            }
        };
        self.hear_kind(number::NEWKEYS);
        self.switch(&agreed, &shared, &hash)
    }

    /// Says NEWKEYS, and takes the keys into use.
    fn switch(&mut self, agreed: &Agreed, shared: &Shared, hash: &[u8; HASH]) -> Result<(), Broken> {
        let new_keys = self.sealed(&[number::NEWKEYS]);
        let session_id = self.transport.session_id().to_vec();
        let suites = [agreed.to_server, agreed.to_client];
        let [to_server, to_client] = [(Role::Client, suites[0]), (Role::Server, suites[1])]
            .map(|(sender, suite)| (suite, kex::keys(shared, hash, &session_id, sender, suite.lengths())));
        let (outgoing, incoming) =
            if self.role == Role::Client { (to_server, to_client) } else { (to_client, to_server) };
        self.sealer = Sealer::new(outgoing.0, &outgoing.1).unwrap();
        self.opener = Opener::new(incoming.0, &incoming.1).unwrap();
        if self.manner.strict {
            self.sequences = [0; 2];
        }
        self.exchanges += 1;
        self.give(&new_keys)?;
        assert!(matches!(self.heard.last(), Some(Heard::KexDone { .. })));
        Ok(())
    }
}

/// A packet of 30 or 31 with these strings.
pub(crate) fn half(kind: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![kind];
    for each in strings {
        fields::put_string(&mut payload, each);
    }
    payload
}

/// A KEXINIT with another of its lists.
pub(crate) fn with_list(kexinit: &[u8], list: usize, names: &str) -> Vec<u8> {
    let mut reader = hoopwire_wire::Reader::new(kexinit);
    let mut out = reader.bytes(17).unwrap().to_vec();
    for at in 0..10 {
        let before = fields::bytes(&mut reader).unwrap();
        fields::put_string(&mut out, if at == list { names.as_bytes() } else { before });
    }
    [&out, reader.rest()].concat()
}

/// The payloads in plain form.
pub(crate) fn payloads(plain: &[u8]) -> Vec<&[u8]> {
    Packets::new(plain).collect()
}
