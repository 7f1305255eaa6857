//! One masked column: a value goes in, what may be seen of it comes out.

use super::number::{self, Width};
use super::{Mask, MaskKind};
use crate::MaskKey;

const UUID: u32 = 2950;
const NUMERIC: u32 = 1700;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const BPCHAR: u32 = 1042;

/// What stands in place of the hidden characters; always as many, so that a length says nothing.
const STARS: &[u8] = b"****";

/// The mask of one column, with all it needs to be applied.
#[derive(Clone, PartialEq)]
pub struct ColumnMask {
    kind: MaskKind,
    type_oid: u32,
    /// This column's own: equal values of two columns hash to different things.
    key: [u8; 32],
}

impl std::fmt::Debug for ColumnMask {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ColumnMask");
        shown.field("kind", &self.kind).field("type_oid", &self.type_oid).finish_non_exhaustive()
    }
}

/// How a value is written on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Binary,
}

impl ColumnMask {
    /// The mask for a column of this type (the base type, for a domain), hashing under the grant's key.
    #[must_use]
    pub fn new(mask: &Mask, type_oid: u32, mask_key: &MaskKey) -> ColumnMask {
        let mut hasher = blake3::Hasher::new_keyed(mask_key.expose());
        for part in [&mask.schema, &mask.relation, &mask.column] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        ColumnMask { kind: mask.kind.clone(), type_oid, key: *hasher.finalize().as_bytes() }
    }

    /// The same mask where the type is known better.
    #[must_use]
    pub fn with_type(mut self, type_oid: u32) -> ColumnMask {
        self.type_oid = type_oid;
        self
    }

    /// Appends a field of a DataRow in place of `value`: its length as an i32, and its bytes. NULL stays NULL.
    pub fn apply(&self, value: Option<&[u8]>, format: i16, out: &mut Vec<u8>) {
        match value
            .and_then(|value| self.masked(value, format))
            .map(|bytes| (i32::try_from(bytes.len()), bytes))
        {
            Some((Ok(length), bytes)) => {
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&bytes);
            }
            _ => out.extend_from_slice(&(-1i32).to_be_bytes()),
        }
    }

    /// What is delivered in place of a value; `None` is NULL.
    #[must_use]
    pub fn masked(&self, value: &[u8], format: i16) -> Option<Vec<u8>> {
        let format = match format {
            0 => Format::Text,
            1 => Format::Binary,
            _ => return None,
        };
        match &self.kind {
            MaskKind::Null => None,
            MaskKind::Fixed(text) => self.is_text().then(|| text.as_bytes().to_vec()),
            MaskKind::Partial { first, last } => {
                self.is_text().then(|| self.partial(value, usize::from(*first), usize::from(*last)))
            }
            MaskKind::Hash => self.hash(value, format),
            MaskKind::Range { step } => self.range(value, format, *step),
        }
    }

    /// text, bpchar, varchar, name and unknown: both formats are the characters themselves.
    fn is_text(&self) -> bool {
        matches!(self.type_oid, 25 | BPCHAR | 1043 | 19 | 705)
    }

    fn width(&self) -> Option<Width> {
        match self.type_oid {
            21 => Some(Width::Two),
            23 => Some(Width::Four),
            20 => Some(Width::Eight),
            _ => None,
        }
    }

    fn partial(&self, value: &[u8], first: usize, last: usize) -> Vec<u8> {
        let Ok(mut text) = std::str::from_utf8(value) else { return STARS.to_vec() };
        if self.type_oid == BPCHAR {
            // Its padding would count as characters, and let the value through.
            text = text.trim_end_matches(' ');
        }
        if text.chars().count() <= first.saturating_add(last) {
            return STARS.to_vec();
        }
        let head = text.chars().take(first);
        let tail =
            text.char_indices().rev().take(last).last().map_or("", |(at, _)| text.get(at..).unwrap_or(""));
        let mut masked = head.collect::<String>().into_bytes();
        masked.extend_from_slice(STARS);
        masked.extend_from_slice(tail.as_bytes());
        masked
    }

    fn hash(&self, value: &[u8], format: Format) -> Option<Vec<u8>> {
        if self.is_text() {
            let hash = blake3::keyed_hash(&self.key, value).to_hex();
            return hash.as_bytes().get(..32).map(<[u8]>::to_vec);
        }
        if let Some(width) = self.width() {
            // A number is hashed as its value, so that both formats agree.
            let number = read_integer(value, format, width)?;
            let hash = blake3::keyed_hash(&self.key, &number.to_be_bytes());
            let bits = i64::from_be_bytes(*hash.as_bytes().first_chunk()?);
            return write_integer(bits & width.max(), format, width);
        }
        if self.type_oid == UUID {
            let uuid = read_uuid(value, format)?;
            let mut hashed: [u8; 16] = *blake3::keyed_hash(&self.key, &uuid).as_bytes().first_chunk()?;
            // Version 8 is for uuids that somebody made up.
            let [_, _, _, _, _, _, version, _, variant, ..] = &mut hashed;
            *version = (*version & 0x0f) | 0x80;
            *variant = (*variant & 0x3f) | 0x80;
            return Some(write_uuid(&hashed, format));
        }
        None
    }

    fn range(&self, value: &[u8], format: Format, step: f64) -> Option<Vec<u8>> {
        if let Some(width) = self.width() {
            let number = number::floor_integer(read_integer(value, format, width)?, step)?;
            return write_integer(number, format, width);
        }
        let text = || std::str::from_utf8(value).ok();
        match (self.type_oid, format) {
            (NUMERIC, Format::Text) => number::floor_decimal(text()?, step).map(String::into_bytes),
            (FLOAT8, Format::Text) => {
                let number = number::floor_float(text()?.parse().ok()?, step)?;
                Some(number.to_string().into_bytes())
            }
            (FLOAT8, Format::Binary) => {
                let number = number::floor_float(f64::from_be_bytes(value.try_into().ok()?), step)?;
                Some(number.to_be_bytes().to_vec())
            }
            (FLOAT4, Format::Text) => {
                let number: f32 = text()?.parse().ok()?;
                Some(single(number, step)?.to_string().into_bytes())
            }
            (FLOAT4, Format::Binary) => {
                let number = f32::from_be_bytes(value.try_into().ok()?);
                Some(single(number, step)?.to_be_bytes().to_vec())
            }
            _ => None,
        }
    }
}

