//! Paths: one spelling of each, and prefixes that they lie under.
//!
//! A path is decided by its text. It is absolute, without `..`: what a `..` leads to, a link on the way decides. `//`,
//! `/./` and a `/` at the end say nothing and are taken out. Links are looked at by who asks, before the decision.

use std::borrow::Cow;
use std::fmt;

/// No path is longer (PATH_MAX).
const MOST_BYTES: usize = 4096;

/// Trees that are not files: through `/proc/self/mem` a writer of files runs programs, and `/dev` has the disks. Only
/// a prefix in them reaches into them.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Why it is not clear what a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It is empty: the directory that the server happens to be in.
    Empty,
    /// It does not begin with `/`, so that the login's home decides.
    Relative,
    /// It has a component `..`.
    Parent,
    /// It has a NUL, where the target's path would end.
    Nul,
    /// It is longer than 4,096 bytes.
    TooLong,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unclear::Empty => "it is empty",
            Unclear::Relative => "it does not begin with /",
            Unclear::Parent => "it has a component ..",
            Unclear::Nul => "it has a NUL",
            Unclear::TooLong => "it is longer than 4096 bytes",
        })
    }
}

/// The one spelling of an absolute path.
///
/// # Errors
/// Why it is not clear what the path names.
pub fn normalise(path: &[u8]) -> Result<Cow<'_, [u8]>, Unclear> {
    if path.contains(&0) {
        return Err(Unclear::Nul);
    }
    if path.len() > MOST_BYTES {
        return Err(Unclear::TooLong);
    }
    match path.first() {
        None => return Err(Unclear::Empty),
        Some(b'/') => {}
        Some(_) => return Err(Unclear::Relative),
    }
    if components(path).any(|component| component == b"..") {
        return Err(Unclear::Parent);
    }
    // what lies between the slashes is kept as it is
    let is_normal =
        path == b"/" || path.split(|byte| *byte == b'/').skip(1).all(|part| !part.is_empty() && part != b".");
    if is_normal {
        return Ok(Cow::Borrowed(path));
    }
    let mut normal = Vec::with_capacity(path.len());
    for component in components(path) {
        normal.push(b'/');
        normal.extend_from_slice(component);
    }
    if normal.is_empty() {
        normal.push(b'/');
    }
    Ok(Cow::Owned(normal))
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// A path and all that lies under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Of its one spelling.
    ///
    /// # Errors
    /// Why it is none; also where another spelling is the one.
    pub fn read(text: &str) -> Result<Prefix, String> {
        let normal = normalise(text.as_bytes()).map_err(|unclear| unclear.to_string())?;
        if *normal != *text.as_bytes() {
            return Err(format!("it is written {}", String::from_utf8_lossy(&normal)));
        }
        if text.contains(char::is_control) {
            return Err("it has a control character".to_owned());
        }
        Ok(Prefix(text.to_owned()))
    }

    /// Does a path in its one spelling lie at or under it?
    #[must_use]
    pub fn covers(&self, path: &[u8]) -> bool {
        lies_under(path, self.0.as_bytes())
            && SYSTEM
                .iter()
                .map(|tree| tree.as_bytes())
                .all(|tree| !lies_under(path, tree) || lies_under(self.0.as_bytes(), tree))
    }

    /// Is all that lies under the path covered?
    #[must_use]
    pub fn covers_tree(&self, path: &[u8]) -> bool {
        self.covers(path)
            && SYSTEM.iter().map(|tree| tree.as_bytes()).all(|tree| !lies_under(tree, path) || tree == path)
    }

    /// Does it leave no place to which a link could lead?
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == "/"
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn lies_under(path: &[u8], prefix: &[u8]) -> bool {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Component, Path};

    proptest! {
        #[test]
        fn a_path_that_is_said_to_lie_under_a_prefix_and_does_not(
            path in "(/|//|/\\./|)((a|b|\\.|\\.\\.|\\.\\.\\.|ab|)(/|//|/\\./|)){0,6}",
            prefix in "(/[ab]){1,3}|/",
        ) {
            let std = Path::new(OsStr::from_bytes(path.as_bytes()));
            let is_clear = std.is_absolute() && !std.components().any(|part| part == Component::ParentDir);
            let normal = normalise(path.as_bytes());
            prop_assert_eq!(normal.is_ok(), is_clear, "{}", path);
            if let Ok(normal) = normal {
                let again = normalise(&normal).unwrap();
                prop_assert_eq!(&*again, &*normal);
                prop_assert!(matches!(again, Cow::Borrowed(_)));
                let covered = Prefix::read(&prefix).unwrap().covers(&normal);
                prop_assert_eq!(covered, std.starts_with(&prefix), "{} under {}", path, prefix);
            }
        }
    }

    #[test]
    fn a_prefix_in_another_spelling_is_none() {
        for text in
            ["", "var", "./var", "/var/", "//var", "/var//log", "/var/./log", "/var/..", "/var\0", "/var\n"]
        {
            assert!(Prefix::read(text).is_err(), "{text:?}");
        }
        assert!(Prefix::read("/").is_ok() && Prefix::read("/srv/my files").is_ok());
    }

    #[test]
    fn the_longest_path() {
        assert!(normalise(&[b'/'; 4096]).is_ok());
        assert_eq!(normalise(&[b'/'; 4097]), Err(Unclear::TooLong));
    }
}
