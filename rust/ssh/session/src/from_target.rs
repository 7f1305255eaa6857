//! What the target says on a session that is up.

use crate::channels::{Channel, Room, State};
use crate::file_transfer::{ROOM_MOST, Transfer};
use crate::from_client::{PACKET_MAX, put, put_clamped};
use crate::from_outside::Coming;
use crate::keep::{Asked, Keeper};
use crate::keepalive::is_said;
use crate::live::Live;
use crate::request::say_answer;
use crate::session::Turn;
use crate::words;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_protocol::channel::{Message, Request, STDERR, say};
use hoopwire_wire::Redacted;

impl Live {
    /// One packet of the target's.
    pub(crate) fn hear_target(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        self.permit(turn.now)?;
        let message = Message::read(payload)
            .map_err(|error| words::misbehaved_target(&format!("a malformed packet: {error}")))?;
        if is_said(&message) {
            self.silence.heard(turn.now);
        }
        match message {
            // its keys are the gateway's to know, and nothing else may be asked of the gateway
            Message::Global { want_reply, .. } => {
                if want_reply {
                    turn.carry_up(say::request_failure);
                }
                Ok(())
            }
            Message::Open { sender, window_bytes, packet_bytes, open } => {
                let coming = Coming { sender, window: window_bytes, packet: packet_bytes, open };
                self.open_of_target(coming, payload, turn)
            }
            Message::Confirmation { recipient, sender, window_bytes, packet_bytes, .. } => {
                self.confirmed(recipient, sender, (window_bytes, packet_bytes), payload, turn)
            }
            Message::OpenFailure { recipient, description, .. } => {
                self.open_failed(recipient, description, payload, turn)
            }
            Message::WindowAdjust { recipient, bytes } => {
                let channel = open(self.channels.of_client(recipient))?;
                if channel.transfer.is_some() {
                    return self.in_transfer(recipient, turn, |transfer, scene, turn| {
                        transfer.grow_up(bytes, scene, turn)
                    });
                }
                channel.to_target.window = channel.to_target.window.saturating_add(bytes);
                if channel.state != State::Refused && !channel.closes.to_client {
                    turn.carry_down(|out| put(out, payload));
                }
                Ok(())
            }
            Message::Data { recipient, data: Redacted(data) } => {
                self.data_of_target(recipient, 0, data, payload, turn)
            }
            Message::ExtendedData { recipient, code: STDERR, data: Redacted(data) } => {
                self.data_of_target(recipient, STDERR, data, payload, turn)
            }
            Message::ExtendedData { .. } => Err(words::misbehaved_target("a stream that is not stderr")),
            Message::Eof { recipient } => self.eof_of_target(recipient, turn),
            Message::Close { recipient } => self.close_of_target(recipient, turn),
            Message::Request { recipient, want_reply, request } => {
                self.request_of_target(recipient, want_reply, &request, payload, turn)
            }
            Message::Success { recipient } => self.answer_of_target(recipient, true, turn),
            Message::Failure { recipient } => self.answer_of_target(recipient, false, turn),
            Message::RequestSuccess { rest } => self.global_answer(Some(rest), turn),
            Message::RequestFailure => self.global_answer(None, turn),
            Message::Unknown(number) => {
                Err(words::misbehaved_target(&format!("a packet of the unknown kind {number}")))
            }
        }
    }

    fn confirmed(
        &mut self,
        client: u32,
        target: u32,
        (window, packet): (u32, u32),
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let is_owed = self.channels.of_client(client).is_some_and(|channel| channel.state == State::Opening);
        if !is_owed || !self.channels.confirm(client, target) {
            return Err(words::misbehaved_target("a channel that nobody asked for"));
        }
        let keeper = Keeper { no: self.no, grant: &self.grant };
        if let Some(channel) = self.channels.of_client(client) {
            let kept = keeper.answer(channel.no, "open", b"", Direction::Downstream, turn);
            let packet_max = packet.min(PACKET_MAX);
            // what runs on it may have to wait here, which its window bounds
            let kept_back = if channel.is_session { window.saturating_sub(ROOM_MOST) } else { 0 };
            channel.to_target = Room { window, kept_back, packet_max };
            if kept_back > 0 {
                turn.hand_down(kept, |out| say::confirmation(out, client, target, ROOM_MOST, packet_max));
            } else {
                turn.hand_down(kept, |out| put_clamped(out, payload));
            }
            if channel.state == State::Running {
                // the end of another may have stopped it since this one was asked for
                self.meter.start(turn.now);
            }
        }
        Ok(())
    }

