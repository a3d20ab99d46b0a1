//! Lookups that are asked for one by one and answered together.
//!
//! Whatever one poll of a task asks for is looked up at once: the resolvers of a list all begin before
//! the first of them goes on. So nobody waits for a time to pass, as with async-graphql's own loader,
//! and what one request asks at once is not torn apart.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{sync::oneshot, task};

use super::goes_on::GoesOn;
use crate::runs::Result;

/// What can be looked up.
pub(super) trait Key: Clone + Send + Sync + 'static {
    /// Where it is looked up.
    type Source: Clone + Send + Sync + 'static;
    /// What is found.
    type Found: Send + 'static;

    /// Looks up what there is under each of these.
    fn look_up(
        source: &Self::Source,
        keys: &[Self],
    ) -> impl Future<Output = Result<Found<Self>>> + Send;
}

/// What was found, in the order of the keys; none where there is nothing.
type Found<K> = Vec<Option<<K as Key>::Found>>;

/// Lookups of one kind.
pub(super) struct Gathering<K: Key>(Arc<Gathered<K>>);

struct Gathered<K: Key> {
    source: K::Source,
    waiting: Mutex<Waiting<K>>,
}

/// Those who wait for what is looked up next.
struct Waiting<K: Key> {
    /// Of all of them, one after the other.
    keys: Vec<K>,
    /// How many of the keys are theirs, and where they wait.
    callers: Vec<(usize, oneshot::Sender<Result<Found<K>>>)>,
}

impl<K: Key> Default for Waiting<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            callers: Vec::new(),
        }
    }
}

impl<K: Key> Gathering<K> {
    pub(super) fn new(source: &K::Source) -> Self {
        Self(Arc::new(Gathered {
            source: source.clone(),
            waiting: Mutex::default(),
        }))
    }

    /// What is found under this key.
    pub(super) async fn find(&self, key: K) -> Result<Option<K::Found>> {
        let found = self.find_all(vec![key]).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// What is found under each of these keys, looked up together with all else that is asked for now.
    pub(super) async fn find_all(&self, keys: Vec<K>) -> Result<Found<K>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.0.waiting();
            waiting.callers.push((keys.len(), answer));
            waiting.keys.extend_from_slice(&keys);
            waiting.callers.len() == 1
        };
        if is_first {
            let gathered = Arc::clone(&self.0);
            // Also for the others, if this caller does not stay.
            GoesOn::new(async move { gathered.look_up().await }).await;
        }
        match answered.await {
            Ok(found) => found,
            // It ended without an answer for anybody.
            Err(_) => K::look_up(&self.0.source, &keys).await,
        }
    }
}

impl<K: Key> Gathered<K> {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting<K>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_up(&self) {
        // The task is polled again when all that it is at has been polled once.
        task::yield_now().await;
        let waiting = std::mem::take(&mut *self.waiting());
        match K::look_up(&self.source, &waiting.keys).await {
            Ok(found) => {
                let mut found = found.into_iter();
                for (count, caller) in waiting.callers {
                    // Who has left wants no answer.
                    let _ = caller.send(Ok(found.by_ref().take(count).collect()));
                }
            }
            Err(error) => {
                for (_, caller) in waiting.callers {
                    let _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}
