//! A session between a client and a target that speak real ssh, in memory; each turn is held to the order: what goes on is
//! told of by a frame of the same turn, byte for byte.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test support"
)]

pub(crate) mod outside;

use hoopwire_grant::{Budgets, Grant};
use hoopwire_recording::ssh::Ssh;
use hoopwire_recording::{Direction, Frame, Frames, Scratch};
use hoopwire_session::{Admission, Answer, Closed, Effect, Ending, Legs, Loan, PhaseLimits};
use hoopwire_ssh_policy::Rights;
use hoopwire_ssh_protocol::channel::{self, Message};
use hoopwire_ssh_protocol::keys::PrivateKey;
use hoopwire_ssh_protocol::userauth::{self, say as auth};
use hoopwire_ssh_protocol::{Heard, HostKeys, HostTrust, Transport, plain};
use hoopwire_ssh_session::{Caches, Session, Settings, Turn};
use hoopwire_wire::{Random, Redacted, Secret};
use serde::Serialize;
use serde_bytes::ByteBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of the seeds `[1; 32]` (the gateway) and `[2; 32]` (the target), for nothing but tests: PKCS#8, version 1.
fn key(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend([seed; 32]);
    der
}

/// Counts up: nothing here is a secret.
pub(crate) struct Counting(u8);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}

#[derive(Serialize)]
struct HostKey {
    key: ByteBuf,
    certificate: ByteBuf,
}

#[derive(Serialize)]
struct Given {
    host_keys: Vec<HostKey>,
    agents_authorities: Vec<ByteBuf>,
    prompts: bool,
}

#[derive(Serialize)]
struct Login {
    key: ByteBuf,
    certificate: ByteBuf,
    host_keys: Vec<ByteBuf>,
    host_authorities: Vec<ByteBuf>,
    host_name: String,
}

/// One peer: its transport, and what it has heard.
pub(crate) struct Peer {
    pub(crate) leg: Transport,
    out: Vec<u8>,
    pub(crate) heard: Vec<Vec<u8>>,
    pub(crate) goodbye: Option<String>,
    /// DEBUGs, which its transport takes for itself.
    pub(crate) remarks: Vec<String>,
}

impl Peer {
    fn new(mut leg: Transport) -> Peer {
        let mut out = Vec::new();
        leg.begin(&mut out, &mut Counting(7));
        Peer { leg, out, heard: Vec::new(), goodbye: None, remarks: Vec::new() }
    }

    /// Puts something out, in plain form.
    pub(crate) fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.out);
    }

    /// A packet by hand.
    pub(crate) fn packet(&mut self, payload: &[u8]) {
        plain::put(&mut self.out, |out| out.extend_from_slice(payload));
    }

    fn sealed(&mut self) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.leg.seal(&std::mem::take(&mut self.out), &mut sealed, &mut Counting(9));
        sealed
    }

    fn take(&mut self, bytes: &[u8]) {
        self.leg.push(bytes);
        let mut payload = Vec::new();
        while let Some(heard) = self.leg.next(&mut payload, &mut self.out, &mut Counting(11)).unwrap() {
            match heard {
                Heard::Packet => self.heard.push(payload.clone()),
                Heard::Disconnected { text, .. } => self.goodbye = Some(text),
                Heard::Identified | Heard::KexDone { .. } => {}
            }
        }
    }

    /// What came since the last time.
    pub(crate) fn news(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.heard)
    }
}

/// What a frame of ssh said, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Open { direction: Direction, name: String, about: String, allow: bool, reason: String },
    Request { channel: u64, name: String, about: String, allow: bool, reason: String },
    Data { direction: Direction, stream: u64, bytes: u64 },
    Answer { channel: u64, what: String, about: String },
    End { closed_by: String, reason: String },
    Other,
}

