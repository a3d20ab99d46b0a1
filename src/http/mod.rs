//! The ledger over HTTP: one endpoint for GraphQL, its explorer, and what an operator's probes ask.

mod auth;
mod content_negotiation;
mod graphiql;
mod graphql;
mod health;
mod limits;
mod origin_policy;
mod rate_limit;
mod request;
mod security_headers;
mod sse;
mod state;
mod websocket;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use tower::ServiceExt;

use origin_policy::Origins;

pub use limits::HttpLimits;
pub use origin_policy::{BadOrigin, Origin};
pub use rate_limit::RateLimits;
pub use state::AppState;

/// All paths of a server.
#[derive(Clone)]
pub struct Paths(Arc<Inner>);

struct Inner {
    state: AppState,
    origins: Origins,
    /// All but `/graphql`, to which a router would add more than it finds out.
    others: Router,
}

impl Paths {
    /// Those of a server that listens there.
    #[must_use]
    pub fn new(state: AppState, local: SocketAddr) -> Self {
        Self(Arc::new(Inner {
            origins: Origins::new(state.limits.allowed_origins.clone(), local),
            others: Router::new()
                .route("/", get(async || Redirect::to("/graphiql")))
                .route("/graphiql", get(graphiql::page))
                .route("/graphiql/{*path}", get(graphiql::asset))
                .route("/livez", get(health::alive))
                .route("/readyz", get(health::ready))
                .with_state(state.clone()),
            state,
        }))
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request) -> Response {
        let Inner {
            state,
            origins,
            others,
        } = &*self.0;
        let mut response = origins
            .guard(request, async |request| match request.uri().path() {
                "/graphql" => endpoint(state, request).await,
                _ => others.clone().oneshot(request).await.into_response(),
            })
            .await;
        security_headers::secure(&mut response);
        response
    }
}

/// `/graphql`: a socket if the client asks to upgrade, a query in the URL by GET, any other
/// operation by POST.
async fn endpoint(state: &AppState, request: Request) -> Response {
    match *request.method() {
        Method::GET if asks_for_socket(request.headers()) => {
            let (parts, _) = request.into_parts();
            websocket::upgrade(parts, state.clone()).await
        }
        Method::GET | Method::POST => graphql::execute(state, request).await,
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
