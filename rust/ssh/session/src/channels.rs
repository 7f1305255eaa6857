//! What is open: whose number is whose, who has closed, which replies are owed, how much room there is.

use crate::file_transfer::Transfer;
use crate::keep::Keeper;
use crate::lent::{Lent, Screen};
use crate::listeners::Place;
use crate::session::Turn;
use hoopwire_grant::Permit;
use hoopwire_recording::Direction;
use hoopwire_ssh_protocol::channel::say;
use std::collections::{HashMap, VecDeque};

/// So many channels at once, and no more: a ControlMaster with 200 has room.
const CHANNELS_MAX: usize = 1024;
/// A channel on which more requests than this wait for their answers is not served.
const OWED_MAX: usize = 64;

/// A request of the principal's whose answer has its place in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// The target has to answer.
    ByTarget,
    /// The gateway's answer, behind those of the target before it.
    Answered(bool),
}

/// Who has said CLOSE to whom. A channel is gone when each side has said and heard it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closes {
    pub(crate) from_client: bool,
    pub(crate) to_client: bool,
    pub(crate) from_target: bool,
    pub(crate) to_target: bool,
}

impl Closes {
    fn is_done(self) -> bool {
        self.from_client && self.to_client && self.from_target && self.to_target
    }

    /// The client may use its number again, and the target may still speak of this one by it.
    fn is_old_to_client(self) -> bool {
        self.from_client && self.to_client && !self.from_target
    }
}

/// ```text
///  Opening ──confirmed──▶ Open ──exec, shell, subsystem──▶ Running
///     │                     └──refused, or ended by us──▶ Refused ──its CLOSEs──▶ gone
///     └──failed──▶ gone            Running ──ended by us──▶ Refused
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The target has not answered the open.
    Opening,
    /// Nothing runs on it.
    Open,
    /// A program, a subsystem or a forwarded connection.
    Running,
    /// The gateway ended it: what comes on it goes nowhere.
    Refused,
}

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    /// Its number in the recording.
    pub(crate) no: u64,
    /// The client's number for it.
    pub(crate) client: u32,
    /// The target's, once it has confirmed.
    pub(crate) target: Option<u32>,
    /// It is one for programs; else it forwards a connection.
    pub(crate) is_session: bool,
    pub(crate) state: State,
    /// It has a terminal.
    pub(crate) has_terminal: bool,
    /// Of what was decided last for it: the data on the channel rests on that.
    pub(crate) permit: Permit,
    /// What runs on it, to be decided again when the grant changes.
    pub(crate) runs: Option<Runs>,
    pub(crate) closes: Closes,
    /// Answers to the client's requests, in their order.
    pub(crate) owed: VecDeque<Owed>,
    /// So many answers the client owes the target.
    pub(crate) client_owes: u32,
    /// Room in the client's window, and the most that one packet may carry.
    pub(crate) window: u32,
    pub(crate) packet_max: u32,
    /// Words of ours that the client will make room for again, of which the target knows nothing.
    pub(crate) injected: u32,
    pub(crate) to_target: Room,
    /// What runs is sftp: its data is messages, and from here on it keeps both windows.
    pub(crate) transfer: Option<Box<Transfer>>,
    pub(crate) lent: Lent,
}

/// Toward the target, before anything runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// What it gave.
    pub(crate) window: u32,
    /// So much of that the client was not told of.
    pub(crate) kept_back: u32,
    /// The most that one packet may carry.
    pub(crate) packet_max: u32,
}

/// What a channel was opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    Shell,
    Exec(Vec<u8>),
    Subsystem(String),
    Forward {
        host: String,
        port: u32,
    },
    Socket(String),
    /// The connection of somebody who came where the target listens.
    Caught(Place),
    Agent,
    Screen,
    /// What no grant opens.
    Nothing,
}

impl Channel {
    /// The gateway's answer to a request, when its turn comes. Gives what can be said now.
    pub(crate) fn answer(&mut self, success: bool) -> Option<bool> {
        if self.owed.is_empty() {
            return Some(success);
        }
        self.owed.push_back(Owed::Answered(success));
        None
    }

