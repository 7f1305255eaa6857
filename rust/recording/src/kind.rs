//! The small words of a frame header.

use crate::ssh::SshKind;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal,)+) => {
        /// What a frame says. The numbers below 32 are for any protocol or PostgreSQL, those from 64 on for ssh.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
            /// A frame of an ssh session.
            Ssh(SshKind),
        }

        impl Kind {
            /// The number in a frame header.
            #[must_use]
            pub fn byte(self) -> u8 {
                match self {
                    $(Kind::$name => $number,)+
                    Kind::Ssh(SshKind::Open) => 64,
                    Kind::Ssh(SshKind::Request) => 65,
                    Kind::Ssh(SshKind::Data) => 66,
                    Kind::Ssh(SshKind::Flow) => 67,
                    Kind::Ssh(SshKind::Typed) => 68,
                    Kind::Ssh(SshKind::Answer) => 69,
                }
            }

            /// The kind with this number, if there is one.
            #[must_use]
            pub fn from_byte(byte: u8) -> Option<Kind> {
                Some(match byte {
                    $($number => Kind::$name,)+
                    64 => Kind::Ssh(SshKind::Open),
                    65 => Kind::Ssh(SshKind::Request),
                    66 => Kind::Ssh(SshKind::Data),
                    67 => Kind::Ssh(SshKind::Flow),
                    68 => Kind::Ssh(SshKind::Typed),
                    69 => Kind::Ssh(SshKind::Answer),
                    _ => return None,
                })
            }
        }
    };
}

kinds! {
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
