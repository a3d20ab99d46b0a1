//! GraphiQL, the API explorer, embedded in the binary. Its source and build are in `web/`.

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::not_found;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// Content security policy: everything is loaded from this server. Monaco sets inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    worker-src 'self'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/graphiql`: the page.
pub(super) async fn page(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

/// `/graphiql/{path}`: its scripts, styles and fonts.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&path, &headers)
}

fn serve(path: &str, headers: &HeaderMap) -> Response {
    let Some(file) = Files::get(path) else {
        return not_found();
    };
    let etag = etag(&file);
    let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data).into_response()
    };
    let response_headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::try_from(file.metadata.mimetype()) {
        response_headers.insert(header::CONTENT_TYPE, content_type);
    }
    // File names of assets contain a hash of their content.
    let caching = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    response_headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response_headers.insert(header::ETAG, etag);
    response_headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    response
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash());
    // Weak, since the response may be compressed.
    HeaderValue::try_from(format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}
