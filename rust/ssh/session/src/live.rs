//! A session whose legs are both up: packets of either peer are looked at, decided where they ask for something,
//! recorded, and passed on as they are.

use crate::channels::{Channels, Runs, State};
use crate::enter::Enter;
use crate::file_transfer::{Scene, Transfer};
use crate::keep::Keeper;
use crate::lent::Screen;
use crate::listeners::{Listeners, Place};
use crate::session::{Turn, goodbye};
use crate::words;
use hoopwire_grant::{Budget, Fault, Meter, Party, Permit};
use hoopwire_recording::{Direction, Frame, GrantChanged, SessionEnd};
use hoopwire_session::{Counters, Ending, Silence, Words};
use hoopwire_ssh_policy::{Action, Denial, Grant, decide};
use hoopwire_ssh_protocol::channel::say;
use hoopwire_ssh_protocol::put_disconnect;
use std::collections::VecDeque;
use std::time::Instant;

/// So many things may be refused in one session: an agent that goes on asking is not helped by more words.
const REFUSALS_MAX: u32 = 10_000;
/// So much may wait on all sftp channels of a session.
const HELD_MAX: usize = 16 * 1024 * 1024;
/// What a terminal is put back to before words of ours: colours, alternate screen, cursor, paste and mouse modes, keypad,
/// scrolling region.
const SANE: &[u8] =
    b"\x1b[0m\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1l\x1b>\x1b[r\r\n";

/// ```text
///  NotDue ──its time──▶ Said        NotDue ──a grant that ends later──▶ NotDue
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    NotDue,
    Said,
}

/// A session with a grant, after both logins.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) no: u32,
    pub(crate) grant: Grant,
    pub(crate) meter: Meter,
    pub(crate) counters: Counters,
    pub(crate) channels: Channels,
    pub(crate) listeners: Listeners,
    /// The client has said that it opens no more of them.
    pub(crate) no_more_sessions: bool,
    /// The target is one that knows OpenSSH's own requests.
    pub(crate) is_openssh: bool,
    /// And that it has paths as a Unix has them.
    is_unix: bool,
    /// The client shows what comes on stderr, and hides the words of a STATUS: OpenSSH's own.
    shows_stderr: bool,
    pub(crate) notice: Notice,
    /// The session ends when nothing runs any more.
    pub(crate) draining: bool,
    refusals: u32,
    /// Channels that the target opened and nobody takes.
    unasked: u32,
    /// Bytes that wait on sftp channels.
    held: usize,
    /// CHANNEL_OPENs that wait until a number is free, as they came.
    pub(crate) waiting: VecDeque<Vec<u8>>,
    pub(crate) silence: Silence,
}

impl Live {
    /// With the identifications of both peers.
    pub(crate) fn new(enter: Enter, client: &str, target: &str, now: Instant) -> Live {
        let Enter { no, grant, meter, .. } = enter;
        let mut silence = Silence::new(now);
        silence.watch(grant.idle);
        Live {
            no,
            grant,
            meter,
            counters: Counters::default(),
            channels: Channels::default(),
            listeners: Listeners::default(),
            no_more_sessions: false,
            is_openssh: target.contains("OpenSSH"),
            is_unix: !target.contains("Windows"),
            shows_stderr: client.contains("OpenSSH"),
            notice: Notice::NotDue,
            draining: false,
            refusals: 0,
            unasked: 0,
            held: 0,
            waiting: VecDeque::new(),
            silence,
        }
    }