    fn open_failed(
        &mut self,
        client: u32,
        description: &[u8],
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let is_owed = self.channels.of_client(client).is_some_and(|channel| channel.state == State::Opening);
        let failed = is_owed.then(|| self.channels.fail(client)).flatten();
        let channel = failed.ok_or_else(|| words::misbehaved_target("an answer to what nobody asked"))?;
        let kept = self.keeper().answer(channel.no, "open_failure", description, Direction::Downstream, turn);
        turn.hand_down(kept, |out| put(out, payload));
        self.settle_channel(client, turn.now)
    }

    fn data_of_target(
        &mut self,
        client: u32,
        stream: u32,
        data: &[u8],
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = open(self.channels.of_client(client))?;
        match channel.state {
            State::Refused => return Ok(()),
            // nobody hears it any more
            _ if channel.transfer.is_some() && channel.closes.from_client => return Ok(()),
            State::Running if channel.transfer.is_some() && !channel.closes.from_target => {
                return self.in_transfer(client, turn, |transfer, scene, turn| {
                    transfer.hear_target(stream, data, scene, turn)
                });
            }
            State::Running if !channel.closes.from_target && !channel.closes.to_client => {}
            _ => return Err(words::misbehaved_target("data on a channel on which nothing runs")),
        }
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        // it does not know yet of the room that words of ours have taken
        if length > channel.window.saturating_add(channel.injected) {
            return Err(words::misbehaved_target("more data than the window has room for"));
        }
        channel.window = channel.window.saturating_sub(length);
        let kept = keeper.output(channel, stream, data, turn);
        turn.hand_down(kept, |out| put(out, payload));
        self.count_out(data.len())
    }

    fn eof_of_target(&mut self, client: u32, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = open(self.channels.of_client(client))?;
        if channel.transfer.is_some() && !channel.closes.to_client {
            return self.in_transfer(client, turn, Transfer::end_down);
        }
        if channel.state != State::Refused && !channel.closes.to_client {
            let kept = keeper.answer(channel.no, "eof", b"", Direction::Downstream, turn);
            turn.hand_down(kept, |out| say::eof(out, client));
        }
        Ok(())
    }

    fn close_of_target(&mut self, client: u32, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = open(self.channels.of_client(client))?;
        if channel.closes.from_target {
            return Err(words::misbehaved_target("a channel closed twice"));
        }
        channel.closes.from_target = true;
        // what the target never answered, nobody will
        while let Some(due) = channel.target_answered() {
            say_answer(client, false, turn);
            for success in due {
                say_answer(client, success, turn);
            }
        }
        if channel.owes_client() {
            channel.hush_transfer();
        } else if !channel.closes.to_client {
            channel.close_down(keeper, turn);
        }
        self.settle_channel(client, turn.now)?;
        self.open_waiting(turn)
    }

    fn request_of_target(
        &mut self,
        client: u32,
        want_reply: bool,
        request: &Request<'_>,
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = open(self.channels.of_client(client))?;
        let told = match request {
            Request::ExitStatus { status } => Some((&b"exit-status"[..], status.to_string())),
            Request::ExitSignal { name, .. } => Some((&b"exit-signal"[..], (*name).to_owned())),
            Request::EndOfWrite => Some((&b"eow@openssh.com"[..], String::new())),
            Request::XonXoff { .. } => Some((&b"xon-xoff"[..], String::new())),
            Request::Keepalive => Some((&b"keepalive@openssh.com"[..], String::new())),
            _ => None,
        };
        let passes = channel.state != State::Refused && !channel.closes.to_client;
        let (Some((name, about)), true) = (told, passes) else {
            if let (true, Some(target), false) = (want_reply, channel.target, channel.closes.to_target) {
                turn.carry_up(|out| say::failure(out, target));
            }
            return Ok(());
        };
        if want_reply {
            channel.client_owes = channel.client_owes.saturating_add(1);
        }
        let asked = Asked { channel: channel.no, name, about: about.as_bytes() };
        let kept = keeper.request_of_target(asked, turn);
        turn.hand_down(kept, |out| put(out, payload));
        Ok(())
    }

    fn answer_of_target(&mut self, client: u32, success: bool, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let keeper = Keeper { no: self.no, grant: &self.grant };
        let channel = open(self.channels.of_client(client))?;
        let due = channel
            .target_answered()
            .ok_or_else(|| words::misbehaved_target("an answer to what nobody asked"))?;
        let what = if success { "success" } else { "failure" };
        let _ = keeper.answer(channel.no, what, b"", Direction::Downstream, turn);
        say_answer(client, success, turn);
        for success in due {
            say_answer(client, success, turn);
        }
        channel.close_if_refused(keeper, turn);
        Ok(())
    }
}

/// A channel that the target may speak of: one that it has confirmed.
fn open(channel: Option<&mut Channel>) -> Result<&mut Channel, Ending> {
    channel
        .filter(|channel| channel.target.is_some())
        .ok_or_else(|| words::misbehaved_target("a packet for a channel that is not open"))
}
