//! Which startup parameters a session may set: an allow-list.
//!
//! Whatever is not known to be harmless is refused by name, since a setting can change what a statement means
//! (`search_path`, `role`), how it is read (`standard_conforming_strings`, some client encodings) or what a row
//! policy sees (any `a.b` setting). The list holds what drivers really send and what only touches formats,
//! timeouts and plans of the session itself. `work_mem` and its like are left out: they spend the target's
//! memory. The timeouts are in: they can only end the session's own work, and the grant's deadline stands apart.

use crate::encoding::{Encoding, encoding};
use crate::error::{ErrorReport, Sqlstate};
use crate::startup::Startup;

/// Settings that pass with any value; the target checks the value. Lower case, sorted.
const ALLOW: &[&str] = &[
    "bytea_output",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "plan_cache_mode",
    "statement_timeout",
    "timezone",
    "transaction_timeout",
    "xmlbinary",
    "xmloption",
];

/// Settings that pass only when on.
const ONLY_ON: &[&str] =
    &["default_transaction_read_only", "escape_string_warning", "standard_conforming_strings"];

/// Settings that PostgreSQL has and the gateway refuses, so that the refusal says "not permitted" and why.
const REFUSE: &[(&str, &str)] = &[
    ("array_nulls", MEANING),
    ("backslash_quote", MEANING),
    ("check_function_bodies", MEANING),
    ("default_table_access_method", MEANING),
    ("default_tablespace", MEANING),
    ("default_with_oids", MEANING),
    ("dynamic_library_path", MEANING),
    ("local_preload_libraries", MEANING),
    ("log_min_duration_statement", "Logging of the target is its operator's."),
    ("log_statement", "Logging of the target is its operator's."),
    ("maintenance_work_mem", "Memory of the target is its operator's."),
    ("quote_all_identifiers", MEANING),
    ("role", "The gateway chooses the target's role from the grant."),
    ("row_security", MEANING),
    ("search_path", "Write names with their schema, or ask the operator to set it for the target's role."),
    ("session_authorization", "The gateway chooses the target's role from the grant."),
    ("session_preload_libraries", MEANING),
    ("session_replication_role", MEANING),
    ("temp_buffers", "Memory of the target is its operator's."),
    ("temp_tablespaces", MEANING),
    ("transform_null_equals", MEANING),
    ("work_mem", "Memory of the target is its operator's."),
];

const MEANING: &str = "It changes what statements mean; leave it out.";
const LEAVE_OUT: &str = "Leave it out of the connection string, PGOPTIONS and the driver's settings.";

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

/// What a startup packet asks for, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionParams {
    /// As the frontend names itself. Who it is, its credential says.
    pub user: String,
    /// Defaults to `user`, as in the server.
    pub database: String,
    /// Empty if not given.
    pub application_name: String,
    /// The server's own spelling of the encoding, or `None` for the target's default.
    pub client_encoding: Option<String>,
    /// Other settings, names in lower case, each name once.
    pub settings: Vec<(String, String)>,
    /// Whether it is a replication connection.
    pub replication: Replication,
}

/// Checks the parameters of a startup packet. The error is FATAL and names the parameter.
///
/// As in the server, a parameter of the packet outweighs the same one inside `options`, and inside `options`
/// the last one counts.
pub fn session_params(startup: &Startup) -> Result<SessionParams, ErrorReport> {
    let mut session = SessionParams {
        user: String::new(),
        database: String::new(),
        application_name: String::new(),
        client_encoding: None,
        settings: Vec::new(),
        replication: Replication::Off,
    };
    for (_, value) in startup.params.iter().filter(|(name, _)| name == "options") {
        for (name, value) in parse_options(value)? {
            session.set(&name, &value)?;
        }
    }
    for (name, value) in &startup.params {
        match name.as_str() {
            "user" => session.user.clone_from(value),
            "database" => session.database.clone_from(value),
            "options" => {}
            "replication" => session.replication = parse_replication(value)?,
            name => session.set(&name.to_ascii_lowercase(), value)?,
        }
    }
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
    fn set(&mut self, name: &str, value: &str) -> Result<(), ErrorReport> {
        match name {
            "application_name" => value.clone_into(&mut self.application_name),
            "client_encoding" => self.client_encoding = Some(check_encoding(value)?.to_owned()),
            name if ALLOW.contains(&name) => self.keep(name, value),
            name if ONLY_ON.contains(&name) => match parse_bool(value) {
                Some(true) => self.keep(name, "on"),
                _ => return Err(refuse(name, value, "It may only be on.")),
            },
            name => return Err(refuse_name(name)),
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, value: &str) {
        self.settings.retain(|(kept, _)| kept != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }
}

fn refuse_name(name: &str) -> ErrorReport {
    if let Some((_, hint)) = REFUSE.iter().find(|(refused, _)| *refused == name) {
        return not_permitted(name).with_hint(*hint);
    }
    if name.contains('.') {
        // Row policies trust such settings (`app.tenant`).
        return not_permitted(name).with_hint("Settings of extensions and applications are not passed on.");
    }
    ErrorReport::fatal(
        Sqlstate::UNDEFINED_OBJECT,
        format!("startup parameter \"{name}\" is not one that the gateway knows"),
    )
    .with_hint(LEAVE_OUT)
}

fn not_permitted(name: &str) -> ErrorReport {
    ErrorReport::fatal(
        Sqlstate::INSUFFICIENT_PRIVILEGE,
        format!("permission denied to set startup parameter \"{name}\""),
    )
}

fn refuse(name: &str, value: &str, hint: &str) -> ErrorReport {
    ErrorReport::fatal(
        Sqlstate::INSUFFICIENT_PRIVILEGE,
        format!("permission denied to set startup parameter \"{name}\" to \"{value}\""),
    )
    .with_hint(hint)
}

fn check_encoding(name: &str) -> Result<&'static str, ErrorReport> {
    match encoding(name) {
        Encoding::Allow(own) => Ok(own),
        Encoding::Unsafe(_) => Err(refuse(
            "client_encoding",
            name,
            "A character of this encoding can hold a backslash. Use UTF8.",
        )),
        Encoding::Unknown => Err(ErrorReport::fatal(
            Sqlstate::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"client_encoding\": \"{name}\""),
        )
        .with_hint("Use UTF8.")),
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
