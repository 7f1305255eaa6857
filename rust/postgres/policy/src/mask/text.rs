//! The fields of a row of COPY in text and CSV.

use super::Malformed;

/// A character and the letter it is escaped by.
const ESCAPES: [(u8, u8); 7] =
    [(b'\\', b'\\'), (b'\t', b't'), (b'\n', b'n'), (b'\r', b'r'), (0x08, b'b'), (0x0c, b'f'), (0x0b, b'v')];

/// The value of a field of COPY text; `None` is NULL.
pub(super) fn unescaped(field: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    if field == b"\\N" {
        return Ok(None);
    }
    let mut value = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => {
                let letter = bytes.next().ok_or(Malformed)?;
                ESCAPES.iter().find(|(_, by)| by == letter).map(|(byte, _)| *byte).ok_or(Malformed)?
            }
            byte => *byte,
        });
    }
    Ok(Some(value))
}

/// Appends a value as a field of COPY text.
pub(super) fn escape(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.extend_from_slice(b"\\N") };
    for byte in value {
        match ESCAPES.iter().find(|(escaped, _)| escaped == byte) {
            Some((_, letter)) => out.extend_from_slice(&[b'\\', *letter]),
            None => out.push(*byte),
        }
    }
}

/// The raw fields of a line of COPY text, without its end.
pub(super) fn split_text(line: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(Malformed);
    }
    Ok(line.split(|byte| *byte == b'\t').collect())
}

/// The raw fields of a row of CSV, without its end: each with its quotes, if it has any.
pub(super) fn split_csv(line: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let length = if rest.first() == Some(&b'"') { quoted_length(rest)? } else { bare_length(rest)? };
        let (field, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
        fields.push(field);
        match behind.split_first() {
            None => return Ok(fields),
            Some((b',', behind)) => rest = behind,
            Some(_) => return Err(Malformed),
        }
    }
}

fn quoted_length(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut at = 1;
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), Some(b'"')) => at += 2,
            (Some(b'"'), _) => return Ok(at + 1),
            (Some(_), _) => at += 1,
            (None, _) => return Err(Malformed),
        }
    }
}

fn bare_length(bytes: &[u8]) -> Result<usize, Malformed> {
    let length = bytes.iter().position(|byte| *byte == b',').unwrap_or(bytes.len());
    let odd = bytes.iter().take(length).any(|byte| matches!(byte, b'"' | b'\n' | b'\r'));
    if odd { Err(Malformed) } else { Ok(length) }
}

/// The value of a field of CSV; `None` is NULL: empty, and not quoted.
pub(super) fn unquoted(field: &[u8]) -> Option<Vec<u8>> {
    let Some(inner) = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")) else {
        return (!field.is_empty()).then(|| field.to_vec());
    };
    let mut value = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        value.push(*byte);
        if *byte == b'"' {
            bytes.next();
        }
    }
    Some(value)
}

/// Appends a value as a field of CSV.
pub(super) fn quote(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else { return };
    let special = |byte: &u8| matches!(byte, b'"' | b',' | b'\n' | b'\r' | b'\\');
    if !value.is_empty() && !value.iter().any(special) {
        return out.extend_from_slice(value);
    }
    out.push(b'"');
    for byte in value {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
