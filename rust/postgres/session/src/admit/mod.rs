//! From the first byte to ReadyForQuery: startup, password, grant, upstream login.
//!
//! Toward the principal the gateway is a server, toward the target a client; the two logins never touch:
//! the principal's password goes to the control plane and no further, the lease's goes to the target.

mod grant;
mod startup;
mod upstream;

use crate::caches::Turn;
use crate::ending::Ending;
use crate::exact::inquiry::Inquiry;
use crate::keyring::CredentialId;
use crate::live::Live;
use crate::session::{Phase, Session};
use hoopwire_postgres_protocol::login::{Established, Login};
use hoopwire_postgres_protocol::params::SessionParams;
use hoopwire_postgres_protocol::startup::{ENCRYPTION_ACCEPTED, ENCRYPTION_REFUSED};
use hoopwire_session::{Opening, after};

/// What a client may send ahead between its password and ReadyForQuery.
const EARLY_MAX_BYTES: usize = 16 * 1024;
/// The protocol's name in TLS (PostgreSQL documentation, "SSL Session Encryption").
pub const ALPN: &[&[u8]] = &[b"postgresql"];
/// How TLS begins toward a target (PostgreSQL documentation, "SSL Session Encryption").
pub(crate) const OPENING: Opening = Opening::Asked {
    question: &[0, 0, 0, 8, 4, 210, 22, 47],
    yes: ENCRYPTION_ACCEPTED,
    no: ENCRYPTION_REFUSED,
    name: "SSLRequest",
    alpn: ALPN,
};
#[derive(Debug, Default)]
pub(crate) struct AwaitStartup {
    held: Vec<u8>,
    encrypted: bool,
    gss_refused: bool,
}

#[derive(Debug)]
pub(crate) struct AwaitPassword {
    params: SessionParams,
    minor: u16,
    held: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct AwaitGrant {
    params: SessionParams,
    pub(crate) minor: u16,
    early: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct AwaitUpstream {
    params: SessionParams,
    /// What the target gets of settings, once they are decided. Without them nobody logs in.
    settings: Option<Vec<(String, String)>>,
    minor: u16,
    login: Option<Login>,
    /// Names what the lease proves itself by.
    credential: Option<CredentialId>,
    /// Bytes of the target that are no whole message yet.
    held: Vec<u8>,
    early: Vec<u8>,
    /// The login is done, and the target is asked for its catalogue.
    asking: Option<(Established, Inquiry)>,
    pub(crate) live: Box<Live>,
}

impl Session {
    /// TLS is up on the downstream leg. `direct`: without an SSLRequest, which needs ALPN `postgresql`.
    pub fn handle_tls(&mut self, direct: bool, alpn: Option<&[u8]>, turn: &mut Turn<'_>) {
        let fits = match &self.phase {
            Phase::AwaitTls => !direct,
            Phase::AwaitStartup(start) => {
                direct && !start.encrypted && start.held.is_empty() && !start.gss_refused
            }
            _ => false,
        };
        let outcome = if !fits {
            Err(Ending::misbehaved_client("TLS where it cannot begin"))
        } else if alpn.is_some_and(|alpn| alpn != b"postgresql") || (direct && alpn.is_none()) {
            Err(Ending::misbehaved_client("direct TLS needs the ALPN protocol \"postgresql\""))
        } else {
            self.phase = Phase::AwaitStartup(AwaitStartup { encrypted: true, ..AwaitStartup::default() });
            self.deadline = after(turn.now, self.limits.startup);
            Ok(())
        };
        self.settle(outcome, turn);
    }

    /// Bytes of a principal that is not admitted yet.
    pub(crate) fn greet(&mut self, input: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        match &mut self.phase {
            Phase::AwaitStartup(start) => {
                start.held.extend_from_slice(input);
                self.startup(turn)
            }
            Phase::AwaitPassword(wait) => {
                wait.held.extend_from_slice(input);
                self.password(turn)
            }
            Phase::AwaitGrant(wait) => early(&mut wait.early, input),
            Phase::AwaitUpstream(wait) => early(&mut wait.early, input),
            Phase::AwaitTls => Err(Ending::misbehaved_client("unencrypted bytes after an SSLRequest")),
            Phase::Ready(_) | Phase::Closed => Ok(()),
        }
    }
}

fn early(held: &mut Vec<u8>, input: &[u8]) -> Result<(), Ending> {
    held.extend_from_slice(input);
    if held.len() > EARLY_MAX_BYTES {
        return Err(Ending::misbehaved_client("too much sent before ReadyForQuery"));
    }
    Ok(())
}
