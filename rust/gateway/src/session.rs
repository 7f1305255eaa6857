//! A session of one of the protocols.

use crate::caches::Caches;
use crate::rights::{Grant, OtherProtocol, Rights};
use hoopwire_grant::Fault;
use hoopwire_session::{About, Counters, Ending, Legs, Loan, PhaseLimits, Prompt, Withheld, Words};
use hoopwire_wire::Random;
use std::time::Instant;

/// A turn of a session, whatever its protocol.
pub type Turn<'a> = hoopwire_session::Turn<'a, Caches>;

/// An admission, whatever its protocol.
pub type Admission<'a> = hoopwire_session::Admission<'a, Rights>;

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL's, of version 3.
    Postgres,
    /// SSH's, of version 2.
    Ssh,
    /// Lines, for tests.
    #[cfg(feature = "skeleton")]
    Skeleton,
}

impl Protocol {
    /// All of them.
    pub const ALL: &[Protocol] = &[
        Protocol::Postgres,
        Protocol::Ssh,
        #[cfg(feature = "skeleton")]
        Protocol::Skeleton,
    ];

    /// The setting that its listeners are from.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Protocol::Postgres => "listen.postgres",
            Protocol::Ssh => "listen.ssh",
            #[cfg(feature = "skeleton")]
            Protocol::Skeleton => "listen.skeleton",
        }
    }

    /// The word between the control plane and the engine.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Postgres => "postgres",
            Protocol::Ssh => "ssh",
            #[cfg(feature = "skeleton")]
            Protocol::Skeleton => "skeleton",
        }
    }

    /// The protocol with this word, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Protocol> {
        Protocol::ALL.iter().copied().find(|protocol| protocol.word() == word)
    }

    /// The gateway says something before the principal does.
    #[must_use]
    pub fn speaks_first(self) -> bool {
        self == Protocol::Ssh
    }

    /// Its names in TLS (ALPN, RFC 7301); none where it brings encryption of its own.
    #[must_use]
    pub fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Protocol::Postgres => hoopwire_postgres_session::ALPN,
            Protocol::Ssh => &[],
            #[cfg(feature = "skeleton")]
            Protocol::Skeleton => hoopwire_skeleton::ALPN,
        }
    }

    /// What a connection is told that does not come to be a session at all.
    #[must_use]
    pub fn turned_away(self, fault: Fault, words: Words) -> Vec<u8> {
        match self {
            Protocol::Postgres => hoopwire_postgres_session::turned_away(fault, words),
            Protocol::Ssh => hoopwire_ssh_session::turned_away(&words),
            #[cfg(feature = "skeleton")]
            Protocol::Skeleton => hoopwire_skeleton::turned_away(fault, &words),
        }
    }
}

/// One connection of a principal.
#[derive(Debug)]
pub enum Session {
    /// To a PostgreSQL target.
    Postgres(hoopwire_postgres_session::Session),
    /// To an SSH target.
    Ssh(Box<hoopwire_ssh_session::Session>),
    /// To a target of the protocol that only tests speak.
    #[cfg(feature = "skeleton")]
    Skeleton(hoopwire_skeleton::Session),
}

/// The same call for each protocol.
macro_rules! each {
    ($session:expr, $it:ident => $call:expr) => {
        match $session {
            Session::Postgres($it) => $call,
            Session::Ssh($it) => $call,
            #[cfg(feature = "skeleton")]
            Session::Skeleton($it) => $call,
        }
    };
}

/// The same call for each protocol, in a turn of its own.
macro_rules! turn_of_each {
    ($session:expr, $turn:expr, $it:ident, $own:ident => $call:expr) => {
        match $session {
            Session::Postgres($it) => {
                let $own = &mut $turn.with(|caches| &mut caches.postgres);
                $call
            }
            Session::Ssh($it) => {
                let $own = &mut $turn.with(|caches| &mut caches.ssh);
                $call
            }
            #[cfg(feature = "skeleton")]
            Session::Skeleton($it) => {
                let $own = &mut $turn.with(|caches| &mut caches.skeleton);
                $call
            }
        }
    };
}

