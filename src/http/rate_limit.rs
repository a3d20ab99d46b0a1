//! Rate limit and concurrency limits per principal.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock};
use tracing::warn;

use crate::auth::Principal;

/// Limits of each principal.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Maximum number of concurrent operations, subscriptions included.
    pub max_operations: u32,
    /// Maximum number of open WebSockets.
    pub max_sockets: u32,
    /// Complexity per second that refills the token bucket.
    pub complexity_per_second: NonZeroU32,
    /// Capacity of the token bucket.
    pub complexity_burst: NonZeroU32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            max_operations: 20_000,
            max_sockets: 10_000,
            complexity_per_second: NonZeroU32::new(10_000_000).unwrap_or(NonZeroU32::MAX),
            complexity_burst: NonZeroU32::new(50_000_000).unwrap_or(NonZeroU32::MAX),
        }
    }
}

/// Enforces [`RateLimits`]. Clones share their state.
#[derive(Clone)]
pub(super) struct RateLimiter(Arc<Inner>);

struct Inner {
    limits: RateLimits,
    complexity: DefaultKeyedRateLimiter<String>,
    /// Slots in use, by principal.
    slots: Mutex<HashMap<SlotKey, u32>>,
}

type SlotKey = (SlotKind, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SlotKind {
    Operation,
    Socket,
}

/// A limit is exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RateLimitError {
    pub(super) message: String,
    /// When a retry may succeed.
    pub(super) retry_after: Duration,
}

/// A concurrency slot, released when dropped.
pub(super) struct Slot {
    rate_limiter: RateLimiter,
    key: SlotKey,
}

/// When to retry after a concurrency limit is exceeded.
const CONCURRENCY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Number of principals in memory above which those with a full bucket are removed.
const MAX_IDLE_PRINCIPALS: usize = 10_000;

impl RateLimiter {
    pub(super) fn new(limits: RateLimits) -> Self {
        let quota =
            Quota::per_second(limits.complexity_per_second).allow_burst(limits.complexity_burst);
        Self(Arc::new(Inner {
            limits,
            complexity: governor::RateLimiter::keyed(quota),
            slots: Mutex::default(),
        }))
    }

    /// Takes `complexity` from the principal's bucket and acquires a slot for an operation.
    pub(super) fn start_operation(
        &self,
        principal: &Principal,
        complexity: u32,
    ) -> Result<Slot, RateLimitError> {
        self.spend(principal, complexity)?;
        let max = self.0.limits.max_operations;
        self.acquire(SlotKind::Operation, principal, max)
    }

    /// Acquires a slot for a WebSocket.
    pub(super) fn open_socket(&self, principal: &Principal) -> Result<Slot, RateLimitError> {
        let max = self.0.limits.max_sockets;
        self.acquire(SlotKind::Socket, principal, max)
    }

    fn spend(&self, principal: &Principal, complexity: u32) -> Result<(), RateLimitError> {
        let limits = &self.0.limits;
        let complexity = complexity.min(limits.complexity_burst.get());
        let Some(complexity) = NonZeroU32::new(complexity) else {
            return Ok(());
        };
        let buckets = &self.0.complexity;
        if buckets.len() > MAX_IDLE_PRINCIPALS {
            buckets.retain_recent();
        }
        let Ok(Err(not_until)) = buckets.check_key_n(&principal.id, complexity) else {
            return Ok(());
        };
        let now = governor::clock::DefaultClock::default().now();
        let rate = limits.complexity_per_second;
        warn!(target: "audit", actor = principal.id, %complexity, "rejected: rate limit exceeded");
        Err(RateLimitError {
            message: format!(
                "rate limit of {rate} complexity per second exceeded; try again later"
            ),
            retry_after: not_until.wait_time_from(now),
        })
    }

    fn acquire(
        &self,
        kind: SlotKind,
        principal: &Principal,
        max: u32,
    ) -> Result<Slot, RateLimitError> {
        let key = (kind, principal.id.clone());
        {
            let mut slots = self.slots();
            let count = slots.entry(key.clone()).or_default();
            if *count >= max {
                warn!(target: "audit", actor = principal.id, ?kind, "rejected: concurrency limit exceeded");
                let items = match kind {
                    SlotKind::Operation => "concurrent operations",
                    SlotKind::Socket => "open WebSockets",
                };
                return Err(RateLimitError {
                    message: format!("limit of {max} {items} exceeded; try again later"),
                    retry_after: CONCURRENCY_RETRY_AFTER,
                });
            }
            *count += 1;
        }
        Ok(Slot {
            rate_limiter: self.clone(),
            key,
        })
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<SlotKey, u32>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self.rate_limiter.slots();
        if let Some(count) = slots.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                slots.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scopes;

    fn rate_limiter(max_operations: u32, complexity_per_second: u32) -> RateLimiter {
        let complexity = NonZeroU32::new(complexity_per_second).unwrap();
        RateLimiter::new(RateLimits {
            max_operations,
            max_sockets: 1,
            complexity_per_second: complexity,
            complexity_burst: complexity,
        })
    }

    fn principal() -> Principal {
        Principal::anonymous(Scopes::all())
    }

    #[test]
    fn slots_are_released_when_operations_end() {
        let limiter = rate_limiter(2, 100);
        let one = limiter.start_operation(&principal(), 1).ok().unwrap();
        let other = limiter.start_operation(&principal(), 1).ok().unwrap();
        assert!(limiter.start_operation(&principal(), 1).is_err());
        drop(one);
        assert!(limiter.start_operation(&principal(), 1).is_ok());
        drop(other);
        assert!(limiter.slots().is_empty());
    }

    #[test]
    fn rate_limits_apply_per_principal_and_say_when_to_retry() {
        let limiter = rate_limiter(100, 1000);
        assert!(limiter.start_operation(&principal(), 900).is_ok());
        let error = limiter.start_operation(&principal(), 900).err().unwrap();
        assert!(error.retry_after > Duration::from_millis(500));
        assert!(error.retry_after < Duration::from_secs(1));
        let mut another = principal();
        another.id = "another".to_owned();
        assert!(limiter.start_operation(&another, 900).is_ok());
    }
}