    pub(crate) fn keeper(&self) -> Keeper<'_> {
        Keeper { no: self.no, grant: &self.grant }
    }

    /// The session as a whole is still good: asked before each packet, so that none passes after the end.
    pub(crate) fn permit(&self, now: Instant) -> Result<Permit, Ending> {
        decide(&self.grant, now, &Action::Connect).map_err(|denial| words::denied(&denial))
    }

    /// One more operation, if the budgets have room for it.
    pub(crate) fn afford(&self, permit: Permit) -> Result<Permit, Denial> {
        let taken = self.meter.take_statement().map(|()| permit);
        taken.map_err(|budget| self.meter.denial(budget, &self.grant))
    }

    /// One more refusal.
    pub(crate) fn refused(&mut self) -> Result<(), Ending> {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals < REFUSALS_MAX {
            return Ok(());
        }
        let words = Words::new(format!("more than {REFUSALS_MAX} requests of this session were refused"))
            .hint("Read what they say: each names what to ask for.");
        Err(Ending::faulty(Party::Gateway, Fault::OverLimit, "too many refused requests", words))
    }

    /// One more channel of the target's that was refused.
    pub(crate) fn unasked(&mut self) -> Result<(), Ending> {
        self.unasked = self.unasked.saturating_add(1);
        if self.unasked < REFUSALS_MAX {
            return Ok(());
        }
        Err(words::misbehaved_target(&format!("more than {REFUSALS_MAX} channels that were refused")))
    }

    /// Bytes that wait on channels.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.saturating_add(self.waiting_bytes())
    }

    /// Of CHANNEL_OPENs that wait until a number is free.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(Vec::len).sum()
    }

    /// Something comes on an sftp channel.
    pub(crate) fn in_transfer(
        &mut self,
        client: u32,
        turn: &mut Turn<'_>,
        act: impl FnOnce(&mut Transfer, &mut Scene<'_>, &mut Turn<'_>) -> Result<(), Ending>,
    ) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let Some(channel) = self.channels.of_client(client) else { return Ok(()) };
        if channel.closes.from_client || channel.closes.to_client {
            // nobody hears an answer any more
            return Ok(());
        }
        let (Some(mut transfer), Some(target)) = (channel.transfer.take(), channel.target) else {
            return Ok(());
        };
        let before = transfer.held_bytes();
        let mut scene = Scene {
            keeper,
            meter: &self.meter,
            counters: &mut self.counters,
            channel,
            target,
            is_openssh: self.is_openssh && self.is_unix,
            shows_stderr: self.shows_stderr,
            refused: 0,
            passed: 0,
        };
        let outcome = act(&mut transfer, &mut scene, turn);
        let Scene { refused, passed, .. } = scene;
        self.held = self.held.saturating_sub(before).saturating_add(transfer.held_bytes());
        channel.transfer = Some(transfer);
        outcome?;
        if channel.closes.from_target && !channel.closes.to_client && !channel.owes_client() {
            channel.close_down(keeper, turn);
        }
        self.count_out(passed)?;
        for _ in 0..refused {
            self.refused()?;
        }
        if self.held > HELD_MAX {
            return Err(words::misbehaved_client("sftp: more requests that wait than are kept"));
        }
        self.settle_channel(client, turn.now)
    }

    /// Bytes go to the principal.
    pub(crate) fn count_out(&mut self, bytes: usize) -> Result<(), Ending> {
        let bytes = bytes as u64;
        if self.meter.limits_bytes() && !self.meter.take_bytes(bytes) {
            let denial: Denial = self.meter.denial(Budget::Bytes, &self.grant);
            return Err(words::denied(&denial));
        }
        self.counters.bytes_out = self.counters.bytes_out.saturating_add(bytes);
        Ok(())
    }

    /// A channel may be gone, and with it the last thing that ran.
    pub(crate) fn settle_channel(&mut self, client: u32, now: Instant) -> Result<(), Ending> {
        self.channels.forget_if_closed(client);
        if self.held > 0 {
            let transfers = self.channels.iter().filter_map(|channel| channel.transfer.as_ref());
            self.held = transfers.map(|transfer| transfer.held_bytes()).sum();
        }
        if self.meter.is_running() && !self.channels.iter().any(|each| each.state == State::Running) {
            self.meter.stop(now);
        }
        if self.draining && self.channels.is_empty() { Err(words::shutting_down()) } else { Ok(()) }
    }

    /// When to look at the time again.
    pub(crate) fn wake(&self) -> Instant {
        let notice = self.grant.notice_at.filter(|_| self.notice == Notice::NotDue);
        [self.meter.wake(), notice, self.silence.look_at()]
            .into_iter()
            .flatten()
            .fold(self.grant.deadline, Instant::min)
    }

    /// Time went by: is the session still good, and is somebody to be told that it ends soon?
    pub(crate) fn look_at_time(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.meter.tick(turn.now);
        self.permit(turn.now)?;
        if self.meter.is_over_time() && self.meter.is_running() {
            let denial: Denial = self.meter.denial(Budget::WallTime, &self.grant);
            return Err(words::denied(&denial));
        }
        if self.silence.look_at().is_some_and(|at| turn.now >= at)
            && self.silence.is_too_long(turn.now, self.grant.idle, self.grant.idle)
        {
            return Err(words::idle(&self.grant));
        }
        if self.notice == Notice::NotDue && self.grant.notice_at.is_some_and(|at| turn.now >= at) {
            self.notice = Notice::Said;
            let text = format!("\r\nhoopwire: this session ends at {}.\r\n", self.grant.expires_text);
            let _ = self.tell_terminals(text.as_bytes(), turn);
        }
        Ok(())
    }

    /// Words on every terminal, as far as there is room for them. False if nobody has one.
    fn tell_terminals(&mut self, text: &[u8], turn: &mut Turn<'_>) -> bool {
        let mut is_told = false;
        let keeper = Keeper { no: self.no, grant: &self.grant };
        for channel in self.channels.iter_mut() {
            if channel.state != State::Running || !channel.has_terminal || channel.closes.to_client {
                continue;
            }
            let fits = channel.inject(text);
            if !fits.is_empty() {
                let kept = keeper.words(channel.no, 0, fits, turn);
                let client = channel.client;
                turn.hand_down(kept, |out| say::data(out, client, fits));
                is_told = true;
            }
        }
        is_told
    }

    /// The grant was replaced. What runs is decided again: what it no longer covers ends the session.
    pub(crate) fn replace_grant(
        &mut self,
        grant: Grant,
        reason: &str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let frame = Frame::GrantChanged(GrantChanged { grant: &grant.id, reason });
        turn.record(self.no, Direction::Gateway, &frame);
        let old = std::mem::replace(&mut self.grant, grant);
        self.grant.succeed(&old);
        self.meter.set_budgets(self.grant.budgets);
        self.silence.watch(self.grant.idle);
        let still = |action: &Action<'_>| {
            decide(&self.grant, turn.now, action).map(drop).map_err(|denial| words::denied(&denial))
        };
        for channel in self.channels.iter().filter(|channel| channel.state != State::Refused) {
            let terminal = channel.has_terminal.then_some(Action::Pty { term: "" });
            let agent = channel.lent.agent.then_some(Action::AgentForwarding);
            let screen = (channel.lent.screen != Screen::No).then_some(Action::X11);
            let runs = channel.runs.as_ref().map(Runs::action);
            [terminal, agent, screen, runs].iter().flatten().try_for_each(still)?;
        }
        self.listeners.places().map(Place::action).try_for_each(|action| still(&action))?;
        self.look_at_time(turn)
    }

    /// The gateway drains: at once if nothing is open.
    pub(crate) fn drain(&mut self) -> Result<(), Ending> {
        self.draining = true;
        if self.channels.is_empty() { Err(words::shutting_down()) } else { Ok(()) }
    }

    /// Nothing passes any more: the target hears it at once, and every terminal is told why and put in order. False if
    /// there is none.
    pub(crate) fn cut(&mut self, ending: &Ending, turn: &mut Turn<'_>) -> bool {
        self.meter.stop(turn.now);
        let keeper = Keeper { no: self.no, grant: &self.grant };
        for channel in self.channels.iter_mut() {
            channel.finish_transfer(keeper, turn);
        }
        let reason = words::disconnect_reason(Fault::Ended);
        turn.carry_up(|out| put_disconnect(out, reason, "the session has ended"));
        let Some(words) = &ending.words else { return false };
        let mut text = SANE.to_vec();
        text.extend_from_slice(b"hoopwire: ");
        text.extend_from_slice(words::lines(words, "\r\nhoopwire: ").as_bytes());
        text.extend_from_slice(b"\r\n");
        let is_told = self.tell_terminals(&text, turn);
        if is_told {
            // its answer says that the words were read
            turn.carry_down(say::keepalive);
        }
        is_told
    }
}

/// The last frame of a session, and the DISCONNECT that tells the principal why.
pub(crate) fn end(no: u32, ending: &Ending, counters: Counters, turn: &mut Turn<'_>) {
    let frame = Frame::SessionEnd(SessionEnd {
        closed_by: ending.by.word(),
        reason: &ending.reason,
        sqlstate: ending.fault.map_or("", words::code),
        statements: counters.statements,
        rows: counters.rows,
        bytes_in: counters.bytes_in,
        bytes_out: counters.bytes_out,
    });
    let kept = turn.record(no, Direction::Gateway, &frame);
    if let (Some(fault), Some(words)) = (ending.fault, &ending.words) {
        turn.hand_down(kept, |out| goodbye(out, fault, words));
    }
}
