//! An sftp channel: every request in it is decided, recorded, and only then passed on.
//!
//! ```text
//!  Fresh ──INIT──▶ Asked ──VERSION──▶ Speaking
//!
//!  of each request:   text decided ──▶ waits for what the target says of its paths ──▶ decided again ──▶ in flight ──▶ answered
//!                          └──────────────────── refused: a STATUS ◀────────────────────┘
//! ```
//!
//! Requests keep their order. While one waits, or while one that changes names is not answered, those behind it wait in the
//! channel's own buffer, which its window bounds; other channels and the rooms in windows go on.

mod files;
mod in_flight;
mod lane;
mod links;
mod question;
mod refusal;
mod replies;
mod requests;

#[cfg(test)]
mod disk;
#[cfg(test)]
mod link;
#[cfg(test)]
mod tests;

use crate::channels::{Channel, Room};
use crate::keep::Keeper;
use crate::session::Turn;
use crate::words;
use files::Files;
use hoopwire_grant::Meter;
use hoopwire_recording::Direction;
use hoopwire_session::{Counters, Ending};
use hoopwire_ssh_protocol::channel::{STDERR, say};
use in_flight::InFlight;
use lane::Lane;
use links::Held;

pub(crate) use lane::ROOM_MOST;

/// No more is decided while this much waits for room.
const OUT_MOST: usize = 64 * 1024;

/// So many refusals are told on stderr, too.
const TOLD_MOST: u32 = 20;

/// What a transfer acts on, and with.
pub(crate) struct Scene<'a> {
    pub(crate) keeper: Keeper<'a>,
    pub(crate) meter: &'a Meter,
    pub(crate) counters: &'a mut Counters,
    pub(crate) channel: &'a Channel,
    /// The target's number for the channel.
    pub(crate) target: u32,
    /// The target says that it is OpenSSH on a Unix.
    pub(crate) is_openssh: bool,
    /// The client shows people what comes on stderr.
    pub(crate) shows_stderr: bool,
    /// So many requests were refused.
    pub(crate) refused: u32,
    /// So many bytes went to the principal.
    pub(crate) passed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Asked,
    Speaking,
}

/// An end of one direction that may wait behind data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Due,
    Said,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Transfer {
    phase: Phase,
    up: Lane,
    down: Lane,
    in_flight: InFlight,
    files: Files,
    held: Option<Box<Held>>,
    /// The target's REALPATH is OpenSSH's own.
    is_openssh: bool,
    /// Every whole message of the client's was taken.
    is_drained: bool,
    /// The target has closed the channel.
    is_hushed: bool,
    /// So many refusals were told on stderr.
    told: u32,
    up_end: End,
    down_end: End,
}

impl Transfer {
    /// On a channel that has said nothing yet.
    pub(crate) fn new(channel: &Channel) -> Transfer {
        let Room { window, kept_back, packet_max } = channel.to_target;
        Transfer {
            phase: Phase::Fresh,
            up: Lane::new(window, packet_max, window.saturating_sub(kept_back)),
            down: Lane::new(
                channel.window,
                channel.packet_max,
                channel.window.saturating_add(channel.injected),
            ),
            in_flight: InFlight::default(),
            files: Files::default(),
            held: None,
            is_openssh: false,
            is_drained: true,
            is_hushed: false,
            told: 0,
            up_end: End::Open,
            down_end: End::Open,
        }
    }

    /// Bytes that wait here.
    pub(crate) fn held_bytes(&self) -> usize {
        let held = self.held.as_ref().map_or(0, |held| held.whole.len());
        self.up.held_bytes().saturating_add(self.down.held_bytes()).saturating_add(held)
    }

    /// Data of the client's.
    pub(crate) fn hear_client(
        &mut self,
        data: &[u8],
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if self.is_hushed {
            return Ok(());
        }
        if self.up_end != End::Open {
            return Err(words::misbehaved_client("data behind an EOF"));
        }
        if !self.up.take_in(data) {
            return Err(words::misbehaved_client("more data than the window has room for"));
        }
        self.advance(scene, turn)
    }

    /// Data of the target's.
    pub(crate) fn hear_target(
        &mut self,
        stream: u32,
        data: &[u8],
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if self.down_end != End::Open {
            return Err(words::misbehaved_target("data behind an EOF"));
        }
        if stream != 0 {
            return self.pass_stderr(stream, data, scene, turn);
        }
        if !self.down.take_in(data) {
            return Err(words::misbehaved_target("more data than the window has room for"));
        }
        self.hear_replies(scene, turn)?;
        self.advance(scene, turn)
    }

    /// What a server says on stderr is for people: as much of it as there is room for.
    fn pass_stderr(
        &mut self,
        stream: u32,
        data: &[u8],
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if !self.down.pass_by(data.len()) {
            return Err(words::misbehaved_target("more data than the window has room for"));
        }
        let fits = data.get(..self.down.take_room(data.len())).unwrap_or_default();
        if !fits.is_empty() {
            let client = scene.channel.client;
            let kept = scene.keeper.output(scene.channel, stream, fits, turn);
            turn.hand_down(kept, |out| say::extended_data(out, client, fits));
            scene.passed = scene.passed.saturating_add(fits.len());
        }
        self.advance(scene, turn)
    }

