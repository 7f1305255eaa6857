//! Shell text to words, in the subset that sh, dash, bash, ksh, zsh, csh, tcsh and fish read alike.
//!
//! sshd gives the text of an exec request to the login's shell, and nobody here knows which that is. So a text is
//! understood only where all of them make the same words of it:
//!
//! ```text
//! text  = blank* word (blank+ word)* blank*        blank = space or tab
//! word  = piece+
//! piece = plain+ | ' inner1* ' | " inner2* "
//! plain = A-Z a-z 0-9 _ - . / : , @ % + =          no word begins with a bare = or %, be it behind ''
//! inner1 = any of space to ~ but ' \ !             (csh reads ! there, fish \)
//! inner2 = any of space to ~ but " \ ! $ `
//! ```
//!
//! The first word is the name of a program: letters, digits, `_ . / + -`, no `-` or `+` first, no word of a shell's
//! own language. Everything else is refused with the character that it is about: `;`, `|`, `&`, `<`, `>`, `(`, `)`,
//! `$`, a backtick, a backslash, `!`, `#`, `^`, `~`, `*`, `?`, `[`, `]`, `{`, `}`, a line break, any other control
//! character and whatever is not ASCII.

use std::fmt;

/// A longer command is not looked at.
const MOST_BYTES: usize = 32 * 1024;
/// A command of more words is not understood.
const MOST_WORDS: usize = 1000;

/// Words that at least one shell reads itself, where another starts a program: its language, and what it runs as a
/// builtin. Those are left out that do the same as the program of their name, such as `echo`.
const SHELL_WORDS: &str = "\
    . _ abbr alias alloc and argparse autoload begin bg bind bindkey block break breakpoint breaksw builtin \
    builtins bye caller case cd chdir command commandline compadd comparguments compcall compctl \
    compdescribe compfiles compgen compgroups complete compopt compound compquote compset comptags comptry \
    compvalues contains continue coproc count declare default dirs disable disown do done echotc echoti elif \
    else emit emulate enable end endif endsw enum esac eval exec exit export fc fg fi filetest float for \
    foreach function functions getconf getln getopts glob goto hash hashstat help hist history hup if in \
    integer jobs let limit local log login logout ls-F mapfile math migrate nameref nice nocorrect noglob \
    nohup not notify onintr or path popd print private pushd pushln r random read readarray readonly \
    redirect rehash repeat return sched select set set_color setenv setopt settc setty shift shopt source \
    status stop string suspend switch telltc termname then time times trap ttyctl type typeset ulimit umask \
    unalias uncomplete unfunction unhash unlimit unset unsetenv unsetopt until vared wait watchlog whence \
    where while zcompile zformat zle zmodload zparseopts zregexparse zstyle";

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What a program gets.
    pub(crate) text: String,
    /// Nothing of it was quoted.
    pub(crate) is_bare: bool,
}

/// Why a text is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotUnderstood {
    /// There is no word.
    Empty,
    /// It is longer, or has more words, than the gateway reads.
    TooLong,
    /// This character, the `at`th from 1.
    Character {
        /// The byte.
        byte: u8,
        /// Which one, from 1.
        at: usize,
        /// It stands in quotes.
        is_quoted: bool,
    },
    /// A quote, the `at`th character from 1, that does not end.
    Unclosed {
        /// Which one, from 1.
        at: usize,
    },
    /// The first word cannot be a program's name.
    NoProgram,
    /// The first word is one of a shell's own language.
    ShellWord,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotUnderstood::Empty => f.write_str("there is no command"),
            NotUnderstood::TooLong => write!(f, "more than {MOST_BYTES} bytes or {MOST_WORDS} words"),
            NotUnderstood::Character { byte, at, is_quoted } => {
                let place = if *is_quoted { " in quotes" } else { "" };
                write!(f, "{}{place}, at character {at}", named(*byte))
            }
            NotUnderstood::Unclosed { at } => write!(f, "the quote at character {at} does not end"),
            NotUnderstood::NoProgram => f.write_str("the first word is no name of a program"),
            NotUnderstood::ShellWord => f.write_str("the first word is one that a shell reads itself"),
        }
    }
}

