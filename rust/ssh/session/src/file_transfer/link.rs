//! A link for tests: a client, the session, and a target with a small disk, in plain packets. After each turn it holds the
//! session to this: bytes that go on are told of by frames of that turn, and windows are kept.

use crate::enter::Enter;
use crate::live::Live;
use crate::session::Turn;
use crate::settings::{Caches, Settings};
use hoopwire_grant::Meter;
use hoopwire_recording::ssh::Ssh;
use hoopwire_recording::{Direction, Frame, Frames, Scratch};
use hoopwire_session::{Ending, Legs};
use hoopwire_ssh_policy::{Grant, Rights};
use hoopwire_ssh_protocol::channel::{Message, say};
use hoopwire_ssh_protocol::plain::{self, Packets};
use hoopwire_testkit::Zeros;
use std::time::{Duration, Instant};

const CLIENT: u32 = 1;
const TARGET: u32 = 7;

/// A decided request in the recording: name, about, whether it was allowed, and why.
pub(super) type Decided = (String, Vec<u8>, bool, String);

pub(super) struct Link {
    pub(super) live: Live,
    legs: Legs,
    pub(super) now: Instant,
    /// Room that each end has for what it sends, and what it has got.
    pub(super) client_room: u64,
    pub(super) target_room: u64,
    target_packet: usize,
    client_packet: usize,
    /// Data that each end got and has not taken.
    pub(super) to_client: Vec<u8>,
    pub(super) to_target: Vec<u8>,
    pub(super) decided: Vec<Decided>,
    pub(super) answers: Vec<(String, Vec<u8>)>,
    /// What else each end got, by number.
    pub(super) others: Vec<(Direction, u8)>,
}

/// Windows: the target's, the client's, and the most a packet may carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) target: u32,
    pub(super) client: u32,
    pub(super) packet: u32,
}

pub(super) const WIDE: Windows = Windows { target: 2_097_152, client: 2_097_152, packet: 32_768 };

#[allow(clippy::disallowed_methods)] // some instant to count from
pub(super) fn grant(words: &[&str]) -> Grant {
    let texts = words.iter().map(|word| (*word).to_owned()).collect();
    Grant::of(Rights::read(words, texts).unwrap(), Instant::now() + Duration::from_secs(60))
}

impl Link {
    /// A channel on which sftp was asked for and granted.
    pub(super) fn new(grant: Grant, peer: &str, windows: Windows) -> Link {
        let meter = Meter::new(grant.budgets, std::sync::Arc::default());
        let now = grant.deadline - Duration::from_secs(60);
        let Windows { target, client, packet } = windows;
        let mut link = Link {
            live: Live::new(Enter::new(1, grant, meter), "SSH-2.0-paramiko", peer, now),
            legs: Legs::default(),
            now,
            client_room: u64::from(target),
            target_room: u64::from(client),
            target_packet: packet as usize,
            client_packet: packet as usize,
            to_client: Vec::new(),
            to_target: Vec::new(),
            decided: Vec::new(),
            answers: Vec::new(),
            others: Vec::new(),
        };
        let mut open = vec![90];
        string(&mut open, b"session");
        open.extend([CLIENT.to_be_bytes(), client.to_be_bytes(), packet.to_be_bytes()].concat());
        link.client_says(&open).unwrap();
        link.target_says(&packet_of(|out| say::confirmation(out, CLIENT, TARGET, target, packet))).unwrap();
        link.client_says(&subsystem(b"sftp")).unwrap();
        link
    }

    pub(super) fn client_says(&mut self, payload: &[u8]) -> Result<(), Ending> {
        self.turn(|live, turn| live.hear_client(payload, turn))
    }

    pub(super) fn target_says(&mut self, payload: &[u8]) -> Result<(), Ending> {
        self.turn(|live, turn| live.hear_target(payload, turn))
    }

