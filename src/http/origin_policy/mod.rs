//! Protection against requests that web pages of other origins make through a user's browser.
//!
//! - **`Host`.** With DNS rebinding, a page's own host name resolves to this machine once the page is loaded,
//!   so that the browser treats this server as the page's origin. A server that listens on a loopback
//!   address therefore accepts only loopback names and the hosts of allowed origins. Other servers have
//!   names that they cannot know.
//! - **`Origin`.** Requests must come from the server's own origin or from an allowed one. The own origin has
//!   the host and port of `Host`; the scheme is unknown behind a proxy. Opaque origins (`null`) are rejected.
//!   Clients that are not browsers send no `Origin` and are accepted.
//! - **`Sec-Fetch-Site`.** Browsers send no `Origin` with cross-origin images, scripts and links. The page
//!   cannot read the response, but it can measure its duration and cause load, so these requests are
//!   rejected too. Direct navigation (`none`) is accepted.
//!
//! Allowed origins can read responses through CORS, without credentials: the server sets no cookies.

pub(super) mod origin;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::warn;

use super::{
    request::{self, REQUEST_ID},
    security_headers,
    state::AppState,
};
use origin::Host;

pub use origin::{InvalidOrigin, Origin};

/// How long browsers may cache the response to a preflight request: the maximum of Chromium.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// Which hosts and origins requests may have.
#[derive(Debug)]
pub(super) struct OriginPolicy {
    allowed: Vec<Origin>,
    /// Whether only this machine can reach the server.
    is_loopback: bool,
    /// The paths of the API.
    graphql_paths: [String; 2],
}

/// Where an accepted request comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RequestSource {
    /// A page of this server, or a client that is not a browser.
    SameOrigin,
    /// A page of an allowed origin.
    CrossOrigin,
}

type Rejection = (StatusCode, String);

