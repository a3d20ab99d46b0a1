//! The pages: the console at `/`, and GraphiQL, the API explorer, at `/graphiql`. Their source and build are in `web/`.

mod assets;
mod oidc_client;

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{base_path::BasePath, not_found};
pub use oidc_client::OidcClient;

/// The paths of the console's screens. The page is the same for all.
const SCREENS: [&str; 6] = [
    "/",
    "/runs",
    "/runs/{id}",
    "/failures",
    "/statistics",
    "/access",
];

/// Files beside the pages that are not assets.
const FILES: [&str; 4] = [
    "favicon.svg",
    "LICENSES.md",
    "LICENSES-CONSOLE.md",
    "LICENSES-MORE.txt",
];

/// Content security policy of the console: its scripts, styles and requests are those of this server. Requests to the
/// issuer, at which people sign in, follow.
const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'";

/// Content security policy of GraphiQL. Monaco sets inline styles.
const GRAPHIQL_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    worker-src 'self'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds the routes of the pages and their files.
pub(super) fn add_routes<S>(
    mut router: Router<S>,
    base: &Arc<BasePath>,
    oidc: Option<&OidcClient>,
) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let console = Arc::new(Page::console(base, oidc));
    for path in SCREENS {
        let page = Arc::clone(&console);
        let respond = get(async move |headers: HeaderMap| page.respond(&headers));
        router = router.route(&base.join(path), respond);
    }
    if !base.as_str().is_empty() {
        let root = base.join("/");
        let redirect = get(async move || Redirect::permanent(&root));
        router = router.route(base.as_str(), redirect);
    }
    let graphiql = Arc::new(Page::new(
        "graphiql.html",
        GRAPHIQL_POLICY,
        &[("base-path", base.as_str())],
    ));
    let respond = get(async move |headers: HeaderMap| graphiql.respond(&headers));
    router = router.route(&base.join("/graphiql"), respond);
    for name in FILES {
        let respond = get(async move |headers: HeaderMap| {
            assets::respond(name, &headers).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
        });
        router = router.route(&base.join(&format!("/{name}")), respond);
    }
    let not_found_base = Arc::clone(base);
    let asset = async move |Path(path): Path<String>, headers: HeaderMap| {
        assets::respond(&format!("assets/{path}"), &headers)
            .unwrap_or_else(|| not_found(&not_found_base))
    };
    router.route(&base.join("/assets/{*path}"), get(asset))
}

/// A page with what the server fills in.
#[derive(Debug)]
struct Page {
    html: Bytes,
    etag: HeaderValue,
    policy: HeaderValue,
}

impl Page {
    fn console(base: &BasePath, oidc: Option<&OidcClient>) -> Self {
        let origin = oidc.and_then(OidcClient::origin).unwrap_or_default();
        let value = |of: fn(&OidcClient) -> &str| oidc.map_or("", of);
        let values = [
            ("base-path", base.as_str()),
            ("oidc-issuer", value(|oidc| &oidc.issuer)),
            ("oidc-client-id", value(|oidc| &oidc.client_id)),
            ("oidc-audience", value(|oidc| &oidc.audience)),
            ("oidc-scope", value(|oidc| &oidc.scope)),
        ];
        Self::new("index.html", &format!("{CONSOLE_POLICY} {origin}"), &values)
    }

    /// Fills values into the placeholders of a page.
    fn new(name: &str, policy: &str, values: &[(&str, &str)]) -> Self {
        let mut html = assets::text(name);
        for (name, value) in values {
            html = html.replace(&format!("{{{{{name}}}}}"), &escape(value));
        }
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&html));
        // Weak, since the response may be compressed.
        let etag = HeaderValue::try_from(format!("W/\"{hash}\""));
        Self {
            html: html.into(),
            etag: etag.unwrap_or(HeaderValue::from_static("\"\"")),
            policy: HeaderValue::try_from(policy.trim_end())
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }

    fn respond(&self, headers: &HeaderMap) -> Response {
        let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Html(self.html.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        response
    }
}

/// Escapes a text for an attribute in double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}
