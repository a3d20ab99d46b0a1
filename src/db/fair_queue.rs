//! A semaphore that serves those who wait for it in turn.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Permits, for which the users wait in queues of their own. The queues are served in turn, so that a user with many
/// requests delays those of the others by one request each.
#[derive(Clone, Debug)]
pub(super) struct FairQueue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: u32,
    max_waiting: usize,
    /// In the order of their turn; none is empty.
    queues: VecDeque<Queue>,
}

#[derive(Debug)]
struct Queue {
    user: String,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// A permit, which goes to the next one who waits when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(FairQueue);

/// The user has as many waiting requests as a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl FairQueue {
    /// Creates a queue with this many permits, in which each user has up to `max_waiting` requests.
    pub(super) fn new(permits: u32, max_waiting: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: permits,
            max_waiting,
            queues: VecDeque::new(),
        })))
    }

    /// Waits for the user's turn.
    ///
    /// # Errors
    /// Returns an error if the user's queue is full.
    pub(super) async fn acquire(&self, user: &str) -> Result<Permit, QueueFull> {
        let Some(turn) = self.enqueue(user)? else {
            return Ok(Permit(self.clone()));
        };
        // The sender is dropped only together with the queue, of which this is a clone.
        turn.await.map_err(|_| QueueFull)
    }

    /// Takes a permit, or else returns where the user will receive one.
    fn enqueue(&self, user: &str) -> Result<Option<oneshot::Receiver<Permit>>, QueueFull> {
        let mut state = self.state();
        if state.free > 0 {
            state.free -= 1;
            return Ok(None);
        }
        let max_waiting = state.max_waiting;
        let (sender, receiver) = oneshot::channel();
        match state.queues.iter_mut().find(|queue| queue.user == user) {
            Some(queue) => {
                queue.waiting.retain(|waiting| !waiting.is_closed());
                if queue.waiting.len() >= max_waiting {
                    return Err(QueueFull);
                }
                queue.waiting.push_back(sender);
            }
            None => state.queues.push_back(Queue {
                user: user.to_owned(),
                waiting: VecDeque::from([sender]),
            }),
        }
        Ok(Some(receiver))
    }

    /// Returns who is next; keeps the permit if nobody waits.
    fn next(&self) -> Option<oneshot::Sender<Permit>> {
        let mut state = self.state();
        while let Some(mut queue) = state.queues.pop_front() {
            let next = queue.waiting.pop_front();
            if !queue.waiting.is_empty() {
                state.queues.push_back(queue);
            }
            if next.as_ref().is_some_and(|next| !next.is_closed()) {
                return next;
            }
        }
        state.free += 1;
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(next) = self.0.next() {
            // If the other one has stopped waiting meanwhile, the permit is dropped again.
            let _ = next.send(Self(self.0.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{task::JoinSet, time};

    use super::*;

    /// Starts requests of a user one after the other, each of which notes the user when it is served.
    async fn start(
        queue: &FairQueue,
        user: &'static str,
        count: usize,
        served: &mut JoinSet<&'static str>,
    ) {
        for _ in 0..count {
            let queue = queue.clone();
            served.spawn(async move {
                let _permit = queue.acquire(user).await.unwrap();
                time::sleep(Duration::from_millis(1)).await;
                user
            });
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn users_are_served_in_turn() {
        let queue = FairQueue::new(1, 10);
        let mut served = JoinSet::new();
        start(&queue, "many", 5, &mut served).await;
        start(&queue, "few", 2, &mut served).await;
        let mut order = Vec::new();
        while let Some(user) = served.join_next().await {
            order.push(user.unwrap());
        }
        assert_eq!(
            order,
            ["many", "many", "few", "many", "few", "many", "many"]
        );
        assert_eq!(queue.state().free, 1);
    }

    #[tokio::test]
    async fn a_full_queue_and_cancelled_requests_lose_no_permit() {
        let queue = FairQueue::new(1, 2);
        let first = queue.acquire("a").await.unwrap();
        let mut second = Box::pin(queue.acquire("a"));
        let mut third = Box::pin(queue.acquire("a"));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        assert_eq!(queue.acquire("a").await.unwrap_err(), QueueFull);
        // Others still may wait.
        let mut other = Box::pin(queue.acquire("b"));
        assert!(futures_util::poll!(&mut other).is_pending());
        drop(second);
        // It is the turn of `b`, which receives the permit, and stops waiting.
        drop(first);
        drop(other);
        drop(third.await.unwrap());
        assert_eq!(queue.state().free, 1);
        assert!(queue.state().queues.is_empty());
    }
}
