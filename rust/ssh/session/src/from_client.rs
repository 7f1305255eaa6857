//! What the client says on a session that is up.

use crate::channels::{Channel, Closes, Room, Runs, State};
use crate::file_transfer::Transfer;
use crate::keep::{Asked, Keeper, is_final};
use crate::keepalive::is_said;
use crate::lent::Lent;
use crate::live::Live;
use crate::session::Turn;
use crate::words;
use hoopwire_grant::Permit;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::{Action, decide};
use hoopwire_ssh_protocol::channel::{Message, Open, clamp_packet_bytes, reason, say};
use hoopwire_ssh_protocol::plain;
use hoopwire_wire::Redacted;
use std::collections::VecDeque;

/// The most that one packet of a channel may carry, whatever the peers say.
pub(crate) const PACKET_MAX: u32 = 64 * 1024;

/// So many CHANNEL_OPENs may wait for a number, and so many bytes of them.
const WAITING_MOST: (usize, usize) = (1024, 1024 * 1024);

/// A CHANNEL_OPEN of the client's.
#[derive(Clone, Copy, Debug)]
struct Opening<'a> {
    sender: u32,
    window: u32,
    packet: u32,
    open: Open<'a>,
    /// The client had said that it would open no more of the kind.
    is_barred: bool,
}

impl Live {
    /// One packet of the client's.
    pub(crate) fn hear_client(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let permit = self.permit(turn.now)?;
        let message = Message::read(payload)
            .map_err(|error| words::misbehaved_client(&format!("a malformed packet: {error}")))?;
        self.counters.bytes_in = self.counters.bytes_in.saturating_add(payload.len() as u64);
        if is_said(&message) {
            self.silence.heard(turn.now);
        }
        match message {
            Message::Global { want_reply, global } => {
                self.global_of_client(want_reply, global, payload, &permit, turn)
            }
            Message::Open { sender, window_bytes, packet_bytes, open } => {
                let is_barred = self.no_more_sessions && matches!(open, Open::Session);
                if !is_barred && (!self.waiting.is_empty() || self.channels.is_in_the_way(sender)) {
                    return self.wait_for_number(payload);
                }
                let opening = Opening { sender, window: window_bytes, packet: packet_bytes, open, is_barred };
                self.open(opening, payload, turn)
            }
            Message::WindowAdjust { recipient, bytes } => self.adjust_of_client(recipient, bytes, turn),
            Message::Data { recipient, data: Redacted(data) } => {
                self.data_of_client(recipient, data, payload, turn)
            }
            Message::Eof { recipient } => self.eof_of_client(recipient, &permit, turn),
            Message::Close { recipient } => self.close_of_client(recipient, &permit, turn),
            Message::Request { recipient, want_reply, request } => {
                self.request_of_client(recipient, want_reply, request, payload, turn)
            }
            Message::Success { recipient } | Message::Failure { recipient } => {
                self.answer_of_client(recipient, payload, turn)
            }
            Message::Confirmation { recipient, sender, window_bytes, packet_bytes, .. } => {
                self.taken_by_client(recipient, sender, (window_bytes, packet_bytes), payload, turn)
            }
            Message::OpenFailure { recipient, description, .. } => {
                self.refused_by_client(recipient, description, payload, turn)
            }
            // what the target asks of the connection is not passed on
            Message::RequestSuccess { .. } | Message::RequestFailure => {
                Err(words::misbehaved_client("an answer to what nobody asked"))
            }
            Message::ExtendedData { .. } => Err(words::misbehaved_client("stderr from a client")),
            Message::Unknown(number) => {
                Err(words::misbehaved_client(&format!("a packet of the unknown kind {number}")))
            }
        }
    }

    fn wait_for_number(&mut self, payload: &[u8]) -> Result<(), Ending> {
        let (count, bytes) = WAITING_MOST;
        if self.waiting.len() >= count || self.waiting_bytes().saturating_add(payload.len()) > bytes {
            return Err(words::misbehaved_client("more channels are opened than others closed"));
        }
        self.waiting.push_back(payload.to_vec());
        Ok(())
    }

