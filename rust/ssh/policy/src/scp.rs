//! The commands of `scp -O`, which copies files over an exec: they are read and written paths.
//!
//! OpenSSH's scp asks for `scp [-v] [-r] [-p] [-d] -f PATH` to fetch and `-t PATH` to send, with `--` before a path that
//! begins with `-`. What is fetched by `-r` and what is sent is a tree: the names in it come in the stream.

use crate::action::Access;

/// What such a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copy<'a> {
    pub(crate) access: Access,
    pub(crate) path: &'a str,
    /// What lies under the path, too.
    pub(crate) is_tree: bool,
}

/// The copy that these words ask for, if it is one.
pub(crate) fn read(argv: &[String]) -> Option<Copy<'_>> {
    let (program, rest) = argv.split_first()?;
    let at = rest.iter().position(|word| word == "-f" || word == "-t")?;
    let (options, rest) = rest.split_at_checked(at)?;
    let known = |word: &String| matches!(word.as_str(), "-v" | "-r" | "-p" | "-d" | "-q");
    let (direction, path) = match rest {
        [direction, path] if !path.starts_with('-') => (direction, path),
        [direction, mark, path] if mark == "--" => (direction, path),
        _ => return None,
    };
    if program != "scp" || !options.iter().all(known) {
        return None;
    }
    let access = if direction == "-f" { Access::Read } else { Access::Write };
    let is_tree = access == Access::Write || options.iter().any(|word| word == "-r");
    Some(Copy { access, path, is_tree })
}
