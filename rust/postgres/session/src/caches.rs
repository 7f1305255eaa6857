//! What PostgreSQL's sessions share on one reactor.

use crate::exact::catalogue::Catalogues;
use crate::keyring::Keyring;
use hoopwire_postgres_policy::DecisionCache;
use hoopwire_postgres_protocol::cancel::CancelKeys;
use std::sync::Arc;

/// Room for decisions on texts.
const DECISIONS_BYTES: usize = 8 * 1024 * 1024;

/// A turn of a PostgreSQL session.
pub type Turn<'a> = hoopwire_session::Turn<'a, Caches>;

/// Decisions, catalogues and keys of one reactor.
#[derive(Debug)]
pub struct Caches {
    /// Decisions on texts seen before.
    pub(crate) decisions: DecisionCache,
    /// What is known of targets' catalogues.
    pub(crate) catalogues: Catalogues,
    /// What logins derived from upstream passwords.
    pub(crate) keyring: Keyring,
    /// The gateway's own cancel keys, the same on all reactors.
    pub(crate) cancel_keys: Arc<CancelKeys>,
}

impl Caches {
    /// Empty ones.
    #[must_use]
    pub fn new(cancel_keys: Arc<CancelKeys>) -> Caches {
        Caches {
            decisions: DecisionCache::new(DECISIONS_BYTES),
            catalogues: Catalogues::default(),
            keyring: Keyring::default(),
            cancel_keys,
        }
    }
}
