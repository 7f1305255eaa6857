use std::fmt;

use hoopwire_wire::{DecodeError, Reader};
use zeroize::Zeroize;

use super::{Reply, Request};

/// Most bytes of one message without its length: OpenSSH's own limit, and what a packet after a login may carry.
pub const MESSAGE_BYTES: usize = 256 * 1024;

/// One direction of an sftp channel: data in any split goes in, whole messages come out.
///
/// Holds one message at most, and what came with the piece that completed it. Ends for good with the first length that no
/// message has. What it held is zeroed when it is dropped; `Debug` shows how much it holds.
#[derive(Default)]
pub struct Stream {
    held: Vec<u8>,
    /// How much of `held` was given out.
    given: usize,
}

/// One whole message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    whole: &'a [u8],
}

impl Stream {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Takes channel data in. Take out what is there by [`next`](Self::next) before more is let in: that bounds what is held.
    pub fn push(&mut self, data: &[u8]) {
        self.held.drain(..self.given);
        self.given = 0;
        self.held.extend_from_slice(data);
    }

    /// The next whole message, `None` if it isn't here yet.
    ///
    /// # Errors
    /// Its length is 0 or over [`MESSAGE_BYTES`]. Nothing behind it can be read, then or later.
    #[expect(clippy::should_implement_trait, reason = "what is given out borrows from the stream")]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, DecodeError> {
        let left = self.held.get(self.given..).unwrap_or_default();
        let Ok(word) = Reader::new(left).u32() else { return Ok(None) };
        let length = usize::try_from(word).unwrap_or(usize::MAX);
        if length == 0 {
            return Err(DecodeError::InvalidLength(0));
        }
        if length > MESSAGE_BYTES {
            return Err(DecodeError::TooLong { limit: MESSAGE_BYTES });
        }
        let Some(whole) = left.get(..4 + length) else { return Ok(None) };
        self.given += whole.len();
        Ok(Some(Message { whole }))
    }

    /// Bytes that are missing of a message that is here in part only; 0 where there is none, or a whole one.
    #[must_use]
    pub fn missing_bytes(&self) -> usize {
        let left = self.held.get(self.given..).unwrap_or_default();
        if left.is_empty() {
            return 0;
        }
        let Ok(word) = Reader::new(left).u32() else { return 4 - left.len() };
        let length = usize::try_from(word).unwrap_or(usize::MAX).min(MESSAGE_BYTES);
        (4 + length).saturating_sub(left.len())
    }

    /// Bytes that wait for the rest of their message, or to be taken out.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len() - self.given
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("held_bytes", &self.held_bytes()).finish()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

impl<'a> Message<'a> {
    /// The message as it came, its length included: what is passed on.
    #[must_use]
    pub fn whole(&self) -> &'a [u8] {
        self.whole
    }

    /// What a client sent.
    ///
    /// # Errors
    /// It breaks off, goes on, or is nothing that a client sends.
    pub fn request(&self) -> Result<Request<'a>, DecodeError> {
        Request::read(self.body())
    }

    /// What a server sent.
    ///
    /// # Errors
    /// It breaks off, goes on, or is nothing that a server sends.
    pub fn reply(&self) -> Result<Reply<'a>, DecodeError> {
        Reply::read(self.body())
    }

    fn body(&self) -> &'a [u8] {
        self.whole.get(4..).unwrap_or_default()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.body().first())
            .field("bytes", &self.whole.len())
            .finish()
    }
}
