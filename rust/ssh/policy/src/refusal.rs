//! Why an action is refused, and the words for it.

use crate::action::{Access, Action};
use crate::argv::{NotUnderstood, quoted};
use crate::code::Code;
use crate::path::Unclear;
use crate::rights::{Denial, Grant};
use hoopwire_grant::Fault;

/// Why an action may not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No word covers it.
    NotGranted,
    /// No word covers the command of these words.
    CommandNotGranted(Vec<String>),
    /// Shells do not agree on what it says.
    Command(NotUnderstood),
    /// A command with a NUL.
    Nul,
    /// It is not clear what the path names.
    Path(Unclear),
    /// The command is a copy to or from a path that is refused.
    Copy(Access, String, Option<Unclear>),
    /// The command is a copy of a path that is covered, and the target's scp follows the links on its way.
    CopyNotChecked,
    /// It cannot be told which host it is.
    OddHost,
    /// The gateway itself listens there.
    Gateway,
    /// A value that the variable may not have.
    Value(&'static str),
    /// A TERM that no terminal has.
    Term,
}

struct Words {
    message: String,
    detail: String,
    hint: String,
}

/// How many of the policy's actions a text lists.
const ACTIONS: usize = 10;
/// How many characters of one thing a text has at most.
const LENGTH: usize = 120;

impl Reason {
    /// The same of a copy by scp.
    pub(crate) fn of_copy(self, access: Access, path: &str) -> Reason {
        let unclear = match self {
            Reason::Path(unclear) => Some(unclear),
            _ => None,
        };
        Reason::Copy(access, path.to_owned(), unclear)
    }

    fn code(&self, action: &Action<'_>) -> Code {
        match (self, action) {
            (Reason::Command(_) | Reason::Nul, _) => Code::CommandNotUnderstood,
            (Reason::Path(_) | Reason::Copy(_, _, Some(_)), _) => Code::PathNotUnderstood,
            (Reason::CopyNotChecked, _) => Code::PathNotChecked,
            (Reason::Copy(..), _) | (_, Action::Sftp { .. }) => Code::PathNotGranted,
            (_, Action::Shell) => Code::ShellNotGranted,
            (_, Action::Exec { .. }) => Code::CommandNotGranted,
            (_, Action::Subsystem { .. }) => Code::SubsystemNotGranted,
            (_, Action::Env { .. }) => Code::VariableNotGranted,
            (
                _,
                Action::Forward { .. }
                | Action::RemoteForward { .. }
                | Action::StreamLocal { .. }
                | Action::RemoteStreamLocal { .. },
            ) => Code::ForwardNotGranted,
            _ => Code::RequestNotGranted,
        }
    }

    /// The texts for the principal of this grant. DETAIL ends with a line `code: ...`, as everywhere.
    pub(crate) fn denial(&self, grant: &Grant, action: &Action<'_>) -> Denial {
        let code = self.code(action);
        let Words { message, detail, hint } = self.words(grant, action);
        let detail = format!("{detail}\ncode: {}", code.name());
        Denial {
            fault: code.fault().unwrap_or(Fault::NotGranted),
            code,
            message,
            detail,
            hint,
            position: None,
        }
    }

    fn words(&self, grant: &Grant, action: &Action<'_>) -> Words {
        let id = &grant.id;
        match self {
            Reason::NotGranted => missing(grant, action),
            Reason::CommandNotGranted(argv) => {
                let program = argv.first().map_or("", String::as_str);
                let words = argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                let whole = words.chars().count() <= LENGTH;
                let arguments = if argv.len() > 1 { " with these arguments" } else { "" };
                Words {
                    message: format!("grant {id} does not allow {}{arguments}", cut(program)),
                    detail: grants(grant),
                    hint: match whole {
                        true => format!("Ask for: exec {}", cut(&words)),
                        false => format!("Ask for exec {} with these very arguments.", cut(program)),
                    },
                }
            }
            Reason::Command(fault) => Words {
                message: format!("the command is not understood: {fault}"),
                detail: format!(
                    "A grant for single commands takes what every shell reads alike as one program and its \
                     arguments. {}",
                    grants(grant)
                ),
                hint: match fault {
                    NotUnderstood::Character { byte: b'*' | b'?' | b'[' | b']' | b'{' | b'}' | b'~', .. } => {
                        "Name each file, or put the word in single quotes if the character is meant as it stands."
                    }
                    NotUnderstood::Character { byte: b' '..=b'~', is_quoted: false, .. } => {
                        "Run one command at a time; put a word in single quotes if the character is meant as it \
                         stands."
                    }
                    NotUnderstood::ShellWord | NotUnderstood::NoProgram => {
                        "Begin with the program itself, or ask for: shell"
                    }
                    _ => "Write the command without it, or ask for: shell",
                }
                .to_owned(),
            },
            Reason::Nul => Words {
                message: "the command is not understood: it has a NUL".to_owned(),
                detail: "The target would read it to there only.".to_owned(),
                hint: "Write the command without it.".to_owned(),
            },
            Reason::Path(unclear) => unclear_path(grant, unclear),
            Reason::Copy(_, _, Some(unclear)) => unclear_path(grant, unclear),
            Reason::Copy(access, path, None) => {
                missing(grant, &Action::Sftp { path: path.as_bytes(), access: *access })
            }
            Reason::CopyNotChecked => Words {
                message: "scp -O is not served under a path: it can't be told where the path leads".to_owned(),
                detail: format!("The target's scp would follow every link on its way. {}", grants(grant)),
                hint: "Use scp without -O: it speaks sftp, where links are looked at. Or ask for: shell".to_owned(),
            },
            Reason::OddHost => Words {
                message: "the host is not understood".to_owned(),
                detail: format!(
                    "It is no name and no address in its usual form, so nobody can say where the target would \
                     connect to. {}",
                    grants(grant)
                ),
                hint: "Write the name, or the address as 10.0.0.7 or 2001:db8::7, without a zone.".to_owned(),
            },
            Reason::Gateway => Words {
                message: "connections to the gateway itself are not forwarded".to_owned(),
                detail: "It listens there: what comes through it would come from itself.".to_owned(),
                hint: "Connect to the gateway directly.".to_owned(),
            },
            Reason::Value(fault) => Words {
                message: format!("the variable is refused: {fault}"),
                detail: grants(grant),
                hint: "Send a plain value, or none.".to_owned(),
            },
            Reason::Term => Words {
                message: "the terminal is refused: no terminal has this name".to_owned(),
                detail: "A TERM is printable, and has no /.".to_owned(),
                hint: "Set TERM to xterm-256color, for example.".to_owned(),
            },
        }
    }
}

