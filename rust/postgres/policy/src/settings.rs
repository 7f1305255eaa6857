//! Which settings a session may choose for itself: by SET, RESET, `set_config` and in the startup packet.
//!
//! One table has a row for each setting (`table`); what stands in none is refused. Refused is what can change how a text
//! is read, what names mean, whose rights count or what a row policy sees.

mod encoding;
#[cfg(test)]
mod page;
mod path;
mod startup;
mod table;
#[cfg(test)]
mod tests;

pub use startup::{StartupFault, StartupRefusal, check_startup, startup_settings, told_of_startup};
#[cfg(feature = "testing")]
pub use table::setting_names;

use crate::refusal::Reason;
use crate::rules::Rules;
use encoding::is_utf8;
use hoopwire_postgres_sql::SettingValue;
use path::{identifiers, is_part_of};
use table::{LEAVE_AS_IS, OF_APPLICATION, Values};

const READS: &str = "The grant only reads.";
const PART_OF_PATH: &str =
    "Only schemas of the session's own search_path may be in it; write other names with their schema.";
const CONSTANTS: &str = "Write the setting's name and value as constants, without parameters or expressions.";

/// SET, RESET and their like.
pub(crate) fn check_set(rights: &Rules, name: &str, value: &SettingValue) -> Result<(), Reason> {
    let value = match value {
        SettingValue::Constants(values) if name == "search_path" => Value::List(values.clone()),
        SettingValue::Constants(values) => match values.as_slice() {
            [value] => Value::One(value),
            _ => Value::Unknown,
        },
        SettingValue::Default => Value::Default,
        SettingValue::Unknown => Value::Unknown,
    };
    check(rights, name, value)
}

/// `set_config`, whose second argument is read as the setting itself is written in a configuration file.
pub(crate) fn check_set_config(rights: &Rules, setting: Option<&(String, String)>) -> Result<(), Reason> {
    let Some((name, value)) = setting else {
        return Err(Reason::Setting { name: "set_config".to_owned(), hint: CONSTANTS });
    };
    // names of settings are compared without regard to case
    let name = name.to_ascii_lowercase();
    if name == "search_path" {
        let list = identifiers(value);
        return check(rights, &name, list.map_or(Value::Unknown, Value::List));
    }
    if name == "all" {
        return Err(Reason::Setting { name, hint: LEAVE_AS_IS });
    }
    check(rights, &name, Value::One(value))
}

/// Whether names may be looked up along this path, as a target of PostgreSQL 18 reports it.
#[must_use]
pub fn allows_search_path(rights: &Rules, path: &str) -> bool {
    check_set_config(rights, Some(&("search_path".to_owned(), path.to_owned()))).is_ok()
}

enum Value<'a> {
    One(&'a str),
    List(Vec<String>),
    Default,
    Unknown,
}

fn check(rights: &Rules, name: &str, value: Value<'_>) -> Result<(), Reason> {
    let one = match value {
        Value::Default => return check_back(rights, name),
        Value::One(one) => Some(one),
        Value::List(_) | Value::Unknown => None,
    };
    let is = |wanted: bool| one.and_then(parse_bool) == Some(wanted);
    let values = match table::find(name) {
        Some(row) => row.values,
        None if name.contains('.') => Values::None(OF_APPLICATION),
        None => Values::None(LEAVE_AS_IS),
    };
    let (allowed, hint) = match values {
        Values::Any => return Ok(()),
        Values::None(hint) => (false, hint),
        Values::On(hint) => (is(true), hint),
        Values::Off(hint) => (is(false), hint),
        Values::OnIfReading => (!rights.read_only || is(true), READS),
        Values::Utf8 => (one.is_some_and(is_utf8), "Use UTF8."),
        Values::PartOfPath => match value {
            Value::List(list) => (is_part_of(&list, &rights.search_path), PART_OF_PATH),
            _ => (false, PART_OF_PATH),
        },
    };
    if allowed { Ok(()) } else { Err(Reason::Setting { name: name.to_owned(), hint }) }
}

/// RESET, SET ... TO DEFAULT: back to what the session began with. That is what the gateway pinned at startup (or what
/// the startup packet chose and SET could, too), and no SET changes it; RESET ALL and DISCARD ALL, which every pool
/// sends, give the same up. `role` goes back to what the target's own configuration begins sessions with, which SET ROLE
/// NONE would not.
fn check_back(rights: &Rules, name: &str) -> Result<(), Reason> {
    let refused = |hint: &'static str| Err(Reason::Setting { name: name.to_owned(), hint });
    match name {
        // Its own default is READ WRITE, whatever the session began with.
        "transaction_read_only" if rights.read_only => refused(READS),
        // A setting that nobody made is there afterwards, with an empty value: a row policy may take it for one.
        name if name.contains('.') => refused("RESET ALL gives up what the session set."),
        _ => Ok(()),
    }
}

/// The server's `parse_bool`: any case, any start of a word that fits only one word.
pub(crate) fn parse_bool(value: &str) -> Option<bool> {
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
