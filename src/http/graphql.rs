//! GraphQL over HTTP: one operation per request. The response is one JSON document, or a stream of
//! server-sent events (see [`sse`]).

use std::{sync::Arc, time::Duration};

use async_graphql::{Response as GraphQlResponse, parser::types::OperationType};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time;

use super::{
    auth,
    connection::Client,
    content_negotiation::MediaType,
    rate_limit::{Charge, RateLimitError},
    request::{self, RequestError},
    response_body::ResponseBody,
    sse,
    state::AppState,
    websocket,
};
use crate::{
    auth::{AuthError, Principal},
    graphql::{
        ErrorCode, PrepareError, PreparedRequest, error_response, has_error_code,
        persisted_query_not_supported, rate_limited, retry_after, write,
    },
};

/// `/graphql`: a WebSocket upgrade, a query by GET, or any operation by POST.
pub(super) async fn handle(
    State(state): State<Arc<AppState>>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    match *request.method() {
        Method::GET if is_websocket_upgrade(request.headers()) => {
            let (parts, _) = request.into_parts();
            websocket::upgrade(parts, client, state).await
        }
        // Boxed, since axum moves the handler's future several times, and this one has several kilobytes.
        Method::GET | Method::POST => Box::pin(execute(&state, &client, request)).await,
        _ => {
            let allow = [(header::ALLOW, HeaderValue::from_static("GET, POST"))];
            let message = "send operations by POST, queries also by GET\n";
            (StatusCode::METHOD_NOT_ALLOWED, allow, message).into_response()
        }
    }
}

fn is_websocket_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|protocols| {
        protocols
            .split(',')
            .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
    })
}

async fn execute(state: &AppState, client: &Client, request: Request) -> Response {
    let Some(media) = MediaType::negotiate(request.headers()) else {
        let error = RequestError::new(
            StatusCode::NOT_ACCEPTABLE,
            "supported media types are application/graphql-response+json, application/json and \
             text/event-stream",
        );
        return Rejection::Request(error).into_response(MediaType::Json);
    };
    match try_execute(state, client, request, media).await {
        Ok(response) => response,
        Err(rejection) => {
            if let Rejection::RateLimit(error) = &rejection {
                // Rejecting takes time too, so that the client is slowed down.
                time::sleep(error.retry_after.min(MAX_REJECTION_DELAY)).await;
            }
            rejection.into_response(media)
        }
    }
}

async fn try_execute(
    state: &AppState,
    client: &Client,
    request: Request,
    media: MediaType,
) -> Result<Response, Rejection> {
    let principal = auth::authenticate(request.headers(), client.address, state).await?;
    client.place.keep_for(&principal);
    let last_event_id = sse::last_event_id(request.headers()).map(str::to_owned);
    let (prepared, charge) = prepare(request, state, &principal).await?;
    let slot = state
        .rate_limiter
        .start_operation(&principal, charge, prepared.cost)?;
    if media == MediaType::EventStream {
        let stream = sse::execute(state, prepared, principal, slot, last_event_id);
        return stream.await.map_err(Rejection::Unavailable);
    }
    if prepared.operation == OperationType::Subscription {
        return Err(Rejection::Request(RequestError::new(
            StatusCode::BAD_REQUEST,
            "subscriptions require a WebSocket with the subprotocol graphql-transport-ws, or a \
             request with `Accept: text/event-stream`",
        )));
    }
    let executed = state.graphql.execute(prepared, slot).await;
    let rejection = executed.rejection();
    let status = rejection.map_or(StatusCode::OK, |body| rejected_status(media, body));
    let retry_after = rejection.and_then(retry_after);
    let body = ResponseBody::new(executed.write(), executed.into_budget());
    let response = respond_with(status, Body::new(body), media);
    Ok(with_retry_after(response, retry_after))
}

