//! What resolvers access through their context.

use std::sync::Arc;

use async_graphql::Context;

use super::{
    live::{FeedRange, FreshnessSource},
    loaders::Loaders,
    lossy_numbers::LossyNumbers,
    types::pagination::PageLimits,
};
use crate::{
    auth::Principal,
    db::ScanBudget,
    events::Events,
    feed::{ChangeFeed, FeedCursor, FreshnessChanges},
    runs::{Result, Runs},
};

/// Typed access to the data of the schema and the request.
pub(crate) trait ContextExt {
    /// Returns the runs.
    fn runs(&self) -> &Runs;
    /// Returns the events of the runs.
    fn events(&self) -> &Events;
    /// Returns the change feed.
    fn feed(&self) -> &ChangeFeed;
    /// Returns the data loaders.
    fn loaders(&self) -> &Loaders;
    /// Returns the bounds of page sizes.
    fn pages(&self) -> PageLimits;
    /// Returns the time that the operation's unindexed reads have left.
    fn scan_budget(&self) -> &ScanBudget;
    /// Returns the numbers of the request that cannot be stored exactly.
    fn lossy_numbers(&self) -> &LossyNumbers;
    /// Returns the authenticated principal of the request.
    fn principal(&self) -> &Principal;
    /// Returns the range of the feed that this execution of a subscription delivers.
    fn feed_range(&self) -> Arc<FeedRange>;
    /// Returns the changes of freshness that this execution of a subscription delivers; `None` after the first call.
    fn take_freshness_changes(&self) -> Option<FreshnessChanges>;
}

impl ContextExt for Context<'_> {
    fn runs(&self) -> &Runs {
        self.data_unchecked()
    }

    fn events(&self) -> &Events {
        self.data_unchecked()
    }

    fn feed(&self) -> &ChangeFeed {
        self.data_unchecked()
    }

    fn loaders(&self) -> &Loaders {
        self.data_unchecked()
    }

    fn pages(&self) -> PageLimits {
        *self.data_unchecked()
    }

    fn scan_budget(&self) -> &ScanBudget {
        self.data_unchecked()
    }

    fn lossy_numbers(&self) -> &LossyNumbers {
        self.data_unchecked::<Arc<LossyNumbers>>()
    }

    fn principal(&self) -> &Principal {
        self.data_unchecked::<Arc<Principal>>()
    }

    fn feed_range(&self) -> Arc<FeedRange> {
        Arc::clone(self.data_unchecked())
    }

    fn take_freshness_changes(&self) -> Option<FreshnessChanges> {
        self.data_opt::<FreshnessSource>()?.take()
    }
}

/// Returns the feed's current position if the connection selects `feedCursor`. It must be read before
/// the page: a change committed in between then appears in both, instead of in neither.
pub(crate) async fn feed_cursor_if_selected(ctx: &Context<'_>) -> Result<Option<FeedCursor>> {
    if ctx.look_ahead().field("feedCursor").exists() {
        Ok(Some(ctx.feed().now().await?))
    } else {
        Ok(None)
    }
}