    /// Data of the client's, as far as it has room. What it could not send.
    pub(super) fn client_sends<'d>(&mut self, data: &'d [u8]) -> Result<&'d [u8], Ending> {
        let fits = data.len().min(usize::try_from(self.client_room).unwrap()).min(self.target_packet);
        let (now, later) = data.split_at(fits);
        if fits > 0 {
            self.client_room -= fits as u64;
            self.client_says(&packet_of(|out| say::data(out, TARGET, now)))?;
        }
        Ok(later)
    }

    /// The same of the target.
    pub(super) fn target_sends<'d>(&mut self, data: &'d [u8]) -> Result<&'d [u8], Ending> {
        let fits = data.len().min(usize::try_from(self.target_room).unwrap()).min(self.client_packet);
        let (now, later) = data.split_at(fits);
        if fits > 0 {
            self.target_room -= fits as u64;
            self.target_says(&packet_of(|out| say::data(out, CLIENT, now)))?;
        }
        Ok(later)
    }

    /// An end has taken so much, and makes room for it again.
    pub(super) fn client_takes(&mut self) -> Result<Vec<u8>, Ending> {
        let taken = std::mem::take(&mut self.to_client);
        if !taken.is_empty() {
            let bytes = u32::try_from(taken.len()).unwrap();
            self.client_says(&packet_of(|out| say::window_adjust(out, TARGET, bytes)))?;
        }
        Ok(taken)
    }

    pub(super) fn target_takes(&mut self) -> Result<Vec<u8>, Ending> {
        let taken = std::mem::take(&mut self.to_target);
        if !taken.is_empty() {
            let bytes = u32::try_from(taken.len()).unwrap();
            self.target_says(&packet_of(|out| say::window_adjust(out, CLIENT, bytes)))?;
        }
        Ok(taken)
    }

    fn turn(
        &mut self,
        act: impl FnOnce(&mut Live, &mut Turn<'_>) -> Result<(), Ending>,
    ) -> Result<(), Ending> {
        let (mut frames, mut effects, mut random) = (Frames::new(), Vec::new(), Zeros);
        let mut caches = Caches::new(Settings::default()).unwrap();
        let at = (self.now, 1);
        let mut turn = Turn::new(at, &mut frames, &mut self.legs, &mut effects, &mut random, &mut caches);
        let outcome = act(&mut self.live, &mut turn);
        assert!(!self.legs.keep_what_is_told(), "bytes without a frame");
        let mut told = Vec::new();
        for raw in frames.iter() {
            let direction = raw.direction;
            match Frame::decode(raw.kind, raw.payload, &mut Scratch::default()).unwrap() {
                Frame::Ssh(Ssh::Request(ask)) => self.decided.push((
                    String::from_utf8_lossy(ask.name).into_owned(),
                    ask.about.to_vec(),
                    ask.allow,
                    ask.reason.to_owned(),
                )),
                Frame::Ssh(Ssh::Answer(answer)) => {
                    self.answers.push((answer.what.to_owned(), answer.about.to_vec()));
                }
                Frame::Ssh(Ssh::Flow(flow)) => told.push((direction, flow.bytes, flow.digest)),
                _ => {}
            }
        }
        let (down, up) = (self.legs.down().to_vec(), self.legs.up().to_vec());
        self.legs.down_mut().clear();
        self.legs.up_mut().clear();
        self.legs.settle();
        for (direction, plain) in [(Direction::Upstream, up), (Direction::Downstream, down)] {
            let mut told = told.iter().filter(|(way, ..)| *way == direction as u8);
            for packet in Packets::new(&plain) {
                match (Message::read(packet).unwrap(), direction) {
                    (Message::Data { data, .. }, _) => {
                        let (_, bytes, digest) = told.next().expect("data without a frame");
                        assert_eq!(
                            (*bytes, *digest),
                            (data.0.len() as u64, *blake3::hash(data.0).as_bytes())
                        );
                        let (to, packet) = match direction {
                            Direction::Upstream => (&mut self.to_target, self.target_packet),
                            _ => (&mut self.to_client, self.client_packet),
                        };
                        assert!(data.0.len() <= packet, "a larger packet than the peer takes");
                        to.extend_from_slice(data.0);
                    }
                    (Message::WindowAdjust { bytes, .. }, Direction::Upstream) => {
                        self.target_room += u64::from(bytes);
                    }
                    (Message::WindowAdjust { bytes, .. }, _) => self.client_room += u64::from(bytes),
                    _ => self.others.push((direction, packet[0])),
                }
            }
            assert!(told.next().is_none(), "a frame of what was not sent");
        }
        outcome
    }
}

pub(super) fn packet_of(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    Packets::new(&out).next().unwrap().to_vec()
}

pub(super) fn eof() -> Vec<u8> {
    packet_of(|out| say::eof(out, TARGET))
}

pub(super) fn close() -> Vec<u8> {
    packet_of(|out| say::close(out, TARGET))
}

fn subsystem(name: &[u8]) -> Vec<u8> {
    let mut request = vec![98];
    request.extend(TARGET.to_be_bytes());
    string(&mut request, b"subsystem");
    request.push(0);
    string(&mut request, name);
    request
}

pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}

/// An sftp message: its type, its number, and strings.
pub(super) fn sftp(kind: u8, id: u32, strings: &[&[u8]], rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    plain::put(&mut out, |body| {
        body.push(kind);
        body.extend(id.to_be_bytes());
        for text in strings {
            string(body, text);
        }
        body.extend_from_slice(rest);
    });
    out
}
