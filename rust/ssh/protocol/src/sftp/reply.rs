use hoopwire_wire::{DecodeError, Reader, Redacted};

use super::{Attributes, handle, kind};
use crate::fields;

/// Most extensions of a VERSION; OpenSSH has a dozen.
const EXTENSIONS: usize = 128;

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The first message.
    Version {
        /// The version that is spoken.
        version: u32,
        /// What it has besides.
        extensions: Extensions<'a>,
    },
    /// Any other.
    Answer {
        /// The client's number of what is answered.
        id: u32,
        /// What is answered.
        answer: Answer<'a>,
    },
}

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// How it went.
    Status {
        /// See [`status`](super::status).
        code: u32,
        /// In words; empty where a server has none. Not always UTF-8.
        message: &'a [u8],
    },
    /// An open file or directory.
    Handle {
        /// The server's own bytes.
        handle: &'a [u8],
    },
    /// What was read.
    Data {
        /// The bytes.
        data: Redacted<&'a [u8]>,
    },
    /// Files of a directory, or one path.
    Names {
        /// The entries.
        names: Names<'a>,
    },
    /// What is known of a file.
    Attributes {
        /// It.
        attributes: Attributes,
    },
    /// The answer to an extended request.
    Extended {
        /// In the request's own form.
        rest: &'a [u8],
    },
}

impl<'a> Reply<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Reply<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let reply = match reader.u8()? {
            kind::VERSION => {
                Reply::Version { version: reader.u32()?, extensions: Extensions::take(&mut reader)? }
            }
            kind => Reply::Answer { id: reader.u32()?, answer: Answer::take(kind, &mut reader)? },
        };
        reader.finish()?;
        Ok(reply)
    }
}

impl<'a> Answer<'a> {
    fn take(kind: u8, reader: &mut Reader<'a>) -> Result<Answer<'a>, DecodeError> {
        Ok(match kind {
            kind::STATUS => {
                let code = reader.u32()?;
                // Some servers leave the message out, which came with version 3, or its language.
                let message = optional(reader)?;
                optional(reader)?;
                Answer::Status { code, message }
            }
            kind::HANDLE => Answer::Handle { handle: handle(reader)? },
            kind::DATA => Answer::Data { data: Redacted(fields::bytes(reader)?) },
            kind::NAME => Answer::Names { names: Names::take(reader)? },
            kind::ATTRS => Answer::Attributes { attributes: Attributes::take(reader)? },
            kind::EXTENDED_REPLY => Answer::Extended { rest: reader.rest() },
            other => return Err(DecodeError::InvalidLength(i64::from(other))),
        })
    }
}

fn optional<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    if reader.is_empty() { Ok(b"") } else { fields::bytes(reader) }
}

/// Entries of a NAME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    list: &'a [u8],
}

impl<'a> Names<'a> {
    /// The count may lie: each entry is read once, and a message bounds them.
    fn take(reader: &mut Reader<'a>) -> Result<Names<'a>, DecodeError> {
        let count = reader.u32()?;
        let list = reader.clone().rest();
        for _ in 0..count {
            entry(reader)?;
        }
        Ok(Names { list })
    }

    /// Each file's name, its line as `ls -l` has it, and what is known of it.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8], Attributes)> + use<'a> {
        let mut reader = Reader::new(self.list);
        std::iter::from_fn(move || entry(&mut reader).ok())
    }
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8], Attributes), DecodeError> {
    Ok((fields::bytes(reader)?, fields::bytes(reader)?, Attributes::take(reader)?))
}

/// What a side has besides version 3: names, each with a text, mostly a version. At most 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions<'a> {
    list: &'a [u8],
}

impl<'a> Extensions<'a> {
    pub(super) fn take(reader: &mut Reader<'a>) -> Result<Extensions<'a>, DecodeError> {
        let list = reader.rest();
        let mut ahead = Reader::new(list);
        let mut count = 0;
        while !ahead.is_empty() {
            if count == EXTENSIONS {
                return Err(DecodeError::TooLong { limit: EXTENSIONS });
            }
            pair(&mut ahead)?;
            count += 1;
        }
        Ok(Extensions { list })
    }

    /// Each name and its text.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.list);
        std::iter::from_fn(move || pair(&mut reader).ok())
    }
}

fn pair<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    Ok((fields::bytes(reader)?, fields::bytes(reader)?))
}
