//! Why a text is refused, and the words for it.

use crate::closed::{SETTINGS, closed_columns};
use crate::code::Code;
use crate::rights::{Denial, Grant};
use crate::rules::Words as PolicyWords;
use hoopwire_grant::Fault;
use hoopwire_postgres_sql::{MAX_TOKENS, Name, Verbs};

/// Why a statement may not pass. It holds names and words, and never a literal of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// These verbs on this relation are not covered by a rule.
    Relation {
        /// The candidate that is not covered, with its schema.
        relation: Name,
        /// What is missing.
        verbs: Verbs,
    },
    /// A deny rule matches.
    Denied {
        /// The candidate that it matches, with its schema.
        object: Name,
        /// What is denied.
        verbs: Verbs,
    },
    /// It shares rows with what a deny rule matches.
    DeniedKin {
        /// The candidate, with its schema.
        object: Name,
        /// What is denied.
        verbs: Verbs,
    },
    /// A function that needs a `call` rule.
    Function {
        /// The candidate, with its schema.
        function: Name,
    },
    /// No schema that the session looks in is known to have this function.
    FunctionUnknown {
        /// As written.
        function: Name,
    },
    /// A setting, or a value of it, that a session may not choose.
    Setting {
        /// Its name.
        name: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// A setting that may not be read; `None` where it cannot be told which.
    SettingRead {
        /// Its name.
        name: Option<String>,
    },
    /// A name of another database than the session's own.
    OtherDatabase {
        /// The database.
        name: String,
    },
    /// A word of the policy is missing.
    Word {
        /// The word.
        word: PolicyWords,
        /// The command that needs it.
        command: &'static str,
    },
    /// Never a matter of exact grants, or not understood.
    NotUnderstood {
        /// The command in words.
        what: String,
    },
    /// CASCADE reaches objects that the statement does not name.
    Cascade {
        /// What is missing on `*.*`.
        verbs: Verbs,
    },
    /// READ WRITE under a grant that only reads.
    ReadOnly,
    /// Masked columns would show.
    Masked {
        /// The column.
        column: String,
        /// Where it stands.
        place: &'static str,
    },
    /// COPY beside other statements, under masks: its rows do not say what they are.
    CopyNotAlone,
    /// RETURNING tests OLD or NEW against a subquery, which may end the target's server.
    AbsentRow,
    /// A list may have more columns than PostgreSQL has numbers for, which ends its server.
    TooWide,
    /// The text does not follow PostgreSQL's grammar.
    Syntax {
        /// The parser's words.
        message: String,
        /// Characters from 1.
        position: Option<usize>,
    },
    /// More nesting than the gateway follows.
    TooDeep,
    /// More tokens than the gateway gives to the grammar.
    TooManyTokens,
    /// More work than a text of its length may make.
    TooComplex,
    /// Characters that the session's encoding does not let us read for sure.
    Encoding,
    /// The grant has neither `query` nor exact rights.
    NoStatements,
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which statement of the text, from 0.
    pub statement: usize,
    /// Its command's words; empty if the text was not understood at all.
    pub command: &'static str,
    /// Why.
    pub reason: Reason,
}