    /// Why something was refused, on stderr: for clients that keep the words of a STATUS to themselves.
    fn tell(&mut self, words: &str, scene: &Scene<'_>, turn: &mut Turn<'_>) {
        let text = format!("{words}\n");
        if scene.shows_stderr && self.told < TOLD_MOST && self.down.has_room_for(text.len()) {
            self.told = self.told.saturating_add(1);
            self.down.take_room(text.len());
            let client = scene.channel.client;
            let kept = scene.keeper.words(scene.channel.no, STDERR, text.as_bytes(), turn);
            turn.hand_down(kept, |out| say::extended_data(out, client, text.as_bytes()));
        }
    }

    /// The client makes room.
    pub(crate) fn grow_down(
        &mut self,
        bytes: u32,
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if !self.down.grow(bytes) {
            return Err(words::misbehaved_client("a window of more than 2^32 - 1 bytes"));
        }
        self.advance(scene, turn)
    }

    /// The target makes room.
    pub(crate) fn grow_up(
        &mut self,
        bytes: u32,
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if !self.up.grow(bytes) {
            return Err(words::misbehaved_target("a window of more than 2^32 - 1 bytes"));
        }
        self.advance(scene, turn)
    }

    /// The client sends no more.
    pub(crate) fn end_up(&mut self, scene: &mut Scene<'_>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        if self.up_end == End::Open {
            self.up_end = End::Due;
        }
        self.advance(scene, turn)
    }

    /// The target sends no more.
    pub(crate) fn end_down(&mut self, scene: &mut Scene<'_>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        if self.down_end == End::Open {
            self.down_end = End::Due;
        }
        self.advance(scene, turn)
    }

    /// The target is gone: what waits for it goes nowhere.
    pub(crate) fn hush(&mut self) {
        self.is_hushed = true;
        self.up_end = End::Said;
        self.up.clear();
        self.held = None;
    }

    /// Words for the client still wait for room.
    pub(crate) fn owes_client(&self) -> bool {
        self.down.out_bytes() > 0
    }

    /// The channel ends: what waits goes nowhere, and what is open is told of as far as it came.
    pub(crate) fn finish(&mut self, keeper: Keeper<'_>, no: u64, turn: &mut Turn<'_>) {
        self.up.clear();
        self.down.clear();
        self.held = None;
        for file in self.files.drain() {
            let _ = keeper.answer(no, "sftp-close", &file.told(None), Direction::Gateway, turn);
        }
    }

    /// Decides what can be decided, sends what there is room for, and gives room.
    fn advance(&mut self, scene: &mut Scene<'_>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while self.hear_requests(scene, turn)? {
            self.send(scene, turn);
        }
        self.send(scene, turn);
        self.say_ends(scene, turn);
        let (client, target) = (scene.channel.client, scene.target);
        let due = self.up.due();
        if due > 0 && self.up_end == End::Open {
            turn.carry_down(|out| say::window_adjust(out, client, due));
        }
        let due = self.down.due();
        if due > 0 && self.down_end == End::Open {
            turn.carry_up(|out| say::window_adjust(out, target, due));
        }
        Ok(())
    }

    fn send(&mut self, scene: &mut Scene<'_>, turn: &mut Turn<'_>) {
        let (client, target) = (scene.channel.client, scene.target);
        while let Some(packet) = self.up.cut() {
            let kept = scene.keeper.input(scene.channel, packet, turn);
            turn.forward_by(&scene.channel.permit, kept, |out| say::data(out, target, packet));
        }
        while let Some(packet) = self.down.cut() {
            let kept = scene.keeper.output(scene.channel, 0, packet, turn);
            turn.hand_down(kept, |out| say::data(out, client, packet));
            scene.passed = scene.passed.saturating_add(packet.len());
        }
    }

    /// EOFs go behind the data before them.
    fn say_ends(&mut self, scene: &Scene<'_>, turn: &mut Turn<'_>) {
        let (no, client, target) = (scene.channel.no, scene.channel.client, scene.target);
        let is_done = self.is_drained && !self.is_waiting() && self.up.out_bytes() == 0;
        if self.up_end == End::Due && is_done {
            self.up_end = End::Said;
            let kept = scene.keeper.answer(no, "eof", b"", Direction::Upstream, turn);
            turn.forward_by(&scene.channel.permit, kept, |out| say::eof(out, target));
        }
        if self.down_end == End::Due && self.down.out_bytes() == 0 {
            self.down_end = End::Said;
            let kept = scene.keeper.answer(no, "eof", b"", Direction::Downstream, turn);
            turn.hand_down(kept, |out| say::eof(out, client));
        }
    }

    /// The next request may not be decided yet.
    fn is_waiting(&self) -> bool {
        self.phase == Phase::Asked
            || self.held.is_some()
            || self.in_flight.holds_others()
            || self.up.out_bytes() >= OUT_MOST
            || self.down.out_bytes() >= OUT_MOST
    }
}
