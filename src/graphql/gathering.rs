//! Lookups that are asked for one by one and answered together.
//!
//! Whatever one poll of a task asks for is looked up at once: the resolvers of a list all begin before
//! the first of them goes on. So nobody waits for a time to pass, as with async-graphql's own loader,
//! and what one request asks at once is not torn apart.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::oneshot, task};

use crate::runs::{Result, Runs};

/// What can be looked up.
pub(super) trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is found.
    type Found: Clone + Send + 'static;

    /// Looks up all that exist of these.
    fn look_up(
        runs: &Runs,
        keys: &[Self],
    ) -> impl Future<Output = Result<HashMap<Self, Self::Found>>> + Send;
}

/// Those who wait for what is looked up next, by what they wait for.
type Waiting<K> = HashMap<K, Vec<oneshot::Sender<Result<Option<<K as Key>::Found>>>>>;

/// Lookups of one kind.
pub(super) struct Gathering<K: Key>(Arc<Gathered<K>>);

struct Gathered<K: Key> {
    runs: Runs,
    waiting: Mutex<Waiting<K>>,
}

/// Sets out for all who wait, even if who began it does not stay.
struct Begin<'a, K: Key>(&'a Arc<Gathered<K>>);

impl<K: Key> Gathering<K> {
    pub(super) fn new(runs: &Runs) -> Self {
        Self(Arc::new(Gathered {
            runs: runs.clone(),
            waiting: Mutex::default(),
        }))
    }

    /// What is found under this key, looked up together with all others that are asked for now.
    pub(super) async fn find(&self, key: K) -> Result<Option<K::Found>> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.0.waiting();
            let is_first = waiting.is_empty();
            waiting.entry(key.clone()).or_default().push(answer);
            is_first
        };
        if is_first {
            let begin = Begin(&self.0);
            // The task is polled again when all that it is at has been polled once.
            task::yield_now().await;
            drop(begin);
        }
        match answered.await {
            Ok(found) => found,
            // It ended without an answer for anybody.
            Err(_) => Ok(K::look_up(&self.0.runs, std::slice::from_ref(&key))
                .await?
                .remove(&key)),
        }
    }
}

impl<K: Key> Gathered<K> {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting<K>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_up(&self, waiting: Waiting<K>) {
        let keys: Vec<K> = waiting.keys().cloned().collect();
        let found = K::look_up(&self.runs, &keys).await;
        let mut found = match found {
            Ok(found) => found,
            Err(error) => {
                for waiting in waiting.into_values().flatten() {
                    // Who has left wants no answer.
                    let _ = waiting.send(Err(error.clone()));
                }
                return;
            }
        };
        for (key, mut waiting) in waiting {
            let found = found.remove(&key);
            let last = waiting.pop();
            for waiting in waiting {
                let _ = waiting.send(Ok(found.clone()));
            }
            if let Some(last) = last {
                let _ = last.send(Ok(found));
            }
        }
    }
}

impl<K: Key> Drop for Begin<'_, K> {
    fn drop(&mut self) {
        let waiting = std::mem::take(&mut *self.0.waiting());
        let gathered = Arc::clone(self.0);
        task::spawn(async move { gathered.look_up(waiting).await });
    }
}
