//! The HTTP interface: GraphQL, the console, GraphiQL and health checks.

mod auth;
mod base_path;
mod client_address;
mod connection;
mod content_negotiation;
mod forwarded;
mod graphql;
mod health;
mod limits;
mod origin_policy;
mod pages;
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
    response::{IntoResponse, Response},
    routing::{any, get},
};
use tower::ServiceBuilder;
use tower_http::compression::{
    CompressionLayer, Predicate,
    predicate::{NotForContentType, SizeAbove},
};

use origin_policy::OriginPolicy;

pub use axum::http::HeaderName;
pub use base_path::{BasePath, InvalidBasePath};
pub(crate) use client_address::is_trusted;
pub use client_address::{InvalidProxy, TrustedProxy};
pub(crate) use connection::ClientConnection;
pub(crate) use health::probe_failing_writes;
pub use limits::HttpLimits;
pub use origin_policy::{InvalidOrigin, Origin};
pub use pages::OidcClient;
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
    let base = Arc::new(state.limits.base_path.clone());
    let oidc = state.limits.oidc_client.clone();
    let graphql_paths = GRAPHQL_PATHS.map(|path| base.join(path));
    let policy = OriginPolicy::new(allowed_origins, address, graphql_paths.clone());
    let policy = Arc::new(policy);
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
    let [path, path_with_slash] = graphql_paths;
    let router = Router::new()
        .route(&path, graphql.clone())
        .route(&path_with_slash, graphql)
        .route(&base.join("/livez"), get(health::live))
        .route(&base.join("/readyz"), get(health::ready));
    pages::add_routes(router, &base, oidc.as_ref())
        .fallback(async move || not_found(&base))
        .with_state(state)
        .layer(layers)
}

/// Which responses are compressed if the client accepts it. Events are sent as they occur.
fn is_compressed() -> impl Predicate {
    SizeAbove::new(MIN_COMPRESSED_BYTES).and(NotForContentType::SSE)
}

fn not_found(base: &BasePath) -> Response {
    let [console, api, explorer] = ["/", "/graphql", "/graphiql"].map(|path| base.join(path));
    let message = format!(
        "not found: the console is at {console}, the API at {api}, its explorer at {explorer}\n"
    );
    (StatusCode::NOT_FOUND, message).into_response()
}
