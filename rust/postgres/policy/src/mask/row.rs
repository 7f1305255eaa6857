//! Result rows: which of their fields are masked, and a row written anew.

use super::{ColumnMask, Malformed};

/// A field that is masked, and the format its values come in.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskedField {
    /// What stands in place of its values.
    pub mask: ColumnMask,
    /// 0 for text, 1 for binary.
    pub format: i16,
}

/// The masks of a result's fields, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct RowMask {
    fields: Vec<Option<MaskedField>>,
}

/// Takes a big-endian piece off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (piece, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
    *bytes = rest;
    Ok(*piece)
}

/// Takes a length and as many bytes off the front; `None` is NULL.
pub(super) fn take_value<'b>(bytes: &mut &'b [u8]) -> Result<Option<&'b [u8]>, Malformed> {
    let length = i32::from_be_bytes(take(bytes)?);
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (value, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(Some(value))
}

/// Takes a count off the front.
pub(super) fn take_count(bytes: &mut &[u8]) -> Result<i16, Malformed> {
    Ok(i16::from_be_bytes(take(bytes)?))
}

/// Appends a whole message whose body `write` appends; nothing is appended if that fails.
pub(super) fn message(
    tag: u8,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let start = out.len();
    out.extend_from_slice(&[tag, 0, 0, 0, 0]);
    let outcome = write(out).and_then(|()| {
        let length = i32::try_from(out.len() - start - 1).map_err(|_| Malformed)?;
        let place = out.get_mut(start + 1..start + 5).ok_or(Malformed)?;
        place.copy_from_slice(&length.to_be_bytes());
        Ok(())
    });
    if outcome.is_err() {
        out.truncate(start);
    }
    outcome
}

impl RowMask {
    /// For rows of these fields. `None` if no field is masked.
    #[must_use]
    pub fn new(fields: Vec<Option<MaskedField>>) -> Option<RowMask> {
        fields.iter().any(Option::is_some).then_some(RowMask { fields })
    }

    /// For rows in the result formats of a Bind, where the description was of the statement and says text for all:
    /// none is all text, one is for all, or else there is one for each.
    ///
    /// # Errors
    /// Another number of formats.
    pub fn with_formats(mut self, formats: &[i16]) -> Result<RowMask, Malformed> {
        if formats.len() > 1 && formats.len() != self.fields.len() {
            return Err(Malformed);
        }
        for (index, field) in self.fields.iter_mut().enumerate() {
            if let Some(field) = field {
                field.format = match formats {
                    [] => 0,
                    [all] => *all,
                    each => each.get(index).copied().ok_or(Malformed)?,
                };
            }
        }
        Ok(self)
    }

    /// Appends a whole DataRow, `tag` its type byte, in place of one with this body.
    ///
    /// # Errors
    /// It is not a row of as many fields as were described; nothing was appended.
    pub fn rewrite(&self, tag: u8, data_row_body: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        message(tag, out, |out| {
            let mut rest = data_row_body;
            let count = take_count(&mut rest)?;
            if usize::try_from(count) != Ok(self.fields.len()) {
                return Err(Malformed);
            }
            out.extend_from_slice(&count.to_be_bytes());
            for field in &self.fields {
                copy_value(field.as_ref().map(|field| (&field.mask, field.format)), &mut rest, out)?;
            }
            if rest.is_empty() { Ok(()) } else { Err(Malformed) }
        })
    }
}

/// Takes a value off the front, and appends it or what stands in its place.
pub(super) fn copy_value(
    mask: Option<(&ColumnMask, i16)>,
    rest: &mut &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let before = *rest;
    let value = take_value(rest)?;
    match mask {
        Some((mask, format)) => mask.apply(value, format, out),
        None => out.extend_from_slice(before.get(..before.len() - rest.len()).ok_or(Malformed)?),
    }
    Ok(())
}