/// The words of a command, as every shell makes them.
///
/// # Errors
/// What in it at least one shell could read otherwise.
pub fn read(command: &[u8]) -> Result<Vec<String>, NotUnderstood> {
    let words = words(command, "")?;
    check_program(words.first())?;
    Ok(words.into_iter().map(|word| word.text).collect())
}

/// Is this character one that stands for itself outside quotes?
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./:,@%+=".contains(&byte)
}

/// The first word must be the name of a program.
pub(crate) fn check_program(word: Option<&Word>) -> Result<(), NotUnderstood> {
    let Some(Word { text, .. }) = word else { return Err(NotUnderstood::Empty) };
    if SHELL_WORDS.split(' ').any(|word| word == text) {
        return Err(NotUnderstood::ShellWord);
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"_./+-".contains(&byte);
    if text.is_empty() || text.starts_with(['-', '+']) || !text.bytes().all(named) {
        return Err(NotUnderstood::NoProgram);
    }
    Ok(())
}

/// The words of a text in which the characters of `signs` stand for themselves outside quotes, too.
pub(crate) fn words(text: &[u8], signs: &str) -> Result<Vec<Word>, NotUnderstood> {
    if text.len() > MOST_BYTES {
        return Err(NotUnderstood::TooLong);
    }
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<(u8, usize)> = None;
    for (index, byte) in text.iter().copied().enumerate() {
        let at = index.saturating_add(1);
        if let Some((mark, _)) = quote {
            if byte == mark {
                quote = None;
            } else if !is_inner(byte, mark) {
                return Err(NotUnderstood::Character { byte, at, is_quoted: true });
            } else if let Some(word) = &mut word {
                word.text.push(char::from(byte));
            }
            continue;
        }
        match byte {
            b' ' | b'\t' => words.extend(word.take()),
            b'\'' | b'"' => {
                quote = Some((byte, at));
                word.get_or_insert_with(Word::begin).is_bare = false;
            }
            // zsh looks for the first character that is left when quotes are gone
            b'=' | b'%' if word.as_ref().is_none_or(|word| word.text.is_empty()) => {
                return Err(NotUnderstood::Character { byte, at, is_quoted: false });
            }
            _ if is_plain(byte) || signs.as_bytes().contains(&byte) => {
                word.get_or_insert_with(Word::begin).text.push(char::from(byte));
            }
            _ => return Err(NotUnderstood::Character { byte, at, is_quoted: false }),
        }
    }
    if let Some((_, at)) = quote {
        return Err(NotUnderstood::Unclosed { at });
    }
    words.extend(word);
    match words.len() {
        0 => Err(NotUnderstood::Empty),
        1..=MOST_WORDS => Ok(words),
        _ => Err(NotUnderstood::TooLong),
    }
}

impl Word {
    fn begin() -> Word {
        Word { text: String::new(), is_bare: true }
    }
}

fn is_inner(byte: u8, mark: u8) -> bool {
    let printable = matches!(byte, b' '..=b'~');
    printable && !matches!(byte, b'\\' | b'!') && (mark == b'\'' || !matches!(byte, b'$' | b'`'))
}

/// A word as it is written: bare if it can be, else in single quotes, else in double ones, else in both.
pub(crate) fn quoted(word: &str) -> String {
    if !word.is_empty() && word != "..." && word.bytes().all(is_plain) && !word.starts_with(['=', '%']) {
        return word.to_owned();
    }
    if !word.contains('\'') {
        return format!("'{word}'");
    }
    if word.bytes().all(|byte| is_inner(byte, b'"') && byte != b'"') {
        return format!("\"{word}\"");
    }
    let piece = |piece: &str| if piece.is_empty() { String::new() } else { format!("'{piece}'") };
    word.split('\'').map(piece).collect::<Vec<_>>().join("\"'\"")
}

/// A character for a person's eyes.
fn named(byte: u8) -> String {
    match byte {
        b'\n' => "a line break".to_owned(),
        b'\r' => "a carriage return".to_owned(),
        0 => "a NUL".to_owned(),
        b' '..=b'~' => format!("`{}`", char::from(byte)),
        0x80.. => format!("byte 0x{byte:02x}, which is not ASCII"),
        _ => format!("control character 0x{byte:02x}"),
    }
}
