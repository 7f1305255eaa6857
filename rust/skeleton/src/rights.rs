//! What may be asked, and what a grant opens of it.

use hoopwire_grant::Fault;

/// A grant of this protocol.
pub type Grant = hoopwire_grant::Grant<Rights>;
/// A denial in its names.
pub type Denial = hoopwire_grant::Denial<Code>;

/// The keys that may be read, and those that may be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// By GET.
    pub reads: Vec<String>,
    /// By PUT.
    pub writes: Vec<String>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// To have a session.
    Connect,
    /// To read this key.
    Get(&'a str),
    /// To write this key.
    Put(&'a str),
}

impl<'a> Action<'a> {
    /// What a line asks for. A line that the target could read otherwise is none: a key is letters and digits, and no
    /// control character ends a line early.
    pub(crate) fn read(line: &'a [u8]) -> Result<Action<'a>, Denial> {
        let text = std::str::from_utf8(line).ok().filter(|text| !text.contains(char::is_control));
        let action = match text.and_then(|text| text.split_once(' ')) {
            Some(("GET", key)) => Some((Action::Get(key), key)),
            Some(("PUT", rest)) => rest.split_once(' ').map(|(key, _)| (Action::Put(key), key)),
            _ => None,
        };
        let is_key = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let action = action.filter(|(_, key)| is_key(key)).map(|(action, _)| action);
        action.ok_or_else(|| {
            denied(Fault::Invalid, Code::LineNotUnderstood, "the line is no GET key and no PUT key value")
        })
    }
}

/// Why something is denied here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// What any protocol has.
    Grant(hoopwire_grant::Code),
    /// The grant does not open the key for reading.
    KeyNotReadable,
    /// The grant does not open the key for writing.
    KeyNotWritable,
    /// The line is no operation.
    LineNotUnderstood,
}

impl Code {
    /// The name in refusals and recordings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Code::Grant(code) => code.name(),
            Code::KeyNotReadable => "key_not_readable",
            Code::KeyNotWritable => "key_not_writable",
            Code::LineNotUnderstood => "line_not_understood",
        }
    }
}

impl From<hoopwire_grant::Code> for Code {
    fn from(code: hoopwire_grant::Code) -> Code {
        Code::Grant(code)
    }
}

impl hoopwire_grant::Rights for Rights {
    type Action<'a> = Action<'a>;
    type Code = Code;

    fn covers(grant: &Grant, action: Action<'_>) -> Result<(), Denial> {
        let (keys, key, code, verb) = match action {
            Action::Connect => return Ok(()),
            Action::Get(key) => (&grant.rights.reads, key, Code::KeyNotReadable, "read"),
            Action::Put(key) => (&grant.rights.writes, key, Code::KeyNotWritable, "written"),
        };
        if keys.iter().any(|open| open == key) {
            return Ok(());
        }
        Err(denied(Fault::NotGranted, code, &format!("{key} may not be {verb}")))
    }
}

fn denied(fault: Fault, code: Code, message: &str) -> Denial {
    let (detail, hint) = (String::new(), String::new());
    Denial { fault, code, message: message.to_owned(), detail, hint, position: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_target_could_read_otherwise_is_none() {
        assert_eq!(Action::read(b"GET a1"), Ok(Action::Get("a1")));
        assert_eq!(Action::read(b"PUT a some value"), Ok(Action::Put("a")));
        for line in [
            &b""[..],
            b"GET",
            b"GET ",
            b"GET  a",
            b"GET a b",
            b"GET a\r",
            b"get a",
            b"PUT a",
            b"PUT a x\rGET b",
            b"PUT a x\0GET b",
            b"PUT  x",
            b"GET \xff",
            b"DELETE a",
        ] {
            let read = Action::read(line).map_err(|denial| denial.code);
            assert_eq!(read, Err(Code::LineNotUnderstood), "{}", line.escape_ascii());
        }
    }
}
