//! Rate limit and concurrency limits per principal, and per address for those who are not authenticated.
//!
//! Work is charged before it is done, whether it is then rejected or not: reading a request by its bytes, parsing a
//! document by its bytes, executing an operation by its complexity. These are estimates, so afterwards what was not used
//! is returned: nothing costs more than the time that it took, at [`UNIT`] each. A client that sends one request after
//! the other therefore spends at most what a second has of them, which is the default rate.

mod bucket;

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;
use tracing::warn;

use super::client_address::ClientAddress;
use crate::{
    auth::Principal,
    keyed_counter::{Counted, KeyedCounter},
};
use bucket::Buckets;

/// The time that one unit of complexity pays for. Resolving a field takes about 0.6 µs, so that operations are charged
/// by their complexity, and what is rejected by its time.
const UNIT: Duration = Duration::from_nanos(400);

/// Units per second that refill a bucket by default: those of one second.
const DEFAULT_RATE: u32 = 2_500_000;
/// Capacity of a bucket by default: those of two seconds, or a hundred of the most complex operations at once.
const DEFAULT_BURST: u32 = 2 * DEFAULT_RATE;

/// Units of a request or message, whatever it contains: it takes at least 20 µs.
const REQUEST: u32 = 50;
/// Bytes of JSON that one unit pays for.
const JSON_BYTES: u32 = 32;
/// Units of a credential that is not known. Checking a signature takes up to 0.2 ms.
const CREDENTIAL: u32 = 500;

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
            complexity_per_second: NonZeroU32::new(DEFAULT_RATE).unwrap_or(NonZeroU32::MAX),
            complexity_burst: NonZeroU32::new(DEFAULT_BURST).unwrap_or(NonZeroU32::MAX),
        }
    }
}

/// Enforces [`RateLimits`]. Clones share their state.
#[derive(Clone)]
pub(super) struct RateLimiter {
    limits: RateLimits,
    buckets: Arc<Buckets>,
    operations: Arc<KeyedCounter<Arc<str>>>,
    sockets: Arc<KeyedCounter<Arc<str>>>,
}

/// A limit is exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RateLimitError {
    pub(super) message: String,
    /// When a retry may succeed.
    pub(super) retry_after: Duration,
}

/// Units taken for work that is being done. Those that its time does not justify are returned when it is dropped.
pub(super) struct Charge {
    buckets: Arc<Buckets>,
    key: Arc<str>,
    units: u32,
    started: Instant,
}

/// An operation in progress.
pub(super) struct OperationSlot {
    _slot: Counted<Arc<str>>,
    _charge: Charge,
}

/// An open WebSocket.
pub(super) type SocketSlot = Counted<Arc<str>>;

/// When to retry after a concurrency limit is exceeded.
const CONCURRENCY_RETRY_AFTER: Duration = Duration::from_secs(1);

impl RateLimiter {
    pub(super) fn new(limits: RateLimits) -> Self {
        let buckets = Buckets::new(limits.complexity_per_second, limits.complexity_burst);
        Self {
            limits,
            buckets: Arc::new(buckets),
            operations: Arc::default(),
            sockets: Arc::default(),
        }
    }

    /// Charges a principal for reading a request of this many bytes.
    pub(super) fn start_request(
        &self,
        principal: &Principal,
        bytes: usize,
    ) -> Result<Charge, RateLimitError> {
        let mut charge = self.charge(Arc::clone(&principal.id));
        self.spend(&mut charge, request_units(bytes))?;
        Ok(charge)
    }

    /// Charges an address for checking a credential that is not known. Apart from what the address is charged for
    /// unauthenticated requests, which must not keep others at the same address from authenticating.
    pub(super) fn check_credential(
        &self,
        address: ClientAddress,
    ) -> Result<Charge, RateLimitError> {
        let mut charge = self.charge(format!("credentials of {address}").into());
        self.spend(&mut charge, CREDENTIAL)?;
        Ok(charge)
    }

    /// Waits until the bucket of `key`, the id of a principal, pays for a WebSocket message of this many bytes. Its
    /// client is slowed down, since there is no operation yet that could be rejected.
    pub(super) async fn receive_message(&self, key: &Arc<str>, bytes: usize) -> Charge {
        let mut charge = self.charge(Arc::clone(key));
        charge.units = request_units(bytes).min(self.limits.complexity_burst.get());
        let wait = self.buckets.reserve(key, charge.units, charge.started);
        if wait > Duration::ZERO {
            time::sleep(wait).await;
            charge.started = Instant::now();
        }
        charge
    }

    /// Charges more units to the same work, in all at most as many as a bucket holds.
    pub(super) fn spend(&self, charge: &mut Charge, units: u32) -> Result<(), RateLimitError> {
        let units = units.min(self.limits.complexity_burst.get() - charge.units);
        let taken = self.buckets.take(&charge.key, units, Instant::now());
        taken.map_err(|retry_after| {
            warn!(target: "audit", actor = &*charge.key, units, "rejected: rate limit exceeded");
            let rate = self.limits.complexity_per_second;
            RateLimitError {
                message: format!(
                    "rate limit of {rate} complexity per second exceeded; try again later"
                ),
                retry_after,
            }
        })?;
        charge.units += units;
        Ok(())
    }

