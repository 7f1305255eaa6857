//! A request of the client's on a channel: what it starts there, and what it starts with.

use crate::channels::{Channel, Runs, State};
use crate::file_transfer::Transfer;
use crate::from_client::{known, put};
use crate::keep::{Asked, Keeper, is_final};
use crate::lent::Screen;
use crate::live::Live;
use crate::session::Turn;
use crate::words;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::{Access, Action, Denial, Grant, decide};
use hoopwire_ssh_protocol::channel::{Request, STDERR, Size, say};
use hoopwire_wire::Redacted;
use std::time::Instant;

/// A request, read: what is asked of the policy, and what the recording says of it.
struct Read<'a> {
    name: &'a [u8],
    about: Vec<u8>,
    action: Option<Action<'a>>,
    runs: Option<Runs>,
}

impl Live {
    pub(crate) fn request_of_client(
        &mut self,
        recipient: u32,
        want_reply: bool,
        request: Request<'_>,
        payload: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let read = read(&request);
        let channel = known(self.channels.of_target(recipient))?;
        if channel.state == State::Refused || channel.closes.from_client {
            if want_reply && !channel.closes.to_client {
                answer(channel, false, turn);
            }
            return Ok(());
        }
        if matches!(request, Request::EndOfWrite) && !self.is_openssh {
            // OpenSSH's own: another target would not know it
            return Ok(());
        }
        let asked = Asked { channel: channel.no, name: read.name, about: &read.about };
        let keeper = Keeper { no: self.no, grant: &self.grant };
        // what a program starts with is settled when it starts, and a channel has one program
        let is_late = channel.state == State::Running && !read.is_for_running();
        // a terminal would change the bytes of its messages
        let is_sftp = matches!(read.action, Some(Action::Subsystem { name: "sftp" }));
        let is_amiss = is_late || !channel.is_session || (is_sftp && channel.has_terminal);
        let Some(action) = read.action.filter(|_| !is_amiss) else {
            let _ = keeper.misplaced(asked, false, "not_here", turn);
            if want_reply {
                answer(channel, false, turn);
            }
            return self.refused();
        };
        let decided = decide(&self.grant, turn.now, &action).and_then(|permit| {
            if read.runs.is_none() {
                return Ok(permit);
            }
            let taken = self.meter.take_statement().map(|()| permit);
            taken.map_err(|budget| self.meter.denial(budget, &self.grant))
        });
        if read.runs.is_some() {
            self.counters.statements = self.counters.statements.saturating_add(1);
        }
        match decided {
            Err(denial) if is_final(&denial) => Err(words::denied(&denial)),
            Err(denial) => {
                let _ = keeper.request(asked, Some(&denial), turn);
                match (read.runs, want_reply) {
                    (Some(Runs::Shell | Runs::Exec(_)), _) => {
                        refuse_program(keeper, channel, want_reply, &denial, turn);
                    }
                    (_, true) => answer(channel, false, turn),
                    (_, false) => {}
                }
                self.refused()
            }
            Ok(permit) => {
                let kept = keeper.request(asked, None, turn);
                turn.forward_by(&permit, kept, |out| put(out, payload));
                if want_reply && !channel.owe() {
                    return Err(words::misbehaved_client("too many requests before their answers"));
                }
                if matches!(action, Action::Pty { .. }) {
                    channel.has_terminal = true;
                }
                match request {
                    Request::Agent => channel.lent.agent = true,
                    Request::X11 { is_single: true, .. } => channel.lent.screen = Screen::Once,
                    Request::X11 { .. } => channel.lent.screen = Screen::Often,
                    _ => {}
                }
                if let Some(runs) = read.runs {
                    channel.state = State::Running;
                    channel.runs = Some(runs);
                    channel.permit = permit;
                    channel.transfer = is_sftp.then(|| Box::new(Transfer::new(channel)));
                    self.meter.start(turn.now);
                }
                Ok(())
            }
        }
    }
}

/// Whether all files may be read and written, but for those of the system itself.
pub(crate) fn whole_disk(grant: &Grant, now: Instant) -> Result<(), Denial> {
    for access in [Access::Read, Access::Write] {
        decide(grant, now, &Action::Sftp { path: b"/", access })?;
    }
    Ok(())
}

