//! Environment variables that a client may send.

/// A value that is longer is refused.
const MOST_BYTES: usize = 4096;

/// `NAME`, or `LC_*`: the one family whose members nobody lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable(String);

impl Variable {
    /// Of its text.
    pub(crate) fn read(text: &str) -> Result<Variable, String> {
        if text == "LC_*" || is_name(text) {
            Ok(Variable(text.to_owned()))
        } else {
            Err("write the whole name of a variable, or LC_*".to_owned())
        }
    }

    /// Is it this one?
    pub(crate) fn covers(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => name.len() > family.len() && name.starts_with(family) && is_name(name),
            None => self.0 == name,
        }
    }
}

fn is_name(text: &str) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    matches!(text.len(), 1..=128)
        && text.bytes().all(named)
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// Why no variable may have this value, or this one may not. bash reads a value that begins with `() {` as a function,
/// of any variable; a locale with a `/` is read as a path to a file of locales.
pub(crate) fn fault(name: &str, value: &[u8]) -> Option<&'static str> {
    let is_locale = name == "LANG" || name == "LANGUAGE" || name.starts_with("LC_");
    if value.len() > MOST_BYTES {
        Some("its value is longer than 4096 bytes")
    } else if value.iter().any(u8::is_ascii_control) {
        Some("its value has a control character")
    } else if value.starts_with(b"()") {
        Some("its value is a function for bash")
    } else if is_locale && value.contains(&b'/') {
        Some("a locale has no /")
    } else {
        None
    }
}
