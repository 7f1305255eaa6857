//! What a startup packet asks for: user, database, replication, and settings as pairs of name and value.
//!
//! Which settings a session may have is not decided here: this room does not know what they mean.

use crate::error::{ErrorReport, Sqlstate};
use crate::startup::Startup;
use std::collections::BTreeSet;

/// Whether a replication connection is wanted. The caller decides if the grant has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// An ordinary session.
    #[default]
    Off,
    /// Physical replication, no database (`replication=true`).
    Physical,
    /// Logical replication in the session's database (`replication=database`).
    Database,
}

/// What a startup packet asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionParams {
    /// As the frontend names itself. Who it is, its credential says.
    pub user: String,
    /// Defaults to `user`, as in the server.
    pub database: String,
    /// Empty if not given.
    pub application_name: String,
    /// Other settings, names in lower case, each name once.
    pub settings: Vec<(String, String)>,
    /// Whether it is a replication connection.
    pub replication: Replication,
}

/// Reads the parameters of a startup packet. The error is FATAL and names the parameter that cannot be read.
///
/// As in the server, a parameter of the packet outweighs the same one inside `options`, and inside `options`
/// the last one counts.
pub fn session_params(startup: &Startup) -> Result<SessionParams, ErrorReport> {
    let mut session = SessionParams {
        user: String::new(),
        database: String::new(),
        application_name: String::new(),
        settings: Vec::new(),
        replication: Replication::Off,
    };
    for (_, value) in startup.params.iter().filter(|(name, _)| name == "options") {
        for (name, value) in parse_options(value)? {
            session.set(&name, &value);
        }
    }
    for (name, value) in &startup.params {
        match name.as_str() {
            "user" => session.user.clone_from(value),
            "database" => session.database.clone_from(value),
            "options" => {}
            "replication" => session.replication = parse_replication(value)?,
            name => session.set(&name.to_ascii_lowercase(), value),
        }
    }
    session.keep_last();
    if session.user.is_empty() {
        return Err(ErrorReport::fatal(
            Sqlstate::INVALID_AUTHORIZATION,
            "no PostgreSQL user name specified in startup packet",
        ));
    }
    if session.database.is_empty() {
        session.database.clone_from(&session.user);
    }
    Ok(session)
}

impl SessionParams {
    /// `name` is in lower case.
    fn set(&mut self, name: &str, value: &str) {
        match name {
            "application_name" => value.clone_into(&mut self.application_name),
            name => self.settings.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Each name once: what was said last counts.
    fn keep_last(&mut self) {
        let mut seen = BTreeSet::new();
        let said = std::mem::take(&mut self.settings);
        self.settings.extend(said.into_iter().rev().filter(|(name, _)| seen.insert(name.clone())));
        self.settings.reverse();
    }
}

fn parse_replication(value: &str) -> Result<Replication, ErrorReport> {
    match (value, parse_bool(value)) {
        ("database", _) => Ok(Replication::Database),
        (_, Some(true)) => Ok(Replication::Physical),
        (_, Some(false)) => Ok(Replication::Off),
        (_, None) => Err(ErrorReport::fatal(
            Sqlstate::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"replication\": \"{value}\""),
        )
        .with_hint("Valid values are: \"false\", 0, \"true\", 1, \"database\".")),
    }
}

/// The server's `parse_bool`: any case, any start of a word that fits only one word.
fn parse_bool(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let starts = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if starts("true", 1) || starts("yes", 1) || starts("on", 2) || value == "1" {
        Some(true)
    } else if starts("false", 1) || starts("no", 1) || starts("off", 2) || value == "0" {
        Some(false)
    } else {
        None
    }
}

/// The settings inside `options`, names in lower case. Of the server's command line only `-c name=value`
/// (also `-cname=value`) and `--name=value` are known; anything else is refused.
fn parse_options(options: &str) -> Result<Vec<(String, String)>, ErrorReport> {
    let mut settings = Vec::new();
    let mut words = split_options(options).into_iter();
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") if word == "-c" => words.next(),
            Some(rest) if !rest.is_empty() => Some(rest.to_owned()),
            _ => None,
        };
        let Some((name, value)) = assignment.as_deref().and_then(|text| text.split_once('=')) else {
            return Err(ErrorReport::fatal(
                Sqlstate::INSUFFICIENT_PRIVILEGE,
                format!("permission denied to set startup parameter \"options\": \"{word}\""),
            )
            .with_hint("Only -c name=value and --name=value are known here."));
        };
        settings.push((name.to_ascii_lowercase().replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

/// The server's `pg_split_opts`: words split at white space; a backslash takes the next character as it is.
fn split_options(options: &str) -> Vec<String> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let mut words = Vec::new();
    let mut chars = options.chars().peekable();
    loop {
        while chars.next_if(|&c| is_space(c)).is_some() {}
        if chars.peek().is_none() {
            return words;
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|&c| !is_space(c)) {
            match c {
                '\\' => word.extend(chars.next()),
                c => word.push(c),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_split_as_the_server_splits_them() {
        let split = |text: &str| split_options(text);
        assert_eq!(split(r" -c  a=b\ c	--d=\\e "), ["-c", "a=b c", "--d=\\e"]);
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split("   "), Vec::<String>::new());
        assert_eq!(split("\\"), [""], "a lone backslash at the end is an empty word");
        assert_eq!(split("a\\"), ["a"]);
        assert_eq!(split("a\x0bb\x0cc\rd\ne"), ["a", "b", "c", "d", "e"]);
        assert_eq!(split("a\u{a0}b\u{2003}c"), ["a\u{a0}b\u{2003}c"], "only ASCII white space splits");
        assert_eq!(split("'a b'"), ["'a", "b'"], "quotes mean nothing");
    }

    #[test]
    fn booleans_are_read_as_the_server_reads_them() {
        for text in ["t", "tr", "TRUE", "y", "yes", "on", "ON", "1"] {
            assert_eq!(parse_bool(text), Some(true), "{text}");
        }
        for text in ["f", "false", "n", "NO", "of", "off", "0"] {
            assert_eq!(parse_bool(text), Some(false), "{text}");
        }
        for text in ["", "o", "2", "truely", "on ", "database"] {
            assert_eq!(parse_bool(text), None, "{text}");
        }
    }
}
