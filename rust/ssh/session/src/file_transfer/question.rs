//! What an sftp request asks of the policy: which paths, what is done with each, and how the target walks to it.

use hoopwire_ssh_policy::Access;
use hoopwire_ssh_protocol::sftp::{Ask, Attributes, Flags};

/// A request about paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The client's number for it.
    pub(super) id: u32,
    /// Its name in the recording.
    pub(super) name: &'static str,
    /// What the recording says of it: flags, then the paths with a NUL between them, which none of them has.
    pub(super) about: Vec<u8>,
    pub(super) needs: Vec<Need>,
    pub(super) kind: Kind,
}

/// One path of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// As the client sent it.
    pub(super) path: Vec<u8>,
    pub(super) access: Access,
    pub(super) walk: Walk,
    /// Where it leads by the target's own answer.
    pub(super) real: Option<Vec<u8>>,
}

/// How the target gets to what a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// A link at its end is followed.
    Through,
    /// A link at its end is meant itself, or nothing is there yet.
    Entry,
    /// It does not go there: the answer is a name.
    Nowhere,
}

/// What the request is, apart from its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A handle comes back.
    Open,
    /// The answer is all.
    Look,
    /// The answer is a path; `is_home` where the client asks for no path at all.
    Where { is_home: bool },
    /// Something else has changed, but no name.
    Change,
    /// Names are other ones now.
    Names,
    /// A file has another name.
    Rename,
    /// A path means something else now.
    Link,
}

impl Kind {
    /// Until it is answered nobody can say what a path means.
    pub(super) fn changes_names(self) -> bool {
        matches!(self, Kind::Names | Kind::Rename | Kind::Link)
    }

    /// One of the grant's operations.
    pub(super) fn is_operation(self) -> bool {
        !matches!(self, Kind::Look | Kind::Where { .. })
    }
}

impl Question {
    /// Of a request that has paths; `None` for others.
    pub(super) fn read(id: u32, ask: &Ask<'_>) -> Option<Question> {
        let one = |name, path: &[u8], access, walk, kind| {
            let needs = vec![Need::new(path, access, walk)];
            Some(Question { id, name, about: path.to_vec(), needs, kind })
        };
        let two = |name, needs: [Need; 2], kind| {
            let [old, new] = &needs;
            let about = [&old.path[..], &new.path[..]].join(&0);
            Some(Question { id, name, about, needs: needs.to_vec(), kind })
        };
        let changed = |attributes: &Attributes, path: &[u8]| [changes(attributes).as_bytes(), path].concat();
        match ask {
            Ask::Open { path, flags, .. } => {
                let about = [opened(*flags).as_bytes(), path].concat();
                let need = |access| Need::new(path, access, Walk::Through);
                let needs = accesses(*flags).into_iter().map(need).collect();
                Some(Question { id, name: "sftp-open", about, needs, kind: Kind::Open })
            }
            Ask::Opendir { path } => one("sftp-opendir", path, Access::List, Walk::Through, Kind::Open),
            Ask::Stat { path } => one("sftp-stat", path, Access::List, Walk::Through, Kind::Look),
            Ask::Lstat { path } => one("sftp-lstat", path, Access::List, Walk::Entry, Kind::Look),
            Ask::Readlink { path } => one("sftp-readlink", path, Access::List, Walk::Entry, Kind::Look),
            Ask::Statvfs { path } => one("sftp-statvfs", path, Access::List, Walk::Through, Kind::Look),
            Ask::Setstat { path, attributes } => Some(Question {
                about: changed(attributes, path),
                ..one("sftp-setstat", path, Access::Write, Walk::Through, Kind::Change)?
            }),
            Ask::Lsetstat { path, attributes } => Some(Question {
                about: changed(attributes, path),
                ..one("sftp-lsetstat", path, Access::Write, Walk::Entry, Kind::Change)?
            }),
            Ask::Remove { path } => one("sftp-remove", path, Access::Write, Walk::Entry, Kind::Names),
            Ask::Mkdir { path, .. } => one("sftp-mkdir", path, Access::Write, Walk::Entry, Kind::Names),
            Ask::Rmdir { path } => one("sftp-rmdir", path, Access::Write, Walk::Entry, Kind::Names),
            Ask::Rename { old, new } => two("sftp-rename", moved(old, new), Kind::Rename),
            Ask::PosixRename { old, new } => two("sftp-posix-rename", moved(old, new), Kind::Rename),
            // whoever has the new name has the old file
            Ask::Hardlink { old, new } => Some(Question {
                needs: [vec![Need::new(old, Access::Read, Walk::Entry)], moved(old, new).to_vec()].concat(),
                ..two("sftp-hardlink", moved(old, new), Kind::Link)?
            }),
            Ask::Symlink { target, link } => {
                let says = Need::new(&beside(link, target), Access::Write, Walk::Nowhere);
                let question =
                    two("sftp-symlink", [says, Need::new(link, Access::Write, Walk::Entry)], Kind::Link);
                question.map(|question| Question { about: [*target, *link].join(&0), ..question })
            }
            Ask::Realpath { path } => place(id, "sftp-realpath", path),
            Ask::ExpandPath { path } => {
                let path: &[u8] = if *path == b"~" { b"." } else { path };
                place(id, "sftp-expand-path", path)
            }
            _ => None,
        }
    }
}

