//! One connection of a principal with all that hangs on it: both legs, the session, what is outgoing.

use crate::command::Lease;
use crate::dial::{Upstream, Way};
use crate::directory::Totals;
use crate::front::Front;
use crate::leg::Leg;
use hoopwire_gateway::Session;
use hoopwire_grant::Spent;
use hoopwire_session::{Legs, Loan};
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

/// What of a slot's outgoing bytes the recording holds: a failed write rolls back to it.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Length of the buffer toward the principal.
    pub(crate) down: usize,
    /// Length of the buffer toward the target.
    pub(crate) up: usize,
    /// The principal's stream was at a message boundary when the turn began.
    pub(crate) at_boundary: bool,
}

/// Bytes on their way out.
pub(crate) struct Outgoing {
    pub(crate) legs: Legs,
    pub(crate) kept: Kept,
}

/// What others hold of a connection: to be given back when it goes.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Room is reserved in the recording.
    pub(crate) is_reserved: bool,
    /// It counts as admitted.
    pub(crate) is_admitted: bool,
    /// The directory lists it.
    pub(crate) is_listed: bool,
    pub(crate) grant_id: String,
    pub(crate) totals: Arc<Totals>,
    /// What the grant's sessions have used of its budgets.
    pub(crate) spent: Arc<Spent>,
}

/// What the reactor has still to do with a slot in this turn.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// To be read.
    pub(crate) pump: bool,
    /// To be sent.
    pub(crate) send: bool,
}

pub(crate) struct Slot {
    /// Stream-local number; never used again in this process.
    pub(crate) serial: u32,
    /// `s_` + ULID.
    pub(crate) id: String,
    pub(crate) peer: SocketAddr,
    pub(crate) down: Leg,
    pub(crate) up: Option<Upstream>,
    pub(crate) session: Session,
    pub(crate) out: Outgoing,
    pub(crate) front: Front,
    pub(crate) lease: Option<(Arc<Way>, Loan)>,
    pub(crate) books: Books,
    pub(crate) close_by: Option<Instant>,
    /// Calls to its target that are under way: what the principal sends meanwhile could be what they concern.
    pub(crate) calls: u8,
    pub(crate) due: Due,
    /// The last phase before the end, for the log.
    pub(crate) phase: &'static str,
}

impl Slot {
    pub(crate) fn new(serial: u32, id: String, peer: SocketAddr, down: Leg, session: Session) -> Slot {
        Slot {
            serial,
            id,
            peer,
            down,
            up: None,
            session,
            out: Outgoing { legs: Legs::default(), kept: Kept { down: 0, up: 0, at_boundary: true } },
            front: Front::default(),
            lease: None,
            books: Books::default(),
            close_by: None,
            calls: 0,
            due: Due::default(),
            phase: "startup",
        }
    }

    /// The principal may be read: there is room for what comes of it.
    pub(crate) fn may_read_down(&self) -> bool {
        let room = match &self.up {
            Some(up) => {
                let waiting = up.leg.pending(self.out.legs.up()).saturating_add(self.session.withheld().up);
                waiting < HIGH_WATER_BYTES || self.session.awaits_principal()
            }
            None => true,
        };
        let reads = self.down.pending(self.out.legs.down()) < UNREAD_MAX_BYTES;
        self.down.readable && room && reads && self.calls == 0 && !self.session.holds_principal()
    }

    /// The target may be read.
    pub(crate) fn may_read_up(&self) -> bool {
        let waiting = self.down.pending(self.out.legs.down()).saturating_add(self.session.withheld().down);
        let room = waiting < HIGH_WATER_BYTES || self.session.awaits_target();
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
    pub(crate) fn keep_lease(&mut self, lease: Lease) {
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
            login,
        } = lease;
        let loan = Loan { addresses: addresses.clone(), user, database, password, login };
        let way = Way {
            addresses,
            tls,
            server_name,
            ca_pem,
            certificate_pem: client_certificate_pem,
            key_pem: client_key_pem,
        };
        self.lease = Some((Arc::new(way), loan));
    }

    /// The part of the lease that logs in, once; the way stays for a later cancel.
    pub(crate) fn take_loan(&mut self) -> Option<Loan> {
        self.lease.take().map(|(_, loan)| loan)
    }

    /// Back to what the recording holds: bytes of a turn that could not be kept are never sent.
    pub(crate) fn roll_back(&mut self) {
        self.out.legs.down_mut().truncate(self.out.kept.down.max(self.down.sent()));
        let sent = self.up.as_ref().map_or(0, |up| up.leg.sent());
        self.out.legs.up_mut().truncate(self.out.kept.up.max(sent));
        self.out.legs.settle();
    }

    /// The turn's bytes are kept.
    pub(crate) fn mark_kept(&mut self) {
        self.out.kept.down = self.out.legs.down().len();
        self.out.kept.up = self.out.legs.up().len();
        self.out.kept.at_boundary = self.session.at_boundary();
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.key_pem.zeroize();
    }
}
