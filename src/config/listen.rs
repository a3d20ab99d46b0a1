//! The address to listen on.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// Port of addresses that are suggested for those without one.
const DEFAULT_PORT: u16 = 8080;

/// Host and port to listen on. The host may be a name, which is resolved later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress(String);

/// The text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot listen on {text}: an address has the form HOST:PORT; write {suggestion}")]
pub struct InvalidAddress {
    text: String,
    suggestion: String,
}

impl ListenAddress {
    /// Returns the address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let parts = text.rsplit_once(':');
        if parts.is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok()) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidAddress {
            text: text.to_owned(),
            suggestion: suggestion(text),
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether the text is a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Some(address) = bracketed {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.chars().all(is_valid)
}

/// Returns the address that is probably meant.
fn suggestion(text: &str) -> String {
    let without_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = without_scheme.split('/').next().unwrap_or_default().trim();
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let valid_port = port.parse::<u16>().ok();
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return format!("127.0.0.1:{port}, or 0.0.0.0:{port} to be reached from other machines");
    }
    if let (Ok(address), Some(port)) = (host.parse::<Ipv6Addr>(), valid_port) {
        return format!("[{address}]:{port}");
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        return format!("[{address}]:{DEFAULT_PORT}");
    }
    match valid_port {
        Some(port) if host == "*" => format!("0.0.0.0:{port}"),
        Some(port) if is_host(host) => format!("{host}:{port}"),
        None if is_host(host) && port.is_empty() => format!("{host}:{DEFAULT_PORT}"),
        None if is_host(host) => format!("{host}:{DEFAULT_PORT}; a port is a number up to 65535"),
        _ => format!("127.0.0.1:{DEFAULT_PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for text in [
            "127.0.0.1:8080",
            "0.0.0.0:0",
            "localhost:80",
            "[::1]:8080",
            "[::]:65535",
            "sync-1.internal:1",
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_address_that_is_meant_is_suggested() {
        for (text, expected) in [
            ("8080", "127.0.0.1:8080, or 0.0.0.0:8080"),
            (":9000", "127.0.0.1:9000, or 0.0.0.0:9000"),
            ("localhost", "localhost:8080"),
            ("localhost:", "localhost:8080"),
            ("127.0.0.1", "127.0.0.1:8080"),
            ("127.0.0.1:99999", "127.0.0.1:8080; a port is a number"),
            ("127.0.0.1:http", "127.0.0.1:8080; a port is a number"),
            ("*:8080", "0.0.0.0:8080"),
            ("::1", "[::1]:8080"),
            ("[::1]", "[::1]:8080"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
            ("http://localhost", "localhost:8080"),
            ("", "127.0.0.1:8080"),
            ("a b:1", "127.0.0.1:8080"),
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(
                error.ends_with(&format!("write {expected}")) || error.contains(expected),
                "{error}"
            );
            assert!(
                error.starts_with(&format!("cannot listen on {text}: ")),
                "{error}"
            );
        }
    }
}
