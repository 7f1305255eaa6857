use hoopwire_wire::{DecodeError, Random, Reader};

use super::{Chosen, Side, Transport};
use crate::broken::Broken;
use crate::cipher::{Opener, Sealer};
use crate::kex::{self, HASH, Offer, Shared, Transcript};
use crate::kexinit::{self, Agreed, KexInit, Role};
use crate::keys::Algorithm;
use crate::{fields, ident, number, plain};

/// How far an exchange of keys has come.
#[derive(Debug)]
pub(super) enum Exchange {
    /// None is under way.
    Idle,
    /// Our KEXINIT is out, the peer's has not come.
    Proposed { ours: Vec<u8> },
    /// Both KEXINITs are known.
    Agreed(Box<Halves>),
    /// All is known; the peer's NEWKEYS has not come.
    Finishing,
}

/// What the exchange hash will need.
#[derive(Debug)]
pub(super) struct Halves {
    agreed: Agreed,
    /// KEXINITs, numbers included.
    ours: Vec<u8>,
    theirs: Vec<u8>,
    /// A client's half, and what was said of it.
    offer: Option<(Offer, Vec<u8>)>,
    /// The peer's next packet is a wrong guess.
    skip: bool,
}

impl Transport {
    /// Says our KEXINIT.
    pub(super) fn propose(&mut self, out: &mut Vec<u8>, random: &mut dyn Random) {
        let ours = self.our_kexinit(random);
        plain::put(out, |payload| payload.extend_from_slice(&ours));
        self.exchange = Exchange::Proposed { ours };
    }

    fn our_kexinit(&self, random: &mut dyn Random) -> Vec<u8> {
        let mut cookie = [0; 16];
        random.fill(&mut cookie);
        let host_keys = match &self.side {
            Side::Server(keys) => keys.names(),
            Side::Client(trust) => trust.names(),
        };
        let mut ours = Vec::new();
        let first = self.session_id.is_none();
        kexinit::put(&mut ours, self.side.role(), cookie, &host_keys, self.preferred_cipher(), first);
        ours
    }

