//! Commands of the replication protocol, decided one by one.
//!
//! Three rules:
//! 1. What outlives the session, or is another consumer's, needs a name that says it is for the gateway: a permanent slot
//!    is used only if its name begins with [`OURS`], and is neither made, changed nor dropped. Temporary ones of the
//!    session's own may be anything.
//! 2. A base backup goes to the client, not to files of the target's host.
//! 3. What is no such command is SQL, and needs the action for SQL. What is not read for sure is refused.

use crate::caches::Turn;
use crate::live::Live;
use hoopwire_grant::{Fault, decide};
use hoopwire_postgres_policy::{Action, Code, Denial};

/// How the names of permanent slots begin that sessions may use.
const OURS: &str = "hoopwire_";
/// Most temporary slots that a session keeps the names of.
const SLOTS_MAX: usize = 64;

/// What a text in a replication session asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    /// It changes nothing.
    Look,
    /// A base backup, to the client or not.
    Backup {
        to_client: bool,
    },
    /// Streams, from this slot if it names one.
    Start {
        slot: Option<String>,
    },
    Create {
        slot: String,
        temporary: bool,
    },
    /// Changes or drops a slot.
    Change {
        slot: String,
    },
    /// One of these words, and what follows is not understood.
    Unreadable,
    /// No command of the replication grammar.
    Sql,
}

/// The temporary slots of a session.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    made: Vec<String>,
    /// One on its way, and the number of its command.
    asked: Option<(u64, String)>,
}

impl Slots {
    /// The command with this number succeeded.
    pub(crate) fn done(&mut self, no: u64) {
        if let Some((_, slot)) = self.asked.take_if(|(asked, _)| *asked == no) {
            self.made.push(slot);
        }
    }

    /// An error: the target drops a session's temporary slots then, and their names may be somebody else's.
    pub(crate) fn forget(&mut self) {
        *self = Slots::default();
    }

    fn has(&self, slot: &str) -> bool {
        self.made.iter().any(|made| made == slot)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// In lower case unless it was quoted.
    Name(String),
    Text(String),
    Sign(u8),
}

/// The server's scanner (`repl_scanner.l`); `None` for what does not end.
fn tokens(text: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => 1,
            quote @ (b'"' | b'\'') => {
                let (word, length) = quoted(behind, *quote)?;
                tokens.push(if *quote == b'"' { Token::Name(word) } else { Token::Text(word) });
                length.saturating_add(1)
            }
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | 0x80..) => {
                let length = rest.iter().take_while(|byte| is_part(byte)).count();
                let word = String::from_utf8_lossy(rest.get(..length)?).to_ascii_lowercase();
                tokens.push(Token::Name(word));
                length
            }
            sign => {
                tokens.push(Token::Sign(*sign));
                1
            }
        };
        rest = rest.get(length..)?;
    }
    Some(tokens)
}

fn is_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// What stands up to the closing quote, and its length with that.
fn quoted(text: &[u8], quote: u8) -> Option<(String, usize)> {
    let mut word = Vec::new();
    let mut at = 0_usize;
    loop {
        let byte = *text.get(at)?;
        at = at.saturating_add(1);
        if byte == quote {
            if text.get(at) != Some(&quote) {
                return Some((String::from_utf8_lossy(&word).into_owned(), at));
            }
            at = at.saturating_add(1);
        }
        word.push(byte);
    }
}

