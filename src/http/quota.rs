//! How much one principal may do at once, and over time.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use tracing::warn;

use crate::access::Principal;

/// What one principal may do.
#[derive(Clone, Copy, Debug)]
pub struct QuotaLimits {
    /// Operations under way at once, subscriptions among them.
    pub operations: u32,
    /// Sockets open at once.
    pub sockets: u32,
    /// Complexity a second, over time.
    pub rate: NonZeroU32,
    /// Complexity at once, for one who has rested.
    pub burst: NonZeroU32,
}

impl Default for QuotaLimits {
    fn default() -> Self {
        Self {
            operations: 20_000,
            sockets: 10_000,
            rate: NonZeroU32::new(10_000_000).unwrap_or(NonZeroU32::MAX),
            burst: NonZeroU32::new(50_000_000).unwrap_or(NonZeroU32::MAX),
        }
    }
}

/// Counts what each principal does.
#[derive(Clone)]
pub(super) struct Quotas(Arc<Inner>);

struct Inner {
    limits: QuotaLimits,
    rate: DefaultKeyedRateLimiter<String>,
    /// Operations and sockets, by principal.
    open: Mutex<HashMap<(What, String), u32>>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Operation,
    Socket,
}

/// Why somebody has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) message: String,
    /// How long to wait.
    pub(super) retry_after: Duration,
}

/// Something that is counted for as long as this is held.
pub(super) struct Permit {
    quotas: Quotas,
    key: (What, String),
}

/// How long one waits for others of one's own to end.
const WHILE: Duration = Duration::from_secs(1);

/// Principals whose spending is kept in mind, until those who have rested are forgotten.
const MOST_KNOWN: usize = 10_000;

impl Quotas {
    pub(super) fn new(limits: QuotaLimits) -> Self {
        let quota = Quota::per_second(limits.rate).allow_burst(limits.burst);
        Self(Arc::new(Inner {
            limits,
            rate: RateLimiter::keyed(quota),
            open: Mutex::default(),
        }))
    }

    /// Begins an operation of this complexity.
    pub(super) fn begin(&self, principal: &Principal, complexity: u32) -> Result<Permit, Exceeded> {
        self.spend(principal, complexity)?;
        self.count(What::Operation, principal, self.0.limits.operations)
    }

    /// Opens a socket.
    pub(super) fn open(&self, principal: &Principal) -> Result<Permit, Exceeded> {
        self.count(What::Socket, principal, self.0.limits.sockets)
    }

    fn spend(&self, principal: &Principal, complexity: u32) -> Result<(), Exceeded> {
        let Some(complexity) = NonZeroU32::new(complexity.min(self.0.limits.burst.get())) else {
            return Ok(());
        };
        if self.0.rate.len() > MOST_KNOWN {
            self.0.rate.retain_recent();
        }
        let outcome = self.0.rate.check_key_n(&principal.id, complexity);
        let Ok(Err(not_until)) = outcome else {
            return Ok(());
        };
        let now = governor::clock::DefaultClock::default().now();
        let rate = self.0.limits.rate;
        warn!(target: "audit", actor = principal.id, %complexity, "refused: too much over time");
        Err(Exceeded {
            message: format!("more than a complexity of {rate} a second: try again later"),
            retry_after: not_until.wait_time_from(now),
        })
    }

    fn count(&self, what: What, principal: &Principal, most: u32) -> Result<Permit, Exceeded> {
        let key = (what, principal.id.clone());
        {
            let mut counts = self.counts();
            let count = counts.entry(key.clone()).or_default();
            if *count >= most {
                warn!(target: "audit", actor = principal.id, ?what, "refused: too many at once");
                let things = match what {
                    What::Operation => "operations are under way",
                    What::Socket => "sockets are open",
                };
                return Err(Exceeded {
                    message: format!("{most} {things}; that is all that is allowed at once"),
                    retry_after: WHILE,
                });
            }
            *count += 1;
        }
        Ok(Permit {
            quotas: self.clone(),
            key,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(What, String), u32>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.quotas.counts();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scopes;

    fn quotas(operations: u32, rate: u32) -> Quotas {
        let number = |number| NonZeroU32::new(number).unwrap();
        Quotas::new(QuotaLimits {
            operations,
            sockets: 1,
            rate: number(rate),
            burst: number(rate),
        })
    }

    fn visitor() -> Principal {
        Principal::anonymous(Scopes::all())
    }

    #[test]
    fn what_has_ended_counts_no_longer() {
        let quotas = quotas(2, 100);
        let one = quotas.begin(&visitor(), 1).ok().unwrap();
        let other = quotas.begin(&visitor(), 1).ok().unwrap();
        assert!(quotas.begin(&visitor(), 1).is_err());
        drop(one);
        assert!(quotas.begin(&visitor(), 1).is_ok());
        drop(other);
        assert!(quotas.counts().is_empty());
    }

    #[test]
    fn who_asks_for_too_much_over_time_is_told_when_to_come_back() {
        let quotas = quotas(100, 1000);
        assert!(quotas.begin(&visitor(), 900).is_ok());
        let exceeded = quotas.begin(&visitor(), 900).err().unwrap();
        assert!(exceeded.retry_after > Duration::from_millis(500));
        assert!(exceeded.retry_after < Duration::from_secs(1));
        let mut another = visitor();
        another.id = "another".to_owned();
        assert!(quotas.begin(&another, 900).is_ok());
    }
}
