//! The HTTP interface: GraphQL, GraphiQL and health checks.

mod auth;
mod content_negotiation;
mod graphiql;
mod graphql;
mod health;
mod limits;
mod origin_policy;
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
    middleware::from_fn_with_state,
    response::Redirect,
    routing::{any, get},
};

use origin_policy::OriginPolicy;

pub(crate) use health::probe_failing_writes;
pub use limits::HttpLimits;
pub use origin_policy::{InvalidOrigin, Origin};
pub use rate_limit::RateLimits;
pub use state::AppState;

const GRAPHQL_PATH: &str = "/graphql";

/// Builds the router of a server that listens on `address`.
pub fn router(state: Arc<AppState>, address: SocketAddr) -> Router {
    let allowed_origins = state.limits.allowed_origins.clone();
    let policy = Arc::new(OriginPolicy::new(allowed_origins, address));
    let mut graphql = any(graphql::handle);
    // A layer takes one to two microseconds per request, so CORS is added only where another origin may send requests.
    if !state.limits.allowed_origins.is_empty() {
        graphql = graphql.layer(origin_policy::cors(Arc::clone(&policy)));
    }
    Router::new()
        .route("/", get(async || Redirect::to("/graphiql")))
        .route(GRAPHQL_PATH, graphql)
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(state)
        .layer(from_fn_with_state(policy, origin_policy::enforce))
}
