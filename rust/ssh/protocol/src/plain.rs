//! Outgoing packets before they are sealed: each `u32 big-endian length ‖ payload`, where a payload begins
//! with its message number and has no padding.
//!
//! A sealed packet that is not sent breaks its leg, since a cipher counts packets. So what is to be said
//! waits in this form until its record was kept.

use hoopwire_wire::Reader;

/// Appends one packet, whose payload `write` appends.
///
/// A payload of 4 GiB or more has no length word: it would be our own bug, and nothing is appended.
pub fn put(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len().saturating_sub(start + 4));
    debug_assert!(length.is_ok(), "a payload of 4 GiB or more has no length word");
    match (length, out.get_mut(start..start + 4)) {
        (Ok(length), Some(word)) => word.copy_from_slice(&length.to_be_bytes()),
        _ => out.truncate(start),
    }
}

/// The payloads of a buffer in plain form, in order. Ends at the first entry that is cut off.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    left: Reader<'a>,
}

impl<'a> Packets<'a> {
    /// Reads from the start of `plain`.
    pub fn new(plain: &'a [u8]) -> Self {
        Self { left: Reader::new(plain) }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.left.u32().ok()?;
        self.left.bytes(usize::try_from(length).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_in_order() {
        let mut out = Vec::new();
        put(&mut out, |payload| payload.extend_from_slice(b"\x05abc"));
        put(&mut out, |_| {});
        put(&mut out, |payload| payload.push(21));
        assert_eq!(out, b"\0\0\0\x04\x05abc\0\0\0\0\0\0\0\x01\x15");
        assert_eq!(Packets::new(&out).collect::<Vec<_>>(), [&b"\x05abc"[..], b"", b"\x15"]);
    }

    #[test]
    fn an_entry_that_is_cut_off_is_not_given() {
        let whole = b"\0\0\0\x01\x15\0\0\0\x02ab";
        for end in 5..whole.len() {
            assert_eq!(Packets::new(&whole[..end]).collect::<Vec<_>>(), [b"\x15"]);
        }
    }
}
