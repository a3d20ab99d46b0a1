//! Why a command fails.

use std::io;

use crate::{
    auth::{AuthSetupError, api_key::ApiKeyError},
    db::ConnectError,
    runs,
};

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The database cannot be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The change feed cannot be opened.
    #[error("cannot open the change feed: {0}")]
    Open(#[from] runs::Error),
    /// The listen address is invalid or in use.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The configured address.
        address: String,
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
