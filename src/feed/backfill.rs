//! Backfill: a bounded read of a topic from the table.

use std::{collections::VecDeque, sync::Arc};

use super::{
    change_log::ChangeLog,
    retry::wait_if_unavailable,
    tail::{Tail, TailPosition},
    topic::{Delivery, Topic},
};
use crate::runs::Result;

/// Everything of a topic after a cursor that was committed by a position.
#[derive(Debug)]
pub(crate) struct Backfill<T: Topic> {
    log: Arc<ChangeLog>,
    tail: Tail,
    topic: T,
    /// The cursor to read from; `None` at the beginning of the topic.
    after: Option<T::Cursor>,
    upto: TailPosition,
    /// Nothing is added to the topic after `upto`.
    is_complete: bool,
    is_done: bool,
    ready: VecDeque<Delivery<T>>,
}

impl<T: Topic> Backfill<T> {
    pub(super) fn new(
        log: Arc<ChangeLog>,
        tail: Tail,
        topic: T,
        after: Option<T::Cursor>,
        upto: TailPosition,
    ) -> Self {
        Self {
            log,
            tail,
            topic,
            after,
            upto,
            is_complete: false,
            is_done: false,
            ready: VecDeque::new(),
        }
    }

    /// Returns the next item; `None` at the end. Waits while the database is unavailable.
    ///
    /// # Errors
    /// Returns [`Error::CursorExpired`](crate::runs::Error::CursorExpired) if the next changes have been
    /// pruned.
    pub(crate) async fn next(&mut self) -> Result<Option<Delivery<T>>> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            if self.is_done {
                return Ok(None);
            }
            if let Err(error) = self.read_page().await {
                wait_if_unavailable(error).await?;
            }
        }
    }

    /// Returns the cursor at the end.
    pub(crate) fn end(&self) -> T::Cursor {
        self.log.cursor_at(self.upto.commit.clone()).into()
    }

    /// Returns whether nothing follows the end; known after the last item.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Reads a page. If the topic is found complete at the end, the end moves to a position after its
    /// completion, so that the items up to there are read too.
    async fn read_page(&mut self) -> Result<()> {
        let page = self
            .topic
            .read(&self.log, self.after.as_ref(), &self.upto.commit)
            .await?;
        if page.is_last && !self.is_complete && self.topic.is_complete(&self.log).await? {
            self.upto = self.tail.position().await?;
            self.is_complete = true;
        } else {
            self.is_done = page.is_last;
        }
        self.after = Some(page.next);
        self.ready.extend(page.deliveries);
        Ok(())
    }
}
