//! What goes in and out of a session: the turn it runs in, and what it asks of the engine.

use crate::exact::catalogue::Catalogues;
use crate::live::close::Ending;
use hoopwire_postgres_policy::{DecisionCache, Permit};
use hoopwire_postgres_protocol::login::Credential;
use hoopwire_postgres_protocol::scram::ScramKeys;
use hoopwire_recording::Frames;
use hoopwire_wire::{Random, Secret};
use std::time::Instant;

/// Bytes on their way out, one buffer a leg. The engine sends them after the turn's frames are kept.
#[derive(Debug, Default)]
pub struct Legs {
    /// Toward the principal.
    pub down: Vec<u8>,
    up: Vec<u8>,
}

impl Legs {
    /// The bytes for the target.
    #[must_use]
    pub fn up(&self) -> &[u8] {
        &self.up
    }

    /// The bytes for the target, for the engine to send.
    pub fn up_mut(&mut self) -> &mut Vec<u8> {
        &mut self.up
    }

    /// Bytes of the principal for the target: asks for the proof that a decision allowed them.
    pub(crate) fn forward(&mut self, _proof: &Permit, bytes: &[u8]) {
        self.up.extend_from_slice(bytes);
    }

    /// Bytes that the gateway itself says to the target: login, Flush, Sync, Terminate.
    pub(crate) fn own_up(&mut self) -> &mut Vec<u8> {
        &mut self.up
    }
}

/// One call into a session: the moment, the buffers, and where effects go.
pub struct Turn<'a> {
    /// Monotonic.
    pub now: Instant,
    /// Wall clock in Unix microseconds, for the recording.
    pub unix_us: u64,
    /// The turn's frames.
    pub frames: &'a mut Frames,
    /// Outgoing bytes.
    pub legs: &'a mut Legs,
    /// What the engine shall do, in order.
    pub effects: &'a mut Vec<Effect>,
    /// Randomness for nonces.
    pub random: &'a mut dyn Random,
    /// Decisions on texts seen before, of this reactor.
    pub decisions: &'a mut DecisionCache,
    /// What is known of targets' catalogues, of this reactor.
    pub catalogues: &'a mut Catalogues,
}

/// What a startup packet and a password ask for.
#[derive(Debug)]
pub struct Ask {
    /// `user` of the startup packet; free text.
    pub user: String,
    /// `database` of the startup packet: names the target.
    pub database: String,
    /// `application_name`, or empty.
    pub application_name: String,
    /// Replication mode was asked for.
    pub replication: bool,
    /// The password as sent.
    pub credential: Secret<String>,
}

/// The part of a lease that the login needs. The engine keeps addresses and TLS to itself.
#[derive(Debug)]
pub struct Loan {
    /// Upstream user.
    pub user: String,
    /// Upstream database.
    pub database: String,
    /// What proves it.
    pub credential: Credential,
    /// What an earlier login with this credential derived, if the engine kept it.
    pub scram_keys: Option<ScramKeys>,
}

/// What a session asks of the engine.
#[derive(Debug)]
pub enum Effect {
    /// `S` is in the buffer: after it is sent, the downstream leg speaks TLS.
    StartTls,
    /// Ask the control plane for a grant.
    AskGrant(Box<Ask>),
    /// Connect to the target; answer with `handle_dialed` or `handle_dial_failed`.
    Dial,
    /// Upstream login is done; the session lives.
    Established {
        /// What SCRAM derived, for the next login with this credential.
        scram_keys: Option<ScramKeys>,
    },
    /// What of the grant matches nothing at the target, as a policy writes it.
    Unmatched(Vec<String>),
    /// Send a CancelRequest with this key to this session's target.
    CancelUpstream {
        /// The target's process id.
        pid: u32,
        /// The target's cancel key.
        key: Secret<Vec<u8>>,
    },
    /// A CancelRequest arrived on this connection: find the session it names.
    RouteCancel {
        /// As sent.
        pid: u32,
        /// As sent.
        key: Secret<Vec<u8>>,
    },
    /// Send what is buffered and close both legs.
    Close(Box<Ending>),
}