fn unclear_path(grant: &Grant, unclear: &Unclear) -> Words {
    Words {
        message: format!("the path is not understood: {unclear}"),
        detail: format!("A path is decided by its text. {}", grants(grant)),
        hint: "Write the whole path, from / on, without ..".to_owned(),
    }
}

fn missing(grant: &Grant, action: &Action<'_>) -> Words {
    let (what, ask) = match *action {
        Action::Shell => ("a shell".to_owned(), Some("shell".to_owned())),
        Action::Pty { .. } => ("a terminal".to_owned(), Some("pty".to_owned())),
        Action::Exec { .. } => ("this command".to_owned(), None),
        Action::Subsystem { name: "sftp" } => ("sftp".to_owned(), Some("sftp read PATH".to_owned())),
        Action::Subsystem { name } => {
            (format!("subsystem {}", cut(name)), Some(format!("subsystem {}", cut(name))))
        }
        Action::Env { name, .. } => (format!("variable {}", cut(name)), Some(format!("env {}", cut(name)))),
        Action::Forward { host, port } => {
            let to = at(host, port);
            (format!("connections to {to}"), Some(format!("forward {to}")))
        }
        Action::RemoteForward { host, port } => {
            let on = at(if host.is_empty() { "*" } else { host }, port);
            (format!("listening on {on}"), Some(format!("remote-forward {on}")))
        }
        Action::StreamLocal { path } => {
            (format!("connections to {}", cut(path)), Some(format!("forward {}", cut(path))))
        }
        Action::RemoteStreamLocal { path } => {
            (format!("listening on {}", cut(path)), Some(format!("remote-forward {}", cut(path))))
        }
        Action::AgentForwarding => ("agent forwarding".to_owned(), Some("agent-forwarding".to_owned())),
        Action::X11 => ("X11".to_owned(), Some("x11".to_owned())),
        Action::Connect | Action::Signal { .. } | Action::WindowChange => ("this request".to_owned(), None),
        Action::Sftp { path, access } => {
            let path = cut(&String::from_utf8_lossy(path));
            let doing = match access {
                Access::Read => "reading",
                Access::Write => "writing",
                Access::List => "looking at",
            };
            (format!("{doing} {path}"), Some(format!("sftp {} {path}", access.word())))
        }
        Action::Other { name } => (format!("request {}", cut(name)), None),
    };
    let hint = match ask {
        Some(ask) => format!("Ask for: {ask}"),
        None => "No action of a policy gives it.".to_owned(),
    };
    Words { message: format!("grant {} does not allow {what}", grant.id), detail: grants(grant), hint }
}

fn at(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{}]:{port}", cut(host)) } else { format!("{}:{port}", cut(host)) }
}

/// What the policy has, as written.
fn grants(grant: &Grant) -> String {
    let mut texts: Vec<String> =
        grant.rights.action_texts.iter().take(ACTIONS).map(|text| cut(text)).collect();
    let more = grant.rights.action_texts.len().saturating_sub(ACTIONS);
    if more > 0 {
        texts.push(format!("{more} more"));
    }
    let texts = if texts.is_empty() { "nothing".to_owned() } else { texts.join("; ") };
    format!("Policy \"{}\" grants: {texts}.", cut(&grant.policy))
}

/// One line of sane length.
fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut cut: String = text.chars().take(LENGTH).map(plain).collect();
    if text.chars().nth(LENGTH).is_some() {
        cut.push('…');
    }
    cut
}
