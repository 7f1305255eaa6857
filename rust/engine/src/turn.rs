//! What a reactor does with one connection in a turn: pump, apply effects, keep, send.

use crate::command::{EndWords, Lease};
use crate::directory::Facts;
use crate::event::{Event, add, unix_s};
use crate::front::Front;
use crate::leg::Input;
use crate::reactor::Reactor;
use crate::slot::{LINGER, Slot};
use hoopwire_gateway::{Admission, Grant, Session, Turn};
use hoopwire_grant::{Fault, Party};
use hoopwire_session::{Answer, Ask, Closed, Effect, Ending, Prompt, Words};
use hoopwire_wire::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use zeroize::Zeroize;

/// Outgoing buffers kept for reuse, and the largest that is.
const BUFFERS_MAX: usize = 64;
const BUFFER_KEEP_BYTES: usize = 256 * 1024;

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, out: &mut [u8]) {
        // aws-lc aborts the process rather than go on without entropy; the error is for bad arguments only
        let _ = aws_lc_rs::rand::fill(out);
    }
}

impl Reactor {
    /// Calls into a session and carries out what it asks for. A panic ends this session and no other.
    pub(crate) fn call(&mut self, key: usize, act: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        lend(&mut self.work.buffers, slot.out.legs.down_mut());
        lend(&mut self.work.buffers, slot.out.legs.up_mut());
        slot.phase = if slot.session.is_closed() { slot.phase } else { slot.session.phase() };
        let frames_before = self.recorder.frames.mark();
        let mut effects = std::mem::take(&mut self.work.effects);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let at = (self.now, self.unix_us);
            let (frames, legs, caches) = (&mut self.recorder.frames, &mut slot.out.legs, &mut self.caches);
            let mut random = SystemRandom;
            let mut turn = Turn::new(at, frames, legs, &mut effects, &mut random, caches);
            act(&mut slot.session, &mut turn);
        }));
        if let Err(panic) = outcome {
            self.recorder.frames.roll_back(frames_before);
            effects.clear();
            self.work.effects = effects;
            self.panicked(key, panic.as_ref());
            return;
        }
        // a session that forgot to record something: it is not sent
        slot.out.legs.keep_what_is_told();
        slot.books.totals.publish(slot.session.counters());
        let deadline = slot.next_deadline();
        self.timers.set(key, deadline);
        self.touch(key);
        for effect in effects.drain(..) {
            self.apply(key, effect);
        }
        self.work.effects = effects;
    }

    fn panicked(&mut self, key: usize, panic: &(dyn std::any::Any + Send)) {
        add(&self.shared.counters.panics, 1);
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        self.shared.events.push(&Event::Panicked { session: &slot.id, message: &message });
        slot.roll_back();
        let words = Words::new("internal error in the gateway")
            .detail(format!("Session {} was ended; others are not touched.", slot.id))
            .hint("Connect again, and tell the gateway's operators the session's id.");
        let words = slot.out.kept.at_boundary.then_some(words);
        let reason = "panic".to_owned();
        let ending = Ending { by: Party::Gateway, fault: Some(Fault::Internal), reason, words };
        let code = slot.session.code(Fault::Internal);
        let closed = Closed { by: ending.by, reason: ending.reason.clone(), code, was_signal: false };
        self.call(key, |session, turn| session.handle_end(ending, turn));
        if self.connections.slots.get(key).is_some_and(|slot| slot.close_by.is_none()) {
            // it ended in the very call that panicked, and its Close went with it
            self.closed(key, &closed);
        }
    }

    /// One read on each leg.
    pub(crate) fn pump(&mut self, key: usize) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        slot.due.pump = false;
        let Some(mut scratch) = self.work.scratch.take() else { return };
        if slot.may_read_down() {
            self.pump_down(key, &mut scratch);
        }
        let dialing =
            self.connections.slots.get_mut(key).and_then(|slot| slot.up.as_mut()).filter(|up| !up.is_open());
        if let Some(up) = dialing {
            let progress = up.advance(&mut scratch, &mut self.configs);
            self.dialed(key, progress);
        } else if self.connections.slots.get(key).is_some_and(Slot::may_read_up) {
            self.pump_up(key, &mut scratch);
        }
        self.work.scratch = Some(scratch);
        if self.connections.slots.get(key).is_some_and(Slot::wants_pump) {
            self.queue(key);
        }
    }

    fn pump_down(&mut self, key: usize, scratch: &mut crate::leg::Scratch) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        match slot.down.read(scratch) {
            Input::Idle => {}
            Input::End => {
                if slot.session.is_closed() {
                    self.remove(key);
                } else {
                    self.call(key, |session, turn| session.handle_eof(false, turn));
                }
            }
            Input::Failed(error) => {
                let reason = match slot.down.tls {
                    Some(_) if slot.session.is_ready() => format!("the client's connection failed: {error}"),
                    Some(_) => format!("TLS with the client failed: {error}"),
                    None => format!("the client's connection failed: {error}"),
                };
                if slot.session.is_closed() {
                    self.remove(key);
                } else {
                    self.call(key, |session, turn| {
                        session.handle_end(Ending::quiet(Party::Principal, reason), turn)
                    });
                }
            }
            Input::Bytes(_) if slot.session.is_closed() => {}
            Input::Bytes(bytes) => {
                if slot.front.begins_tls(bytes) {
                    let mut plain = Vec::new();
                    let begun =
                        self.doors.tls.connection(slot.session.protocol()).map_err(|error| error.0).and_then(
                            |connection| {
                                slot.down.tls = Some(Box::new(connection));
                                slot.down.feed(bytes, &mut plain).map_err(|error| error.to_string())
                            },
                        );
                    match begun {
                        Ok(()) => self.decrypted(key, &plain),
                        Err(reason) => {
                            let ending = Ending::quiet(
                                Party::Principal,
                                format!("TLS with the client failed: {reason}"),
                            );
                            self.call(key, |session, turn| session.handle_end(ending, turn));
                        }
                    }
                    return;
                }
                self.decrypted(key, bytes);
            }
        }
    }

    /// Bytes of the principal that are out of TLS, or never were in it.
    fn decrypted(&mut self, key: usize, bytes: &[u8]) {
        // handshake records may be waiting to go out
        self.touch(key);
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        if matches!(slot.front, Front::Handshake { .. })
            && let Some(connection) = &slot.down.tls
        {
            if connection.is_handshaking() {
                return;
            }
            let alpn = connection.alpn_protocol().map(<[u8]>::to_vec);
            if let Some(direct) = slot.front.done() {
                self.call(key, |session, turn| session.handle_tls(direct, alpn.as_deref(), turn));
            }
        }
        if !bytes.is_empty() {
            self.call(key, |session, turn| session.handle_downstream(bytes, turn));
        }
    }

    fn pump_up(&mut self, key: usize, scratch: &mut crate::leg::Scratch) {
        let Some(up) = self.connections.slots.get_mut(key).and_then(|slot| slot.up.as_mut()) else { return };
        match up.leg.read(scratch) {
            Input::Idle => {}
            Input::End | Input::Failed(_) => self.call(key, |session, turn| session.handle_eof(true, turn)),
            Input::Bytes([]) => {}
            Input::Bytes(bytes) => self.call(key, |session, turn| session.handle_upstream(bytes, turn)),
        }
    }

    fn apply(&mut self, key: usize, effect: Effect) {
        match effect {
            Effect::StartTls => {
                if let Some(slot) = self.connections.slots.get_mut(key) {
                    slot.front.ask();
                }
            }
            Effect::AskGrant(ask) => self.ask(key, &ask),
            Effect::Answer(answer) => self.answer(key, &answer),
            Effect::Dial(opening) => self.dial(key, opening),
            Effect::Established => self.established(key),
            Effect::Unmatched(unmatched) => self.unmatched(key, &unmatched),
            Effect::Call(call) => self.call_target(key, call),
            Effect::Signal(signal) => self.signal_other(key, &signal),
            Effect::Close(closed) => self.closed(key, &closed),
        }
    }

    fn ask(&mut self, key: usize, ask: &Ask) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        slot.books.is_listed = true;
        self.shared.directory.insert(&slot.id, self.index, slot.serial);
        self.shared.events.push(&Event::GrantNeeded {
            session: &slot.id,
            peer: &slot.peer.to_string(),
            user: &ask.user,
            database: &ask.database,
            application_name: &ask.application_name,
            replication: ask.replication,
            protocol: slot.session.protocol().word(),
            credential: ask.credential.expose(),
            proved: ask.is_proved,
            prompt: ask.wants_prompt,
        });
    }

    fn answer(&mut self, key: usize, answer: &Answer) {
        let Some(slot) = self.connections.slots.get(key) else { return };
        let (text, withdrawn) = match answer {
            Answer::Typed(text) => (text.expose().as_str(), false),
            Answer::Withdrawn => ("", true),
        };
        self.shared.events.push(&Event::Answered { session: &slot.id, answer: text, withdrawn });
    }

    /// The control plane asks the principal.
    pub(crate) fn prompt(&mut self, serial: u32, prompt: &Prompt) {
        let Some(&key) = self.connections.by_serial.get(&serial) else { return };
        self.call(key, |session, turn| session.handle_prompt(prompt, turn));
    }

    /// The control plane admits: room in the recording first, then the session.
    pub(crate) fn admit(&mut self, serial: u32, grant: Grant, lease: Lease) {
        let Some(&key) = self.connections.by_serial.get(&serial) else { return };
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        if !slot.session.is_waiting_for_grant() {
            return;
        }
        if let Err(refused) = self.recorder.spool.admit(serial, &slot.id, &grant.id) {
            let words = Words::new("the gateway has no room to record")
                .detail("No session is let in that could not be recorded.")
                .hint("Try again in a moment; if it goes on, tell the gateway's operators.");
            let reason = format!("recording: {refused}");
            let ending = Ending::faulty(Party::Gateway, Fault::Unavailable, reason, words);
            self.call(key, |session, turn| session.handle_end(ending, turn));
            return;
        }
        slot.books.is_reserved = true;
        slot.keep_lease(lease);
        slot.books.grant_id.clone_from(&grant.id);
        slot.books.spent = self.shared.spending.of(&grant, self.now);
        let spent = Arc::clone(&slot.books.spent);
        let id = slot.id.clone();
        let peer = slot.peer.to_string();
        let node = self.shared.node.clone();
        let reactor = u16::try_from(self.index).unwrap_or(0);
        self.call(key, |session, turn| {
            let admission =
                Admission { no: serial, reactor, session: &id, peer: &peer, node: &node, grant, spent };
            session.handle_admit(admission, turn);
        });
    }

    pub(crate) fn end(&mut self, serial: u32, words: EndWords) {
        let Some(&key) = self.connections.by_serial.get(&serial) else { return };
        let EndWords { fault, message, detail, hint, closed_by, reason } = words;
        let words = Words { message, detail, hint };
        let ending = Ending::faulty(closed_by, fault, reason, words);
        self.call(key, |session, turn| session.handle_end(ending, turn));
    }

    pub(crate) fn regrant(&mut self, serial: u32, grant: Grant) {
        let Some(&key) = self.connections.by_serial.get(&serial) else { return };
        if let Some(slot) = self.connections.slots.get(key) {
            self.shared.directory.narrowed(&slot.id, &grant, unix_s(grant.expires_unix_us));
        }
        self.call(key, |session, turn| session.handle_regrant(grant, "policy changed", turn));
    }

    fn established(&mut self, key: usize) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        let Some(about) = slot.session.about() else { return };
        if let Some(mark) = slot.session.mark() {
            self.shared.directory.mark(&slot.id, mark);
        }
        slot.books.is_admitted = true;
        self.shared.addresses.admitted(slot.peer.ip());
        add(&self.shared.counters.sessions, 1);
        let facts = Facts {
            grant: about.grant.to_owned(),
            principal: about.principal.to_owned(),
            target: about.target.to_owned(),
            database: about.database.to_owned(),
            peer: slot.peer.to_string(),
            started_at: unix_s(self.unix_us),
            expires_at: unix_s(about.expires_unix_us),
            budgets: about.budgets,
            spent: Arc::clone(&slot.books.spent),
        };
        self.shared.events.push(&Event::SessionStarted {
            session: &slot.id,
            grant: &facts.grant,
            target: &facts.target,
            database: &facts.database,
            peer: &facts.peer,
            at: facts.started_at,
        });
        self.shared.directory.started(&slot.id, facts, Arc::clone(&slot.books.totals));
    }

    fn unmatched(&mut self, key: usize, unmatched: &[String]) {
        let Some(slot) = self.connections.slots.get(key) else { return };
        self.shared.events.push(&Event::Unmatched { session: &slot.id, unmatched, at: unix_s(self.unix_us) });
    }

    /// The session is over: say so, and give the peers a moment to take what is theirs.
    fn closed(&mut self, key: usize, closed: &Closed) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        slot.close_by = self.now.checked_add(LINGER);
        let deadline = slot.next_deadline();
        self.timers.set(key, deadline);
        if slot.books.is_listed {
            let counters = slot.session.counters();
            self.shared.events.push(&Event::SessionEnded {
                session: &slot.id,
                grant: &slot.books.grant_id,
                closed_by: closed.by.word(),
                reason: &closed.reason,
                code: &closed.code,
                statements: counters.statements,
                rows: counters.rows,
                bytes_in: counters.bytes_in,
                bytes_out: counters.bytes_out,
                budget: self.shared.directory.remove(&slot.id),
                at: unix_s(self.unix_us),
            });
            slot.books.is_listed = false;
        } else if !closed.was_signal {
            let (peer, phase) = (slot.peer, slot.phase);
            self.refused(peer, phase, &closed.reason);
        }
    }

    /// Puts the turn's frames into the recording. From here on, and not before, the turn's bytes may go.
    pub(crate) fn keep(&mut self) {
        if !self.recorder.frames.is_empty() {
            match self.recorder.spool.commit(&mut self.recorder.frames, self.unix_us) {
                Ok(bytes) => add(&self.shared.counters.recorded_bytes, bytes),
                Err(error) => self.recording_failed(&error.to_string()),
            }
        }
        for key in &self.work.dirty {
            if let Some(slot) = self.connections.slots.get_mut(*key) {
                slot.mark_kept();
            }
        }
    }

    /// Nothing of this turn goes out; every session of this stream ends. The client is told why if its stream is at a message
    /// boundary.
    fn recording_failed(&mut self, error: &str) {
        for key in self.keys() {
            let Some(slot) = self.connections.slots.get_mut(key) else { continue };
            if !slot.books.is_reserved {
                continue;
            }
            slot.roll_back();
            let words = Words::new("the gateway cannot record this session any longer")
                .detail("What could not be recorded was not delivered; an open transaction was rolled back.")
                .hint("Connect again later; the gateway's operators see the reason.");
            let words = slot.out.kept.at_boundary.then_some(words);
            let reason = format!("recording failed: {error}");
            let ending = Ending { by: Party::Gateway, fault: Some(Fault::NotRecorded), reason, words };
            self.call(key, |session, turn| session.handle_end(ending, turn));
        }
        // what closes the sessions has room reserved; if even that fails, verify says that the tail is missing
        let _ = self.recorder.spool.commit_closing(&mut self.recorder.frames, self.unix_us);
    }

    /// Sends what is kept.
    pub(crate) fn send(&mut self) {
        let mut dirty = std::mem::take(&mut self.work.dirty);
        for key in dirty.drain(..) {
            self.send_one(key);
        }
        self.work.dirty = dirty;
    }

    fn send_one(&mut self, key: usize) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        slot.due.send = false;
        slot.session.seal(&mut slot.out.legs, &mut SystemRandom);
        if let Some(up) = &mut slot.up
            && up.is_open()
        {
            match up.leg.send(slot.out.legs.up_mut()) {
                Ok(true) => {
                    if !slot.session.is_ready() {
                        // a login may have put a password here
                        slot.out.legs.up_mut().zeroize();
                    }
                    recycle(&mut self.work.buffers, slot.out.legs.up_mut());
                }
                Ok(false) => {}
                Err(_) => {
                    // the read side tells why
                    slot.out.legs.up_mut().clear();
                    up.leg.readable = true;
                    up.leg.closing = true;
                }
            }
        }
        let all_sent = slot.down.send(slot.out.legs.down_mut());
        slot.out.kept.down = slot.out.legs.down().len();
        slot.out.kept.up = slot.out.legs.up().len();
        match all_sent {
            Ok(false) => {}
            Ok(true) => {
                recycle(&mut self.work.buffers, slot.out.legs.down_mut());
                if slot.front.all_sent() {
                    match self.doors.tls.connection(slot.session.protocol()) {
                        Ok(connection) => slot.down.tls = Some(Box::new(connection)),
                        Err(_) => return self.remove(key),
                    }
                }
                if slot.session.is_closed() {
                    slot.up = None;
                    slot.down.shut();
                }
            }
            Err(_) if slot.session.is_closed() => return self.remove(key),
            Err(_) => {
                slot.out.legs.down_mut().clear();
                slot.down.readable = true;
                slot.down.closing = true;
            }
        }
        slot.out.legs.settle();
        if slot.session.is_closed() {
            slot.up = None;
        }
        if slot.wants_pump() {
            self.queue(key);
        }
    }
}

fn lend(buffers: &mut Vec<Vec<u8>>, to: &mut Vec<u8>) {
    if to.capacity() == 0 {
        *to = buffers.pop().unwrap_or_default();
    }
}

fn recycle(buffers: &mut Vec<Vec<u8>>, used: &mut Vec<u8>) {
    let buffer = std::mem::take(used);
    if buffer.capacity() > 0 && buffer.capacity() <= BUFFER_KEEP_BYTES && buffers.len() < BUFFERS_MAX {
        buffers.push(buffer);
    }
}
