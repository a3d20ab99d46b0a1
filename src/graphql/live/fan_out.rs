//! Fan-out of a shared execution's messages to its members, one shard of members after the other. Sent to
//! all members at once, a message would make as many tasks ready to run, and a request that arrives
//! meanwhile would wait for all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{sync::broadcast, task};

use super::{feed_range::ResumePoint, frame::Frame};

/// Messages kept for slow members; one that is further behind has lagged.
const BACKLOG: usize = 64;
/// Maximum number of members in a shard.
const SHARD_SIZE: usize = 16;

/// A message to the members of a shared execution.
#[derive(Clone, Debug)]
pub(super) enum Broadcast {
    /// The next frames.
    Frames(Arc<[Frame]>),
    /// The execution has ended, and nothing follows.
    Complete,
    /// The execution has ended because it has lagged behind the tail.
    Lagged(ResumePoint),
}

/// The members of a shared execution, in shards; `None` once the execution has ended.
pub(super) struct Shards(Mutex<Option<Vec<broadcast::Sender<Broadcast>>>>);

impl Shards {
    /// Creates the shards, and their first member.
    pub(super) fn new() -> (Self, broadcast::Receiver<Broadcast>) {
        let (shard, receiver) = broadcast::channel(BACKLOG);
        (Self(Mutex::new(Some(vec![shard]))), receiver)
    }

    /// Adds a member; returns `None` if the execution has ended.
    pub(super) fn join(&self) -> Option<broadcast::Receiver<Broadcast>> {
        let mut shards = self.lock();
        let shards = shards.as_mut()?;
        let free = shards
            .iter()
            .find(|shard| shard.receiver_count() < SHARD_SIZE);
        if let Some(shard) = free {
            return Some(shard.subscribe());
        }
        let (shard, receiver) = broadcast::channel(BACKLOG);
        shards.push(shard);
        Some(receiver)
    }

    /// Sends a message to all members.
    pub(super) async fn send(&self, message: &Broadcast) {
        let mut index = 0;
        while let Some(shard) = self.get(index) {
            if index > 0 {
                task::yield_now().await;
            }
            // A shard without members is no failure.
            let _ = shard.send(message.clone());
            index += 1;
        }
    }

    /// Sends the last message, after no member can join any more.
    pub(super) async fn close(&self, message: &Broadcast) {
        let shards = self.lock().take().unwrap_or_default();
        for shard in shards {
            let _ = shard.send(message.clone());
            task::yield_now().await;
        }
    }

    fn get(&self, index: usize) -> Option<broadcast::Sender<Broadcast>> {
        self.lock().as_ref()?.get(index).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<broadcast::Sender<Broadcast>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_reach_all_shards_and_members_who_leave_are_replaced() {
        let (shards, first) = Shards::new();
        let mut members = vec![first];
        members.extend((0..SHARD_SIZE).map(|_| shards.join().unwrap()));
        let count = || shards.lock().as_ref().unwrap().len();
        assert_eq!(count(), 2);
        members.swap_remove(0);
        members.push(shards.join().unwrap());
        assert_eq!(count(), 2);
        shards.send(&Broadcast::Complete).await;
        for member in &mut members {
            assert!(matches!(member.try_recv(), Ok(Broadcast::Complete)));
        }
    }

    #[tokio::test]
    async fn nobody_joins_an_execution_that_has_ended() {
        let (shards, mut member) = Shards::new();
        shards.close(&Broadcast::Complete).await;
        assert!(matches!(member.recv().await, Ok(Broadcast::Complete)));
        assert!(member.recv().await.is_err());
        assert!(shards.join().is_none());
    }
}
