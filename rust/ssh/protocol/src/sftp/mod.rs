//! sftp as OpenSSH speaks it: version 3 (draft-ietf-secsh-filexfer-02) with the extensions of OpenSSH's PROTOCOL file.
//!
//! [`Stream`] puts messages together from channel data in any split; [`Request`] and [`Reply`] are their typed views, and
//! [`say`] has what the gateway says itself. A path is bytes: whether it may hold a zero byte or `..` is for others to say.
//! What is read or written of a file is hidden from `Debug`.
//!
//! SYMLINK has its two paths the other way round than the draft says, as OpenSSH's client and server have them.

mod attributes;
mod reply;
mod request;
pub mod say;
mod stream;

use hoopwire_wire::{DecodeError, Reader};

pub use attributes::Attributes;
pub use reply::{Answer, Extensions, Names, Reply};
pub use request::{Ask, EXTENDED, Flags, Request};
pub use stream::{MESSAGE_BYTES, Message, Stream};

use crate::fields;

/// Codes of a STATUS.
pub mod status {
    /// Done.
    pub const OK: u32 = 0;
    /// The end of a file or directory.
    pub const EOF: u32 = 1;
    /// There is no such file.
    pub const NO_SUCH_FILE: u32 = 2;
    /// Not allowed.
    pub const PERMISSION_DENIED: u32 = 3;
    /// Anything else.
    pub const FAILURE: u32 = 4;
    /// Not understood.
    pub const BAD_MESSAGE: u32 = 5;
    /// No such request.
    pub const OP_UNSUPPORTED: u32 = 8;
}

/// Types of messages.
mod kind {
    pub(super) const INIT: u8 = 1;
    pub(super) const VERSION: u8 = 2;
    pub(super) const OPEN: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const READ: u8 = 5;
    pub(super) const WRITE: u8 = 6;
    pub(super) const LSTAT: u8 = 7;
    pub(super) const FSTAT: u8 = 8;
    pub(super) const SETSTAT: u8 = 9;
    pub(super) const FSETSTAT: u8 = 10;
    pub(super) const OPENDIR: u8 = 11;
    pub(super) const READDIR: u8 = 12;
    pub(super) const REMOVE: u8 = 13;
    pub(super) const MKDIR: u8 = 14;
    pub(super) const RMDIR: u8 = 15;
    pub(super) const REALPATH: u8 = 16;
    pub(super) const STAT: u8 = 17;
    pub(super) const RENAME: u8 = 18;
    pub(super) const READLINK: u8 = 19;
    pub(super) const SYMLINK: u8 = 20;
    pub(super) const STATUS: u8 = 101;
    pub(super) const HANDLE: u8 = 102;
    pub(super) const DATA: u8 = 103;
    pub(super) const NAME: u8 = 104;
    pub(super) const ATTRS: u8 = 105;
    pub(super) const EXTENDED: u8 = 200;
    pub(super) const EXTENDED_REPLY: u8 = 201;
}

/// A handle: the server's own bytes, at most 256 of them.
fn handle<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    fields::string(reader, 256)
}

fn u64(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    reader.array().map(u64::from_be_bytes)
}
