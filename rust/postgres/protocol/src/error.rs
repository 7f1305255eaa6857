//! Errors and notices on the wire: the ones we write to a frontend, and the ones a backend sends us.
//!
//! PostgreSQL documentation, "Error and Notice Message Fields" and Appendix A (error codes).

use std::fmt;

use hoopwire_wire::Reader;

use crate::backend::Tag;
use crate::message::write;

/// Longest text of one field, in bytes, in either direction. A backend may send more; nobody reads it.
pub const TEXT_MAX_BYTES: usize = 2048;

/// Codes of the fields of an ErrorResponse or NoticeResponse.
pub mod field {
    /// Severity, perhaps translated.
    pub const SEVERITY: u8 = b'S';
    /// Severity, never translated.
    pub const SEVERITY_PLAIN: u8 = b'V';
    /// SQLSTATE.
    pub const SQLSTATE: u8 = b'C';
    /// The primary text.
    pub const MESSAGE: u8 = b'M';
    /// More about what happened.
    pub const DETAIL: u8 = b'D';
    /// What to do about it.
    pub const HINT: u8 = b'H';
    /// Where in the statement.
    pub const POSITION: u8 = b'P';
    /// Where in a statement of the server's own.
    pub const INTERNAL_POSITION: u8 = b'p';
    /// That statement.
    pub const INTERNAL_QUERY: u8 = b'q';
    /// What the server was at.
    pub const CONTEXT: u8 = b'W';
    /// The schema that it is about.
    pub const SCHEMA: u8 = b's';
    /// The relation.
    pub const TABLE: u8 = b't';
    /// The column.
    pub const COLUMN: u8 = b'c';
    /// The type.
    pub const DATA_TYPE: u8 = b'd';
    /// The constraint.
    pub const CONSTRAINT: u8 = b'n';
}

/// The fields of an ErrorResponse or NoticeResponse: code ([`field`]) and text, one after the other, as far as they
/// are whole.
#[derive(Clone, Debug)]
pub struct Fields<'a>(Reader<'a>);

impl<'a> Fields<'a> {
    /// Of the message with this body.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Fields<'a> {
        Fields(Reader::new(body))
    }

    /// Behind the whole ones: one whose end is not here.
    fn broken_off(mut self) -> Option<(u8, &'a [u8])> {
        let code = self.0.u8().ok().filter(|code| *code != 0)?;
        Some((code, self.0.rest()))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let mut ahead = self.0.clone();
        let code = ahead.u8().ok().filter(|code| *code != 0)?;
        let text = ahead.cstr().ok()?;
        self.0 = ahead;
        Some((code, text))
    }
}

/// The ErrorResponse or NoticeResponse with this body, each of its fields as `instead` has it: with another text, or
/// left out. One whose end is not here is left out.
pub fn rewritten<'a>(
    tag: Tag,
    body: &'a [u8],
    instead: impl Fn(u8, &'a [u8]) -> Option<&'a [u8]>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    write(tag, &mut out, |w| {
        for (code, text) in Fields::read(body) {
            if let Some(text) = instead(code, text) {
                w.u8(code);
                w.cstr(text);
            }
        }
        w.u8(0);
    });
    out
}

/// A five-character error code: capital letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sqlstate([u8; 5]);

impl Sqlstate {
    /// `00000`: a notice that reports no trouble.
    pub const SUCCESS: Self = Self(*b"00000");
    /// `08P01` protocol_violation.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// `0A000` feature_not_supported.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `22023` invalid_parameter_value.
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    /// `28000` invalid_authorization_specification.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// `28P01` invalid_password.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// `42501` insufficient_privilege.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `42601` syntax_error.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// `42704` undefined_object.
    pub const UNDEFINED_OBJECT: Self = Self(*b"42704");
    /// `53300` too_many_connections.
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// `54000` program_limit_exceeded.
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");
    /// `54001` statement_too_complex.
    pub const STATEMENT_TOO_COMPLEX: Self = Self(*b"54001");
    /// `54011` too_many_columns.
    pub const TOO_MANY_COLUMNS: Self = Self(*b"54011");
    /// `34000` invalid_cursor_name.
    pub const INVALID_CURSOR_NAME: Self = Self(*b"34000");
    /// `55000` object_not_in_prerequisite_state.
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: Self = Self(*b"55000");
    /// `08001` sqlclient_unable_to_establish_sqlconnection.
    pub const UNABLE_TO_CONNECT: Self = Self(*b"08001");
    /// `57P01` admin_shutdown.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// `57P05` idle_session_timeout.
    pub const IDLE_SESSION_TIMEOUT: Self = Self(*b"57P05");
    /// `25P03` idle_in_transaction_session_timeout.
    pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: Self = Self(*b"25P03");
    /// `57P03` cannot_connect_now.
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// `57014` query_canceled.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// `55P03` lock_not_available.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// `58030` io_error.
    pub const IO_ERROR: Self = Self(*b"58030");
    /// `08006` connection_failure.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// `XX000` internal_error.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// A code from its text; `None` unless it is five capital letters or digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let code: [u8; 5] = text.try_into().ok()?;
        code.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).then_some(Self(code))
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for Sqlstate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Sqlstate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad it is. `Fatal` is followed by the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the session lives on.
    Error,
    /// The session ends.
    Fatal,
    /// Only a word to the user; sent as NoticeResponse.
    Notice,
}

