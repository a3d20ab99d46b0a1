//! Work that must finish once it has begun.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// A future that continues in a task of its own if it is dropped before it completes. Unlike
/// `tokio::spawn(future).await`, it runs in the caller's task as long as it is polled, which saves a
/// task and a wake-up per mutation and batch.
pub(crate) struct SpawnOnDrop<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> SpawnOnDrop<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for SpawnOnDrop<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out, so that a future that panics is not spawned.
        let Some(mut work) = self.0.take() else {
            // Polled after completion.
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for SpawnOnDrop<T> {
    fn drop(&mut self) {
        // There is no runtime when the process exits.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time};

    use super::*;

    #[tokio::test]
    async fn a_dropped_future_finishes() {
        let (start, started) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let mut work = SpawnOnDrop::new(async move {
            started.await.unwrap();
            finish.send("finished").unwrap();
        });
        let output = time::timeout(Duration::from_millis(1), &mut work).await;
        assert!(output.is_err());
        drop(work);
        start.send(()).unwrap();
        assert_eq!(finished.await, Ok("finished"));
    }

    #[tokio::test]
    async fn an_awaited_future_returns_its_output() {
        assert_eq!(SpawnOnDrop::new(async { 7 }).await, 7);
    }
}
