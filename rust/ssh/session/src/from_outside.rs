//! Channels that the target opens: for who came where it listens for the client, for the client's agent, for its screen. What
//! was not asked for, or is not granted any more, is refused.

use crate::channels::{Channel, Closes, Room, Runs, State};
use crate::from_client::{PACKET_MAX, put, put_clamped};
use crate::globals::{head, told};
use crate::keep::{Asked, Keeper, is_final};
use crate::lent::{Lent, Screen};
use crate::listeners::Place;
use crate::live::Live;
use crate::session::Turn;
use crate::words;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::decide;
use hoopwire_ssh_protocol::channel::{Open, reason, say};
use std::collections::VecDeque;

/// No address is longer.
const ORIGIN_MAX: usize = 1024;
/// So much of a name that nobody knows is told, and of what else is refused.
const NAME_MAX: usize = 64;
const REFUSED_MAX: usize = 256;

/// A CHANNEL_OPEN of the target's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coming<'a> {
    pub(crate) sender: u32,
    pub(crate) window: u32,
    pub(crate) packet: u32,
    pub(crate) open: Open<'a>,
}

/// What it is for, if it is for anything.
struct Read<'a> {
    name: &'a [u8],
    about: String,
    runs: Option<Runs>,
}

impl Live {
    pub(crate) fn open_of_target(
        &mut self,
        coming: Coming<'_>,
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let Coming { sender, window, packet, open } = coming;
        if self.channels.is_used_by_target(sender) {
            return Err(words::misbehaved_target("a channel number that is in use"));
        }
        let Read { name, about, runs } = self.read_open(&open)?;
        let no = self.channels.number();
        let about = if runs.is_some() { about.as_str() } else { head(&about, REFUSED_MAX) };
        let asked = Asked { channel: no, name, about: about.as_bytes() };
        let refuse = |live: &mut Live, why: &str, code, turn: &mut Turn<'_>| {
            let _ = live.keeper().open_of_target(asked, Some(why), turn);
            turn.carry_up(|out| say::open_failure(out, sender, code, "the gateway refuses it"));
            live.unasked()
        };
        let Some(runs) = runs else {
            return refuse(self, "not_asked", reason::ADMINISTRATIVELY_PROHIBITED, turn);
        };
        if !self.channels.has_room() {
            return refuse(self, "too_many_channels", reason::RESOURCE_SHORTAGE, turn);
        }
        let decided = decide(&self.grant, turn.now, &runs.action()).and_then(|permit| self.afford(permit));
        let permit = match decided {
            Err(denial) if is_final(&denial) => return Err(words::denied(&denial)),
            Err(denial) => {
                return refuse(self, denial.code.name(), reason::ADMINISTRATIVELY_PROHIBITED, turn);
            }
            Ok(permit) => permit,
        };
        let kept = self.keeper().open_of_target(asked, None, turn);
        turn.hand_down(kept, |out| put_clamped(out, payload));
        self.counters.statements = self.counters.statements.saturating_add(1);
        if runs == Runs::Screen {
            self.channels.use_screen();
        }
        self.channels.expect(Channel {
            no,
            client: 0,
            target: Some(sender),
            is_session: false,
            state: State::Opening,
            has_terminal: false,
            permit,
            runs: Some(runs),
            closes: Closes::default(),
            owed: VecDeque::new(),
            client_owes: 0,
            window: 0,
            packet_max: 0,
            injected: 0,
            to_target: Room { window, kept_back: 0, packet_max: packet.min(PACKET_MAX) },
            transfer: None,
            lent: Lent::default(),
        });
        Ok(())
    }

    fn read_open<'a>(&self, open: &Open<'a>) -> Result<Read<'a>, Ending> {
        let caught = |name, at: &Place, origin: String| {
            let runs = self.listeners.asked_at(at).map(|place| Runs::Caught(place.clone()));
            Ok(Read { name, about: format!("{}{origin}", told(at)), runs })
        };
        let from = |origin: &str, port: u32| match origin.len() {
            ..=ORIGIN_MAX => Ok(format!("{origin}:{port}")),
            _ => Err(words::misbehaved_target("an address of more than 1,024 bytes")),
        };
        match *open {
            Open::ForwardedTcpip { host, port, origin, origin_port } => {
                let at = Place::Port { host: host.to_owned(), port };
                caught(b"forwarded-tcpip", &at, format!(" from {}", from(origin, origin_port)?))
            }
            Open::ForwardedStreamlocal { path } => {
                caught(b"forwarded-streamlocal@openssh.com", &Place::Socket(path.to_owned()), String::new())
            }
            Open::X11 { origin, origin_port } => {
                let runs = self.channels.lends(|lent| lent.screen != Screen::No).then_some(Runs::Screen);
                Ok(Read { name: b"x11", about: from(origin, origin_port)?, runs })
            }
            Open::Agent => {
                let runs = self.channels.lends(|lent| lent.agent).then_some(Runs::Agent);
                Ok(Read { name: b"auth-agent@openssh.com", about: String::new(), runs })
            }
            Open::Session => Ok(Read { name: b"session", about: String::new(), runs: None }),
            Open::DirectTcpip { .. } => Ok(Read { name: b"direct-tcpip", about: String::new(), runs: None }),
            Open::DirectStreamlocal { .. } => {
                Ok(Read { name: b"direct-streamlocal@openssh.com", about: String::new(), runs: None })
            }
            Open::Other { name, .. } => {
                let name = name.get(..name.len().min(NAME_MAX)).unwrap_or_default();
                Ok(Read { name, about: String::new(), runs: None })
            }
        }
    }

    /// The client takes such a channel.
    pub(crate) fn taken_by_client(
        &mut self,
        recipient: u32,
        sender: u32,
        (window, packet): (u32, u32),
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if self.channels.knows(sender) {
            return Err(words::misbehaved_client("a channel number that is in use"));
        }
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = self
            .channels
            .welcome(recipient, sender)
            .ok_or_else(|| words::misbehaved_client("an answer to what nobody asked"))?;
        channel.window = window;
        channel.packet_max = packet.min(PACKET_MAX);
        let kept = keeper.answer(channel.no, "open", b"", Direction::Upstream, turn);
        turn.forward_by(&channel.permit, kept, |out| put_clamped(out, payload));
        self.meter.start(turn.now);
        Ok(())
    }

    /// The client does not.
    pub(crate) fn refused_by_client(
        &mut self,
        recipient: u32,
        description: &[u8],
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let channel = self
            .channels
            .turn_away(recipient)
            .ok_or_else(|| words::misbehaved_client("an answer to what nobody asked"))?;
        let kept = self.keeper().answer(channel.no, "open_failure", description, Direction::Upstream, turn);
        turn.forward_by(&channel.permit, kept, |out| put(out, payload));
        self.settle_channel(channel.client, turn.now)
    }
}
