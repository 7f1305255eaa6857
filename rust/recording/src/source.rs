//! Bytes of a segment, from wherever they are kept, through a window of fixed size.

use crate::layout::BLOCK_MAX_BYTES;

/// Where a segment's bytes come from.
pub trait Source {
    /// Why they cannot be read.
    type Error;

    /// Bytes in all.
    ///
    /// # Errors
    /// If it cannot be told.
    fn length(&mut self) -> Result<u64, Self::Error>;

    /// Fills `into` from `offset` on, as far as there are bytes; gives how many.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error>;
}

impl Source for &[u8] {
    type Error = std::convert::Infallible;

    fn length(&mut self) -> Result<u64, Self::Error> {
        Ok(self.len() as u64)
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Self::Error> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// A moving view of a source: as much as two blocks, so that small blocks cost no read each.
#[derive(Debug)]
pub(crate) struct Window<S> {
    source: S,
    start: u64,
    bytes: Vec<u8>,
}

const WINDOW_BYTES: usize = 2 * BLOCK_MAX_BYTES;

impl<S: Source> Window<S> {
    pub(crate) fn new(source: S) -> Window<S> {
        Window { source, start: 0, bytes: Vec::new() }
    }

    pub(crate) fn length(&mut self) -> Result<u64, S::Error> {
        self.source.length()
    }

    /// Up to `length` bytes (a block at most) from `offset` on; fewer at the end of the source.
    pub(crate) fn at(&mut self, offset: u64, length: usize) -> Result<&[u8], S::Error> {
        let length = length.min(BLOCK_MAX_BYTES);
        let held = self.held(offset, length);
        if held.is_none() {
            self.fill(offset)?;
        }
        let place = held.unwrap_or(0);
        let end = place.saturating_add(length).min(self.bytes.len());
        Ok(self.bytes.get(place..end).unwrap_or_default())
    }

    fn held(&self, offset: u64, length: usize) -> Option<usize> {
        let place = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (place.checked_add(length)? <= self.bytes.len()).then_some(place)
    }

    fn fill(&mut self, offset: u64) -> Result<(), S::Error> {
        self.start = offset;
        self.bytes.resize(WINDOW_BYTES, 0);
        let mut filled = 0;
        while let Some(rest) = self.bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read_at(offset.saturating_add(filled as u64), rest)? {
                0 => break,
                count => filled += count,
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }

    /// Where `needle` next begins, at `from` or later.
    pub(crate) fn find(&mut self, needle: &[u8; 8], mut from: u64) -> Result<Option<u64>, S::Error> {
        loop {
            let bytes = self.at(from, BLOCK_MAX_BYTES)?;
            if let Some(place) = bytes.windows(needle.len()).position(|window| window == needle) {
                return Ok(Some(from + place as u64));
            }
            if bytes.len() < BLOCK_MAX_BYTES {
                return Ok(None);
            }
            from += (BLOCK_MAX_BYTES - needle.len() + 1) as u64;
        }
    }
}
