//! Files of the pages, embedded in the binary with their compressed forms.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `web/` builds.
#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// The encodings of a file, the smallest first, with the extensions of their files.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Returns the text of an embedded page; empty if there is none, which the tests exclude.
pub(super) fn text(name: &str) -> String {
    let file = Files::get(name).map(|file| file.data.into_owned());
    file.and_then(|data| String::from_utf8(data).ok())
        .unwrap_or_default()
}

/// Responds with a file, in the smallest form that the client accepts. `None` if there is no such file.
pub(super) fn respond(path: &str, headers: &HeaderMap) -> Option<Response> {
    // Compressed forms have no path of their own, and pages are served with what the server fills in.
    let is_form = |extension: &str| path.ends_with(extension);
    if ["br", "gz", "html"].into_iter().any(is_form) {
        return None;
    }
    let file = Files::get(path)?;
    let etag = etag(&file);
    // File names of assets contain a hash of their content.
    let caching = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body(path, &file, headers)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, etag);
    Some(response)
}

fn body(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let compressed = ENCODINGS.into_iter().find_map(|(encoding, extension)| {
        let file = Files::get(&format!("{path}{extension}"))?;
        accepts(encoding, headers).then_some((encoding, file.data))
    });
    let mut response = match compressed {
        Some((encoding, data)) => {
            let mut response = Body::from(data).into_response();
            let encoding = HeaderValue::from_static(encoding);
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, encoding);
            response
        }
        None => Body::from(file.data.clone()).into_response(),
    };
    if let Ok(content_type) = HeaderValue::try_from(file.metadata.mimetype()) {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// Returns whether `Accept-Encoding` names an encoding, with a quality other than zero.
fn accepts(encoding: &str, headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = parameters.trim().strip_prefix("q=");
        let is_excluded = quality.and_then(|quality| quality.parse().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case(encoding) && !is_excluded
    })
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash());
    // Weak, since the response may be compressed.
    HeaderValue::try_from(format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}
