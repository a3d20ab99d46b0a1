//! Parsing of database URLs.
//!
//! A URL may contain a password, and in a malformed one it may be anywhere. So a URL is parsed before it is used, and
//! no part of its text is ever printed.

use sqlx::{ConnectOptions, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use url::Url;

use super::error::ConnectError;

/// The parameters of a PostgreSQL URL that the driver knows, besides `options[NAME]`. It logs the values of others.
const PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The database that a URL names.
pub(super) enum DatabaseUrl {
    Postgres(Box<PgConnectOptions>),
    /// The URL itself, which names a file and contains no password.
    Sqlite(String),
}

impl DatabaseUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Returns why it is not supported, without any part of its text.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectError> {
        match text.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Box::new(postgres(text)?))),
            Some(("sqlite", _)) => sqlite(text).map(Self::Sqlite),
            _ => Err(ConnectError::Scheme),
        }
    }
}

fn postgres(text: &str) -> Result<PgConnectOptions, ConnectError> {
    let url = Url::parse(text).map_err(|_| ConnectError::Malformed)?;
    // A password that contains `#` or `/` ends there, and the rest would be taken for a name.
    let has_rest = url.path().trim_start_matches('/').contains(['@', '/']);
    if url.fragment().is_some() || has_rest {
        return Err(ConnectError::Malformed);
    }
    let is_known = |name: &str| {
        PARAMETERS.contains(&name) || name.starts_with("options[") && name.ends_with(']')
    };
    if !url.query_pairs().all(|(name, _)| is_known(&name)) {
        return Err(ConnectError::Parameter);
    }
    let options: PgConnectOptions = text.parse().map_err(|_| ConnectError::Malformed)?;
    Ok(options.disable_statement_logging())
}

fn sqlite(text: &str) -> Result<String, ConnectError> {
    if text.contains(":memory:") || text.contains("mode=memory") {
        return Err(ConnectError::InMemory);
    }
    let is_valid = Url::parse(text).is_ok() && text.parse::<SqliteConnectOptions>().is_ok();
    is_valid
        .then(|| text.to_owned())
        .ok_or(ConnectError::Malformed)
}
