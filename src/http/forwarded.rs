//! The headers in which proxies name the client: `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! The crates that parse `Forwarded` split it at commas within quoted strings, which clients may have written.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The addresses in one header, nearest proxy last; `None` for one that is hidden, unknown or malformed.
pub(super) type Hops = Vec<Option<IpAddr>>;

/// Returns the addresses of `Forwarded`; `None` if there is no such header.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<Hops> {
    hops(headers, &FORWARDED, |text| {
        let elements = split(text, ',')?.into_iter();
        Some(elements.map(forwarded_for).collect())
    })
}

/// Returns the addresses of `X-Forwarded-For`; `None` if there is no such header.
pub(super) fn x_forwarded_for(headers: &HeaderMap) -> Option<Hops> {
    hops(headers, &X_FORWARDED_FOR, |text| {
        Some(text.split(',').map(|hop| address(hop.trim())).collect())
    })
}

/// Joins the lines of a header. One that cannot be parsed hides all before it.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    parse: impl Fn(&str) -> Option<Hops>,
) -> Option<Hops> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let mut hops = Vec::new();
    for line in lines {
        let parsed = line.to_str().ok().and_then(&parse);
        hops.extend(parsed.unwrap_or_else(|| vec![None]));
    }
    Some(hops)
}

/// Returns the address in the parameter `for` of an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut nodes = split(element, ';')?.into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then_some(value.trim())
    });
    let (Some(node), None) = (nodes.next(), nodes.next()) else {
        return None;
    };
    let quoted = node
        .strip_prefix('"')
        .and_then(|node| node.strip_suffix('"'));
    address(quoted.unwrap_or(node))
}

/// Splits at a separator outside of quoted strings; returns `None` if a string is not closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut in_string, mut is_escaped) = (false, false);
    let parts = text.split(|c| {
        let is_separator = c == separator && !in_string;
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '\\' if in_string && !was_escaped => is_escaped = true,
            '"' if !was_escaped => in_string = !in_string,
            _ => {}
        }
        is_separator
    });
    let parts = parts.collect();
    (!in_string).then_some(parts)
}

/// Parses an address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or
/// `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let in_brackets = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = in_brackets.unwrap_or(text).parse().ok();
    address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&'static str]) -> HeaderMap {
        let lines = lines.iter().map(|line| HeaderValue::from_static(line));
        lines.map(|line| (name.clone(), line)).collect()
    }

    fn texts(hops: Option<Hops>) -> Vec<String> {
        let text = |hop: Option<IpAddr>| hop.map_or("?".to_owned(), |hop| hop.to_string());
        hops.unwrap_or_default().into_iter().map(text).collect()
    }

    #[test]
    fn forwarded_is_parsed_as_rfc_7239_defines() {
        for (lines, expected) in [
            (
                &["for=192.0.2.60;proto=http;by=203.0.113.43"][..],
                "192.0.2.60",
            ),
            (
                &["FOR=\"192.0.2.43:47011\", for=192.0.2.9"],
                "192.0.2.43 192.0.2.9",
            ),
            (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (
                &["for=unknown, for=_hidden, for=192.0.2.1"],
                "? ? 192.0.2.1",
            ),
            (
                &["proto=https;host=\"a, for=192.0.2.7\" ; for=192.0.2.1"],
                "192.0.2.1",
            ),
            (
                &["for=192.0.2.1;host=\"a\\\", for=192.0.2.7\""],
                "192.0.2.1",
            ),
            (
                &["for=192.0.2.1", "for=\"192.0.2.2, for=192.0.2.3"],
                "192.0.2.1 ?",
            ),
            (&["for=192.0.2.1;for=192.0.2.2"], "?"),
            (&["host=a"], "?"),
            (&[""], "?"),
        ] {
            let hops = texts(forwarded(&headers(&FORWARDED, lines)));
            assert_eq!(hops.join(" "), expected, "{lines:?}");
        }
        assert!(forwarded(&HeaderMap::new()).is_none());
    }

    #[test]
    fn x_forwarded_for_is_a_list_of_addresses() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (
                &["192.0.2.1, 2001:db8::1", "192.0.2.2:80"],
                "192.0.2.1 2001:db8::1 192.0.2.2",
            ),
            (&["evil, 192.0.2.1,"], "? 192.0.2.1 ?"),
        ] {
            let hops = texts(x_forwarded_for(&headers(&X_FORWARDED_FOR, lines)));
            assert_eq!(hops.join(" "), expected, "{lines:?}");
        }
    }
}
