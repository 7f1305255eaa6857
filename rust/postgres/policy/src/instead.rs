//! What goes up in place of words that a driver always says and that change nothing for who only reads.
//!
//! Every transaction of Go's `database/sql` begins READ WRITE, whatever it does. Under a grant that only reads the target
//! is told READ ONLY: the belt stays on, and what writes is refused as ever. Nothing moves: what goes up is as long as
//! what was said, so that the places in the target's errors are the text's.

use crate::rules::Rules;
use crate::settings::parse_bool;
use hoopwire_postgres_sql::{Effect, Parsed, Place, SettingValue};
use std::ops::Range;

/// Other words for some bytes of a text, of the same length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instead {
    /// Where they begin in the text.
    pub at: usize,
    /// What goes up.
    pub words: String,
}

/// Which other words an effect needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// READ ONLY for READ WRITE, on for off.
    ReadOnly,
    /// RESET ROLE for SET ROLE NONE: the target may begin sessions with a role of its own choice, which has less than
    /// none.
    ResetRole,
}

/// The effect passes under these rights only in other words.
pub(crate) fn wanted(rights: &Rules, effect: &Effect) -> Option<Wanted> {
    match effect {
        Effect::Transaction { read_write: true } if rights.read_only => Some(Wanted::ReadOnly),
        Effect::Set { name, value: SettingValue::Constants(values) } => {
            match (name.as_str(), values.as_slice()) {
                ("default_transaction_read_only" | "transaction_read_only", [value])
                    if rights.read_only && parse_bool(value) == Some(false) =>
                {
                    Some(Wanted::ReadOnly)
                }
                ("role", [value]) if value == "none" => Some(Wanted::ResetRole),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The other words for this statement of the text; `None` where it is not plain which bytes they stand for.
pub(crate) fn instead(wanted: Wanted, parsed: &Parsed, statement: usize, text: &str) -> Option<Vec<Instead>> {
    let mut found = Vec::new();
    for place in parsed.places(statement, text)? {
        let (range, words) = match (wanted, place) {
            (Wanted::ReadOnly, Place::Write(range)) => (range, "ONLY"),
            (Wanted::ReadOnly, Place::Value(range)) => {
                let value = text.get(range.clone())?;
                if parse_bool(value.trim_matches('\'')) != Some(false) {
                    return None;
                }
                (range, "1")
            }
            (Wanted::ResetRole, Place::Set(range)) => (range, "RESET ROLE"),
            _ => continue,
        };
        found.push(padded(range, words)?);
    }
    (!found.is_empty()).then_some(found)
}

fn padded(range: Range<usize>, words: &str) -> Option<Instead> {
    let len = range.len();
    (words.len() <= len).then(|| Instead { at: range.start, words: format!("{words:len$}") })
}

/// The text as it goes up.
pub(crate) fn applied(text: &str, all: &[Instead]) -> Option<String> {
    let mut text = text.to_owned();
    for Instead { at, words } in all {
        let range = *at..at.checked_add(words.len())?;
        text.get(range.clone())?;
        text.replace_range(range, words);
    }
    Some(text)
}
