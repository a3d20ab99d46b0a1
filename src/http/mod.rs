//! The ledger over HTTP: one endpoint for GraphQL, its explorer, and what an operator's probes ask.

mod access;
mod graphiql;
mod graphql;
mod headers;
mod health;
mod limits;
mod media;
mod origin;
mod quota;
mod request;
mod services;
mod sse;
mod websocket;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{from_fn_with_state, map_response},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};

use origin::Origins;

pub use limits::HttpLimits;
pub use origin::{BadOrigin, Origin};
pub use quota::QuotaLimits;
pub use services::Services;

/// All paths, of a server that listens there.
pub fn router(services: Services, local: SocketAddr) -> Router {
    let origins = Origins::new(services.limits.allowed_origins.clone(), local);
    Router::new()
        .route("/", get(async || Redirect::to("/graphiql")))
        .route("/graphql", any(endpoint))
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .route("/livez", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(services)
        .layer(from_fn_with_state(Arc::new(origins), origin::guard))
        .layer(map_response(headers::secure))
}

/// `/graphql`: a socket if the client asks to upgrade, a query in the URL by GET, any other
/// operation by POST.
async fn endpoint(State(services): State<Services>, request: Request) -> Response {
    match *request.method() {
        Method::GET if asks_for_socket(request.headers()) => {
            let (parts, _) = request.into_parts();
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
