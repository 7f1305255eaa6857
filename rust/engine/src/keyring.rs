//! What SCRAM derived from upstream passwords, kept so that only the first login pays for it (2 ms of CPU).
//!
//! An entry is found by a keyed hash of where it is for and the password itself: a changed password finds
//! nothing. The hash key is random and dies with the reactor.

use crate::command::Lease;
use hoopwire_postgres_protocol::scram::ScramKeys;
use std::collections::HashMap;

/// Most credentials kept; one for each target and upstream user.
const ENTRIES_MAX: usize = 1024;

/// Names a credential without holding it.
pub(crate) type CredentialId = [u8; 32];

#[derive(Default)]
pub(crate) struct Keyring {
    key: Option<[u8; 32]>,
    entries: HashMap<CredentialId, ScramKeys>,
}

impl Keyring {
    /// The id of a lease's credential; `None` where there is no randomness to hide it by.
    pub(crate) fn id(&mut self, lease: &Lease) -> Option<CredentialId> {
        let key = match self.key {
            Some(key) => key,
            None => {
                let mut key = [0_u8; 32];
                aws_lc_rs::rand::fill(&mut key).ok()?;
                *self.key.insert(key)
            }
        };
        let mut hasher = blake3::Hasher::new_keyed(&key);
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (address, port) in &lease.addresses {
            part(address.to_string().as_bytes());
            part(&port.to_le_bytes());
        }
        part(lease.user.as_bytes());
        part(lease.password.expose().as_bytes());
        Some(*hasher.finalize().as_bytes())
    }

    pub(crate) fn find(&self, id: &CredentialId) -> Option<ScramKeys> {
        self.entries.get(id).cloned()
    }

    pub(crate) fn keep(&mut self, id: CredentialId, keys: ScramKeys) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.clear();
        }
        self.entries.insert(id, keys);
    }
}
