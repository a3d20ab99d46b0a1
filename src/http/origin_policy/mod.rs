//! Who may ask from where. A browser asks on behalf of any page that it shows, so it is asked which one:
//!
//! - **`Host`.** A page whose name is made to lead to this machine once it is loaded (DNS rebinding)
//!   is the server's own in the browser's eyes. So a server that listens on a loopback address alone
//!   answers to the names of loopback and of allowed origins. Another one has names that it cannot
//!   know.
//! - **`Origin`.** A page of this server's own (host and port are those of `Host`; the scheme is not
//!   known behind a proxy) or of an allowed origin may ask; any other, and one that hides where it is
//!   from (`null`), may not. Workers and shells send none, and may.
//! - **`Sec-Fetch-Site`.** A browser sends no `Origin` with an image, a script or a link that leads
//!   here. Nothing of the answer can be read there, but how long it takes, and it costs the server a
//!   query. So such a GET is refused too; one that somebody typed in (`none`) is not.
//!
//! Allowed origins read their answers by CORS. There are no cookies, hence no credentials either.

mod origin;

use std::net::SocketAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::warn;

use origin::Host;
pub use origin::{BadOrigin, Origin};

/// What a page may send, and read of an answer.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "content-type, authorization, accept, last-event-id, x-request-id",
    ),
    // As long as Chromium keeps it.
    (header::ACCESS_CONTROL_MAX_AGE, "7200"),
];
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");

/// Who may ask from where.
#[derive(Debug)]
pub(super) struct Origins {
    allowed: Vec<Origin>,
    /// Whether the server is reached from its own machine alone.
    loopback_only: bool,
}

/// Where a request is from.
enum From {
    /// This server's own pages, or no browser.
    Here,
    /// A page of an origin that is allowed: the header that says so.
    Allowed(HeaderValue),
}

type Refused = (StatusCode, String);

impl Origins {
    /// Those of a server that listens there.
    pub(super) fn new(allowed: Vec<Origin>, local: SocketAddr) -> Self {
        Self {
            allowed,
            loopback_only: local.ip().to_canonical().is_loopback(),
        }
    }

    /// Lets through who may ask, and tells a browser so.
    pub(super) async fn guard(
        &self,
        request: Request,
        answer: impl AsyncFnOnce(Request) -> Response,
    ) -> Response {
        if let Err(refused) = self.check_host(&request) {
            return refuse(refused);
        }
        // All else is the same for everyone, and tells nothing of the ledger.
        if request.uri().path() != "/graphql" {
            return answer(request).await;
        }
        let mut response = match self.check_origin(&request) {
            Err(refused) => refuse(refused),
            Ok(From::Here) => answer(request).await,
            Ok(From::Allowed(origin)) => {
                let mut response = if is_preflight(&request) {
                    (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
                } else {
                    answer(request).await
                };
                let headers = response.headers_mut();
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
                let cross_origin = HeaderValue::from_static("cross-origin");
                headers.insert("cross-origin-resource-policy", cross_origin);
                response
            }
        };
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        // Of an event stream too, which axum lets be stored and asked for again.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Whether the server goes by the name that it is called.
    fn check_host(&self, request: &Request) -> Result<(), Refused> {
        if !self.loopback_only {
            return Ok(());
        }
        let known = match asked(request) {
            // Not a browser: they always tell.
            Ok(None) => true,
            Ok(Some(host)) => {
                host.is_loopback() || self.allowed.iter().any(|origin| origin.is_of(&host))
            }
            Err(Unreadable) => false,
        };
        if known {
            return Ok(());
        }
        Err((
            StatusCode::MISDIRECTED_REQUEST,
            "this server listens on a loopback address and answers to `localhost` alone; to reach it \
             by another name, start it with `--allow-origin https://NAME`\n"
                .to_owned(),
        ))
    }

    /// Whether the page that asks may.
    fn check_origin(&self, request: &Request) -> Result<From, Refused> {
        let headers = request.headers();
        let Some(value) = headers.get(header::ORIGIN) else {
            return if is_embedded(headers) {
                Err(forbidden("a page of another site may not ask here\n"))
            } else {
                Ok(From::Here)
            };
        };
        let once = headers.get_all(header::ORIGIN).iter().count() == 1;
        let origin: Option<Origin> = value.to_str().ok().and_then(|text| text.parse().ok());
        match origin {
            Some(origin) if once && self.allowed.contains(&origin) => {
                Ok(From::Allowed(value.clone()))
            }
            Some(origin) if once && is_own(&origin, request) => Ok(From::Here),
            Some(origin) => Err(forbidden(format!(
                "a page of {origin} may not ask here; to let it, start the server with \
                 `--allow-origin {origin}`\n"
            ))),
            None => Err(forbidden("a page that hides its origin may not ask here\n")),
        }
    }
}

fn forbidden(message: impl Into<String>) -> Refused {
    (StatusCode::FORBIDDEN, message.into())
}

/// Whether a browser says that another site's page embeds the answer or leads to it.
fn is_embedded(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none")
}

fn is_own(origin: &Origin, request: &Request) -> bool {
    matches!(asked(request), Ok(Some(host)) if origin.is_at(&host))
}

/// A name that is none.
struct Unreadable;

/// The name under which the server is asked.
fn asked(request: &Request) -> Result<Option<Host>, Unreadable> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let text = match (request.uri().authority(), hosts.next()) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().map_err(|_| Unreadable)?,
        (None, None) => return Ok(None),
    };
    match (Host::read(text), hosts.next()) {
        (Some(host), None) => Ok(Some(host)),
        _ => Err(Unreadable),
    }
}

fn refuse(refused: Refused) -> Response {
    warn!(target: "audit", reason = refused.1.trim_end(), "refused");
    refused.into_response()
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
