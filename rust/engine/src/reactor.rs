//! One data thread: poll, commands, reads, keep, sends. Its sessions live and die here.
//!
//! Two rules:
//! 1. The order of a turn is fixed (`run`): whatever the sessions put out is sent only after `keep`.
//! 2. Nothing here waits but the poll: no lock is held across a call, no socket blocks.

use crate::address::AddressBook;
use crate::command::Command;
use crate::config::LimitConfig;
use crate::dial::Upstream;
use crate::directory::Directory;
use crate::event::{Counters, Event, EventQueue, add, subtract, unix_s, unix_us};
use crate::leg::{Leg, Scratch};
use crate::slot::Slot;
use crate::spending::Spending;
use crate::timer::Timers;
use crate::tls::{ClientConfigs, ServerConfigs};
use hoopwire_gateway::{Caches, Protocol, Session};
use hoopwire_grant::Fault;
use hoopwire_recording::Frames;
use hoopwire_session::{Effect, PhaseLimits, Words};
use hoopwire_spool::{Spool, SpoolEvent};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ulid::Ulid;

/// Tokens: the two low bits say what, the rest is a slab key.
const DOWN: usize = 0;
pub(crate) const UP: usize = 1;
pub(crate) const AUX: usize = 2;
const OTHER: usize = 3;
pub(crate) const WAKER: Token = Token(OTHER);

const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How long a call to a target may take.
pub(crate) const CALL_FOR: Duration = Duration::from_secs(5);

pub(crate) fn token(kind: usize, key: usize) -> Token {
    Token(key << 2 | kind)
}

/// What other threads put in front of a reactor.
pub(crate) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    waker: Waker,
    pub(crate) load: AtomicU64,
}

impl Mailbox {
    pub(crate) fn new(waker: Waker) -> Mailbox {
        Mailbox { commands: Mutex::default(), waker, load: AtomicU64::new(0) }
    }

    pub(crate) fn send(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        let _ = self.waker.wake();
    }

    fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the reactors and the engine object share.
pub(crate) struct Shared {
    pub(crate) node: String,
    pub(crate) limits: LimitConfig,
    pub(crate) phases: PhaseLimits,
    pub(crate) events: EventQueue,
    pub(crate) counters: Counters,
    pub(crate) addresses: AddressBook,
    pub(crate) directory: Directory,
    pub(crate) spending: Spending,
    pub(crate) sessions: hoopwire_gateway::Shared,
    pub(crate) mailboxes: Vec<Mailbox>,
    /// While the gateway drains: a bit for each reactor that is not done.
    pub(crate) draining: AtomicU64,
}

/// A socket that principals connect to.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) protocol: Protocol,
}

/// A connection that says one thing to a target.
pub(crate) struct OpenCall {
    pub(crate) up: Upstream,
    pub(crate) packet: Vec<u8>,
    /// The session's serial.
    pub(crate) of: u32,
    pub(crate) close_by: Instant,
}

impl OpenCall {
    fn next_deadline(&self) -> Instant {
        self.up.give_up_at().map_or(self.close_by, |at| at.min(self.close_by))
    }
}

/// Where connections come in.
pub(crate) struct Doors {
    listeners: Vec<Listener>,
    /// When accepting is tried again.
    again_at: Option<Instant>,
    pub(crate) tls: ServerConfigs,
}

/// Connections of principals.
#[derive(Default)]
pub(crate) struct Connections {
    pub(crate) slots: Slab<Slot>,
    pub(crate) by_serial: HashMap<u32, usize>,
    last_serial: u32,
}

/// The stream that this reactor records into, and the frames of a turn.
pub(crate) struct Recorder {
    pub(crate) spool: Spool,
    pub(crate) frames: Frames,
}

/// What a turn works with; it goes round, so that no turn allocates.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) scratch: Option<Box<Scratch>>,
    pub(crate) buffers: Vec<Vec<u8>>,
    pub(crate) effects: Vec<Effect>,
    /// Slots to be read.
    pub(crate) ready: Vec<usize>,
    /// Slots to be sent.
    pub(crate) dirty: Vec<usize>,
}

/// On its way out.
#[derive(Default)]
struct Leaving {
    drain_by: Option<Instant>,
    /// The control plane knows that it is drained.
    is_told: bool,
    stopping: bool,
}

