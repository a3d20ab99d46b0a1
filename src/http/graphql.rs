//! GraphQL over HTTP: one operation a request, answered whole, or event by event (see `sse`).

use std::sync::Arc;

use async_graphql::{Response as GraphQlResponse, parser::types::OperationType};
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    AppState, auth,
    content_negotiation::MediaType,
    rate_limit::RateLimitError,
    request::{self, RequestError},
    sse,
};
use crate::{
    auth::{AuthError, Principal},
    graphql::{ErrorCode, PreparedRequest, error_response, was_executed, write},
};

/// Tells client and log the same request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers a GET or POST.
pub(super) async fn execute(state: &AppState, http: Request) -> Response {
    let request_id = state.clock.new_id().to_string();
    let Some(media) = MediaType::negotiate(http.headers()) else {
        let error = RequestError::new(
            StatusCode::NOT_ACCEPTABLE,
            "this server answers in application/graphql-response+json, application/json or \
             text/event-stream",
        );
        return refuse(error, MediaType::Json, &request_id);
    };
    let principal = match auth::authenticate(http.headers(), &state.auth).await {
        Ok(principal) => principal,
        Err(error) => return deny(error, media, &request_id),
    };
    let last = sse::last_event_id(http.headers()).map(str::to_owned);
    let prepared = match prepare(http, state, &principal, &request_id).await {
        Ok(prepared) => prepared,
        Err(error) => return refuse(error, media, &request_id),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(response) if media == MediaType::EventStream => return sse::tell(&response),
        Err(response) => return answer(refused_status(media), &response, media, &request_id),
    };
    let slot = match state
        .rate_limiter
        .start_operation(&principal, prepared.cost)
    {
        Ok(slot) => slot,
        Err(error) => return delay(&error, media, &request_id),
    };
    if media == MediaType::EventStream {
        return sse::execute(state, prepared, principal, slot, last, request_id).await;
    }
    if prepared.operation == Some(OperationType::Subscription) {
        let error = RequestError::new(
            StatusCode::BAD_REQUEST,
            "a subscription needs a WebSocket with the sub-protocol graphql-transport-ws, or a \
             request with `Accept: text/event-stream`",
        );
        return refuse(error, media, &request_id);
    }
    let response = state.graphql.execute(prepared, &request_id).await;
    let status = if was_executed(&response) {
        StatusCode::OK
    } else {
        refused_status(media)
    };
    answer(status, &response, media, &request_id)
}

/// The status of a request that is well-formed, but not executed.
fn refused_status(media: MediaType) -> StatusCode {
    match media {
        MediaType::Json => StatusCode::OK,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Tells one who asks for too much to wait.
fn delay(error: &RateLimitError, media: MediaType, request_id: &str) -> Response {
    let response = error_response(ErrorCode::RateLimited, &error.message);
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut answer = answer(status, &response, media.of_one_answer(), request_id);
    let seconds = error.retry_after.as_secs() + 1;
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// Reads a request and checks it; within the result is the answer if it will not be executed.
async fn prepare(
    http: Request,
    state: &AppState,
    principal: &Arc<Principal>,
    request_id: &str,
) -> Result<Result<PreparedRequest, Box<GraphQlResponse>>, RequestError> {
    let (parts, body) = http.into_parts();
    let by_get = parts.method == Method::GET;
    let request = if by_get {
        request::from_uri(&parts.uri, &state.limits)?
    } else {
        request::from_body(&parts.headers, body, state).await?
    };
    let prepared = state.graphql.prepare(request, principal, request_id);
    match &prepared {
        Ok(prepared) if by_get && prepared.operation == Some(OperationType::Mutation) => Err(
            RequestError::new(StatusCode::METHOD_NOT_ALLOWED, "a mutation is sent by POST"),
        ),
        _ => Ok(prepared),
    }
}

/// Tells one who is not let in.
fn deny(error: AuthError, media: MediaType, request_id: &str) -> Response {
    let (status, code) = auth::status(error);
    let response = error_response(code, error.to_string());
    let mut answer = answer(status, &response, media.of_one_answer(), request_id);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer");
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn refuse(error: RequestError, media: MediaType, request_id: &str) -> Response {
    let response = error_response(ErrorCode::BadInput, error.message);
    answer(error.status, &response, media.of_one_answer(), request_id)
}

fn answer(
    status: StatusCode,
    response: &GraphQlResponse,
    media: MediaType,
    request_id: &str,
) -> Response {
    let mut answer = (status, write(response)).into_response();
    let headers = answer.headers_mut();
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
