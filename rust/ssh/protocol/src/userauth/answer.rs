use hoopwire_wire::{DecodeError, Reader};

use super::{NAME_BYTES, PROMPTS, number};
use crate::fields;

/// Which method was asked for last: message 60 means something else for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// `publickey`
    PublicKey,
    /// `password`
    Password,
    /// `keyboard-interactive`
    KeyboardInteractive,
    /// `none`: there is no 60 for it.
    None,
}

/// What a server replies. Its texts are not always UTF-8, and may hold control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Not logged in.
    Failure {
        /// Methods that can go on: names with commas between.
        methods: &'a str,
        /// The method was taken, and another is wanted besides.
        is_partial: bool,
    },
    /// Logged in.
    Success,
    /// A text for the user. May come before any of the others.
    Banner {
        /// The text.
        text: &'a [u8],
    },
    /// The offered key would be taken.
    PublicKeyOk {
        /// The algorithm's name, as offered.
        algorithm: &'a [u8],
        /// The blob, as offered.
        key: &'a [u8],
    },
    /// The password must be changed.
    PasswordChange {
        /// What to ask the user.
        prompt: &'a [u8],
    },
    /// Questions for the user.
    Prompts {
        /// What the questions are for.
        name: &'a [u8],
        /// What to do.
        instruction: &'a [u8],
        /// The questions.
        prompts: Prompts<'a>,
    },
}

impl<'a> Answer<'a> {
    /// Reads a payload, its number included, as an answer to this method.
    ///
    /// # Errors
    /// It is no answer to it, breaks off, goes on, or has a list that is too long.
    pub fn read(payload: &'a [u8], awaited: Awaited) -> Result<Answer<'a>, DecodeError> {
        let mut reader = Reader::new(payload);
        let answer = match (reader.u8()?, awaited) {
            (number::USERAUTH_FAILURE, _) => Answer::Failure {
                methods: fields::text(&mut reader, usize::MAX)?,
                is_partial: fields::boolean(&mut reader)?,
            },
            (number::USERAUTH_SUCCESS, _) => Answer::Success,
            (number::USERAUTH_BANNER, _) => Answer::Banner { text: with_language(&mut reader)? },
            (number::USERAUTH_PK_OK, Awaited::PublicKey) => Answer::PublicKeyOk {
                algorithm: fields::string(&mut reader, NAME_BYTES)?,
                key: fields::bytes(&mut reader)?,
            },
            (number::USERAUTH_PASSWD_CHANGEREQ, Awaited::Password) => {
                Answer::PasswordChange { prompt: with_language(&mut reader)? }
            }
            (number::USERAUTH_INFO_REQUEST, Awaited::KeyboardInteractive) => Answer::Prompts {
                name: fields::bytes(&mut reader)?,
                instruction: with_language(&mut reader)?,
                prompts: Prompts::take(&mut reader)?,
            },
            (other, _) => return Err(DecodeError::InvalidLength(i64::from(other))),
        };
        reader.finish()?;
        Ok(answer)
    }
}

/// A text, and its language, which nobody sets.
fn with_language<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let text = fields::bytes(reader)?;
    fields::bytes(reader)?;
    Ok(text)
}

/// The questions of an INFO_REQUEST, at most 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompts<'a> {
    count: usize,
    list: &'a [u8],
}

impl<'a> Prompts<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Prompts<'a>, DecodeError> {
        let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if count > PROMPTS {
            return Err(DecodeError::TooLong { limit: PROMPTS });
        }
        let list = reader.clone().rest();
        for _ in 0..count {
            prompt(reader)?;
        }
        Ok(Prompts { count, list })
    }

    /// How many there are; none at all is answered by no responses.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Each question, and whether the answer may be shown while it is typed.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], bool)> + use<'a> {
        let mut reader = Reader::new(self.list);
        std::iter::from_fn(move || prompt(&mut reader).ok())
    }
}

fn prompt<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], bool), DecodeError> {
    Ok((fields::bytes(reader)?, fields::boolean(reader)?))
}
