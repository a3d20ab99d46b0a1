//! Content negotiation: media types of requests and responses.

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

/// A media type of GraphQL over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status code says whether the request was executed.
    GraphQl,
    /// `text/event-stream`: one event per response.
    EventStream,
    /// `application/json`: legacy clients expect status 200 for every well-formed request.
    Json,
}

impl MediaType {
    /// Returns the type of a response that is not a stream.
    pub(super) fn for_single_response(self) -> Self {
        match self {
            Self::EventStream => Self::Json,
            other => other,
        }
    }

    /// Returns the value of `Content-Type`.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    /// Returns the supported type with the highest quality in `Accept`, the first of several. Without
    /// `Accept`, and for wildcards, the type is JSON. Returns `None` if no supported type is acceptable.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let mut has_ranges = false;
        for range in headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            for range in range.split(',').filter(|range| !range.trim().is_empty()) {
                has_ranges = true;
                let Some((quality, media)) = parse_range(range) else {
                    continue;
                };
                if quality > best.map_or(0.0, |(quality, _)| quality) {
                    best = Some((quality, media));
                }
            }
        }
        match best {
            Some((_, media)) => Some(media),
            None if has_ranges => None,
            None => Some(Self::Json),
        }
    }
}

/// Parses one media range of an `Accept` header. Returns `None` if its type is not supported.
fn parse_range(range: &str) -> Option<(f32, MediaType)> {
    let (media, parameters) = split(range);
    let media = match media.as_str() {
        "application/graphql-response+json" => MediaType::GraphQl,
        "text/event-stream" => MediaType::EventStream,
        "application/json" | "application/*" | "*/*" => MediaType::Json,
        _ => return None,
    };
    let mut quality = 1.0;
    for (name, value) in parameters {
        match name.as_str() {
            "q" => quality = value.parse().ok()?,
            // Responses are always UTF-8.
            "charset" if !value.eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    Some((quality, media))
}

/// Returns whether a `Content-Type` is JSON in UTF-8.
pub(super) fn is_json(content_type: &str) -> bool {
    let (media, mut parameters) = split(content_type);
    let is_utf8 =
        |(name, value): (String, &str)| name != "charset" || value.eq_ignore_ascii_case("utf-8");
    media == "application/json" && parameters.all(is_utf8)
}

/// Splits a media type into its lower-case name and its parameters.
fn split(text: &str) -> (String, impl Iterator<Item = (String, &str)>) {
    let mut parts = text.split(';');
    let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let parameters = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        Some((name.trim().to_ascii_lowercase(), value))
    });
    (media, parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        MediaType::negotiate(&headers)
    }

    #[test]
    fn json_is_the_default_and_matches_wildcards() {
        assert_eq!(
            MediaType::negotiate(&HeaderMap::new()),
            Some(MediaType::Json)
        );
        assert_eq!(negotiate("*/*"), Some(MediaType::Json));
        assert_eq!(
            negotiate("text/html, application/*;q=0.1"),
            Some(MediaType::Json)
        );
    }

    #[test]
    fn the_type_with_the_highest_quality_is_selected() {
        let graphql = "application/graphql-response+json";
        assert_eq!(negotiate(graphql), Some(MediaType::GraphQl));
        assert_eq!(
            negotiate(&format!("{graphql}, application/json;q=0.9")),
            Some(MediaType::GraphQl)
        );
        assert_eq!(
            negotiate(&format!("{graphql};q=0.5, application/json")),
            Some(MediaType::Json)
        );
        assert_eq!(
            negotiate(&format!("{graphql};charset=utf-8, */*")),
            Some(MediaType::GraphQl)
        );
    }

    #[test]
    fn event_streams_are_negotiated() {
        assert_eq!(negotiate("text/event-stream"), Some(MediaType::EventStream));
        assert_eq!(
            negotiate("application/json, text/event-stream"),
            Some(MediaType::Json)
        );
        assert_eq!(
            negotiate("text/event-stream, */*;q=0.5"),
            Some(MediaType::EventStream)
        );
    }

    #[test]
    fn unacceptable_types_are_not_selected() {
        assert_eq!(negotiate("text/html"), None);
        assert_eq!(negotiate("application/json;q=0"), None);
        assert_eq!(negotiate("application/json; charset=iso-8859-1"), None);
    }
}
