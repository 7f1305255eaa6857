//! What a reactor does toward targets: dial, and carry short calls and signals.

use crate::command::Command;
use crate::dial::{Progress, Upstream};
use crate::leg::Input;
use crate::reactor::{AUX, CALL_FOR, OpenCall, Reactor, UP, token};
use crate::slot::Slot;
use hoopwire_grant::{Fault, Party};
use hoopwire_session::{Call, Ending, Opening, Signal, Words};
use mio::Interest;
use std::net::SocketAddr;
use std::sync::Arc;

impl Reactor {
    pub(crate) fn dial(&mut self, key: usize, opening: Opening) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        let Some((way, _)) = &slot.lease else { return };
        match Upstream::connect(Arc::clone(way), opening) {
            Ok(upstream) => {
                slot.up = Some(upstream);
                let deadline = slot.next_deadline();
                self.timers.set(key, deadline);
                self.watch_up(key);
            }
            Err(reason) => self.dialed(key, Progress::Failed(reason)),
        }
    }

    /// An address that swallows the connect must not use up the time of the others.
    pub(crate) fn pass_over_silent(&mut self, key: usize) {
        let up = self.connections.slots.get_mut(key).and_then(|slot| slot.up.as_mut());
        let silent = up.filter(|up| up.give_up_at().is_some_and(|at| at <= self.now));
        if let Some(progress) = silent.map(Upstream::give_up) {
            self.dialed(key, progress);
        }
    }

    /// The same for calls under way.
    pub(crate) fn pass_over_silent_calls(&mut self) {
        let silent = |call: &OpenCall| call.up.give_up_at().is_some_and(|at| at <= self.now);
        let numbers: Vec<usize> =
            self.calls.iter().filter(|(_, call)| silent(call)).map(|(number, _)| number).collect();
        for number in numbers {
            let progress = self.calls.get_mut(number).map(|call| call.up.give_up());
            if !matches!(progress, Some(Progress::Retry)) || !self.watch_call(number) {
                self.end_call(number);
            }
        }
    }

    fn watch_call(&mut self, number: usize) -> bool {
        let Some(call) = self.calls.get_mut(number) else { return false };
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut call.up.leg.socket, token(AUX, number), interest).is_ok()
    }

    fn watch_up(&mut self, key: usize) {
        let Some(up) = self.connections.slots.get_mut(key).and_then(|slot| slot.up.as_mut()) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut up.leg.socket, token(UP, key), interest) {
            self.dialed(key, Progress::Failed(error.to_string()));
        }
    }

    pub(crate) fn dialed(&mut self, key: usize, progress: Progress) {
        match progress {
            Progress::Waiting => {}
            Progress::Retry => self.watch_up(key),
            Progress::Failed(reason) => {
                let words = Words::new("the gateway could not connect to the target")
                    .detail("Your identity was accepted and the grant is good; the target is not reachable or failed its TLS check.")
                    .hint("Try again; if it goes on, tell the gateway's operators.");
                let reason = format!("connecting to the target failed: {reason}");
                let ending = Ending::faulty(Party::Target, Fault::TargetLost, reason, words);
                self.call(key, |session, turn| session.handle_end(ending, turn));
            }
            Progress::Open { tls, end_point } => {
                let loan = self.connections.slots.get_mut(key).and_then(Slot::take_loan);
                if let Some(loan) = loan {
                    self.call(key, |session, turn| session.handle_dialed(loan, tls, end_point, turn));
                }
            }
        }
    }

    pub(crate) fn call_target(&mut self, key: usize, call: Call) {
        let Some(slot) = self.connections.slots.get_mut(key) else { return };
        let Call { opening, packet } = call;
        let Some(Ok(up)) = slot.up.as_ref().map(|up| up.once_more(opening)) else { return };
        let close_by = self.now.checked_add(CALL_FOR).unwrap_or(self.now);
        slot.calls = slot.calls.saturating_add(1);
        let packet = packet.expose().clone();
        let number = self.calls.insert(OpenCall { up, packet, of: slot.serial, close_by });
        if !self.watch_call(number) {
            self.end_call(number);
        }
    }

    /// The target has heard it, or will not: what the principal sends from now on is not what it concerns.
    pub(crate) fn end_call(&mut self, number: usize) {
        let Some(call) = self.calls.try_remove(number) else { return };
        let Some(&key) = self.connections.by_serial.get(&call.of) else { return };
        if let Some(slot) = self.connections.slots.get_mut(key) {
            slot.calls = slot.calls.saturating_sub(1);
            self.queue(key);
        }
    }

    pub(crate) fn advance_call(&mut self, number: usize) {
        let Some(call) = self.calls.get_mut(number) else { return };
        let Some(mut scratch) = self.work.scratch.take() else { return };
        let mut done = false;
        if !call.up.is_open() {
            match call.up.advance(&mut scratch, &mut self.configs) {
                Progress::Failed(_) => done = true,
                Progress::Retry => done = !self.watch_call(number),
                Progress::Waiting | Progress::Open { .. } => {}
            }
        }
        if let Some(call) = self.calls.get_mut(number).filter(|call| call.up.is_open() && !done) {
            done = call.up.leg.send(&mut call.packet).is_err();
            // the target answers by closing
            while !done && call.up.leg.readable {
                done = matches!(call.up.leg.read(&mut scratch), Input::End | Input::Failed(_));
            }
        }
        self.work.scratch = Some(scratch);
        if done {
            self.end_call(number);
        }
    }

    /// What came on this connection is for another session: which one, is asked of all that have its mark.
    pub(crate) fn signal_other(&mut self, key: usize, signal: &Signal) {
        let Some(from) = self.connections.slots.get(key).map(|slot| slot.peer) else { return };
        if !self.shared.addresses.may_cancel(from.ip(), signal.mark, self.now) {
            self.refused(from, "cancel", "too many wrong cancel keys");
            return;
        }
        let marked = self.shared.directory.marked(signal.mark);
        let is_guess = !marked.is_empty();
        let mut held = marked.into_iter().filter(|(reactor, serial)| {
            let reactor = u16::try_from(*reactor).unwrap_or(u16::MAX);
            self.shared.sessions.proves(reactor, *serial, signal.proof.expose())
        });
        let mailbox = match (held.next(), held.next()) {
            (Some((reactor, serial)), None) => self.shared.mailboxes.get(reactor).map(|it| (it, serial)),
            // short proofs of sessions with one mark can be equal: then nobody's is known
            _ => None,
        };
        match mailbox {
            Some((mailbox, serial)) => mailbox.send(Command::Signal { serial, from }),
            None => {
                // where nobody has the mark there is nothing to guess
                if is_guess {
                    self.shared.addresses.wrong_cancel(from.ip(), signal.mark, self.now);
                }
                self.refused(from, "cancel", "wrong cancel key");
            }
        }
    }

    pub(crate) fn signal(&mut self, serial: u32, from: SocketAddr) {
        let Some(&key) = self.connections.by_serial.get(&serial) else { return };
        self.call(key, |session, turn| session.handle_signal(&from.to_string(), turn));
    }
}
