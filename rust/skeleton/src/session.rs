//! A connection of a principal from its first byte to its end.

use crate::lines::Lines;
use crate::live::{Live, Step};
use crate::rights::{Grant, Rights};
use crate::words;
use hoopwire_grant::{Fault, Meter, Party};
use hoopwire_session::{Admission, Ask, Closed, Counters, Effect, Ending, Loan, Opening, PhaseLimits, after};
use hoopwire_wire::Secret;
use std::time::Instant;

/// The protocol's name in TLS.
pub const ALPN: &[&[u8]] = &[b"skeleton"];
/// How TLS begins toward a target.
const OPENING: Opening =
    Opening::Asked { question: b"TLS\n", yes: b'+', no: b'-', name: "TLS line", alpn: ALPN };

/// Its sessions share nothing on a reactor.
#[derive(Debug)]
pub struct Caches;

/// A turn of a session.
pub type Turn<'a> = hoopwire_session::Turn<'a, Caches>;

/// ```text
///  AwaitTls ──handshake──▶ AwaitHello ──HELLO──▶ AwaitGrant ──admit──▶ Live
///      └────────────────────────┴─────────────────────┴──▶ Closed ◀─────┘
/// ```
#[derive(Debug)]
enum Phase {
    AwaitTls,
    AwaitHello,
    AwaitGrant,
    Live(Box<Live>),
    Closed,
}

/// One connection of a principal.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    limits: PhaseLimits,
    /// Of the phases before the session is ready.
    deadline: Instant,
    from_principal: Lines,
    from_target: Lines,
    counters: Counters,
}

impl Session {
    /// A connection was accepted at `now`.
    #[must_use]
    pub fn new(limits: PhaseLimits, now: Instant) -> Session {
        Session {
            phase: Phase::AwaitTls,
            limits,
            deadline: after(now, limits.tls_handshake),
            from_principal: Lines::default(),
            from_target: Lines::default(),
            counters: Counters::default(),
        }
    }

