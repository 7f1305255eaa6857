//! One leg of a connection, in either role: RFC 4253, with strict key exchange and RFC 8308's extensions.
//!
//! What comes is opened at once; what goes is sealed by a call of its own, [`Transport::seal`], after its
//! record was kept. Between the two it waits in the form of [`crate::plain`].

mod exchange;
mod incoming;
mod outgoing;

use std::fmt;
use std::sync::Arc;

use hoopwire_wire::Random;

use crate::broken::Broken;
use crate::cipher::{Cipher, Suite};
use crate::host::{HostKeys, HostTrust};
use crate::ident::{self, Awaited};
use crate::kexinit::Role;
use crate::keys::Algorithm;
use crate::packet::MOST_AFTER_LOGIN;
use crate::{number, plain};
use exchange::Exchange;
use incoming::Incoming;
use outgoing::Outgoing;

/// What [`Transport::next`] heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The peer has said what it is: see [`Transport::peer`].
    Identified,
    /// Both directions have new keys. After the `first` exchange the session id is known, and, for a client,
    /// the host key was found to be a trusted one.
    KexDone {
        /// Of this connection.
        first: bool,
    },
    /// A packet that is not the transport's own: its payload is in `payload`.
    Packet,
    /// The peer ends the connection.
    Disconnected {
        /// RFC 4253 section 11.1.
        code: u32,
        /// Its own words, at most 1,024 bytes of them and no control characters.
        text: String,
    },
}

/// What was agreed on, for logs; names as KEXINIT has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherNames<'a> {
    /// How keys are exchanged.
    pub method: &'static str,
    /// The host key's algorithm.
    pub host_key: &'a str,
    /// The cipher of what the peer says.
    pub incoming: &'static str,
    /// The cipher of what we say.
    pub outgoing: &'static str,
}

/// One leg. `Debug` shows no key and no byte of a packet.
pub struct Transport {
    side: Side,
    peer: String,
    incoming: Incoming,
    outgoing: Outgoing,
    exchange: Exchange,
    /// Of the latest exchange that came to keys.
    chosen: Option<Chosen>,
    /// The first exchange's hash.
    session_id: Option<[u8; crate::kex::HASH]>,
    /// What the first exchange came to.
    strict: Option<bool>,
    /// What the peer takes signatures by, as far as we know them too; None if it did not say.
    signature_algorithms: Option<Vec<Algorithm>>,
    ended: Option<Ended>,
}

/// Who we are, and what that takes.
#[derive(Debug)]
enum Side {
    Server(Arc<HostKeys>),
    Client(HostTrust),
}

impl Side {
    fn role(&self) -> Role {
        match self {
            Self::Server(_) => Role::Server,
            Self::Client(_) => Role::Client,
        }
    }
}

#[derive(Debug)]
struct Chosen {
    method: &'static str,
    host_key: String,
    incoming: Suite,
    outgoing: Suite,
}

/// Nothing more is read.
#[derive(Debug)]
enum Ended {
    ByPeer,
    Broken(Broken),
}

impl Transport {
    /// The leg toward a client, to whom we prove one of `keys`.
    pub fn server(keys: Arc<HostKeys>) -> Self {
        Self::new(Side::Server(keys), Awaited::of_client())
    }

    /// The leg toward a target, which must prove a key that `trust` has.
    pub fn client(trust: HostTrust) -> Self {
        Self::new(Side::Client(trust), Awaited::of_server())
    }

    fn new(side: Side, awaited: Awaited) -> Self {
        Self {
            side,
            peer: String::new(),
            incoming: Incoming::new(awaited),
            outgoing: Outgoing::new(),
            exchange: Exchange::Idle,
            chosen: None,
            session_id: None,
            strict: None,
            signature_algorithms: None,
            ended: None,
        }
    }

    /// Appends our identification line and our KEXINIT: the first two entries that [`seal`](Self::seal) is
    /// given. The line has its CR LF and is sealed as it is. Call it once, before anything else.
    pub fn begin(&mut self, out: &mut Vec<u8>, random: &mut dyn Random) {
        plain::put(out, |line| {
            line.extend_from_slice(ident::OURS.as_bytes());
            line.extend_from_slice(b"\r\n");
        });
        self.propose(out, random);
    }

    /// Takes bytes of the peer, in any split. Call [`next`](Self::next) until it gives None before the next
    /// push: what is kept here is then less than one packet.
    pub fn push(&mut self, input: &[u8]) {
        if self.ended.is_none() {
            self.incoming.arrived.push(input);
        }
    }

