//! Actions as a person writes them: `exec tar czf - /var/log`, `sftp read /etc/hosts`, `forward db:5432`.

use crate::action::{Access, Action};

impl<'a> Action<'a> {
    /// Of its text: the word, a space, and the rest as a client would send it.
    ///
    /// ```text
    /// shell | pty [TERM] | exec COMMAND | subsystem NAME | env NAME=VALUE | sftp read|write|list PATH
    /// forward HOST:PORT | forward /PATH | streamlocal PATH | remote-forward [HOST]:PORT | remote-forward /PATH
    /// remote-streamlocal PATH | agent-forwarding | x11 | signal NAME | window-change | request NAME
    /// ```
    ///
    /// `None` if it is none.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Option<Action<'a>> {
        let at = text.iter().position(|byte| *byte == b' ');
        let (word, rest) = match at {
            Some(at) => (text.get(..at)?, text.get(at.saturating_add(1)..)?),
            None => (text, &[][..]),
        };
        let name = || std::str::from_utf8(rest).ok();
        Some(match (word, rest.is_empty()) {
            (b"shell", true) => Action::Shell,
            (b"agent-forwarding", true) => Action::AgentForwarding,
            (b"x11", true) => Action::X11,
            (b"window-change", true) => Action::WindowChange,
            (b"exec", _) => Action::Exec { command: rest },
            (b"pty", _) => Action::Pty { term: name()? },
            (b"subsystem", _) => Action::Subsystem { name: name()? },
            (b"signal", _) => Action::Signal { name: name()? },
            (b"request", _) => Action::Other { name: name()? },
            (b"streamlocal", _) => Action::StreamLocal { path: name()? },
            (b"remote-streamlocal", _) => Action::RemoteStreamLocal { path: name()? },
            (b"env", _) => {
                let (name, value) = name()?.split_once('=')?;
                Action::Env { name, value: value.as_bytes() }
            }
            (b"forward", _) if rest.starts_with(b"/") => Action::StreamLocal { path: name()? },
            (b"remote-forward", _) if rest.starts_with(b"/") => Action::RemoteStreamLocal { path: name()? },
            (b"forward", _) => {
                let (host, port) = address(name()?)?;
                Action::Forward { host, port }
            }
            (b"remote-forward", _) => {
                let (host, port) = address(name()?)?;
                Action::RemoteForward { host, port }
            }
            (b"sftp", _) => {
                let spoken: [(Access, &[u8]); 3] =
                    [(Access::Read, b"read "), (Access::Write, b"write "), (Access::List, b"list ")];
                let found = |(access, word): (Access, &[u8])| Some((access, rest.strip_prefix(word)?));
                let (access, path) = spoken.into_iter().find_map(found)?;
                Action::Sftp { path, access }
            }
            _ => return None,
        })
    }
}

/// As a client's `-L` has it, IPv6 in brackets, to what it sends.
fn address(text: &str) -> Option<(&str, u32)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => text.rsplit_once(':')?,
    };
    Some((host, port.parse().ok()?))
}
