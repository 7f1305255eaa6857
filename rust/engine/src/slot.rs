//! One connection of a principal with all that hangs on it: both legs, the session, what is outgoing.

use crate::command::Lease;
use crate::dial::{Upstream, Way};
use crate::directory::Totals;
use crate::keyring::{CredentialId, Keyring};
use crate::leg::Leg;
use hoopwire_postgres_policy::Spent;
use hoopwire_postgres_protocol::login::Credential;
use hoopwire_postgres_session::{Legs, Loan, PhaseLimits, Session};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// A leg with more than this on its way out is not fed any further.
pub(crate) const HIGH_WATER_BYTES: usize = 128 * 1024;
/// A principal that leaves this much unread is not read any further: a refusal is longer than what it refuses, so
/// requests alone could fill the memory.
const UNREAD_MAX_BYTES: usize = 1024 * 1024;
/// How long a closed session may take to hand its last bytes to a slow peer.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

pub(crate) struct Slot {
    /// Stream-local number; never used again in this process.
    pub(crate) serial: u32,
    /// `s_` + ULID.
    pub(crate) id: String,
    pub(crate) peer: SocketAddr,
    pub(crate) down: Leg,
    pub(crate) up: Option<Upstream>,
    pub(crate) session: Session,
    pub(crate) legs: Legs,
    /// Lengths of the outgoing buffers whose bytes are kept in the recording: a failed write rolls back to them.
    pub(crate) kept_down: usize,
    pub(crate) kept_up: usize,
    /// The principal's stream was at a message boundary when the turn began.
    pub(crate) kept_boundary: bool,
    /// The first bytes have not been looked at: TLS may begin directly.
    pub(crate) fresh: bool,
    pub(crate) start_tls: bool,
    pub(crate) direct_tls: bool,
    pub(crate) tls_told: bool,
    /// Room is reserved in the recording.
    pub(crate) reserved: bool,
    pub(crate) counted_admitted: bool,
    pub(crate) lease: Option<(Arc<Way>, Loan)>,
    pub(crate) credential_id: Option<CredentialId>,
    pub(crate) totals: Arc<Totals>,
    pub(crate) close_by: Option<Instant>,
    pub(crate) in_directory: bool,
    pub(crate) grant_id: String,
    /// What the grant's sessions have used of its budgets.
    pub(crate) spent: Arc<Spent>,
    /// CancelRequests for it that the target has not answered: what the principal sends meanwhile could be what they
    /// cancel.
    pub(crate) cancels: u8,
    pub(crate) queued: bool,
    pub(crate) dirty: bool,
    /// The last phase before the end, for the log.
    pub(crate) phase: &'static str,
}

impl Slot {
    pub(crate) fn new(
        serial: u32,
        id: String,
        peer: SocketAddr,
        down: Leg,
        limits: PhaseLimits,
        now: Instant,
    ) -> Slot {
        Slot {
            serial,
            id,
            peer,
            down,
            up: None,
            session: Session::new(limits, now),
            legs: Legs::default(),
            kept_down: 0,
            kept_up: 0,
            kept_boundary: true,
            fresh: true,
            start_tls: false,
            direct_tls: false,
            tls_told: false,
            reserved: false,
            counted_admitted: false,
            lease: None,
            credential_id: None,
            totals: Arc::default(),
            close_by: None,
            in_directory: false,
            grant_id: String::new(),
            spent: Arc::default(),
            cancels: 0,
            queued: false,
            dirty: false,
            phase: "startup",
        }
    }

    /// The principal may be read: there is room for what comes of it.
    pub(crate) fn may_read_down(&self) -> bool {
        let room = match &self.up {
            Some(up) => up.leg.pending(self.legs.up()) < HIGH_WATER_BYTES,
            None => true,
        };
        let reads = self.down.pending(&self.legs.down) < UNREAD_MAX_BYTES;
        self.down.readable && room && reads && self.cancels == 0 && !self.session.holds_principal()
    }

    /// The target may be read.
    pub(crate) fn may_read_up(&self) -> bool {
        let room = self.down.pending(&self.legs.down) < HIGH_WATER_BYTES;
        room && !self.session.is_closed()
            && self.up.as_ref().is_some_and(|up| up.is_open() && up.leg.readable)
    }

    /// There is something to do without a new word from the poll.
    pub(crate) fn wants_pump(&self) -> bool {
        self.may_read_up() || self.may_read_down()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let give_up_at = self.up.as_ref().and_then(Upstream::give_up_at);
        [self.session.poll_timeout(), self.close_by, give_up_at].into_iter().flatten().min()
    }

    /// Takes the lease in and apart.
    pub(crate) fn keep_lease(&mut self, lease: Lease, keyring: &mut Keyring) {
        self.credential_id = keyring.id(&lease);
        let scram_keys = self.credential_id.and_then(|id| keyring.find(&id));
        let Lease {
            addresses,
            tls,
            server_name,
            ca_pem,
            client_certificate_pem,
            client_key_pem,
            user,
            database,
            password,
        } = lease;
        let way = Way {
            addresses,
            tls,
            server_name,
            ca_pem,
            certificate_pem: client_certificate_pem,
            key_pem: client_key_pem,
        };
        let credential =
            if password.expose().is_empty() { Credential::None } else { Credential::Password(password) };
        self.lease = Some((Arc::new(way), Loan { user, database, credential, scram_keys }));
    }

    /// The part of the lease that logs in, once; the way stays for a later cancel.
    pub(crate) fn take_loan(&mut self) -> Option<Loan> {
        self.lease.take().map(|(_, loan)| loan)
    }

    /// Back to what the recording holds: bytes of a turn that could not be kept are never sent.
    pub(crate) fn roll_back(&mut self) {
        self.legs.down.truncate(self.kept_down.max(self.down.sent()));
        let sent = self.up.as_ref().map_or(0, |up| up.leg.sent());
        self.legs.up_mut().truncate(self.kept_up.max(sent));
    }

    /// The turn's bytes are kept.
    pub(crate) fn mark_kept(&mut self) {
        self.kept_down = self.legs.down.len();
        self.kept_up = self.legs.up().len();
        self.kept_boundary = self.session.at_boundary();
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.key_pem.zeroize();
    }
}
