//! What SCRAM derived from upstream passwords, kept so that only the first login pays for it (2 ms of CPU).
//!
//! An entry is found by a keyed hash of where it is for and the password itself: a changed password finds
//! nothing. The hash key is random and dies with the reactor.

use hoopwire_postgres_protocol::scram::ScramKeys;
use hoopwire_session::Loan;
use hoopwire_wire::Random;
use std::collections::HashMap;
use std::fmt;

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
    /// The id of a lent credential.
    pub(crate) fn id(&mut self, lease: &Loan, random: &mut dyn Random) -> CredentialId {
        let key = self.key.get_or_insert_with(|| {
            let mut key = [0_u8; 32];
            random.fill(&mut key);
            key
        });
        let mut hasher = blake3::Hasher::new_keyed(key);
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
        *hasher.finalize().as_bytes()
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

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} credentials)", self.entries.len())
    }
}
