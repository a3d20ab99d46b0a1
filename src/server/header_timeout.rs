//! How long a request's head may take to arrive, and how long a connection may wait for one.
//!
//! hyper knows one limit for both: its `header_read_timeout` runs from the end of the last answer to
//! the end of the next head. Clients keep a connection for a minute or more between two requests, and a
//! head that takes so long is an attack. So the timer that hyper is given is one that hears of the
//! head's first byte.

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

use crate::http::HttpLimits;

/// What is known of a connection outside of hyper.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether anything was heard since the last answer.
    heard: AtomicBool,
    /// Whether the server stops.
    stopping: AtomicBool,
}

impl Progress {
    pub(super) fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// Gives each head of one connection its time. hyper asks for it when it begins to wait for a head.
pub(super) struct HeadTimer {
    progress: Arc<Progress>,
    /// Whether a head is behind.
    served: AtomicBool,
    header_timeout: Duration,
    idle_timeout: Duration,
    shutdown_read_timeout: Duration,
}

impl HeadTimer {
    pub(super) fn new(
        progress: Arc<Progress>,
        limits: &HttpLimits,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            progress,
            served: AtomicBool::new(false),
            header_timeout: limits.header_timeout,
            idle_timeout,
            shutdown_read_timeout: limits.shutdown_read_timeout,
        }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        // Whoever connects has something to say.
        let deadline = if self.served.swap(true, Ordering::Relaxed) {
            Instant::now() + self.idle_timeout
        } else {
            deadline
        };
        self.progress.heard.store(false, Ordering::Relaxed);
        Box::pin(HeadSleep {
            sleep: Box::pin(time::sleep_until(deadline.into())),
            progress: Arc::clone(&self.progress),
            header_timeout: Some(self.header_timeout),
            shutdown_read_timeout: Some(self.shutdown_read_timeout),
        })
    }
}

/// Ends when a head is late.
struct HeadSleep {
    sleep: Pin<Box<time::Sleep>>,
    progress: Arc<Progress>,
    /// Until its first byte is there.
    header_timeout: Option<Duration>,
    /// Until the server stops.
    shutdown_read_timeout: Option<Duration>,
}

impl HeadSleep {
    fn hurry(&mut self, within: Option<Duration>) {
        if let Some(within) = within {
            let deadline = time::Instant::now() + within;
            if deadline < self.sleep.deadline() {
                self.sleep.as_mut().reset(deadline);
            }
        }
    }
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    /// Called whenever something was heard that is not yet the whole head.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.progress.heard.load(Ordering::Relaxed) {
            let header_timeout = self.header_timeout.take();
            self.hurry(header_timeout);
        }
        if self.progress.stopping.load(Ordering::Relaxed) {
            let shutdown_read_timeout = self.shutdown_read_timeout.take();
            self.hurry(shutdown_read_timeout);
        }
        self.sleep.as_mut().poll(cx)
    }
}
