//! The HTTP interface: GraphQL, GraphiQL and health checks.

mod auth;
mod client_address;
mod connection;
mod content_negotiation;
mod forwarded;
mod graphiql;
mod graphql;
mod health;
mod limits;
mod origin_policy;
mod places;
mod rate_limit;
mod request;
mod response_body;
mod security_headers;
mod sse;
mod state;
mod websocket;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    middleware::from_fn_with_state,
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use tower::ServiceBuilder;
use tower_http::compression::{
    CompressionLayer, Predicate,
    predicate::{NotForContentType, SizeAbove},
};

use origin_policy::OriginPolicy;

pub use axum::http::HeaderName;
pub(crate) use client_address::is_trusted;
pub use client_address::{InvalidProxy, TrustedProxy};
pub(crate) use connection::ClientConnection;
pub(crate) use health::probe_failing_writes;
pub use limits::HttpLimits;
pub use origin_policy::{InvalidOrigin, Origin};
pub(crate) use places::{Admitted, Places, TakenPlace};
pub use rate_limit::RateLimits;
pub use state::AppState;

/// The paths of the API. Some clients and proxies append a slash.
const GRAPHQL_PATHS: [&str; 2] = ["/graphql", "/graphql/"];

/// Smaller responses are not compressed: they fit into one packet.
const MIN_COMPRESSED_BYTES: u16 = 1024;

/// Builds the router of a server that listens on `address`.
pub fn router(state: Arc<AppState>, address: SocketAddr) -> Router {
    let allowed_origins = state.limits.allowed_origins.clone();
    let policy = Arc::new(OriginPolicy::new(allowed_origins, address));
    let mut graphql = any(graphql::handle);
    // A layer takes one to two microseconds per request, so CORS is added only where another origin may send requests.
    if !state.limits.allowed_origins.is_empty() {
        let allowed_headers = &state.limits.allowed_headers;
        graphql = graphql.layer(origin_policy::cors(Arc::clone(&policy), allowed_headers));
    }
    // In one layer, since axum boxes the service at each.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(
            (policy, Arc::clone(&state)),
            origin_policy::enforce,
        ))
        .layer(CompressionLayer::new().compress_when(is_compressed()));
    let [path, path_with_slash] = GRAPHQL_PATHS;
    Router::new()
        .route("/", get(async || Redirect::to("/graphiql")))
        .route(path, graphql.clone())
        .route(path_with_slash, graphql)
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(async || not_found())
        .with_state(state)
        .layer(layers)
}

fn is_graphql(path: &str) -> bool {
    GRAPHQL_PATHS.contains(&path)
}

/// Which responses are compressed if the client accepts it. Events are sent as they occur.
fn is_compressed() -> impl Predicate {
    SizeAbove::new(MIN_COMPRESSED_BYTES).and(NotForContentType::SSE)
}

fn not_found() -> Response {
    let message = "not found: the API is at /graphql, its explorer at /graphiql\n";
    (StatusCode::NOT_FOUND, message).into_response()
}
