//! A bounded map of what is dear to make again: the entries used least lately go when it is full.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by key, at most `cost_max` of them by the cost each was put in with.
pub(super) struct Cache<K, V> {
    cost_max: usize,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    entries: HashMap<K, Entry<V>>,
    cost: usize,
    /// Counts uses, so that the least lately used entry is the one with the lowest.
    tick: u64,
    /// Counts removals: what was read before one must not be put in after it.
    generation: u64,
}

struct Entry<V> {
    value: V,
    cost: usize,
    used: u64,
}

/// The state of a cache at the moment something was about to be read for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new(cost_max: usize) -> Self {
        Self {
            cost_max,
            inner: Mutex::new(Inner {
                entries: HashMap::new(),
                cost: 0,
                tick: 0,
                generation: 0,
            }),
        }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut inner = self.lock();
        inner.tick += 1;
        let tick = inner.tick;
        let entry = inner.entries.get_mut(key)?;
        entry.used = tick;
        Some(entry.value.clone())
    }

    /// To be taken before reading what is then `put`.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.lock().generation)
    }

    /// Keeps a value, unless something was removed since `generation`.
    pub(super) fn put(&self, generation: Generation, key: K, value: V, cost: usize) {
        let mut inner = self.lock();
        if inner.generation != generation.0 || cost > self.cost_max {
            return;
        }
        inner.tick += 1;
        let used = inner.tick;
        if let Some(before) = inner.entries.insert(key, Entry { value, cost, used }) {
            inner.cost -= before.cost;
        }
        inner.cost += cost;
        if inner.cost > self.cost_max {
            inner.shrink(self.cost_max / 4 * 3);
        }
    }

    /// Removes what `unwanted` says.
    pub(super) fn remove(&self, unwanted: impl Fn(&K, &V) -> bool) {
        let mut inner = self.lock();
        inner.generation += 1;
        inner.entries.retain(|key, entry| !unwanted(key, &entry.value));
        inner.cost = inner.entries.values().map(|entry| entry.cost).sum();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, V>> {
        // A panic while it was held leaves at worst a wrong cost.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, V> Inner<K, V> {
    fn shrink(&mut self, cost: usize) {
        let mut by_age: Vec<(u64, K)> = self
            .entries
            .iter()
            .map(|(key, entry)| (entry.used, key.clone()))
            .collect();
        by_age.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_age {
            if self.cost <= cost {
                break;
            }
            if let Some(entry) = self.entries.remove(&key) {
                self.cost -= entry.cost;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_lately_used_goes_first() {
        let cache = Cache::new(4);
        for key in 1..=4 {
            cache.put(cache.generation(), key, key * 10, 1);
        }
        assert_eq!(cache.get(&1), Some(10));
        cache.put(cache.generation(), 5, 50, 1);
        assert_eq!(cache.get(&1), Some(10));
        assert_eq!(cache.get(&5), Some(50));
        assert_eq!(cache.get(&2), None);
    }

    #[test]
    fn what_was_read_before_a_removal_is_not_kept_after_it() {
        let cache = Cache::new(4);
        let generation = cache.generation();
        cache.remove(|key: &i32, _| *key == 1);
        cache.put(generation, 1, 10, 1);
        assert_eq!(cache.get(&1), None);
    }
}
