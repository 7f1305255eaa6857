//! Bytes cut into lines.

/// Bytes of one side that are no whole line yet.
#[derive(Default)]
pub(crate) struct Lines {
    held: Vec<u8>,
}

/// A line is longer than the gateway takes.
pub(crate) struct TooLong;

impl Lines {
    pub(crate) fn push(&mut self, input: &[u8]) {
        self.held.extend_from_slice(input);
    }

    /// The next line, with its end, if it is whole.
    pub(crate) fn next(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, TooLong> {
        match self.held.iter().position(|byte| *byte == b'\n') {
            Some(end) if end <= max_bytes => Ok(Some(self.held.drain(..=end).collect())),
            None if self.held.len() <= max_bytes => Ok(None),
            _ => Err(TooLong),
        }
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lines({} bytes)", self.held.len())
    }
}
