//! A connection of a principal from its first byte to its end.

use crate::enter::Enter;
use crate::live::{self, Live};
use crate::login::{Login, Step};
use crate::prompted::Prompted;
use crate::settings::Caches;
use crate::words;
use hoopwire_grant::{Fault, Meter, Party};
use hoopwire_session::{
    Admission, Answer, Ask, Closed, Counters, Effect, Ending, Leg, Legs, Loan, Opening, PhaseLimits, Prompt,
    Withheld, Words, after,
};
use hoopwire_ssh_policy::{Grant, Rights};
use hoopwire_ssh_protocol::channel::number;
use hoopwire_ssh_protocol::gatekeep::{self, Side, Verdict};
use hoopwire_ssh_protocol::{Broken, Heard, Transport, put_disconnect};
use hoopwire_wire::{Random, Secret};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// A turn of a session.
pub type Turn<'a> = hoopwire_session::Turn<'a, Caches>;

/// ```text
///                                   Prompted ──────────────┐
///                                     ▲  │ begun anew      │
///                                     │  ▼                 ▼
///  Fresh ──connected──▶ Kex ──keys──▶ Login ──proved──▶ AwaitGrant ──admit──▶ Enter ──let in──▶ Live
///    │                     │            │                  │                   │               │   │
///    └─────────────────────┴────────────┴──────────────────┴───────────────────┴──▶ Closed ◀───┘   │ with a terminal
///                                                                                     ▲             ▼
///                                                                                     └──────── Leaving
/// ```
#[derive(Debug)]
enum Phase {
    /// Accepted.
    Fresh,
    /// Identification and first keys.
    Kex,
    /// The principal says who it is.
    Login(Login),
    /// The control plane asks the principal something, and decides.
    Prompted(Prompted),
    /// The control plane decides.
    AwaitGrant,
    /// Admitted; the gateway logs in at the target.
    Enter(Box<Enter>),
    /// Both legs are up.
    Live(Box<Live>),
    /// Cut. The terminal's last words are on their way: a client that hears DISCONNECT at once throws them away.
    Leaving {
        no: u32,
        ending: Box<Ending>,
    },
    Closed,
}

/// How long a client has to read the last words, and to show what it has read: at a DISCONNECT it drops them.
const LEAVING: Duration = Duration::from_secs(1);
const SHOWING: Duration = Duration::from_millis(50);

/// One connection of a principal.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    limits: PhaseLimits,
    /// Of the phases before the session is ready.
    deadline: Instant,
    down: Option<Transport>,
    up: Option<Transport>,
    /// Scratch: the packet at hand, and what a transport says for itself.
    payload: Vec<u8>,
    own: Vec<u8>,
    counters: Counters,
}

impl Session {
    /// A connection was accepted at `now`.
    #[must_use]
    pub fn new(limits: PhaseLimits, now: Instant) -> Session {
        Session {
            phase: Phase::Fresh,
            limits,
            deadline: after(now, limits.startup),
            down: None,
            up: None,
            payload: Vec::new(),
            own: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// The phase, for logs: a word.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        match &self.phase {
            Phase::Fresh | Phase::Kex => "key_exchange",
            Phase::Login(_) | Phase::Prompted(_) => "login",
            Phase::AwaitGrant => "admission",
            Phase::Enter(_) => "upstream_login",
            Phase::Live(_) | Phase::Leaving { .. } => "ready",
            Phase::Closed => "closed",
        }
    }

    /// Waiting for the control plane's answer.
    #[must_use]
    pub fn is_waiting_for_grant(&self) -> bool {
        match &self.phase {
            Phase::AwaitGrant => true,
            Phase::Prompted(prompted) => prompted.is_answered(),
            _ => false,
        }
    }

