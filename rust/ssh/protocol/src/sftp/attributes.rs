use hoopwire_wire::{DecodeError, Reader};

use super::u64;
use crate::fields;

const SIZE: u32 = 1;
const UIDGID: u32 = 2;
const PERMISSIONS: u32 = 4;
const ACMODTIME: u32 = 8;
const EXTENDED: u32 = 0x8000_0000;
/// Most pairs of extended attributes; nobody is known to send any.
const PAIRS: u32 = 64;

/// What is said of a file; `None` is what is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes. Set, it cuts the file off or fills it up.
    pub size: Option<u64>,
    /// Owner and group.
    pub owner: Option<(u32, u32)>,
    /// Mode, with the file's type where a server tells it.
    pub permissions: Option<u32>,
    /// Times of last access and change, Unix time.
    pub times: Option<(u32, u32)>,
    /// There are extended attributes, whose meaning nobody knows here.
    pub is_extended: bool,
}

impl Attributes {
    /// Takes them. A flag that version 3 doesn't know would move all that follows: it is refused.
    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Attributes, DecodeError> {
        let flags = reader.u32()?;
        if flags & !(SIZE | UIDGID | PERMISSIONS | ACMODTIME | EXTENDED) != 0 {
            return Err(DecodeError::InvalidLength(i64::from(flags)));
        }
        let mut attributes = Attributes::default();
        if flags & SIZE != 0 {
            attributes.size = Some(u64(reader)?);
        }
        if flags & UIDGID != 0 {
            attributes.owner = Some((reader.u32()?, reader.u32()?));
        }
        if flags & PERMISSIONS != 0 {
            attributes.permissions = Some(reader.u32()?);
        }
        if flags & ACMODTIME != 0 {
            attributes.times = Some((reader.u32()?, reader.u32()?));
        }
        if flags & EXTENDED != 0 {
            attributes.is_extended = true;
            let count = reader.u32()?;
            if count > PAIRS {
                return Err(DecodeError::TooLong { limit: PAIRS as usize });
            }
            for _ in 0..count {
                fields::bytes(reader)?;
                fields::bytes(reader)?;
            }
        }
        Ok(attributes)
    }
}
