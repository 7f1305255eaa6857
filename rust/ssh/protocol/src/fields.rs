//! The data types of RFC 4251 section 5, on top of [`Reader`]: string, boolean, mpint, name-list.

use hoopwire_wire::{DecodeError, Reader};

/// A string of at most `most` bytes: its length as a u32, then the bytes. A call that fails takes nothing.
pub(crate) fn string<'a>(reader: &mut Reader<'a>, most: usize) -> Result<&'a [u8], DecodeError> {
    let mut ahead = reader.clone();
    let wanted = ahead.u32()?;
    let length = usize::try_from(wanted).map_err(|_| DecodeError::InvalidLength(i64::from(wanted)))?;
    if length > most {
        return Err(DecodeError::TooLong { limit: most });
    }
    let bytes = ahead.bytes(length)?;
    *reader = ahead;
    Ok(bytes)
}

/// A string of any length: what holds it is bounded already.
pub(crate) fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    string(reader, usize::MAX)
}

/// A string of at most `most` bytes that is UTF-8.
pub(crate) fn text<'a>(reader: &mut Reader<'a>, most: usize) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(string(reader, most)?).map_err(|_| DecodeError::NotUtf8)
}

/// A boolean. Any byte but zero is true.
pub(crate) fn boolean(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    reader.u8().map(|byte| byte != 0)
}

/// A positive mpint in its one shortest form; zero is no bytes. What comes back has no leading zero byte. A negative
/// number, or a byte more than it needs, is refused: two blobs of one number would be two keys.
pub(crate) fn mpint<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let mut ahead = reader.clone();
    let field = bytes(&mut ahead)?;
    let digits = match field {
        [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => rest,
        [first, ..] if *first == 0 || first & 0x80 != 0 => {
            return Err(DecodeError::InvalidLength(i64::try_from(field.len()).unwrap_or(i64::MAX)));
        }
        _ => field,
    };
    *reader = ahead;
    Ok(digits)
}

/// Appends a string. What we write is far from 4 GiB; a longer one is cut there, so that the length never lies.
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend(bytes.iter().take(length as usize));
}

/// Appends an mpint: `digits` is a number without sign, most significant byte first, leading zeros allowed.
pub(crate) fn put_mpint(out: &mut Vec<u8>, digits: &[u8]) {
    let zeros = digits.iter().take_while(|&&byte| byte == 0).count();
    let digits = digits.get(zeros..).unwrap_or_default();
    let mut field = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_some_and(|byte| byte & 0x80 != 0) {
        field.push(0);
    }
    field.extend_from_slice(digits);
    put_string(out, &field);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4251 section 5's own examples, without the negative ones.
    const EXAMPLES: [(&[u8], &[u8]); 3] = [
        (b"\0\0\0\0", b""),
        (b"\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", b"\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"),
        (b"\0\0\0\x02\0\x80", b"\x80"),
    ];

    #[test]
    fn mpints_of_the_standard_are_read_and_written() {
        for (wire, digits) in EXAMPLES {
            assert_eq!(mpint(&mut Reader::new(wire)), Ok(digits));
            let mut out = Vec::new();
            put_mpint(&mut out, digits);
            assert_eq!(out, wire);
        }
    }

    #[test]
    fn a_second_form_of_a_number_is_refused() {
        // -1234 and -deadbeef of the standard; zero as a byte; a zero byte too many
        for wire in [
            &b"\0\0\0\x02\xed\xcc"[..],
            b"\0\0\0\x05\xff\x21\x52\x41\x11",
            b"\0\0\0\x01\0",
            b"\0\0\0\x02\0\x7f",
        ] {
            assert!(mpint(&mut Reader::new(wire)).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn a_string_never_goes_past_its_end_or_its_limit() {
        let mut reader = Reader::new(b"\0\0\0\x03abc\xff\xff\xff\xffz");
        assert_eq!(string(&mut reader.clone(), 2), Err(DecodeError::TooLong { limit: 2 }));
        assert_eq!(string(&mut reader, 3), Ok(&b"abc"[..]));
        assert_eq!(bytes(&mut reader), Err(DecodeError::Truncated { wanted: 0xffff_ffff, left: 1 }));
        assert_eq!(reader.remaining(), 5);
    }
}
