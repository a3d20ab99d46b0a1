//! Configuration: command-line flags, then environment variables, then defaults.

mod auth;
pub mod environment;
mod limits;
mod listen;

use std::{convert::Infallible, io::IsTerminal, time::Duration};

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use crate::{
    http::{BasePath, HeaderName, Origin, TrustedProxy},
    runs::freshness::ExpectedInterval,
};

pub use auth::AuthArgs;
pub use limits::{LimitArgs, Limits};
pub use listen::{InvalidAddress, ListenAddress};

/// Flags of every command. Their names are stable: deployments and scripts use them.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Database: an SQLite file or a PostgreSQL database
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_DATABASE_URL",
        default_value = "sqlite://sync-history.db?mode=rwc",
        hide_env_values = true,
        value_parser = secret,
        value_name = "URL"
    )]
    pub database_url: SecretString,

    /// Address and port to listen on; port 0 selects a free port
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: ListenAddress,

    /// Path under which the server is reached behind a proxy, such as `/sync`
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_BASE_PATH",
        default_value = "/",
        value_name = "PATH"
    )]
    pub base_path: BasePath,

    /// Origin allowed to make cross-origin requests (CORS), such as `https://admin.example`; repeat the flag
    /// or separate several with commas
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub allow_origin: Vec<Origin>,

    /// Request header that allowed origins may send, besides those of common clients; repeat the flag or separate
    /// several with commas
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_ALLOW_HEADER",
        value_delimiter = ',',
        value_name = "NAME",
        requires = "allow_origin"
    )]
    pub allow_header: Vec<HeaderName>,

    /// Proxy (address or network) whose header `Forwarded` or `X-Forwarded-For` is believed to name the client;
    /// repeat the flag or separate several with commas
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_TRUSTED_PROXY",
        value_delimiter = ',',
        value_name = "ADDRESS"
    )]
    pub trusted_proxy: Vec<TrustedProxy>,

    /// How long changes are kept for subscriptions that resume from a cursor; at least one minute
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_CHANGE_RETENTION",
        default_value = "14days",
        value_parser = retention,
        value_name = "DURATION"
    )]
    pub change_retention: Duration,

    /// Interval at which runs of an entity type and source are expected to succeed, such as `stock/as400=2h`, instead
    /// of the one learned from history; repeat the flag or separate several with commas
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_EXPECT",
        value_delimiter = ',',
        value_name = "PAIR=DURATION"
    )]
    pub expect: Vec<ExpectedInterval>,

    /// Format of log lines [default: text on a terminal, otherwise json]
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    log_format: Option<LogFormat>,

    /// Flags of authentication.
    #[command(flatten)]
    pub auth: AuthArgs,

    /// Flags of limits.
    #[command(flatten)]
    pub limits: LimitArgs,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of value parsers")]
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// Parses the value of a flag that is set in the environment.
pub(crate) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("write 1 or true, 0 or false"),
    }
}

fn retention(text: &str) -> Result<Duration, String> {
    let retention = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if retention < Duration::from_mins(1) {
        return Err("subscriptions need time to reconnect; the minimum is one minute".to_owned());
    }
    Ok(retention)
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Returns the configured log format, by default text if standard error is a terminal and JSON otherwise.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        let default = if std::io::stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        };
        self.log_format.unwrap_or(default)
    }

    /// Returns the configured limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.feed.retention = self.change_retention;
        limits.http.base_path.clone_from(&self.base_path);
        limits.http.oidc_client = self.auth.oidc_client();
        limits.http.allowed_origins.clone_from(&self.allow_origin);
        limits.http.allowed_headers.clone_from(&self.allow_header);
        limits.http.trusted_proxies.clone_from(&self.trusted_proxy);
        self.limits.apply(&mut limits);
        limits
    }
}
