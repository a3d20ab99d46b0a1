//! What every resolver may reach for.

use std::sync::Arc;

use async_graphql::Context;

use super::{live::FeedRange, loaders::Loaders, page::PageLimits};
use crate::{
    auth::Principal,
    db::ScanBudget,
    feed::{ChangeFeed, FeedCursor},
    runs::{Result, Runs},
};

/// Access to what the schema was built over.
pub(super) trait LedgerContext {
    /// The ledger.
    fn runs(&self) -> &Runs;
    /// The change feed.
    fn feed(&self) -> &ChangeFeed;
    /// Lookups that are gathered into one statement.
    fn loaders(&self) -> &Loaders;
    /// How large a page may be.
    fn pages(&self) -> PageLimits;
    /// What the operation's scans have taken so far.
    fn scan_budget(&self) -> &ScanBudget;
    /// Who is asking.
    fn principal(&self) -> &Principal;
    /// Which part of what is subscribed to is to be delivered.
    fn feed_range(&self) -> Arc<FeedRange>;
}

impl LedgerContext for Context<'_> {
    fn runs(&self) -> &Runs {
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

    fn principal(&self) -> &Principal {
        self.data_unchecked::<Arc<Principal>>()
    }

    fn feed_range(&self) -> Arc<FeedRange> {
        Arc::clone(self.data_unchecked())
    }
}

/// The place in the feed, if the connection being resolved is asked for its `feedCursor`. Called before
/// the page is read, so that nothing falls between the two.
pub(super) async fn place_if_selected(ctx: &Context<'_>) -> Result<Option<FeedCursor>> {
    if ctx.look_ahead().field("feedCursor").exists() {
        Ok(Some(ctx.loaders().now().await?))
    } else {
        Ok(None)
    }
}
