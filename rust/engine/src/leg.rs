//! One transport: a socket, perhaps with TLS in it. Non-blocking; knows nothing of what the bytes mean.

use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};

/// One recv takes at most this much.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;
/// Plaintext turned into TLS records at once.
const ENCRYPT_BYTES: usize = 64 * 1024;

/// The reactor's shared buffers: what a recv fills, and what TLS makes of it.
pub(crate) struct Scratch {
    pub(crate) raw: Box<[u8]>,
    pub(crate) plain: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch { raw: vec![0; SCRATCH_BYTES].into_boxed_slice(), plain: Vec::new() }
    }
}

/// What a read brought.
pub(crate) enum Input<'a> {
    /// Bytes, decrypted if the leg has TLS; perhaps none (a handshake record).
    Bytes(&'a [u8]),
    /// Nothing more for now.
    Idle,
    /// The peer closed its half.
    End,
    /// The transport failed.
    Failed(io::Error),
}

pub(crate) struct Leg {
    pub(crate) socket: TcpStream,
    pub(crate) tls: Option<Box<rustls::Connection>>,
    /// Worth a read: set by the poll, cleared by a short read.
    pub(crate) readable: bool,
    /// The poll said that the peer closed its half: read on until zero, whatever comes short.
    pub(crate) closing: bool,
    /// Bytes of the outgoing buffer that are on their way already.
    sent: usize,
    shut: bool,
}

impl Leg {
    pub(crate) fn new(socket: TcpStream) -> Leg {
        // fails only on a socket that is dead, which the next read will tell
        let _ = socket.set_nodelay(true);
        let keepalive = socket2::TcpKeepalive::new().with_time(std::time::Duration::from_secs(60));
        let _ = socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive);
        Leg { socket, tls: None, readable: true, closing: false, sent: 0, shut: false }
    }

    /// One recv.
    pub(crate) fn read<'a>(&mut self, scratch: &'a mut Scratch) -> Input<'a> {
        let received = match self.socket.read(&mut scratch.raw) {
            Ok(0) => {
                self.readable = false;
                return Input::End;
            }
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                return Input::Idle;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Input::Idle,
            Err(error) => {
                self.readable = false;
                return Input::Failed(error);
            }
        };
        if received < scratch.raw.len() && !self.closing {
            self.readable = false;
        }
        let raw = scratch.raw.get(..received).unwrap_or_default();
        match &mut self.tls {
            None => Input::Bytes(raw),
            Some(tls) => {
                scratch.plain.clear();
                match decrypt(tls, raw, &mut scratch.plain) {
                    Ok(false) => Input::Bytes(&scratch.plain),
                    Ok(true) if scratch.plain.is_empty() => Input::End,
                    Ok(true) => {
                        // close_notify behind the bytes: the next read says so
                        self.readable = true;
                        self.closing = true;
                        Input::Bytes(&scratch.plain)
                    }
                    Err(error) => Input::Failed(error),
                }
            }
        }
    }

    /// Feeds bytes that were received before TLS began (the ClientHello of a direct connection).
    pub(crate) fn feed(&mut self, raw: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => decrypt(tls, raw, plain).map(drop),
            None => Ok(()),
        }
    }

    /// Sends what it can of `out`; true when nothing is left, neither there nor in TLS.
    pub(crate) fn send(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            let wrote = match &mut self.tls {
                Some(tls) if tls.wants_write() => tls.write_tls(&mut self.socket).map(drop),
                Some(tls) => {
                    let waiting = out.get(self.sent..).unwrap_or_default();
                    if waiting.is_empty() || tls.is_handshaking() {
                        break;
                    }
                    let part = waiting.get(..ENCRYPT_BYTES).unwrap_or(waiting);
                    match tls.writer().write(part) {
                        // TLS takes no more, for it said close_notify: what is left will never be sent
                        Ok(0) => return Err(ErrorKind::WriteZero.into()),
                        taken => taken.map(|taken| self.sent = self.sent.saturating_add(taken)),
                    }
                }
                None => {
                    let waiting = out.get(self.sent..).unwrap_or_default();
                    if waiting.is_empty() {
                        break;
                    }
                    match self.socket.write(waiting) {
                        Ok(0) => return Err(ErrorKind::WriteZero.into()),
                        taken => taken.map(|taken| self.sent = self.sent.saturating_add(taken)),
                    }
                }
            };
            match wrote {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let done = self.sent >= out.len();
        if done {
            out.clear();
            self.sent = 0;
        }
        Ok(done)
    }

    /// Bytes of `out` not sent yet.
    pub(crate) fn pending(&self, out: &[u8]) -> usize {
        out.len().saturating_sub(self.sent)
    }

    /// Bytes of `out` that are sent already and still in the buffer.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    /// After the last byte: close_notify and FIN, once.
    pub(crate) fn shut(&mut self) {
        if self.shut {
            return;
        }
        self.shut = true;
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
    }
}

/// True if the peer said close_notify.
fn decrypt(tls: &mut rustls::Connection, mut raw: &[u8], plain: &mut Vec<u8>) -> io::Result<bool> {
    let mut closed = false;
    while !raw.is_empty() {
        if tls.read_tls(&mut raw)? == 0 {
            break;
        }
        let state = tls.process_new_packets().map_err(io::Error::other)?;
        closed |= state.peer_has_closed();
        let waiting = state.plaintext_bytes_to_read();
        if waiting > 0 {
            let start = plain.len();
            plain.resize(start.saturating_add(waiting), 0);
            let room = plain.get_mut(start..).unwrap_or_default();
            tls.reader().read_exact(room)?;
        }
    }
    Ok(closed)
}