impl Severity {
    fn tag(self) -> Tag {
        match self {
            Self::Error | Self::Fatal => Tag::ErrorResponse,
            Self::Notice => Tag::NoticeResponse,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
        }
    }
}

/// An error or a notice of the gateway's own, for a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// How bad it is.
    pub severity: Severity,
    /// The code that programs read.
    pub sqlstate: Sqlstate,
    /// The text that people read.
    pub message: String,
    /// More about what happened.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement, as the 1-based number of a character.
    pub position: Option<usize>,
}

impl ErrorReport {
    /// A report that ends the session.
    pub fn fatal(sqlstate: Sqlstate, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Fatal,
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
        }
    }

    /// A report that ends a statement.
    pub fn error(sqlstate: Sqlstate, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, ..Self::fatal(sqlstate, message) }
    }

    /// A word to the user.
    pub fn notice(message: impl Into<String>) -> Self {
        Self { severity: Severity::Notice, ..Self::fatal(Sqlstate::SUCCESS, message) }
    }

    /// The same with a DETAIL.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a HINT.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the place in the statement.
    #[must_use]
    pub fn at(mut self, position: Option<usize>) -> Self {
        self.position = position;
        self
    }

    /// Appends an ErrorResponse, or a NoticeResponse for a notice. Texts are cut at [`TEXT_MAX_BYTES`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        write(self.severity.tag(), out, |w| {
            let mut put = |code: u8, text: &str| {
                w.u8(code);
                w.cstr(cut(text));
            };
            put(field::SEVERITY, self.severity.as_str());
            put(field::SEVERITY_PLAIN, self.severity.as_str());
            put(field::SQLSTATE, self.sqlstate.as_str());
            put(field::MESSAGE, &self.message);
            for (code, text) in [(field::DETAIL, &self.detail), (field::HINT, &self.hint)] {
                if let Some(text) = text {
                    put(code, text);
                }
            }
            if let Some(position) = self.position {
                put(field::POSITION, &position.to_string());
            }
            w.u8(0);
        });
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity.as_str(), self.sqlstate, self.message)
    }
}