impl Refusal {
    /// The stable code: what a program may rely on.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.reason {
            Reason::Relation { .. } => Code::RelationNotGranted,
            Reason::Denied { .. } | Reason::DeniedKin { .. } => Code::DeniedByRule,
            Reason::Function { .. } => Code::FunctionNotGranted,
            Reason::FunctionUnknown { .. } => Code::FunctionUnknown,
            Reason::Setting { .. } => Code::SettingNotPermitted,
            Reason::SettingRead { .. } => Code::SettingNotReadable,
            Reason::OtherDatabase { .. } => Code::OtherDatabase,
            Reason::Word { .. } => Code::StatementNotGranted,
            Reason::NotUnderstood { .. } => Code::StatementNotUnderstood,
            Reason::Cascade { .. } => Code::CascadeNotGranted,
            Reason::ReadOnly => Code::ReadOnlyGrant,
            Reason::Masked { .. } => Code::MaskedColumn,
            Reason::CopyNotAlone => Code::CopyNotAlone,
            Reason::AbsentRow => Code::RowMayBeAbsent,
            Reason::TooWide => Code::ListTooWide,
            Reason::Syntax { .. } => Code::SyntaxError,
            Reason::TooDeep => Code::StatementTooDeep,
            Reason::TooManyTokens => Code::StatementTooManyTokens,
            Reason::TooComplex => Code::StatementTooComplex,
            Reason::Encoding => Code::EncodingNotUtf8,
            Reason::NoStatements => Code::Grant(hoopwire_grant::Code::ActionNotGranted),
        }
    }

    /// What it holds outside itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let name = |name: &Name| name.schema.as_ref().map_or(0, String::capacity) + name.name.capacity();
        match &self.reason {
            Reason::Relation { relation: it, .. }
            | Reason::Denied { object: it, .. }
            | Reason::DeniedKin { object: it, .. }
            | Reason::Function { function: it }
            | Reason::FunctionUnknown { function: it } => name(it),
            Reason::SettingRead { name } => name.as_ref().map_or(0, String::capacity),
            Reason::Setting { name: text, .. }
            | Reason::OtherDatabase { name: text }
            | Reason::NotUnderstood { what: text }
            | Reason::Masked { column: text, .. }
            | Reason::Syntax { message: text, .. } => text.capacity(),
            Reason::Word { .. }
            | Reason::Cascade { .. }
            | Reason::ReadOnly
            | Reason::CopyNotAlone
            | Reason::AbsentRow
            | Reason::TooWide
            | Reason::TooDeep
            | Reason::TooManyTokens
            | Reason::TooComplex
            | Reason::Encoding
            | Reason::NoStatements => 0,
        }
    }

    /// The texts for the principal of this grant. DETAIL ends with a line `code: ...`, since that is where a driver
    /// can read it.
    #[must_use]
    pub fn denial(&self, grant: &Grant) -> Denial {
        let Words { message, detail, hint } = self.words(grant);
        let place = match self.statement {
            0 => String::new(),
            at => format!(" It is statement {} of the text.", at.saturating_add(1)),
        };
        let position = match self.reason {
            Reason::Syntax { position, .. } => position,
            _ => None,
        };
        let code = self.code();
        let detail = format!("{detail}{place}\ncode: {}", code.name());
        Denial { fault: code.fault().unwrap_or(Fault::NotGranted), code, message, detail, hint, position }
    }

    fn words(&self, grant: &Grant) -> Words {
        let id = &grant.id;
        match &self.reason {
            Reason::Relation { relation, verbs } => {
                let words = missing(grant, &on(*verbs, &object(relation)));
                without_closed(relation, words)
            }
            Reason::Function { function } => missing(grant, &format!("call {}", object(function))),
            Reason::Word { word, command } => {
                let action = word.names().collect::<Vec<_>>().join(", ");
                let words = missing(grant, &action);
                Words { message: format!("grant {id} does not allow {command}"), ..words }
            }
            Reason::Cascade { verbs } => {
                let words = missing(grant, &on(*verbs, "*.*"));
                Words {
                    message: format!("grant {id} does not allow CASCADE, or constraints on the values of a domain"),
                    detail: format!(
                        "It reaches objects that are not named, so it needs everything, without any exception, \
                         deny rule or mask. {}",
                        words.detail
                    ),
                    hint: "Name the objects one by one, without CASCADE.".to_owned(),
                }
            }
            Reason::Denied { object: denied, verbs } => Words {
                message: format!("grant {id} denies {}", on(*verbs, &object(denied))),
                detail: format!("A deny rule of policy {} matches it, and a deny wins.", quoted(&grant.policy)),
                hint: "No action outweighs a deny rule; only the gateway's operators can change it.".to_owned(),
            },
            Reason::DeniedKin { object: denied, verbs } => Words {
                message: format!("grant {id} denies {}", on(*verbs, &object(denied))),
                detail: format!(
                    "A deny rule of policy {} matches a partition, child or parent of it: they share rows.",
                    quoted(&grant.policy)
                ),
                hint: "Name the partitions or children that you may use one by one; of a parent that has rows of its \
                       own, ONLY those pass."
                    .to_owned(),
            },
            Reason::FunctionUnknown { function } => Words {
                message: format!("function {} is not known to the gateway", object(function)),
                detail: "It is not in pg_catalog, nor in a schema of the session's search_path.".to_owned(),
                hint: "Write it with its schema. A function that was just made is known after a moment.".to_owned(),
            },
            Reason::Setting { name, hint } => Words {
                message: format!("grant {id} does not allow this change of setting {}", quoted(name)),
                detail: "A session may not choose this setting, or not this value of it.".to_owned(),
                hint: (*hint).to_owned(),
            },
            Reason::SettingRead { name } => Words {
                message: match name {
                    Some(name) => format!("grant {id} does not allow reading setting {}", quoted(&cut(name))),
                    None => format!("grant {id} does not allow reading a setting that is not named"),
                },
                detail: "Settings may hold secrets: only those of PostgreSQL's own that hold none may be read, by \
                         their names as constants."
                    .to_owned(),
                hint: "To read all settings, ask for select on pg_catalog.pg_settings.".to_owned(),
            },
            Reason::OtherDatabase { name } => Words {
                message: format!("database {} is not the session's own", quoted(&cut(name))),
                detail: format!(
                    "PostgreSQL has no statement over several databases; this session uses {}.",
                    quoted(&grant.database)
                ),
                hint: "Leave the database out of the name, or connect to the other one.".to_owned(),
            },
            Reason::NotUnderstood { what } => Words {
                message: format!("grant {id} does not allow {}", cut(what)),
                detail: "No action on single objects covers it, or the gateway does not know what it would do."
                    .to_owned(),
                hint: "Only a policy with action \"query\" allows it; ask the gateway's operators.".to_owned(),
            },
            Reason::ReadOnly => Words {
                message: format!("grant {id} only reads, so no transaction may be READ WRITE"),
                detail: grants(grant),
                hint: "Leave READ WRITE out; reading needs nothing else.".to_owned(),
            },
            Reason::Masked { column, place } => Words {
                message: match column.as_str() {
                    "" => format!("a masked column may not be used {place}"),
                    column => {
                        let names: Vec<String> = column.split('.').map(identifier).collect();
                        format!("{} is masked and may not be used {place}", names.join("."))
                    }
                },
                detail: "What comes out of there could not be masked, or would show what the mask hides.".to_owned(),
                hint: "Select the column by itself, or leave it out of the statement.".to_owned(),
            },
            Reason::CopyNotAlone => Words {
                message: "under a grant with masks COPY must be the only statement of a Query".to_owned(),
                detail: "The rows of a COPY do not say what they are, and the gateway must know whose they are."
                    .to_owned(),
                hint: "Send the COPY by itself.".to_owned(),
            },
            Reason::TooWide => Words {
                message: "RETURNING or the ORDER BY of an aggregate may have too many columns".to_owned(),
                detail: "PostgreSQL returns, and sorts by, 1664 columns at most, and with more than 32767 it ends all \
                         of its sessions. A * is counted as 1664 for each relation that it may stand for."
                    .to_owned(),
                hint: "Name the columns that you want back; sort by fewer.".to_owned(),
            },
            Reason::AbsentRow => Words {
                message: "RETURNING may not test OLD or NEW against a subquery".to_owned(),
                detail: "A row that is not there (NEW of a DELETE, OLD of an INSERT) before IN, ANY, ALL or in EXISTS \
                         ends all sessions of a PostgreSQL 18 server."
                    .to_owned(),
                hint: "Put the test into a subquery of its own, (SELECT old.x IN (SELECT ...)), or name the column \
                       without OLD and NEW."
                    .to_owned(),
            },
            Reason::Syntax { message, .. } => Words {
                message: without_literals(message),
                detail: "The gateway reads statements with the grammar of PostgreSQL 18; nothing was sent to the \
                         target."
                    .to_owned(),
                hint: "Correct the statement and send it again.".to_owned(),
            },
            Reason::TooDeep => Words {
                message: "the statement is nested too deeply for the gateway to read".to_owned(),
                detail: "Nothing was sent to the target.".to_owned(),
                hint: "Write long chains of operators as lists (IN, ANY), or split the statement.".to_owned(),
            },
            Reason::TooManyTokens => Words {
                message: format!("the text has more than {MAX_TOKENS} words, numbers, strings and signs"),
                detail: "While the gateway reads a text, its other sessions wait; nothing was sent to the target."
                    .to_owned(),
                hint: "Split it, or send bulk values as bind parameters, as one array parameter or with COPY.".to_owned(),
            },
            Reason::TooComplex => Words {
                message: "reading the text would take more work than its length allows".to_owned(),
                detail: "It repeats names, columns or relations that must be compared with each other; nothing was sent \
                         to the target."
                    .to_owned(),
                hint: "Split the statement, or name fewer relations, columns and expressions in one.".to_owned(),
            },
            Reason::Encoding => Words {
                message: "the statement has characters that cannot be read for sure".to_owned(),
                detail: "Text beyond ASCII must be valid UTF-8, in a session and a database whose encoding is UTF8."
                    .to_owned(),
                hint: "Use client_encoding UTF8, or send such text as bind parameters.".to_owned(),
            },
            Reason::NoStatements => missing(grant, "query"),
        }
    }
}

