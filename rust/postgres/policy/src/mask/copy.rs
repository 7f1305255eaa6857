//! COPY out: one row in each CopyData, as the server sends them.

use super::row::{copy_value, message, take_count};
use super::text::{escape, quote, split_csv, split_text, unescaped, unquoted};
use super::{ColumnMask, Malformed};
use crate::{Catalogue, Grant};
use hoopwire_postgres_sql::{CopyFormat, CopyOut};

/// What a binary COPY begins with; flags and the length of an extension follow.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// The masks of the rows of one COPY, and how far it has come.
#[derive(Clone, Debug)]
pub struct CopyMask {
    format: CopyFormat,
    fields: Vec<Option<ColumnMask>>,
    /// The next body is the row of names, or has the binary header before its row.
    header: bool,
    /// The binary trailer was seen.
    done: bool,
}

impl CopyMask {
    /// For a COPY that has just begun. `header` is the option of text and CSV.
    #[must_use]
    pub fn new(format: CopyFormat, header: bool, fields: Vec<Option<ColumnMask>>) -> CopyMask {
        CopyMask { format, fields, header: header || format == CopyFormat::Binary, done: false }
    }

    /// For a COPY as it was planned. `None` where a masked field's column or mask cannot be found: the catalogue
    /// has changed, and nothing may be delivered.
    #[must_use]
    pub fn of_plan(plan: &CopyOut, grant: &Grant, catalogue: &Catalogue) -> Option<CopyMask> {
        let mut fields = Vec::with_capacity(plan.fields.len());
        for field in &plan.fields {
            fields.push(match field {
                None => None,
                Some((relation, name)) => {
                    let relation = catalogue.by_name(relation.schema.as_deref()?, &relation.name)?;
                    let column = relation.columns.iter().find(|column| column.name == *name)?;
                    Some(ColumnMask::new(
                        grant.rights.masks.get(column.mask?)?,
                        column.type_oid,
                        &grant.rights.mask_key,
                    ))
                }
            });
        }
        Some(CopyMask::new(plan.format, plan.header, fields))
    }

    /// Appends a whole CopyData, `tag` its type byte, in place of one with this body.
    ///
    /// # Errors
    /// It is not exactly one row of as many fields as there should be; nothing was appended.
    pub fn rewrite(&mut self, tag: u8, copy_data_body: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        message(tag, out, |out| match self.format {
            CopyFormat::Text => self.text(copy_data_body, out),
            CopyFormat::Csv => self.csv(copy_data_body, out),
            CopyFormat::Binary => self.binary(copy_data_body, out),
        })
    }

    /// The row of names passes, if this is it.
    fn names(&mut self, count: usize, body: &[u8], out: &mut Vec<u8>) -> Result<bool, Malformed> {
        if count != self.fields.len() {
            return Err(Malformed);
        }
        let header = std::mem::take(&mut self.header);
        if header {
            out.extend_from_slice(body);
        }
        Ok(header)
    }

    fn text(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let fields = split_text(body.strip_suffix(b"\n").ok_or(Malformed)?)?;
        if self.names(fields.len(), body, out)? {
            return Ok(());
        }
        for (index, (field, mask)) in fields.into_iter().zip(&self.fields).enumerate() {
            if index > 0 {
                out.push(b'\t');
            }
            match mask {
                Some(mask) => {
                    let value = unescaped(field)?;
                    escape(value.and_then(|value| mask.masked(&value, 0)).as_deref(), out);
                }
                None => out.extend_from_slice(field),
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn csv(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let fields = split_csv(body.strip_suffix(b"\n").ok_or(Malformed)?)?;
        if self.names(fields.len(), body, out)? {
            return Ok(());
        }
        for (index, (field, mask)) in fields.into_iter().zip(&self.fields).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match mask {
                Some(mask) => quote(unquoted(field).and_then(|value| mask.masked(&value, 0)).as_deref(), out),
                None => out.extend_from_slice(field),
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn binary(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut rest = body;
        if self.done {
            return Err(Malformed);
        }
        if self.header {
            rest = behind_header(body)?;
            out.extend_from_slice(body.get(..body.len() - rest.len()).ok_or(Malformed)?);
            self.header = false;
        }
        let count = take_count(&mut rest)?;
        out.extend_from_slice(&count.to_be_bytes());
        if count == -1 {
            self.done = true;
        } else if usize::try_from(count) == Ok(self.fields.len()) {
            for mask in &self.fields {
                copy_value(mask.as_ref().map(|mask| (mask, 1)), &mut rest, out)?;
            }
        } else {
            return Err(Malformed);
        }
        if rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// What comes behind the header of a binary COPY. Flags would say that rows have more than their fields.
fn behind_header(body: &[u8]) -> Result<&[u8], Malformed> {
    let rest = body.strip_prefix(SIGNATURE).and_then(|rest| rest.strip_prefix(&[0; 4])).ok_or(Malformed)?;
    let (length, rest) = rest.split_first_chunk().ok_or(Malformed)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| Malformed)?;
    rest.get(length..).ok_or(Malformed)
}
