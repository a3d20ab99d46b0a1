//! Work that is finished once it has begun.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// A future that goes on in a task of its own when nobody waits for it any longer.
pub(crate) struct SpawnOnDrop<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> SpawnOnDrop<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for SpawnOnDrop<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out, so that nothing of it goes on if it panics.
        let Some(mut work) = self.0.take() else {
            // As any future that is asked again.
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
        // There is no runtime any more when the process ends.
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
    async fn what_nobody_waits_for_any_longer_is_finished() {
        let (go, gone) = oneshot::channel();
        let (finished, end) = oneshot::channel();
        let mut work = SpawnOnDrop::new(async move {
            gone.await.unwrap();
            finished.send("finished").unwrap();
        });
        let waited = time::timeout(Duration::from_millis(1), &mut work).await;
        assert!(waited.is_err());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(end.await, Ok("finished"));
    }

    #[tokio::test]
    async fn what_is_waited_for_is_answered() {
        assert_eq!(SpawnOnDrop::new(async { 7 }).await, 7);
    }
}
