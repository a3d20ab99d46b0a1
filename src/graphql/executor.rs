//! Request execution, independent of the transport.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{Request, Response, ServerError, ValidationMode, parser::types::OperationType};
use futures_util::{FutureExt, Stream};
use tokio::time;
use tracing::warn;

use super::{
    error::{ErrorCode, error_response, sanitize},
    limits::GraphqlLimits,
    live::{LiveSubscriptions, Output},
    loaders::Loaders,
    request::PreparedRequest,
    response::{complete, panicked, was_executed},
    schema::{self, AppSchema},
    spawn_on_drop::SpawnOnDrop,
    validation::{Validated, Validator},
};
use crate::{
    auth::{Principal, Scope},
    db::ScanBudget,
    feed::ChangeFeed,
    runs::Runs,
};

/// Characters of an error message in the audit log.
const MAX_AUDIT_REASON: usize = 200;

/// Validates and executes requests.
#[derive(Clone)]
pub struct Executor {
    schema: AppSchema,
    /// Its error messages suggest no names, which would disclose parts of the schema.
    schema_without_suggestions: AppSchema,
    /// Skips async-graphql's validation, for documents that have been executed before.
    schema_fast: AppSchema,
    live: Arc<LiveSubscriptions>,
    validator: Arc<Validator>,
    operation_timeout: Duration,
}

impl Executor {
    /// Creates an executor over the runs of a database.
    #[must_use]
    pub fn new(runs: Runs, feed: ChangeFeed, limits: GraphqlLimits) -> Self {
        let loaders = Loaders::new(&runs, feed.clone());
        let live = LiveSubscriptions::new(feed.clone(), limits.catch_up_time);
        let schema = move |limits, mode| {
            schema::build(runs.clone(), feed.clone(), loaders.clone(), &limits, mode)
        };
        let without_suggestions = GraphqlLimits {
            suggestions: false,
            ..limits
        };
        let validator = Validator::new(&schema::sdl(), limits.documents, limits.pages);
        Self {
            schema: schema(limits, ValidationMode::Strict),
            schema_without_suggestions: schema(without_suggestions, ValidationMode::Strict),
            schema_fast: schema(without_suggestions, ValidationMode::Fast),
            live: Arc::new(live),
            validator: Arc::new(validator),
            operation_timeout: limits.operation_time,
        }
    }

    /// Validates a request as far as possible without executing it.
    ///
    /// # Errors
    /// Returns the response to a request that is not valid.
    pub fn prepare(
        &self,
        mut request: Request,
        principal: &Arc<Principal>,
        request_id: &str,
    ) -> Result<PreparedRequest, Box<Response>> {
        let variables = std::mem::take(&mut request.variables);
        let validated = self.validator.validate(&mut request, &variables);
        request.variables = variables;
        let Validated {
            operation,
            cost,
            document,
        } = validated.map_err(|error| Box::new(reject(error, principal, request_id)))?;
        let schema = if principal.has_scope(Scope::Read) {
            &self.schema
        } else {
            &self.schema_without_suggestions
        };
        Ok(PreparedRequest {
            request: request
                .data(Arc::clone(principal))
                .data(document.encoding)
                .data(ScanBudget::default()),
            principal: Arc::clone(principal),
            document,
            schema: schema.clone(),
            operation,
            cost,
        })
    }

    /// Executes a query or mutation, and logs server errors under `request_id`.
    ///
    /// Parts of the response are serialised already: only [`write`](super::write) can serialise it.
    pub async fn execute(&self, prepared: PreparedRequest, request_id: &str) -> Response {
        let is_mutation = prepared.operation == Some(OperationType::Mutation);
        let schema = if prepared.document.has_executed() {
            self.schema_fast.clone()
        } else {
            prepared.schema.clone()
        };
        let execution = execute(schema, prepared, request_id.to_owned());
        let execution = async {
            if is_mutation {
                // A mutation runs to completion, even if the client disconnects.
                SpawnOnDrop::new(execution).await
            } else {
                execution.await
            }
        };
        let executed = time::timeout(self.operation_timeout, execution).await;
        executed.unwrap_or_else(|_| {
            warn!(request_id, "an operation timed out");
            let timeout = self.operation_timeout;
            let message = format!("the operation took longer than {timeout:?}; request less data");
            error_response(ErrorCode::Unavailable, message)
        })
    }

    /// Executes a subscription. A client that reconnects passes the cursor it received last, which
    /// replaces the `after` argument of the request.
    pub fn subscribe(
        &self,
        prepared: PreparedRequest,
        last: Option<String>,
        request_id: String,
    ) -> impl Stream<Item = Output> + Send + use<> {
        self.live.subscribe(prepared, request_id, last)
    }
}

/// Logs a rejected request, and returns the response to it.
fn reject(error: ServerError, principal: &Principal, request_id: &str) -> Response {
    let reason: String = error.message.chars().take(MAX_AUDIT_REASON).collect();
    warn!(target: "audit", actor = principal.id, reason, "request rejected");
    sanitize(Response::from_errors(vec![error]), request_id)
}

async fn execute(schema: AppSchema, prepared: PreparedRequest, request_id: String) -> Response {
    // A panic of a resolver is logged, and does not close the connection.
    let execution = AssertUnwindSafe(schema.execute(prepared.request)).catch_unwind();
    match execution.await {
        Ok(response) => {
            let document = prepared.document;
            if was_executed(&response) {
                document.mark_executed();
            }
            complete(response, &document.shape, &request_id)
        }
        Err(_) => panicked(&request_id),
    }
}
