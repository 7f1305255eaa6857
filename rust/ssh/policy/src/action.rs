//! What may be asked of an ssh target, and whether a grant covers it.

use crate::destination::Destination;
use crate::host::Host;
use crate::pattern::Pattern;
use crate::refusal::Reason;
use crate::rights::{Denial, Grant, Means, Rights, Word};
use crate::{argv, path, scp, variable};
use hoopwire_grant::Permit;
use std::time::Instant;

/// What is asked. Texts are as the client sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// To have a session, and channels on which nothing runs yet.
    Connect,
    /// A shell on a channel.
    Shell,
    /// A terminal for it.
    Pty {
        /// The value of TERM.
        term: &'a str,
    },
    /// A command, which the login's shell reads.
    Exec {
        /// Its text.
        command: &'a [u8],
    },
    /// A subsystem; what is asked inside sftp is asked by [`Action::Sftp`].
    Subsystem {
        /// Its name.
        name: &'a str,
    },
    /// An environment variable for what is started next.
    Env {
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a [u8],
    },
    /// A connection that the target makes.
    Forward {
        /// Where to.
        host: &'a str,
        /// At which port.
        port: u32,
    },
    /// That the target listens.
    RemoteForward {
        /// On which address; empty is every one.
        host: &'a str,
        /// At which port; 0 is one that the target chooses.
        port: u32,
    },
    /// That the target listens on a Unix socket.
    RemoteStreamLocal {
        /// Where it is made.
        path: &'a str,
    },
    /// The client's agent, at the target.
    AgentForwarding,
    /// The client's screen, at the target.
    X11,
    /// A connection to a Unix socket at the target.
    StreamLocal {
        /// Where it is.
        path: &'a str,
    },
    /// A signal to what runs on a channel.
    Signal {
        /// Its name, without SIG.
        name: &'a str,
    },
    /// Another size of the terminal.
    WindowChange,
    /// An operation on a file or directory.
    Sftp {
        /// Which one, after links were followed.
        path: &'a [u8],
        /// What it does there.
        access: Access,
    },
    /// Any other request or channel: no word gives it.
    Other {
        /// Its name.
        name: &'a str,
    },
}

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its content is read.
    Read,
    /// It is made, changed or removed.
    Write,
    /// It is looked at: its attributes, the names in it. Who may read or write there may do so.
    List,
}

impl Access {
    /// As a policy has it; to look is to read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Access::Read | Access::List => "read",
            Access::Write => "write",
        }
    }
}

/// Decides whether `grant` allows `action` at `now`: its time first, then its words.
///
/// # Errors
/// What is missing, and how to ask for it.
pub fn decide(grant: &Grant, now: Instant, action: &Action<'_>) -> Result<Permit, Denial> {
    hoopwire_grant::decide(grant, *action, now)
}

impl hoopwire_grant::Rights for Rights {
    type Action<'a> = Action<'a>;
    type Code = crate::Code;

    fn covers(grant: &Grant, action: Action<'_>) -> Result<(), Denial> {
        match grant.rights.covering(&action) {
            Ok(_) => Ok(()),
            Err(reason) => Err(reason.denial(grant, &action)),
        }
    }
}

