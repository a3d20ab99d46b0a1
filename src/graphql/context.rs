//! What every resolver may reach for.

use async_graphql::Context;

use super::{loaders::Loaders, page::PageLimits};
use crate::runs::Runs;

/// Access to what the schema was built over.
pub(super) trait LedgerContext {
    /// The ledger.
    fn runs(&self) -> &Runs;
    /// Lookups that are gathered into one statement.
    fn loaders(&self) -> &Loaders;
    /// How large a page may be.
    fn pages(&self) -> PageLimits;
}

impl LedgerContext for Context<'_> {
    fn runs(&self) -> &Runs {
        self.data_unchecked()
    }

    fn loaders(&self) -> &Loaders {
        self.data_unchecked()
    }

    fn pages(&self) -> PageLimits {
        *self.data_unchecked()
    }
}
