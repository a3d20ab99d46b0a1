//! Parsing of origins and hosts.

use std::{
    fmt::{self, Display, Formatter},
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use axum::http::uri::Authority;

/// An origin as browsers send it: scheme, host, and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// The wildcard `*`.
    #[error(
        "`*` would let every website that a user visits read and change data; list the origins"
    )]
    Any,
    /// Neither `http` nor `https`.
    #[error("an origin starts with http:// or https://, as in https://admin.example")]
    Scheme,
    /// The host or port is malformed, or something follows them.
    #[error(
        "an origin consists of scheme, host and port, as in https://admin.example or \
         http://localhost:3000, without a path or trailing slash"
    )]
    Host,
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Err(InvalidOrigin::Any);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidOrigin::Scheme),
        };
        let host = Host::parse(rest).ok_or(InvalidOrigin::Host)?;
        Ok(Self {
            scheme,
            port: host.port.unwrap_or(scheme.default_port()),
            host: host.name,
        })
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl Origin {
    /// Returns whether pages served by `host` have this origin, whatever their scheme.
    pub(super) fn is_served_by(&self, host: &Host) -> bool {
        self.has_host(host) && self.port == host.port.unwrap_or(self.scheme.default_port())
    }

    /// Returns whether the host names are equal.
    pub(super) fn has_host(&self, host: &Host) -> bool {
        self.host == host.name
    }
}

/// The value of a `Host` header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// In lower case; IPv6 addresses in brackets.
    name: String,
    port: Option<u16>,
}

impl Host {
    /// Returns `None` if the text is malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let name = authority.host();
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_valid =
            !name.is_empty() && (name.starts_with('[') || name.chars().all(is_name_char));
        if !is_valid || text.contains('@') {
            return None;
        }
        let port = match text.strip_prefix(name)?.strip_prefix(':') {
            None | Some("") => None,
            Some(port) => Some(port.parse().ok()?),
        };
        Some(Self {
            name: name.to_ascii_lowercase(),
            port,
        })
    }

    /// Returns whether the name denotes this machine without asking a name server.
    pub(super) fn is_loopback(&self) -> bool {
        let name = self.name.strip_suffix('.').unwrap_or(&self.name);
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        name == "localhost"
            || name.ends_with(".localhost")
            || name
                .parse()
                .is_ok_and(|address: Ipv4Addr| address.is_loopback())
            || address.is_some_and(|address| {
                address
                    .parse()
                    .is_ok_and(|address: Ipv6Addr| address.is_loopback())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn origins_are_parsed_and_normalised() {
        for (text, normalised) in [
            ("https://admin.example", "https://admin.example"),
            ("HTTPS://Admin.Example:443", "https://admin.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://10.0.0.1:80", "https://10.0.0.1:80"),
        ] {
            assert_eq!(origin(text).to_string(), normalised);
        }
    }

    #[test]
    fn malformed_origins_are_rejected() {
        for (text, error) in [
            ("*", InvalidOrigin::Any),
            ("", InvalidOrigin::Scheme),
            ("null", InvalidOrigin::Scheme),
            ("admin.example", InvalidOrigin::Scheme),
            ("file:///tmp", InvalidOrigin::Scheme),
            ("https://", InvalidOrigin::Host),
            ("https://:80", InvalidOrigin::Host),
            ("https://*.example", InvalidOrigin::Host),
            ("https://admin.example/", InvalidOrigin::Host),
            ("https://admin.example/graphiql", InvalidOrigin::Host),
            ("https://me@admin.example", InvalidOrigin::Host),
            ("https://admin.example:99999", InvalidOrigin::Host),
            ("https://käse.example", InvalidOrigin::Host),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }

    #[test]
    fn pages_with_the_same_host_and_port_are_same_origin() {
        for (page, host, is_same) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("http://localhost:8080", "LOCALHOST:8080", true),
            ("https://sync.example", "sync.example", true),
            ("https://sync.example", "sync.example:443", true),
            ("http://sync.example", "sync.example:443", false),
            ("http://localhost:3000", "localhost:8080", false),
            ("http://localhost:8080", "127.0.0.1:8080", false),
            ("http://sync.example.evil.example", "sync.example", false),
        ] {
            let host = Host::parse(host).unwrap();
            assert_eq!(
                origin(page).is_served_by(&host),
                is_same,
                "{page} at {host:?}"
            );
        }
    }

    #[test]
    fn loopback_hosts_are_recognised_by_name() {
        for (host, is_loopback) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("localhost.:8080", true),
            ("sync.localhost", true),
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("[::1]:8080", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("evillocalhost", false),
            ("127.0.0.1.evil.example", false),
            ("0.0.0.0:8080", false),
            ("[::2]", false),
            ("192.168.0.1", false),
        ] {
            assert_eq!(
                Host::parse(host).unwrap().is_loopback(),
                is_loopback,
                "{host}"
            );
        }
    }
}