    /// The session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// The login at the target is done.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Live(_) | Phase::Leaving { .. })
    }

    /// Packets are put out whole: words may always be said.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        true
    }

    /// Somebody else owes something first.
    #[must_use]
    pub fn holds_principal(&self) -> bool {
        matches!(self.phase, Phase::AwaitGrant | Phase::Enter(_))
    }

    /// What waits for new keys, and on channels.
    #[must_use]
    pub fn withheld(&self) -> Withheld {
        let held = |leg: &Option<Transport>| leg.as_ref().map_or(0, Transport::held_bytes);
        let channels = match &self.phase {
            Phase::Live(live) => live.held_bytes(),
            _ => 0,
        };
        Withheld { down: held(&self.down), up: held(&self.up), channels }
    }

    /// New keys are being agreed on with the principal: until they are, nothing else can go to it.
    #[must_use]
    pub fn awaits_principal(&self) -> bool {
        self.down.as_ref().is_some_and(Transport::in_kex)
    }

    /// The same with the target.
    #[must_use]
    pub fn awaits_target(&self) -> bool {
        self.up.as_ref().is_some_and(Transport::in_kex)
    }

    /// The grant, once admitted.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match &self.phase {
            Phase::Enter(enter) => Some(&enter.grant),
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
            Phase::Live(live) => Some(live.wake()),
            Phase::Enter(enter) => Some(self.deadline.min(enter.grant.deadline)),
            _ => Some(self.deadline),
        }
    }

    /// The turn is kept: its packets get their place in the ciphers' counts.
    pub fn seal(&mut self, legs: &mut Legs, random: &mut dyn Random) {
        let Session { down, up, .. } = self;
        legs.seal(|leg, plain, out| {
            let transport = match leg {
                Leg::Down => &mut *down,
                Leg::Up => &mut *up,
            };
            if let Some(transport) = transport {
                transport.seal(plain, out, random);
            }
        });
    }

    /// The connection is there: the gateway says what it speaks.
    pub fn handle_open(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.phase, Phase::Fresh) {
            return;
        }
        let mut leg = Transport::server(Arc::clone(&turn.caches.host_keys));
        leg.begin(&mut self.own, turn.random);
        self.down = Some(leg);
        self.phase = Phase::Kex;
        self.say_own(Leg::Down, turn);
    }

    /// An ssh connection has no TLS.
    pub fn handle_tls(&mut self, _direct: bool, _alpn: Option<&[u8]>, turn: &mut Turn<'_>) {
        self.settle(Err(words::misbehaved_client("TLS where ssh is spoken")), turn);
    }

    /// Bytes of the principal.
    pub fn handle_downstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        if let Some(leg) = &mut self.down {
            leg.push(input);
        }
        let outcome = self.hear_principal(turn);
        self.settle(outcome, turn);
    }

    /// Bytes of the target.
    pub fn handle_upstream(&mut self, input: &[u8], turn: &mut Turn<'_>) {
        if self.is_leaving() {
            return;
        }
        if let Some(leg) = &mut self.up {
            leg.push(input);
        }
        let outcome = self.hear_target(turn);
        self.settle(outcome, turn);
    }

    /// Takes the packets of the principal that may be taken now.
    fn hear_principal(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while !self.holds_principal() && !self.is_closed() {
            let heard = self.next(Leg::Down, turn).map_err(|broken| client_broke(&broken))?;
            if heard == Some(Heard::Packet) && !self.may_take(Side::Client, turn)? {
                continue;
            }
            match (&mut self.phase, heard) {
                (_, None) => break,
                (_, Some(Heard::Disconnected { text, .. })) => return Err(left(&text)),
                (phase @ Phase::Kex, Some(Heard::KexDone { .. })) => *phase = Phase::Login(Login::default()),
                (Phase::Login(_), Some(Heard::Packet)) => self.hear_login(turn)?,
                (Phase::Prompted(prompted), Some(Heard::Packet)) => {
                    let answer = prompted.hear(&self.payload);
                    if !matches!(answer, Ok(Answer::Withdrawn)) {
                        self.payload.zeroize();
                    }
                    self.answered(answer?, turn)?;
                }
                (Phase::Live(live), Some(Heard::Packet)) => live.hear_client(&self.payload, turn)?,
                // nothing of it goes anywhere any more
                (Phase::Leaving { .. }, Some(Heard::Packet)) => {
                    let number = self.payload.first().copied().unwrap_or_default();
                    if matches!(number, number::REQUEST_SUCCESS | number::REQUEST_FAILURE) {
                        self.deadline = self.deadline.min(after(turn.now, SHOWING));
                    }
                    self.payload.zeroize();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A packet of a login.
    fn hear_login(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let (Phase::Login(login), Some(leg)) = (&mut self.phase, &self.down) else { return Ok(()) };
        let step = login.hear(&self.payload, leg.session_id(), turn.caches, &mut self.own);
        // it may have held a secret
        self.payload.zeroize();
        self.say_own(Leg::Down, turn);
        let (user, credential, is_proved) = match step? {
            Step::GoOn => return Ok(()),
            Step::Proved { user, credential, is_proved } => {
                self.phase = Phase::AwaitGrant;
                (user, credential, is_proved)
            }
            Step::WantsPrompt { user } => {
                if let Phase::Login(login) = std::mem::replace(&mut self.phase, Phase::Closed) {
                    self.phase = Phase::Prompted(Prompted::new(login));
                }
                (user, Secret::new(String::new()), false)
            }
        };
        turn.effects.push(Effect::AskGrant(Box::new(Ask {
            user,
            database: String::new(),
            application_name: String::new(),
            replication: false,
            credential,
            is_proved,
            wants_prompt: matches!(self.phase, Phase::Prompted(_)),
        })));
        self.deadline = after(turn.now, self.limits.admission);
        Ok(())
    }

    /// The principal has answered the control plane's prompt, or begins anew.
    fn answered(&mut self, answer: Answer, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let is_withdrawn = matches!(answer, Answer::Withdrawn);
        turn.effects.push(Effect::Answer(answer));
        if !is_withdrawn {
            // the control plane's own end comes first, so that the principal hears a reason
            self.deadline = after(self.deadline, self.limits.admission);
            return Ok(());
        }
        if let Phase::Prompted(prompted) = std::mem::replace(&mut self.phase, Phase::Closed) {
            self.phase = Phase::Login(prompted.login);
        }
        self.deadline = after(turn.now, self.limits.startup);
        self.hear_login(turn)
    }

    /// The control plane says what the principal is asked.
    pub fn handle_prompt(&mut self, prompt: &Prompt, turn: &mut Turn<'_>) {
        let Phase::Prompted(prompted) = &mut self.phase else { return };
        if let Some(wait) = prompted.ask(prompt, &mut self.own) {
            self.deadline = after(turn.now, wait);
        }
        self.say_own(Leg::Down, turn);
    }

    fn hear_target(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while !self.is_closed() {
            let heard = self.next(Leg::Up, turn).map_err(|broken| target_broke(&broken))?;
            if heard == Some(Heard::Packet) && !self.may_take(Side::Server, turn)? {
                continue;
            }
            match (&mut self.phase, heard) {
                (_, None) => return Ok(()),
                (_, Some(Heard::Disconnected { text, .. })) => return Err(target_left(&text)),
                (Phase::Enter(enter), Some(heard)) => {
                    let Some(leg) = &mut self.up else { return Ok(()) };
                    let is_in = enter.hear(&heard, &self.payload, leg, turn)?;
                    if is_in {
                        self.let_in(turn)?;
                    }
                }
                (Phase::Live(live), Some(Heard::Packet)) => live.hear_target(&self.payload, turn)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// May the packet at hand come now, from this side? What nobody knows is answered, and goes no further.
    fn may_take(&mut self, side: Side, turn: &mut Turn<'_>) -> Result<bool, Ending> {
        let phase = if self.is_ready() { gatekeep::Phase::AfterLogin } else { gatekeep::Phase::BeforeLogin };
        let number = self.payload.first().copied().unwrap_or_default();
        match gatekeep::verdict(phase, side, number) {
            Verdict::Take => Ok(true),
            Verdict::Ignore => Ok(false),
            Verdict::Unimplemented => {
                let leg = match side {
                    Side::Client => Leg::Down,
                    Side::Server => Leg::Up,
                };
                if let Some(transport) = self.leg(leg) {
                    let mut answer = Vec::new();
                    transport.unimplemented(&mut answer);
                    self.own.append(&mut answer);
                }
                self.say_own(leg, turn);
                Ok(false)
            }
            Verdict::Refuse if side == Side::Client => {
                Err(words::misbehaved_client(&format!("packet {number} before its time")))
            }
            Verdict::Refuse => Err(words::misbehaved_target(&format!("packet {number} before its time"))),
        }
    }

    fn leg(&mut self, leg: Leg) -> Option<&mut Transport> {
        match leg {
            Leg::Down => self.down.as_mut(),
            Leg::Up => self.up.as_mut(),
        }
    }

    /// The next thing that came on a leg; what the transport has to say for itself goes out.
    fn next(&mut self, leg: Leg, turn: &mut Turn<'_>) -> Result<Option<Heard>, Broken> {
        let transport = match leg {
            Leg::Down => &mut self.down,
            Leg::Up => &mut self.up,
        };
        let Some(transport) = transport else { return Ok(None) };
        let heard = transport.next(&mut self.payload, &mut self.own, turn.random);
        self.say_own(leg, turn);
        heard
    }

    fn say_own(&mut self, leg: Leg, turn: &mut Turn<'_>) {
        if self.own.is_empty() {
            return;
        }
        let own = &mut self.own;
        match leg {
            Leg::Down => turn.carry_down(|out| out.append(own)),
            Leg::Up => turn.carry_up(|out| out.append(own)),
        }
    }

    /// The target let the gateway in: so does the gateway the principal.
    fn let_in(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Phase::Enter(enter) = std::mem::replace(&mut self.phase, Phase::Closed) else { return Ok(()) };
        let peer = |leg: &Option<Transport>| leg.as_ref().map_or(String::new(), |leg| leg.peer().to_owned());
        let (client, target) = (peer(&self.down), peer(&self.up));
        self.phase = Phase::Live(Box::new(Live::new(*enter, &client, &target, turn.now)));
        for leg in [&mut self.down, &mut self.up].into_iter().flatten() {
            leg.authenticated();
        }
        turn.carry_down(hoopwire_ssh_protocol::userauth::say::success);
        turn.effects.push(Effect::Established);
        self.hear_principal(turn)
    }

    /// The control plane admits: record the start, then connect to the target.
    pub fn handle_admit(&mut self, admission: Admission<'_, Rights>, turn: &mut Turn<'_>) {
        if !self.is_waiting_for_grant() {
            return;
        }
        let texts: Vec<&str> = admission.grant.rights.texts().iter().map(String::as_str).collect();
        let peer = self.down.as_ref().map_or("", Transport::peer);
        turn.record_start(&admission, &texts, peer);
        let Admission { no, grant, spent, .. } = admission;
        let meter = Meter::new(grant.budgets, spent);
        let enter = Box::new(Enter::new(no, grant, meter));
        let outcome = enter.connect(turn);
        self.phase = Phase::Enter(enter);
        self.deadline = after(turn.now, self.limits.upstream_login);
        if outcome.is_ok() {
            turn.effects.push(Effect::Dial(Opening::Direct { alpn: &[] }));
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
        let Phase::Enter(enter) = &mut self.phase else { return };
        let outcome = enter.begin(loan, turn.unix_s()).map(|mut leg| {
            leg.begin(&mut self.own, turn.random);
            self.up = Some(leg);
        });
        self.say_own(Leg::Up, turn);
        self.settle(outcome, turn);
    }

    /// A side closed its half of the connection.
    pub fn handle_eof(&mut self, upstream: bool, turn: &mut Turn<'_>) {
        let ending = match (&self.phase, upstream) {
            (Phase::Leaving { .. }, true) => return,
            (Phase::Enter(_), true) => words::not_let_in("the target closed the connection"),
            (_, true) => target_left("it closed the connection"),
            (_, false) => left("the client closed the connection"),
        };
        self.settle(Err(ending), turn);
    }

    /// A deadline passed, or may have.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let is_late = turn.now >= self.deadline;
        let outcome = match &mut self.phase {
            Phase::Live(live) => live.look_at_time(turn),
            Phase::Enter(enter) => enter.look_at_time(turn.now).and_then(|()| {
                if is_late { Err(words::not_let_in("it did not answer in time")) } else { Ok(()) }
            }),
            Phase::AwaitGrant if is_late => Err(words::late_decision()),
            Phase::Leaving { .. } if is_late => return self.leave(turn),
            Phase::Prompted(prompted) if is_late && !prompted.is_asked() => Err(words::late_decision()),
            Phase::Fresh | Phase::Kex | Phase::Login(_) | Phase::Prompted(_) if is_late => {
                Err(words::too_late(Party::Principal, Fault::BrokeProtocol, "the login was not done in time"))
            }
            _ => Ok(()),
        };
        self.settle(outcome, turn);
    }

    /// The grant was replaced: decided again at once.
    pub fn handle_regrant(&mut self, grant: Grant, reason: &str, turn: &mut Turn<'_>) {
        let outcome = match &mut self.phase {
            Phase::Enter(enter) => enter.replace_grant(grant, reason, turn),
            Phase::Live(live) => live.replace_grant(grant, reason, turn),
            _ => Ok(()),
        };
        self.settle(outcome, turn);
    }

    /// The gateway drains: end now if nothing runs, else as soon as it is done.
    pub fn handle_drain(&mut self, turn: &mut Turn<'_>) {
        let outcome = match &mut self.phase {
            Phase::Live(live) => live.drain(),
            Phase::Leaving { .. } => Ok(()),
            _ => Err(words::shutting_down()),
        };
        self.settle(outcome, turn);
    }

    /// The gateway stops: end now.
    pub fn handle_shutdown(&mut self, turn: &mut Turn<'_>) {
        self.settle(Err(words::shutting_down()), turn);
    }

    /// End with these words, whatever the phase; where the last words are being said already, those count.
    pub fn handle_end(&mut self, ending: Ending, turn: &mut Turn<'_>) {
        if !self.is_leaving() {
            self.settle(Err(ending), turn);
        }
    }

    /// The target was told the end: what it still says, and that it goes, cuts nobody's last words short.
    fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    fn settle(&mut self, outcome: Result<(), Ending>, turn: &mut Turn<'_>) {
        let Err(ending) = outcome else { return };
        if let Phase::Leaving { .. } = self.phase {
            return self.leave(turn);
        }
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closed => return,
            Phase::Fresh | Phase::Kex | Phase::Login(_) | Phase::Prompted(_) | Phase::AwaitGrant => {
                if let (Some(fault), Some(words), Some(_)) = (ending.fault, &ending.words, &self.down) {
                    turn.greet(|out| goodbye(out, fault, words));
                }
            }
            Phase::Leaving { .. } => {}
            Phase::Enter(enter) => enter.end(&ending, turn),
            Phase::Live(mut live) => {
                self.counters = live.counters;
                if live.cut(&ending, turn) {
                    self.deadline = after(turn.now, LEAVING);
                    self.phase = Phase::Leaving { no: live.no, ending: Box::new(ending) };
                    return;
                }
                live::end(live.no, &ending, self.counters, turn);
            }
        }
        self.close(ending, turn);
    }

    /// The last words have had their time.
    fn leave(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Leaving { no, ending } = std::mem::replace(&mut self.phase, Phase::Closed) {
            live::end(no, &ending, self.counters, turn);
            self.close(*ending, turn);
        }
    }

    fn close(&self, ending: Ending, turn: &mut Turn<'_>) {
        let code = ending.fault.map_or("", words::code).to_owned();
        let closed = Closed { by: ending.by, reason: ending.reason, code, was_signal: false };
        turn.effects.push(Effect::Close(Box::new(closed)));
    }
}

/// The DISCONNECT that tells why (RFC 4253, 11.1).
pub(crate) fn goodbye(out: &mut Vec<u8>, fault: Fault, words: &Words) {
    put_disconnect(out, words::disconnect_reason(fault), &words::lines(words, "\r\n"));
}

/// An ordinary end by the client.
fn left(text: &str) -> Ending {
    let reason = if text.is_empty() { "the client disconnected" } else { text };
    Ending::quiet(Party::Principal, reason)
}

fn target_left(text: &str) -> Ending {
    let words = Words::new("the connection to the target ended").detail(text);
    Ending::faulty(
        Party::Target,
        Fault::TargetLost,
        format!("the target ended the connection: {text}"),
        words,
    )
}

fn client_broke(broken: &Broken) -> Ending {
    words::misbehaved_client(&broken.text)
}

fn target_broke(broken: &Broken) -> Ending {
    if broken.host_key {
        words::not_let_in("its host key is not the one that the gateway's operators have pinned")
    } else {
        words::misbehaved_target(&broken.text)
    }
}
