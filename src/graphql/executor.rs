//! Executing requests: what leaves here is fit for any transport.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Request, Response, Value, parser::types::OperationType};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use tracing::error;

use super::{
    LedgerSchema, PageLimits,
    error::{ErrorCode, refused, seal},
    sdl,
    shape::{FieldTypes, Shape},
};
use crate::runs::Runs;

/// The schema over a ledger, and what its answers look like.
#[derive(Clone)]
pub struct Executor {
    schema: LedgerSchema,
    types: Arc<FieldTypes>,
}

impl Executor {
    /// Makes requests executable on a ledger.
    #[must_use]
    pub fn new(runs: Runs, pages: PageLimits) -> Self {
        Self {
            schema: super::schema(runs, pages),
            types: Arc::new(FieldTypes::of(&sdl())),
        }
    }

    /// Executes a query or mutation. Failures of the server are logged under `request_id`.
    pub async fn execute(&self, mut request: Request, request_id: &str) -> Response {
        let shape = self.shape(&mut request);
        // A defect in one resolver must neither cut the connection nor go unlogged.
        let execution = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        match execution.await {
            Ok(response) => finished(response, &shape, request_id),
            Err(_) => panicked(request_id),
        }
    }

    /// Executes any operation, response by response.
    pub fn execute_stream(
        &self,
        mut request: Request,
        request_id: String,
    ) -> impl Stream<Item = Response> + Send + use<> {
        let shape = self.shape(&mut request);
        let responses = Some(self.schema.execute_stream(request));
        stream::unfold((responses, shape, request_id), async |state| {
            let (responses, shape, request_id) = state;
            let mut responses = responses?;
            match AssertUnwindSafe(responses.next()).catch_unwind().await {
                Ok(None) => None,
                Ok(Some(response)) => {
                    let response = finished(response, &shape, &request_id);
                    Some((response, (Some(responses), shape, request_id)))
                }
                Err(_) => Some((panicked(&request_id), (None, shape, request_id))),
            }
        })
    }

    fn shape(&self, request: &mut Request) -> Shape {
        let operation = request.operation_name.clone();
        match request.parsed_query() {
            Ok(document) => Shape::of(document, operation.as_deref(), &self.types),
            // Execution will say what is wrong with it.
            Err(_) => Shape::default(),
        }
    }
}

/// The type of the operation that would be executed; None if that cannot be told, which execution
/// will say better.
pub fn operation_type(request: &mut Request) -> Option<OperationType> {
    let name = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    let mut operations = document.operations.iter();
    let operation = match name {
        Some(name) => operations.find(|(other, _)| other.is_some_and(|other| *other == name)),
        None => operations.next(),
    };
    operation.map(|(_, operation)| operation.node.ty)
}

/// Whether execution began: an error of a resolver's has a path, one of the request's has none.
#[must_use]
pub fn was_executed(response: &Response) -> bool {
    response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

fn finished(mut response: Response, shape: &Shape, request_id: &str) -> Response {
    if was_executed(&response) {
        shape.apply(&mut response);
    }
    seal(response, request_id)
}

fn panicked(request_id: &str) -> Response {
    error!(request_id, "a resolver panicked");
    let message = format!("internal error; the log has it under request {request_id}");
    refused(ErrorCode::Internal, message)
}
