//! The ledger over HTTP: one endpoint for GraphQL, its explorer, and what an operator's probes ask.

mod access;
mod graphiql;
mod graphql;
mod health;
mod limits;
mod media;
mod quota;
mod request;
mod services;
mod sse;
mod websocket;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};

pub use limits::HttpLimits;
pub use quota::QuotaLimits;
pub use services::Services;

/// All paths.
pub fn router(services: Services) -> Router {
    Router::new()
        .route("/", get(async || Redirect::to("/graphiql")))
        .route("/graphql", any(endpoint))
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .route("/livez", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(services)
}

/// `/graphql`: a socket if the client asks to upgrade, a query in the URL by GET, any other
/// operation by POST.
async fn endpoint(State(services): State<Services>, request: Request) -> Response {
    match *request.method() {
        Method::GET if asks_for_socket(request.headers()) => {
            let (parts, _) = request.into_parts();
            if is_from_another_site(&parts.headers) {
                return (
                    StatusCode::FORBIDDEN,
                    "this page may not open a socket here",
                )
                    .into_response();
            }
            websocket::upgrade(parts, services).await
        }
        Method::GET | Method::POST => graphql::execute(services, request).await,
        _ => {
            let allow = [(header::ALLOW, HeaderValue::from_static("GET, POST"))];
            (StatusCode::METHOD_NOT_ALLOWED, allow).into_response()
        }
    }
}

fn asks_for_socket(headers: &HeaderMap) -> bool {
    let upgrade = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|protocols| {
        protocols
            .split(',')
            .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
    })
}

/// Whether a browser's page of another site asks. A browser sends any page's request for a socket,
/// with its origin, and leaves it to the server to refuse; other clients send no origin.
fn is_from_another_site(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    headers.contains_key(header::ORIGIN)
        && text(header::ORIGIN)
            .and_then(|origin| origin.split_once("://"))
            .is_none_or(|(_, origin)| text(header::HOST) != Some(origin))
}
