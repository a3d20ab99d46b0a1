//! Origins and hosts as they are written.

use std::{
    fmt::{self, Display, Formatter},
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use axum::http::uri::Authority;

/// A site as a browser tells it: scheme, host, and the port unless it is the scheme's own.
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
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// `*`, as other servers have it.
    #[error(
        "`*` would let every site that somebody visits read and write the ledger; name the sites"
    )]
    Any,
    /// Neither `http` nor `https`.
    #[error("an origin begins with http:// or https://, as in https://admin.example")]
    Scheme,
    /// More than an origin, or a host that is none.
    #[error(
        "an origin is scheme, host and port, as in https://admin.example or http://localhost:3000: \
         without a path, nor a slash at its end"
    )]
    Host,
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        if text == "*" {
            return Err(BadOrigin::Any);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadOrigin::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(BadOrigin::Scheme),
        };
        let host = Host::read(rest).ok_or(BadOrigin::Host)?;
        Ok(Self {
            scheme,
            port: host.port.unwrap_or(scheme.port()),
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
        if self.port == self.scheme.port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl Origin {
    /// Whether it is that of the pages which a host serves.
    pub(super) fn is_at(&self, host: &Host) -> bool {
        self.is_of(host) && self.port == host.port.unwrap_or(self.scheme.port())
    }

    /// The same, whichever port it serves them on.
    pub(super) fn is_of(&self, host: &Host) -> bool {
        self.host == host.name
    }
}

/// A host as a request names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// In lower case; an IPv6 address in brackets.
    name: String,
    port: Option<u16>,
}

impl Host {
    /// None if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let name = authority.host();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = !name.is_empty() && (name.starts_with('[') || name.chars().all(is_plain));
        if !is_name || text.contains('@') {
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

    /// Whether it is this machine by its name alone, whatever a name server says.
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
    fn an_origin_is_read_as_browsers_write_it() {
        for (text, written) in [
            ("https://admin.example", "https://admin.example"),
            ("HTTPS://Admin.Example:443", "https://admin.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://10.0.0.1:80", "https://10.0.0.1:80"),
        ] {
            assert_eq!(origin(text).to_string(), written);
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_none() {
        for (text, error) in [
            ("*", BadOrigin::Any),
            ("", BadOrigin::Scheme),
            ("null", BadOrigin::Scheme),
            ("admin.example", BadOrigin::Scheme),
            ("file:///tmp", BadOrigin::Scheme),
            ("https://", BadOrigin::Host),
            ("https://:80", BadOrigin::Host),
            ("https://*.example", BadOrigin::Host),
            ("https://admin.example/", BadOrigin::Host),
            ("https://admin.example/graphiql", BadOrigin::Host),
            ("https://me@admin.example", BadOrigin::Host),
            ("https://admin.example:99999", BadOrigin::Host),
            ("https://käse.example", BadOrigin::Host),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }

    #[test]
    fn pages_of_the_same_host_and_port_are_its_own() {
        for (page, host, own) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("http://localhost:8080", "LOCALHOST:8080", true),
            ("https://ledger.example", "ledger.example", true),
            ("https://ledger.example", "ledger.example:443", true),
            ("http://ledger.example", "ledger.example:443", false),
            ("http://localhost:3000", "localhost:8080", false),
            ("http://localhost:8080", "127.0.0.1:8080", false),
            (
                "http://ledger.example.evil.example",
                "ledger.example",
                false,
            ),
        ] {
            let host = Host::read(host).unwrap();
            assert_eq!(origin(page).is_at(&host), own, "{page} at {host:?}");
        }
    }

    #[test]
    fn loopback_is_told_by_its_name() {
        for (host, loopback) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("localhost.:8080", true),
            ("ledger.localhost", true),
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
            assert_eq!(Host::read(host).unwrap().is_loopback(), loopback, "{host}");
        }
    }
}