impl Session {
    /// A connection was accepted at `now`.
    #[must_use]
    pub fn new(protocol: Protocol, limits: PhaseLimits, now: Instant) -> Session {
        match protocol {
            Protocol::Postgres => Session::Postgres(hoopwire_postgres_session::Session::new(limits, now)),
            Protocol::Ssh => Session::Ssh(Box::new(hoopwire_ssh_session::Session::new(limits, now))),
            #[cfg(feature = "skeleton")]
            Protocol::Skeleton => Session::Skeleton(hoopwire_skeleton::Session::new(limits, now)),
        }
    }

    /// What it speaks.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self {
            Session::Postgres(_) => Protocol::Postgres,
            Session::Ssh(_) => Protocol::Ssh,
            #[cfg(feature = "skeleton")]
            Session::Skeleton(_) => Protocol::Skeleton,
        }
    }

    /// The phase, for logs: a word.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        each!(self, it => it.phase())
    }

    /// Waiting for the control plane's answer.
    #[must_use]
    pub fn is_waiting_for_grant(&self) -> bool {
        each!(self, it => it.is_waiting_for_grant())
    }

    /// The session has ended; what is buffered may still be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        each!(self, it => it.is_closed())
    }

    /// The login at the target is done.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        each!(self, it => it.is_ready())
    }

    /// What the principal got so far ends where words may be said.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        each!(self, it => it.at_boundary())
    }

    /// The principal should not be read for now.
    #[must_use]
    pub fn holds_principal(&self) -> bool {
        each!(self, it => it.holds_principal())
    }

    /// Who uses what in it, once a grant is admitted.
    #[must_use]
    pub fn about(&self) -> Option<About<'_>> {
        each!(self, it => it.grant().map(About::of))
    }

    /// The protocol's own code of a fault.
    #[must_use]
    pub fn code(&self, fault: Fault) -> String {
        match self {
            Session::Postgres(_) => hoopwire_postgres_session::sqlstate(fault),
            Session::Ssh(_) => hoopwire_ssh_session::code(fault).to_owned(),
            #[cfg(feature = "skeleton")]
            Session::Skeleton(_) => hoopwire_skeleton::code(fault).to_owned(),
        }
    }

    /// Running totals; they stay after the end.
    #[must_use]
    pub fn counters(&self) -> Counters {
        each!(self, it => it.counters())
    }

    /// Another connection finds this session by it.
    #[must_use]
    pub fn mark(&self) -> Option<u64> {
        each!(self, it => it.mark())
    }

    /// When `handle_timeout` wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        each!(self, it => it.poll_timeout())
    }

    /// What the session keeps back until it may go out, beside what is in the engine's buffers.
    #[must_use]
    pub fn withheld(&self) -> Withheld {
        match self {
            Session::Ssh(it) => it.withheld(),
            _ => Withheld::default(),
        }
    }

    /// The principal must be read, however much waits to go to the target: it owes what the other side waits for.
    #[must_use]
    pub fn awaits_principal(&self) -> bool {
        matches!(self, Session::Ssh(it) if it.awaits_principal())
    }

    /// The target must be read, however much waits to go to the principal.
    #[must_use]
    pub fn awaits_target(&self) -> bool {
        matches!(self, Session::Ssh(it) if it.awaits_target())
    }

    /// The turn is kept: what it put into the buffers becomes what goes out.
    pub fn seal(&mut self, legs: &mut Legs, random: &mut dyn Random) {
        if let Session::Ssh(it) = self {
            it.seal(legs, random);
        }
    }

    /// The connection is there, where the gateway speaks first.
    pub fn handle_open(&mut self, turn: &mut Turn<'_>) {
        if let Session::Ssh(it) = self {
            it.handle_open(&mut turn.with(|caches| &mut caches.ssh));
        }
    }

    /// Bytes of the principal (decrypted, if inside TLS).
    pub fn handle_downstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_downstream(input, own));
    }

    /// Bytes of the target (decrypted, if inside TLS).
    pub fn handle_upstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_upstream(input, own));
    }

    /// A side closed its half of the connection.
    pub fn handle_eof(&mut self, upstream: bool, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_eof(upstream, own));
    }

    /// TLS is up on the downstream leg. `direct`: from the first byte on.
    pub fn handle_tls(&mut self, direct: bool, alpn: Option<&[u8]>, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_tls(direct, alpn, own));
    }

    /// A deadline passed, or may have.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_timeout(own));
    }

    /// The control plane says what to ask the principal.
    pub fn handle_prompt(&mut self, prompt: &Prompt, turn: &mut Turn<'_>) {
        // no other protocol asks for one
        if let Session::Ssh(it) = self {
            it.handle_prompt(prompt, &mut turn.with(|caches| &mut caches.ssh));
        }
    }

    /// The control plane admits. A grant for another protocol than this connection speaks ends it.
    pub fn handle_admit(&mut self, admission: Admission<'_>, turn: &mut Turn<'_>) {
        let ended = match self {
            Session::Postgres(it) => admission
                .try_map(Rights::postgres)
                .map(|admission| it.handle_admit(admission, &mut turn.with(|caches| &mut caches.postgres))),
            Session::Ssh(it) => admission
                .try_map(Rights::ssh)
                .map(|admission| it.handle_admit(admission, &mut turn.with(|caches| &mut caches.ssh))),
            #[cfg(feature = "skeleton")]
            Session::Skeleton(it) => admission
                .try_map(Rights::skeleton)
                .map(|admission| it.handle_admit(admission, &mut turn.with(|caches| &mut caches.skeleton))),
        };
        self.end_on(ended, turn);
    }

    /// The target is connected.
    pub fn handle_dialed(&mut self, loan: Loan, tls: bool, end_point: Option<Vec<u8>>, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_dialed(loan, tls, end_point, own));
    }

    /// End with these words, whatever the phase.
    pub fn handle_end(&mut self, ending: Ending, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_end(ending, own));
    }

    /// The grant was replaced.
    pub fn handle_regrant(&mut self, grant: Grant, reason: &str, turn: &mut Turn<'_>) {
        let ended = match self {
            Session::Postgres(it) => grant
                .try_map(Rights::postgres)
                .map(|grant| it.handle_regrant(grant, reason, &mut turn.with(|caches| &mut caches.postgres))),
            Session::Ssh(it) => grant
                .try_map(Rights::ssh)
                .map(|grant| it.handle_regrant(grant, reason, &mut turn.with(|caches| &mut caches.ssh))),
            #[cfg(feature = "skeleton")]
            Session::Skeleton(it) => grant
                .try_map(Rights::skeleton)
                .map(|grant| it.handle_regrant(grant, reason, &mut turn.with(|caches| &mut caches.skeleton))),
        };
        self.end_on(ended, turn);
    }

    fn end_on(&mut self, outcome: Result<(), OtherProtocol>, turn: &mut Turn<'_>) {
        if let Err(other) = outcome {
            self.handle_end(other.into(), turn);
        }
    }

    /// Another connection, from `from`, that proved its power over this session sends its signal: of PostgreSQL, to cancel.
    pub fn handle_signal(&mut self, from: &str, turn: &mut Turn<'_>) {
        match self {
            Session::Postgres(it) => it.handle_cancel(from, &mut turn.with(|caches| &mut caches.postgres)),
            // they have no mark by which they could be meant
            Session::Ssh(_) => {}
            #[cfg(feature = "skeleton")]
            Session::Skeleton(_) => {}
        }
    }

    /// The gateway drains: end when idle.
    pub fn handle_drain(&mut self, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_drain(own));
    }

    /// The gateway stops.
    pub fn handle_shutdown(&mut self, turn: &mut Turn<'_>) {
        turn_of_each!(self, turn, it, own => it.handle_shutdown(own));
    }
}