pub(crate) struct Reactor {
    pub(crate) index: usize,
    pub(crate) poll: Poll,
    pub(crate) shared: Arc<Shared>,
    pub(crate) doors: Doors,
    pub(crate) configs: ClientConfigs,
    pub(crate) connections: Connections,
    pub(crate) calls: Slab<OpenCall>,
    pub(crate) timers: Timers,
    pub(crate) recorder: Recorder,
    pub(crate) caches: Caches,
    pub(crate) work: Work,
    pub(crate) now: Instant,
    pub(crate) unix_us: u64,
    leaving: Leaving,
}

impl Reactor {
    pub(crate) fn new(
        index: usize,
        poll: Poll,
        shared: Arc<Shared>,
        mut listeners: Vec<Listener>,
        tls: ServerConfigs,
        spool: Spool,
    ) -> std::io::Result<Reactor> {
        for (number, listener) in listeners.iter_mut().enumerate() {
            let token = token(OTHER, number.saturating_add(1));
            poll.registry().register(&mut listener.socket, token, Interest::READABLE)?;
        }
        let caches = Caches::new(&shared.sessions);
        Ok(Reactor {
            index,
            poll,
            shared,
            doors: Doors { listeners, again_at: None, tls },
            configs: ClientConfigs::default(),
            connections: Connections::default(),
            calls: Slab::new(),
            timers: Timers::default(),
            recorder: Recorder { spool, frames: Frames::new() },
            caches,
            work: Work { scratch: Some(Box::default()), ..Work::default() },
            now: Instant::now(),
            unix_us: unix_us(),
            leaving: Leaving::default(),
        })
    }