pub(crate) struct Link {
    pub(crate) session: Session,
    pub(crate) client: Peer,
    pub(crate) target: Peer,
    caches: Caches,
    pub(crate) now: Instant,
    legs: Legs,
    pub(crate) told: Vec<Told>,
    pub(crate) closed: Option<Closed>,
    /// So many bytes go over at once.
    pub(crate) split: usize,
    pub(crate) asked: Option<(String, String)>,
    /// What came of prompts; none if it was withdrawn.
    pub(crate) answers: Vec<Option<String>>,
    dialed: bool,
    /// The target is: what it says comes through.
    is_connected: bool,
    grant: Grant<Rights>,
}

impl Link {
    /// Both handshakes are to come.
    pub(crate) fn new(rights: &[&str], split: usize) -> Link {
        Link::with(rights, split, false)
    }

    /// `prompts`: the control plane says what is asked.
    pub(crate) fn with(rights: &[&str], split: usize, prompts: bool) -> Link {
        let now = Instant::now();
        let given = Given {
            host_keys: vec![HostKey { key: ByteBuf::from(key(1)), certificate: ByteBuf::new() }],
            agents_authorities: Vec::new(),
            prompts,
        };
        let settings: Settings = rmp_serde::from_slice(&rmp_serde::to_vec_named(&given).unwrap()).unwrap();
        let wait = Duration::from_secs(20);
        let limits = PhaseLimits {
            tls_handshake: wait,
            startup: wait,
            admission: wait,
            upstream_login: wait,
            statement_max_bytes: 1 << 20,
        };
        let gateway = PrivateKey::from_pkcs8(&key(1)).unwrap().public_blob().to_vec();
        let trust = HostTrust { keys: vec![gateway], ..HostTrust::default() };
        let server = HostKeys::new(vec![(PrivateKey::from_pkcs8(&key(2)).unwrap(), None)]);
        let words: Vec<String> = rights.iter().map(|word| (*word).to_owned()).collect();
        let rights = Rights::read(&words, words.clone()).unwrap();
        Link {
            session: Session::new(limits, now),
            client: Peer::new(Transport::client(trust)),
            target: Peer::new(Transport::server(Arc::new(server))),
            caches: Caches::new(settings).unwrap(),
            now,
            legs: Legs::default(),
            told: Vec::new(),
            closed: None,
            split,
            asked: None,
            answers: Vec::new(),
            dialed: false,
            is_connected: false,
            grant: Grant::of(rights, now + Duration::from_secs(600)),
        }
    }

    /// Logged in, both legs up.
    pub(crate) fn up(rights: &[&str]) -> Link {
        Link::up_by(rights, usize::MAX)
    }

    pub(crate) fn up_by(rights: &[&str], split: usize) -> Link {
        Link::up_with(rights, split, |_| {})
    }

    pub(crate) fn up_with(rights: &[&str], split: usize, change: impl FnOnce(&mut Grant<Rights>)) -> Link {
        let mut link = Link::new(rights, split);
        change(&mut link.grant);
        link.call(|session, turn| session.handle_open(turn));
        link.client.say(|out| auth::service_request(out, userauth::USERAUTH));
        link.client.say(|out| auth::password(out, "web1", &Secret::new("hw1_secret".to_owned())));
        link.run();
        assert_eq!(link.asked.take(), Some(("web1".to_owned(), "hw1_secret".to_owned())));
        assert!(link.admit(), "the target is dialled");
        let host = PrivateKey::from_pkcs8(&key(2)).unwrap().public_blob().to_vec();
        let login = Login {
            key: ByteBuf::new(),
            certificate: ByteBuf::new(),
            host_keys: vec![ByteBuf::from(host)],
            host_authorities: Vec::new(),
            host_name: "web1".to_owned(),
        };
        let loan = Loan {
            addresses: Vec::new(),
            user: "deploy".to_owned(),
            database: String::new(),
            password: Secret::new("upstream".to_owned()),
            login: Secret::new(rmp_serde::to_vec_named(&login).unwrap()),
        };
        link.is_connected = true;
        link.call(|session, turn| session.handle_dialed(loan, false, None, turn));
        link.run();
        assert_eq!(link.target.news().len(), 1, "a service request");
        link.target.say(|out| auth::service_accept(out, userauth::USERAUTH));
        link.run();
        let news = link.target.news();
        let request = userauth::Request::read(&news[0]).unwrap();
        let password = Redacted(&b"upstream"[..]);
        assert_eq!((request.user, request.method), ("deploy", userauth::Method::Password { password }));
        assert!(!link.session.is_ready());
        link.target.say(auth::success);
        link.run();
        assert!(link.session.is_ready());
        let last = link.client.news().pop().unwrap();
        assert_eq!(last, [userauth::number::USERAUTH_SUCCESS]);
        link.client.leg.authenticated();
        link.target.leg.authenticated();
        link.told.clear();
        link
    }

