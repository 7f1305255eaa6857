//! How many tokens a text has, before the grammar reads it.
//!
//! What the grammar needs is in proportion to its tokens, not to the bytes of the text: a string of four megabytes is
//! read at once, a million names take a second. So tokens are counted as PostgreSQL's lexer (`scan.l`, as libpg_query
//! has it) cuts them, and never fewer. Where the lexer goes over the same bytes again for each token, what it goes over
//! counts, too.

/// The most that a text may have, with what they weigh: no list of the grammar, nor any mix that was tried, then holds a
/// reactor for 250 ms (`make bench-texts`). Every parameter that a Bind can have fits in, each in a row of its own.
pub const MAX_TOKENS: usize = 300_000;

/// What a word weighs, or a part of a name: names are looked up, numbers and strings are not.
const WORD: usize = 2;

/// What a semicolon weighs: there is a verdict on each statement.
const STATEMENT: usize = 8;

/// A text up to this length is not counted: not even one whose every byte the lexer goes over again takes long.
const SHORT: usize = 4096;

/// So many bytes that the lexer goes over again weigh as much as a token.
const AGAIN: usize = 64;

/// What a comment weighs. The grammar's library skips it by a call within a call: unless the C compiler makes a loop of that
/// (`-O2` does), comments in a row take stack.
const COMMENT: usize = 4;

/// True if a text may be given to the grammar.
pub(crate) fn are_few(text: &str) -> bool {
    text.len() <= SHORT || count(text, MAX_TOKENS).is_some()
}

/// How many tokens a text has at the most, with what they weigh, comments among them; `None` if there are more than `most`.
#[must_use]
pub fn count(text: &str, most: usize) -> Option<usize> {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        tokens: 0,
        run_end: 0,
        is_dotted: false,
        parts: 0,
        is_global: false,
    };
    while lexer.at < lexer.bytes.len() {
        lexer.token();
        if lexer.tokens > most {
            return None;
        }
    }
    Some(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    tokens: usize,
    /// Up to where the signs go on that were last looked at.
    run_end: usize,
    /// The last token was the dot of a name.
    is_dotted: bool,
    /// How many parts of the name came before the last one.
    parts: usize,
    /// The last token was the word GLOBAL.
    is_global: bool,
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

const fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | 0x80..)
}

const fn is_name(byte: u8) -> bool {
    begins_name(byte) || byte.is_ascii_digit()
}

/// What operators are made of.
const fn is_sign(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at.saturating_add(ahead)).copied().unwrap_or(0)
    }

    fn skip(&mut self, is_part: impl Fn(u8) -> bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len());
    }

    fn token(&mut self) {
        let first = self.peek(0);
        match first {
            first if is_blank(first) => self.skip(is_blank),
            first if begins_name(first) => {
                let start = self.at;
                self.skip(|byte| is_name(byte) || byte == b'$');
                if self.at - start == 1 && matches!(first, b'e' | b'E') && self.peek(0) == b'\'' {
                    self.string(true);
                } else {
                    self.word(start);
                }
            }
            b'0'..=b'9' => self.number(),
            b'\'' => self.string(false),
            b'"' => {
                self.part();
                self.closed_by(b'"', false);
            }
            b'$' => self.dollar(),
            first if is_sign(first) => self.signs(),
            b'.' => {
                self.at += 1;
                self.one();
                self.is_dotted = true;
            }
            first => {
                self.at += 1;
                self.one();
                if first == b';' {
                    self.tokens += STATEMENT - 1;
                }
            }
        }
    }

    /// A token that is no part of a name.
    fn one(&mut self) {
        self.tokens += 1;
        self.is_dotted = false;
        self.is_global = false;
    }

    /// A word that began there. Of GLOBAL TEMPORARY the grammar warns, and counts the characters before it to say where.
    fn word(&mut self, start: usize) {
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        let is = |wanted: &str| word.eq_ignore_ascii_case(wanted.as_bytes());
        let warns = self.is_global && (is("temp") || is("temporary"));
        let is_global = is("global");
        self.part();
        self.is_global = is_global;
        if warns {
            self.tokens += self.at / AGAIN;
        }
    }

    /// A word, or a part of a name. Names of operators are put together from behind: each part moves all that follow.
    fn part(&mut self) {
        self.parts = if self.is_dotted { self.parts + 1 } else { 0 };
        self.is_dotted = false;
        self.is_global = false;
        self.tokens += WORD + self.parts / AGAIN;
    }

    /// Letters behind the digits are an error, or belong to it.
    fn number(&mut self) {
        self.skip(is_name);
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.skip(is_name);
        }
        self.one();
    }

    /// Behind the quote at this place: to the closing one, of which two together are none.
    fn closed_by(&mut self, quote: u8, escapes: bool) {
        self.at += 1;
        loop {
            self.skip(|byte| byte != quote && byte != b'\\');
            match (self.peek(0), self.peek(1)) {
                (b'\\', _) if escapes => self.at += 2,
                (b'\\', _) => self.at += 1,
                (first, second) if first == quote && second == quote => self.at += 2,
                _ => {
                    self.at += 1;
                    return;
                }
            }
            if self.at >= self.bytes.len() {
                return;
            }
        }
    }

    /// A string, and those that go on with it on another line, in the way in which it began.
    fn string(&mut self, escapes: bool) {
        self.one();
        loop {
            self.closed_by(b'\'', escapes);
            let end = self.at;
            self.skip(is_blank);
            let blanks = self.bytes.get(end..self.at).unwrap_or_default();
            if self.peek(0) != b'\'' || !blanks.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                return;
            }
        }
    }

    /// A parameter, or a string between two of the same tags.
    fn dollar(&mut self) {
        self.one();
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            return self.skip(|byte| byte.is_ascii_digit());
        }
        if begins_name(self.peek(0)) {
            self.skip(is_name);
        }
        if self.peek(0) != b'$' {
            // not a token: the grammar stops here
            self.at = start + 1;
            return;
        }
        self.at += 1;
        let tag = self.text.get(start..self.at).unwrap_or_default();
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find(tag).map_or(rest.len(), |end| end + tag.len());
    }

    /// Operators and comments. The lexer takes all signs that follow each other, and gives back what does not belong
    /// to the token: what is behind the start of a comment, and plus and minus at the end.
    fn signs(&mut self) {
        let again = self.run() / AGAIN;
        // the grammar does not see comments
        let (is_dotted, is_global) = (self.is_dotted, self.is_global);
        self.one();
        self.tokens += again;
        match (self.peek(0), self.peek(1)) {
            (b'-', b'-') => self.skip(|byte| byte != b'\n' && byte != b'\r'),
            (b'/', b'*') => self.comment(),
            _ => return self.operator(again),
        }
        self.tokens += COMMENT - 1;
        (self.is_dotted, self.is_global) = (is_dotted, is_global);
    }

    fn operator(&mut self, again: usize) {
        self.at += 1;
        while self.at < self.run_end {
            match (self.peek(0), self.peek(1)) {
                (b'-', b'-') | (b'/', b'*') => return,
                (b'+' | b'-', _) => self.tokens += 1 + again,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// How many signs follow each other from here on.
    fn run(&mut self) -> usize {
        if self.run_end <= self.at {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.run_end = self.at + rest.iter().position(|byte| !is_sign(*byte)).unwrap_or(rest.len());
        }
        self.run_end - self.at
    }

    /// A comment, and those within it.
    fn comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.tokens += self.run() / AGAIN;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                (b'/' | b'*', _) => self.at += 1,
                _ => self.skip(|byte| byte != b'/' && byte != b'*'),
            }
        }
    }
}
