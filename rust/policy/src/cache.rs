//! Verdicts of texts seen before.

use crate::catalogue::View;
use crate::grant::Grant;
use crate::plan::StatementPlan;
use crate::plan::Verdict;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

/// Longer texts are not kept: such a text is seldom sent twice, and it would push out hundreds of others.
const LONGEST: usize = 64 * 1024;
/// What an entry takes beside its text: the map, the verdict with some plans or the names of a refusal. A guess on the
/// large side.
const OVERHEAD: usize = 512;

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

/// What was decided: the verdict itself, or the common case that all verdicts of one command share.
pub(crate) enum Decided {
    /// One statement of this command is allowed, touches no mask and makes nothing that stays.
    Plain(&'static str),
    /// Anything else.
    Verdict(Verdict),
}

/// All that tells one decision from another.
struct Key<'a> {
    digest: &'a [u8; 32],
    utf8: bool,
    /// No catalogue is another answer than any catalogue.
    catalogue: Option<u64>,
    text: &'a [u8],
}

/// A verdict, and what it is for.
#[derive(Debug)]
struct Kept {
    digest: [u8; 32],
    utf8: bool,
    catalogue: Option<u64>,
    text: Box<[u8]>,
    verdict: Arc<Verdict>,
}

impl Kept {
    fn is_for(&self, key: &Key<'_>) -> bool {
        *self.text == *key.text
            && self.digest == *key.digest
            && self.utf8 == key.utf8
            && self.catalogue == key.catalogue
    }

    fn bytes(&self) -> usize {
        self.text.len().saturating_add(OVERHEAD)
    }
}

/// Keys of the maps are hashes already, made with a secret: whoever chooses the texts cannot make them collide.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Generation = HashMap<u64, Kept, BuildHasherDefault<Hashed>>;

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
    secret: RandomState,
    /// One verdict for each command: the common case, which needs no memory of its own.
    plain: Vec<(&'static str, Arc<Verdict>)>,
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
        DecisionCache {
            half: capacity / 2,
            young: Generation::default(),
            old: Generation::default(),
            young_bytes: 0,
            secret: RandomState::new(),
            plain: Vec::new(),
        }
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
        decide: impl FnOnce() -> Decided,
    ) -> Arc<Verdict> {
        if text.len() > LONGEST || text.len().saturating_add(OVERHEAD) > self.half {
            return self.made(decide());
        }
        let catalogue = view.catalogue.map(|catalogue| catalogue.version());
        let key = Key { digest: DecisionKey::of(grant), utf8: view.utf8, catalogue, text };
        let hash = self.hash(&key);
        if let Some(kept) = self.young.get(&hash).filter(|kept| kept.is_for(&key)) {
            return Arc::clone(&kept.verdict);
        }
        let old = if self.old.is_empty() { None } else { self.old.remove(&hash) };
        let kept = match old.filter(|kept| kept.is_for(&key)) {
            Some(kept) => kept,
            None => Kept {
                verdict: self.made(decide()),
                digest: *key.digest,
                utf8: key.utf8,
                catalogue,
                text: Box::from(text),
            },
        };
        let verdict = Arc::clone(&kept.verdict);
        self.keep(hash, kept);
        verdict
    }

    fn hash(&self, key: &Key<'_>) -> u64 {
        let mut hasher = self.secret.build_hasher();
        hasher.write(key.text);
        // of the digest a part is enough: what is not hashed is compared
        let [a, b, c, d, ..] = *key.digest;
        let version = key.catalogue.map_or(0, |version| version.wrapping_add(1)).wrapping_mul(2);
        let version = version.wrapping_add(u64::from(key.utf8));
        hasher.write_u64(u64::from(u32::from_ne_bytes([a, b, c, d])) ^ version.rotate_left(32));
        hasher.finish()
    }

    fn made(&mut self, decided: Decided) -> Arc<Verdict> {
        let command = match decided {
            Decided::Verdict(verdict) => return Arc::new(verdict),
            Decided::Plain(command) => command,
        };
        if let Some((_, verdict)) = self.plain.iter().find(|(known, _)| *known == command) {
            return Arc::clone(verdict);
        }
        let verdict = Arc::new(Verdict { outcome: Ok(vec![StatementPlan::plain(command)]) });
        self.plain.push((command, Arc::clone(&verdict)));
        verdict
    }

    fn keep(&mut self, hash: u64, kept: Kept) {
        let bytes = kept.bytes();
        if self.young_bytes.saturating_add(bytes) > self.half {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        // another text of the same hash gives way: one in 2^64, and only its decision is made again
        let replaced = self.young.insert(hash, kept).map_or(0, |kept| kept.bytes());
        self.young_bytes = self.young_bytes.saturating_add(bytes).saturating_sub(replaced);
    }
}
