//! A connection of a principal from its first byte to its end, as a state machine.
//!
//! Two rules:
//! 1. A phase takes only what may come in it; everything else ends the session with a reason.
//! 2. Every phase before `Ready` has a deadline; `Ready` has the grant's.

use crate::admit::{AwaitGrant, AwaitPassword, AwaitStartup, AwaitUpstream};
use crate::caches::Turn;
use crate::ending::Ending;
use crate::live::Live;
use crate::live::states::Notice;
use hoopwire_grant::{Party, decide};
use hoopwire_postgres_policy::{Action, Grant, Rights};
use hoopwire_postgres_protocol::error::{ErrorReport, Sqlstate};
use hoopwire_session::{Admission, Counters, Effect, Loan, PhaseLimits, after};
use std::time::Instant;

/// ```text
///  AwaitStartup ──SSLRequest──▶ AwaitTls ──handshake──▶ AwaitStartup (encrypted)
///      │ StartupMessage
///      ▼
///  AwaitPassword ──password──▶ AwaitGrant ──admit──▶ AwaitUpstream ──ReadyForQuery──▶ Ready
///      │                          │ refuse              │                              │
///      └──────────────────────────┴──────────▶ Closed ◀─┴──────────────────────────────┘
/// ```
#[derive(Debug)]
pub(crate) enum Phase {
    AwaitStartup(AwaitStartup),
    AwaitTls,
    AwaitPassword(Box<AwaitPassword>),
    AwaitGrant(Box<AwaitGrant>),
    AwaitUpstream(Box<AwaitUpstream>),
    Ready(Box<Live>),
    Closed,
}

/// One connection of a principal.
#[derive(Debug)]
pub struct Session {
    pub(crate) phase: Phase,
    pub(crate) limits: PhaseLimits,
    pub(crate) deadline: Instant,
    counters: Counters,
}

impl Session {
    /// A connection was accepted at `now`.
    #[must_use]
    pub fn new(limits: PhaseLimits, now: Instant) -> Session {
        Session {
            phase: Phase::AwaitStartup(AwaitStartup::default()),
            limits,
            deadline: after(now, limits.startup),
            counters: Counters::default(),
        }
    }

