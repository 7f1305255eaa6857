//! Sets of borrowed names that are quick when small and stay so when a statement names a hundred thousand.

use std::collections::HashMap;
use std::hash::Hash;

/// Where an entry is in a long vector; short ones are searched along.
pub(super) struct Indexed<K> {
    map: HashMap<K, usize>,
    /// How much of the vector the map knows.
    known: usize,
}

/// Vectors up to this length have no map.
pub(super) const SHORT: usize = 24;

impl<K> Default for Indexed<K> {
    fn default() -> Self {
        Indexed { map: HashMap::new(), known: 0 }
    }
}

impl<K: Copy + Eq + Hash> Indexed<K> {
    /// The place of the entry that has this key. Entries may only have been added at the end
    /// since the last call.
    pub(super) fn find<T>(&mut self, entries: &[T], key: K, key_of: impl Fn(&T) -> K) -> Option<usize> {
        for (at, entry) in entries.iter().enumerate().skip(self.known) {
            self.map.entry(key_of(entry)).or_insert(at);
        }
        self.known = entries.len();
        self.map.get(&key).copied()
    }
}

/// The names that WITH clauses around a place define.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// Made when the first name comes: most statements have none.
    visible: Option<HashMap<&'a str, u32>>,
    names: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.visible.as_ref().is_some_and(|visible| visible.contains_key(name))
    }

    pub(super) fn mark(&self) -> usize {
        self.names.len()
    }

    pub(super) fn add(&mut self, name: &'a str) {
        *self.visible.get_or_insert_with(HashMap::new).entry(name).or_insert(0) += 1;
        self.names.push(name);
    }

    /// Forgets what was added since the mark was taken.
    pub(super) fn back_to(&mut self, mark: usize) {
        while self.names.len() > mark {
            let (Some(name), Some(visible)) = (self.names.pop(), &mut self.visible) else { return };
            if let Some(count) = visible.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    visible.remove(name);
                }
            }
        }
    }
}
