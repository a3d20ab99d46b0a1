//! One who watches changes: what it wants, and where it stands.

use std::{collections::VecDeque, sync::Arc};

use entity::SyncChangeKind;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    Change, Feed,
    cursor::{Cursor, Head},
    tail::{Attached, BATCH, Batch, Reached},
    wait_out,
};
use crate::runs::{error::Result, filter::RunFilter};

/// Which changes are wanted.
#[derive(Clone, Debug)]
pub struct Interest {
    /// Of these runs.
    pub filter: RunFilter,
    /// Of these kinds.
    pub kinds: Vec<SyncChangeKind>,
}

/// A change that is of interest.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The change.
    pub change: Arc<Change>,
    /// Whether the change left the run matching.
    pub matches_filter: bool,
}

impl Interest {
    /// Whether to deliver `change`: it left the run matching, or found it so. Both are judged by what
    /// the change did, not by what became of the run since, so that whoever reads it later, or
    /// through another replica, is told the same.
    fn takes(&self, change: &Arc<Change>) -> Option<Delivery> {
        if !self.kinds.contains(&change.kind()) {
            return None;
        }
        let matches_filter = self.filter.matches(&change.after);
        let did_match = || {
            change
                .before
                .as_ref()
                .is_some_and(|run| self.filter.matches(run))
        };
        (matches_filter || did_match()).then(|| Delivery {
            change: Arc::clone(change),
            matches_filter,
        })
    }
}

/// A subscription: [`ChangeSubscriber::next`] gives one delivery after the other.
#[derive(Debug)]
pub struct ChangeSubscriber {
    feed: Feed,
    interest: Interest,
    /// Behind all that was looked at.
    cursor: Cursor,
    state: State,
    ready: VecDeque<Delivery>,
}

#[derive(Debug)]
enum State {
    /// Fell behind the tail, and holds on to it anew.
    Detached,
    /// Reads the table from its cursor to where it holds on to the tail.
    CatchingUp(Attached<Change>),
    /// Takes what the tail reads.
    Following(Receiver<Arc<Batch<Change>>>),
}

impl ChangeSubscriber {
    pub(super) fn new(
        feed: Feed,
        interest: Interest,
        after: Option<Cursor>,
        attached: Attached<Change>,
    ) -> Self {
        let (cursor, state) = match after {
            Some(cursor) => (cursor, State::CatchingUp(attached)),
            None => (
                Cursor::at(feed.source.feed(), attached.head),
                State::Following(attached.batches),
            ),
        };
        Self {
            feed,
            interest,
            cursor,
            state,
            ready: VecDeque::new(),
        }
    }

    /// The next change of interest; None when the server stops.
    ///
    /// # Errors
    /// A defect; what was delivered stays delivered, and its cursors good.
    pub async fn next(&mut self) -> Result<Option<Delivery>> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            match self.advance().await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // Where it stands has not changed.
                Err(error) => wait_out(error).await?,
            }
        }
    }

    /// Takes one step; false when there is none any more.
    async fn advance(&mut self) -> Result<bool> {
        match &mut self.state {
            State::Detached => {
                self.state = State::CatchingUp(self.feed.tail.attach_to_changes().await?);
            }
            State::CatchingUp(attached) => {
                let head = attached.head.clone();
                self.catch_up(&head).await?;
            }
            State::Following(batches) => match batches.recv().await {
                Ok(batch) => self.follow(&batch),
                Err(RecvError::Lagged(_)) => self.state = State::Detached,
                Err(RecvError::Closed) => return Ok(false),
            },
        }
        Ok(true)
    }

    /// Reads one batch towards `head`: first what is left of the cursor's own interval, then the
    /// interval from there.
    async fn catch_up(&mut self, head: &Head) -> Result<()> {
        let (changes, more) = self.feed.source.changes(&self.cursor, BATCH).await?;
        self.take(&changes);
        match more {
            Some(cursor) => self.cursor = cursor,
            None if self.cursor.upto != *head => self.cursor = self.cursor.next_interval(head),
            None => {
                self.cursor = self.cursor.next_interval(head);
                if let State::CatchingUp(attached) =
                    std::mem::replace(&mut self.state, State::Detached)
                {
                    self.state = State::Following(attached.batches);
                }
            }
        }
        Ok(())
    }

    fn follow(&mut self, batch: &Batch<Change>) {
        self.take(&batch.items);
        if let Some(last) = batch.items.last() {
            self.cursor = last.cursor.clone();
        }
        if let Some(Reached { head, .. }) = &batch.reached {
            self.cursor = Cursor::at(self.cursor.feed(), head.clone());
        }
    }

    fn take(&mut self, changes: &[Arc<Change>]) {
        let wanted = changes
            .iter()
            .filter_map(|change| self.interest.takes(change));
        self.ready.extend(wanted);
    }
}
