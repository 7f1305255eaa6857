//! Texts that only end a transaction: they pass whatever is used up or unknown, or a session could not leave its
//! transaction.
//!
//! Two rules:
//! 1. Only a text that is one such statement counts, and what is not read for sure is none.
//! 2. A name that was prepared for such a text is believed, until the target says that it ran something else.

use crate::ending::Ending;

/// COMMIT, END, ROLLBACK, ABORT, with WORK, TRANSACTION, AND CHAIN, or TO a savepoint; with comments.
///
/// Savepoints outside ASCII are not read: a second byte might be anything.
pub(crate) fn is_end_of_transaction(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !is_space(**byte) && **byte != b';');
    if !first.is_some_and(|byte| matches!(byte.to_ascii_lowercase(), b'a' | b'c' | b'e' | b'r' | b'-' | b'/'))
    {
        return false;
    }
    text.is_ascii() && read(Tokens { rest: text }).is_some()
}

/// What `tokens` hold is such a statement and nothing else.
fn read(mut tokens: Tokens<'_>) -> Option<()> {
    let mut token = tokens.next()?;
    while token == Token::Semicolon {
        token = tokens.next()?;
    }
    let rolls_back = match token {
        token if token.is("rollback") => true,
        token if token.is("commit") || token.is("end") || token.is("abort") => false,
        _ => return None,
    };
    let mut token = tokens.next()?;
    if token.is("work") || token.is("transaction") {
        token = tokens.next()?;
    }
    if token.is("and") {
        token = tokens.next()?;
        if token.is("no") {
            token = tokens.next()?;
        }
        token = Some(tokens.next()?).filter(|_| token.is("chain"))?;
    } else if rolls_back && token.is("to") {
        token = tokens.next()?;
        let behind = tokens.next()?;
        token = match (token.is("savepoint"), token.is_name(), behind.is_name()) {
            (true, _, true) => tokens.next()?,
            (_, true, false) => behind,
            _ => return None,
        };
    }
    while token == Token::Semicolon {
        token = tokens.next()?;
    }
    (token == Token::End).then_some(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a [u8]),
    Quoted,
    Semicolon,
    End,
}

impl Token<'_> {
    fn is(self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word.as_bytes()))
    }

    fn is_name(self) -> bool {
        matches!(self, Token::Word(_) | Token::Quoted)
    }
}

/// The server's white space (`scan.l`).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// `None` for what none of these statements has.
    fn next(&mut self) -> Option<Token<'a>> {
        self.pass_over_space()?;
        let Some((first, behind)) = self.rest.split_first() else { return Some(Token::End) };
        let (token, length) = match first {
            b';' => (Token::Semicolon, 1),
            b'"' => (Token::Quoted, quoted_length(behind)?.saturating_add(1)),
            byte if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
                let length = self.rest.iter().take_while(|byte| is_part(byte)).count();
                (Token::Word(self.rest.get(..length)?), length)
            }
            _ => return None,
        };
        self.rest = self.rest.get(length..)?;
        // U&"..." and the like are not read
        let is_prefix =
            matches!(token, Token::Word(_)) && matches!(self.rest.first(), Some(b'&' | b'\'' | b'"'));
        Some(token).filter(|_| !is_prefix)
    }

    /// White space and comments, which nest. `None` if one does not end.
    fn pass_over_space(&mut self) -> Option<()> {
        loop {
            let spaces = self.rest.iter().take_while(|byte| is_space(**byte)).count();
            self.rest = self.rest.get(spaces..)?;
            if self.rest.starts_with(b"--") {
                let length = self.rest.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
                self.rest = self.rest.get(length..)?;
            } else if let Some(inside) = self.rest.strip_prefix(b"/*") {
                self.rest = inside;
                let mut depth = 1_usize;
                while depth > 0 {
                    let (step, by) = match self.rest.get(..2) {
                        Some(b"/*") => (2, depth.saturating_add(1)),
                        Some(b"*/") => (2, depth.saturating_sub(1)),
                        _ => (1, depth),
                    };
                    depth = by;
                    self.rest = self.rest.get(step..)?;
                }
            } else {
                return Some(());
            }
        }
    }
}

/// Of a quoted name behind its first quote, with its last one.
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    loop {
        length = length
            .saturating_add(text.get(length..)?.iter().position(|byte| *byte == b'"')?)
            .saturating_add(1);
        match text.get(length) {
            Some(b'"') => length = length.saturating_add(1),
            _ => return Some(length),
        }
    }
}

/// A statement that cost nothing as the end of a transaction is complete with this tag.
pub(crate) fn check_end(tag: &[u8]) -> Result<(), Ending> {
    match tag {
        b"COMMIT" | b"ROLLBACK" => Ok(()),
        _ => Err(Ending::misbehaved_client(
            "a prepared statement that was the end of a transaction and is another one by now",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bare_words_were_read_as_the_end_of_a_transaction() {
        // O1: comments of sqlcommenter, AND CHAIN and ROLLBACK TO cost a statement, and were refused for it.
        for text in [
            "rollback",
            "ROLLBACK;",
            " ;; End Work ; ",
            "abort transaction",
            "commit\n",
            "COMMIT AND CHAIN",
            "rollback work and no chain",
            "/* traceparent='00-a' /* in */ */ ROLLBACK -- app='x'",
            "rollback--",
            "ROLLBACK TO SAVEPOINT s1",
            "rollback to s1;",
            "rollback transaction to \"a \"\" ;b\"",
            "rollback to savepoint",
            "rollback to \"x\"",
            "end",
        ] {
            assert!(is_end_of_transaction(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_does_more_is_no_end() {
        for text in [
            "",
            ";",
            "rollback; begin",
            "commit; select 1",
            "commit prepared 'x'",
            "rollback prepared 'x'",
            "rollback to",
            "rollback to savepoint s t",
            "commit to s",
            "end to s",
            "rollback and",
            "rollback and no",
            "rollback and chain chain",
            "begin",
            "release s",
            "rollbackx",
            "roll/**/back",
            "rollback /* ",
            "rollback to \"x",
            "rollback to u&\"x\"",
            "rollback to s; drop table t",
            "rollback to é",
            "commit\u{a0}",
            "rollback to 1",
            "rollback--\n; select 1",
            "rollback--\r; select 1",
            "/* */ select 1",
            "-- rollback",
            "end if",
            "rollback;;x",
        ] {
            assert!(!is_end_of_transaction(text.as_bytes()), "{text}");
        }
    }
}
