use std::fmt;

/// Why bytes could not be decoded. Holds lengths only, never the bytes: they may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The field needs `wanted` bytes and only `left` are there.
    Truncated {
        /// Bytes that the field needs.
        wanted: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A string has no terminating NUL.
    MissingNul,
    /// This many bytes follow the last field.
    Trailing(usize),
    /// A length word that no valid input has: negative, or outside the protocol's range.
    InvalidLength(i64),
    /// More than the limit allows.
    TooLong {
        /// The limit: bytes, or entries of a list.
        limit: usize,
    },
    /// Text that is not UTF-8.
    NotUtf8,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { wanted, left } => {
                write!(f, "a field of {wanted} bytes is cut off after {left}")
            }
            Self::MissingNul => f.write_str("a string has no terminating zero byte"),
            Self::Trailing(left) => write!(f, "{left} bytes follow the last field"),
            Self::InvalidLength(length) => write!(f, "{length} is not a valid length"),
            Self::TooLong { limit } => write!(f, "longer than the limit of {limit}"),
            Self::NotUtf8 => f.write_str("text is not UTF-8"),
        }
    }
}

impl std::error::Error for DecodeError {}