fn single(number: f32, step: f64) -> Option<f32> {
    let floor = number::floor_float(f64::from(number), step)?;
    #[allow(clippy::cast_possible_truncation, reason = "what does not fit is infinite, and that is NULL")]
    let single = floor as f32;
    (single.is_finite() && (single < number || floor == f64::from(number))).then_some(single)
}

fn read_integer(value: &[u8], format: Format, width: Width) -> Option<i64> {
    let number = match (format, width) {
        (Format::Text, _) => std::str::from_utf8(value).ok()?.parse().ok()?,
        (Format::Binary, Width::Two) => i64::from(i16::from_be_bytes(value.try_into().ok()?)),
        (Format::Binary, Width::Four) => i64::from(i32::from_be_bytes(value.try_into().ok()?)),
        (Format::Binary, Width::Eight) => i64::from_be_bytes(value.try_into().ok()?),
    };
    Some(number)
}

/// `None` if it does not fit.
fn write_integer(number: i64, format: Format, width: Width) -> Option<Vec<u8>> {
    let bytes = match width {
        Width::Two => i16::try_from(number).ok()?.to_be_bytes().to_vec(),
        Width::Four => i32::try_from(number).ok()?.to_be_bytes().to_vec(),
        Width::Eight => number.to_be_bytes().to_vec(),
    };
    Some(match format {
        Format::Text => number.to_string().into_bytes(),
        Format::Binary => bytes,
    })
}

fn read_uuid(value: &[u8], format: Format) -> Option<[u8; 16]> {
    if format == Format::Binary {
        return value.try_into().ok();
    }
    let text = std::str::from_utf8(value).ok()?;
    let digits: String = text.chars().filter(|char| *char != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn write_uuid(uuid: &[u8; 16], format: Format) -> Vec<u8> {
    if format == Format::Binary {
        return uuid.to_vec();
    }
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text.into_bytes()
}
