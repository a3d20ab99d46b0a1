//! Following a topic in memory, as the tail publishes it.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    batch::{Batch, EndedRuns},
    tail::TailPosition,
    topic::{Delivery, Topic},
};

/// Everything of a topic that is committed after a position. It ends when it has lagged behind the tail, and
/// does not recover: its owner reads on from the table.
#[derive(Debug)]
pub(crate) struct LiveStream<T: Topic> {
    topic: T,
    batches: Receiver<Arc<Batch<T::Row>>>,
    /// The cursor after the last batch.
    cursor: T::Cursor,
    /// Number of the interval of the last batch.
    interval: u64,
    /// Why nothing follows the items of the last batch.
    end: Option<StreamEnd>,
    /// Items of the last batch.
    ready: VecDeque<Delivery<T>>,
}

/// Why a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// Nothing follows: the topic is complete, or the server is stopping.
    Complete,
    /// More follows after [`LiveStream::cursor`], but the tail no longer holds it, or the database was restored.
    Lagged,
}

impl<T: Topic> LiveStream<T> {
    pub(super) fn new(
        topic: T,
        start: &TailPosition,
        cursor: T::Cursor,
        batches: Receiver<Arc<Batch<T::Row>>>,
    ) -> Self {
        Self {
            topic,
            batches,
            cursor,
            interval: start.interval(),
            end: None,
            ready: VecDeque::new(),
        }
    }

    /// Returns the next item.
    ///
    /// # Errors
    /// Returns why there is none.
    pub(crate) async fn next(&mut self) -> Result<Delivery<T>, StreamEnd> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(delivery);
            }
            if let Some(end) = self.end {
                return Err(end);
            }
            match self.batches.recv().await {
                Ok(batch) if batch.is_restored => return Err(StreamEnd::Lagged),
                Ok(batch) => self.receive(&batch),
                Err(RecvError::Lagged(_)) => return Err(StreamEnd::Lagged),
                Err(RecvError::Closed) => return Err(StreamEnd::Complete),
            }
        }
    }

    /// Returns the cursor after everything received.
    pub(crate) fn cursor(&self) -> &T::Cursor {
        &self.cursor
    }

    /// Returns the number of the interval in which the last item was committed.
    pub(crate) fn interval(&self) -> u64 {
        self.interval
    }

    fn receive(&mut self, batch: &Batch<T::Row>) {
        if let Some(ended_runs) = &batch.ended_runs {
            if self.topic.is_completed_by(ended_runs) {
                self.end = Some(StreamEnd::Complete);
            } else if matches!(ended_runs, EndedRuns::All) {
                // The owner reads on from the cursor, and finds that it has expired.
                self.end = Some(StreamEnd::Lagged);
                return;
            }
        }
        self.ready.extend(self.topic.select(&batch.rows));
        self.cursor = batch.cursor.clone().into();
        self.interval = batch.interval;
    }
}
