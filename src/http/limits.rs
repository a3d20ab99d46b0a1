//! Limits of connections, requests and WebSockets.

use std::time::Duration;

use axum::http::HeaderName;

use super::{
    base_path::BasePath, client_address::TrustedProxy, origin_policy::origin::Origin,
    pages::OidcClient, rate_limit::RateLimits,
};

/// Limits of connections, requests and WebSockets.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// Maximum size of a request body or WebSocket message, in bytes.
    pub max_body_bytes: usize,
    /// Maximum number of values and names in a JSON text. A thousand events with twenty details each have
    /// 50,000.
    pub max_json_values: usize,
    /// Limits per principal, and per address for those who are not authenticated.
    pub rate_limits: RateLimits,
    /// How long a request body may take to arrive.
    pub body_timeout: Duration,
    /// Maximum number of open connections, WebSockets included; further connections receive 503. Lower if
    /// the system allows fewer open files.
    pub max_connections: usize,
    /// Maximum size of a request head (request line and headers), in bytes. At least 8,192.
    pub max_header_bytes: usize,
    /// How long a request head may take to arrive, measured from its first byte; for the first request,
    /// from the time the connection is accepted.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request. While half of all connections are in use, new
    /// ones get `header_timeout` instead.
    pub idle_timeout: Duration,
    /// How long sent data may remain unacknowledged before the connection is closed (`TCP_USER_TIMEOUT`).
    pub tcp_user_timeout: Duration,
    /// How long a partially received request may take to arrive once shutdown has begun.
    pub shutdown_read_timeout: Duration,
    /// The path under which the server is reached.
    pub base_path: BasePath,
    /// How people sign in to the console; only with a token of their own if `None`.
    pub oidc_client: Option<OidcClient>,
    /// Origins allowed to make cross-origin requests.
    pub allowed_origins: Vec<Origin>,
    /// Request headers that these may send, besides those of common clients.
    pub allowed_headers: Vec<HeaderName>,
    /// Proxies that are believed when they name the address of a client.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Maximum number of concurrent operations on one WebSocket.
    pub max_operations_per_socket: usize,
    /// How long a WebSocket may take to send `connection_init`.
    pub init_timeout: Duration,
    /// Interval of pings on a WebSocket. It is closed after two unanswered pings.
    pub ping_interval: Duration,
    /// How long a message may take to be written to a WebSocket.
    pub send_timeout: Duration,
    /// How long a WebSocket's client may take to answer a close frame.
    pub close_timeout: Duration,
    /// The same for a WebSocket that is closed for being too slow, and still has messages to receive.
    pub slow_close_timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            max_json_values: 60_000,
            rate_limits: RateLimits::default(),
            body_timeout: Duration::from_secs(8),
            max_connections: 10_000,
            max_header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(8),
            // Longer than the keep-alive time of load balancers and client connection pools.
            idle_timeout: Duration::from_secs(75),
            tcp_user_timeout: Duration::from_secs(75),
            shutdown_read_timeout: Duration::from_secs(3),
            base_path: BasePath::default(),
            oidc_client: None,
            allowed_origins: Vec::new(),
            allowed_headers: Vec::new(),
            trusted_proxies: Vec::new(),
            max_operations_per_socket: 20,
            init_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            send_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(3),
            slow_close_timeout: Duration::from_mins(1),
        }
    }
}
