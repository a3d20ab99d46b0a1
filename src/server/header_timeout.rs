//! Timeouts of request heads and idle connections.
//!
//! hyper has one timeout for both: `header_read_timeout` runs from the end of a response to the end of the
//! next request head. Clients keep connections open for a minute and more between requests, while a head
//! that takes that long is a slow-loris attack. [`HeaderTimer`] therefore shortens the timeout once the
//! first byte of a head arrives.
//!
//! This depends on when hyper calls the timer: `sleep` or `sleep_until` once when it starts to wait for a
//! head, and a poll of the returned future whenever it has read part of one. hyper does not document this,
//! so Cargo.toml allows only patch releases; `tests/it/connections.rs` tests it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::http::HttpLimits;

/// Whether any byte has arrived since the last response.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadStarted(Arc<AtomicBool>);

impl HeadStarted {
    pub(super) fn set(&self, started: bool) {
        self.0.store(started, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The timer of one connection.
pub(super) struct HeaderTimer {
    head_started: HeadStarted,
    /// Whether the first head has been waited for.
    is_reused: AtomicBool,
    header_timeout: Duration,
    idle_timeout: Duration,
    shutdown_timeout: Duration,
    shutdown: CancellationToken,
}

impl HeaderTimer {
    pub(super) fn new(
        head_started: HeadStarted,
        limits: &HttpLimits,
        idle_timeout: Duration,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            head_started,
            is_reused: AtomicBool::new(false),
            header_timeout: limits.header_timeout,
            idle_timeout,
            shutdown_timeout: limits.shutdown_read_timeout,
            shutdown,
        }
    }
}

impl Timer for HeaderTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        // The first head must arrive within `header_read_timeout`, later ones within the idle timeout.
        let deadline = if self.is_reused.swap(true, Ordering::Relaxed) {
            Instant::now() + self.idle_timeout
        } else {
            deadline
        };
        self.head_started.set(false);
        Box::pin(HeaderSleep {
            sleep: Box::pin(time::sleep_until(deadline.into())),
            head_started: self.head_started.clone(),
            header_timeout: Some(self.header_timeout),
            shutdown: self.shutdown.clone(),
            shutdown_timeout: Some(self.shutdown_timeout),
        })
    }
}

/// Resolves when a head is late.
struct HeaderSleep {
    sleep: Pin<Box<time::Sleep>>,
    head_started: HeadStarted,
    /// `None` once it is applied.
    header_timeout: Option<Duration>,
    shutdown: CancellationToken,
    /// `None` once it is applied.
    shutdown_timeout: Option<Duration>,
}

impl HeaderSleep {
    fn shorten(&mut self, timeout: Option<Duration>) {
        if let Some(timeout) = timeout {
            let deadline = time::Instant::now() + timeout;
            if deadline < self.sleep.deadline() {
                self.sleep.as_mut().reset(deadline);
            }
        }
    }
}

impl Sleep for HeaderSleep {}

impl Future for HeaderSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.head_started.get() {
            let timeout = self.header_timeout.take();
            self.shorten(timeout);
        }
        if self.shutdown.is_cancelled() {
            let timeout = self.shutdown_timeout.take();
            self.shorten(timeout);
        }
        self.sleep.as_mut().poll(cx)
    }
}
