//! The spelling of header names in the response to a WebSocket handshake.

use std::borrow::Cow;

/// The start of the response that accepts an upgrade.
const SWITCHING_PROTOCOLS: &[u8] = b"HTTP/1.1 101 ";
/// The header that names the subprotocol, as RFC 6455 spells it. Names of headers are case-insensitive and hyper writes
/// them in lower case, but some clients look this one up case-sensitively.
const PROTOCOL_HEADER: &[u8] = b"\r\nSec-WebSocket-Protocol:";

/// Returns what is sent instead of `bytes`, the output of hyper, which writes a response head at once.
pub(super) fn spell(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.starts_with(SWITCHING_PROTOCOLS) {
        return bytes.into();
    }
    let is_header = |part: &[u8]| part.eq_ignore_ascii_case(PROTOCOL_HEADER);
    let mut parts = bytes.windows(PROTOCOL_HEADER.len());
    let Some(start) = parts.position(is_header) else {
        return bytes.into();
    };
    let mut spelled = bytes.to_vec();
    spelled[start..start + PROTOCOL_HEADER.len()].copy_from_slice(PROTOCOL_HEADER);
    spelled.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_responses_that_accept_an_upgrade_are_changed() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: a\r\n\r\n";
        let spelled = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: a\r\n\r\n";
        assert_eq!(spell(head), &spelled[..]);
        for unchanged in [
            &b"HTTP/1.1 200 OK\r\nsec-websocket-protocol: a\r\n\r\n"[..],
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
            b"HTTP/1.1 101 ",
            b"",
        ] {
            assert_eq!(spell(unchanged), unchanged);
        }
    }
}
