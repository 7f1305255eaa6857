//! What bodies of both directions are made of: values, format codes, OIDs.

use hoopwire_wire::Reader;

/// Takes a value, its length first. The inner `None` is NULL, the outer one "not here as a whole".
pub(crate) fn take_value<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a [u8]>> {
    match reader.i32().ok()? {
        -1 => Some(None),
        length => Some(Some(reader.bytes(usize::try_from(length).ok()?).ok()?)),
    }
}

/// OIDs of types, as they stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oids<'a>(&'a [[u8; 4]]);

impl<'a> Oids<'a> {
    /// Takes them, their number first. `None` if they are not here as a whole.
    pub(crate) fn take(reader: &mut Reader<'a>) -> Option<Oids<'a>> {
        let count = usize::from(reader.u16().ok()?);
        let (oids, _) = reader.bytes(count.saturating_mul(4)).ok()?.as_chunks();
        Some(Oids(oids))
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.0.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

/// Format codes, as they stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats<'a>(&'a [[u8; 2]]);

impl<'a> Formats<'a> {
    /// Takes them, their number first. `None` if they are not here as a whole.
    pub(crate) fn take(reader: &mut Reader<'a>) -> Option<Formats<'a>> {
        let count = usize::from(reader.u16().ok()?);
        let (formats, _) = reader.bytes(count.saturating_mul(2)).ok()?.as_chunks();
        Some(Formats(formats))
    }

    /// That of the value at this place: none are all text, one is for all.
    #[must_use]
    pub fn of(&self, at: usize) -> i16 {
        match self.0 {
            [] => 0,
            [all] => i16::from_be_bytes(*all),
            each => each.get(at).map_or(0, |each| i16::from_be_bytes(*each)),
        }
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They say for so many values which each has.
    #[must_use]
    pub fn fit(&self, count: usize) -> bool {
        matches!(self.0.len(), 0 | 1) || self.0.len() == count
    }

    /// Text and binary only: what a server knows.
    #[must_use]
    pub fn are_plain(&self) -> bool {
        self.0.iter().all(|format| matches!(i16::from_be_bytes(*format), 0 | 1))
    }
}