    /// A channel is gone: those that waited for it are opened, in their order.
    pub(crate) fn open_waiting(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while let Some(payload) = self.waiting.pop_front() {
            let Ok(Message::Open { sender, window_bytes, packet_bytes, open }) = Message::read(&payload)
            else {
                break;
            };
            if self.channels.is_in_the_way(sender) {
                self.waiting.push_front(payload);
                break;
            }
            self.permit(turn.now)?;
            let opening =
                Opening { sender, window: window_bytes, packet: packet_bytes, open, is_barred: false };
            self.open(opening, &payload, turn)?;
        }
        Ok(())
    }

    fn open(&mut self, opening: Opening<'_>, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Opening { sender, window, packet, open, is_barred } = opening;
        if self.channels.knows(sender) {
            return Err(words::misbehaved_client("a channel number that is in use"));
        }
        let no = self.channels.number();
        let (name, about, runs) = match open {
            Open::Session => (&b"session"[..], String::new(), None),
            Open::DirectTcpip { host, port, .. } => {
                let runs = Runs::Forward { host: host.to_owned(), port };
                (&b"direct-tcpip"[..], format!("{host}:{port}"), Some(runs))
            }
            Open::DirectStreamlocal { path } => {
                let runs = Runs::Socket(path.to_owned());
                (&b"direct-streamlocal@openssh.com"[..], path.to_owned(), Some(runs))
            }
            Open::X11 { .. } => (&b"x11"[..], String::new(), Some(Runs::Nothing)),
            Open::Agent => (&b"auth-agent@openssh.com"[..], String::new(), Some(Runs::Nothing)),
            Open::ForwardedTcpip { .. } => (&b"forwarded-tcpip"[..], String::new(), Some(Runs::Nothing)),
            Open::ForwardedStreamlocal { .. } => {
                (&b"forwarded-streamlocal@openssh.com"[..], String::new(), Some(Runs::Nothing))
            }
            Open::Other { name, .. } => (name, String::new(), Some(Runs::Nothing)),
        };
        let asked = Asked { channel: no, name, about: about.as_bytes() };
        let is_session = runs.is_none();
        if is_barred || !self.channels.has_room_for(sender) {
            let kept = self.keeper().misplaced(asked, true, "too_many_channels", turn);
            turn.hand_down(kept, |out| {
                say::open_failure(out, sender, reason::RESOURCE_SHORTAGE, "no more channels in this session");
            });
            return self.refused();
        }
        let action = runs.as_ref().map_or(Action::Connect, Runs::action);
        let decided = decide(&self.grant, turn.now, &action)
            .and_then(|permit| if is_session { Ok(permit) } else { self.afford(permit) });
        match decided {
            Err(denial) if is_final(&denial) => Err(words::denied(&denial)),
            Err(denial) => {
                let kept = self.keeper().open(asked, Some(&denial), turn);
                let text = words::lines(&words::of(&denial), "; ");
                turn.hand_down(kept, |out| {
                    say::open_failure(out, sender, reason::ADMINISTRATIVELY_PROHIBITED, &text);
                });
                self.refused()
            }
            Ok(permit) => {
                let kept = self.keeper().open(asked, None, turn);
                turn.forward_by(&permit, kept, |out| put_clamped(out, payload));
                if !is_session {
                    self.counters.statements = self.counters.statements.saturating_add(1);
                    self.meter.start(turn.now);
                }
                self.channels.insert(Channel {
                    no,
                    client: sender,
                    target: None,
                    is_session,
                    state: State::Opening,
                    has_terminal: false,
                    permit,
                    runs,
                    closes: Closes::default(),
                    owed: VecDeque::new(),
                    client_owes: 0,
                    window,
                    packet_max: packet.min(PACKET_MAX),
                    injected: 0,
                    to_target: Room::default(),
                    transfer: None,
                    lent: Lent::default(),
                });
                Ok(())
            }
        }
    }

    fn adjust_of_client(&mut self, recipient: u32, bytes: u32, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let channel = known(self.channels.of_target(recipient))?;
        if channel.transfer.is_some() {
            let client = channel.client;
            return self
                .in_transfer(client, turn, |transfer, scene, turn| transfer.grow_down(bytes, scene, turn));
        }
        let rest = channel
            .grow(bytes)
            .ok_or_else(|| words::misbehaved_client("a window of more than 2^32 - 1 bytes"))?;
        if rest > 0 && channel.state != State::Refused && !channel.closes.to_target {
            turn.carry_up(|out| say::window_adjust(out, recipient, rest));
        }
        Ok(())
    }

