//! The address that a request comes from, which limits of unauthenticated clients hold for.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use axum::http::HeaderMap;
use ipnet::IpNet;

use super::forwarded::{Hops, forwarded, x_forwarded_for};

/// Bits of an IPv6 address that identify a client. Networks are given prefixes of this length or shorter, within which
/// any host may take as many addresses as it likes (RFC 4291, 2.5.4).
const IPV6_PREFIX: u32 = 64;

/// The address of a client, or its network if it is an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> (128 - IPV6_PREFIX) << (128 - IPV6_PREFIX);
                Ipv6Addr::from_bits(network).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/{IPV6_PREFIX}"),
        }
    }
}

/// An address or network of proxies that name their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// Neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address or network, such as 192.0.2.1 or 192.0.2.0/24")]
pub struct InvalidProxy;

impl FromStr for TrustedProxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().into(),
            Err(_) => text.parse().map_err(|_| InvalidProxy)?,
        };
        Ok(Self(network))
    }
}

/// Returns whether an address is that of a trusted proxy.
pub(crate) fn is_trusted(address: IpAddr, proxies: &[TrustedProxy]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.0.contains(&address))
}

/// Returns the address of the client that sent a request through a connection from `peer`. Nobody but trusted proxies
/// is believed; a client that writes the header that its proxy does not write counts as the proxy.
pub(super) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    proxies: &[TrustedProxy],
) -> IpAddr {
    if proxies.is_empty() || !is_trusted(peer, proxies) {
        return peer;
    }
    let before = |hops: Hops| before_proxies(peer, &hops, proxies);
    match (
        forwarded(headers).map(before),
        x_forwarded_for(headers).map(before),
    ) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    }
}

/// Walks from the nearest proxy to the first address that is not that of a trusted proxy. An address that is hidden has
/// that of the proxy which hides it.
fn before_proxies(peer: IpAddr, hops: &[Option<IpAddr>], proxies: &[TrustedProxy]) -> IpAddr {
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Some(hop) = hop.filter(|_| is_trusted(client, proxies)) else {
            break;
        };
        client = hop;
    }
    client
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let proxies =
            ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"].map(|text| text.parse().unwrap());
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let address = client_address(peer.parse().unwrap(), &headers.collect(), &proxies);
        ClientAddress::from(address).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let x = "x-forwarded-for";
        for (peer, headers, expected) in [
            ("203.0.113.1", &[(x, "198.51.100.7")][..], "203.0.113.1"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &[(x, "198.51.100.7")], "198.51.100.7"),
            ("::ffff:10.1.2.3", &[(x, "198.51.100.7")], "198.51.100.7"),
            // The client has written the first.
            (
                "10.1.2.3",
                &[(x, "198.51.100.9, 198.51.100.7")],
                "198.51.100.7",
            ),
            (
                "10.1.2.3",
                &[(x, "198.51.100.7, 192.0.2.1, 10.9.9.9")],
                "198.51.100.7",
            ),
            (
                "10.1.2.3",
                &[(x, "198.51.100.7"), (x, "192.0.2.1")],
                "198.51.100.7",
            ),
            ("10.1.2.3", &[(x, "198.51.100.7, junk")], "10.1.2.3"),
            (
                "10.1.2.3",
                &[("forwarded", "for=198.51.100.7")],
                "198.51.100.7",
            ),
            (
                "2001:db8::1",
                &[("forwarded", "for=\"[2002::1:2]:80\"")],
                "2002::/64",
            ),
            (
                "10.1.2.3",
                &[("forwarded", "for=198.51.100.7, for=_x")],
                "10.1.2.3",
            ),
            // The proxy has written one of the two.
            (
                "10.1.2.3",
                &[("forwarded", "for=198.51.100.9"), (x, "198.51.100.7")],
                "10.1.2.3",
            ),
            (
                "10.1.2.3",
                &[("forwarded", "for=198.51.100.7"), (x, "198.51.100.7")],
                "198.51.100.7",
            ),
        ] {
            assert_eq!(client(peer, headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let address = |text: &str| ClientAddress::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8:1:2::3"), address("2001:db8:1:2:ffff::"));
        assert_ne!(address("2001:db8:1:2::3"), address("2001:db8:1:3::3"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        for text in ["192.0.2.1", "192.0.2.0/24", "::1", "2001:db8::/32"] {
            assert!(text.parse::<TrustedProxy>().is_ok(), "{text}");
        }
        for text in ["", "proxy", "192.0.2.0/33", "192.0.2.1:80", "*"] {
            assert!(text.parse::<TrustedProxy>().is_err(), "{text}");
        }
    }
}
