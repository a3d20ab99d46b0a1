//! Parsing of database URLs.
//!
//! A URL may contain a password, and in a malformed one it may be anywhere. So a URL is parsed before it is used, and
//! no part of its text is ever printed.

use std::{borrow::Cow, fmt};

use sqlx::{ConnectOptions, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use url::Url;

use super::{connect_error::UrlError, location::DatabaseLocation};

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
pub struct DatabaseUrl(pub(super) ParsedUrl);

/// What a URL names, by the kind of database.
pub(super) enum ParsedUrl {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<SqliteUrl>),
}

/// A URL that names a file, and contains no password.
pub(super) struct SqliteUrl {
    pub(super) text: String,
    pub(super) file: SqliteConnectOptions,
    /// Whether the file is created if it is missing.
    pub(super) may_create: bool,
}

/// Without the password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.location())
    }
}

impl DatabaseUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Returns why it is not supported, without any part of its text.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match text.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {
                Ok(Self(ParsedUrl::Postgres(Box::new(postgres(text)?))))
            }
            Some(("sqlite", _)) => Ok(Self(ParsedUrl::Sqlite(Box::new(sqlite(text)?)))),
            _ => Err(UrlError::Scheme),
        }
    }

    /// Returns where the database is.
    pub(super) fn location(&self) -> DatabaseLocation {
        match &self.0 {
            ParsedUrl::Postgres(server) => DatabaseLocation::postgres(server),
            ParsedUrl::Sqlite(url) => DatabaseLocation::sqlite(url.file.get_filename()),
        }
    }
}

fn postgres(text: &str) -> Result<PgConnectOptions, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
    // A password that contains `#` or `/` ends there, and the rest would be taken for a name.
    let has_rest = url.path().trim_start_matches('/').contains(['@', '/']);
    if url.fragment().is_some() || has_rest {
        return Err(UrlError::Malformed);
    }
    let is_known = |name: &str| {
        PARAMETERS.contains(&name) || name.starts_with("options[") && name.ends_with(']')
    };
    if !url.query_pairs().all(|(name, _)| is_known(&name)) {
        return Err(UrlError::Parameter);
    }
    let options: PgConnectOptions = text.parse().map_err(|_| UrlError::Malformed)?;
    Ok(options.disable_statement_logging())
}

fn sqlite(text: &str) -> Result<SqliteUrl, UrlError> {
    if text.contains(":memory:") || text.contains("mode=memory") {
        return Err(UrlError::InMemory);
    }
    let url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
    // The URL of a server with the wrong scheme: the path would be printed with the password in it.
    let has_password = url.password().is_some() || url.port().is_some() && url.path().contains('@');
    if has_password {
        return Err(UrlError::Malformed);
    }
    let is_read_only = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        name == "mode" && value == "ro" || name == "immutable" && matches!(&*value, "1" | "true")
    };
    if url.query_pairs().any(is_read_only) {
        return Err(UrlError::ReadOnly);
    }
    let file: SqliteConnectOptions = text.parse().map_err(|_| UrlError::Malformed)?;
    Ok(SqliteUrl {
        text: text.to_owned(),
        file: file.disable_statement_logging(),
        may_create: url
            .query_pairs()
            .any(|(name, value)| name == "mode" && value == "rwc"),
    })
}
