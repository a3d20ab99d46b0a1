//! Subscribers who ask the same share one execution: each response is resolved and written once,
//! however many it is sent to.
//!
//! They are told rank after rank. All at once would be as many tasks that are ready to run, behind all of
//! which a report that comes meanwhile would wait.

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
    task::{self, AbortHandle},
};

use super::feed_range::RangeKind;
use super::{
    Execution, Frame,
    request::{Key, SharedRequest},
};

/// Responses sent at once if they are there at once, and their bytes.
const CHUNK: usize = 16;
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks kept for subscribers that are slow; one that falls behind further reads by itself.
const BACKLOG: usize = 64;
/// Subscribers who are told at once.
const SHARD_SIZE: usize = 16;

/// What the subscribers of a group are told.
#[derive(Clone, Debug)]
pub(super) enum Broadcast {
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
    pub(super) asked: Arc<SharedRequest>,
    ranks: Weak<Shards>,
    holds: watch::Receiver<bool>,
    task: AbortHandle,
}

/// The followers of a group.
#[derive(Default)]
struct Shards(Mutex<Vec<broadcast::Sender<Broadcast>>>);

impl Shards {
    fn join(&self) -> broadcast::Receiver<Broadcast> {
        let mut ranks = self.lock();
        if let Some(rank) = ranks.iter().find(|rank| rank.receiver_count() < SHARD_SIZE) {
            return rank.subscribe();
        }
        let (rank, news) = broadcast::channel(BACKLOG);
        ranks.push(rank);
        news
    }

    async fn tell(&self, news: &Broadcast) {
        let mut told = 0;
        while let Some(rank) = self.nth(told) {
            if told > 0 {
                task::yield_now().await;
            }
            // That nobody listens at the moment is no failure.
            let _ = rank.send(news.clone());
            told += 1;
        }
    }

    fn nth(&self, number: usize) -> Option<broadcast::Sender<Broadcast>> {
        self.lock().get(number).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<broadcast::Sender<Broadcast>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of a group.
pub(super) struct Member {
    pub(super) group: Arc<Group>,
    /// What is answered since it joined.
    pub(super) news: broadcast::Receiver<Broadcast>,
}

impl Groups {
    /// Joins those who ask the same, or begins a group. Whatever is committed once this is done, the
    /// follower will be told, unless the group fails; then its news end.
    pub(super) async fn join(self: &Arc<Self>, asked: &Arc<SharedRequest>) -> Member {
        // Let go of when the groups are no longer locked, since its end may lock them.
        let existing;
        let follower = {
            let mut groups = self.lock();
            existing = groups.get(&asked.key).and_then(Weak::upgrade);
            existing.as_ref().and_then(Group::join).unwrap_or_else(|| {
                let follower = self.begin(asked);
                groups.insert(asked.key.clone(), Arc::downgrade(&follower.group));
                follower
            })
        };
        let mut holds = follower.group.holds.clone();
        // An error says that the group has failed.
        let _ = holds.wait_for(|holds| *holds).await;
        follower
    }

    fn begin(self: &Arc<Self>, asked: &Arc<SharedRequest>) -> Member {
        let ranks = Arc::new(Shards::default());
        let news = ranks.join();
        let (is_live, holds) = watch::channel(false);
        let weak = Arc::downgrade(&ranks);
        let execution = Execution::begin(asked, RangeKind::Live(is_live));
        let task = tokio::spawn(answer(execution, ranks));
        let group = Group {
            groups: Arc::downgrade(self),
            asked: Arc::clone(asked),
            ranks: weak,
            holds,
            task: task.abort_handle(),
        };
        Member {
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
    fn join(self: &Arc<Self>) -> Option<Member> {
        Some(Member {
            news: self.ranks.upgrade()?.join(),
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

async fn answer(execution: Execution, ranks: Arc<Shards>) {
    let watching = Arc::clone(&execution.watching);
    let mut chunks = pin!(chunks(execution.frames));
    while let Some(frames) = chunks.next().await {
        if frames.iter().any(|frame| frame.errors.is_some()) {
            // Each will be told by an execution of its own, if it is still so.
            return;
        }
        ranks.tell(&Broadcast::Frames(frames.into())).await;
    }
    if watching.progress().ended {
        ranks.tell(&Broadcast::End).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_ranks_are_told_and_those_who_leave_make_room() {
        let ranks = Shards::default();
        let mut followers: Vec<_> = (0..=SHARD_SIZE).map(|_| ranks.join()).collect();
        assert_eq!(ranks.lock().len(), 2);
        followers.swap_remove(0);
        followers.push(ranks.join());
        assert_eq!(ranks.lock().len(), 2);
        ranks.tell(&Broadcast::End).await;
        for follower in &mut followers {
            assert!(matches!(follower.try_recv(), Ok(Broadcast::End)));
        }
    }
}
