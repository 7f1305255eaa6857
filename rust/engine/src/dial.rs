//! The upstream leg from connect to the point where the protocol's own login begins.
//!
//! ```text
//!  Connecting ──plain──────────────────────────────▶ Open
//!      │   └──tls, directly──┐
//!      │ tls: the protocol's │ question
//!      ▼                     ▼
//!  AwaitAnswer ──yes──▶ Handshake ──verify-full ok──▶ Open
//! ```

use crate::leg::{Input, Leg, Scratch};
use crate::tls::{ClientConfigs, server_end_point};
use hoopwire_session::Opening;
use mio::net::TcpStream;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an address may swallow the connect in silence when there is another one to try.
const ADDRESS_FOR: Duration = Duration::from_secs(2);

/// Where and how to connect: the part of a lease that is no secret but the client key.
pub(crate) struct Way {
    pub(crate) addresses: Vec<(IpAddr, u16)>,
    pub(crate) tls: bool,
    pub(crate) server_name: String,
    pub(crate) ca_pem: String,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connecting,
    AwaitAnswer,
    Handshake,
    Open,
}

/// An upstream leg on its way up, then open.
pub(crate) struct Upstream {
    pub(crate) leg: Leg,
    way: Arc<Way>,
    /// Index of the address being tried.
    tried: usize,
    step: Step,
    opening: Opening,
    own: Vec<u8>,
    /// When the next address is tried, if this one has not answered.
    give_up_at: Option<Instant>,
}

/// What progress was made.
pub(crate) enum Progress {
    /// Not yet.
    Waiting,
    /// A new socket takes the place of the old one: it has to be registered.
    Retry,
    /// Connected; with the channel binding of the TLS session, if there is one.
    Open { tls: bool, end_point: Option<Vec<u8>> },
    /// No way left; the reason names no secret.
    Failed(String),
}

impl Upstream {
    /// Begins to connect to the first address that takes it.
    pub(crate) fn connect(way: Arc<Way>, opening: Opening) -> Result<Upstream, String> {
        Upstream::connect_from(way, opening, 0, "no address")
    }

    fn connect_from(
        way: Arc<Way>,
        opening: Opening,
        first: usize,
        last_error: &str,
    ) -> Result<Upstream, String> {
        let mut reason = last_error.to_owned();
        for (index, (ip, port)) in way.addresses.iter().enumerate().skip(first) {
            match TcpStream::connect(SocketAddr::new(*ip, *port)) {
                Ok(socket) => {
                    let mut leg = Leg::new(socket);
                    leg.readable = false;
                    let more = index.saturating_add(1) < way.addresses.len();
                    let give_up_at = more.then(|| Instant::now().checked_add(ADDRESS_FOR)).flatten();
                    let (step, own) = (Step::Connecting, Vec::new());
                    return Ok(Upstream { leg, way, tried: index, step, opening, own, give_up_at });
                }
                Err(error) => reason = format!("{ip}:{port}: {error}"),
            }
        }
        Err(reason)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.step == Step::Open
    }

    /// Another connection to where this one went: what is said there concerns its own server only.
    pub(crate) fn once_more(&self, opening: Opening) -> Result<Upstream, String> {
        Upstream::connect_from(Arc::clone(&self.way), opening, self.tried, "no address")
    }

    /// When to call `give_up`, while an address is silent and another one is left.
    pub(crate) fn give_up_at(&self) -> Option<Instant> {
        self.give_up_at.filter(|_| self.step == Step::Connecting)
    }

    /// The address stayed silent for too long: on to the next.
    pub(crate) fn give_up(&mut self) -> Progress {
        self.retry("no answer to the connect")
    }

    /// The poll said something about the socket.
    pub(crate) fn advance(&mut self, scratch: &mut Scratch, configs: &mut ClientConfigs) -> Progress {
        if self.step == Step::Connecting {
            match self.connected() {
                Ok(false) => return Progress::Waiting,
                Ok(true) if !self.way.tls => {
                    self.step = Step::Open;
                    return Progress::Open { tls: false, end_point: None };
                }
                Ok(true) => match self.opening {
                    Opening::Asked { question, .. } => {
                        self.own.extend_from_slice(question);
                        self.step = Step::AwaitAnswer;
                    }
                    Opening::Direct { .. } => {
                        if let Err(reason) = self.begin_tls(configs) {
                            return Progress::Failed(reason);
                        }
                    }
                },
                Err(reason) => return self.retry(&reason),
            }
        }
        while self.leg.readable {
            let outcome = match self.leg.read(scratch) {
                Input::Idle => break,
                Input::End => Err("the target closed the connection before TLS was up".to_owned()),
                Input::Failed(error) => Err(error.to_string()),
                Input::Bytes(bytes) if self.step == Step::AwaitAnswer => answered(self.opening, bytes),
                Input::Bytes([]) => Ok(false),
                Input::Bytes(_) => Err("the target spoke before it was asked".to_owned()),
            };
            match outcome {
                Err(reason) => return Progress::Failed(reason),
                Ok(false) => {}
                Ok(true) => {
                    if let Err(reason) = self.begin_tls(configs) {
                        return Progress::Failed(reason);
                    }
                }
            }
            // what a TLS 1.3 server sends right behind its Finished must wait for the login
            if self.leg.tls.as_ref().is_some_and(|tls| !tls.is_handshaking()) {
                break;
            }
        }
        if let Err(error) = self.leg.send(&mut self.own) {
            return Progress::Failed(error.to_string());
        }
        match &self.leg.tls {
            Some(tls) if self.step == Step::Handshake && !tls.is_handshaking() => {
                let end_point = server_end_point(tls);
                self.step = Step::Open;
                Progress::Open { tls: true, end_point }
            }
            _ => Progress::Waiting,
        }
    }

    fn begin_tls(&mut self, configs: &mut ClientConfigs) -> Result<(), String> {
        let way = &self.way;
        let (ca, certificate, key) = (&way.ca_pem, &way.certificate_pem, &way.key_pem);
        let tls = configs.client(ca, certificate, key, &way.server_name, self.opening.alpn());
        self.leg.tls = Some(Box::new(tls.map_err(|error| error.0)?));
        self.step = Step::Handshake;
        Ok(())
    }

    fn connected(&mut self) -> Result<bool, String> {
        match self.leg.socket.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Err(error.to_string()),
        }
        match self.leg.socket.peer_addr() {
            Ok(_) => {
                self.leg.readable = true;
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    fn retry(&mut self, reason: &str) -> Progress {
        let next = self.tried.saturating_add(1);
        match Upstream::connect_from(Arc::clone(&self.way), self.opening, next, reason) {
            Ok(upstream) => {
                *self = upstream;
                Progress::Retry
            }
            Err(reason) => Progress::Failed(reason),
        }
    }
}

/// True if TLS begins now.
fn answered(opening: Opening, bytes: &[u8]) -> Result<bool, String> {
    let Opening::Asked { yes, no, name, .. } = opening else {
        return Err("the target answered what it was not asked".to_owned());
    };
    match bytes {
        [answer] if *answer == yes => Ok(true),
        [answer] if *answer == no => Err("the target does not offer TLS".to_owned()),
        _ => Err(format!("the target answered the {name} with something else")),
    }
}
