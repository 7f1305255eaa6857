//! Requests for the connection as a whole. Where to listen is passed on; all else is answered here: the target's connection
//! is the gateway's.

use crate::from_client::put;
use crate::keep::{Asked, is_final};
use crate::listeners::Place;
use crate::live::Live;
use crate::session::Turn;
use crate::words;
use hoopwire_grant::Permit;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::decide;
use hoopwire_ssh_protocol::channel::{Global, say};
use hoopwire_ssh_protocol::put_debug;

/// So much is told of a place in the recording; what a grant names is shorter.
const PLACE_MAX: usize = 4200;

/// A request about a place, as it came.
struct Sent<'a> {
    name: &'a [u8],
    place: Place,
    want_reply: bool,
    payload: &'a [u8],
}

impl Live {
    pub(crate) fn global_of_client(
        &mut self,
        want_reply: bool,
        global: Global<'_>,
        payload: &[u8],
        permit: &Permit,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let sent = |name: &'static str, place| Sent { name: name.as_bytes(), place, want_reply, payload };
        let port = |host: &str, port| Place::Port { host: host.to_owned(), port };
        let socket = |path: &str| Place::Socket(path.to_owned());
        match global {
            Global::Listen { host, port: at } => self.listen(sent("tcpip-forward", port(host, at)), turn),
            Global::ListenStreamlocal { path } => {
                self.listen(sent("streamlocal-forward@openssh.com", socket(path)), turn)
            }
            Global::Unlisten { host, port: at } => {
                self.unlisten(sent("cancel-tcpip-forward", port(host, at)), permit, turn)
            }
            Global::UnlistenStreamlocal { path } => {
                self.unlisten(sent("cancel-streamlocal-forward@openssh.com", socket(path)), permit, turn)
            }
            Global::NoMoreSessions => {
                self.no_more_sessions = true;
                self.refuse_global(want_reply, turn)
            }
            _ => self.refuse_global(want_reply, turn),
        }
    }

    fn listen(&mut self, sent: Sent<'_>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Sent { name, place, want_reply, payload } = sent;
        let about = told(&place);
        let asked = Asked { channel: 0, name, about: about.as_bytes() };
        match decide(&self.grant, turn.now, &place.action()) {
            Err(denial) if is_final(&denial) => Err(words::denied(&denial)),
            Err(denial) => {
                let kept = self.keeper().request(asked, Some(&denial), turn);
                // a failure says nothing: this is what a client shows with -v
                let text = format!("hoopwire: {}", words::lines(&words::of(&denial), "; "));
                turn.hand_down(kept, |out| put_debug(out, &text));
                self.refuse_global(want_reply, turn)?;
                self.refused()
            }
            Ok(permit) => {
                if let Some(reason) = self.listeners.fault(&place, want_reply) {
                    let _ = self.keeper().misplaced(asked, false, reason, turn);
                    self.refuse_global(want_reply, turn)?;
                    return self.refused();
                }
                let kept = self.keeper().request(asked, None, turn);
                turn.forward_by(&permit, kept, |out| put(out, payload));
                if self.listeners.begin(place, want_reply) { Ok(()) } else { Err(too_many()) }
            }
        }
    }

    /// Nobody who comes there is let through from here on, whatever the target answers.
    fn unlisten(&mut self, sent: Sent<'_>, permit: &Permit, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Sent { name, place, want_reply, payload } = sent;
        let about = told(&place);
        let asked = Asked { channel: 0, name, about: about.as_bytes() };
        if !self.listeners.end(&place) {
            let _ = self.keeper().misplaced(asked, false, "not_asked", turn);
            self.refuse_global(want_reply, turn)?;
            return self.refused();
        }
        let kept = self.keeper().request(asked, None, turn);
        turn.forward_by(permit, kept, |out| put(out, payload));
        if want_reply && !self.listeners.owe_end() { Err(too_many()) } else { Ok(()) }
    }

    /// No, in its place in the row.
    fn refuse_global(&mut self, want_reply: bool, turn: &mut Turn<'_>) -> Result<(), Ending> {
        if want_reply && self.listeners.refuse().ok_or_else(too_many)? {
            turn.carry_down(say::request_failure);
        }
        Ok(())
    }

    /// The target has answered: with `rest`, or no.
    pub(crate) fn global_answer(&mut self, rest: Option<&[u8]>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let answered = self.listeners.answered(rest).map_err(words::misbehaved_target)?;
        let (what, about) = match (rest, answered.port) {
            (None, _) => ("failure", String::new()),
            (Some(_), None) => ("success", String::new()),
            (Some(_), Some(port)) => ("success", format!("port {port}")),
        };
        let kept = self.keeper().answer(0, what, about.as_bytes(), Direction::Downstream, turn);
        let port = answered.port.map(u32::to_be_bytes);
        turn.hand_down(kept, |out| match rest {
            Some(_) => say::request_success(out, port.as_ref().map_or(&[][..], <[u8; 4]>::as_slice)),
            None => say::request_failure(out),
        });
        for _ in 0..answered.due {
            turn.carry_down(say::request_failure);
        }
        Ok(())
    }
}

fn too_many() -> Ending {
    words::misbehaved_client("too many requests before their answers")
}

/// A place as the recording has it.
pub(crate) fn told(place: &Place) -> String {
    head(&place.to_string(), PLACE_MAX).to_owned()
}

/// As many whole characters as have their beginning in the first `most` bytes.
pub(crate) fn head(text: &str, most: usize) -> &str {
    let end = text.char_indices().map(|(start, _)| start).find(|start| *start >= most);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}