impl Rights {
    /// The word that covers the action, empty where none is needed.
    pub(crate) fn covering(&self, action: &Action<'_>) -> Result<&str, Reason> {
        match *action {
            Action::Connect => Ok(""),
            Action::Shell => self.first(|means| *means == Means::Shell, Reason::NotGranted),
            Action::Pty { term } => {
                let odd = |byte: u8| !byte.is_ascii_graphic() || byte == b'/';
                if term.len() > 256 || term.bytes().any(odd) {
                    return Err(Reason::Term);
                }
                self.first(|means| *means == Means::Pty, Reason::NotGranted)
            }
            Action::Exec { command } => self.covering_command(command),
            Action::Subsystem { name: "sftp" } => {
                self.first(|means| matches!(means, Means::Sftp(..) | Means::Shell), Reason::NotGranted)
            }
            Action::Subsystem { name } => {
                self.first(|means| matches!(means, Means::Subsystem(one) if one == name), Reason::NotGranted)
            }
            Action::Env { name, value } => {
                let covers = |means: &Means| matches!(means, Means::Env(one) if one.covers(name));
                let word = self.first(covers, Reason::NotGranted)?;
                variable::fault(name, value).map_or(Ok(word), |fault| Err(Reason::Value(fault)))
            }
            Action::Forward { host, port } => {
                let host = Host::read(host).ok_or(Reason::OddHost)?;
                let word = self.first_destination(|one| one.covers(&host, port))?;
                let is_own = self.own.iter().any(|place| place.covers(&host, port));
                if is_own { Err(Reason::Gateway) } else { Ok(word) }
            }
            Action::StreamLocal { path } => self.first_destination(|one| one.covers_socket(path)),
            Action::RemoteForward { host, port } => {
                let host = match host {
                    "" | "*" => None,
                    host => Some(Host::read(host).ok_or(Reason::OddHost)?),
                };
                self.first_listening(|one| one.covers_listening(host.as_ref(), port))
            }
            Action::RemoteStreamLocal { path } => self.first_listening(|one| one.covers_socket(path)),
            Action::AgentForwarding => {
                self.first(|means| *means == Means::AgentForwarding, Reason::NotGranted)
            }
            Action::X11 => self.first(|means| *means == Means::X11, Reason::NotGranted),
            // what runs on a channel was decided when it was started
            Action::Signal { .. } | Action::WindowChange => Ok(""),
            Action::Sftp { path, access } => self.covering_path(path, access, false),
            Action::Other { .. } => Err(Reason::NotGranted),
        }
    }

    /// Who has a shell has every command and every file of the login.
    fn shell(&self) -> Option<&str> {
        self.first(|means| *means == Means::Shell, Reason::NotGranted).ok()
    }

    fn covering_command(&self, command: &[u8]) -> Result<&str, Reason> {
        if let Some(word) = self.shell() {
            // a shell's text ends at a NUL for the target, and not in the recording
            return if command.contains(&0) { Err(Reason::Nul) } else { Ok(word) };
        }
        let argv = argv::read(command).map_err(Reason::Command)?;
        let matches = |pattern: &Pattern| pattern.matches(&argv);
        let found = self.first(|means| matches!(means, Means::Exec(one) if matches(one)), Reason::NotGranted);
        match scp::read(&argv) {
            Some(copy) if found.is_err() => self.covering_copy(copy),
            _ => found.map_err(|_| Reason::CommandNotGranted(argv)),
        }
    }

    /// The target's scp follows links, and nobody can ask where they lead: no path is the limit.
    fn covering_copy(&self, copy: scp::Copy<'_>) -> Result<&str, Reason> {
        self.covering_path(copy.path.as_bytes(), copy.access, copy.is_tree)
            .map_err(|reason| reason.of_copy(copy.access, copy.path))?;
        self.first(
            |means| matches!(means, Means::Sftp(given, prefix) if *given == copy.access && prefix.is_everything()),
            Reason::CopyNotChecked,
        )
    }

    fn covering_path(&self, path: &[u8], access: Access, is_tree: bool) -> Result<&str, Reason> {
        if let Some(word) = self.shell() {
            return if path.contains(&0) { Err(Reason::Path(path::Unclear::Nul)) } else { Ok(word) };
        }
        let path = path::normalise(path).map_err(Reason::Path)?;
        let covers = |means: &Means| match means {
            Means::Sftp(given, prefix) => {
                (access == Access::List || *given == access)
                    && if is_tree { prefix.covers_tree(&path) } else { prefix.covers(&path) }
            }
            _ => false,
        };
        self.first(covers, Reason::NotGranted)
    }

    fn first_destination(&self, covers: impl Fn(&Destination) -> bool) -> Result<&str, Reason> {
        self.first(|means| matches!(means, Means::Forward(one) if covers(one)), Reason::NotGranted)
    }

    fn first_listening(&self, covers: impl Fn(&Destination) -> bool) -> Result<&str, Reason> {
        self.first(|means| matches!(means, Means::RemoteForward(one) if covers(one)), Reason::NotGranted)
    }

    fn first(&self, covers: impl Fn(&Means) -> bool, missing: Reason) -> Result<&str, Reason> {
        let found: Option<&Word> = self.words.iter().find(|word| covers(&word.means));
        found.map(|word| word.text.as_str()).ok_or(missing)
    }
}
