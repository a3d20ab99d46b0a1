//! Request execution, independent of the transport.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{
    Name, Pos, Request, Response, ServerError, Value, indexmap::IndexMap,
    parser::types::OperationType,
};
use futures_util::{FutureExt, Stream};
use tokio::time;
use tracing::warn;

use super::{
    admission::{self, Admission},
    error::{ErrorCode, error_response, rate_limited, sanitize},
    limits::GraphqlLimits,
    live::{LiveSubscriptions, Output},
    loaders::Loaders,
    lossy_numbers::LossyNumbers,
    request::{PrepareError, PreparedRequest},
    response::{ResponseBudget, ResponseBytes, panicked, was_executed, write, write_errors},
    schema::{self, AppSchema},
    spawn_on_drop::SpawnOnDrop,
    validation::{IntrospectionResults, Validated, ValidationError, Validator},
};
use crate::{
    auth::{Principal, Scope},
    db::{ScanBudget, on_behalf_of},
    feed::ChangeFeed,
    request_id::RequestId,
    runs::Runs,
};

/// Characters of an error message in the audit log.
const MAX_AUDIT_REASON: usize = 200;

/// Validates and executes requests.
#[derive(Clone)]
pub struct Executor {
    schema: AppSchema,
    live: Arc<LiveSubscriptions>,
    validator: Arc<Validator>,
    responses: Arc<ResponseBytes>,
    admission: Admission,
    operation_timeout: Duration,
    /// Whether error messages suggest similar names.
    suggestions: bool,
}

impl Executor {
    /// Creates an executor over the runs of a database.
    #[must_use]
    pub fn new(runs: Runs, feed: ChangeFeed, limits: GraphqlLimits) -> Self {
        let loaders = Loaders::new(&runs);
        let live = LiveSubscriptions::new(runs.clone(), feed.clone(), limits.catch_up_time);
        Self {
            schema: schema::build(runs, feed, loaders, &limits),
            live: Arc::new(live),
            validator: Arc::new(Validator::new(&limits)),
            responses: ResponseBytes::new(limits.responses),
            admission: Admission::new(),
            operation_timeout: limits.operation_time,
            suggestions: limits.suggestions,
        }
    }

    /// Validates a request. Error messages suggest names of the schema only to those who may read. `spend` is called
    /// with the complexity of parsing its document before that is done, unless the document is cached.
    ///
    /// # Errors
    /// Returns the response to a request that is not valid, or the error of `spend`.
    pub fn prepare<E>(
        &self,
        request: Request,
        principal: &Arc<Principal>,
        spend: impl FnOnce(u32) -> Result<(), E>,
    ) -> Result<PreparedRequest, PrepareError<E>> {
        let suggest = self.suggestions && principal.has_scope(Scope::Read);
        let lossy_numbers = LossyNumbers::of(&request);
        let validated = self.validator.validate(request, suggest, spend);
        let Validated {
            document,
            variables,
            cost,
            introspection,
        } = validated.map_err(|error| match error {
            ValidationError::Invalid(errors) => {
                PrepareError::Invalid(Box::new(reject(errors, principal)))
            }
            ValidationError::Limited(error) => PrepareError::Limited(error),
        })?;
        Ok(PreparedRequest {
            variables,
            lossy_numbers,
            principal: Arc::clone(principal),
            operation: document.operation_type,
            document,
            introspection,
            cost,
        })
    }

