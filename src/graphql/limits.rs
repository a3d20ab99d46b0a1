//! Limits on operations.

use std::time::Duration;

use super::{
    response::ResponseLimits, types::pagination::PageLimits, validation::limits::DocumentLimits,
};

/// Limits on operations.
#[derive(Clone, Copy, Debug)]
pub struct GraphqlLimits {
    /// Page sizes.
    pub pages: PageLimits,
    /// Size and complexity of documents.
    pub documents: DocumentLimits,
    /// Bytes of responses.
    pub responses: ResponseLimits,
    /// Timeout of a query or mutation.
    pub operation_time: Duration,
    /// Whether introspection is enabled.
    pub introspection: bool,
    /// Whether validation errors suggest similar names.
    pub suggestions: bool,
    /// Time within which a subscriber that fell behind must catch up.
    pub catch_up_time: Duration,
}

impl Default for GraphqlLimits {
    fn default() -> Self {
        Self {
            pages: PageLimits::default(),
            documents: DocumentLimits::default(),
            responses: ResponseLimits::default(),
            operation_time: Duration::from_secs(30),
            introspection: true,
            suggestions: true,
            catch_up_time: Duration::from_mins(1),
        }
    }
}
