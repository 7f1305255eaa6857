//! Patterns of commands: which program is started with which arguments.
//!
//! ```text
//! pattern = word (blank word)*
//! word    = a word of `argv`, which stands for itself
//!         | *            one word of plain characters
//!         | PREFIX/*     one path under the absolute PREFIX
//!         | <int>        1 to 18 digits
//!         | <name>       letters, digits, _ . @ -, not first a `.`
//!         | <text>       any printable ASCII
//!         | ...          at the end: any number of further words like the hole before it
//! ```
//!
//! The program is always written out. A hole is a word by itself and never stands for one that begins with `-`, `+` or
//! `@`, since programs take those for options: options are written out. What is quoted is no hole.

use crate::argv::{Word, check_program, is_plain, quoted, words};
use crate::path::{Prefix, normalise};
use std::fmt;

/// Characters that a pattern has besides those of a command.
const SIGNS: &str = "*<>";

/// A word of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Any,
    Under(Prefix),
    Int,
    Name,
    Text,
}

/// Which commands may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// The last hole may come again.
    repeats: bool,
}

impl Pattern {
    /// Of its text.
    pub(crate) fn read(text: &str) -> Result<Pattern, String> {
        let mut written = words(text.as_bytes(), SIGNS).map_err(|fault| fault.to_string())?;
        check_program(written.first()).map_err(|fault| fault.to_string())?;
        let repeats = written.last().is_some_and(|word| word.is_bare && word.text == "...");
        if repeats {
            written.pop();
        }
        let parts = written.into_iter().map(Part::read).collect::<Result<Vec<Part>, String>>()?;
        if repeats && !parts.last().is_some_and(Part::is_hole) {
            return Err("`...` repeats the hole before it, and there is none".to_owned());
        }
        Ok(Pattern { parts, repeats })
    }

    /// Are these the words of a command that it stands for?
    pub(crate) fn matches(&self, argv: &[String]) -> bool {
        let fits = |(part, word): (&Part, &String)| part.matches(word);
        let enough =
            if self.repeats { argv.len() >= self.parts.len() } else { argv.len() == self.parts.len() };
        let more = argv.get(self.parts.len()..).unwrap_or_default();
        enough
            && self.parts.iter().zip(argv).all(fits)
            && more.iter().all(|word| self.parts.last().is_some_and(|part| part.matches(word)))
    }
}

impl Part {
    fn read(word: Word) -> Result<Part, String> {
        let Word { text, is_bare } = word;
        if !is_bare || !text.contains(['*', '<', '>']) {
            return match text.as_str() {
                "..." if is_bare => Err("`...` stands at the end only".to_owned()),
                _ => Ok(Part::Literal(text)),
            };
        }
        if let Some(prefix) = text.strip_suffix("/*") {
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            return Prefix::read(prefix).map(Part::Under).map_err(|fault| format!("`{text}`: {fault}"));
        }
        match text.as_str() {
            "*" => Ok(Part::Any),
            "<int>" => Ok(Part::Int),
            "<name>" => Ok(Part::Name),
            "<text>" => Ok(Part::Text),
            _ => Err(format!("`{text}` is no hole: *, PREFIX/*, <int>, <name>, <text>")),
        }
    }

    fn is_hole(&self) -> bool {
        !matches!(self, Part::Literal(_))
    }

