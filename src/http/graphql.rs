//! GraphQL over HTTP: one operation a request, answered whole.

use async_graphql::{
    Response as GraphQlResponse, ServerError, Value, parser::types::OperationType,
};
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    Services,
    accept::MediaType,
    request::{self, Refusal},
};
use crate::graphql::{refused, was_executed};

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
        Some(media) => match answer(http, &services, &request_id).await {
            Ok(response) if was_executed(&response) || media == MediaType::Json => {
                (StatusCode::OK, response)
            }
            Ok(response) => (StatusCode::BAD_REQUEST, response),
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

/// Reads a request and executes it, if it may be executed here.
async fn answer(
    http: Request,
    services: &Services,
    request_id: &str,
) -> Result<GraphQlResponse, Refusal> {
    let (parts, body) = http.into_parts();
    let by_get = parts.method == Method::GET;
    let request = if by_get {
        request::from_uri(&parts.uri)?
    } else {
        request::from_body(&parts.headers, body, &services.limits).await?
    };
    let prepared = match services.graphql.prepare(request, request_id) {
        Ok(prepared) => prepared,
        Err(response) => return Ok(*response),
    };
    match prepared.operation {
        Some(OperationType::Mutation) if by_get => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "a mutation is sent by POST",
        )),
        Some(OperationType::Subscription) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "a subscription needs a WebSocket with the sub-protocol graphql-transport-ws",
        )),
        _ => Ok(services.graphql.execute(prepared, request_id).await),
    }
}

/// The response as JSON.
pub(super) fn write(response: &GraphQlResponse) -> String {
    // Strings, numbers and maps with text keys can always be written.
    serde_json::to_string(&Body::from(response)).unwrap_or_default()
}
