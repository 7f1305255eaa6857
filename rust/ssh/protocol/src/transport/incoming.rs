use hoopwire_wire::{DecodeError, Random, Reader};

use super::outgoing::Used;
use super::{Exchange, Heard, Side, Transport};
use crate::broken::{Broken, MOST_WORDS};
use crate::cipher::Opener;
use crate::ident::Awaited;
use crate::keys::Algorithm;
use crate::packet::{Arrived, MOST_AFTER_LOGIN, MOST_BEFORE_LOGIN};
use crate::{fields, number};

/// Most extensions that an EXT_INFO may name; OpenSSH has four.
const MOST_EXTENSIONS: u32 = 64;
/// Most further key exchanges before the login. OpenSSH has none.
const MOST_BEFORE: u32 = 16;
/// Most key exchanges in a row with nothing else between them.
const MOST_IDLE: u32 = 1024;

/// What the peer says: its keys and what came.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) arrived: Arrived,
    awaited: Option<Awaited>,
    opener: Opener,
    /// In use from the peer's NEWKEYS on.
    pub(super) next: Option<Opener>,
    sequence: u32,
    pub(super) last_sequence: u32,
    pub(super) used: Used,
    /// Largest packet_length that is taken.
    pub(super) most: u32,
    /// Key exchanges since something else passed.
    idle: u32,
}

impl Incoming {
    pub(super) fn new(awaited: Awaited) -> Self {
        Self {
            arrived: Arrived::default(),
            awaited: Some(awaited),
            opener: Opener::plain(),
            next: None,
            sequence: 0,
            last_sequence: 0,
            used: Used::default(),
            most: MOST_BEFORE_LOGIN,
            idle: 0,
        }
    }

    /// The next packet's payload, if all of it has come.
    fn packet(&mut self, payload: &mut Vec<u8>) -> Result<bool, Broken> {
        let Some(bytes) = self.arrived.packet(&mut self.opener, self.sequence, self.most, payload)? else {
            return Ok(false);
        };
        self.last_sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        self.used.add(bytes);
        if self.used.is_all() {
            return Err(Broken::protocol("the peer has used its keys up and does not exchange new ones"));
        }
        Ok(true)
    }

    /// The peer's NEWKEYS has come.
    fn switch(&mut self, from_zero: bool) -> Result<(), Broken> {
        self.opener = self.next.take().ok_or_else(|| Broken::protocol("NEWKEYS without new keys"))?;
        self.used = Used::default();
        if from_zero {
            self.sequence = 0;
        }
        Ok(())
    }
}

impl Transport {
    pub(super) fn hear(
        &mut self,
        payload: &mut Vec<u8>,
        out: &mut Vec<u8>,
        random: &mut dyn Random,
    ) -> Result<Option<Heard>, Broken> {
        if let Some(awaited) = &mut self.incoming.awaited {
            let (used, line) = awaited.read(self.incoming.arrived.unread())?;
            self.incoming.arrived.advance(used);
            let Some(line) = line else { return Ok(None) };
            self.incoming.awaited = None;
            self.peer = line;
            return Ok(Some(Heard::Identified));
        }
        loop {
            if self.outgoing.has_failed() {
                return Err(Broken::protocol("a packet of ours could not be sealed"));
            }
            if self.incoming.used.is_much() || self.outgoing.used.is_much() {
                self.rekey_now(out, random);
            }
            payload.clear();
            if !self.incoming.packet(payload)? {
                return Ok(None);
            }
            let heard = self.take(payload, out, random)?;
            if heard.is_some() {
                return Ok(heard);
            }
        }
    }

