//! Settings of the startup packet: what no grant lets through, and what a grant does.

use super::check_set_config;
use super::encoding::{Encoding, encoding};
use super::table::{AtStartup, Values, find};
use crate::instead::{Wanted, wanted};
use crate::refusal::{Reason, Refusal};
use crate::rights::{Actions, Denial, Grant};
use crate::rules::Rules;
use hoopwire_postgres_sql::{Effect, SettingValue};

const LEAVE_OUT: &str = "Leave it out of the connection string, PGOPTIONS and the driver's settings.";
const HIDES_BACKSLASH: &str = "A character of this encoding can hold a backslash. Use UTF8.";

/// Why no session may begin with a setting, whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartupRefusal {
    /// Of what kind.
    pub fault: StartupFault,
    /// For the principal.
    pub message: String,
    /// What to do instead.
    pub hint: &'static str,
}

/// What is wrong with a setting of the startup packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartupFault {
    /// It is known and never given.
    NotPermitted,
    /// The table has no such name: a target that does not know it either could only fail the login.
    UnknownName,
    /// No target can have this value.
    UnknownValue,
}

/// Refuses what no grant lets through. Names are in lower case.
///
/// # Errors
/// The refusal, which names the first such setting.
pub fn check_startup(given: &[(String, String)]) -> Result<(), StartupRefusal> {
    given.iter().try_for_each(|(name, value)| {
        let (fault, message, hint) = match find(name).map(|row| row.at_startup) {
            Some(AtStartup::Never(why)) => (
                StartupFault::NotPermitted,
                format!("permission denied to set startup parameter \"{name}\""),
                why,
            ),
            Some(AtStartup::AnySafeEncoding) if encoding(value) == Encoding::Unknown => (
                StartupFault::UnknownValue,
                format!("invalid value for parameter \"{name}\": \"{value}\""),
                "Use UTF8.",
            ),
            Some(AtStartup::AsBySet | AtStartup::AnySafeEncoding) => return Ok(()),
            None if is_of_application(name) => return Ok(()),
            Some(AtStartup::NotASetting) | None => (
                StartupFault::UnknownName,
                format!("startup parameter \"{name}\" is not one that the gateway knows"),
                LEAVE_OUT,
            ),
        };
        Err(StartupRefusal { fault, message, hint })
    })
}

/// Decides settings that [`check_startup`] let through, and gives those that the target gets: of the given ones what
/// SET may choose under the grant, and what the gateway pins.
///
/// # Errors
/// The denial, as of a SET in a text.
pub fn startup_settings(grant: &Grant, given: &[(String, String)]) -> Result<Vec<(String, String)>, Denial> {
    let nothing = Rules { read_only: true, ..Rules::default() };
    let rights = match &grant.rights.rules {
        Some(rights) => Some(&**rights),
        // statements are not read: SET is free
        None if grant.rights.actions.contains(Actions::QUERY) => None,
        // there are no statements, and so no SET
        None => Some(&nothing),
    };
    for (name, value) in given {
        if let Some(Err(reason)) = rights.map(|rights| check(rights, name, value))
            && !passes_as_pinned(grant, name, value)
        {
            return Err(Refusal { statement: 0, command: "", reason }.denial(grant));
        }
    }
    let spelled = |(name, value): &(String, String)| {
        let own = match (name.as_str(), encoding(value)) {
            ("client_encoding", Encoding::Allow(own) | Encoding::Unsafe(own)) => own,
            _ => value,
        };
        (name.clone(), own.to_owned())
    };
    let mut settings: Vec<(String, String)> = given.iter().map(spelled).collect();
    if let Some(rights) = &grant.rights.rules {
        pin(rights, &mut settings);
    }
    Ok(settings)
}

fn check(rights: &Rules, name: &str, value: &str) -> Result<(), Reason> {
    if find(name).is_some_and(|row| row.at_startup == AtStartup::AnySafeEncoding) {
        return match encoding(value) {
            Encoding::Allow(_) => Ok(()),
            _ => Err(Reason::Setting { name: name.to_owned(), hint: HIDES_BACKSLASH }),
        };
    }
    check_set_config(rights, Some(&(name.to_owned(), value.to_owned())))
}

/// A SET of it passes in other words (`instead`), and what is pinned says the same.
fn passes_as_pinned(grant: &Grant, name: &str, value: &str) -> bool {
    grant.rights.rules.as_ref().is_some_and(|rights| {
        let value = SettingValue::Constants(vec![value.to_owned()]);
        wanted(rights, &Effect::Set { name: name.to_owned(), value }) == Some(Wanted::ReadOnly)
    })
}

/// What the target must begin with, for decisions on statements to hold. Of the path what was chosen stays: it is part
/// of the grant's.
fn pin(rights: &Rules, settings: &mut Vec<(String, String)>) {
    let quoted = |schema: &String| format!("\"{}\"", schema.replace('"', "\"\""));
    let mut pinned = vec![("standard_conforming_strings", "on".to_owned())];
    if !settings.iter().any(|(name, _)| name == "search_path") {
        // Without pg_temp: the target looks for temporary relations first, as in any session, so that a plain name
        // means what it means without the gateway (docs/decisions/0013).
        let path: Vec<String> = rights.search_path.iter().map(quoted).collect();
        pinned.insert(0, ("search_path", path.join(", ")));
    }
    if rights.read_only {
        pinned.push(("default_transaction_read_only", "on".to_owned()));
    }
    settings.retain(|(name, _)| !pinned.iter().any(|(pinned, _)| pinned == name));
    settings.extend(pinned.into_iter().map(|(name, value)| (name.to_owned(), value)));
}

/// What a recording tells of the given settings: `name=value` of all that do more than choose formats, timeouts and
/// plans. Empty if none does.
#[must_use]
pub fn told_of_startup(given: &[(String, String)]) -> String {
    let is_plain = |name: &str, value: &str| match find(name).map(|row| row.values) {
        Some(Values::Any) => true,
        Some(Values::Utf8) => matches!(encoding(value), Encoding::Allow(_)),
        _ => false,
    };
    let told = given.iter().filter(|(name, value)| !is_plain(name, value));
    told.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

/// `app.tenant`: names between dots, as the server takes them for settings that nobody defined.
fn is_of_application(name: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || !byte.is_ascii();
    let goes_on = |byte: &u8| begins(byte) || byte.is_ascii_digit() || *byte == b'$';
    name.contains('.')
        && name
            .split('.')
            .all(|part| part.as_bytes().first().is_some_and(begins) && part.as_bytes().iter().all(goes_on))
}