    /// The phase, for logs: a word.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        match &self.phase {
            Phase::AwaitTls => "tls_handshake",
            Phase::AwaitHello => "startup",
            Phase::AwaitGrant => "admission",
            Phase::Live(live) if live.step == Step::Login => "upstream_login",
            Phase::Live(_) => "ready",
            Phase::Closed => "closed",
        }
    }

    /// Waiting for the control plane's answer.
    #[must_use]
    pub fn is_waiting_for_grant(&self) -> bool {
        matches!(self.phase, Phase::AwaitGrant)
    }

    /// The session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// The login at the target is done.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(&self.phase, Phase::Live(live) if live.step != Step::Login)
    }

    /// Lines are delivered whole: words may always be said.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        true
    }

    /// Somebody else owes something first.
    #[must_use]
    pub fn holds_principal(&self) -> bool {
        match &self.phase {
            Phase::AwaitGrant => true,
            Phase::Live(live) => live.step != Step::Idle,
            _ => false,
        }
    }

    /// The grant, once admitted.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match &self.phase {
            Phase::Live(live) => Some(&live.grant),
            _ => None,
        }
    }

    /// Running totals; they stay after the end.
    #[must_use]
    pub fn counters(&self) -> Counters {
        match &self.phase {
            Phase::Live(live) => live.counters,
            _ => self.counters,
        }
    }

    /// No other connection can mean this session.
    #[must_use]
    pub fn mark(&self) -> Option<u64> {
        None
    }

    /// When `handle_timeout` wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Closed => None,
            Phase::Live(live) if live.step == Step::Login => Some(live.wake().min(self.deadline)),
            Phase::Live(live) => Some(live.wake()),
            _ => Some(self.deadline),
        }
    }

    /// TLS is up on the downstream leg: it begins with the first byte.
    pub fn handle_tls(&mut self, direct: bool, alpn: Option<&[u8]>, turn: &mut Turn<'_>) {
        if !matches!(self.phase, Phase::AwaitTls) || !direct || alpn != ALPN.first().copied() {
            return self
                .settle(Err(words::misbehaved_client("TLS needs the ALPN protocol \"skeleton\"")), turn);
        }
        self.phase = Phase::AwaitHello;
        self.deadline = after(turn.now, self.limits.startup);
    }

    /// Bytes of the principal (decrypted, if inside TLS).
    pub fn handle_downstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        self.from_principal.push(input);
        let outcome = self.go_on(turn);
        self.settle(outcome, turn);
    }

    /// Takes the lines of the principal that may be taken now.
    fn go_on(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while !self.holds_principal() {
            let line = self.from_principal.next(self.limits.statement_max_bytes);
            let line = line.map_err(|_| words::misbehaved_client("a line that is too long"))?;
            match (&mut self.phase, line) {
                (Phase::AwaitTls, _) => return Err(words::misbehaved_client("bytes outside of TLS")),
                (Phase::AwaitHello, Some(line)) => self.greet(&line, turn)?,
                (Phase::Live(live), Some(line)) => live.take(&line, turn)?,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn greet(&mut self, line: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let text = std::str::from_utf8(line).unwrap_or_default().trim_end();
        let [_, user, database, secret] = *text
            .split(' ')
            .collect::<Vec<_>>()
            .first_chunk::<4>()
            .filter(|[hello, ..]| *hello == "HELLO")
            .ok_or_else(|| words::misbehaved_client("expected HELLO name target secret"))?;
        turn.effects.push(Effect::AskGrant(Box::new(Ask {
            user: user.to_owned(),
            database: database.to_owned(),
            application_name: String::new(),
            replication: false,
            credential: Secret::new(secret.to_owned()),
            is_proved: false,
            wants_prompt: false,
        })));
        self.phase = Phase::AwaitGrant;
        self.deadline = after(turn.now, self.limits.admission);
        Ok(())
    }

    /// The control plane admits: record the start, then connect to the target.
    pub fn handle_admit(&mut self, admission: Admission<'_, Rights>, turn: &mut Turn<'_>) {
        if !self.is_waiting_for_grant() {
            return;
        }
        turn.record_start(&admission, &["get", "put"], "");
        let Admission { no, grant, spent, .. } = admission;
        let meter = Meter::new(grant.budgets, spent);
        let (step, counters) = (Step::Login, Counters::default());
        let mut live = Box::new(Live { no, grant, meter, step, counters, draining: false });
        let outcome = live.connect(turn);
        self.phase = Phase::Live(live);
        self.deadline = after(turn.now, self.limits.upstream_login);
        if outcome.is_ok() {
            turn.effects.push(Effect::Dial(OPENING));
        }
        self.settle(outcome, turn);
    }

    /// The target is connected: log in.
    pub fn handle_dialed(
        &mut self,
        loan: Loan,
        _tls: bool,
        _end_point: Option<Vec<u8>>,
        turn: &mut Turn<'_>,
    ) {
        if !self.is_closed() {
            let Loan { user, password, .. } = loan;
            let hello = Secret::new(format!("HELLO {user} {}\n", password.expose()));
            turn.log_in_up(|out, _| out.extend_from_slice(hello.expose().as_bytes()));
        }
    }

    /// Bytes of the target (decrypted, if inside TLS).
    pub fn handle_upstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        self.from_target.push(input);
        let outcome = self.hear(turn);
        self.settle(outcome, turn);
    }

    fn hear(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while let Phase::Live(live) = &mut self.phase {
            let line = self.from_target.next(self.limits.statement_max_bytes);
            let line = line.map_err(|_| words::misbehaved_target("a line that is too long"))?;
            let Some(line) = line else { break };
            live.hear(&line, turn)?;
        }
        self.go_on(turn)
    }

    /// A side closed its half of the connection.
    pub fn handle_eof(&mut self, upstream: bool, turn: &mut Turn<'_>) {
        let ending = if upstream {
            let words = "the target closed the connection";
            words::fault(Party::Target, Fault::TargetLost, words, words)
        } else {
            Ending::quiet(Party::Principal, "the client closed the connection")
        };
        self.settle(Err(ending), turn);
    }

    /// A deadline passed, or may have.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let is_late = !self.is_ready() && turn.now >= self.deadline;
        let late = |fault, words| Err(words::fault(Party::Gateway, fault, words, words));
        let outcome = match &mut self.phase {
            Phase::Live(_) if is_late => late(Fault::TargetUnreachable, "the target did not answer in time"),
            Phase::AwaitGrant if is_late => late(Fault::Unavailable, "the gateway could not decide in time"),
            _ if is_late => late(Fault::BrokeProtocol, "the connection was not set up in time"),
            Phase::Live(live) => live.look_at_time(turn.now),
            _ => Ok(()),
        };
        self.settle(outcome, turn);
    }

    /// The grant was replaced: decided again at once.
    pub fn handle_regrant(&mut self, grant: Grant, reason: &str, turn: &mut Turn<'_>) {
        if let Phase::Live(live) = &mut self.phase {
            let outcome = live.replace_grant(grant, reason, turn);
            self.settle(outcome, turn);
        }
    }

    /// The gateway drains: end now if nothing is owed, else as soon as it is there.
    pub fn handle_drain(&mut self, turn: &mut Turn<'_>) {
        match &mut self.phase {
            Phase::Live(live) if live.step == Step::Owed => live.draining = true,
            _ => self.settle(Err(words::shutting_down()), turn),
        }
    }

    /// The gateway stops: end now.
    pub fn handle_shutdown(&mut self, turn: &mut Turn<'_>) {
        self.settle(Err(words::shutting_down()), turn);
    }

    /// End with these words, whatever the phase.
    pub fn handle_end(&mut self, ending: Ending, turn: &mut Turn<'_>) {
        self.settle(Err(ending), turn);
    }

    fn settle(&mut self, outcome: Result<(), Ending>, turn: &mut Turn<'_>) {
        let Err(ending) = outcome else { return };
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closed => return,
            // who has no TLS yet reads no words
            Phase::AwaitTls => {}
            Phase::AwaitHello | Phase::AwaitGrant => {
                if let (Some(fault), Some(words)) = (ending.fault, &ending.words) {
                    turn.greet(|out| out.extend_from_slice(&words::error(fault, &words.message)));
                }
            }
            Phase::Live(mut live) => {
                live.end(&ending, turn);
                self.counters = live.counters;
            }
        }
        let code = ending.fault.map_or("", words::code).to_owned();
        let closed = Closed { by: ending.by, reason: ending.reason, code, was_signal: false };
        turn.effects.push(Effect::Close(Box::new(closed)));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some moment")]
mod tests {
    use super::*;
    use hoopwire_recording::Frames;
    use hoopwire_session::Legs;
    use hoopwire_wire::Random;
    use std::time::Duration;

    const WAIT: Duration = Duration::from_secs(10);
    const LIMITS: PhaseLimits = PhaseLimits {
        tls_handshake: WAIT,
        startup: WAIT,
        admission: WAIT,
        upstream_login: WAIT,
        statement_max_bytes: 100,
    };

    type Act<'a> = &'a dyn Fn(&mut Session, &mut Turn<'_>);

    struct NoRandom;

    impl Random for NoRandom {
        fn fill(&mut self, _: &mut [u8]) {}
    }

    /// One call at `now`: what the principal hears, and how many effects there are.
    fn call(
        session: &mut Session,
        now: Instant,
        act: impl FnOnce(&mut Session, &mut Turn<'_>),
    ) -> (String, usize) {
        let (mut frames, mut legs, mut effects) = (Frames::new(), Legs::default(), Vec::new());
        let (mut random, mut caches) = (NoRandom, Caches);
        let mut turn = Turn::new((now, 0), &mut frames, &mut legs, &mut effects, &mut random, &mut caches);
        act(session, &mut turn);
        (String::from_utf8_lossy(legs.down()).into_owned(), effects.len())
    }

    #[test]
    fn each_phase_has_a_deadline_and_words_of_its_own() {
        let now = Instant::now();
        let grant = || Grant::of(Rights::default(), now + WAIT * 10);
        let admit = |session: &mut Session, turn: &mut Turn<'_>| {
            let (spent, peer) = (Default::default(), "127.0.0.1:5000");
            let admission =
                Admission { no: 1, reactor: 0, session: "s_1", peer, node: "n", grant: grant(), spent };
            session.handle_admit(admission, turn);
        };
        let steps: [(&str, Act<'_>, &str); 4] = [
            ("tls_handshake", &|_, _| {}, ""),
            (
                "startup",
                &|session, turn| session.handle_tls(true, Some(b"skeleton"), turn),
                "ERR malformed: the connection was not set up in time\n",
            ),
            (
                "admission",
                &|session, turn| session.handle_downstream(b"HELLO a b c\n", turn),
                "ERR later: the gateway could not decide in time\n",
            ),
            ("upstream_login", &admit, "ERR target: the target did not answer in time\n"),
        ];
        for (last, (phase, _, words)) in steps.iter().enumerate() {
            let mut session = Session::new(LIMITS, now);
            for (_, step, _) in &steps[..=last] {
                call(&mut session, now, step);
            }
            assert_eq!((session.phase(), session.poll_timeout()), (*phase, Some(now + WAIT)));
            let early = call(&mut session, now + WAIT / 2, Session::handle_timeout);
            assert_eq!((early, session.is_closed()), ((String::new(), 0), false), "{phase}");
            let late = call(&mut session, now + WAIT, Session::handle_timeout);
            assert_eq!((late, session.is_closed()), (((*words).to_owned(), 1), true), "{phase}");
        }
    }

    #[test]
    fn nothing_is_taken_outside_of_tls() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS, now);
        let heard =
            call(&mut session, now, |session, turn| session.handle_downstream(b"HELLO a b c\n", turn));
        assert_eq!((heard, session.is_closed()), ((String::new(), 1), true));
    }
}
