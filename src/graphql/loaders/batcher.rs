//! A data loader: concurrent lookups become one batch.
//!
//! A batch holds every key requested during one poll of a task, because the resolvers of a list all
//! start before the first of them continues. No timer is involved, unlike in async-graphql's data
//! loader, and the lookups of one request are never split.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::oneshot, task};

use crate::{
    graphql::spawn_on_drop::SpawnOnDrop,
    runs::{Error, Result},
};

/// A key that can be loaded in batches.
pub(crate) trait BatchKey: Clone + Send + Sync + 'static {
    /// Where values are loaded from.
    type Source: Clone + Send + Sync + 'static;
    /// The value of a key.
    type Value: Send + 'static;

    /// Loads a batch: the value of each key in the order of the keys, `None` where there is none.
    fn load(
        source: &Self::Source,
        keys: &[Self],
    ) -> impl Future<Output = Result<Values<Self>>> + Send;
}

type Values<K> = Vec<Option<<K as BatchKey>::Value>>;

/// Loads values of one kind of key in batches.
pub(crate) struct Batcher<K: BatchKey>(Arc<Inner<K>>);

struct Inner<K: BatchKey> {
    source: K::Source,
    next: Mutex<Batch<K>>,
}

/// A batch that is being collected.
struct Batch<K: BatchKey> {
    /// Keys of all callers, concatenated.
    keys: Vec<K>,
    /// The number of keys of each caller, and where it receives its values.
    callers: Vec<(usize, oneshot::Sender<Result<Values<K>>>)>,
}

impl<K: BatchKey> Default for Batch<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            callers: Vec::new(),
        }
    }
}

impl<K: BatchKey> Batcher<K> {
    pub(crate) fn new(source: &K::Source) -> Self {
        Self(Arc::new(Inner {
            source: source.clone(),
            next: Mutex::default(),
        }))
    }

    /// Loads the value of a key as part of the next batch.
    pub(crate) async fn load(&self, key: K) -> Result<Option<K::Value>> {
        let values = self.load_all(vec![key]).await?;
        Ok(values.into_iter().next().flatten())
    }

    /// Loads the values of several keys as part of the next batch, in the order of the keys.
    pub(crate) async fn load_all(&self, keys: Vec<K>) -> Result<Values<K>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (sender, receiver) = oneshot::channel();
        let is_first = {
            let mut next = self.0.next();
            next.callers.push((keys.len(), sender));
            next.keys.extend_from_slice(&keys);
            next.callers.len() == 1
        };
        if is_first {
            let inner = Arc::clone(&self.0);
            // The other callers depend on the batch even if this one is cancelled.
            SpawnOnDrop::new(async move { inner.load_next().await }).await;
        }
        match receiver.await {
            Ok(values) => values,
            // The batch panicked or the runtime shut down.
            Err(_) => K::load(&self.0.source, &keys).await,
        }
    }
}

impl<K: BatchKey> Inner<K> {
    fn next(&self) -> MutexGuard<'_, Batch<K>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load_next(&self) {
        // Lets the task poll its other resolvers first, so that their keys join the batch.
        task::yield_now().await;
        let batch = std::mem::take(&mut *self.next());
        match K::load(&self.source, &batch.keys).await {
            Ok(values) => {
                let mut values = values.into_iter();
                for (count, caller) in batch.callers {
                    // Sending fails if the caller was cancelled.
                    let _ = caller.send(Ok(values.by_ref().take(count).collect()));
                }
            }
            // One caller's rows may be too large for all.
            Err(Error::RowsTooLarge(_)) if batch.callers.len() > 1 => {
                let mut keys = batch.keys.as_slice();
                for (count, caller) in batch.callers {
                    let (own, rest) = keys.split_at(count);
                    keys = rest;
                    let _ = caller.send(K::load(&self.source, own).await);
                }
            }
            Err(error) => {
                for (_, caller) in batch.callers {
                    let _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}
