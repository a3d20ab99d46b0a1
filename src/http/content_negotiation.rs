//! Media types: which to answer in, and which to take.

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

/// A media type of GraphQL over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphQl,
    /// `text/event-stream`: each response is an event.
    EventStream,
    /// `application/json`: a well-formed request is answered 200, for clients of old.
    Json,
}

impl MediaType {
    /// The type of one answer: an event stream is only opened for a request that can be executed.
    pub(super) fn of_one_answer(self) -> Self {
        match self {
            Self::EventStream => Self::Json,
            other => other,
        }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    /// The type that the client prefers: the one of highest quality, and of several the one named
    /// first. A client that takes anything gets JSON. None if it takes neither.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let mut named = false;
        for range in headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            for range in range.split(',').filter(|range| !range.trim().is_empty()) {
                named = true;
                let Some((quality, media)) = read_range(range) else {
                    continue;
                };
                if quality > best.map_or(0.0, |(quality, _)| quality) {
                    best = Some((quality, media));
                }
            }
        }
        match best {
            Some((_, media)) => Some(media),
            None if named => None,
            None => Some(Self::Json),
        }
    }
}

/// One entry of an Accept header, if this server can answer in it.
fn read_range(range: &str) -> Option<(f32, MediaType)> {
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
            // Answers are UTF-8 and nothing else.
            "charset" if !value.eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    Some((quality, media))
}

/// Whether a `Content-Type` is JSON in UTF-8.
pub(super) fn is_json(content_type: &str) -> bool {
    let (media, mut parameters) = split(content_type);
    let utf8 =
        |(name, value): (String, &str)| name != "charset" || value.eq_ignore_ascii_case("utf-8");
    media == "application/json" && parameters.all(utf8)
}

/// A media type in lower case, and its parameters.
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
    fn a_client_that_says_nothing_or_takes_anything_gets_json() {
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
    fn the_preferred_type_is_chosen() {
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
    fn an_event_stream_is_opened_for_who_prefers_it() {
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
    fn what_the_client_does_not_take_is_not_sent() {
        assert_eq!(negotiate("text/html"), None);
        assert_eq!(negotiate("application/json;q=0"), None);
        assert_eq!(negotiate("application/json; charset=iso-8859-1"), None);
    }
}
