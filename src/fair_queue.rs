//! Queues that serve their users in turn.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// What the users wait for, in queues of their own. The queues are served in turn, so that a user with many entries
/// delays those of the others by one entry each.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    /// The users whose queues are not empty, in the order of their turn.
    users: VecDeque<Arc<str>>,
    queues: HashMap<Arc<str>, VecDeque<T>>,
}

/// Permits for which users wait in turn.
#[derive(Clone, Debug)]
pub(crate) struct FairQueue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: u32,
    max_waiting: usize,
    waiting: Turns<oneshot::Sender<Permit>>,
}

/// A permit, which goes to the next one who waits when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(FairQueue);

/// The user has as many waiting requests as a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            users: VecDeque::new(),
            queues: HashMap::new(),
        }
    }
}

impl<T> Turns<T> {
    /// Adds an entry at the end of the user's queue.
    pub(crate) fn push(&mut self, user: &Arc<str>, entry: T) {
        let queue = self.queues.entry(Arc::clone(user)).or_default();
        if queue.is_empty() {
            self.users.push_back(Arc::clone(user));
        }
        queue.push_back(entry);
    }

    /// Removes the first entry of the user whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let user = self.users.pop_front()?;
        let queue = self.queues.get_mut(&user)?;
        let entry = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&user);
        } else {
            self.users.push_back(user);
        }
        entry
    }

    /// Removes those entries of a user that are not to be retained, and returns how many there are.
    fn retain(&mut self, user: &Arc<str>, retain: impl FnMut(&T) -> bool) -> usize {
        let Some(queue) = self.queues.get_mut(user) else {
            return 0;
        };
        queue.retain(retain);
        let rest = queue.len();
        if rest == 0 {
            self.queues.remove(user);
            self.users.retain(|other| other != user);
        }
        rest
    }
}

impl FairQueue {
    /// Creates a queue with this many permits, in which each user has up to `max_waiting` requests.
    pub(crate) fn new(permits: u32, max_waiting: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: permits,
            max_waiting,
            waiting: Turns::default(),
        })))
    }

    /// Waits for the user's turn.
    ///
    /// # Errors
    /// Returns an error if the user's queue is full.
    pub(crate) async fn acquire(&self, user: &Arc<str>) -> Result<Permit, QueueFull> {
        let Some(turn) = self.enqueue(user)? else {
            return Ok(Permit(self.clone()));
        };
        // The sender is dropped only together with the queue, of which this is a clone.
        turn.await.map_err(|_| QueueFull)
    }

    /// Takes a permit, or else returns where the user will receive one.
    fn enqueue(&self, user: &Arc<str>) -> Result<Option<oneshot::Receiver<Permit>>, QueueFull> {
        let mut state = self.state();
        if state.free > 0 {
            state.free -= 1;
            return Ok(None);
        }
        let is_waiting = |waiting: &oneshot::Sender<Permit>| !waiting.is_closed();
        if state.waiting.retain(user, is_waiting) >= state.max_waiting {
            return Err(QueueFull);
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push(user, sender);
        Ok(Some(receiver))
    }

    /// Returns who is next; keeps the permit if nobody waits.
    fn next(&self) -> Option<oneshot::Sender<Permit>> {
        let mut state = self.state();
        while let Some(next) = state.waiting.pop() {
            if !next.is_closed() {
                return Some(next);
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
                let _permit = queue.acquire(&user.into()).await.unwrap();
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
        let [a, b] = ["a", "b"].map(Arc::from);
        let first = queue.acquire(&a).await.unwrap();
        let mut second = Box::pin(queue.acquire(&a));
        let mut third = Box::pin(queue.acquire(&a));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        assert_eq!(queue.acquire(&a).await.unwrap_err(), QueueFull);
        // Others still may wait.
        let mut other = Box::pin(queue.acquire(&b));
        assert!(futures_util::poll!(&mut other).is_pending());
        drop(second);
        // It is the turn of `b`, which receives the permit, and stops waiting.
        drop(first);
        drop(other);
        drop(third.await.unwrap());
        assert_eq!(queue.state().free, 1);
        assert!(queue.state().waiting.users.is_empty() && queue.state().waiting.queues.is_empty());
    }
}