    /// The target will answer. False if it owes too many already.
    pub(crate) fn owe(&mut self) -> bool {
        let fits = self.owed.len() < OWED_MAX;
        if fits {
            self.owed.push_back(Owed::ByTarget);
        }
        fits
    }

    /// The target has answered the first in the row. `None` if nothing was asked; else the answers of ours that are due.
    pub(crate) fn target_answered(&mut self) -> Option<Vec<bool>> {
        if self.owed.pop_front() != Some(Owed::ByTarget) {
            return None;
        }
        let mut due = Vec::new();
        while let Some(Owed::Answered(success)) = self.owed.front() {
            due.push(*success);
            self.owed.pop_front();
        }
        Some(due)
    }

    /// A channel whose program was refused ends for the client when every answer is said. At the target nothing runs on
    /// it: it ends there with the client's CLOSE, so that neither peer gives its number away before the other has let go.
    pub(crate) fn close_if_refused(&mut self, keeper: Keeper<'_>, turn: &mut Turn<'_>) {
        if self.state == State::Refused && self.owed.is_empty() && !self.closes.to_client {
            self.close_down(keeper, turn);
        }
    }

    /// The client is told the end.
    pub(crate) fn close_down(&mut self, keeper: Keeper<'_>, turn: &mut Turn<'_>) {
        self.finish_transfer(keeper, turn);
        self.closes.to_client = true;
        let kept = keeper.answer(self.no, "close", b"", Direction::Downstream, turn);
        let client = self.client;
        turn.hand_down(kept, |out| say::close(out, client));
    }

    /// What sftp has open is told of as far as it came.
    pub(crate) fn finish_transfer(&mut self, keeper: Keeper<'_>, turn: &mut Turn<'_>) {
        let no = self.no;
        if let Some(transfer) = &mut self.transfer {
            transfer.finish(keeper, no, turn);
        }
    }

    /// The target is gone: what the client asks goes nowhere.
    pub(crate) fn hush_transfer(&mut self) {
        if let Some(transfer) = &mut self.transfer {
            transfer.hush();
        }
    }

    /// Something for the client waits for room, and its CLOSE behind it.
    pub(crate) fn owes_client(&self) -> bool {
        !self.closes.from_client && self.transfer.as_ref().is_some_and(|transfer| transfer.owes_client())
    }

    /// The client makes room for `bytes` more: so much of it is the target's.
    pub(crate) fn grow(&mut self, bytes: u32) -> Option<u32> {
        self.window = self.window.checked_add(bytes)?;
        let own = self.injected.min(bytes);
        self.injected = self.injected.saturating_sub(own);
        bytes.checked_sub(own)
    }

    /// It is open on both sides.
    fn is_lending(&self) -> bool {
        self.state != State::Refused && self.closes == Closes::default()
    }

    /// Takes room for words of ours: as much of them as fits in one packet.
    pub(crate) fn inject<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let room = usize::try_from(self.window.min(self.packet_max)).unwrap_or(0);
        let fits = text.get(..text.len().min(room)).unwrap_or_default();
        let taken = u32::try_from(fits.len()).unwrap_or(0);
        self.window = self.window.saturating_sub(taken);
        self.injected = self.injected.saturating_add(taken);
        fits
    }
}

/// All channels of a session.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    by_client: HashMap<u32, Channel>,
    /// The target's number to the client's.
    by_target: HashMap<u32, u32>,
    /// Those that the target has opened and the client has not answered, by the target's number.
    coming: HashMap<u32, Channel>,
    last_no: u64,
}