    /// Takes one packet. None if it was the transport's own and there is nothing to tell.
    fn take(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        random: &mut dyn Random,
    ) -> Result<Option<Heard>, Broken> {
        let (&kind, body) = payload.split_first().ok_or_else(|| Broken::protocol("an empty packet"))?;
        if kind == number::DISCONNECT {
            let (code, text) = disconnect(body).map_err(|error| Broken::malformed("DISCONNECT", error))?;
            return Ok(Some(Heard::Disconnected { code, text }));
        }
        self.check_order(kind)?;
        match kind {
            number::IGNORE | number::DEBUG | number::UNIMPLEMENTED => {}
            number::EXT_INFO => {
                self.extensions(body).map_err(|error| Broken::malformed("EXT_INFO", error))?;
            }
            number::KEXINIT => self.take_kexinit(payload, out, random)?,
            number::NEWKEYS => return self.take_new_keys(body).map(Some),
            30..=49 => self.take_exchange(kind, body, out)?,
            kind if number::waits_for_keys(kind) => {
                self.incoming.idle = 0;
                return Ok(Some(Heard::Packet));
            }
            _ => self.unimplemented(out),
        }
        Ok(None)
    }

    /// Which packets may come while keys are exchanged: RFC 4253 section 7.1, and strict key exchange.
    fn check_order(&self, kind: u8) -> Result<(), Broken> {
        let first = self.session_id.is_none() || self.incoming.is_plain();
        match &self.exchange {
            Exchange::Idle | Exchange::Proposed { .. } if first && kind != number::KEXINIT => {
                Err(Broken::protocol(format!("packet {kind} came before KEXINIT")))
            }
            Exchange::Idle | Exchange::Proposed { .. } => Ok(()),
            Exchange::Agreed { .. } | Exchange::Finishing => {
                let of_exchange = matches!(kind, number::KEXINIT | number::NEWKEYS | 30..=49);
                let harmless = matches!(kind, number::IGNORE | number::DEBUG | number::UNIMPLEMENTED);
                if first && !of_exchange && (!harmless || self.strict == Some(true)) {
                    Err(Broken::protocol(format!("packet {kind} came within the first key exchange")))
                } else if number::waits_for_keys(kind) {
                    Err(Broken::protocol(format!("packet {kind} came within a key exchange")))
                } else {
                    Ok(())
                }
            }
        }
    }

    fn take_new_keys(&mut self, body: &[u8]) -> Result<Heard, Broken> {
        if !matches!(self.exchange, Exchange::Finishing) {
            return Err(Broken::protocol("NEWKEYS came before keys were exchanged"));
        }
        Reader::new(body).finish().map_err(|error| Broken::malformed("NEWKEYS", error))?;
        let first = self.incoming.is_plain();
        self.incoming.switch(self.strict == Some(true))?;
        self.exchange = Exchange::Idle;
        if self.outgoing.take_busy() {
            self.incoming.idle = 0;
        }
        self.incoming.idle += 1;
        let most = if self.incoming.most == MOST_AFTER_LOGIN { MOST_IDLE } else { MOST_BEFORE };
        if self.incoming.idle > most {
            return Err(Broken::protocol("keys are exchanged again and again, with nothing between"));
        }
        Ok(Heard::KexDone { first })
    }

    /// RFC 8308. Only a server says something that a client can use: what it takes signatures by.
    fn extensions(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(body);
        let count = reader.u32()?;
        if count > MOST_EXTENSIONS {
            return Err(DecodeError::TooLong { limit: MOST_EXTENSIONS as usize });
        }
        for _ in 0..count {
            let (name, value) = (fields::bytes(&mut reader)?, fields::bytes(&mut reader)?);
            if name == b"server-sig-algs" && matches!(self.side, Side::Client(_)) {
                let named = |algorithm: &Algorithm| {
                    value.split(|&byte| byte == b',').any(|each| each == algorithm.name().as_bytes())
                };
                self.signature_algorithms = Some(Algorithm::ALL.into_iter().filter(named).collect());
            }
        }
        reader.finish()
    }
}

impl Incoming {
    /// No keys are in use yet.
    fn is_plain(&self) -> bool {
        self.opener.is_plain()
    }
}

/// Reason code and words; what control characters would do to a terminal or a log is not worth having.
fn disconnect(body: &[u8]) -> Result<(u32, String), DecodeError> {
    let mut reader = Reader::new(body);
    let code = reader.u32()?;
    let words = fields::bytes(&mut reader)?;
    let words = String::from_utf8_lossy(words.get(..MOST_WORDS).unwrap_or(words)).into_owned();
    Ok((code, words.chars().map(|each| if each.is_control() { ' ' } else { each }).collect()))
}
