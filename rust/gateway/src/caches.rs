//! What sessions share: on one reactor, and on all.

use hoopwire_postgres_protocol::cancel::CancelKeys;
use serde::Deserialize;
use std::sync::Arc;

/// What the protocols need for all their sessions; field names as in `hoopwire.model.commands.EngineProtocols`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// SSH's, if there is a listener for it.
    pub ssh: Option<hoopwire_ssh_session::Settings>,
}

/// What the sessions of all reactors share.
#[derive(Clone, Debug)]
pub struct Shared {
    cancel_keys: Arc<CancelKeys>,
    ssh: hoopwire_ssh_session::Caches,
}

impl Shared {
    /// `secret` is 32 random bytes of this process.
    ///
    /// # Errors
    /// If the settings of a protocol can't be used.
    pub fn new(secret: [u8; 32], settings: Settings) -> Result<Shared, String> {
        let ssh = hoopwire_ssh_session::Caches::new(settings.ssh.unwrap_or_default())?;
        Ok(Shared { cancel_keys: Arc::new(CancelKeys::new(secret)), ssh })
    }

    /// Does `proof` give a connection power over the session with this number on this reactor? The caller limits how
    /// often it may be tried.
    #[must_use]
    pub fn proves(&self, reactor: u16, no: u32, proof: &[u8]) -> bool {
        self.cancel_keys.check(reactor, u64::from(no), proof)
    }
}

/// What the sessions of one reactor share.
#[derive(Debug)]
pub struct Caches {
    pub(crate) postgres: hoopwire_postgres_session::Caches,
    pub(crate) ssh: hoopwire_ssh_session::Caches,
    #[cfg(feature = "skeleton")]
    pub(crate) skeleton: hoopwire_skeleton::Caches,
}

impl Caches {
    /// Empty ones.
    #[must_use]
    pub fn new(shared: &Shared) -> Caches {
        Caches {
            postgres: hoopwire_postgres_session::Caches::new(Arc::clone(&shared.cancel_keys)),
            ssh: shared.ssh.clone(),
            #[cfg(feature = "skeleton")]
            skeleton: hoopwire_skeleton::Caches,
        }
    }
}
