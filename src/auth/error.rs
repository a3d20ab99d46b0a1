//! Why a request is not authenticated.

/// Why a request is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The credentials are malformed, unknown, expired or revoked. The reason is safe to return to the
    /// client.
    #[error("{0}")]
    Invalid(&'static str),
    /// The credentials cannot be checked now; a retry may succeed.
    #[error("authentication is temporarily unavailable; try again")]
    Unavailable,
}
