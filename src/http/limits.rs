//! Limits of connections, requests and sockets.

use std::time::Duration;

use super::{Origin, QuotaLimits};

/// Limits of connections, requests and sockets.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// Bytes of a request's body, and of a message on a socket.
    pub body_bytes: usize,
    /// Values and names in a JSON text. A thousand events with twenty details each are 50,000.
    pub json_values: usize,
    /// Of each principal.
    pub quota: QuotaLimits,
    /// How long a request's body may take to arrive.
    pub body_time: Duration,
    /// Connections open at once, sockets among them; who comes on top is answered 503. Fewer where
    /// the system allows fewer open files.
    pub connections: usize,
    /// Bytes of a request's head: its line, with the URL, and its headers. At least 8,192.
    pub head_bytes: usize,
    /// How long a request's head may take to arrive: from its first byte on, and that of the first
    /// request from the moment that a client is connected.
    pub head_time: Duration,
    /// How long a connection may wait for its next request; `head_time` for those that are made while
    /// half of all connections are taken.
    pub idle_time: Duration,
    /// How long a client may take nothing of what it was sent until its connection is cut.
    pub unread_time: Duration,
    /// How long what has arrived in part may take once the server is told to stop.
    pub stop_time: Duration,
    /// The sites, beside this server's own, whose pages may ask.
    pub allowed_origins: Vec<Origin>,
    /// Operations under way at once on one socket.
    pub operations_per_socket: usize,
    /// How long a new socket may take to say `connection_init`.
    pub init_time: Duration,
    /// How often a socket's client is asked whether it is there; silent twice, it is left.
    pub ping_interval: Duration,
    /// How long one message may take to be taken by a socket's client.
    pub send_time: Duration,
    /// How long a socket's client may take to agree that it is closed.
    pub close_time: Duration,
    /// The same for one that is closed because it is too slow: it has yet to take what was sent.
    pub linger_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            json_values: 60_000,
            quota: QuotaLimits::default(),
            body_time: Duration::from_secs(8),
            connections: 10_000,
            head_bytes: 64 * 1024,
            head_time: Duration::from_secs(8),
            // Longer than what is in front of a server, balancers and clients' pools, keeps one.
            idle_time: Duration::from_secs(75),
            unread_time: Duration::from_secs(75),
            stop_time: Duration::from_secs(3),
            allowed_origins: Vec::new(),
            operations_per_socket: 20,
            init_time: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            send_time: Duration::from_secs(30),
            close_time: Duration::from_secs(3),
            linger_time: Duration::from_mins(1),
        }
    }
}
