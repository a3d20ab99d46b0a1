//! Addresses and names of hosts.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{digits, is_alphanumeric, vocabulary};

/// Bytes of an address at most.
const MAX_ADDRESS_LENGTH: usize = 45;

/// Returns the length of an IPv6 address at the beginning of a text.
pub(super) fn ipv6(text: &str) -> Option<usize> {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let length = text
        .bytes()
        .take(MAX_ADDRESS_LENGTH + 1)
        .take_while(|byte| is_part(*byte))
        .count();
    let address = text[..length].trim_end_matches('.');
    let address = address
        .strip_suffix(':')
        .filter(|rest| !rest.ends_with(':'))
        .unwrap_or(address);
    let has_digit = address.bytes().any(|byte| byte.is_ascii_digit());
    let is_whole = !text[address.len()..].starts_with(is_alphanumeric);
    let is_address = has_digit && is_whole && address.parse::<Ipv6Addr>().is_ok();
    is_address.then_some(address.len())
}

/// Returns the length of a hardware address such as `00:1a:2b:3c:4d:5e`.
pub(super) fn hardware_address(text: &str) -> Option<usize> {
    const LENGTH: usize = 17;
    let bytes = text.as_bytes().get(..LENGTH)?;
    let is_part = |(at, byte): (usize, &u8)| match at % 3 {
        2 => matches!(byte, b':'),
        _ => byte.is_ascii_hexdigit(),
    };
    let is_address =
        bytes.iter().enumerate().all(is_part) && !text[LENGTH..].starts_with(is_alphanumeric);
    is_address.then_some(LENGTH)
}

pub(super) fn is_email(token: &str) -> bool {
    token.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.contains('@')
    })
}

/// Returns whether a token is an address, with the length of its network perhaps, or the name of a host, with its address
/// perhaps.
pub(super) fn is_host(token: &str) -> bool {
    let (host, rest) = token.split_once('/').unwrap_or((token, ""));
    let is_address = host.parse::<Ipv4Addr>().is_ok();
    let is_network = is_address && digits(rest) == rest.len();
    is_network
        || (is_address || is_host_name(host))
            && (rest.is_empty() || rest.parse::<Ipv4Addr>().is_ok())
}

/// Returns whether a token is a name whose last label is a domain.
pub(super) fn is_host_name(token: &str) -> bool {
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    let label = token.rsplit('.').next().unwrap_or_default();
    token.contains('.')
        && token.chars().all(is_name)
        && token.split('.').all(|label| !label.is_empty())
        && label.chars().all(|char| !char.is_ascii_uppercase())
        && vocabulary::is_domain(label)
}
