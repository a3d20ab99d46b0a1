//! GraphQL over HTTP: one operation a request, answered whole.

use std::panic::AssertUnwindSafe;

use async_graphql::{
    Response as GraphQlResponse, ServerError, Value, parser::types::OperationType,
};
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use serde::Serialize;
use tracing::error;

use super::{
    accept::MediaType,
    request::{self, Refusal},
};
use crate::{
    graphql::{ErrorCode, LedgerSchema, refused, seal},
    server::Services,
};

/// Tells client and log the same request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A response as the specification wants it written: errors first, and no `data` entry where
/// nothing was executed.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

impl<'a> From<&'a GraphQlResponse> for Body<'a> {
    fn from(response: &'a GraphQlResponse) -> Self {
        Self {
            errors: &response.errors,
            data: was_executed(response).then_some(&response.data),
        }
    }
}

/// Whether execution began: an error of a resolver's has a path, one of the request's has none.
pub(super) fn was_executed(response: &GraphQlResponse) -> bool {
    response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

/// Answers a GET or POST.
pub(super) async fn execute(services: Services, http: Request) -> Response {
    let request_id = services.clock.new_id().to_string();
    let media = MediaType::negotiate(http.headers());
    let (status, response) = match media {
        None => {
            let refusal = Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "this server answers in application/graphql-response+json or application/json",
            );
            (refusal.status, refused(refusal.code, refusal.message))
        }
        Some(media) => match read(http, &services).await {
            Ok(request) => {
                let response = seal(
                    execute_caught(&services.schema, request, &request_id).await,
                    &request_id,
                );
                let status = if was_executed(&response) || media == MediaType::Json {
                    StatusCode::OK
                } else {
                    StatusCode::BAD_REQUEST
                };
                (status, response)
            }
            Err(refusal) => (refusal.status, refused(refusal.code, refusal.message)),
        },
    };
    let mut answer = (status, write(&response)).into_response();
    let headers = answer.headers_mut();
    let media = media.unwrap_or(MediaType::Json);
    headers.insert(header::CONTENT_TYPE, media.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    answer
}

async fn read(http: Request, services: &Services) -> Result<async_graphql::Request, Refusal> {
    let (parts, body) = http.into_parts();
    let mut request = if parts.method == Method::GET {
        request::from_uri(&parts.uri)?
    } else {
        request::from_body(&parts.headers, body, &services.limits).await?
    };
    if request::operation_type(&mut request) == Some(OperationType::Subscription) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "a subscription needs a WebSocket with the sub-protocol graphql-transport-ws",
        ));
    }
    Ok(request)
}

/// A defect in one resolver must neither cut the connection nor go unlogged.
async fn execute_caught(
    schema: &LedgerSchema,
    request: async_graphql::Request,
    request_id: &str,
) -> GraphQlResponse {
    let execution = AssertUnwindSafe(schema.execute(request)).catch_unwind();
    execution.await.unwrap_or_else(|_| panicked(request_id))
}

/// The answer to a request that met a defect.
pub(super) fn panicked(request_id: &str) -> GraphQlResponse {
    error!(request_id, "a resolver panicked");
    let message = format!("internal error; the log has it under request {request_id}");
    refused(ErrorCode::Internal, message)
}

/// The response as JSON.
pub(super) fn write(response: &GraphQlResponse) -> String {
    // Strings, numbers and maps with text keys can always be written.
    serde_json::to_string(&Body::from(response)).unwrap_or_default()
}
