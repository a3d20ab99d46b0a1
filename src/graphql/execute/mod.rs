//! Executing requests: what leaves here is fit for any transport.

#[cfg(test)]
mod attacks;
mod checks;
mod cost;
#[cfg(test)]
mod costs;
mod counts;
mod document;
mod given;
mod known;
mod limits;
mod live;
mod merging;
mod prices;
mod shape;
mod text;
mod variables;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{
    Request, Response, ServerError, ValidationMode, Value,
    parser::{
        parse_schema,
        types::{OperationType, TypeKind, TypeSystemDefinition},
    },
};
use futures_util::{FutureExt, Stream};
use tokio::time;
use tracing::{error, warn};

use super::{
    LedgerSchema, Limits,
    error::{ErrorCode, refused, seal},
    goes_on::GoesOn,
    loaders::Loaders,
};
use crate::{
    access::{Principal, Scope},
    db::ScanBudget,
    runs::Runs,
};
use checks::{Checked, Checks};
use known::Document;
use live::Live;
use shape::Shape;

pub use limits::DocumentLimits;
pub use live::{Frame, Said};

/// The schema over a ledger, and what may be asked of it and answered.
#[derive(Clone)]
pub struct Executor {
    schema: LedgerSchema,
    /// The same, which takes a document's word for it that it fits.
    trusting: LedgerSchema,
    live: Arc<Live>,
    checks: Arc<Checks>,
    operation_time: Duration,
    suggestions: bool,
}

/// A request that may be executed.
pub struct Prepared {
    request: Request,
    principal: Arc<Principal>,
    document: Arc<Document>,
    /// Whether names may be suggested in answer.
    suggestions: bool,
    /// None if it cannot be told which operation is meant; execution will say so.
    pub operation: Option<OperationType>,
    /// What the operation costs, in fields resolved; a subscription, to begin it and for one
    /// response. Nothing if it cannot be told which operation is meant.
    pub cost: u32,
}

impl Executor {
    /// Makes requests executable on a ledger.
    #[must_use]
    pub fn new(runs: Runs, limits: Limits) -> Self {
        let feed = runs.feed().clone();
        let loaders = Loaders::new(runs.clone());
        let trusting = super::schema(runs.clone(), loaders.clone(), &limits, ValidationMode::Fast);
        let schema = super::schema(runs, loaders, &limits, ValidationMode::Strict);
        Self {
            live: Arc::new(Live::new(schema.clone(), feed, limits.catch_up_time)),
            schema,
            trusting,
            checks: Arc::new(Checks::new(limits)),
            operation_time: limits.operation_time,
            suggestions: limits.suggestions,
        }
    }

    /// Checks a request of this principal's as far as can be done without executing it.
    ///
    /// # Errors
    /// The answer to a request that will not be executed.
    pub fn prepare(
        &self,
        mut request: Request,
        principal: &Arc<Principal>,
        request_id: &str,
    ) -> Result<Prepared, Box<Response>> {
        let variables = std::mem::take(&mut request.variables);
        let checked = self.checks.check(&mut request, &variables);
        request.variables = variables;
        let refused = |error: ServerError| {
            let response = seal(Response::from_errors(vec![error]), request_id);
            let reason: String = response.errors[0].message.chars().take(200).collect();
            warn!(target: "audit", actor = principal.id, reason, "not executed");
            Box::new(response)
        };
        let Checked {
            operation,
            cost,
            document,
        } = checked.map_err(refused)?;
        Ok(Prepared {
            request: request
                .data(Arc::clone(principal))
                .data(document.form)
                .data(ScanBudget::default()),
            principal: Arc::clone(principal),
            suggestions: self.suggestions && principal.may(Scope::Read),
            document,
            operation,
            cost,
        })
    }

    /// Executes a query or mutation. Failures of the server are logged under `request_id`. The answer is to
    /// be written by [`write`](super::write): parts of it are written already.
    pub async fn execute(&self, prepared: Prepared, request_id: &str) -> Response {
        let is_mutation = prepared.operation == Some(OperationType::Mutation);
        let schema = if prepared.document.is_valid() {
            &self.trusting
        } else {
            &self.schema
        };
        let execution = execute(schema.clone(), prepared, request_id.to_owned());
        let execution = async {
            if is_mutation {
                // What has begun to write is gone on with, and written down, also if the client goes away.
                GoesOn::new(execution).await
            } else {
                execution.await
            }
        };
        let executed = time::timeout(self.operation_time, execution).await;
        executed.unwrap_or_else(|_| {
            warn!(request_id, "an operation took too long");
            let most = self.operation_time;
            let message = format!("the operation took longer than {most:?}: ask for less");
            refused(ErrorCode::Unavailable, message)
        })
    }

    /// Executes a subscription; from `last` on, whatever it gives as `after`, if its client has come
    /// back with that place.
    pub fn subscribe(
        &self,
        prepared: Prepared,
        last: Option<String>,
        request_id: String,
    ) -> impl Stream<Item = Said> + Send + use<> {
        self.live.subscribe(prepared, request_id, last)
    }
}

async fn execute(schema: LedgerSchema, prepared: Prepared, request_id: String) -> Response {
    // A defect in one resolver must neither cut the connection nor go unlogged.
    let execution = AssertUnwindSafe(schema.execute(prepared.request)).catch_unwind();
    match execution.await {
        Ok(response) => {
            let document = prepared.document;
            if was_executed(&response) {
                document.set_valid();
            }
            finished(response, &document.shape, prepared.suggestions, &request_id)
        }
        Err(_) => panicked(&request_id),
    }
}

/// Whether execution began: an error of a resolver's has a path, one of the request's has none.
#[must_use]
pub fn was_executed(response: &Response) -> bool {
    response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

fn finished(
    mut response: Response,
    shape: &Shape,
    suggestions: bool,
    request_id: &str,
) -> Response {
    if was_executed(&response) {
        shape.apply(&mut response);
    } else if !suggestions {
        response.errors.iter_mut().for_each(conceal_names);
    }
    seal(response, request_id)
}

/// Takes out what the library says of names that are like the one it does not know.
fn conceal_names(error: &mut ServerError) {
    if let Some(at) = error.message.find(" Did you mean") {
        error.message.truncate(at);
    }
}

fn panicked(request_id: &str) -> Response {
    error!(request_id, "a resolver panicked");
    let message = format!("internal error; the log has it under request {request_id}");
    refused(ErrorCode::Internal, message)
}

/// The types that a schema's text defines, by name.
fn definitions(sdl: &str) -> impl Iterator<Item = (String, TypeKind)> {
    let document = parse_schema(sdl).into_iter();
    document
        .flat_map(|document| document.definitions)
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => {
                let definition = definition.node;
                Some((definition.name.node.to_string(), definition.kind))
            }
            _ => None,
        })
}
