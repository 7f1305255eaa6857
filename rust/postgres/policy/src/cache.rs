//! Verdicts of texts seen before.

use crate::catalogue::View;
use crate::plan::{Plans, Verdict};
use crate::refusal::Refusal;
use crate::rights::Grant;
use foldhash::quality::RandomState;
use hoopwire_postgres_sql::Room;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};

/// Longer texts are not kept: such a text is seldom sent twice, and it would push out hundreds of others.
pub const VERDICT_KEPT_BYTES: usize = 64 * 1024;
/// What the allocator adds to a piece.
const ALLOCATION: usize = 16;
/// A place in the table: hash, number, and the table's own byte.
const PLACE: usize = size_of::<(u64, u64)>() + 1;
/// How many entries that were used get a second chance for one that comes: no decision waits for a walk over all.
const CHANCES: u32 = 8;

/// One mark of a text seen once for so many bytes of room, and never more than so many.
const BYTES_PER_MARK: usize = 256;
const MARKS: usize = 16 * 1024;

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
        grant.rights.decision_key.0.get_or_init(|| {
            let mut digest = Digest(blake3::Hasher::new());
            // `Debug` of these types shows all fields, with strings quoted: different values, different texts
            let waits = grant.budgets.wall_time.is_some();
            let _ = write!(
                digest,
                "{:?}",
                (&grant.rights.rules, &grant.rights.masks, &grant.policy_hash, &grant.database, waits)
            );
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

/// What a decision depends on beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ground {
    grant: [u8; 32],
    utf8: bool,
    /// No catalogue is another answer than any catalogue.
    catalogue: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    ground: Ground,
    text: Box<[u8]>,
    verdict: Arc<Verdict>,
    /// Asked for since its turn to go came last.
    used: bool,
}

impl Entry {
    /// What it holds outside itself; a verdict that others share costs it nothing.
    fn bytes(&self) -> usize {
        let shared = matches!(&self.verdict.outcome.as_deref(), Ok([plan]) if plan.is_plain());
        let verdict = if shared { 0 } else { self.verdict.bytes().saturating_add(2 * ALLOCATION) };
        self.text.len().saturating_add(ALLOCATION).saturating_add(verdict)
    }
}

/// Verdicts of texts seen before, bounded in bytes. One per reactor.
///
/// A text is kept when it comes for the second time: most texts that come with their values written out never do,
/// and so cost no more than the decision. The oldest goes first, unless it was used since it came or got its last
/// chance: a flood of texts never pushes out what is used all the time.
#[derive(Debug)]
pub struct DecisionCache {
    capacity: usize,
    /// Entries by number, the oldest first: in the order in which they come and go, so that memory is walked along.
    entries: VecDeque<Entry>,
    /// The number of the oldest entry.
    first: u64,
    /// Numbers by a seeded hash. Who could aim at it would only push a text out: the entry says what it stands for.
    numbers: FxHashMap<u64, u64>,
    seed: RandomState,
    /// Pieces of the hashes of texts that came once, each at the place that the rest of its hash says. One that comes
    /// to a place already taken has it: a wrong mark only keeps a text too early or too late.
    marks: Box<[u32]>,
    /// What the entries hold outside themselves.
    held: usize,
    /// Places that the table had at most: it never shrinks.
    places: usize,
    /// The verdicts on single statements of which there is hardly more to say than the command. At most two for each.
    plain: Vec<Arc<Verdict>>,
    /// For the next text that must be read.
    room: Room,
}

impl Default for DecisionCache {
    fn default() -> DecisionCache {
        DecisionCache::new(8 * 1024 * 1024)
    }
}

impl DecisionCache {
    /// With room for this many bytes.
    #[must_use]
    pub fn new(capacity: usize) -> DecisionCache {
        DecisionCache {
            capacity,
            entries: VecDeque::new(),
            first: 0,
            numbers: FxHashMap::default(),
            seed: RandomState::default(),
            marks: vec![0; (capacity / BYTES_PER_MARK).min(MARKS)].into(),
            held: 0,
            places: 0,
            plain: Vec::new(),
            room: Room::default(),
        }
    }

    /// How many verdicts are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // the table is at most 7/8 full
        let table = self.places.saturating_mul(8).div_ceil(7).saturating_mul(PLACE);
        let entries = self.entries.capacity().saturating_mul(size_of::<Entry>());
        let marks = size_of_val(&*self.marks);
        self.held.saturating_add(table).saturating_add(entries).saturating_add(marks)
    }

    pub(crate) fn verdict(
        &mut self,
        grant: &Grant,
        text: &[u8],
        view: &View<'_>,
        decide: impl FnOnce(&mut Room) -> Result<Plans, Refusal>,
    ) -> Arc<Verdict> {
        if text.len() > VERDICT_KEPT_BYTES {
            let outcome = decide(&mut self.room);
            return self.shared(outcome);
        }
        let ground = Ground {
            grant: *DecisionKey::of(grant),
            utf8: view.utf8,
            catalogue: view.catalogue.map(|catalogue| catalogue.version()),
        };
        let hash = self.hash(&ground, text);
        if let Some(entry) = self.entry(hash)
            && entry.ground == ground
            && *entry.text == *text
        {
            entry.used = true;
            return Arc::clone(&entry.verdict);
        }
        let again = self.came_before(hash);
        let outcome = decide(&mut self.room);
        let verdict = self.shared(outcome);
        if again {
            self.keep(Entry { hash, ground, text: text.into(), verdict: Arc::clone(&verdict), used: false });
        }
        verdict
    }

    /// True if a text of this hash came before, and was not kept; it is marked otherwise.
    fn came_before(&mut self, hash: u64) -> bool {
        let (piece, rest) = ((hash >> 32) as u32, hash & u64::from(u32::MAX));
        let place = usize::try_from(rest.wrapping_mul(self.marks.len() as u64) >> 32).unwrap_or(0);
        self.marks.get_mut(place).is_some_and(|mark| std::mem::replace(mark, piece) == piece)
    }

    fn entry(&mut self, hash: u64) -> Option<&mut Entry> {
        let number = *self.numbers.get(&hash)?;
        self.entries.get_mut(usize::try_from(number.wrapping_sub(self.first)).ok()?)
    }

    fn hash(&self, ground: &Ground, text: &[u8]) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(text);
        // The ground is nothing that a client chooses, and the comparison sees all of it: a piece of the digest, which
        // is as good as random, tells most of them apart.
        let piece = ground.grant.first_chunk().map_or(0, |piece| u64::from_ne_bytes(*piece));
        let catalogue = ground.catalogue.map_or(0, |version| version.wrapping_add(1));
        let view = catalogue.wrapping_mul(2).wrapping_add(u64::from(ground.utf8));
        hasher.finish() ^ piece.wrapping_add(view)
    }

    /// The verdict, out of those that are the same for many texts where it can be.
    fn shared(&mut self, outcome: Result<Plans, Refusal>) -> Arc<Verdict> {
        let plan = match outcome {
            Ok(Plans::One(plan)) if plan.is_plain() => plan,
            outcome => return Arc::new(Verdict { outcome: outcome.map(Plans::into_vec) }),
        };
        let is_it = |verdict: &&Arc<Verdict>| matches!(verdict.outcome.as_deref(), Ok([it]) if it.command == plan.command && it.looks_up == plan.looks_up);
        if let Some(verdict) = self.plain.iter().find(is_it) {
            return Arc::clone(verdict);
        }
        let verdict = Arc::new(Verdict { outcome: Ok(vec![plan]) });
        self.plain.push(Arc::clone(&verdict));
        verdict
    }

    fn keep(&mut self, entry: Entry) {
        let bytes = entry.bytes();
        while self.bytes_with(bytes) > self.capacity {
            if !self.drop_one() {
                return;
            }
        }
        self.held = self.held.saturating_add(bytes);
        self.push(entry);
    }

    fn push(&mut self, entry: Entry) {
        // an entry of the same hash is no longer found, and goes when its turn comes
        self.numbers.insert(entry.hash, self.first.wrapping_add(self.entries.len() as u64));
        self.entries.push_back(entry);
        self.places = self.places.max(self.numbers.capacity());
    }

    /// What would be held with one more entry of so many bytes. Both the table and the queue double when full.
    fn bytes_with(&self, bytes: usize) -> usize {
        let with = self.bytes().saturating_add(bytes);
        if self.entries.len() < self.entries.capacity().min(self.numbers.capacity()) {
            return with;
        }
        let more = self.places.max(4).saturating_mul(8).div_ceil(7);
        with.saturating_add(more.saturating_mul(PLACE.saturating_add(size_of::<Entry>())))
    }

    /// Drops the oldest entry that has no chance left; false if there is none.
    fn drop_one(&mut self) -> bool {
        let mut chances = CHANCES;
        while let Some(mut entry) = self.entries.pop_front() {
            let number = self.first;
            self.first = number.wrapping_add(1);
            let is_found = self.numbers.get(&entry.hash) == Some(&number);
            if is_found && entry.used && chances > 0 {
                chances = chances.saturating_sub(1);
                entry.used = false;
                self.push(entry);
                continue;
            }
            if is_found {
                self.numbers.remove(&entry.hash);
            }
            self.held = self.held.saturating_sub(entry.bytes());
            return true;
        }
        false
    }
}
