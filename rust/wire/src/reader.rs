use std::fmt;

use crate::DecodeError;

/// Takes fields off the front of a byte slice, in network byte order. Never reads past its end; a call
/// that fails takes nothing. `Debug` shows how much is left, not what.
#[derive(Clone)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// One unsigned byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    /// Two bytes, signed.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Two bytes, unsigned.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, signed.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Four bytes, unsigned.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// The bytes up to the next NUL, which is taken too but not given back.
    pub fn cstr(&mut self) -> Result<&'a [u8], DecodeError> {
        let end = self.left.iter().position(|&byte| byte == 0).ok_or(DecodeError::MissingNul)?;
        let text = self.bytes(end)?;
        self.u8()?;
        Ok(text)
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, left) = self
            .left
            .split_at_checked(n)
            .ok_or(DecodeError::Truncated { wanted: n, left: self.left.len() })?;
        self.left = left;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, left) = self
            .left
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated { wanted: N, left: self.left.len() })?;
        self.left = left;
        Ok(*taken)
    }

    /// All that is left, which may be nothing.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.left.len()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Ends the reading: an error if anything is left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.left.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.left.len())) }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("remaining", &self.left.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_come_off_in_network_order() {
        let mut reader = Reader::new(b"\x01\xff\xfe\xff\xfe\xff\xff\xff\xff\x80\x00\x00\x00ab\0\0rest");
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.i16(), Ok(-2));
        assert_eq!(reader.u16(), Ok(0xfffe));
        assert_eq!(reader.i32(), Ok(-1));
        assert_eq!(reader.u32(), Ok(0x8000_0000));
        assert_eq!(reader.cstr(), Ok(&b"ab"[..]));
        assert_eq!(reader.cstr(), Ok(&b""[..]));
        assert_eq!(reader.clone().finish(), Err(DecodeError::Trailing(4)));
        assert_eq!(reader.rest(), b"rest");
        assert!(reader.is_empty());
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_failed_read_takes_nothing() {
        let mut reader = Reader::new(b"abc");
        assert_eq!(reader.u32(), Err(DecodeError::Truncated { wanted: 4, left: 3 }));
        assert_eq!(reader.bytes(usize::MAX), Err(DecodeError::Truncated { wanted: usize::MAX, left: 3 }));
        assert_eq!(reader.cstr(), Err(DecodeError::MissingNul));
        assert_eq!(reader.remaining(), 3);
        assert_eq!(reader.rest(), b"abc");
    }

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(format!("{:?}", Reader::new(b"hunter2")), "Reader { remaining: 7 }");
    }

    proptest! {
        #[test]
        fn what_is_taken_and_what_is_left_are_the_input(bytes: Vec<u8>, n in 0usize..64) {
            let mut reader = Reader::new(&bytes);
            match reader.bytes(n) {
                Ok(taken) => prop_assert_eq!([taken, reader.rest()].concat(), bytes),
                Err(_) => prop_assert!(n > bytes.len()),
            }
        }
    }
}