    /// The next thing that came, or None until more is pushed. A packet's payload is put into `payload`, which
    /// is cleared first. What the transport itself has to say is appended to `out` in plain form.
    ///
    /// The peer's KEXINIT is answered in `out` at once. Who wants to answer it later keeps `out` aside, whole and in
    /// order, and goes on sealing packets: nothing is kept back before our KEXINIT is sealed.
    ///
    /// # Errors
    /// The leg cannot go on; the same error comes again and again. No DISCONNECT is in `out`: what is said
    /// about it is the caller's choice.
    pub fn next(
        &mut self,
        payload: &mut Vec<u8>,
        out: &mut Vec<u8>,
        random: &mut dyn Random,
    ) -> Result<Option<Heard>, Broken> {
        payload.clear();
        match &self.ended {
            Some(Ended::Broken(broken)) => return Err(broken.clone()),
            Some(Ended::ByPeer) => return Ok(None),
            None => {}
        }
        let heard = self.hear(payload, out, random);
        if !matches!(heard, Ok(Some(Heard::Packet))) {
            payload.clear();
        }
        match &heard {
            Err(broken) => self.end(Ended::Broken(broken.clone())),
            Ok(Some(Heard::Disconnected { .. })) => self.end(Ended::ByPeer),
            Ok(_) => {}
        }
        heard
    }

    fn end(&mut self, ended: Ended) {
        self.ended = Some(ended);
        self.incoming.arrived.clear();
    }

    /// Seals what is in `plain`, which is whole entries in plain form, and appends it to `sealed`.
    ///
    /// NEWKEYS among them switches keys. From our KEXINIT to it, and while the keys are worn out, what may not
    /// go is kept back, in order: services, user authentication, connections.
    pub fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>, random: &mut dyn Random) {
        self.outgoing.seal(plain, sealed, random);
    }

    /// Whether [`seal`](Self::seal) keeps packets back now: our KEXINIT was sealed and our NEWKEYS was not, or the keys
    /// are worn out.
    pub fn keeps_back(&self) -> bool {
        self.outgoing.keeps_back()
    }

    /// Bytes that [`seal`](Self::seal) keeps back.
    pub fn held_bytes(&self) -> usize {
        self.outgoing.held_bytes()
    }

    /// Whether keys are being exchanged: from our KEXINIT to the peer's NEWKEYS.
    pub fn in_kex(&self) -> bool {
        self.session_id.is_none() || !matches!(self.exchange, Exchange::Idle)
    }

    /// The hash of the first exchange, which signatures of user authentication are bound to. Empty before.
    pub fn session_id(&self) -> &[u8] {
        self.session_id.as_ref().map_or(&[], |id| id)
    }

    /// The peer's identification line without its end. Empty before it came.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// What was agreed on, once it was.
    pub fn cipher_names(&self) -> Option<CipherNames<'_>> {
        self.chosen.as_ref().map(|chosen| CipherNames {
            method: chosen.method,
            host_key: &chosen.host_key,
            incoming: chosen.incoming.cipher.name(),
            outgoing: chosen.outgoing.cipher.name(),
        })
    }

    /// What the peer takes signatures by, if it told (RFC 8308 section 3.1).
    pub fn signature_algorithms(&self) -> Option<&[Algorithm]> {
        self.signature_algorithms.as_deref()
    }

    /// Starts to exchange keys anew. Nothing happens while that is already under way.
    ///
    /// It happens by itself after 2^31 packets or 64 GiB in one direction: above what peers allow, so that it
    /// is they who begin.
    pub fn rekey_now(&mut self, out: &mut Vec<u8>, random: &mut dyn Random) {
        if !self.in_kex() {
            self.propose(out, random);
        }
    }

    /// The peer has logged in: larger packets are taken from now on, 256 KiB instead of 35,000 bytes.
    pub fn authenticated(&mut self) {
        self.incoming.most = MOST_AFTER_LOGIN;
    }

    /// Answers the packet that was heard last with UNIMPLEMENTED (RFC 4253 section 11.4).
    pub fn unimplemented(&self, out: &mut Vec<u8>) {
        plain::put(out, |payload| {
            payload.push(number::UNIMPLEMENTED);
            payload.extend_from_slice(&self.incoming.last_sequence.to_be_bytes());
        });
    }

    fn preferred_cipher(&self) -> Option<Cipher> {
        match &self.side {
            Side::Client(trust) => trust.prefer_cipher.and_then(Cipher::named),
            Side::Server(_) => None,
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("role", &self.side.role())
            .field("peer", &self.peer)
            .field("names", &self.cipher_names())
            .field("in_kex", &self.in_kex())
            .field("held_bytes", &self.held_bytes())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
