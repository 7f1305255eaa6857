//! Where a statement says what may be said in another way: the bytes of its words.
//!
//! The tree has only where a word begins. Its end is read from the text, and only where it is written plainly: what
//! a comment, an escape or a continued constant hides has no place here.

use crate::Parsed;
use pg_raw_parse::list::NodeList;
use pg_raw_parse::nodes::VariableSetStmt;
use pg_raw_parse::{Node, raw};
use std::ops::Range;

/// A word, with its bytes within the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The `WRITE` of `READ WRITE`.
    Write(Range<usize>),
    /// The one value of a SET, with its quotes.
    Value(Range<usize>),
    /// All of a SET for the session (not SET LOCAL).
    Set(Range<usize>),
}

impl Parsed {
    /// The places of BEGIN, SET TRANSACTION and SET; `text` is what was parsed. `None` if one of them cannot be told.
    #[must_use]
    pub fn places(&self, statement: usize, text: &str) -> Option<Vec<Place>> {
        match self.statement(statement)? {
            Node::TransactionStmt(transaction) => modes(transaction.options(), text),
            Node::VariableSetStmt(set) => match set.kind {
                raw::VariableSetKind::VAR_SET_MULTI => modes(set.args(), text),
                raw::VariableSetKind::VAR_SET_VALUE => {
                    let mut places = vec![Place::Value(value(set, text)?)];
                    if !set.is_local {
                        places.push(Place::Set(self.span_of(statement, text)?));
                    }
                    Some(places)
                }
                _ => Some(Vec::new()),
            },
            _ => Some(Vec::new()),
        }
    }
}

/// Of each READ WRITE; the tree has the place of READ.
fn modes(modes: &NodeList, text: &str) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for node in modes {
        let Node::DefElem(mode) = node else { return None };
        let Node::A_Const(on) = mode.arg() else { return None };
        let is_off = matches!(on.val(), Some(pg_raw_parse::ConstValue::Integer(0)));
        if mode.defname() != Some("transaction_read_only") || !is_off {
            continue;
        }
        let read = usize::try_from(mode.location).ok()?;
        let behind = strip_word(text.get(read..)?, "read")?;
        let words = behind.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        strip_word(words, "write")?;
        let at = text.len().checked_sub(words.len())?;
        places.push(Place::Write(at..at.saturating_add("write".len())));
    }
    Some(places)
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    (first.eq_ignore_ascii_case(word) && !rest.starts_with(is_part)).then_some(rest)
}

fn value(set: &VariableSetStmt, text: &str) -> Option<Range<usize>> {
    let mut args = set.args().iter();
    let (Some(Node::A_Const(constant)), None) = (args.next(), args.next()) else { return None };
    let start = usize::try_from(constant.location).ok()?;
    let rest = text.get(start..)?;
    let (len, behind) = match rest.strip_prefix('\'') {
        Some(quoted) => {
            let end = quoted.find(|c| !is_part(c))?;
            (end.checked_add(2)?, quoted.get(end..)?.strip_prefix('\'')?)
        }
        None => (rest.find(|c| !is_part(c)).unwrap_or(rest.len()), ""),
    };
    // behind its quote a constant may go on
    (len > 0 && !behind.starts_with('\'')).then(|| start..start.saturating_add(len))
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// The words of the first statement's places; `None` if they cannot be told.
    fn words(text: &str) -> Option<Vec<&str>> {
        let places = parse(text).unwrap().places(0, text)?;
        let word = |place| match place {
            Place::Write(at) | Place::Value(at) | Place::Set(at) => &text[at],
        };
        Some(places.into_iter().map(word).collect())
    }

    #[test]
    fn the_words_by_which_a_transaction_asks_to_write() {
        for text in [
            "begin read write",
            "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ \n\t WRITE, DEFERRABLE",
            "é; begin read write",
            "set transaction read write",
            "set session characteristics as transaction isolation level read committed, read write;",
        ] {
            let Ok(parsed) = parse(text) else { continue };
            let at = parsed.len() - 1;
            let [Place::Write(range)] = &parsed.places(at, text).unwrap()[..] else { panic!("{text}") };
            assert!(text[range.clone()].eq_ignore_ascii_case("write"), "{text}");
        }
        assert_eq!(words("begin read write, read write").unwrap().len(), 2);
        for text in ["begin", "begin read only", "set transaction read only", "commit and chain", "select 1"]
        {
            assert_eq!(words(text), Some(vec![]), "{text}");
        }
    }

    #[test]
    fn the_value_of_a_setting() {
        for (text, value) in [
            ("set default_transaction_read_only = off", "off"),
            ("set default_transaction_read_only to 'off' ;select 1", "'off'"),
            ("/* é */ SET x TO 0", "0"),
            ("set x = False", "False"),
        ] {
            assert_eq!(words(text).unwrap()[0], value, "{text}");
        }
        assert_eq!(words("select 1"), Some(vec![]));
        for text in ["set x = 'o''ff'", "set x = \"off\"", "set x = -0", "set x = a, b"] {
            assert_eq!(words(text), None, "{text}");
        }
    }

    #[test]
    fn a_set_for_the_session_alone() {
        assert_eq!(words(" set /* */ role none ; select 1").unwrap()[1], "set /* */ role none");
        assert_eq!(words("set local role none").unwrap().len(), 1);
    }
}
