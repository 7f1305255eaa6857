//! Mistakes that this walk once made, to be put back at run time: whoever looks for such mistakes (the oracles of
//! `support.masks`) is tried on them. Only with the feature `mutations`, which nothing that is shipped has;
//! without it each question is answered by a constant.

#[cfg(feature = "mutations")]
use std::sync::atomic::{AtomicU8, Ordering};

/// A mistake of once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "mutations"),
    allow(unreachable_pub, reason = "it is seen outside with the feature")
)]
pub enum Mutation {
    /// A name that PostgreSQL derives for an output was taken as known, and hid a masked column of that name.
    DerivedName,
    /// The arguments of TABLESAMPLE were taken to see what stands beside it in FROM.
    TableSample,
    /// `schema.relation.column` was looked up in an unqualified item of the relation's name, and `x.*` took the first
    /// item of a name.
    Qualified,
}

#[cfg(feature = "mutations")]
static PUT_BACK: AtomicU8 = AtomicU8::new(0);

impl Mutation {
    #[cfg(feature = "mutations")]
    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// By its name on a command line.
    #[cfg(feature = "mutations")]
    #[must_use]
    pub fn named(name: &str) -> Option<Mutation> {
        match name {
            "derived-name" => Some(Mutation::DerivedName),
            "tablesample" => Some(Mutation::TableSample),
            "qualified" => Some(Mutation::Qualified),
            _ => None,
        }
    }

    /// From now on this process makes the mistake.
    #[cfg(feature = "mutations")]
    pub fn put_back(self) {
        PUT_BACK.fetch_or(self.bit(), Ordering::Relaxed);
    }

    /// Whether the mistake is made.
    #[cfg(feature = "mutations")]
    pub(super) fn is_made(self) -> bool {
        PUT_BACK.load(Ordering::Relaxed) & self.bit() != 0
    }

    /// Whether the mistake is made: never.
    #[cfg(not(feature = "mutations"))]
    #[allow(clippy::unused_self, reason = "the same call with the feature and without")]
    pub(super) const fn is_made(self) -> bool {
        false
    }
}
