//! A session on a link without sockets: its own clock, what went out of either leg, what was recorded. After
//! each call the invariants of `check` are tested; no dialogue can go past one that is broken.
#![allow(dead_code)] // the fuzz target and the dialogues use different parts

pub(crate) mod check;

use hoopwire_postgres_policy::TestGrant;
use std::sync::Arc;
use std::time::{Duration, Instant};

use check::Ledger;
use hoopwire_grant::Spent;
use hoopwire_postgres_policy::{Actions, Grant};
use hoopwire_postgres_protocol::cancel::CancelKeys;
use hoopwire_postgres_session::{Caches, Session, Turn};
use hoopwire_recording::Frames;
use hoopwire_session::{Admission, Ask, Closed, Effect, Ending, Legs, Loan, PhaseLimits};
use hoopwire_wire::{Random, Secret};

/// The session's number in its stream.
pub(crate) const NO: u32 = 7;
/// The key of the gateway's own BackendKeyData.
pub(crate) fn cancel_key(minor: u16) -> Vec<u8> {
    CancelKeys::new([7; 32]).mint(0, u64::from(NO), minor).key.expose().clone()
}
/// Largest Query or Parse body of a test session in bytes.
pub(crate) const STATEMENT_MAX_BYTES: usize = 2048;
/// How long a grant is good, and when it says so.
pub(crate) const GRANT: Duration = Duration::from_secs(600);
pub(crate) const NOTICE: Duration = Duration::from_secs(540);

pub(crate) const LIMITS: PhaseLimits = PhaseLimits {
    tls_handshake: Duration::from_secs(5),
    startup: Duration::from_secs(10),
    admission: Duration::from_secs(15),
    upstream_login: Duration::from_secs(20),
    statement_max_bytes: STATEMENT_MAX_BYTES,
};

/// The same nonce each time.
struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

pub(crate) struct Link {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    start: Instant,
    legs: Legs,
    frames: Frames,
    calls: u64,
    /// All that went to the principal.
    pub(crate) down: Vec<u8>,
    /// All that went to the target.
    pub(crate) up: Vec<u8>,
    caches: Caches,
    /// What the grant's sessions have used of its budgets.
    pub(crate) spent: Arc<Spent>,
    /// Effects that the test has not taken yet.
    pub(crate) effects: Vec<Effect>,
    pub(crate) ledger: Ledger,
}

impl Link {
    #[allow(clippy::disallowed_methods)] // some instant to count from; from here on the clock is the test's
    pub(crate) fn new() -> Link {
        let now = Instant::now();
        Link {
            session: Session::new(LIMITS, now),
            now,
            start: now,
            legs: Legs::default(),
            frames: Frames::new(),
            calls: 0,
            down: Vec::new(),
            up: Vec::new(),
            caches: Caches::new(Arc::new(CancelKeys::new([7; 32]))),
            spent: Arc::default(),
            effects: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    /// One call into the session, and all that must hold after it. Outgoing bytes stay in the buffers for
    /// some calls, as on a slow socket.
    pub(crate) fn call(&mut self, act: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let unix_us = 1_000_000 + u64::try_from((self.now - self.start).as_micros()).unwrap();
        let (down, up) = (self.legs.down().len(), self.legs.up().len());
        let mut effects = Vec::new();
        let before =
            check::Before { now: self.now, deadline: self.session.grant().map(|grant| grant.deadline) };
        let at = (self.now, unix_us);
        let (frames, legs, caches) = (&mut self.frames, &mut self.legs, &mut self.caches);
        let mut random = Fixed;
        let mut turn = Turn::new(at, frames, legs, &mut effects, &mut random, caches);
        act(&mut self.session, &mut turn);
        assert!(!self.legs.keep_what_is_told(), "bytes that no frame tells of");
        self.down.extend_from_slice(&self.legs.down()[down..]);
        self.up.extend_from_slice(&self.legs.up()[up..]);
        self.ledger.check(&self.session, &before, &self.frames, &effects, &self.down, &self.up);
        self.effects.append(&mut effects);
        self.frames.clear();
        self.calls += 1;
        if self.calls.is_multiple_of(3) {
            self.legs.down_mut().clear();
            self.legs.up_mut().clear();
            self.legs.settle();
        }
    }

    pub(crate) fn principal(&mut self, bytes: &[u8]) {
        self.call(|session, turn| session.handle_downstream(bytes, turn));
    }

    pub(crate) fn target(&mut self, bytes: &[u8]) {
        self.call(|session, turn| session.handle_upstream(bytes, turn));
    }

    pub(crate) fn eof(&mut self, upstream: bool) {
        self.call(|session, turn| session.handle_eof(upstream, turn));
    }

    pub(crate) fn tls(&mut self) {
        self.call(|session, turn| session.handle_tls(false, None, turn));
    }

    pub(crate) fn admit(&mut self, grant: Grant) {
        let spent = Arc::clone(&self.spent);
        self.call(|session, turn| {
            let admission = Admission {
                no: NO,
                reactor: 0,
                session: "s_1",
                peer: "192.0.2.1:5000",
                node: "gw-1",
                grant,
                spent,
            };
            session.handle_admit(admission, turn);
        });
    }

    pub(crate) fn dialed(&mut self, password: Option<&str>) {
        let loan = Loan {
            addresses: Vec::new(),
            user: "app".to_owned(),
            database: "orders".to_owned(),
            password: Secret::new(password.unwrap_or_default().to_owned()),
            login: Secret::new(Vec::new()),
        };
        self.call(|session, turn| session.handle_dialed(loan, true, None, turn));
    }

    pub(crate) fn end(&mut self, ending: Ending) {
        self.call(|session, turn| session.handle_end(ending, turn));
    }

    /// The clock goes on by `step`; the session is called if it asked to be.
    pub(crate) fn wait(&mut self, step: Duration) {
        self.now += step;
        if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.call(|session, turn| session.handle_timeout(turn));
            let again = self.session.poll_timeout().is_some_and(|at| at <= self.now);
            assert!(!again, "a deadline that is over and still asked for: the reactor would spin");
        }
    }

    pub(crate) fn grant(&self, actions: Actions) -> Grant {
        let mut grant = Grant::for_tests(self.start + GRANT);
        grant.notice_at = Some(self.start + NOTICE);
        grant.rights.actions = actions;
        grant
    }

    /// The question for the control plane, if it was asked since the last look.
    pub(crate) fn asked(&mut self) -> Option<Box<Ask>> {
        let at = self.effects.iter().position(|effect| matches!(effect, Effect::AskGrant(_)))?;
        match self.effects.remove(at) {
            Effect::AskGrant(ask) => Some(ask),
            _ => None,
        }
    }

    /// How the session ended.
    pub(crate) fn ending(&self) -> &Closed {
        let close = self.effects.iter().find_map(|effect| match effect {
            Effect::Close(ending) => Some(ending),
            _ => None,
        });
        close.expect("the session has ended")
    }
}
