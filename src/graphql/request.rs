//! A validated request.

use std::sync::Arc;

use async_graphql::{Request, parser::types::OperationType};

use super::{schema::AppSchema, validation::PreparedDocument};
use crate::auth::Principal;

/// A request that passed validation and can be executed.
pub struct PreparedRequest {
    pub(super) request: Request,
    pub(super) principal: Arc<Principal>,
    pub(super) document: Arc<PreparedDocument>,
    /// Validates and executes a document that has not been executed before. Whether its error messages
    /// suggest names depends on the principal.
    pub(super) schema: AppSchema,
    /// `None` if the request does not identify an operation; executing it returns the error.
    pub operation: Option<OperationType>,
    /// Cost in resolved fields; of a subscription, the cost of its start and one response. 0 if the
    /// request does not identify an operation.
    pub cost: u32,
}
