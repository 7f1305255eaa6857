//! Memory for what is found in a text, used again for the next one.

use super::Walk;
use crate::{Access, Call};

/// Most entries of a vector that is kept: a text that names thousands gives its memory back.
const KEPT: usize = 64;

/// Empty vectors with room in them.
#[derive(Debug, Default)]
pub struct Room {
    pub(super) accesses: Vec<Access<&'static str>>,
    pub(super) calls: Vec<Call<&'static str>>,
    pub(super) attributes: Vec<&'static str>,
}

/// The vector's memory, for entries that borrow from elsewhere. The standard library collects in place where both are of
/// one layout.
#[inline]
fn give<T, U>(from: &mut Vec<T>, to: &mut Vec<U>) {
    if from.capacity() == 0 || from.capacity() > KEPT {
        return;
    }
    let mut entries = std::mem::take(from);
    entries.clear();
    *to = entries.into_iter().filter_map(|_| None).collect();
}

impl Walk<'_> {
    /// Gives the room back that it was made with.
    #[inline]
    pub(crate) fn give_back(&mut self, room: &mut Room) {
        give(&mut self.found.accesses, &mut room.accesses);
        give(&mut self.found.calls, &mut room.calls);
        give(&mut self.found.attributes, &mut room.attributes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_no_more_than_a_little_is_kept() {
        let mut entries: Vec<&str> = Vec::with_capacity(KEPT);
        let place = entries.as_ptr();
        let mut again: Vec<&'static str> = Vec::new();
        give(&mut entries, &mut again);
        assert_eq!((again.as_ptr(), again.capacity(), again.len()), (place, KEPT, 0));
        let mut none: Vec<&str> = Vec::new();
        give(&mut Vec::<&str>::with_capacity(KEPT + 1), &mut none);
        assert_eq!(none.capacity(), 0);
    }
}
