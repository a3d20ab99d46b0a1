//! Token buckets by key.
//!
//! Libraries of token buckets take tokens for good. Here an estimate is taken before the work, and what was not used is
//! returned after it.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Number of buckets above which those that are full are removed.
const MAX_FULL_BUCKETS: usize = 10_000;

/// Token buckets of the same size, which are full at first.
#[derive(Debug)]
pub(super) struct Buckets {
    tokens_per_second: NonZeroU32,
    capacity: NonZeroU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When each bucket will be full.
    full_at: HashMap<Arc<str>, Instant>,
    /// Number of buckets at which full ones are removed.
    sweep_at: usize,
}

impl Buckets {
    pub(super) fn new(tokens_per_second: NonZeroU32, capacity: NonZeroU32) -> Self {
        Self {
            tokens_per_second,
            capacity,
            state: Mutex::new(State {
                full_at: HashMap::new(),
                sweep_at: MAX_FULL_BUCKETS,
            }),
        }
    }

    /// Takes tokens.
    ///
    /// # Errors
    /// Returns how long it takes until there are enough.
    pub(super) fn take(&self, key: &Arc<str>, tokens: u32, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        let full_at = state.full_at(key, now);
        let taken = *full_at + self.time(tokens);
        let missing = (taken - now).saturating_sub(self.time(self.capacity.get()));
        if missing > Duration::ZERO {
            return Err(missing);
        }
        *full_at = taken;
        Ok(())
    }

    /// Takes tokens, and returns how long to wait until they are there.
    pub(super) fn reserve(&self, key: &Arc<str>, tokens: u32, now: Instant) -> Duration {
        let mut state = self.state();
        let full_at = state.full_at(key, now);
        *full_at += self.time(tokens);
        (*full_at - now).saturating_sub(self.time(self.capacity.get()))
    }

    /// Returns tokens that were taken and not used.
    pub(super) fn give_back(&self, key: &Arc<str>, tokens: u32) {
        let time = self.time(tokens);
        if let Some(full_at) = self.state().full_at.get_mut(key)
            && let Some(earlier) = full_at.checked_sub(time)
        {
            *full_at = earlier;
        }
    }

    /// Returns how long it takes until this many tokens are there.
    fn time(&self, tokens: u32) -> Duration {
        let nanos = u64::from(tokens) * 1_000_000_000 / u64::from(self.tokens_per_second.get());
        Duration::from_nanos(nanos)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns when the bucket will be full, which is not before `now`.
    fn full_at(&mut self, key: &Arc<str>, now: Instant) -> &mut Instant {
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            // Twice as many as remain, so that removing them costs little per bucket.
            self.sweep_at = MAX_FULL_BUCKETS.max(2 * self.full_at.len());
        }
        let full_at = self.full_at.entry(Arc::clone(key)).or_insert(now);
        *full_at = now.max(*full_at);
        full_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Buckets {
        Buckets::new(
            NonZeroU32::new(100).unwrap(),
            NonZeroU32::new(1000).unwrap(),
        )
    }

    #[test]
    fn tokens_are_taken_until_the_bucket_is_empty_and_come_back() {
        let (buckets, now) = (buckets(), Instant::now());
        let key: Arc<str> = "a".into();
        assert_eq!(buckets.take(&key, 1000, now), Ok(()));
        assert_eq!(buckets.take(&key, 50, now), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(&"b".into(), 50, now), Ok(()));
        let later = now + Duration::from_millis(500);
        assert_eq!(buckets.take(&key, 50, later), Ok(()));
        assert!(buckets.take(&key, 1, later).is_err());
        buckets.give_back(&key, 30);
        assert_eq!(buckets.take(&key, 30, later), Ok(()));
        assert_eq!(buckets.reserve(&key, 100, later), Duration::from_secs(1));
        assert_eq!(
            buckets.take(&key, 1, later),
            Err(Duration::from_millis(1010))
        );
        // Idle for an hour, the bucket holds no more than its capacity.
        assert_eq!(
            buckets.take(&key, 1000, later + Duration::from_hours(1)),
            Ok(())
        );
        assert!(
            buckets
                .take(&key, 1, later + Duration::from_hours(1))
                .is_err()
        );
    }

    #[test]
    fn full_buckets_are_removed() {
        let (buckets, now) = (buckets(), Instant::now());
        for number in 0..3 * MAX_FULL_BUCKETS {
            let later = now + Duration::from_millis(number as u64);
            buckets.take(&number.to_string().into(), 1, later).unwrap();
        }
        assert!(buckets.state().full_at.len() <= MAX_FULL_BUCKETS);
    }
}
