//! Limits per source address, shared by the reactors: who may open one more connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong cancel keys of one address in a minute before its cancel requests are dropped unread: 2^32 keys of
/// protocol 3.0 would take an address 400 years at this rate.
const WRONG_CANCELS_MAX: u32 = 20;
const WRONG_CANCELS_FOR: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Source {
    connections: usize,
    unadmitted: usize,
    wrong_cancels: u32,
    since: Option<Instant>,
}

/// Open connections by source address.
#[derive(Debug)]
pub(crate) struct AddressBook {
    connections_max: usize,
    unadmitted_max: usize,
    sources: Mutex<HashMap<IpAddr, Source>>,
}

impl AddressBook {
    pub(crate) fn new(connections_max: usize, unadmitted_max: usize) -> AddressBook {
        AddressBook { connections_max, unadmitted_max, sources: Mutex::default() }
    }

    /// Counts one more connection, or says that the address has its fill.
    pub(crate) fn open(&self, address: IpAddr) -> bool {
        self.with(address, |source| {
            let fits = source.connections < self.connections_max && source.unadmitted < self.unadmitted_max;
            if fits {
                source.connections = source.connections.saturating_add(1);
                source.unadmitted = source.unadmitted.saturating_add(1);
            }
            fits
        })
    }

    pub(crate) fn admitted(&self, address: IpAddr) {
        self.with(address, |source| source.unadmitted = source.unadmitted.saturating_sub(1));
    }

    pub(crate) fn close(&self, address: IpAddr, was_admitted: bool) {
        self.with(address, |source| {
            source.connections = source.connections.saturating_sub(1);
            if !was_admitted {
                source.unadmitted = source.unadmitted.saturating_sub(1);
            }
        });
    }

    /// False while the address has guessed too often.
    pub(crate) fn may_cancel(&self, address: IpAddr, now: Instant) -> bool {
        self.with(address, |source| {
            if source.since.is_none_or(|since| now.duration_since(since) >= WRONG_CANCELS_FOR) {
                source.wrong_cancels = 0;
            }
            source.wrong_cancels < WRONG_CANCELS_MAX
        })
    }

    pub(crate) fn wrong_cancel(&self, address: IpAddr, now: Instant) {
        self.with(address, |source| {
            if source.wrong_cancels == 0 {
                source.since = Some(now);
            }
            source.wrong_cancels = source.wrong_cancels.saturating_add(1);
        });
    }

    fn with<T>(&self, address: IpAddr, act: impl FnOnce(&mut Source) -> T) -> T {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.entry(address).or_default();
        let answer = act(source);
        if source.connections == 0 && source.wrong_cancels == 0 {
            sources.remove(&address);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_the_place_of_others() {
        let book = AddressBook::new(3, 2);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        assert!(book.open(a) && book.open(a));
        assert!(!book.open(a), "two wait for admission already");
        assert!(book.open(b));
        book.admitted(a);
        assert!(book.open(a));
        book.admitted(a);
        assert!(!book.open(a), "three are open");
        book.close(a, true);
        assert!(book.open(a));
    }

    #[test]
    fn guessing_cancel_keys_is_cut_off_for_a_minute_and_for_the_guesser_only() {
        let book = AddressBook::new(9, 9);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let start = Instant::now();
        for _ in 0..WRONG_CANCELS_MAX {
            assert!(book.may_cancel(a, start));
            book.wrong_cancel(a, start);
        }
        assert!(!book.may_cancel(a, start));
        assert!(book.may_cancel(b, start));
        assert!(book.may_cancel(a, start + WRONG_CANCELS_FOR));
    }
}