/// The longest start of `text` that fits and does not split a character.
fn cut(text: &str) -> &str {
    let end = (0..=TEXT_MAX_BYTES.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// What a backend's ErrorResponse or NoticeResponse says. Fields that it leaves out are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerReport {
    /// `ERROR`, `FATAL`, ..., not translated where the backend says so (field V).
    pub severity: String,
    /// `None` where it is missing or malformed.
    pub sqlstate: Option<Sqlstate>,
    /// The primary text.
    pub message: String,
    /// DETAIL. May show values of the target's rows.
    pub detail: String,
    /// HINT.
    pub hint: String,
}

impl ServerReport {
    /// Reads the body of an ErrorResponse or NoticeResponse. Never fails: what a hostile or old backend
    /// leaves out is empty, unknown fields are skipped, texts are cut at [`TEXT_MAX_BYTES`], bytes that are
    /// not UTF-8 are replaced, and control characters become spaces, so that no text forges a log line.
    pub fn parse(body: &[u8]) -> Self {
        let mut report = Self::default();
        let mut fields = Fields::read(body);
        fields.by_ref().for_each(|(code, text)| report.hear(code, text));
        if let Some((code, text)) = fields.broken_off() {
            report.hear(code, text);
        }
        report
    }

    fn hear(&mut self, code: u8, text: &[u8]) {
        match code {
            field::SEVERITY_PLAIN => self.severity = legible(text),
            field::SEVERITY if self.severity.is_empty() => self.severity = legible(text),
            field::SQLSTATE => self.sqlstate = Sqlstate::parse(text),
            field::MESSAGE => self.message = legible(text),
            field::DETAIL => self.detail = legible(text),
            field::HINT => self.hint = legible(text),
            _ => {}
        }
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |text: &str, other| if text.is_empty() { String::from(other) } else { text.to_owned() };
        write!(f, "{}", or(&self.severity, "ERROR"))?;
        if let Some(sqlstate) = self.sqlstate {
            write!(f, " {sqlstate}")?;
        }
        write!(f, ": {}", or(&self.message, "(no text)"))
    }
}

/// A backend's bytes as text for people.
pub(crate) fn legible(bytes: &[u8]) -> String {
    let bytes = bytes.get(..TEXT_MAX_BYTES).unwrap_or(bytes);
    let text: String =
        String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(encoded: &[u8]) -> &[u8] {
        &encoded[5..]
    }

    #[test]
    fn an_error_has_severity_twice_code_message_detail_hint() {
        let mut out = Vec::new();
        ErrorReport::error(Sqlstate::INSUFFICIENT_PRIVILEGE, "no")
            .with_detail("missing: replication")
            .with_hint("ask")
            .encode(&mut out);
        assert_eq!(out, b"E\0\0\0\x39SERROR\0VERROR\0C42501\0Mno\0Dmissing: replication\0Hask\0\0");
    }

    #[test]
    fn a_notice_is_a_notice_response() {
        let mut out = Vec::new();
        ErrorReport::notice("60 s left").encode(&mut out);
        assert_eq!(out[0], b'N');
        assert_eq!(ServerReport::parse(body(&out)).message, "60 s left");
    }

    #[test]
    fn a_nul_in_a_text_does_not_forge_a_field() {
        let mut out = Vec::new();
        ErrorReport::fatal(Sqlstate::PROTOCOL_VIOLATION, "x\0C00000").encode(&mut out);
        let report = ServerReport::parse(body(&out));
        assert_eq!(report.sqlstate, Some(Sqlstate::PROTOCOL_VIOLATION));
        assert_eq!(report.message, "xC00000");
    }

    #[test]
    fn an_error_without_sqlstate_is_still_an_error_with_its_text() {
        let report = ServerReport::parse(b"SFATAL\0Mtoo many\0\0");
        assert_eq!(report.sqlstate, None);
        assert_eq!(report.to_string(), "FATAL: too many");
        assert_eq!(ServerReport::parse(b"").to_string(), "ERROR: (no text)");
        assert_eq!(ServerReport::parse(b"Mcut of").message, "cut of");
        assert_eq!(ServerReport::parse(b"C4250\0C4250!\0").sqlstate, None);
    }

    #[test]
    fn a_hostile_text_forges_no_log_line_and_is_cut() {
        let text = [b"M".as_slice(), b"a\nFATAL\x1b[2J", &[b'x'; 9000], b"\xff\0"].concat();
        let report = ServerReport::parse(&text);
        assert!(report.message.starts_with("a FATAL [2Jxxx"));
        assert!(report.message.len() <= TEXT_MAX_BYTES);
        assert!(!report.message.contains(char::is_control));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut out = Vec::new();
        ErrorReport::fatal(Sqlstate::INTERNAL_ERROR, "é".repeat(5000)).encode(&mut out);
        assert_eq!(ServerReport::parse(body(&out)).message, "é".repeat(TEXT_MAX_BYTES / 2));
    }

    proptest! {
        #[test]
        fn what_we_write_is_what_is_read(message in "[^\\p{Cc}]{0,80}", detail in "[^\\p{Cc}]{1,80}") {
            let mut out = Vec::new();
            ErrorReport::error(Sqlstate::SYNTAX_ERROR, &message).with_detail(&detail).encode(&mut out);
            let report = ServerReport::parse(body(&out));
            prop_assert_eq!((report.message, report.detail), (message, detail));
        }

        #[test]
        fn any_bytes_are_read(body: Vec<u8>) {
            ServerReport::parse(&body);
        }
    }
}