/// The texts of a denial, without what all have.
struct Words {
    message: String,
    detail: String,
    hint: String,
}

/// An action that the policy does not have, as a policy file writes it.
fn missing(grant: &Grant, action: &str) -> Words {
    Words {
        message: format!("grant {} does not allow {action}", grant.id),
        detail: format!("Missing: {}. {}", quoted(action), grants(grant)),
        hint: format!(
            "Ask for it: POST /v1/grants with actions [{}], or ask the gateway's operators to add it to a policy.",
            quoted(action)
        ),
    }
}

/// What may be read of a relation of which some columns are closed.
fn without_closed(relation: &Name, words: Words) -> Words {
    let closed = relation.schema.as_deref().and_then(|schema| closed_columns(schema, &relation.name));
    let Some(closed) = closed else { return words };
    let settings = match closed.relation == SETTINGS {
        true => " A setting that holds no secret can be read by SHOW, or by WHERE name = 'its_name' alone.",
        false => "",
    };
    let hint = format!(
        "It can be read without {}: name the other columns one by one, without *, whole rows or NATURAL.{settings} \
         {}",
        closed.columns.join(", "),
        words.hint
    );
    Words { hint, ..words }
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
    format!("Policy {} grants: {texts}.", quoted(&grant.policy))
}

/// How many of the policy's actions a text lists.
const ACTIONS: usize = 10;
/// How many characters of one thing a text has at most.
const LENGTH: usize = 120;

