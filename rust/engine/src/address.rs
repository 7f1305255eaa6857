//! Limits per source address, shared by the reactors: who may open one more connection.
//!
//! An IPv6 address is counted by its /64, which is one party's (RFC 6177); one that carries an IPv4 address, by that.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong cancel keys of one address for one session in a minute before more are dropped unread: 2^32 keys of protocol 3.0
/// would take an address 400 years at this rate.
const WRONG_CANCELS_MAX: u32 = 20;
const WRONG_CANCELS_FOR: Duration = Duration::from_secs(60);
/// With more guesses in the book than this, the old ones are looked for.
const GUESSES_KEPT: usize = 1024;

#[derive(Debug, Default)]
struct Source {
    connections: usize,
    unadmitted: usize,
}

/// Wrong keys of one address for the sessions with one mark.
#[derive(Debug)]
struct Guesses {
    count: u32,
    since: Instant,
}

impl Guesses {
    fn is_old(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= WRONG_CANCELS_FOR
    }
}

/// Open connections by source address.
#[derive(Debug)]
pub(crate) struct AddressBook {
    connections_max: usize,
    unadmitted_max: usize,
    sources: Mutex<HashMap<IpAddr, Source>>,
    guesses: Mutex<HashMap<(IpAddr, u64), Guesses>>,
}

impl AddressBook {
    pub(crate) fn new(connections_max: usize, unadmitted_max: usize) -> AddressBook {
        AddressBook { connections_max, unadmitted_max, sources: Mutex::default(), guesses: Mutex::default() }
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

    /// False while the address has guessed too often at the sessions with this mark. Others of the address are not touched
    /// by it.
    pub(crate) fn may_cancel(&self, address: IpAddr, mark: u64, now: Instant) -> bool {
        let guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = guesses.get(&(party(address), mark));
        of_it.is_none_or(|guesses| guesses.is_old(now) || guesses.count < WRONG_CANCELS_MAX)
    }

    /// A wrong key for a session with this mark: there is one, so that the book has an entry a session at most.
    pub(crate) fn wrong_cancel(&self, address: IpAddr, mark: u64, now: Instant) {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.len() >= GUESSES_KEPT {
            guesses.retain(|_, each| !each.is_old(now));
        }
        let of_it = guesses.entry((party(address), mark)).or_insert(Guesses { count: 0, since: now });
        if of_it.is_old(now) {
            *of_it = Guesses { count: 0, since: now };
        }
        of_it.count = of_it.count.saturating_add(1);
    }

    fn with<T>(&self, address: IpAddr, act: impl FnOnce(&mut Source) -> T) -> T {
        let address = party(address);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.entry(address).or_default();
        let answer = act(source);
        if source.connections == 0 {
            sources.remove(&address);
        }
        answer
    }
}

/// Whose address it is.
fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)).into(),
        four => four,
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
    fn a_whole_64_of_ipv6_is_one_party() {
        // R19: strangers of IPv6 were counted by their whole address, of which a /64 gives them 2^64.
        let book = AddressBook::new(9, 2);
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(book.open(at("2001:db8:0:1::1")) && book.open(at("2001:db8:0:1:ffff::2")));
        assert!(!book.open(at("2001:db8:0:1::3")));
        assert!(book.open(at("2001:db8:0:2::1")));
        assert!(book.open(at("::ffff:192.0.2.1")) && book.open(at("192.0.2.1")));
        assert!(!book.open(at("192.0.2.1")), "the same address in two forms");
        assert!(book.open(at("192.0.2.2")));
    }

    #[test]
    fn guessing_the_cancel_keys_of_a_session_is_cut_off_for_that_session_and_that_address() {
        // R25: twenty wrong keys, for which nobody has to log in, took away the cancels of all behind an address.
        let book = AddressBook::new(9, 9);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let start = Instant::now();
        for _ in 0..WRONG_CANCELS_MAX {
            assert!(book.may_cancel(a, 7, start));
            book.wrong_cancel(a, 7, start);
        }
        assert!(!book.may_cancel(a, 7, start));
        assert!(book.may_cancel(a, 8, start) && book.may_cancel(b, 7, start));
        assert!(book.may_cancel(a, 7, start + WRONG_CANCELS_FOR));
        book.wrong_cancel(a, 7, start + WRONG_CANCELS_FOR);
        assert!(book.may_cancel(a, 7, start + WRONG_CANCELS_FOR));
    }

    #[test]
    fn old_guesses_do_not_fill_the_book() {
        // R16: addresses with a wrong cancel were kept for ever.
        let book = AddressBook::new(9, 9);
        let (a, start) = (IpAddr::from([127, 0, 0, 1]), Instant::now());
        for mark in 0..GUESSES_KEPT as u64 {
            book.wrong_cancel(a, mark, start);
        }
        book.wrong_cancel(a, 0, start + WRONG_CANCELS_FOR);
        assert_eq!(book.guesses.lock().unwrap().len(), 1);
    }
}