    /// The control plane admits; was the target dialled?
    pub(crate) fn admit(&mut self) -> bool {
        let grant = self.grant.clone();
        self.call(|session, turn| {
            let (spent, peer) = (Arc::default(), "127.0.0.1:5000");
            let admission = Admission { no: 7, reactor: 0, session: "s_1", peer, node: "n", grant, spent };
            session.handle_admit(admission, turn);
        });
        std::mem::take(&mut self.dialed)
    }

    /// Bytes go over until nobody has any more.
    pub(crate) fn run(&mut self) {
        loop {
            let from_client = self.client.sealed();
            let from_target = if self.is_connected { self.target.sealed() } else { Vec::new() };
            if from_client.is_empty() && from_target.is_empty() {
                return;
            }
            let split = self.split.max(1);
            for piece in from_client.chunks(split) {
                self.call(|session, turn| session.handle_downstream(piece, turn));
            }
            for piece in from_target.chunks(split) {
                self.call(|session, turn| session.handle_upstream(piece, turn));
            }
        }
    }

    /// One turn, held to the order; then what is kept goes out.
    pub(crate) fn call(&mut self, act: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let mut frames = Frames::new();
        let mut effects = Vec::new();
        let (down, up) = (self.legs.down().len(), self.legs.up().len());
        let mut random = Counting(3);
        let at = (self.now, 1_800_000_000_000_000);
        let was_ready = self.session.is_ready();
        let (legs, caches) = (&mut self.legs, &mut self.caches);
        act(&mut self.session, &mut Turn::new(at, &mut frames, legs, &mut effects, &mut random, caches));
        assert!(!self.legs.keep_what_is_told(), "bytes that no frame tells of");
        self.check(&frames, down, up, was_ready);
        for effect in effects {
            match effect {
                Effect::AskGrant(ask) => {
                    assert!(!ask.is_proved, "nobody signed anything");
                    assert_eq!(ask.wants_prompt, ask.credential.expose().is_empty());
                    self.asked = Some((ask.user.clone(), ask.credential.expose().clone()));
                }
                Effect::Answer(Answer::Typed(typed)) => self.answers.push(Some(typed.expose().clone())),
                Effect::Answer(Answer::Withdrawn) => self.answers.push(None),
                Effect::Dial(_) => self.dialed = true,
                Effect::Established => {}
                Effect::Close(closed) => {
                    assert!(self.closed.is_none(), "closed twice");
                    self.closed = Some(*closed);
                }
                other => panic!("an effect that ssh has not: {other:?}"),
            }
        }
        self.session.seal(&mut self.legs, &mut random);
        let (to_client, to_target) =
            (std::mem::take(self.legs.down_mut()), std::mem::take(self.legs.up_mut()));
        self.legs.settle();
        if !to_client.is_empty() {
            self.client.take(&to_client);
        }
        if !to_target.is_empty() && self.closed.is_none() {
            self.target.take(&to_target);
        }
    }

