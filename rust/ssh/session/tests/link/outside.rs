//! What a client has the target listen on, and who comes there.

use super::{Link, Told, address, global, open, string};
use hoopwire_ssh_protocol::channel::{number, say};
use hoopwire_ssh_protocol::plain;

pub(crate) const RIGHTS: &[&str] = &[
    "remote-forward localhost:8080",
    "remote-forward localhost:9000-9040",
    "remote-forward localhost:0",
    "remote-forward /run/in.sock",
    "agent-forwarding",
    "x11",
    "exec true",
    "exec false",
];
pub(crate) const PORT: &str = "tcpip-forward";
pub(crate) const NO_PORT: &str = "cancel-tcpip-forward";
pub(crate) const SOCKET: &str = "streamlocal-forward@openssh.com";
pub(crate) const NO_SOCKET: &str = "cancel-streamlocal-forward@openssh.com";

pub(crate) fn numbers(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().map(|packet| packet[0]).collect()
}

/// A connection that came to the target there.
pub(crate) fn came(sender: u32, host: &str, port: u32) -> Vec<u8> {
    let rest = [address(host, port), address("192.0.2.7", 4711)].concat();
    open(sender, b"forwarded-tcpip", &rest)
}

pub(crate) fn came_to(sender: u32, path: &str) -> Vec<u8> {
    let mut rest = Vec::new();
    string(&mut rest, path.as_bytes());
    string(&mut rest, b"");
    open(sender, b"forwarded-streamlocal@openssh.com", &rest)
}

pub(crate) fn socket(path: &str) -> Vec<u8> {
    let mut rest = Vec::new();
    string(&mut rest, path.as_bytes());
    rest
}

pub(crate) fn packet(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut plain = Vec::new();
    write(&mut plain);
    plain::Packets::new(&plain).next().unwrap().to_vec()
}

impl Link {
    /// The client asks, the target says yes.
    pub(crate) fn listens(&mut self, host: &str, port: u32) {
        self.client.packet(&global(PORT, true, &address(host, port)));
        self.run();
        assert_eq!(self.target.news(), [global(PORT, true, &address(host, port))]);
        self.target.say(|out| say::request_success(out, b""));
        self.run();
        assert_eq!(self.client.news(), [[number::REQUEST_SUCCESS]]);
    }

    /// The target opens this: does the client hear of it?
    pub(crate) fn is_let_through(&mut self, opened: &[u8]) -> bool {
        self.target.packet(opened);
        self.run();
        let (down, up) = (self.client.news(), self.target.news());
        if down == [opened] {
            assert!(up.is_empty());
            return true;
        }
        assert!(down.is_empty(), "{down:?}");
        assert_eq!(numbers(&up), [number::CHANNEL_OPEN_FAILURE]);
        assert!(matches!(self.told.last(), Some(Told::Open { allow: false, .. })), "{:?}", self.told.last());
        false
    }
}