    pub(super) fn take_kexinit(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        random: &mut dyn Random,
    ) -> Result<(), Broken> {
        let ours = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Proposed { ours } => ours,
            Exchange::Idle => {
                let ours = self.our_kexinit(random);
                plain::put(out, |payload| payload.extend_from_slice(&ours));
                ours
            }
            Exchange::Agreed(_) | Exchange::Finishing => {
                return Err(Broken::protocol("KEXINIT came within a key exchange"));
            }
        };
        let role = self.side.role();
        let malformed = |error| Broken::malformed("KEXINIT", error);
        let agreed = kexinit::agree(
            role,
            &KexInit::read(&ours).map_err(malformed)?,
            &KexInit::read(payload).map_err(malformed)?,
            self.strict,
        )?;
        self.strict = Some(agreed.strict);
        let offer = match role {
            Role::Server => None,
            Role::Client => {
                let (offer, init) = Offer::new(agreed.method)?;
                plain::put(out, |payload| {
                    payload.push(number::KEX_INIT);
                    fields::put_string(payload, &init);
                });
                Some((offer, init))
            }
        };
        let skip = agreed.wrong_guess;
        self.exchange =
            Exchange::Agreed(Box::new(Halves { agreed, ours, theirs: payload.to_vec(), offer, skip }));
        Ok(())
    }

    /// A packet of 30 to 49, which belong to the method.
    pub(super) fn take_exchange(&mut self, kind: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let out_of_place = || Broken::protocol(format!("packet {kind} came where no key exchange wants it"));
        let Exchange::Agreed(halves) = &mut self.exchange else { return Err(out_of_place()) };
        if std::mem::take(&mut halves.skip) {
            return Ok(());
        }
        let Exchange::Agreed(halves) = std::mem::replace(&mut self.exchange, Exchange::Finishing) else {
            return Err(out_of_place());
        };
        match (self.side.role(), kind) {
            (Role::Server, number::KEX_INIT) => self.answer(*halves, body, out),
            (Role::Client, number::KEX_REPLY) => self.accept(*halves, body, out),
            _ => Err(out_of_place()),
        }
    }

    /// As a server: the client's half has come.
    fn answer(&mut self, halves: Halves, body: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Side::Server(keys) = &self.side else {
            return Err(Broken::protocol("a client's half is for servers"));
        };
        let mut reader = Reader::new(body);
        let init = fields::bytes(&mut reader).and_then(|init| reader.finish().map(|()| init));
        let init = init.map_err(|error| Broken::malformed("a client's half of the key exchange", error))?;
        let (reply, shared) = kex::answer(halves.agreed.method, init)?;
        let (blob, key, algorithm) = keys
            .named(&halves.agreed.host_key)
            .ok_or_else(|| Broken::exchange("there is no host key for what was agreed on"))?;
        let hash = Transcript {
            client_line: &self.peer,
            server_line: ident::OURS,
            client_kexinit: &halves.theirs,
            server_kexinit: &halves.ours,
            host_key: blob,
            init,
            reply: &reply,
        }
        .hash(&shared);
        let signature =
            key.sign(&hash, algorithm).ok_or_else(|| Broken::exchange("the host key does not sign"))?;
        plain::put(out, |payload| {
            payload.push(number::KEX_REPLY);
            fields::put_string(payload, blob);
            fields::put_string(payload, &reply);
            fields::put_string(payload, &signature);
        });
        let tell = self.session_id.is_none() && halves.agreed.extensions;
        self.new_keys(halves.agreed, &shared, hash, out)?;
        if tell {
            plain::put(out, put_extensions);
        }
        Ok(())
    }

    /// As a client: the server's half has come, with its host key.
    fn accept(&mut self, halves: Halves, body: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Side::Client(trust) = &self.side else {
            return Err(Broken::protocol("a server's half is for clients"));
        };
        let [blob, reply, signature] = server_half(body)
            .map_err(|error| Broken::malformed("a server's half of the key exchange", error))?;
        let Some((offer, init)) = halves.offer else {
            return Err(Broken::protocol("a server's half came before ours"));
        };
        let shared = offer.accept(reply)?;
        let hash = Transcript {
            client_line: ident::OURS,
            server_line: &self.peer,
            client_kexinit: &halves.ours,
            server_kexinit: &halves.theirs,
            host_key: blob,
            init: &init,
            reply,
        }
        .hash(&shared);
        trust.verify(&halves.agreed.host_key, blob, &hash, signature)?;
        self.new_keys(halves.agreed, &shared, hash, out)
    }

    /// Makes both directions' keys and says NEWKEYS.
    fn new_keys(
        &mut self,
        agreed: Agreed,
        shared: &Shared,
        hash: [u8; HASH],
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let session_id = *self.session_id.get_or_insert(hash);
        let keys = |sender, suite: crate::cipher::Suite| {
            kex::keys(shared, &hash, &session_id, sender, suite.lengths())
        };
        let to_server = keys(Role::Client, agreed.to_server);
        let to_client = keys(Role::Server, agreed.to_client);
        let ((incoming, theirs), (outgoing, ours)) = match self.side.role() {
            Role::Server => ((agreed.to_server, to_server), (agreed.to_client, to_client)),
            Role::Client => ((agreed.to_client, to_client), (agreed.to_server, to_server)),
        };
        let unusable = |_| Broken::exchange("the exchanged keys do not fit their ciphers");
        let sealer = Sealer::new(outgoing, &ours).map_err(unusable)?;
        self.incoming.next = Some(Opener::new(incoming, &theirs).map_err(unusable)?);
        if !self.outgoing.set_next(sealer, agreed.strict) {
            return Err(Broken::exchange("keys were exchanged again before ours were in use"));
        }
        plain::put(out, |payload| payload.push(number::NEWKEYS));
        self.chosen =
            Some(Chosen { method: agreed.method.name(), host_key: agreed.host_key, incoming, outgoing });
        Ok(())
    }
}

/// Host key, the server's half, signature.
fn server_half(body: &[u8]) -> Result<[&[u8]; 3], DecodeError> {
    let mut reader = Reader::new(body);
    let half = [fields::bytes(&mut reader)?, fields::bytes(&mut reader)?, fields::bytes(&mut reader)?];
    reader.finish()?;
    Ok(half)
}

/// EXT_INFO with what a user's signature may be made by.
fn put_extensions(payload: &mut Vec<u8>) {
    let names = Algorithm::ALL.map(Algorithm::name).join(",");
    payload.push(number::EXT_INFO);
    payload.extend_from_slice(&1_u32.to_be_bytes());
    fields::put_string(payload, b"server-sig-algs");
    fields::put_string(payload, names.as_bytes());
}
