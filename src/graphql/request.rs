//! A validated request.

use std::sync::Arc;

use async_graphql::{Response, Variables, parser::types::OperationType};

use super::{
    lossy_numbers::LossyNumbers,
    validation::{IntrospectionResults, PreparedDocument},
};
use crate::auth::Principal;

/// Why a request cannot be executed.
#[derive(Debug)]
pub enum PrepareError<E> {
    /// It is not valid; this is the response.
    Invalid(Box<Response>),
    /// Its work exceeds a limit of the caller.
    Limited(E),
}

/// A request that passed validation and can be executed.
pub struct PreparedRequest {
    /// The coerced variables.
    pub(super) variables: Variables,
    /// The numbers that cannot be stored exactly.
    pub(super) lossy_numbers: Arc<LossyNumbers>,
    pub(super) principal: Arc<Principal>,
    pub(super) document: Arc<PreparedDocument>,
    pub(super) introspection: IntrospectionResults,
    /// The type of the operation.
    pub operation: OperationType,
    /// Cost in resolved fields; of a subscription, the cost of its start and one response.
    pub cost: u32,
}