/// Reads and validates a request, and charges the principal for it.
async fn prepare(
    request: Request,
    state: &AppState,
    principal: &Arc<Principal>,
) -> Result<(PreparedRequest, Charge), Rejection> {
    let limiter = &state.rate_limiter;
    let (parts, body) = request.into_parts();
    let is_get = parts.method == Method::GET;
    let (request, mut charge) = if is_get {
        let bytes = parts.uri.query().map_or(0, str::len);
        let charge = limiter.start_request(principal, bytes)?;
        (request::from_uri(&parts.uri, &state.limits)?, charge)
    } else {
        let body = request::read_body(&parts.headers, body, state).await?;
        let charge = limiter.start_request(principal, body.len())?;
        (request::from_body(&body, &state.limits)?, charge)
    };
    let spend = |units| limiter.spend(&mut charge, units);
    let prepared = state.graphql.prepare(request, principal, spend);
    let prepared = prepared.map_err(|error| match error {
        PrepareError::Invalid(response) => Rejection::Validation(response),
        PrepareError::Limited(error) => Rejection::RateLimit(error),
    })?;
    if is_get && prepared.operation == OperationType::Mutation {
        return Err(Rejection::Request(RequestError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "mutations must be sent by POST",
        )));
    }
    Ok((prepared, charge))
}

/// How long the response to a request over the rate limit is delayed, at most.
const MAX_REJECTION_DELAY: Duration = Duration::from_millis(500);

/// Why a request is not executed.
enum Rejection {
    Auth(AuthError),
    Request(RequestError),
    /// The document is invalid, or exceeds a limit.
    Validation(Box<GraphQlResponse>),
    RateLimit(RateLimitError),
    /// The database is unavailable.
    Unavailable(Box<GraphQlResponse>),
}

impl From<auth::Rejection> for Rejection {
    fn from(rejection: auth::Rejection) -> Self {
        match rejection {
            auth::Rejection::Credential(error) => Self::Auth(error),
            auth::Rejection::RateLimit(error) => Self::RateLimit(error),
        }
    }
}

impl From<RequestError> for Rejection {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<RateLimitError> for Rejection {
    fn from(error: RateLimitError) -> Self {
        Self::RateLimit(error)
    }
}

impl Rejection {
    fn into_response(self, media: MediaType) -> Response {
        match self {
            Self::Auth(error) => {
                let (status, code) = auth::status(error);
                let body = error_response(code, error.to_string());
                let mut response = respond(status, &body, media);
                if status == StatusCode::UNAUTHORIZED {
                    let challenge = HeaderValue::from_static("Bearer");
                    let headers = response.headers_mut();
                    headers.insert(header::WWW_AUTHENTICATE, challenge);
                }
                response
            }
            Self::Request(RequestError::Malformed { status, message }) => {
                let body = error_response(ErrorCode::BadInput, message);
                respond(status, &body, media)
            }
            Self::Request(RequestError::PersistedQuery) => {
                let body = persisted_query_not_supported();
                respond(rejected_status(media, &body), &body, media)
            }
            Self::Validation(body) if media == MediaType::EventStream => sse::single(&body),
            Self::Validation(body) => respond(rejected_status(media, &body), &body, media),
            Self::Unavailable(body) => respond(StatusCode::SERVICE_UNAVAILABLE, &body, media),
            Self::RateLimit(error) => {
                let body = rate_limited(error.message, error.retry_after);
                respond(StatusCode::TOO_MANY_REQUESTS, &body, media)
            }
        }
    }
}

/// Status of the response to a well-formed request that is not executed.
fn rejected_status(media: MediaType, response: &GraphQlResponse) -> StatusCode {
    if media == MediaType::Json {
        StatusCode::OK
    } else if has_error_code(response, ErrorCode::Unavailable) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if has_error_code(response, ErrorCode::Internal) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::BAD_REQUEST
    }
}

fn respond(status: StatusCode, body: &GraphQlResponse, media: MediaType) -> Response {
    let response = respond_with(status, write(body).into(), media);
    with_retry_after(response, retry_after(body))
}

/// Adds the seconds after which to retry, as the body says, too.
fn with_retry_after(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn respond_with(status: StatusCode, body: Body, media: MediaType) -> Response {
    let mut response = (status, body).into_response();
    let content_type = media.for_single_response().content_type();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
