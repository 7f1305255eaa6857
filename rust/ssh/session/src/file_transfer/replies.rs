//! What the target answers in an sftp channel.

use super::files::FILES_MAX;
use super::in_flight::Waiting;
use super::refusal::Refusal;
use super::{Phase, Scene, Transfer};
use crate::session::Turn;
use crate::words;
use hoopwire_recording::Direction;
use hoopwire_session::Ending;
use hoopwire_ssh_policy::{Access, Action, decide};
use hoopwire_ssh_protocol::sftp::{Answer, Extensions, MESSAGE_BYTES, Message, Reply, say, status};

/// What OpenSSH's server has, and no other that is known.
const OPENSSH_ONLY: [&[u8]; 2] = [b"posix-rename@openssh.com", b"lsetstat@openssh.com"];

/// As OpenSSH's server has them, and as many files as are kept: a message, a read, a write, handles.
const LIMITS: [u64; 4] =
    [MESSAGE_BYTES as u64, MESSAGE_BYTES as u64 - 1024, MESSAGE_BYTES as u64 - 1024, FILES_MAX as u64];

impl Transfer {
    /// Takes every whole message of the target's: the room that it was given bounds them.
    pub(super) fn hear_replies(&mut self, scene: &mut Scene<'_>, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let mut stream = std::mem::take(&mut self.down.stream);
        let malformed = |error| words::misbehaved_target(&format!("sftp: {error}"));
        while let Some(message) = stream.next().map_err(malformed)? {
            self.hear_reply(message, scene, turn)?;
        }
        self.down.stream = stream;
        Ok(())
    }

    fn hear_reply(
        &mut self,
        message: Message<'_>,
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let reply = message.reply().map_err(|error| words::misbehaved_target(&format!("sftp: {error}")))?;
        match reply {
            Reply::Version { version: 3, extensions } if self.phase == Phase::Asked => {
                self.phase = Phase::Speaking;
                self.is_openssh = scene.is_openssh && OPENSSH_ONLY.iter().all(|one| has(extensions, one));
                say::version(self.down.out(), 3, extensions);
                Ok(())
            }
            Reply::Version { .. } => Err(words::misbehaved_target("sftp: a version that was not asked for")),
            Reply::Answer { id, answer } => {
                let waiting = self
                    .in_flight
                    .remove(id)
                    .ok_or_else(|| words::misbehaved_target("sftp: an answer to what nobody asked"))?;
                self.hear_answer(id, waiting, &answer, message.whole(), scene, turn)
            }
        }
    }

    fn hear_answer(
        &mut self,
        id: u32,
        waiting: Waiting,
        answer: &Answer<'_>,
        whole: &[u8],
        scene: &mut Scene<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Ending> {
        let no = scene.channel.no;
        let code = match answer {
            Answer::Status { code, .. } => Some(*code),
            _ => None,
        };
        let told = |code: u32, about: &[u8]| [format!("status {code} ").as_bytes(), about].concat();
        match waiting {
            Waiting::Probe { no } => {
                if self.held.as_mut().is_some_and(|held| held.answered(no, answer)) {
                    self.judge_held(scene, turn)?;
                }
                return Ok(());
            }
            Waiting::Open { needs, about } => match answer {
                Answer::Handle { handle } => {
                    if !self.files.insert(handle, needs) {
                        return Err(words::misbehaved_target("sftp: a handle that is in use"));
                    }
                }
                Answer::Status { code, .. } if *code != status::OK => {
                    let about = told(*code, &about);
                    let _ = scene.keeper.answer(no, "sftp-open", &about, Direction::Downstream, turn);
                }
                _ => return Err(words::misbehaved_target("sftp: an open without a handle")),
            },
            Waiting::Read { file, offset } => {
                if let (Answer::Data { data }, Some(file)) = (answer, self.files.get(file)) {
                    file.read.add(offset, data.0);
                }
            }
            Waiting::Write { file } => {
                if let (true, Some(file)) = (code != Some(status::OK), self.files.get(file)) {
                    file.written.fail();
                }
            }
            Waiting::Close { file } => {
                if let Some(file) = self.files.remove(file) {
                    let about = file.told(code);
                    let _ = scene.keeper.answer(no, "sftp-close", &about, Direction::Downstream, turn);
                }
            }
            Waiting::Change { name, about, .. } => {
                let about = told(code.unwrap_or(status::FAILURE), &about);
                let _ = scene.keeper.answer(no, name, &about, Direction::Downstream, turn);
            }
            Waiting::Where { question } => {
                if let Answer::Names { names } = answer {
                    for (path, ..) in names.iter() {
                        let action = Action::Sftp { path, access: Access::List };
                        if let Err(denial) = decide(scene.keeper.grant, turn.now, &action) {
                            return self.refuse(id, question.asked(no), &Refusal::from(denial), scene, turn);
                        }
                    }
                }
            }
            Waiting::Limits => {
                if let Answer::Extended { rest } = answer {
                    return say::limits(self.down.out(), id, rest, LIMITS)
                        .map_err(|error| words::misbehaved_target(&format!("sftp: {error}")));
                }
            }
            Waiting::Plain => {}
        }
        self.down.out().extend_from_slice(whole);
        Ok(())
    }
}

fn has(extensions: Extensions<'_>, name: &[u8]) -> bool {
    extensions.iter().any(|(one, _)| one == name)
}
