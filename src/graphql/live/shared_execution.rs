//! Executions shared by the subscribers of the same request: each response is resolved and serialised
//! once, however many subscribers receive it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::StreamExt;
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    task::AbortHandle,
};

use super::{
    execution::Execution,
    fan_out::{Broadcast, Shards},
    feed_range::{RangeEnd, RangeKind},
    request::{RequestKey, SharedRequest},
};

/// The shared executions, by request.
#[derive(Default)]
pub(super) struct SharedExecutions(Mutex<HashMap<RequestKey, Weak<SharedExecution>>>);

/// An execution that follows the feed. It ends when its last member leaves, when it has lagged behind the
/// tail, or when it fails.
pub(super) struct SharedExecution {
    executions: Weak<SharedExecutions>,
    request: Arc<SharedRequest>,
    /// Owned by the task, so that members notice when it fails.
    shards: Weak<Shards>,
    /// Whether the execution follows the feed yet.
    attached: watch::Receiver<bool>,
    task: AbortHandle,
}

/// A member of a shared execution, which runs until its last member is dropped.
pub(super) struct Member {
    execution: Arc<SharedExecution>,
    messages: broadcast::Receiver<Broadcast>,
}

impl Member {
    /// Returns the request of the shared execution.
    pub(super) fn request(&self) -> &Arc<SharedRequest> {
        &self.execution.request
    }

    /// Receives the next message since the member has joined.
    ///
    /// # Errors
    /// Returns [`RecvError::Lagged`] if the member has lagged, and [`RecvError::Closed`] if the execution
    /// has failed.
    pub(super) async fn recv(&mut self) -> Result<Broadcast, RecvError> {
        self.messages.recv().await
    }
}

impl SharedExecutions {
    /// Joins the execution of a request, or starts it. Everything committed after the return reaches the
    /// member, unless the execution fails.
    pub(super) async fn join(self: &Arc<Self>, request: &Arc<SharedRequest>) -> Member {
        // Dropped after the lock is released, since dropping the last reference takes the lock.
        let running;
        let member = {
            let mut executions = self.lock();
            running = executions.get(&request.key).and_then(Weak::upgrade);
            let joined = running.as_ref().and_then(SharedExecution::join);
            joined.unwrap_or_else(|| {
                let member = self.start(request);
                executions.insert(request.key.clone(), Arc::downgrade(&member.execution));
                member
            })
        };
        let mut attached = member.execution.attached.clone();
        // An error means that the execution has failed; the member will notice.
        let _ = attached.wait_for(|attached| *attached).await;
        member
    }

    fn start(self: &Arc<Self>, request: &Arc<SharedRequest>) -> Member {
        let (shards, messages) = Shards::new();
        let shards = Arc::new(shards);
        let (sender, attached) = watch::channel(false);
        let weak = Arc::downgrade(&shards);
        let execution = Execution::start(request, RangeKind::Live(sender));
        let task = tokio::spawn(run(execution, shards));
        let execution = SharedExecution {
            executions: Arc::downgrade(self),
            request: Arc::clone(request),
            shards: weak,
            attached,
            task: task.abort_handle(),
        };
        Member {
            execution: Arc::new(execution),
            messages,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequestKey, Weak<SharedExecution>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedExecution {
    /// Adds a member; returns `None` if the execution has ended.
    fn join(self: &Arc<Self>) -> Option<Member> {
        Some(Member {
            messages: self.shards.upgrade()?.join()?,
            execution: Arc::clone(self),
        })
    }
}

impl Drop for SharedExecution {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(executions) = self.executions.upgrade() {
            let mut executions = executions.lock();
            // Another one may have been started for the same request.
            if executions
                .get(&self.request.key)
                .is_some_and(|execution| execution.strong_count() == 0)
            {
                executions.remove(&self.request.key);
            }
        }
    }
}

/// Sends the frames of an execution to the members.
async fn run(mut execution: Execution, shards: Arc<Shards>) {
    while let Some(frames) = execution.chunks.next().await {
        if frames.iter().any(|frame| frame.errors.is_some()) {
            // Each member backfills on its own, and reports the error if it persists.
            return;
        }
        shards.send(&Broadcast::Frames(frames.into())).await;
    }
    match execution.range.end() {
        Some(RangeEnd::Complete) => shards.close(&Broadcast::Complete).await,
        Some(RangeEnd::Lagged(resume)) => shards.close(&Broadcast::Lagged(resume)).await,
        Some(RangeEnd::Reached(_)) | None => {}
    }
}
