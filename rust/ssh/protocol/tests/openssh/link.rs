//! A blocking loop around a transport.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use hoopwire_ssh_protocol::{Broken, Heard, Transport};
use hoopwire_wire::Random;

pub(crate) const SERVICE_REQUEST: u8 = 5;
pub(crate) const SERVICE_ACCEPT: u8 = 6;

struct System;

impl Random for System {
    fn fill(&mut self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).unwrap();
    }
}

pub(crate) struct Link {
    socket: TcpStream,
    pub(crate) transport: Transport,
    /// Key exchanges that came to their end.
    pub(crate) exchanges: usize,
}

/// Who connects next. A program that does not must not hang the run.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    for _ in 0..6_000 {
        if let Ok((socket, _)) = listener.accept() {
            socket.set_nonblocking(false).unwrap();
            return socket;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody connects");
}

impl Link {
    pub(crate) fn new(socket: TcpStream, mut transport: Transport) -> Self {
        socket.set_nodelay(true).unwrap();
        // a peer that says nothing must not hang the run
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut out = Vec::new();
        transport.begin(&mut out, &mut System);
        let mut link = Self { socket, transport, exchanges: 0 };
        link.say(&out);
        link
    }

    pub(crate) fn say(&mut self, plain: &[u8]) {
        let mut sealed = Vec::new();
        self.transport.seal(plain, &mut sealed, &mut System);
        // who has gone is seen when reading
        let _ = self.socket.write_all(&sealed);
    }

    /// The next thing that comes, with its payload; None at the stream's end.
    fn next(&mut self) -> Result<Option<(Heard, Vec<u8>)>, Broken> {
        let (mut payload, mut out) = (Vec::new(), Vec::new());
        loop {
            let heard = self.transport.next(&mut payload, &mut out, &mut System)?;
            self.say(&std::mem::take(&mut out));
            if let Some(heard) = heard {
                self.exchanges += usize::from(matches!(heard, Heard::KexDone { .. }));
                return Ok(Some((heard, payload)));
            }
            let mut bytes = [0; 4096];
            let read = self.socket.read(&mut bytes).expect("the peer says something, or goes");
            if read == 0 {
                return Ok(None);
            }
            self.transport.push(&bytes[..read]);
        }
    }

    pub(crate) fn until_keys(&mut self) {
        while !matches!(self.next().unwrap().expect("not the end").0, Heard::KexDone { first: true }) {}
    }

    pub(crate) fn first_packet(&mut self) -> Vec<u8> {
        loop {
            match self.next().unwrap().expect("not the end") {
                (Heard::Packet, payload) => return payload,
                (Heard::Disconnected { text, .. }, _) => panic!("disconnected: {text}"),
                _ => {}
            }
        }
    }

    /// The next packet of this number; others are passed over.
    pub(crate) fn packet_of(&mut self, number: u8) -> Vec<u8> {
        loop {
            let payload = self.first_packet();
            if payload[0] == number {
                return payload;
            }
        }
    }

    pub(crate) fn rekey(&mut self) {
        let mut out = Vec::new();
        self.transport.rekey_now(&mut out, &mut System);
        self.say(&out);
    }

    pub(crate) fn until_end(&mut self) {
        while self.next().unwrap().is_some_and(|(heard, _)| !matches!(heard, Heard::Disconnected { .. })) {}
    }

    pub(crate) fn until_broken(&mut self) -> Broken {
        loop {
            match self.next() {
                Err(broken) => return broken,
                Ok(heard) => assert!(heard.is_some(), "the stream ended"),
            }
        }
    }
}