impl OriginPolicy {
    /// Builds the policy of a server that listens on `address`.
    pub(super) fn new(
        allowed: Vec<Origin>,
        address: SocketAddr,
        graphql_paths: [String; 2],
    ) -> Self {
        Self {
            allowed,
            is_loopback: address.ip().to_canonical().is_loopback(),
            graphql_paths,
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        parse(origin).is_some_and(|origin| self.allowed.contains(&origin))
    }

    /// Checks the origin only for the API: all other paths are the same for everyone and contain no data.
    fn check(&self, request: &Request) -> Result<RequestSource, Rejection> {
        self.check_host(request)?;
        let path = request.uri().path();
        if self.graphql_paths.iter().any(|graphql| graphql == path) {
            self.check_origin(request)
        } else {
            Ok(RequestSource::SameOrigin)
        }
    }

    fn check_host(&self, request: &Request) -> Result<(), Rejection> {
        check_host_header(request)?;
        if !self.is_loopback {
            return Ok(());
        }
        let is_known = match requested_host(request) {
            // Browsers always send the header.
            Ok(None) => true,
            Ok(Some(host)) => {
                let is_allowed = |origin: &Origin| origin.has_host(&host);
                host.is_loopback() || self.allowed.iter().any(is_allowed)
            }
            Err(MalformedHost) => false,
        };
        if is_known {
            return Ok(());
        }
        Err((
            StatusCode::MISDIRECTED_REQUEST,
            "this server listens on a loopback address and accepts only the host `localhost`; to use \
             another name, start it with `--allow-origin https://NAME`\n"
                .to_owned(),
        ))
    }

    fn check_origin(&self, request: &Request) -> Result<RequestSource, Rejection> {
        let headers = request.headers();
        let mut values = headers.get_all(header::ORIGIN).iter();
        let Some(value) = values.next() else {
            return if is_cross_site(headers) {
                Err(forbidden("cross-site requests are not allowed\n"))
            } else {
                Ok(RequestSource::SameOrigin)
            };
        };
        let is_single = values.next().is_none();
        match parse(value) {
            Some(_) if is_single && self.allows(value) => Ok(RequestSource::CrossOrigin),
            Some(origin) if is_single && is_same_origin(&origin, request) => {
                Ok(RequestSource::SameOrigin)
            }
            Some(origin) => Err(forbidden(format!(
                "requests from the origin {origin} are not allowed; to allow them, start the server \
                 with `--allow-origin {origin}`\n"
            ))),
            None => Err(forbidden(
                "requests from an opaque origin are not allowed\n",
            )),
        }
    }
}

/// Request headers that pages of allowed origins may send: those of this API, and those that common clients add.
const CORS_HEADERS: [&str; 20] = [
    "accept",
    "authorization",
    "content-type",
    "last-event-id",
    "x-request-id",
    // Clients that bypass or control caches, and older libraries.
    "cache-control",
    "x-requested-with",
    // Apollo Client.
    "apollo-require-preflight",
    "apollographql-client-name",
    "apollographql-client-version",
    "graphql-preflight",
    "x-apollo-cache-key",
    "x-apollo-operation-id",
    "x-apollo-operation-name",
    "x-apollo-operation-type",
    // Tracing of Sentry and OpenTelemetry.
    "b3",
    "baggage",
    "sentry-trace",
    "traceparent",
    "tracestate",
];

/// CORS for allowed origins, which may send these headers too.
pub(super) fn cors(policy: Arc<OriginPolicy>, allowed_headers: &[HeaderName]) -> CorsLayer {
    let common = CORS_HEADERS.into_iter().map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            policy.allows(origin)
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(
            common
                .chain(allowed_headers.iter().cloned())
                .collect::<Vec<_>>(),
        )
        .expose_headers([REQUEST_ID, header::RETRY_AFTER])
        .max_age(PREFLIGHT_MAX_AGE)
        .vary([header::ORIGIN])
}

/// Middleware that identifies the request, rejects requests for another host, rejects requests of other origins to
/// `/graphql`, and adds the request id and the security headers to every response. One layer does all of it, since each
/// costs every request a microsecond or two.
pub(super) async fn enforce(
    State((policy, state)): State<(Arc<OriginPolicy>, Arc<AppState>)>,
    request: Request,
    next: Next,
) -> Response {
    let id = request::id(request.headers(), &*state.clock);
    let mut response = id.scope(respond(policy, request, next)).await;
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

async fn respond(policy: Arc<OriginPolicy>, request: Request, next: Next) -> Response {
    let response = match policy.check(&request) {
        Ok(RequestSource::SameOrigin) => next.run(request).await,
        Ok(RequestSource::CrossOrigin) => {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            let cross_origin = HeaderValue::from_static("cross-origin");
            headers.insert("cross-origin-resource-policy", cross_origin);
            response
        }
        Err(rejection) => reject(rejection),
    };
    security_headers::add(response)
}

/// RFC 9112, 3.2: a request of HTTP/1.1 has one `Host` header.
fn check_host_header(request: &Request) -> Result<(), Rejection> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts == 1 || hosts == 0 && request.version() == Version::HTTP_10 {
        return Ok(());
    }
    let message = "requests of HTTP/1.1 must have one Host header\n";
    Err((StatusCode::BAD_REQUEST, message.to_owned()))
}

fn forbidden(message: impl Into<String>) -> Rejection {
    (StatusCode::FORBIDDEN, message.into())
}

fn reject(rejection: Rejection) -> Response {
    warn!(target: "audit", reason = rejection.1.trim_end(), "rejected: origin policy");
    let mut response = rejection.into_response();
    if response.status() == StatusCode::FORBIDDEN {
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// Parses an `Origin` header. Returns `None` if it is malformed or opaque.
fn parse(origin: &HeaderValue) -> Option<Origin> {
    origin.to_str().ok()?.parse().ok()
}

/// Returns whether a browser says that a page of another site makes the request.
fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none")
}

fn is_same_origin(origin: &Origin, request: &Request) -> bool {
    matches!(requested_host(request), Ok(Some(host)) if origin.is_served_by(&host))
}

/// The Host header is malformed, or there are several.
struct MalformedHost;

/// Returns the host of the request line or of the `Host` header.
fn requested_host(request: &Request) -> Result<Option<Host>, MalformedHost> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let text = match (request.uri().authority(), hosts.next()) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().map_err(|_| MalformedHost)?,
        (None, None) => return Ok(None),
    };
    match (Host::parse(text), hosts.next()) {
        (Some(host), None) => Ok(Some(host)),
        _ => Err(MalformedHost),
    }
}