/// The first word decides, as in the server (`replication_scanner_is_replication_command`).
fn read(text: &[u8]) -> Command {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c));
    let text = text.get(start.unwrap_or(text.len())..).unwrap_or_default();
    let end = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
    let word = String::from_utf8_lossy(text.get(..end).unwrap_or_default()).to_ascii_uppercase();
    let rest = || tokens(text.get(end..).unwrap_or_default()).unwrap_or_else(|| vec![Token::Sign(0)]);
    match word.as_str() {
        "IDENTIFY_SYSTEM" | "TIMELINE_HISTORY" | "UPLOAD_MANIFEST" | "SHOW" => match rest().as_slice() {
            [Token::Sign(0), ..] => Command::Unreadable,
            _ => Command::Look,
        },
        "BASE_BACKUP" => match rest().as_slice() {
            [Token::Sign(0), ..] => Command::Unreadable,
            options => Command::Backup { to_client: goes_to_client(options) },
        },
        "READ_REPLICATION_SLOT" => match rest().into_iter().next() {
            Some(Token::Name(slot)) => Command::Start { slot: Some(slot) },
            _ => Command::Unreadable,
        },
        "START_REPLICATION" => {
            let mut rest = rest().into_iter();
            match (rest.next(), rest.next()) {
                (Some(Token::Name(word)), Some(Token::Name(slot))) if word == "slot" => {
                    Command::Start { slot: Some(slot) }
                }
                (Some(Token::Name(word)), _) if word != "slot" => Command::Start { slot: None },
                _ => Command::Unreadable,
            }
        }
        "CREATE_REPLICATION_SLOT" => {
            let mut rest = rest().into_iter();
            match (rest.next(), rest.next()) {
                (Some(Token::Name(slot)), Some(Token::Name(kind))) => {
                    Command::Create { slot, temporary: kind == "temporary" }
                }
                _ => Command::Unreadable,
            }
        }
        "DROP_REPLICATION_SLOT" | "ALTER_REPLICATION_SLOT" => match rest().into_iter().next() {
            Some(Token::Name(slot)) => Command::Change { slot },
            _ => Command::Unreadable,
        },
        _ => Command::Sql,
    }
}

/// No option names another target than `client`.
fn goes_to_client(options: &[Token]) -> bool {
    let is_named =
        |token: &Token, name: &str| matches!(token, Token::Name(word) if word.eq_ignore_ascii_case(name));
    options.iter().enumerate().all(|(at, token)| {
        let value = options.get(at.saturating_add(1));
        let is_client = matches!(value, Some(Token::Name(word) | Token::Text(word)) if word == "client");
        !is_named(token, "target_detail") && (!is_named(token, "target") || is_client)
    })
}

impl Live {
    /// Decides a text of a replication session. True if it is a command of the replication protocol and no SQL.
    pub(crate) fn judge_replication(
        &mut self,
        no: u64,
        text: &[u8],
        turn: &Turn<'_>,
    ) -> Result<bool, Denial> {
        let command = read(text);
        let refused = |what: &str, why: &str| Err(self.replication_denial(what, why));
        match &command {
            Command::Sql => return decide(&self.grant, Action::Query, turn.now).map(|_permit| false),
            Command::Look | Command::Backup { to_client: true } | Command::Start { slot: None } => {}
            Command::Backup { to_client: false } => {
                return refused(
                    "a base backup to another target than the client",
                    "It would write files on the target's host.",
                );
            }
            Command::Start { slot: Some(slot) }
                if slot.starts_with(OURS) || self.replication.slots.has(slot) => {}
            Command::Start { slot: Some(_) } => {
                return refused("this replication slot", "What is read from it is lost to its own consumer.");
            }
            Command::Create { temporary: false, .. } => {
                return refused(
                    "permanent replication slots",
                    "One would outlive the session and its grant.",
                );
            }
            Command::Create { slot, temporary: true } => {
                if self.replication.slots.made.len() >= SLOTS_MAX {
                    return refused("more temporary replication slots in one session", "There are 64.");
                }
                self.replication.slots.asked = Some((no, slot.clone()));
            }
            Command::Change { slot } if self.replication.slots.has(slot) => {
                self.replication.slots.made.retain(|made| made != slot)
            }
            Command::Change { .. } => {
                return refused("to change or drop this replication slot", "The session has not made it.");
            }
            Command::Unreadable => {
                return refused(
                    "a replication command that it cannot read",
                    "Nothing of it was sent to the target.",
                );
            }
        }
        Ok(true)
    }

