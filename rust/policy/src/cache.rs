//! Verdicts of texts seen before.

use crate::catalogue::View;
use crate::grant::Grant;
use crate::plan::Verdict;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

/// Longer texts are not kept: such a text is seldom sent twice, and it would push out hundreds of others.
const LONGEST: usize = 64 * 1024;
/// What an entry takes beside its key: the map, the verdict with some plans or the names of a refusal. A guess on the
/// large side.
const OVERHEAD: usize = 512;
/// Digest, encoding, version of the catalogue.
const PREFIX: usize = 32 + 1 + 9;

/// Digest of everything in a grant that a decision on a text depends on. Copies begin empty, so that a changed
/// copy of a grant never answers with the original's decisions.
#[derive(Debug, Default)]
pub struct DecisionKey(OnceLock<[u8; 32]>);

impl Clone for DecisionKey {
    fn clone(&self) -> DecisionKey {
        DecisionKey::default()
    }
}

impl PartialEq for DecisionKey {
    fn eq(&self, _: &DecisionKey) -> bool {
        true
    }
}

impl DecisionKey {
    fn of(grant: &Grant) -> &[u8; 32] {
        grant.decision_key.0.get_or_init(|| {
            let mut digest = Digest(blake3::Hasher::new());
            // `Debug` of these types shows all fields, with strings quoted: different values, different texts
            let waits = grant.budgets.wall_time.is_some();
            let _ = write!(digest, "{:?}", (&grant.rights, &grant.masks, &grant.policy_hash, waits));
            *digest.0.finalize().as_bytes()
        })
    }
}

/// Text that is only hashed.
struct Digest(blake3::Hasher);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

type Generation = HashMap<Box<[u8]>, Arc<Verdict>>;

/// Verdicts of texts seen before, bounded in bytes. One per reactor.
///
/// Two generations: what is used moves to the young one, and when that is half of the room, the old one goes. A
/// flood of texts that are each sent once thus never pushes out what is used all the time.
#[derive(Debug)]
pub struct DecisionCache {
    half: usize,
    young: Generation,
    old: Generation,
    young_bytes: usize,
    key: Vec<u8>,
}

impl Default for DecisionCache {
    fn default() -> DecisionCache {
        DecisionCache::new(8 * 1024 * 1024)
    }
}

impl DecisionCache {
    /// With room for about this many bytes.
    #[must_use]
    pub fn new(capacity: usize) -> DecisionCache {
        let (young, old) = (Generation::default(), Generation::default());
        DecisionCache { half: capacity / 2, young, old, young_bytes: 0, key: Vec::new() }
    }

    /// How many verdicts are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// True if none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn verdict(
        &mut self,
        grant: &Grant,
        text: &[u8],
        view: &View<'_>,
        decide: impl FnOnce() -> Verdict,
    ) -> Arc<Verdict> {
        if text.len() > LONGEST {
            return Arc::new(decide());
        }
        self.key.clear();
        self.key.reserve(PREFIX.saturating_add(text.len()));
        self.key.extend_from_slice(DecisionKey::of(grant));
        self.key.push(u8::from(view.utf8));
        // no catalogue is another answer than any catalogue
        self.key.push(u8::from(view.catalogue.is_some()));
        self.key.extend_from_slice(&view.catalogue.map_or(0, |catalogue| catalogue.version()).to_ne_bytes());
        self.key.extend_from_slice(text);
        if let Some(verdict) = self.young.get(self.key.as_slice()) {
            return Arc::clone(verdict);
        }
        let old = if self.old.is_empty() { None } else { self.old.remove_entry(self.key.as_slice()) };
        let (key, verdict) = match old {
            Some(entry) => entry,
            None => (Box::from(self.key.as_slice()), Arc::new(decide())),
        };
        self.keep(key, &verdict);
        verdict
    }

    fn keep(&mut self, key: Box<[u8]>, verdict: &Arc<Verdict>) {
        let bytes = key.len().saturating_add(OVERHEAD);
        if self.young_bytes.saturating_add(bytes) > self.half {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if bytes <= self.half {
            self.young_bytes = self.young_bytes.saturating_add(bytes);
            self.young.insert(key, Arc::clone(verdict));
        }
    }
}