fn on(verbs: Verbs, object: &str) -> String {
    let call = verbs.contains(Verbs::CALL);
    let verbs = verbs.names().collect::<Vec<_>>().join(", ");
    if call { format!("{verbs} {object}") } else { format!("{verbs} on {object}") }
}

pub(crate) fn object(name: &Name) -> String {
    let last = if name.name == "*" { "*".to_owned() } else { identifier(&name.name) };
    match &name.schema {
        Some(schema) => format!("{}.{last}", identifier(schema)),
        None => last,
    }
}

/// As SQL and policy files write it: quoted where needed.
fn identifier(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if starts && name.bytes().all(plain) {
        cut(name)
    } else {
        format!("\"{}\"", cut(name).replace('"', "\"\""))
    }
}

/// One line of sane length.
fn cut(text: &str) -> String {
    let mut cut: String =
        text.chars().take(LENGTH).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LENGTH).is_some() {
        cut.push('…');
    }
    cut
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The parser's message without what may be a secret: it quotes the token where it stopped, and that may be a
/// literal with all that follows.
fn without_literals(message: &str) -> String {
    const NEAR: &str = " at or near \"";
    let Some((before, token)) = message.split_once(NEAR) else {
        return if message.contains(['\'', '"', '$']) { "syntax error".to_owned() } else { cut(message) };
    };
    let token = token.strip_suffix('"').unwrap_or(token);
    let word = token.len() < 64
        && token.starts_with(|c: char| c.is_ascii_alphabetic())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let sign = token.len() < 4 && token.bytes().all(|byte| byte.is_ascii_punctuation());
    if word || sign {
        format!("{}{NEAR}{token}\"", cut(before))
    } else {
        format!("{} at or near a literal", cut(before))
    }
}

#[cfg(test)]
mod tests;