    /// Each packet that carries or asks something has its frame in this turn, and each allowed frame its packet.
    fn check(&mut self, frames: &Frames, down: usize, up: usize, was_ready: bool) {
        let (mut sent, mut got) = (Seen::default(), Seen::default());
        for raw in frames.iter() {
            let mut scratch = Scratch::default();
            let frame = Frame::decode(raw.kind, raw.payload, &mut scratch).unwrap();
            let direction = Direction::from_byte(raw.direction).unwrap();
            let told = told(&frame, direction);
            match &told {
                Told::Open { direction: Direction::Upstream, allow: true, .. } => sent.opens += 1,
                Told::Open { allow: true, .. } => got.opens += 1,
                Told::Request { channel: 0, allow: true, .. } => sent.globals += 1,
                // these go as data
                Told::Request { name, .. } if name.starts_with("sftp-") => {}
                Told::Request { channel: 1.., allow: true, .. } if direction == Direction::Upstream => {
                    sent.requests += 1;
                }
                Told::Request { channel: 1.., .. } if direction == Direction::Downstream => got.requests += 1,
                Told::Data { direction: Direction::Upstream, bytes, .. } => sent.bytes += bytes,
                Told::Data { bytes, .. } => got.bytes += bytes,
                _ => {}
            }
            self.told.push(told);
        }
        let remarks =
            plain::Packets::new(&self.legs.down()[down..]).filter(|packet| packet.first() == Some(&4));
        self.client.remarks.extend(remarks.map(|packet| String::from_utf8_lossy(packet).into_owned()));
        let after_login = was_ready || self.session.is_ready();
        let went_up = Seen::of(&self.legs.up()[up..], after_login);
        let went_down = Seen::of(&self.legs.down()[down..], after_login);
        assert_eq!(went_up, sent, "toward the target");
        // an exit status of the gateway's own has its words' frame, and no packet of the target's
        assert_eq!(went_down.bytes, got.bytes, "toward the principal");
        assert!(went_down.requests >= got.requests && went_down.opens == got.opens && went_down.globals == 0);
    }

    /// The end of the session, by a party, with this phrase in its reason.
    pub(crate) fn assert_ended(&self, by: hoopwire_grant::Party, reason: &str) {
        let closed = self.closed.as_ref().unwrap_or_else(|| panic!("it goes on: {:?}", self.told));
        assert_eq!(closed.by, by, "{}", closed.reason);
        assert!(closed.reason.contains(reason), "{} has no {reason}", closed.reason);
        assert!(matches!(self.told.last(), Some(Told::End { .. })), "the last frame is the end");
    }

    pub(crate) fn end(&mut self, ending: Ending) {
        self.call(|session, turn| session.handle_end(ending, turn));
    }

    /// The clock goes on.
    pub(crate) fn wait(&mut self, step: Duration) {
        self.now += step;
        if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.call(|session, turn| session.handle_timeout(turn));
        }
    }

    /// A grant of these words takes the place of the old one.
    pub(crate) fn regrant(&mut self, rights: &[&str]) {
        let words: Vec<String> = rights.iter().map(|word| (*word).to_owned()).collect();
        let grant = Grant::of(Rights::read(&words, words.clone()).unwrap(), self.grant.deadline);
        self.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    }

    /// The grant has budgets from here on.
    pub(crate) fn limit(&mut self, budgets: Budgets) {
        let mut grant = self.grant.clone();
        grant.budgets = budgets;
        self.call(|session, turn| session.handle_regrant(grant, "policy changed", turn));
    }

    /// A session channel with these numbers, confirmed.
    pub(crate) fn channel(&mut self, client: u32, target: u32) {
        self.client.packet(&open(client, b"session", b""));
        self.run();
        assert_eq!(self.target.news().len(), 1);
        self.target.say(|out| channel::say::confirmation(out, client, target, 1 << 20, 1 << 15));
        self.run();
        assert_eq!(self.client.news().len(), 1);
    }
}

/// What of a leg's plain packets carries or asks something.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    opens: u64,
    globals: u64,
    /// The gateway's own, behind its last words.
    keepalives: u64,
    requests: u64,
    bytes: u64,
}