    fn matches(&self, word: &str) -> bool {
        if let Part::Literal(text) = self {
            return text == word;
        }
        if word.is_empty() || word.starts_with(['-', '+', '@']) {
            return false;
        }
        match self {
            Part::Literal(_) => false,
            Part::Any => word.bytes().all(is_plain),
            Part::Under(prefix) => {
                let path = normalise(word.as_bytes());
                word.bytes().all(is_plain)
                    && path.is_ok_and(|path| *path != *prefix.as_str().as_bytes() && prefix.covers(&path))
            }
            Part::Int => word.len() <= 18 && word.bytes().all(|byte| byte.is_ascii_digit()),
            Part::Name => {
                let named = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte);
                !word.starts_with('.') && word.bytes().all(named)
            }
            Part::Text => word.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match part {
                Part::Literal(text) => f.write_str(&quoted(text))?,
                Part::Any => f.write_str("*")?,
                Part::Under(prefix) if prefix.as_str() == "/" => f.write_str("/*")?,
                Part::Under(prefix) => write!(f, "{}/*", prefix.as_str())?,
                Part::Int => f.write_str("<int>")?,
                Part::Name => f.write_str("<name>")?,
                Part::Text => f.write_str("<text>")?,
            }
        }
        if self.repeats { f.write_str(" ...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argv;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_that_gives_more_than_it_seems_to() {
        for text in [
            "",
            " ",
            "*",
            "* x",
            "<name> x",
            "/bin/* x",
            "ls ... x",
            "ls ...",
            "...",
            "ls -* ",
            "ls a*",
            "ls *a",
            "ls **",
            "ls */",
            "ls var/*",
            "ls /var/../*",
            "ls /var//*",
            "ls /var/*/x",
            "ls <x>",
            "ls <int",
            "ls int>",
            "ls <>",
            "ls > x",
            "ls <int><int>",
            "ls --n=<int>",
            "ls --n=*",
            "ls $x",
            "ls; id",
            "eval <text>",
            "sh=* x",
            "-x",
            "'l s'",
            "ls '",
            "ls =x",
            "ls %x",
            "ls ?",
            "ls [a]",
            "ls ~",
            "ls \\x",
            "ls \u{e4}",
            "ls * ... ...",
        ] {
            assert!(Pattern::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_quoted_hole_stands_for_itself() {
        let fits = |pattern: &str, command: &str| {
            Pattern::read(pattern).unwrap().matches(&argv::read(command.as_bytes()).unwrap())
        };
        assert!(fits("ls '*'", "ls '*'") && !fits("ls '*'", "ls x"));
        assert!(fits("ls '...'", "ls ...") && !fits("ls '...'", "ls"));
        assert!(fits("ls '<int>'", "ls '<int>'") && !fits("ls '<int>'", "ls 1"));
        assert!(fits("ls '/var/*'", "ls '/var/*'") && !fits("ls '/var/*'", "ls /var/x"));
        assert!(
            fits("ls <int> ...", "ls 1 2 3")
                && !fits("ls <int> ...", "ls")
                && !fits("ls <int> ...", "ls 1 x")
        );
        assert!(fits("ls /*", "ls /etc") && !fits("ls /*", "ls /") && !fits("ls /*", "ls /proc/1/mem"));
        assert!(
            fits("ls /proc/*", "ls /proc/1/mem") && fits("ls <text>", "ls '-'") == fits("ls <text>", "ls -x")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_what_it_was(words in prop::collection::vec("[ -~]{0,6}", 1..5)) {
            let text: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            let text = format!("x {}", text.join(" "));
            // a backslash, ! and $ beside ' cannot be written so that all shells agree
            if let Ok(read) = argv::read(text.as_bytes()) {
                prop_assert_eq!(&read[1..], &words[..]);
                let pattern = Pattern::read(&text).unwrap();
                prop_assert!(pattern.matches(&read));
                prop_assert_eq!(pattern.to_string(), text);
            } else {
                prop_assert!(words.iter().any(|word| word.contains(['\\', '!'])));
            }
        }

        #[test]
        fn a_pattern_has_one_text(text in "x( (\\*|/a/\\*|<int>|<name>|<text>|b|'c d'|'\\*'|\"e\")){0,4}( \\.\\.\\.)?") {
            if let Ok(pattern) = Pattern::read(&text) {
                let one = pattern.to_string();
                prop_assert_eq!(Pattern::read(&one).unwrap(), pattern);
            }
        }

        #[test]
        fn a_hole_that_an_option_falls_into(
            hole in prop::sample::select(&["*", "/srv/*", "<int>", "<name>", "<text>"][..]),
            word in "(-|--|\\+|@)?[a-z/.=0-9-]{0,8}",
        ) {
            let pattern = Pattern::read(&format!("x {hole}")).unwrap();
            let matched = pattern.matches(&["x".to_owned(), word.clone()]);
            prop_assert!(!matched || !(word.is_empty() || word.starts_with(['-', '+', '@'])), "{} {}", hole, word);
        }
    }
}
