//! What the client asks in an sftp channel.

use super::in_flight::Waiting;
use super::links::{self, Held};
use super::question::{Kind, Need, Question, changes};
use super::refusal::Refusal;
use super::{Phase, Scene, Transfer};
use crate::keep::{Asked, is_final};
use crate::request::whole_disk;
use crate::session::Turn;
use crate::words;
use hoopwire_grant::Permit;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::{Access, Action, decide};
use hoopwire_ssh_protocol::sftp::{Ask, Message, Request, say};
use hoopwire_wire::Redacted;

impl Question {
    /// As the recording has it.
    pub(super) fn asked(&self, channel: u64) -> Asked<'_> {
        Asked { channel, name: self.name.as_bytes(), about: &self.about }
    }
}

impl Transfer {
    /// Takes the client's requests as far as they may be decided. True if there were any.
    pub(super) fn hear_requests(
        &mut self,
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Ending> {
        let mut stream = std::mem::take(&mut self.up.stream);
        let malformed = |error| words::misbehaved_client(&format!("sftp: {error}"));
        let mut is_any = false;
        self.is_drained = false;
        while !self.is_waiting() {
            let Some(message) = stream.next().map_err(malformed)? else {
                self.is_drained = true;
                break;
            };
            is_any = true;
            self.hear_request(message, scene, turn)?;
        }
        self.up.stream = stream;
        Ok(is_any)
    }

    fn hear_request(
        &mut self,
        message: Message<'_>,
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let channel = scene.channel.no;
        match (message.request(), self.phase) {
            (Ok(Request::Init { version, .. }), Phase::Fresh) if version >= 3 => {
                let about = version.to_string();
                let asked = Asked { channel, name: b"sftp-init", about: about.as_bytes() };
                let _ = scene.keeper.request(asked, None, turn);
                // the version that is read here
                say::init(self.up.out());
                self.phase = Phase::Asked;
                Ok(())
            }
            (Ok(Request::Ask { id, ask }), Phase::Speaking) => {
                self.hear_ask(id, &ask, message.whole(), scene, turn)
            }
            (Err(_), Phase::Speaking) => {
                let id =
                    message.whole().get(5..).and_then(<[u8]>::first_chunk).map(|id| u32::from_be_bytes(*id));
                let id = id.ok_or_else(|| words::misbehaved_client("sftp: a message without a number"))?;
                let asked = Asked { channel, name: b"sftp", about: b"" };
                self.refuse(id, asked, &Refusal::MALFORMED, scene, turn)
            }
            _ => Err(words::misbehaved_client("sftp: it begins with one INIT, of version 3 or later")),
        }
    }

    fn hear_ask(
        &mut self,
        id: u32,
        ask: &Ask<'_>,
        whole: &[u8],
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if self.in_flight.contains(id) {
            return Err(words::misbehaved_client("sftp: a number that is in use"));
        }
        if let Some(question) = Question::read(id, ask) {
            return self.hear_question(question, whole, scene, turn);
        }
        let channel = scene.channel.no;
        let (name, about, outcome) = match *ask {
            Ask::Close { handle } => {
                let file = self.files.no(handle).ok_or(Refusal::NO_HANDLE);
                self.files.let_go(handle);
                (
                    "",
                    Vec::new(),
                    file.and_then(|file| may(scene, turn, &Action::Connect, Waiting::Close { file })),
                )
            }
            Ask::Read { handle, offset, .. } => {
                let of = self.by_handle(handle, Access::Read, scene, turn);
                ("", Vec::new(), of.map(|(permit, file)| (permit, Waiting::Read { file, offset })))
            }
            Ask::Write { handle, offset, data: Redacted(data) } => {
                let of = self.by_handle(handle, Access::Write, scene, turn);
                if let Some(file) = of.as_ref().ok().and_then(|(_, file)| self.files.get(*file)) {
                    file.written.add(offset, data);
                }
                ("", Vec::new(), of.map(|(permit, file)| (permit, Waiting::Write { file })))
            }
            Ask::Fstat { handle }
            | Ask::Readdir { handle }
            | Ask::Fstatvfs { handle }
            | Ask::Fsync { handle } => {
                let of = self.by_handle(handle, Access::List, scene, turn);
                ("", Vec::new(), of.map(|(permit, _)| (permit, Waiting::Plain)))
            }
            Ask::Fsetstat { handle, ref attributes } => {
                let of = self.by_handle(handle, Access::Write, scene, turn);
                let about = [changes(attributes).as_bytes(), &self.path_of(handle)].concat();
                let waiting =
                    Waiting::Change { name: "sftp-fsetstat", about: about.clone(), holds_others: false };
                ("sftp-fsetstat", about, of.map(|(permit, _)| (permit, waiting)))
            }
            Ask::CopyData { from, to, .. } => {
                let about = [self.path_of(from), self.path_of(to)].join(&0);
                let of = self
                    .by_handle(from, Access::Read, scene, turn)
                    .and_then(|_| self.by_handle(to, Access::Write, scene, turn));
                let waiting =
                    Waiting::Change { name: "sftp-copy-data", about: about.clone(), holds_others: false };
                ("sftp-copy-data", about, of.map(|(permit, _)| (permit, waiting)))
            }
            Ask::Limits => ("", Vec::new(), may(scene, turn, &Action::Connect, Waiting::Limits)),
            // names of users
            Ask::UsersGroupsById { .. } => {
                ("", Vec::new(), may(scene, turn, &Action::Connect, Waiting::Plain))
            }
            Ask::HomeDirectory { user: b"" } => {
                ("sftp-home-directory", Vec::new(), may(scene, turn, &Action::Connect, Waiting::Plain))
            }
            Ask::HomeDirectory { user } => {
                let all = Action::Sftp { path: b"/", access: Access::List };
                ("sftp-home-directory", user.to_vec(), may(scene, turn, &all, Waiting::Plain))
            }
            Ask::OtherExtended { name } => ("sftp-extended", name.to_vec(), Err(Refusal::UNKNOWN)),
            Ask::Other { kind } => ("sftp", kind.to_string().into_bytes(), Err(Refusal::UNKNOWN)),
            // these are questions
            _ => ("sftp", Vec::new(), Err(Refusal::UNKNOWN)),
        };
        match outcome {
            Ok((permit, waiting)) => {
                if !name.is_empty() {
                    let asked = Asked { channel, name: name.as_bytes(), about: &about };
                    let _ = scene.keeper.request(asked, None, turn);
                }
                self.pass(id, &permit, waiting, whole);
                Ok(())
            }
            Err(refusal) => {
                let name = if name.is_empty() { "sftp-handle" } else { name };
                let asked = Asked { channel, name: name.as_bytes(), about: &about };
                self.refuse(id, asked, &refusal, scene, turn)
            }
        }
    }

    /// What is done by a handle is decided for what it stands for.
    fn by_handle(
        &mut self,
        handle: &[u8],
        access: Access,
        scene: &Scene<'_>,
        turn: &Turn<'_>,
    ) -> Result<(Permit, u64), Refusal> {
        let no = self.files.no(handle).ok_or(Refusal::NO_HANDLE)?;
        let file = self.files.get(no).ok_or(Refusal::NO_HANDLE)?;
        let need = file.needs.first().ok_or(Refusal::NO_HANDLE)?;
        let mut permit = decide(scene.keeper.grant, turn.now, &Action::Sftp { path: &need.path, access })?;
        if let Some(real) = &need.real {
            permit = decide(scene.keeper.grant, turn.now, &Action::Sftp { path: real, access })?;
        }
        Ok((permit, no))
    }

    fn path_of(&mut self, handle: &[u8]) -> Vec<u8> {
        let file = self.files.no(handle).and_then(|no| self.files.get(no));
        file.and_then(|file| file.needs.first()).map(|need| need.path.clone()).unwrap_or_default()
    }

    /// A request about paths: their texts are decided, then the target is asked where they lead.
    fn hear_question(
        &mut self,
        question: Question,
        whole: &[u8],
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if question.kind.is_operation() {
            scene.counters.statements = scene.counters.statements.saturating_add(1);
        }
        let has_shell = decide(scene.keeper.grant, turn.now, &Action::Shell).is_ok();
        let probes = self.weigh(&question, scene, turn).and_then(|permit| {
            if question.kind.is_operation() {
                let taken = scene.meter.take_statement();
                taken.map_err(|budget| Refusal::from(scene.meter.denial(budget, scene.keeper.grant)))?;
            }
            let probes = if has_shell { Vec::new() } else { links::probes(&question, self.is_openssh)? };
            Ok((permit, probes))
        });
        match probes {
            Err(refusal) => self.refuse(question.id, question.asked(scene.channel.no), &refusal, scene, turn),
            Ok((permit, probes)) if probes.is_empty() => {
                self.pass_question(question, &permit, whole, has_shell, scene, turn);
                Ok(())
            }
            Ok((_, probes)) => {
                let held = Held::new(question, whole, probes);
                let ids: Vec<u32> = (0..held.len()).map(|no| self.in_flight.ask_own(no)).collect();
                held.ask(&ids, self.up.out());
                self.held = Some(Box::new(held));
                Ok(())
            }
        }
    }

    /// The target has said where the paths of the held request lead.
    pub(super) fn judge_held(&mut self, scene: &mut Scene<'_>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let Some(held) = self.held.take() else { return Ok(()) };
        let (question, whole, against) = held.take();
        let outcome = against.map_or_else(|| self.weigh(&question, scene, turn), Err);
        match outcome {
            Ok(permit) => {
                self.pass_question(question, &permit, &whole, false, scene, turn);
                Ok(())
            }
            Err(refusal) => self.refuse(question.id, question.asked(scene.channel.no), &refusal, scene, turn),
        }
    }

    /// Decides all that is known of the question's paths.
    fn weigh(&self, question: &Question, scene: &Scene<'_>, turn: &Turn<'_>) -> Result<Permit, Refusal> {
        let grant = scene.keeper.grant;
        if question.kind == Kind::Open && self.files.is_full() {
            return Err(Refusal::TOO_MANY);
        }
        let has_shell = || decide(grant, turn.now, &Action::Shell).is_ok();
        if question.kind == Kind::Link && whole_disk(grant, turn.now).is_err() && !has_shell() {
            return Err(Refusal::LINK);
        }
        let mut permit = decide(grant, turn.now, &Action::Connect)?;
        for need in &question.needs {
            for path in [Some(&need.path), need.real.as_ref()].into_iter().flatten() {
                permit = decide(grant, turn.now, &Action::Sftp { path, access: need.access })?;
            }
        }
        if let (Kind::Rename, [old, new]) = (question.kind, &question.needs[..]) {
            // a file that may not be read, moved to where it may
            let read = |need: &Need| {
                let path = need.real.as_ref().unwrap_or(&need.path);
                decide(grant, turn.now, &Action::Sftp { path, access: Access::Read })
            };
            if read(new).is_ok() {
                read(old)?;
            }
        }
        Ok(permit)
    }

    fn pass_question(
        &mut self,
        question: Question,
        permit: &Permit,
        whole: &[u8],
        has_shell: bool,
        scene: &Scene<'_>,
        turn: &mut Turn<'_>,
    ) {
        let _ = scene.keeper.request(question.asked(scene.channel.no), None, turn);
        let id = question.id;
        let waiting = match question.kind {
            Kind::Look => Waiting::Plain,
            Kind::Where { is_home } if is_home || has_shell => Waiting::Plain,
            Kind::Where { .. } => Waiting::Where { question },
            Kind::Open => Waiting::Open { needs: question.needs, about: question.about },
            Kind::Change | Kind::Names | Kind::Rename | Kind::Link => Waiting::Change {
                name: question.name,
                about: question.about,
                holds_others: question.kind.changes_names(),
            },
        };
        self.pass(id, permit, waiting, whole);
    }

    /// The request goes on as it came: what allows it, and what its answer will mean.
    fn pass(&mut self, id: u32, _permit: &Permit, waiting: Waiting, whole: &[u8]) {
        self.in_flight.insert(id, waiting);
        self.up.out().extend_from_slice(whole);
    }

    /// The request goes nowhere: the client is told why.
    pub(super) fn refuse(
        &mut self,
        id: u32,
        asked: Asked<'_>,
        refusal: &Refusal,
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        if let Refusal::Denied(denial) = refusal
            && is_final(denial)
        {
            return Err(words::denied(denial));
        }
        let _ = scene.keeper.misplaced(asked, false, refusal.reason(), turn);
        if !matches!(refusal, Refusal::Target { .. }) {
            self.tell(&refusal.words("\nhoopwire: "), scene, turn);
            scene.refused = scene.refused.saturating_add(1);
        }
        say::status(self.down.out(), id, refusal.status(), &refusal.words("; "));
        Ok(())
    }
}

/// Whether the grant allows what no path is asked for, and what its answer will mean.
fn may(
    scene: &Scene<'_>,
    turn: &Turn<'_>,
    action: &Action<'_>,
    waiting: Waiting,
) -> Result<(Permit, Waiting), Refusal> {
    Ok((decide(scene.keeper.grant, turn.now, action)?, waiting))
}