    /// Until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        // a call that is under way goes out first, or what it stops would run on at the target
        while !(self.leaving.stopping && self.connections.slots.is_empty() && self.calls.is_empty()) {
            if self
                .poll
                .poll(&mut events, self.patience())
                .is_err_and(|error| error.kind() != ErrorKind::Interrupted)
            {
                break;
            }
            self.now = Instant::now();
            self.unix_us = unix_us();
            for event in &events {
                self.note(event);
            }
            self.turn();
        }
        let Reactor { recorder, shared, index, .. } = self;
        let Recorder { spool, .. } = recorder;
        // a seal that fails leaves the segment open: the next start recovers it
        for event in spool.close(unix_us()).unwrap_or_default() {
            tell_spool(&shared, index, &event);
        }
    }

    /// Everything between two polls, in the one right order.
    pub(crate) fn turn(&mut self) {
        self.obey();
        self.expire();
        let mut work = std::mem::take(&mut self.work.ready);
        for key in work.drain(..) {
            self.pump(key);
        }
        // what the pumps queued comes next turn; the buffer goes round
        work.append(&mut self.work.ready);
        self.work.ready = work;
        self.keep();
        self.send();
        self.tell();
    }

    /// How long the poll may wait.
    fn patience(&self) -> Option<Duration> {
        if !self.work.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let calls = self.calls.iter().map(|(_, call)| call.next_deadline()).min();
        [
            self.timers.next(),
            self.recorder.spool.next_deadline(),
            self.doors.again_at,
            calls,
            self.leaving.drain_by,
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| {
            // the poll counts whole milliseconds: one more, so that it does not wake just before
            at.saturating_duration_since(Instant::now()).saturating_add(Duration::from_millis(1))
        })
    }

    fn note(&mut self, event: &mio::event::Event) {
        let Token(value) = event.token();
        let key = value >> 2;
        match value & 3 {
            DOWN => {
                if let Some(slot) = self.connections.slots.get_mut(key) {
                    slot.down.readable |= event.is_readable() || event.is_error();
                    slot.down.closing |= event.is_read_closed();
                }
                self.queue(key);
                if event.is_writable() {
                    self.touch(key);
                }
            }
            UP => {
                if let Some(up) = self.connections.slots.get_mut(key).and_then(|slot| slot.up.as_mut()) {
                    up.leg.readable |= event.is_readable() || event.is_error();
                    up.leg.closing |= event.is_read_closed();
                }
                self.queue(key);
                if event.is_writable() {
                    self.touch(key);
                }
            }
            AUX => {
                if let Some(call) = self.calls.get_mut(key) {
                    call.up.leg.readable |= event.is_readable() || event.is_error();
                    call.up.leg.closing |= event.is_read_closed();
                }
                self.advance_call(key);
            }
            _ if event.token() == WAKER => {}
            _ => self.accept(),
        }
    }

    /// The slot gets its turn.
    pub(crate) fn queue(&mut self, key: usize) {
        if let Some(slot) = self.connections.slots.get_mut(key)
            && !slot.due.pump
        {
            slot.due.pump = true;
            self.work.ready.push(key);
        }
    }

    /// The slot may have something to send at the end of the turn.
    pub(crate) fn touch(&mut self, key: usize) {
        if let Some(slot) = self.connections.slots.get_mut(key)
            && !slot.due.send
        {
            slot.due.send = true;
            self.work.dirty.push(key);
        }
    }

    fn accept(&mut self) {
        self.doors.again_at = None;
        for index in 0..self.doors.listeners.len() {
            while let Some(listener) = self.doors.listeners.get(index) {
                match listener.socket.accept() {
                    Ok((socket, peer)) => self.place(socket.into(), peer, listener.protocol),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // ECONNABORTED and the like concern one connection, EMFILE all: try again in a moment
                    Err(_) => {
                        self.doors.again_at = self.now.checked_add(ACCEPT_RETRY);
                        break;
                    }
                }
            }
        }
    }

    /// Gives a new connection to the reactor with the fewest, unless a limit says no.
    fn place(&mut self, mut socket: TcpStream, peer: SocketAddr, protocol: Protocol) {
        let shared = Arc::clone(&self.shared);
        add(&shared.counters.accepted, 1);
        let full = shared.counters.connections.load(Ordering::Relaxed) >= shared.limits.connections as u64;
        if full || !shared.addresses.open(peer.ip()) {
            let which = if full { "the gateway" } else { "your address" };
            let words = Words::new(format!("too many connections to {which}"))
                .hint("Close connections that you don't need, or use a smaller pool.");
            let words = protocol.turned_away(Fault::TooMany, words);
            // the socket is new and its buffer empty: this does not block
            let _ = socket.set_nonblocking(true);
            let _ = socket.write(&words);
            self.refused(peer, "accept", "too many connections");
            return;
        }
        add(&shared.counters.connections, 1);
        let lightest = shared
            .mailboxes
            .iter()
            .enumerate()
            .min_by_key(|(_, mailbox)| mailbox.load.load(Ordering::Relaxed));
        let Some((index, mailbox)) = lightest else { return };
        mailbox.load.fetch_add(1, Ordering::Relaxed);
        if index == self.index {
            self.serve(socket, peer, protocol);
        } else {
            mailbox.send(Command::Serve { socket, peer, protocol });
        }
    }

    pub(crate) fn serve(&mut self, socket: TcpStream, peer: SocketAddr, protocol: Protocol) {
        self.connections.last_serial = self.connections.last_serial.saturating_add(1);
        let serial = self.connections.last_serial;
        let mut random = [0_u8; 16];
        // without randomness nothing works; a zero id would only be a duplicate, which the directory refuses to mix up
        let _ = aws_lc_rs::rand::fill(&mut random);
        let id = format!("s_{}", Ulid::from_parts(self.unix_us / 1000, u128::from_le_bytes(random)));
        let down = Leg::new(mio::net::TcpStream::from_std(socket));
        let session = Session::new(protocol, self.shared.phases, self.now);
        let slot = Slot::new(serial, id, peer, down, session);
        let key = self.connections.slots.insert(slot);
        self.connections.by_serial.insert(serial, key);
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut slot.down.socket, token(DOWN, key), interest);
        let deadline = slot.next_deadline();
        if registered.is_err() {
            self.remove(key);
            return;
        }
        self.timers.set(key, deadline);
        if protocol.speaks_first() {
            self.call(key, |session, turn| session.handle_open(turn));
        }
        self.queue(key);
    }

    fn obey(&mut self) {
        let Some(mailbox) = self.shared.mailboxes.get(self.index) else { return };
        for command in mailbox.take() {
            match command {
                Command::Serve { socket, peer, protocol } => self.serve(socket, peer, protocol),
                Command::Admit { serial, grant, lease } => self.admit(serial, *grant, *lease),
                Command::Prompt { serial, prompt } => self.prompt(serial, &prompt),
                Command::End { serial, words } => self.end(serial, *words),
                Command::Regrant { serial, grant } => self.regrant(serial, *grant),
                Command::Signal { serial, from } => self.signal(serial, from),
                Command::Tls { configs } => self.doors.tls = configs,
                Command::Drain { deadline } => self.drain(deadline),
                Command::Stop => self.stop(),
            }
        }
    }

    fn expire(&mut self) {
        while let Some(key) = self.timers.pop(self.now) {
            let overdue = self
                .connections
                .slots
                .get(key)
                .is_some_and(|slot| slot.close_by.is_some_and(|at| at <= self.now));
            if overdue {
                self.remove(key);
            } else {
                self.pass_over_silent(key);
                self.call(key, |session, turn| session.handle_timeout(turn));
            }
        }
        let late: Vec<usize> =
            self.calls.iter().filter(|(_, call)| call.close_by <= self.now).map(|(key, _)| key).collect();
        for key in late {
            self.end_call(key);
        }
        self.pass_over_silent_calls();
        if self.doors.again_at.is_some_and(|at| at <= self.now) {
            self.accept();
        }
        if self.leaving.drain_by.is_some_and(|at| at <= self.now) {
            self.leaving.drain_by = None;
            self.end_all();
        }
    }

    fn drain(&mut self, deadline: Instant) {
        self.doors.listeners.clear();
        self.leaving.drain_by = Some(deadline);
        for key in self.keys() {
            self.call(key, |session, turn| session.handle_drain(turn));
        }
    }

    fn stop(&mut self) {
        self.doors.listeners.clear();
        self.leaving.stopping = true;
        self.end_all();
    }

    fn end_all(&mut self) {
        for key in self.keys() {
            self.call(key, |session, turn| session.handle_shutdown(turn));
        }
    }

    pub(crate) fn keys(&self) -> Vec<usize> {
        self.connections.slots.iter().map(|(key, _)| key).collect()
    }

    /// The spool's news and the end of a drain, for the control plane.
    fn tell(&mut self) {
        self.recorder.spool.tick(self.now, self.unix_us);
        while let Some(event) = self.recorder.spool.poll_event() {
            tell_spool(&self.shared, self.index, &event);
        }
        let draining = 1_u64 << self.index.min(63);
        if self.shared.draining.load(Ordering::Relaxed) & draining != 0
            && self.connections.slots.is_empty()
            && !self.leaving.is_told
        {
            self.leaving.is_told = true;
            self.leaving.drain_by = None;
            if self.shared.draining.fetch_and(!draining, Ordering::Relaxed) == draining {
                self.shared.events.push(&Event::Drained {});
            }
        }
    }

    pub(crate) fn refused(&self, peer: SocketAddr, phase: &str, reason: &str) {
        add(&self.shared.counters.refused, 1);
        self.shared.events.push(&Event::ConnectionRefused {
            peer: &peer.to_string(),
            phase,
            reason,
            at: unix_s(self.unix_us),
        });
    }

    /// Takes a connection out of everything.
    pub(crate) fn remove(&mut self, key: usize) {
        let Some(mut slot) = self.connections.slots.try_remove(key) else { return };
        self.timers.set(key, None);
        self.connections.by_serial.remove(&slot.serial);
        let registry = self.poll.registry();
        let _ = registry.deregister(&mut slot.down.socket);
        if let Some(up) = &mut slot.up {
            let _ = registry.deregister(&mut up.leg.socket);
        }
        if slot.books.is_reserved {
            self.recorder.spool.release(slot.serial);
        }
        if slot.books.is_listed {
            self.shared.directory.remove(&slot.id);
        }
        self.shared.addresses.close(slot.peer.ip(), slot.books.is_admitted);
        subtract(&self.shared.counters.connections, 1);
        if slot.books.is_admitted {
            subtract(&self.shared.counters.sessions, 1);
        }
        if let Some(mailbox) = self.shared.mailboxes.get(self.index) {
            mailbox.load.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn tell_spool(shared: &Shared, index: usize, event: &SpoolEvent) {
    let stream = u16::try_from(index).unwrap_or(u16::MAX);
    shared.events.push(&match event {
        SpoolEvent::SegmentSealed { path, sequence } => {
            return shared.events.push(&Event::SegmentSealed {
                stream,
                path: &path.to_string_lossy(),
                sequence: *sequence,
            });
        }
        SpoolEvent::Checkpoint { line } => Event::Checkpoint { stream, line },
        SpoolEvent::Failed { error } => {
            add(&shared.counters.recording_failures, 1);
            Event::RecordingFailed { stream, error }
        }
        SpoolEvent::Resumed => Event::RecordingResumed { stream },
    });
}
