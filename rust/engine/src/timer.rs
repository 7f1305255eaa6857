//! Deadlines of one reactor, in order. The smallest thing that works: one entry per key.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// When each key wants to be called.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, usize)>,
    by_key: HashMap<usize, Instant>,
}

impl Timers {
    /// Sets, moves or clears the deadline of a key.
    pub(crate) fn set(&mut self, key: usize, at: Option<Instant>) {
        let before = self.by_key.get(&key).copied();
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, key));
        }
        match at {
            Some(at) => {
                self.order.insert((at, key));
                self.by_key.insert(key, at);
            }
            None => drop(self.by_key.remove(&key)),
        }
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// A key whose deadline has come; it is cleared.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<usize> {
        let (at, key) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.set(key, None);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn keys_come_in_order_of_their_last_deadline() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut timers = Timers::default();
        timers.set(1, Some(at(5)));
        timers.set(2, Some(at(3)));
        timers.set(1, Some(at(1)));
        timers.set(3, Some(at(2)));
        timers.set(3, None);
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop(start), None);
        assert_eq!((timers.pop(at(9)), timers.pop(at(9)), timers.pop(at(9))), (Some(1), Some(2), None));
    }
}