    /// Executes a query or mutation. `slot` is dropped once the execution ends:
    /// that of a mutation goes on after this is cancelled.
    pub async fn execute(
        &self,
        prepared: PreparedRequest,
        slot: impl Send + 'static,
    ) -> ExecutedRequest {
        let is_mutation = prepared.operation == OperationType::Mutation;
        let budget = self.responses.budget(&prepared.principal.id, is_mutation);
        let user = Arc::clone(&prepared.principal.id);
        let operation = match self.admission.admit(&user) {
            Ok(operation) => operation,
            Err(error) => {
                let response = rate_limited(error.to_string(), admission::RETRY_AFTER);
                return ExecutedRequest { response, budget };
            }
        };
        let turn = self.admission.turn(&user, prepared.cost);
        let execution = execute(
            self.schema.clone(),
            prepared,
            Arc::clone(&budget),
            (slot, operation),
        );
        // Boxed, since it is moved several times.
        let execution = Box::pin(on_behalf_of(Arc::clone(&user), execution));
        let execution = async {
            if is_mutation {
                // A mutation runs to completion, even if the client disconnects.
                match RequestId::current() {
                    Some(id) => SpawnOnDrop::new(id.scope(execution)).await,
                    None => SpawnOnDrop::new(execution).await,
                }
            } else {
                let _turn = turn.await;
                execution.await
            }
        };
        let executed = time::timeout(self.operation_timeout, execution).await;
        let response = executed.unwrap_or_else(|_| {
            let timeout = self.operation_timeout;
            warn!(?timeout, "an operation timed out");
            let message = format!("the operation took longer than {timeout:?}; request less data");
            error_response(ErrorCode::Unavailable, message)
        });
        ExecutedRequest { response, budget }
    }

    /// Starts a subscription: what is committed after this returns is delivered. A client that
    /// reconnects passes the cursor it received last, which replaces the `after` argument of the request.
    ///
    /// # Errors
    /// Returns the response to the request if the database is unavailable.
    pub async fn subscribe(
        &self,
        prepared: PreparedRequest,
        last: Option<String>,
    ) -> Result<impl Stream<Item = Output> + Send + use<>, Box<Response>> {
        let schema = self.schema.clone();
        let output = self.live.subscribe(schema, prepared, last).await;
        output.map_err(|error| {
            let error = async_graphql::Error::from(error).into_server_error(Pos::default());
            Box::new(sanitize(Response::from_errors(vec![error])))
        })
    }
}

/// The response to a query or mutation.
#[derive(Debug)]
pub struct ExecutedRequest {
    /// Parts of it are serialised already.
    response: Response,
    budget: Arc<ResponseBudget>,
}

impl ExecutedRequest {
    /// Returns the response if the request was not executed.
    #[must_use]
    pub fn rejection(&self) -> Option<&Response> {
        (!was_executed(&self.response)).then_some(&self.response)
    }

    /// Serialises the response.
    #[must_use]
    pub fn write(&self) -> String {
        write(&self.response)
    }

    /// Serialises the errors of the response.
    #[must_use]
    pub fn write_errors(&self) -> String {
        write_errors(&self.response)
    }

    /// Returns the budget of the response, to be held until the response is sent.
    #[must_use]
    pub fn into_budget(self) -> Arc<ResponseBudget> {
        self.budget
    }
}

/// Logs a rejected request, and returns the response to it.
fn reject(errors: Vec<ServerError>, principal: &Principal) -> Response {
    let first = errors.first().map_or("", |error| error.message.as_str());
    let reason: String = first.chars().take(MAX_AUDIT_REASON).collect();
    warn!(target: "audit", actor = &*principal.id, reason, "request rejected");
    sanitize(Response::from_errors(errors))
}

async fn execute(
    schema: AppSchema,
    prepared: PreparedRequest,
    budget: Arc<ResponseBudget>,
    _slots: impl Send,
) -> Response {
    let document = &prepared.document;
    let request = document
        .to_request(&prepared.variables)
        .data(ScanBudget::default())
        .data(prepared.principal)
        .data(prepared.lossy_numbers)
        .data(budget);
    // A panic of a resolver is logged, and does not close the connection.
    let execution = AssertUnwindSafe(schema.execute(request)).catch_unwind();
    let Ok(mut response) = execution.await else {
        return panicked();
    };
    insert_introspection(&mut response, prepared.introspection);
    document.shape.apply(&mut response);
    sanitize(response)
}

/// Adds the results of introspection to the response to a query.
fn insert_introspection(response: &mut Response, results: IntrospectionResults) {
    response.errors.extend(results.errors);
    if results.data.is_empty() {
        return;
    }
    if response.data == Value::Null {
        response.data = Value::Object(IndexMap::new());
    }
    if let Value::Object(fields) = &mut response.data {
        let results = results.data.into_iter();
        fields.extend(results.map(|(key, value)| (Name::new(key), value)));
    }
}