impl Seen {
    fn of(plain: &[u8], after_login: bool) -> Seen {
        let mut seen = Seen::default();
        let packets = plain::Packets::new(plain).filter(|payload| after_login && payload.first() > Some(&79));
        for payload in packets {
            match Message::read(payload).unwrap() {
                Message::Open { .. } => seen.opens += 1,
                Message::Global { .. } if payload == keepalive() => seen.keepalives += 1,
                Message::Global { .. } => seen.globals += 1,
                Message::Request { .. } => seen.requests += 1,
                Message::Data { data, .. } | Message::ExtendedData { data, .. } => {
                    seen.bytes += data.0.len() as u64;
                }
                _ => {}
            }
        }
        seen
    }
}

fn told(frame: &Frame<'_>, direction: Direction) -> Told {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match frame {
        Frame::Ssh(Ssh::Open(ask)) => {
            let (name, about, reason) = (text(ask.name), text(ask.about), ask.reason.to_owned());
            Told::Open { direction, name, about, allow: ask.allow, reason }
        }
        Frame::Ssh(Ssh::Request(ask)) => Told::Request {
            channel: ask.channel,
            name: text(ask.name),
            about: text(ask.about),
            allow: ask.allow,
            reason: ask.reason.to_owned(),
        },
        Frame::Ssh(Ssh::Data(data)) => {
            Told::Data { direction, stream: data.stream, bytes: data.content.len() as u64 }
        }
        Frame::Ssh(Ssh::Flow(flow)) => Told::Data { direction, stream: flow.stream, bytes: flow.bytes },
        Frame::Ssh(Ssh::Typed(typed)) => Told::Data { direction, stream: 0, bytes: typed.bytes },
        Frame::Ssh(Ssh::Answer(answer)) => {
            Told::Answer { channel: answer.channel, what: answer.what.to_owned(), about: text(answer.about) }
        }
        Frame::SessionEnd(end) => {
            Told::End { closed_by: end.closed_by.to_owned(), reason: end.reason.to_owned() }
        }
        _ => Told::Other,
    }
}

/// Wants a reply.
fn keepalive() -> Vec<u8> {
    let mut payload = vec![channel::number::GLOBAL_REQUEST];
    string(&mut payload, b"keepalive@openssh.com");
    payload.push(1);
    payload
}

pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    out.extend_from_slice(text);
}

/// CHANNEL_OPEN with a window of 1 MiB.
pub(crate) fn open(sender: u32, kind: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut payload = vec![channel::number::CHANNEL_OPEN];
    string(&mut payload, kind);
    for value in [sender, 1 << 20, 1 << 15] {
        payload.extend(value.to_be_bytes());
    }
    payload.extend_from_slice(rest);
    payload
}

/// A text, and a number: an address of TCP.
pub(crate) fn address(host: &str, port: u32) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, host.as_bytes());
    out.extend(port.to_be_bytes());
    out
}

/// GLOBAL_REQUEST.
pub(crate) fn global(name: &str, want_reply: bool, rest: &[u8]) -> Vec<u8> {
    let mut payload = vec![channel::number::GLOBAL_REQUEST];
    string(&mut payload, name.as_bytes());
    payload.push(u8::from(want_reply));
    payload.extend_from_slice(rest);
    payload
}

/// CHANNEL_REQUEST.
pub(crate) fn request(recipient: u32, name: &[u8], want_reply: bool, rest: &[u8]) -> Vec<u8> {
    let mut payload = vec![channel::number::CHANNEL_REQUEST];
    payload.extend(recipient.to_be_bytes());
    string(&mut payload, name);
    payload.push(u8::from(want_reply));
    payload.extend_from_slice(rest);
    payload
}

/// The command of an exec.
pub(crate) fn exec(recipient: u32, command: &str) -> Vec<u8> {
    let mut rest = Vec::new();
    string(&mut rest, command.as_bytes());
    request(recipient, b"exec", true, &rest)
}

/// A terminal of 80 columns.
pub(crate) fn pty(recipient: u32) -> Vec<u8> {
    let mut rest = Vec::new();
    string(&mut rest, b"xterm");
    for value in [80_u32, 24, 0, 0] {
        rest.extend(value.to_be_bytes());
    }
    string(&mut rest, b"");
    request(recipient, b"pty-req", true, &rest)
}
