//! What a grant opens at an ssh target: the words of its policy, presets taken apart.

use crate::action::Access;
use crate::code::Code;
use crate::destination::Destination;
use crate::path::Prefix;
use crate::pattern::Pattern;
use crate::variable::Variable;
use serde::Deserialize;
use std::fmt;

/// A grant on an ssh target.
pub type Grant = hoopwire_grant::Grant<Rights>;

/// Why something is not allowed at an ssh target.
pub type Denial = hoopwire_grant::Denial<Code>;

/// What a grant opens at an ssh target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rights {
    pub(crate) words: Vec<Word>,
    /// The policy's actions as written, for refusals.
    pub(crate) action_texts: Vec<String>,
    /// Where the gateway itself listens, as the target would reach it: nothing is forwarded to there.
    pub(crate) own: Vec<Destination>,
}

/// One word and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) means: Means,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    Shell,
    Pty,
    Exec(Pattern),
    Sftp(Access, Prefix),
    Subsystem(String),
    Forward(Destination),
    RemoteForward(Destination),
    Env(Variable),
    AgentForwarding,
    X11,
}

/// Field names as in `hoopwire.model.ssh.rights.CompiledSsh`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    actions: Vec<String>,
    action_texts: Vec<String>,
    own: Vec<String>,
}

/// A word that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The word.
    pub word: String,
    /// What is wrong with it.
    pub fault: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "action {:?}: {}", self.word, self.fault)
    }
}

impl std::error::Error for Malformed {}

impl TryFrom<Written> for Rights {
    type Error = Malformed;

    fn try_from(written: Written) -> Result<Rights, Malformed> {
        let own =
            |text: &String| Destination::read(text).map_err(|fault| Malformed { word: text.clone(), fault });
        let own = written.own.iter().map(own).collect::<Result<_, _>>()?;
        Ok(Rights { own, ..Rights::read(&written.actions, written.action_texts)? })
    }
}

impl Rights {
    /// Of words without presets: `exec ls -l`, `sftp read /var/log`, and as the policy has them.
    ///
    /// # Errors
    /// The first word that is none.
    pub fn read<T: AsRef<str>>(words: &[T], action_texts: Vec<String>) -> Result<Rights, Malformed> {
        let word = |text: &str| {
            let malformed = |fault| Malformed { word: text.to_owned(), fault };
            Means::read(text).map(|means| Word { text: text.to_owned(), means }).map_err(malformed)
        };
        let words = words.iter().map(|text| word(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Rights { words, action_texts, own: Vec::new() })
    }

    /// The policy's actions as written.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.action_texts
    }
}

impl Means {
    fn read(text: &str) -> Result<Means, String> {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        if text.ends_with(' ') {
            return Err("it ends with a space".to_owned());
        }
        let means = match (first, rest) {
            ("shell", "") => Means::Shell,
            ("pty", "") => Means::Pty,
            ("agent-forwarding", "") => Means::AgentForwarding,
            ("x11", "") => Means::X11,
            ("exec", pattern) => {
                let read = Pattern::read(pattern)?;
                let one = read.to_string();
                if one != pattern {
                    return Err(format!("it is written exec {one}"));
                }
                Means::Exec(read)
            }
            ("sftp", rest) => match rest.split_once(' ') {
                Some(("read", prefix)) => Means::Sftp(Access::Read, Prefix::read(prefix)?),
                Some(("write", prefix)) => Means::Sftp(Access::Write, Prefix::read(prefix)?),
                _ => return Err("it is written sftp read PREFIX, or sftp write PREFIX".to_owned()),
            },
            ("subsystem", name) => Means::Subsystem(subsystem(name)?),
            ("forward", destination) => Means::Forward(Destination::read(destination)?),
            ("remote-forward", place) => Means::RemoteForward(Destination::read_listening(place)?),
            ("env", name) => Means::Env(Variable::read(name)?),
            _ => return Err("there is no such word".to_owned()),
        };
        Ok(means)
    }
}

fn subsystem(name: &str) -> Result<String, String> {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte);
    match name {
        "sftp" => Err("sftp is given by sftp read and sftp write".to_owned()),
        _ if matches!(name.len(), 1..=64) && name.bytes().all(named) => Ok(name.to_owned()),
        _ => Err("a subsystem's name is 1 to 64 letters, digits, _ . @ or -".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_none_and_opens_something() {
        for word in [
            "",
            " ",
            "shell ",
            "shell x",
            "Shell",
            "pty x",
            "exec",
            "exec ",
            "exec  ls",
            "exec ls ",
            "exec 'ls'",
            "sftp",
            "sftp ",
            "sftp read",
            "sftp read ",
            "sftp read  /x",
            "sftp list /x",
            "sftp read x",
            "sftp READ /x",
            "sftp read /x/",
            "subsystem",
            "subsystem sftp",
            "subsystem a b",
            "forward",
            "forward db",
            "forward db:",
            "forward :5432",
            "forward *:5432",
            "forward db:0x50",
            "forward db:70000",
            "forward db:5-4",
            "forward db:+5",
            "forward db: 5",
            "forward *db:5",
            "forward *.1:5",
            "forward *.:5",
            "forward DB:5",
            "forward db.:5",
            "forward 010.0.0.1:5",
            "forward 10.1:5",
            "forward 10.0.0.1/8:5",
            "forward 10.0.0.0/33:5",
            "forward 10.0.0.0/08x:5",
            "forward db/8:5",
            "forward ::1:5",
            "forward [10.0.0.1]:5",
            "forward [::1]5",
            "forward [fe80::1%1]:5",
            "forward run/x",
            "forward /run/../x",
            "remote-forward run/x",
            "remote-forward /run/../x",
            "remote-forward /run/x/",
            "remote-forward :80",
            "env",
            "env *",
            "env L*",
            "env LC_",
            "env A=b",
            "env LC_* x",
            "x12",
            "agent",
            "query",
        ] {
            let read = Rights::read(&[word], Vec::new());
            // LC_ alone is the name of a variable
            assert_eq!(read.is_ok(), word == "env LC_", "{word:?}");
        }
    }

    #[test]
    fn what_the_control_plane_writes_is_read() {
        let written = Written {
            actions: vec!["shell".into(), "exec ls".into()],
            action_texts: vec!["operate".into()],
            own: Vec::new(),
        };
        let rights = Rights::try_from(written).unwrap();
        assert_eq!((rights.words.len(), rights.action_texts.len()), (2, 1));
        let written = Written {
            actions: vec!["shell".into(), "query".into()],
            action_texts: Vec::new(),
            own: Vec::new(),
        };
        let malformed = Rights::try_from(written).unwrap_err();
        assert_eq!(malformed.to_string(), "action \"query\": there is no such word");
    }
}