impl Read<'_> {
    /// It concerns what runs, and not how it starts.
    fn is_for_running(&self) -> bool {
        matches!(self.action, Some(Action::Signal { .. } | Action::WindowChange | Action::Connect))
    }
}

fn read<'a>(request: &Request<'a>) -> Read<'a> {
    let size = |size: &Size| format!("{}x{}", size.columns, size.rows);
    let none = |name| Read { name, about: Vec::new(), action: None, runs: None };
    let only = |name, action| Read { name, about: Vec::new(), action: Some(action), runs: None };
    match request {
        Request::Pty { term, size: of, .. } => Read {
            about: format!("{term} {}", size(of)).into_bytes(),
            ..only(b"pty-req", Action::Pty { term })
        },
        // the value may be a secret
        Request::Env { name, value: Redacted(value) } => {
            Read { about: name.as_bytes().to_vec(), ..only(b"env", Action::Env { name, value }) }
        }
        Request::Exec { command: Redacted(command) } => Read {
            about: command.to_vec(),
            runs: Some(Runs::Exec(command.to_vec())),
            ..only(b"exec", Action::Exec { command })
        },
        Request::Shell => Read { runs: Some(Runs::Shell), ..only(b"shell", Action::Shell) },
        Request::Subsystem { name } => Read {
            about: name.as_bytes().to_vec(),
            runs: Some(Runs::Subsystem((*name).to_owned())),
            ..only(b"subsystem", Action::Subsystem { name })
        },
        Request::Signal { name } => {
            Read { about: name.as_bytes().to_vec(), ..only(b"signal", Action::Signal { name }) }
        }
        Request::WindowChange { size: of } => {
            Read { about: size(of).into_bytes(), ..only(b"window-change", Action::WindowChange) }
        }
        Request::Break { .. } => only(b"break", Action::Signal { name: "BREAK" }),
        // its cookie is a secret
        Request::X11 { screen, .. } => {
            Read { about: screen.to_string().into_bytes(), ..only(b"x11-req", Action::X11) }
        }
        Request::Agent => only(b"auth-agent-req@openssh.com", Action::AgentForwarding),
        // the client reads no more: what runs shall not go on for nobody
        Request::EndOfWrite => only(b"eow@openssh.com", Action::Connect),
        Request::Keepalive => none(b"keepalive@openssh.com"),
        Request::XonXoff { .. } => none(b"xon-xoff"),
        Request::ExitStatus { .. } => none(b"exit-status"),
        Request::ExitSignal { .. } => none(b"exit-signal"),
        Request::Other { name, .. } => none(name),
    }
}

/// The gateway's answer, in its place in the row.
fn answer(channel: &mut Channel, success: bool, turn: &mut Turn<'_>) {
    if let Some(success) = channel.answer(success) {
        say_answer(channel.client, success, turn);
    }
}

/// SUCCESS or FAILURE.
pub(crate) fn say_answer(client: u32, success: bool, turn: &mut Turn<'_>) {
    turn.carry_down(|out| if success { say::success(out, client) } else { say::failure(out, client) });
}

/// A program that is refused looks like one that ran and said why: clients show nothing of a FAILURE's reason.
fn refuse_program(
    keeper: Keeper<'_>,
    channel: &mut Channel,
    want_reply: bool,
    denial: &Denial,
    turn: &mut Turn<'_>,
) {
    if want_reply {
        answer(channel, true, turn);
    }
    let ending = if channel.has_terminal { "\r\n" } else { "\n" };
    let between = format!("{ending}hoopwire: ");
    let text = format!("hoopwire: {}{ending}", words::lines(&words::of(denial), &between));
    let client = channel.client;
    let fits = channel.inject(text.as_bytes());
    let kept = keeper.words(channel.no, STDERR, fits, turn);
    turn.hand_down(kept, |out| {
        if !fits.is_empty() {
            say::extended_data(out, client, fits);
        }
        say::exit_status(out, client, words::REFUSED_STATUS);
        say::eof(out, client);
    });
    channel.state = State::Refused;
    channel.close_if_refused(keeper, turn);
}
