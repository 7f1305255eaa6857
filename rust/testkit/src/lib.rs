//! Peers for tests: what stands on the other end of a protocol crate, without sockets and clocks.
//!
//! Only ever a dev-dependency. It knows the protocols from their documents and shares no code with the crates it
//! tests, so that both would have to be wrong in the same way. It panics where a test should fail.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

pub mod backend;
pub mod lists;
pub mod messages;
pub mod scram;

use hoopwire_wire::Random;

/// Randomness that is none: zeros, so that transcripts stay the same from run to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

/// `bytes` as a link may deliver them: cut at each of `cuts` (modulo the length), empty pieces included.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]).collect();
    ends.sort_unstable();
    let mut from = 0;
    ends.into_iter()
        .map(|to| {
            let piece = &bytes[from..to];
            from = to;
            piece
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_put_end_to_end_are_the_bytes() {
        assert_eq!(pieces(b"abcdef", &[4, 1, 1, 13]), [&b"a"[..], b"", b"bcd", b"ef", b""]);
        assert_eq!(pieces(b"", &[3]), [&b""[..], b""]);
    }
}
