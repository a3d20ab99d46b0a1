//! Subscribers who ask the same share one execution: each response is resolved and written once,
//! however many it is sent to.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    sync::{broadcast, watch},
    task::AbortHandle,
};

use super::{
    Execution, Frame,
    asked::{Asked, Key},
};
use crate::graphql::{LedgerSchema, watching::Stretch};

/// Responses sent at once if they are there at once, and their bytes.
const CHUNK: usize = 16;
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks kept for subscribers that are slow; one that falls behind further reads by itself.
const BACKLOG: usize = 64;

/// What the subscribers of a group are told.
#[derive(Clone, Debug)]
pub(super) enum News {
    Frames(Arc<[Frame]>),
    /// There is nothing more to come.
    End,
}

/// All groups, by what they ask.
#[derive(Default)]
pub(super) struct Groups(Mutex<HashMap<Key, Weak<Group>>>);

/// A question that is being answered for all who ask it.
pub(super) struct Group {
    groups: Weak<Groups>,
    pub(super) asked: Arc<Asked>,
    news: broadcast::WeakSender<News>,
    holds: watch::Receiver<bool>,
    task: AbortHandle,
}

/// One of a group.
pub(super) struct Follower {
    pub(super) group: Arc<Group>,
    /// What is answered since it joined.
    pub(super) news: broadcast::Receiver<News>,
}

impl Groups {
    /// Joins those who ask the same, or begins a group. Whatever is committed once this is done, the
    /// follower will be told, unless the group fails; then its news end.
    pub(super) async fn join(
        self: &Arc<Self>,
        schema: &LedgerSchema,
        asked: &Arc<Asked>,
    ) -> Follower {
        // Let go of when the groups are no longer locked, since its end may lock them.
        let existing;
        let follower = {
            let mut groups = self.lock();
            existing = groups.get(&asked.key).and_then(Weak::upgrade);
            existing.as_ref().and_then(Group::join).unwrap_or_else(|| {
                let follower = self.begin(schema, asked);
                groups.insert(asked.key.clone(), Arc::downgrade(&follower.group));
                follower
            })
        };
        let mut holds = follower.group.holds.clone();
        // An error says that the group has failed.
        let _ = holds.wait_for(|holds| *holds).await;
        follower
    }

    fn begin(self: &Arc<Self>, schema: &LedgerSchema, asked: &Arc<Asked>) -> Follower {
        let (sender, news) = broadcast::channel(BACKLOG);
        let (is_live, holds) = watch::channel(false);
        let weak = sender.downgrade();
        let execution = Execution::begin(schema, asked, Stretch::Live(is_live));
        let task = tokio::spawn(answer(execution, sender));
        let group = Group {
            groups: Arc::downgrade(self),
            asked: Arc::clone(asked),
            news: weak,
            holds,
            task: task.abort_handle(),
        };
        Follower {
            group: Arc::new(group),
            news,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Weak<Group>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// None if the group has come to its end.
    fn join(self: &Arc<Self>) -> Option<Follower> {
        Some(Follower {
            news: self.news.upgrade()?.subscribe(),
            group: Arc::clone(self),
        })
    }
}

/// The last one turns off the light.
impl Drop for Group {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(groups) = self.groups.upgrade() {
            let mut groups = groups.lock();
            // Another may have begun under the same key.
            if groups
                .get(&self.asked.key)
                .is_some_and(|group| group.strong_count() == 0)
            {
                groups.remove(&self.asked.key);
            }
        }
    }
}

/// Puts together what is there at once, as far as it is not too much.
pub(super) fn chunks(frames: BoxStream<'static, Frame>) -> impl Stream<Item = Vec<Frame>> + Send {
    stream::unfold(frames.fuse(), async |mut frames| {
        let mut chunk = vec![frames.next().await?];
        let mut bytes = chunk[0].json.len();
        while chunk.len() < CHUNK && bytes < CHUNK_BYTES {
            let Some(Some(frame)) = frames.next().now_or_never() else {
                break;
            };
            bytes += frame.json.len();
            chunk.push(frame);
        }
        Some((chunk, frames))
    })
}

async fn answer(execution: Execution, news: broadcast::Sender<News>) {
    let watching = Arc::clone(&execution.watching);
    let mut chunks = pin!(chunks(execution.frames));
    // That nobody listens at the moment is no failure.
    while let Some(frames) = chunks.next().await {
        if frames.iter().any(|frame| frame.errors.is_some()) {
            // Each will be told by an execution of its own, if it is still so.
            return;
        }
        let _ = news.send(News::Frames(frames.into()));
    }
    if watching.progress().ended {
        let _ = news.send(News::End);
    }
}
