use hoopwire_wire::{DecodeError, Reader, Redacted};

use super::reply::Extensions;
use super::{Attributes, handle, kind, u64};
use crate::fields;

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The first message.
    Init {
        /// The newest version that it speaks; 3 is taken.
        version: u32,
        /// What it has besides. OpenSSH has nothing.
        extensions: Extensions<'a>,
    },
    /// Any other. Replies come in any order, by `id`.
    Ask {
        /// The client's number for it.
        id: u32,
        /// What it asks.
        ask: Ask<'a>,
    },
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are what their names say: paths, handles, offsets, lengths in bytes"
)]
pub enum Ask<'a> {
    /// Opens a file, and makes it where the flags say so.
    Open { path: &'a [u8], flags: Flags, attributes: Attributes },
    /// Lets go of a file or directory.
    Close { handle: &'a [u8] },
    /// Reads from an open file.
    Read { handle: &'a [u8], offset: u64, length: u32 },
    /// Writes to an open file.
    Write { handle: &'a [u8], offset: u64, data: Redacted<&'a [u8]> },
    /// What is known of a file, a link itself where it is one.
    Lstat { path: &'a [u8] },
    /// What is known of an open file.
    Fstat { handle: &'a [u8] },
    /// Changes size, owner, mode or times.
    Setstat { path: &'a [u8], attributes: Attributes },
    /// The same of an open file.
    Fsetstat { handle: &'a [u8], attributes: Attributes },
    /// Opens a directory.
    Opendir { path: &'a [u8] },
    /// Reads an open directory.
    Readdir { handle: &'a [u8] },
    /// Removes a file.
    Remove { path: &'a [u8] },
    /// Makes a directory.
    Mkdir { path: &'a [u8], attributes: Attributes },
    /// Removes a directory.
    Rmdir { path: &'a [u8] },
    /// What a path leads to, without links and `..`.
    Realpath { path: &'a [u8] },
    /// What is known of a file, or of what a link leads to.
    Stat { path: &'a [u8] },
    /// Renames; fails where the new name is there.
    Rename { old: &'a [u8], new: &'a [u8] },
    /// What a link says.
    Readlink { path: &'a [u8] },
    /// Makes a link that says `target`. In OpenSSH's order: the draft has the link first.
    Symlink { target: &'a [u8], link: &'a [u8] },
    /// `posix-rename@openssh.com`: renames; replaces what is there.
    PosixRename { old: &'a [u8], new: &'a [u8] },
    /// `hardlink@openssh.com`: a second name of a file.
    Hardlink { old: &'a [u8], new: &'a [u8] },
    /// `statvfs@openssh.com`: what is known of a file system.
    Statvfs { path: &'a [u8] },
    /// `fstatvfs@openssh.com`: the same by an open file.
    Fstatvfs { handle: &'a [u8] },
    /// `fsync@openssh.com`: writes an open file to its disk.
    Fsync { handle: &'a [u8] },
    /// `lsetstat@openssh.com`: as Setstat, of a link itself.
    Lsetstat { path: &'a [u8], attributes: Attributes },
    /// `limits@openssh.com`: how long a message may be.
    Limits,
    /// `expand-path@openssh.com`: as Realpath, where `~` and `~user` are homes.
    ExpandPath { path: &'a [u8] },
    /// `copy-data`: copies between two open files; a length of 0 is all.
    CopyData { from: &'a [u8], offset: u64, length: u64, to: &'a [u8], to_offset: u64 },
    /// `home-directory`: where a user's home is.
    HomeDirectory { user: &'a [u8] },
    /// `users-groups-by-id@openssh.com`: names of users and groups; the lists are numbers of 4 bytes.
    UsersGroupsById { users: &'a [u8], groups: &'a [u8] },
    /// An extended request that is not known here.
    OtherExtended { name: &'a [u8] },
    /// A type of message that is not known here.
    Other { kind: u8 },
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(
    /// As they came: 1 read, 2 write, 4 append, 8 create, 16 truncate, 32 fail where it is there.
    pub u32,
);

impl Flags {
    /// The file's content can be read.
    #[must_use]
    pub fn reads(self) -> bool {
        self.0 & 1 != 0
    }

    /// The file can be changed or made. Any flag but read counts, one that nobody knows too.
    #[must_use]
    pub fn writes(self) -> bool {
        self.0 & !1 != 0
    }
}

/// Names of the extended requests that are known here. What a server offers besides is taken out of its VERSION.
pub const EXTENDED: [&str; 11] = [
    "posix-rename@openssh.com",
    "hardlink@openssh.com",
    "statvfs@openssh.com",
    "fstatvfs@openssh.com",
    "fsync@openssh.com",
    "lsetstat@openssh.com",
    "limits@openssh.com",
    "expand-path@openssh.com",
    "copy-data",
    "home-directory",
    "users-groups-by-id@openssh.com",
];

impl<'a> Request<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let request = match reader.u8()? {
            kind::INIT => {
                Request::Init { version: reader.u32()?, extensions: Extensions::take(&mut reader)? }
            }
            kind => Request::Ask { id: reader.u32()?, ask: Ask::take(kind, &mut reader)? },
        };
        reader.finish()?;
        Ok(request)
    }
}

impl<'a> Ask<'a> {
    fn take(kind: u8, reader: &mut Reader<'a>) -> Result<Ask<'a>, DecodeError> {
        Ok(match kind {
            kind::OPEN => {
                let path = fields::bytes(reader)?;
                Ask::Open { path, flags: Flags(reader.u32()?), attributes: Attributes::take(reader)? }
            }
            kind::CLOSE => Ask::Close { handle: handle(reader)? },
            kind::READ => Ask::Read { handle: handle(reader)?, offset: u64(reader)?, length: reader.u32()? },
            kind::WRITE => Ask::Write {
                handle: handle(reader)?,
                offset: u64(reader)?,
                data: Redacted(fields::bytes(reader)?),
            },
            kind::LSTAT => Ask::Lstat { path: fields::bytes(reader)? },
            kind::FSTAT => Ask::Fstat { handle: handle(reader)? },
            kind::SETSTAT => {
                Ask::Setstat { path: fields::bytes(reader)?, attributes: Attributes::take(reader)? }
            }
            kind::FSETSTAT => {
                Ask::Fsetstat { handle: handle(reader)?, attributes: Attributes::take(reader)? }
            }
            kind::OPENDIR => Ask::Opendir { path: fields::bytes(reader)? },
            kind::READDIR => Ask::Readdir { handle: handle(reader)? },
            kind::REMOVE => Ask::Remove { path: fields::bytes(reader)? },
            kind::MKDIR => Ask::Mkdir { path: fields::bytes(reader)?, attributes: Attributes::take(reader)? },
            kind::RMDIR => Ask::Rmdir { path: fields::bytes(reader)? },
            kind::REALPATH => Ask::Realpath { path: fields::bytes(reader)? },
            kind::STAT => Ask::Stat { path: fields::bytes(reader)? },
            kind::RENAME => Ask::Rename { old: fields::bytes(reader)?, new: fields::bytes(reader)? },
            kind::READLINK => Ask::Readlink { path: fields::bytes(reader)? },
            kind::SYMLINK => Ask::Symlink { target: fields::bytes(reader)?, link: fields::bytes(reader)? },
            kind::EXTENDED => Ask::extended(reader)?,
            kind => {
                reader.rest();
                Ask::Other { kind }
            }
        })
    }

    fn extended(reader: &mut Reader<'a>) -> Result<Ask<'a>, DecodeError> {
        Ok(match fields::bytes(reader)? {
            b"posix-rename@openssh.com" => {
                Ask::PosixRename { old: fields::bytes(reader)?, new: fields::bytes(reader)? }
            }
            b"hardlink@openssh.com" => {
                Ask::Hardlink { old: fields::bytes(reader)?, new: fields::bytes(reader)? }
            }
            b"statvfs@openssh.com" => Ask::Statvfs { path: fields::bytes(reader)? },
            b"fstatvfs@openssh.com" => Ask::Fstatvfs { handle: handle(reader)? },
            b"fsync@openssh.com" => Ask::Fsync { handle: handle(reader)? },
            b"lsetstat@openssh.com" => {
                Ask::Lsetstat { path: fields::bytes(reader)?, attributes: Attributes::take(reader)? }
            }
            b"limits@openssh.com" => Ask::Limits,
            b"expand-path@openssh.com" => Ask::ExpandPath { path: fields::bytes(reader)? },
            b"copy-data" => Ask::CopyData {
                from: handle(reader)?,
                offset: u64(reader)?,
                length: u64(reader)?,
                to: handle(reader)?,
                to_offset: u64(reader)?,
            },
            b"home-directory" => Ask::HomeDirectory { user: fields::bytes(reader)? },
            b"users-groups-by-id@openssh.com" => {
                Ask::UsersGroupsById { users: fields::bytes(reader)?, groups: fields::bytes(reader)? }
            }
            name => {
                reader.rest();
                Ask::OtherExtended { name }
            }
        })
    }
}
