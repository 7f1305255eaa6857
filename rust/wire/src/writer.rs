/// Appends fields to a buffer, in network byte order. The mirror of [`Reader`](crate::Reader).
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Two bytes, signed.
    pub fn i16(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Two bytes, unsigned.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Four bytes, signed.
    pub fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Four bytes, unsigned.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// The bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The text and a terminating NUL. A NUL inside is left out: it would end the string early, and the
    /// peer would read what follows as the next field.
    pub fn cstr(&mut self, text: impl AsRef<[u8]>) {
        self.out.extend(text.as_ref().iter().copied().filter(|&byte| byte != 0));
        self.out.push(0);
    }
}

/// Appends a tag byte, a length word that counts itself and the body, and the body that `body` writes.
///
/// For messages that we make ourselves, which are small. A body of 2 GiB or more has no length word: it is
/// our own bug, and nothing is appended.
pub fn message(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.push(tag);
    prefixed(out, start, body);
}

/// The same without the tag byte.
pub fn message_untagged(out: &mut Vec<u8>, body: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    prefixed(out, start, body);
}

fn prefixed(out: &mut Vec<u8>, start: usize, body: impl FnOnce(&mut Writer<'_>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(&mut Writer::new(out));
    let length = i32::try_from(out.len() - at);
    debug_assert!(length.is_ok(), "a message of 2 GiB or more has no length word");
    match (length, out.get_mut(at..at + 4)) {
        (Ok(length), Some(word)) => word.copy_from_slice(&length.to_be_bytes()),
        _ => out.truncate(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;

    #[test]
    fn the_length_counts_itself_and_the_body_but_not_the_tag() {
        let mut out = b"before".to_vec();
        message(&mut out, b'R', |w| w.i32(0));
        message_untagged(&mut out, |w| w.cstr("x"));
        assert_eq!(out, b"beforeR\0\0\0\x08\0\0\0\0\0\0\0\x06x\0");
    }

    #[test]
    fn an_empty_body_has_length_four() {
        let mut out = Vec::new();
        message(&mut out, b'S', |_| {});
        assert_eq!(out, b"S\0\0\0\x04");
    }

    #[test]
    fn a_nul_inside_text_does_not_smuggle_a_second_field() {
        let mut out = Vec::new();
        Writer::new(&mut out).cstr("alice\0role\0postgres");
        assert_eq!(out, b"alicerolepostgres\0");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.u8(7);
        writer.i16(-2);
        writer.u16(65_000);
        writer.i32(i32::MIN);
        writer.u32(u32::MAX);
        writer.cstr(b"t");
        writer.bytes(b"z");
        let mut reader = Reader::new(&out);
        assert_eq!(reader.u8(), Ok(7));
        assert_eq!(reader.i16(), Ok(-2));
        assert_eq!(reader.u16(), Ok(65_000));
        assert_eq!(reader.i32(), Ok(i32::MIN));
        assert_eq!(reader.u32(), Ok(u32::MAX));
        assert_eq!(reader.cstr(), Ok(&b"t"[..]));
        assert_eq!(reader.rest(), b"z");
    }
}
