//! Topics: what can be subscribed to.

use std::{fmt::Debug, future::Future, sync::Arc};

use tokio::sync::broadcast::Sender;

use super::{
    batch::{Batch, Channels, EndedRuns},
    change_log::ChangeLog,
    position::FeedCursor,
};
use crate::{runs::Result, store::FeedPosition};

/// A selection of the rows of one table, and how they are delivered.
pub(crate) trait Topic: Debug + Send + Sync {
    /// A row of the table.
    type Row: Debug + Send + Sync + 'static;
    /// What is delivered for a row.
    type Item: Debug + Send;
    /// A position from which the topic can be resumed.
    type Cursor: Clone + Debug + From<FeedCursor> + Send + Sync;

    /// Returns the tail's channel for the table.
    fn channel(channels: &Channels) -> &Sender<Arc<Batch<Self::Row>>>;

    /// Validates that the topic exists and can be read after `after`, or from its beginning.
    fn validate(
        &self,
        log: &ChangeLog,
        after: Option<&Self::Cursor>,
        now: &FeedPosition,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Reads a page after `after`, or from the beginning of the topic, of what was committed by `upto`.
    fn read(
        &self,
        log: &ChangeLog,
        after: Option<&Self::Cursor>,
        upto: &FeedPosition,
    ) -> impl Future<Output = Result<Page<Self>>> + Send;

    /// Selects the rows of this topic.
    fn select(&self, rows: &[Arc<Self::Row>]) -> Vec<Delivery<Self>>;

    /// Returns whether the topic is complete once these runs have ended.
    fn is_completed_by(&self, ended_runs: &EndedRuns) -> bool;

    /// Returns whether nothing will be added to the topic any more.
    fn is_complete(&self, log: &ChangeLog) -> impl Future<Output = Result<bool>> + Send;
}

/// An item of a topic.
#[derive(Debug)]
pub(crate) struct Delivery<T: Topic + ?Sized> {
    /// Position after the item.
    pub(crate) cursor: T::Cursor,
    pub(crate) item: T::Item,
}

/// Items that were read together.
#[derive(Debug)]
pub(crate) struct Page<T: Topic + ?Sized> {
    pub(super) deliveries: Vec<Delivery<T>>,
    /// The cursor to continue from.
    pub(super) next: T::Cursor,
    /// Whether everything has been read.
    pub(super) is_last: bool,
}