impl Need {
    fn new(path: &[u8], access: Access, walk: Walk) -> Need {
        // a slash behind a link follows it, whatever is asked
        let is_through = path.ends_with(b"/") || path.ends_with(b"/.");
        let walk = if walk == Walk::Entry && is_through { Walk::Through } else { walk };
        Need { path: path.to_vec(), access, walk, real: None }
    }
}

fn moved(old: &[u8], new: &[u8]) -> [Need; 2] {
    [old, new].map(|path| Need::new(path, Access::Write, Walk::Entry))
}

/// Where a path is. The answer is a name, so that `..` may be taken by its text; the answer is looked at, too.
fn place(id: u32, name: &'static str, path: &[u8]) -> Option<Question> {
    let is_home = path.is_empty() || path == b".";
    let needs = if is_home {
        Vec::new()
    } else {
        vec![Need { path: without_parents(path), access: Access::List, walk: Walk::Nowhere, real: None }]
    };
    Some(Question { id, name, about: path.to_vec(), needs, kind: Kind::Where { is_home } })
}

/// An absolute path without its `..`, by its text.
fn without_parents(path: &[u8]) -> Vec<u8> {
    if !path.starts_with(b"/") {
        return path.to_vec();
    }
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    [b"/", &names.join(&b'/')[..]].concat()
}

/// What a link at `link` leads to that says `target`.
fn beside(link: &[u8], target: &[u8]) -> Vec<u8> {
    if target.starts_with(b"/") {
        return target.to_vec();
    }
    let end = link.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at.saturating_add(1));
    [link.get(..end).unwrap_or_default(), target].concat()
}

/// What opening allows. OpenSSH's server opens for reading whatever it is not told to write to.
fn accesses(flags: Flags) -> Vec<Access> {
    let reads = flags.reads() || flags.0 & 2 == 0;
    [(reads, Access::Read), (flags.writes(), Access::Write)]
        .into_iter()
        .filter_map(|(is_so, access)| is_so.then_some(access))
        .collect()
}

/// `read,create `: the flags as words, a number where one has none.
fn opened(flags: Flags) -> String {
    const WORDS: [&str; 6] = ["read", "write", "append", "create", "truncate", "exclusive"];
    let mut words: Vec<String> = WORDS
        .iter()
        .enumerate()
        .filter(|(at, _)| flags.0 & (1 << at) != 0)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    let rest = flags.0 & !0x3f;
    if rest != 0 || words.is_empty() {
        words.push(rest.to_string());
    }
    words.join(",") + " "
}

/// `size=0,mode=644 `: what is set.
pub(super) fn changes(attributes: &Attributes) -> String {
    let mut words = Vec::new();
    words.extend(attributes.size.map(|size| format!("size={size}")));
    words.extend(attributes.owner.map(|(user, group)| format!("owner={user}:{group}")));
    words.extend(attributes.permissions.map(|mode| format!("mode={:o}", mode & 0o7777)));
    words.extend(attributes.times.map(|(_, changed)| format!("time={changed}")));
    if attributes.is_extended {
        words.push("more".to_owned());
    }
    words.join(",") + " "
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opened_with_odd_flags_and_read() {
        // OpenSSH's server: neither read nor write is O_RDONLY
        use Access::{Read, Write};
        for (flags, wanted) in [
            (0, &[Read][..]),
            (1, &[Read]),
            (2, &[Write]),
            (3, &[Read, Write]),
            (4, &[Read, Write]),
            (8, &[Read, Write]),
            (0x1a, &[Write]),
            (0x40, &[Read, Write]),
        ] {
            assert_eq!(accesses(Flags(flags)), wanted, "{flags}");
        }
    }

    #[test]
    fn a_slash_behind_a_link_that_was_meant_itself() {
        for (path, walk) in [
            (&b"/in/link"[..], Walk::Entry),
            (b"/in/link/", Walk::Through),
            (b"/in/link/.", Walk::Through),
            (b"/in/link//", Walk::Through),
            (b"/in/link.", Walk::Entry),
        ] {
            let question = Question::read(1, &Ask::Lstat { path }).unwrap();
            assert_eq!(question.needs[0].walk, walk, "{}", String::from_utf8_lossy(path));
        }
    }

    #[test]
    fn parents_by_text() {
        for (path, plain) in
            [("/a/../b", "/b"), ("/..", "/"), ("/a/./b/", "/a/b"), ("a/..", "a/.."), ("/a/b/../../..", "/")]
        {
            assert_eq!(without_parents(path.as_bytes()), plain.as_bytes());
        }
        assert_eq!(beside(b"/in/link", b"../x"), b"/in/../x");
        assert_eq!(beside(b"/in/link", b"/x"), b"/x");
    }
}