    /// Charges the complexity of an operation to the request that contains it, and acquires a slot.
    pub(super) fn start_operation(
        &self,
        principal: &Principal,
        mut charge: Charge,
        complexity: u32,
    ) -> Result<OperationSlot, RateLimitError> {
        self.spend(&mut charge, complexity)?;
        let max = self.limits.max_operations;
        let slot = acquire(&self.operations, principal, max, "concurrent operations")?;
        Ok(OperationSlot {
            _slot: slot,
            _charge: charge,
        })
    }

    /// Acquires a slot for a WebSocket.
    pub(super) fn open_socket(&self, principal: &Principal) -> Result<SocketSlot, RateLimitError> {
        acquire(
            &self.sockets,
            principal,
            self.limits.max_sockets,
            "open WebSockets",
        )
    }

    /// Returns a charge of nothing yet.
    fn charge(&self, key: Arc<str>) -> Charge {
        Charge {
            buckets: Arc::clone(&self.buckets),
            key,
            units: 0,
            started: Instant::now(),
        }
    }
}

impl Charge {
    /// Returns all units.
    pub(super) fn cancel(mut self) {
        self.give_back(0);
    }

    fn give_back(&mut self, used: u32) {
        let unused = self.units.saturating_sub(used);
        if unused > 0 {
            self.buckets.give_back(&self.key, unused);
        }
        self.units -= unused;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let used = self.started.elapsed().as_nanos() / UNIT.as_nanos();
        self.give_back(u32::try_from(used).unwrap_or(u32::MAX));
    }
}

fn request_units(bytes: usize) -> u32 {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    REQUEST + bytes / JSON_BYTES
}

fn acquire(
    counter: &Arc<KeyedCounter<Arc<str>>>,
    principal: &Principal,
    max: u32,
    items: &'static str,
) -> Result<Counted<Arc<str>>, RateLimitError> {
    let slot = counter.acquire(Arc::clone(&principal.id), max as usize);
    slot.ok_or_else(|| {
        warn!(target: "audit", actor = &*principal.id, items, "rejected: concurrency limit exceeded");
        RateLimitError {
            message: format!("limit of {max} {items} exceeded; try again later"),
            retry_after: CONCURRENCY_RETRY_AFTER,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::auth::Scopes;

    fn rate_limiter(max_operations: u32, complexity: u32) -> RateLimiter {
        let complexity = NonZeroU32::new(complexity).unwrap();
        RateLimiter::new(RateLimits {
            max_operations,
            max_sockets: 1,
            complexity_per_second: complexity,
            complexity_burst: complexity,
        })
    }

    fn principal(address: &str) -> Principal {
        Principal::anonymous(Scopes::all(), &address)
    }

    fn start(
        limiter: &RateLimiter,
        principal: &Principal,
        complexity: u32,
    ) -> Result<OperationSlot, RateLimitError> {
        let charge = limiter.start_request(principal, 0)?;
        limiter.start_operation(principal, charge, complexity)
    }

    #[test]
    fn slots_are_released_when_operations_end() {
        let limiter = rate_limiter(2, 1000);
        let principal = principal("a");
        let one = start(&limiter, &principal, 1).ok().unwrap();
        let other = start(&limiter, &principal, 1).ok().unwrap();
        assert!(start(&limiter, &principal, 1).is_err());
        drop(one);
        assert!(start(&limiter, &principal, 1).is_ok());
        drop(other);
        assert!(limiter.operations.is_empty());
    }

    #[test]
    fn rate_limits_apply_per_principal_and_say_when_to_retry() {
        // Units of minutes, so that none is justified by the time that the test takes.
        let (limiter, most) = (rate_limiter(100, 1_000_000_000), 900_000_000);
        let running = start(&limiter, &principal("a"), most).ok().unwrap();
        let error = start(&limiter, &principal("a"), most).err().unwrap();
        assert!(error.retry_after > Duration::from_millis(500), "{error:?}");
        assert!(error.retry_after < Duration::from_secs(1), "{error:?}");
        assert!(start(&limiter, &principal("b"), most).is_ok());
        // It has taken less time than its complexity stands for.
        drop(running);
        assert!(start(&limiter, &principal("a"), most).is_ok());
    }

    #[test]
    fn what_takes_its_time_costs_its_estimate() {
        let limiter = rate_limiter(100, 1000);
        let slow = start(&limiter, &principal("a"), 900).ok().unwrap();
        thread::sleep(1000 * UNIT);
        drop(slow);
        assert!(start(&limiter, &principal("a"), 900).is_err());
    }
}
