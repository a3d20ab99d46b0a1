//! Why a command fails.

use std::io;

use crate::{
    auth::{AuthSetupError, api_key::ApiKeyError},
    config::ListenAddress,
    db::{ConnectError, UrlError},
    error_chain,
    runs::{self, freshness::InvalidExpectation},
};

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The database cannot be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database URL is not supported.
    #[error(transparent)]
    DatabaseUrl(#[from] UrlError),
    /// The expected intervals contradict each other.
    #[error("--expect: {0}")]
    Expect(#[from] InvalidExpectation),
    /// The change feed cannot be opened.
    #[error("cannot open the change feed: {}", error_chain::messages(.0))]
    Open(#[from] runs::Error),
    /// The listen address is in use, or not one of this machine.
    #[error("cannot listen on {address}: {source}: {}", remedy(source))]
    Listen {
        /// The configured address.
        address: ListenAddress,
        /// The cause.
        source: io::Error,
    },
    /// Authentication cannot be set up.
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    /// An API key cannot be created, listed or revoked.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    /// Writing to standard output or serving failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Returns what to do about an address that cannot be listened on.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "stop the program that listens there, or choose another port with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "choose a port from 1024 on with --listen, or grant the capability CAP_NET_BIND_SERVICE"
        }
        _ => {
            "choose an address of this machine with --listen, such as 127.0.0.1:8080, or 0.0.0.0:8080 for all of them"
        }
    }
}