    fn data_of_client(
        &mut self,
        recipient: u32,
        data: &[u8],
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = known(self.channels.of_target(recipient))?;
        match channel.state {
            // behind what was refused: it goes nowhere
            State::Refused => Ok(()),
            State::Running if !channel.closes.from_client && channel.transfer.is_some() => {
                let client = channel.client;
                self.in_transfer(client, turn, |transfer, scene, turn| {
                    transfer.hear_client(data, scene, turn)
                })
            }
            State::Running if !channel.closes.from_client => {
                let kept = keeper.input(channel, data, turn);
                turn.forward_by(&channel.permit, kept, |out| put(out, payload));
                Ok(())
            }
            _ => Err(words::misbehaved_client("data on a channel on which nothing runs")),
        }
    }

    fn eof_of_client(&mut self, recipient: u32, permit: &Permit, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = known(self.channels.of_target(recipient))?;
        if channel.transfer.is_some() && !channel.closes.to_target {
            let client = channel.client;
            return self.in_transfer(client, turn, Transfer::end_up);
        }
        if channel.state != State::Refused && !channel.closes.to_target {
            let kept = keeper.answer(channel.no, "eof", b"", Direction::Upstream, turn);
            turn.forward_by(permit, kept, |out| say::eof(out, recipient));
        }
        Ok(())
    }

    fn close_of_client(
        &mut self,
        recipient: u32,
        permit: &Permit,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = known(self.channels.of_target(recipient))?;
        if channel.closes.from_client {
            return Err(words::misbehaved_client("a channel closed twice"));
        }
        channel.closes.from_client = true;
        channel.finish_transfer(keeper, turn);
        if channel.closes.from_target && !channel.closes.to_client {
            channel.close_down(keeper, turn);
        }
        if !channel.closes.to_target {
            channel.closes.to_target = true;
            let kept = keeper.answer(channel.no, "close", b"", Direction::Upstream, turn);
            turn.forward_by(permit, kept, |out| say::close(out, recipient));
        }
        let client = channel.client;
        self.settle_channel(client, turn.now)
    }

    fn answer_of_client(
        &mut self,
        recipient: u32,
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let channel = known(self.channels.of_target(recipient))?;
        channel.client_owes = channel
            .client_owes
            .checked_sub(1)
            .ok_or_else(|| words::misbehaved_client("an answer to what nobody asked"))?;
        if channel.state != State::Refused && !channel.closes.to_target {
            turn.carry_up(|out| put(out, payload));
        }
        Ok(())
    }
}

/// A channel that the client may speak of.
pub(crate) fn known(channel: Option<&mut Channel>) -> Result<&mut Channel, Ending> {
    channel.ok_or_else(|| words::misbehaved_client("a packet for a channel that is not open"))
}

/// A packet as it came.
pub(crate) fn put(out: &mut Vec<u8>, payload: &[u8]) {
    plain::put(out, |to| to.extend_from_slice(payload));
}

/// The same, with no larger packets asked for than the gateway takes.
pub(crate) fn put_clamped(out: &mut Vec<u8>, payload: &[u8]) {
    let mut clamped = payload.to_vec();
    clamp_packet_bytes(&mut clamped, PACKET_MAX);
    put(out, &clamped);
}

impl Runs {
    /// What was decided when it began.
    pub(crate) fn action(&self) -> Action<'_> {
        match self {
            Runs::Shell => Action::Shell,
            Runs::Exec(command) => Action::Exec { command },
            Runs::Subsystem(name) => Action::Subsystem { name },
            Runs::Forward { host, port } => Action::Forward { host, port: *port },
            Runs::Socket(path) => Action::StreamLocal { path },
            Runs::Caught(place) => place.action(),
            Runs::Agent => Action::AgentForwarding,
            Runs::Screen => Action::X11,
            Runs::Nothing => Action::Other { name: "" },
        }
    }
}