impl Channels {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_client.is_empty() && self.coming.is_empty()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.by_client.values_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.by_client.values().chain(self.coming.values())
    }

    /// The next number for a recording: an open that is refused has one, too.
    pub(crate) fn number(&mut self) -> u64 {
        self.last_no = self.last_no.saturating_add(1);
        self.last_no
    }

    /// The client may open one more with this number.
    pub(crate) fn has_room_for(&self, client: u32) -> bool {
        self.has_room() && !self.by_client.contains_key(&client)
    }

    /// There may be one more.
    pub(crate) fn has_room(&self) -> bool {
        self.by_client.len().saturating_add(self.coming.len()) < CHANNELS_MAX
    }

    /// The client uses this number already.
    pub(crate) fn knows(&self, client: u32) -> bool {
        self.by_client.contains_key(&client)
    }

    /// One with this number has to wait: the target has still to let go of the one that the client has closed.
    pub(crate) fn is_in_the_way(&self, client: u32) -> bool {
        self.by_client.get(&client).is_some_and(|channel| channel.closes.is_old_to_client())
    }

    pub(crate) fn insert(&mut self, channel: Channel) {
        self.by_client.insert(channel.client, channel);
    }

    /// By the client's number: of what the target sends.
    pub(crate) fn of_client(&mut self, client: u32) -> Option<&mut Channel> {
        self.by_client.get_mut(&client)
    }

    /// By the target's number: of what the client sends.
    pub(crate) fn of_target(&mut self, target: u32) -> Option<&mut Channel> {
        self.by_target.get(&target).and_then(|client| self.by_client.get_mut(client))
    }

    /// The target confirms with a number of its own. False if that is in use.
    pub(crate) fn confirm(&mut self, client: u32, target: u32) -> bool {
        if self.by_target.contains_key(&target) || self.coming.contains_key(&target) {
            return false;
        }
        let Some(channel) = self.by_client.get_mut(&client) else { return false };
        channel.target = Some(target);
        channel.state = if channel.is_session { State::Open } else { State::Running };
        self.by_target.insert(target, client);
        true
    }

    /// The open failed.
    pub(crate) fn fail(&mut self, client: u32) -> Option<Channel> {
        self.by_client.remove(&client)
    }

    /// Forgets a channel that both sides have closed.
    pub(crate) fn forget_if_closed(&mut self, client: u32) {
        if self.by_client.get(&client).is_some_and(|channel| channel.closes.is_done())
            && let Some(channel) = self.by_client.remove(&client)
            && let Some(target) = channel.target
        {
            self.by_target.remove(&target);
        }
    }

    /// The target uses this number: it has not heard the gateway's CLOSE, which comes with the client's.
    pub(crate) fn is_used_by_target(&self, target: u32) -> bool {
        self.by_target.contains_key(&target) || self.coming.contains_key(&target)
    }

    /// The target opens one.
    pub(crate) fn expect(&mut self, channel: Channel) {
        if let Some(target) = channel.target {
            self.coming.insert(target, channel);
        }
    }

    /// The client takes it, under a number of its own.
    pub(crate) fn welcome(&mut self, target: u32, client: u32) -> Option<&mut Channel> {
        let channel = self.coming.remove(&target)?;
        self.by_target.insert(target, client);
        Some(
            self.by_client
                .entry(client)
                .insert_entry(Channel { client, state: State::Running, ..channel })
                .into_mut(),
        )
    }

    /// The client does not take it.
    pub(crate) fn turn_away(&mut self, target: u32) -> Option<Channel> {
        self.coming.remove(&target)
    }

    /// A channel that is open has asked for this.
    pub(crate) fn lends(&self, what: impl Fn(Lent) -> bool) -> bool {
        self.by_client.values().any(|channel| channel.is_lending() && what(channel.lent))
    }

    /// A connection to the screen: the last, where a channel has asked for one only.
    pub(crate) fn use_screen(&mut self) {
        let lending = |channel: &&mut Channel| channel.is_lending() && channel.lent.screen != Screen::No;
        let first = self
            .by_client
            .values_mut()
            .filter(lending)
            .min_by_key(|channel| (channel.lent.screen == Screen::Once, channel.no));
        if let Some(channel) = first.filter(|channel| channel.lent.screen == Screen::Once) {
            channel.lent.screen = Screen::No;
        }
    }
}
