//! The small words of a frame header.

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A session was admitted; maps its number to its id.
    SessionStart = 1,
    /// The session goes on in this segment; maps its number to its id again.
    SessionContinued = 2,
    /// The session is over.
    SessionEnd = 3,
    /// A statement and its decision.
    Statement = 4,
    /// Parameters for a prepared statement.
    Bind = 5,
    /// A portal is run.
    Execute = 6,
    /// A small message of the principal.
    Request = 7,
    /// Bytes of the principal kept by digest.
    Input = 8,
    /// Bytes delivered to the principal, by digest.
    Result = 9,
    /// Bytes delivered to the principal, whole.
    Rows = 10,
    /// An error or a notice.
    Report = 11,
    /// A decision that belongs to no statement.
    Decision = 12,
    /// The session's grant was replaced.
    GrantChanged = 13,
    /// A CancelRequest for this session.
    Cancel = 14,
}

impl Kind {
    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::SessionStart,
            2 => Kind::SessionContinued,
            3 => Kind::SessionEnd,
            4 => Kind::Statement,
            5 => Kind::Bind,
            6 => Kind::Execute,
            7 => Kind::Request,
            8 => Kind::Input,
            9 => Kind::Result,
            10 => Kind::Rows,
            11 => Kind::Report,
            12 => Kind::Decision,
            13 => Kind::GrantChanged,
            14 => Kind::Cancel,
            _ => return None,
        })
    }
}

/// Which way what the frame tells of goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// Said or done by the gateway itself.
    Gateway = 0,
    /// From the principal toward the target.
    Upstream = 1,
    /// From the target toward the principal.
    Downstream = 2,
}

impl Direction {
    /// The direction with this number, if there is one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Direction> {
        match byte {
            0 => Some(Direction::Gateway),
            1 => Some(Direction::Upstream),
            2 => Some(Direction::Downstream),
            _ => None,
        }
    }
}

/// The message that a statement came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// Query.
    Simple,
    /// Parse.
    Parse,
    /// FunctionCall: there is no text.
    FunctionCall,
}

impl Via {
    /// The word in the recording.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Via::Simple => "simple",
            Via::Parse => "parse",
            Via::FunctionCall => "function_call",
        }
    }

    /// The way with this word, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Via> {
        [Via::Simple, Via::Parse, Via::FunctionCall].into_iter().find(|via| via.word() == word)
    }
}