    /// The phase, for logs: a word.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        match &self.phase {
            Phase::AwaitStartup(_) => "startup",
            Phase::AwaitTls => "tls_handshake",
            Phase::AwaitPassword(_) => "password",
            Phase::AwaitGrant(_) => "admission",
            Phase::AwaitUpstream(_) => "upstream_login",
            Phase::Ready(_) => "ready",
            Phase::Closed => "closed",
        }
    }

    /// Waiting for the control plane's answer.
    #[must_use]
    pub fn is_waiting_for_grant(&self) -> bool {
        matches!(self.phase, Phase::AwaitGrant(_))
    }

    /// The session has ended; what is buffered may still be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// True from ReadyForQuery on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready(_))
    }

    /// What the principal got so far ends at a message boundary.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        match &self.phase {
            Phase::Ready(live) => live.replies.scanner.at_boundary(),
            _ => true,
        }
    }

    /// The principal should not be read for now: it owes nothing, the target does.
    #[must_use]
    pub fn holds_principal(&self) -> bool {
        matches!(&self.phase, Phase::Ready(live) if live.is_overdue() || live.is_holding())
    }

    /// The grant, once admitted.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match &self.phase {
            Phase::AwaitUpstream(admitted) => Some(&admitted.live.grant),
            Phase::Ready(live) => Some(&live.grant),
            _ => None,
        }
    }

    /// Running totals; they stay after the end.
    #[must_use]
    pub fn counters(&self) -> Counters {
        match &self.phase {
            Phase::AwaitUpstream(admitted) => admitted.live.tally.counters,
            Phase::Ready(live) => live.tally.counters,
            _ => self.counters,
        }
    }

    /// Another connection finds this session by it, to cancel what it does.
    #[must_use]
    pub fn mark(&self) -> Option<u64> {
        match &self.phase {
            Phase::Ready(live) => Some(mark(live.keys.own.pid, live.keys.own.key.expose().len())),
            _ => None,
        }
    }

    /// When `handle_timeout` wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Closed => None,
            Phase::Ready(live) => {
                let notice = live.grant.notice_at.filter(|_| live.notice == Notice::NotDue);
                [Some(live.grant.deadline), notice, live.tick_at(), live.silence.look_at()]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Phase::AwaitUpstream(admitted) => Some(self.deadline.min(admitted.live.grant.deadline)),
            _ => Some(self.deadline),
        }
    }

    /// Bytes of the principal (decrypted, if inside TLS).
    pub fn handle_downstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        let outcome = match &mut self.phase {
            Phase::Ready(live) => live.take_requests(input, turn),
            Phase::Closed => Ok(()),
            _ => self.greet(input, turn),
        };
        self.settle(outcome, turn);
    }

    /// Bytes of the target (decrypted, if inside TLS).
    pub fn handle_upstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        let outcome = match &mut self.phase {
            Phase::Ready(live) => live.hear(input, turn),
            Phase::AwaitUpstream(_) => self.log_in(input, turn),
            _ => Ok(()),
        };
        self.settle(outcome, turn);
        self.end_if_drained(turn);
    }

    /// A side closed its half of the connection.
    pub fn handle_eof(&mut self, upstream: bool, turn: &mut Turn<'_>) {
        let ending = match (&self.phase, upstream) {
            (Phase::Closed, _) => return,
            (Phase::Ready(_), false) => Ending::quiet(Party::Principal, "the client closed the connection"),
            (_, false) => {
                Ending::quiet(Party::Principal, "the client closed the connection before it was ready")
            }
            (_, true) => Ending::fatal(
                Party::Target,
                "the target closed the connection",
                ErrorReport::fatal(Sqlstate::CONNECTION_FAILURE, "the target closed the connection")
                    .with_hint("Connect again; if it goes on, tell the gateway's operators."),
            ),
        };
        self.settle(Err(ending), turn);
    }

    /// A deadline passed, or may have.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let outcome = match &mut self.phase {
            Phase::Closed => Ok(()),
            Phase::Ready(live) => {
                if turn.now >= live.grant.deadline {
                    decide(&live.grant, live.class(), turn.now)
                        .map(drop)
                        .map_err(|denial| Ending::denied(&denial))
                } else {
                    let ticked = match live.tick_at() {
                        Some(at) if turn.now >= at => live.tick(turn),
                        _ => Ok(()),
                    };
                    if live.grant.notice_at.is_some_and(|at| turn.now >= at) {
                        live.notice.fall_due();
                        live.give_notice(turn);
                    }
                    ticked.and_then(|()| live.look_at_silence(turn))
                }
            }
            _ if turn.now >= self.deadline => Err(self.too_slow()),
            Phase::AwaitUpstream(admitted) if turn.now >= admitted.live.grant.deadline => {
                decide(&admitted.live.grant, Action::Query, turn.now)
                    .map(drop)
                    .map_err(|denial| Ending::denied(&denial))
            }
            _ => Ok(()),
        };
        self.settle(outcome, turn);
    }

    /// The control plane admits: record the start, then connect to the target. `no` is the session's
    /// stream-local number; the engine has reserved room in the recording under it.
    pub fn handle_admit(&mut self, admission: Admission<'_, Rights>, turn: &mut Turn<'_>) {
        let outcome = self.admit(admission, turn);
        self.settle(outcome, turn);
    }

    /// End with these words, whatever the phase: refused, revoked, shut down, no room to record.
    pub fn handle_end(&mut self, ending: hoopwire_session::Ending, turn: &mut Turn<'_>) {
        self.settle(Err(ending.into()), turn);
    }

    /// The grant was replaced: decided again at once. It can end earlier than before, never later.
    pub fn handle_regrant(&mut self, grant: Grant, reason: &str, turn: &mut Turn<'_>) {
        let outcome = match &mut self.phase {
            Phase::Ready(live) => live.replace_grant(grant, reason, turn),
            Phase::AwaitUpstream(admitted) => admitted.live.replace_grant(grant, reason, turn),
            _ => Ok(()),
        };
        self.settle(outcome, turn);
    }

    /// A CancelRequest with this session's key arrived. The target is asked only while the grant lives.
    pub fn handle_cancel(&mut self, from: &str, turn: &mut Turn<'_>) {
        if let Phase::Ready(live) = &mut self.phase {
            live.cancel(from, turn);
        }
    }

    /// The gateway drains: end now if idle, else as soon as it is.
    pub fn handle_drain(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Ready(live) = &mut self.phase {
            live.stage.drain();
            self.end_if_drained(turn);
        } else {
            self.settle(Err(shutting_down()), turn);
        }
    }

    /// The gateway stops: end now.
    pub fn handle_shutdown(&mut self, turn: &mut Turn<'_>) {
        self.settle(Err(shutting_down()), turn);
    }

    /// The target is connected (and inside TLS, if the lease says so): log in.
    pub fn handle_dialed(&mut self, loan: Loan, tls: bool, end_point: Option<Vec<u8>>, turn: &mut Turn<'_>) {
        if let Phase::AwaitUpstream(admitted) = &mut self.phase {
            admitted.begin(loan, tls, end_point, turn);
        }
    }

    fn end_if_drained(&mut self, turn: &mut Turn<'_>) {
        if matches!(&self.phase, Phase::Ready(live) if live.may_drain()) {
            self.settle(Err(shutting_down()), turn);
        }
    }

    fn too_slow(&self) -> Ending {
        let (sqlstate, message, hint) = match &self.phase {
            Phase::AwaitGrant(_) => (
                Sqlstate::CANNOT_CONNECT_NOW,
                "the gateway could not decide in time",
                "Try again; if it goes on, tell the gateway's operators.",
            ),
            Phase::AwaitUpstream(_) => (
                Sqlstate::CONNECTION_FAILURE,
                "the target did not answer in time",
                "Try again; if it goes on, tell the gateway's operators.",
            ),
            _ => (Sqlstate::PROTOCOL_VIOLATION, "the connection was not set up in time", "Connect again."),
        };
        let report = ErrorReport::fatal(sqlstate, message).with_hint(hint);
        Ending::fatal(Party::Gateway, &format!("deadline of phase {} passed", self.phase()), report)
    }

    /// Carries out an ending, whatever the phase.
    pub(crate) fn settle(&mut self, outcome: Result<(), Ending>, turn: &mut Turn<'_>) {
        let Err(ending) = outcome else { return };
        self.counters = self.counters();
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Ready(mut live) => {
                live.end(&ending, turn);
                self.counters = live.tally.counters;
            }
            Phase::AwaitUpstream(mut admitted) => {
                admitted.live.end(&ending, turn);
                self.counters = admitted.live.tally.counters;
            }
            Phase::Closed => {}
            Phase::AwaitTls => turn.effects.push(Effect::Close(Box::new(ending.closed()))),
            _ => {
                if let Some(report) = &ending.report {
                    turn.greet(|out| report.encode(out));
                }
                turn.effects.push(Effect::Close(Box::new(ending.closed())));
            }
        }
    }
}

pub(crate) fn shutting_down() -> Ending {
    let report = ErrorReport::fatal(Sqlstate::ADMIN_SHUTDOWN, "the gateway is shutting down")
        .with_hint("Connect again in a moment; your grant is still good until it expires.");
    Ending::fatal(Party::Gateway, "shutdown", report)
}

/// Of sessions that another connection may mean: the process id that it names, and how long its key is. Sessions of
/// two targets may share a process id, and so may one that ends and the next at the same target.
pub(crate) fn mark(pid: u32, key_bytes: usize) -> u64 {
    (u64::from(pid) << 32) | u64::try_from(key_bytes).unwrap_or(u64::MAX) & 0xffff_ffff
}