    fn replication_denial(&self, what: &str, why: &str) -> Denial {
        Denial {
            fault: Fault::NotGranted,
            code: Code::ReplicationCommandNotGranted,
            message: format!("grant {} does not allow {what}", self.grant.id),
            detail: format!("{why}\ncode: replication_command_not_granted"),
            hint: format!(
                "Make slots TEMPORARY, or have the target's operators make one whose name begins with {OURS}; send \
                 base backups to the client."
            ),
            position: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(slot: &str) -> String {
        slot.to_owned()
    }

    #[test]
    fn commands_are_read_as_the_server_reads_them() {
        let create = |slot: &str, temporary| Command::Create { slot: name(slot), temporary };
        for (text, command) in [
            ("IDENTIFY_SYSTEM", Command::Look),
            (" show \"data_directory_mode\"", Command::Look),
            ("TIMELINE_HISTORY 2", Command::Look),
            ("BASE_BACKUP", Command::Backup { to_client: true }),
            ("BASE_BACKUP ( LABEL 'target', PROGRESS, TARGET 'client')", Command::Backup { to_client: true }),
            ("BASE_BACKUP LABEL 'it''s' NOWAIT", Command::Backup { to_client: true }),
            ("base_backup(target 'server', target_detail '/tmp/x')", Command::Backup { to_client: false }),
            ("BASE_BACKUP (\"target\" 'blackhole')", Command::Backup { to_client: false }),
            ("BASE_BACKUP (target server)", Command::Backup { to_client: false }),
            ("BASE_BACKUP (target)", Command::Backup { to_client: false }),
            ("BASE_BACKUP (LABEL 'x", Command::Unreadable),
            ("START_REPLICATION 0/3000000 TIMELINE 1", Command::Start { slot: None }),
            ("START_REPLICATION PHYSICAL 0/0", Command::Start { slot: None }),
            ("START_REPLICATION SLOT \"a\"\"b\" LOGICAL 0/0", Command::Start { slot: Some(name("a\"b")) }),
            ("START_REPLICATION\tSlot App LOGICAL 0/0 (x '1')", Command::Start { slot: Some(name("app")) }),
            ("START_REPLICATION SLOT 'app' LOGICAL 0/0", Command::Unreadable),
            ("START_REPLICATION", Command::Unreadable),
            ("READ_REPLICATION_SLOT app", Command::Start { slot: Some(name("app")) }),
            ("CREATE_REPLICATION_SLOT a TEMPORARY LOGICAL pgoutput", create("a", true)),
            ("CREATE_REPLICATION_SLOT temporary LOGICAL pgoutput", create("temporary", false)),
            ("CREATE_REPLICATION_SLOT a PHYSICAL RESERVE_WAL", create("a", false)),
            ("DROP_REPLICATION_SLOT \"a\" WAIT", Command::Change { slot: name("a") }),
            ("ALTER_REPLICATION_SLOT a (FAILOVER)", Command::Change { slot: name("a") }),
            ("drop_replication_slot", Command::Unreadable),
            ("", Command::Sql),
            ("select 1", Command::Sql),
            ("/* */ BASE_BACKUP", Command::Sql),
            ("BASE_BACKUP2", Command::Sql),
            ("START_", Command::Sql),
            ("\u{a0}BASE_BACKUP", Command::Sql),
        ] {
            assert_eq!(read(text.as_bytes()), command, "{text}");
        }
    }

    #[test]
    fn a_slot_is_the_sessions_own_once_it_was_made() {
        // One that could not be made is somebody else's.
        let mut slots = Slots { asked: Some((3, name("a"))), ..Slots::default() };
        slots.done(2);
        assert!(!slots.has("a"));
        slots.done(3);
        assert!(slots.has("a") && slots.asked.is_none());
        slots.forget();
        assert!(!slots.has("a"), "an error dropped it");
    }
}
