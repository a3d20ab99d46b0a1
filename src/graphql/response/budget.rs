//! The size of responses: the bytes that one may have, and that all may have together until they are sent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_graphql::ErrorExtensions;

use crate::{graphql::error::ErrorCode, keyed_counter::KeyedCounter};

/// Limits on the bytes of responses.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLimits {
    /// Bytes of one response.
    pub bytes: usize,
    /// Bytes of all responses to one principal that are being written or sent.
    pub bytes_per_principal: usize,
    /// Bytes of all responses that are being written or sent.
    pub total_bytes: usize,
}

impl ResponseLimits {
    /// Returns the limits for responses of up to this many bytes: a principal may have four of that size in flight, and
    /// all principals together sixteen.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self {
            bytes,
            bytes_per_principal: bytes.saturating_mul(4),
            total_bytes: bytes.saturating_mul(16),
        }
    }
}

impl Default for ResponseLimits {
    fn default() -> Self {
        Self::new(16 * 1024 * 1024)
    }
}

/// The bytes of all responses that are being written or sent.
#[derive(Debug)]
pub(in crate::graphql) struct ResponseBytes {
    limits: ResponseLimits,
    total: AtomicUsize,
    principals: KeyedCounter<String>,
}

/// The bytes that one response may have. It counts as in flight until this is dropped.
#[derive(Debug)]
pub struct ResponseBudget {
    /// `None` for a response of a subscription, whose frames are bounded in number.
    in_flight: Option<(Arc<ResponseBytes>, String)>,
    max: usize,
    used: AtomicUsize,
    /// The rows of the outermost list that were written before the limit was exceeded.
    rows: AtomicUsize,
    is_mutation: bool,
}

/// A response is too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BudgetError {
    /// It exceeds the limit on one response.
    #[error("{}", describe(*.max, *.rows, *.is_mutation))]
    Response {
        /// The limit in bytes.
        max: usize,
        /// The rows of the outermost list that were written before.
        rows: usize,
        /// Whether the operation is a mutation, which has taken effect by then.
        is_mutation: bool,
    },
    /// Too many bytes of other responses are in flight.
    #[error("responses of {0} bytes are being sent: read them, then try again")]
    InFlight(usize),
}

fn describe(max: usize, rows: usize, is_mutation: bool) -> String {
    if is_mutation {
        return format!(
            "the mutation was applied, but the response has more than {max} bytes: select fewer fields, or read them \
             by queries"
        );
    }
    // Rows differ in size.
    let smaller = match rows * 3 / 4 {
        0 => String::new(),
        rows => format!(", or a smaller page, such as `first: {rows}`"),
    };
    format!("the response has more than {max} bytes: select fewer fields{smaller}")
}

impl From<BudgetError> for async_graphql::Error {
    fn from(error: BudgetError) -> Self {
        let code = match error {
            BudgetError::Response { .. } => ErrorCode::QueryTooComplex,
            BudgetError::InFlight(_) => ErrorCode::RateLimited,
        };
        Self::new_with_source(error).extend_with(|_, extensions| {
            code.set(extensions);
        })
    }
}

impl ResponseBytes {
    pub(in crate::graphql) fn new(limits: ResponseLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            total: AtomicUsize::new(0),
            principals: KeyedCounter::default(),
        })
    }

    /// Returns the budget of a response to a principal.
    pub(in crate::graphql) fn budget(
        self: &Arc<Self>,
        principal: &str,
        is_mutation: bool,
    ) -> Arc<ResponseBudget> {
        Arc::new(ResponseBudget {
            in_flight: Some((Arc::clone(self), principal.to_owned())),
            max: self.limits.bytes,
            used: AtomicUsize::new(0),
            rows: AtomicUsize::new(0),
            is_mutation,
        })
    }

    fn add(&self, principal: &str, bytes: usize) -> Result<(), BudgetError> {
        let total = self.total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let own = self.principals.add(principal, bytes);
        for (bytes, max) in [
            (own, self.limits.bytes_per_principal),
            (total, self.limits.total_bytes),
        ] {
            if bytes > max {
                return Err(BudgetError::InFlight(bytes));
            }
        }
        Ok(())
    }

    fn remove(&self, principal: &str, bytes: usize) {
        self.total.fetch_sub(bytes, Ordering::Relaxed);
        self.principals.subtract(principal, bytes);
    }
}

impl ResponseBudget {
    /// Returns the budget of the responses of a subscription, of which one is written at a time.
    pub(in crate::graphql) fn of_frames(max: usize) -> Self {
        Self {
            in_flight: None,
            max,
            used: AtomicUsize::new(0),
            rows: AtomicUsize::new(0),
            is_mutation: false,
        }
    }

    /// Notes how many rows were written, for the message of the next error.
    pub(in crate::graphql) fn note_rows(&self, rows: usize) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// Returns whether the response has more bytes than it may have.
    pub(in crate::graphql) fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.max
    }

    /// Starts the next response of a subscription.
    pub(in crate::graphql) fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
    }

    /// Adds bytes to the response.
    ///
    /// # Errors
    /// Returns an error if a limit is exceeded. The bytes count nevertheless.
    pub(in crate::graphql) fn add(&self, bytes: usize) -> Result<(), BudgetError> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some((all, principal)) = &self.in_flight {
            all.add(principal, bytes)?;
        }
        if used > self.max {
            return Err(BudgetError::Response {
                max: self.max,
                rows: self.rows.load(Ordering::Relaxed),
                is_mutation: self.is_mutation,
            });
        }
        Ok(())
    }
}

impl Drop for ResponseBudget {
    fn drop(&mut self) {
        if let Some((all, principal)) = &self.in_flight {
            all.remove(principal, *self.used.get_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_the_response_is_dropped() {
        let all = ResponseBytes::new(ResponseLimits::new(10));
        let full: Vec<_> = (0..4).map(|_| all.budget("a", false)).collect();
        assert!(full.iter().all(|budget| budget.add(10).is_ok()));
        assert_eq!(
            all.budget("a", false).add(1),
            Err(BudgetError::InFlight(41))
        );
        let other = all.budget("b", false);
        assert!(other.add(10).is_ok());
        assert!(matches!(other.add(1), Err(BudgetError::Response { .. })));
        drop(full);
        assert!(all.budget("a", false).add(10).is_ok());
        drop(other);
        assert_eq!(all.total.load(Ordering::Relaxed), 0);
        assert!(all.principals.is_empty());
    }
}
