//! Counts by key: what each user has in use of something that is shared.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts by key. A key without a count takes no memory.
#[derive(Debug)]
pub(crate) struct KeyedCounter<K>(Mutex<HashMap<K, usize>>);

/// One that counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted<K: Hash + Eq> {
    counter: Arc<KeyedCounter<K>>,
    key: K,
}

impl<K> Default for KeyedCounter<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> KeyedCounter<K> {
    /// Adds to the count of a key, and returns the sum.
    pub(crate) fn add<Q>(&self, key: &Q, count: usize) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        for<'a> K: From<&'a Q>,
    {
        let mut counts = self.lock();
        let sum = match counts.get_mut(key) {
            Some(sum) => sum,
            None => counts.entry(key.into()).or_default(),
        };
        *sum += count;
        *sum
    }

    /// Subtracts what was added before.
    pub(crate) fn subtract<Q>(&self, key: &Q, count: usize)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut counts = self.lock();
        if let Some(sum) = counts.get_mut(key) {
            *sum -= count;
            if *sum == 0 {
                counts.remove(key);
            }
        }
    }

    /// Counts one more of a key, unless there are `max` already.
    pub(crate) fn acquire(self: &Arc<Self>, key: K, max: usize) -> Option<Counted<K>>
    where
        K: Clone,
    {
        {
            let mut counts = self.lock();
            match counts.get_mut(&key) {
                Some(count) if *count >= max => return None,
                Some(count) => *count += 1,
                None if max == 0 => return None,
                None => _ = counts.insert(key.clone(), 1),
            }
        }
        let counter = Arc::clone(self);
        Some(Counted { counter, key })
    }

    /// Returns whether all counts are zero.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Drop for Counted<K> {
    fn drop(&mut self) {
        self.counter.subtract(&self.key, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_count_of_its_own() {
        let counter: Arc<KeyedCounter<String>> = Arc::default();
        assert!(counter.acquire("a".to_owned(), 0).is_none());
        let first = counter.acquire("a".to_owned(), 1).unwrap();
        assert!(counter.acquire("a".to_owned(), 1).is_none());
        let other = counter.acquire("b".to_owned(), 1);
        assert!(other.is_some());
        drop(first);
        assert!(counter.acquire("a".to_owned(), 1).is_some());
        assert_eq!(counter.add("b", 5), 6);
        counter.subtract("b", 5);
        drop(other);
        assert!(counter.is_empty());
    }
}
