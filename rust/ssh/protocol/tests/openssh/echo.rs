//! One channel with data both ways, by hand: RFC 4252 and RFC 4254 in as many words as it takes.

use std::collections::VecDeque;

use hoopwire_ssh_protocol::keys::{Algorithm, PrivateKey};
use hoopwire_ssh_protocol::plain;

use super::link::Link;

const WINDOW: u32 = 0x7fff_ffff;
const PACKET: u32 = 32 * 1024;

/// A payload out of its number and fields.
fn message(number: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    plain::put(&mut out, |payload| {
        payload.push(number);
        payload.extend(fields.concat());
    });
    out
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn word(payload: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(payload[at..at + 4].try_into().unwrap())
}

/// Where a string's content is, and what follows it.
fn text(payload: &[u8], at: usize) -> (&[u8], usize) {
    let end = at + 4 + word(payload, at) as usize;
    (&payload[at + 4..end], end)
}

/// The data of a channel, both ways.
pub(crate) struct Echo {
    /// The peer's number for the channel; ours is 0.
    channel: u32,
    window: u64,
    pending: VecDeque<u8>,
    pub(crate) received: Vec<u8>,
    /// What came is sent back.
    serves: bool,
}

impl Echo {
    /// As a server: lets anyone in, opens the first channel and takes the first command.
    pub(crate) fn serve(link: &mut Link) -> Self {
        let mut echo =
            Self { channel: 0, window: 0, pending: VecDeque::new(), received: Vec::new(), serves: true };
        loop {
            let payload = link.first_packet();
            match payload[0] {
                50 => {
                    link.say(&message(52, &[]));
                    link.transport.authenticated();
                }
                90 => {
                    let (_, at) = text(&payload, 1);
                    (echo.channel, echo.window) = (word(&payload, at), word(&payload, at + 4).into());
                    let numbers = [echo.channel, 0, WINDOW, PACKET].map(u32::to_be_bytes);
                    link.say(&message(91, &[numbers.as_flattened()]));
                }
                98 => {
                    let (name, at) = text(&payload, 5);
                    if payload[at] != 0 {
                        link.say(&message(99, &[&echo.channel.to_be_bytes()]));
                    }
                    if name == b"exec" {
                        return echo;
                    }
                }
                80 => assert_eq!(payload[text(&payload, 1).1], 0, "no reply is wanted"),
                other => panic!("packet {other}"),
            }
        }
    }

    /// As a client: logs in by `key` and runs `cat`.
    pub(crate) fn ask(link: &mut Link, user: &str, key: &PrivateKey, data: &[u8]) -> Self {
        let algorithm = Algorithm::Ed25519;
        let mut request = vec![50];
        for each in [user.as_bytes(), b"ssh-connection", b"publickey"] {
            request.extend(string(each));
        }
        request.push(1);
        request.extend(string(algorithm.name().as_bytes()));
        request.extend(string(key.public_blob()));
        let signed = [string(link.transport.session_id()), request.clone()].concat();
        let signature = key.sign(&signed, algorithm).unwrap();
        link.say(&message(request[0], &[&request[1..], &string(&signature)]));
        assert_eq!(link.first_packet()[0], 52, "the login is refused");
        link.transport.authenticated();
        let numbers = [0, WINDOW, PACKET].map(u32::to_be_bytes);
        link.say(&message(90, &[&string(b"session"), numbers.as_flattened()]));
        let opened = link.packet_of(91);
        let channel = word(&opened, 5);
        link.say(&message(98, &[&channel.to_be_bytes(), &string(b"exec"), b"\x01", &string(b"cat")]));
        let pending = data.iter().copied().collect();
        Self { channel, window: word(&opened, 9).into(), pending, received: Vec::new(), serves: false }
    }

    /// Until the peer has closed the channel. Keys are exchanged anew from our side, too, each `every` packets.
    pub(crate) fn run(&mut self, link: &mut Link, every: usize) {
        let channel = self.channel.to_be_bytes();
        let (mut ended, mut said) = (!self.serves, 0);
        loop {
            while self.window > 0 && !self.pending.is_empty() {
                let size = self.pending.len().min(30_000).min(self.window.try_into().unwrap());
                self.window -= size as u64;
                let data: Vec<u8> = self.pending.drain(..size).collect();
                link.say(&message(94, &[&channel, &string(&data)]));
                said += 1;
                if said % every == 0 {
                    link.rekey();
                }
            }
            if ended && self.pending.is_empty() {
                link.say(&message(96, &[&channel]));
                if self.serves {
                    link.say(&message(98, &[&channel, &string(b"exit-status"), &[0; 5]]));
                    link.say(&message(97, &[&channel]));
                }
                ended = false;
            }
            let payload = link.first_packet();
            match payload[0] {
                94 => {
                    let (data, _) = text(&payload, 5);
                    self.received.extend_from_slice(data);
                    if self.serves {
                        self.pending.extend(data);
                    }
                }
                93 => self.window += u64::from(word(&payload, 5)),
                96 => ended = self.serves,
                97 => return,
                98 | 99 | 80 => {}
                other => panic!("packet {other}"),
            }
        }
    }
}
