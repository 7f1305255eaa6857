//! How a connection becomes a session: what it asks for, and what it is given.

use hoopwire_grant::{Grant, Spent};
use hoopwire_wire::Secret;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Deadlines of the phases and caps of one session.
#[derive(Clone, Copy, Debug)]
pub struct PhaseLimits {
    /// Of the TLS handshake.
    pub tls_handshake: Duration,
    /// For the principal to say who it is, and again to prove it.
    pub startup: Duration,
    /// For the control plane to answer.
    pub admission: Duration,
    /// For the target to let the gateway in.
    pub upstream_login: Duration,
    /// Largest text of an operation.
    pub statement_max_bytes: usize,
}

/// What a connection asks the control plane for.
#[derive(Debug)]
pub struct Ask {
    /// The name that the client gave; free text.
    pub user: String,
    /// Names the target, or one database of it.
    pub database: String,
    /// What the client calls itself, or empty.
    pub application_name: String,
    /// Streaming replication was asked for.
    pub replication: bool,
    /// What shall prove it, as sent.
    pub credential: Secret<String>,
    /// The credential is no secret, and the client has proved that it holds the key that belongs to it. What is only typed
    /// is never taken for such a credential: everybody may know it.
    pub is_proved: bool,
    /// Nothing has come yet: the control plane says what to ask, and [`Answer`] tells what came of it.
    pub wants_prompt: bool,
}

/// What the control plane has the principal asked.
#[derive(Debug)]
pub struct Prompt {
    /// What to do, for a person; lines.
    pub instruction: String,
    /// The question itself. What is typed is not shown.
    pub question: String,
    /// How long there is for the answer, and for the control plane to act on it.
    pub wait: Duration,
}

/// What came of a prompt.
#[derive(Debug)]
pub enum Answer {
    /// This was typed; perhaps nothing. The control plane decides.
    Typed(Secret<String>),
    /// The principal goes another way: nobody waits any more.
    Withdrawn,
}

/// What the engine hands in when the control plane admits.
pub struct Admission<'a, R> {
    /// Stream-local number of the session: the engine has reserved room in the recording under it.
    pub no: u32,
    /// Which reactor it lives on.
    pub reactor: u16,
    /// `s_` + ULID.
    pub session: &'a str,
    /// `ADDRESS:PORT` of the principal.
    pub peer: &'a str,
    /// Name of this gateway.
    pub node: &'a str,
    /// The grant.
    pub grant: Grant<R>,
    /// What the sessions of this grant have used of its budgets.
    pub spent: Arc<Spent>,
}

impl<'a, R> Admission<'a, R> {
    /// The same admission with what `change` makes of the grant's rights, or what it answers if it makes none.
    ///
    /// # Errors
    /// What `change` says.
    pub fn try_map<S, E>(self, change: impl FnOnce(R) -> Result<S, E>) -> Result<Admission<'a, S>, E> {
        let Admission { no, reactor, session, peer, node, grant, spent } = self;
        Ok(Admission { no, reactor, session, peer, node, grant: grant.try_map(change)?, spent })
    }
}

/// The part of a lease that the login at the target needs. The engine keeps the way there and TLS to itself.
#[derive(Debug)]
pub struct Loan {
    /// Where the target is: a credential that worked there need not work elsewhere.
    pub addresses: Vec<(IpAddr, u16)>,
    /// Upstream user.
    pub user: String,
    /// Upstream database.
    pub database: String,
    /// What proves it; empty if TLS or `login` does.
    pub password: Secret<String>,
    /// What else the protocol's login needs, in an encoding of its own; empty if nothing.
    pub login: Secret<Vec<u8>>,
}

/// The moment `wait` from `now`.
#[must_use]
pub fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}
