//! What can be set: flags, then environment, then defaults.

mod limits;

use std::{io::IsTerminal, time::Duration};

use clap::{Args, ValueEnum};

use crate::{
    access::{Policy, Scopes, TokenSettings},
    feed, graphql,
    http::{HttpLimits, Origin},
    runs,
};

pub use limits::LimitSettings;

/// Settings of every command. Their names are fixed: clients and scripts use them.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where the ledger is kept: an SQLite file or a PostgreSQL database
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_DATABASE_URL",
        default_value = "sqlite://sync-history.db?mode=rwc",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: String,

    /// Address and port to serve on; port 0 takes a free one
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: String,

    /// Another site whose pages may ask: scheme, host and port; repeat it for several
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub allow_origin: Vec<Origin>,

    /// Who is let in.
    #[command(flatten)]
    pub access: AccessSettings,

    /// How much may be asked for.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// How long changes are kept for live views that come back; at least a minute
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_CHANGE_RETENTION",
        default_value = "14days",
        value_parser = retention,
        value_name = "DURATION"
    )]
    pub change_retention: Duration,

    /// How log lines look [default: text on a terminal, else json]
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    log_format: Option<LogFormat>,
}

/// Who is let in besides the holders of API keys.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Who is let in")]
pub struct AccessSettings {
    /// The issuer whose tokens (JWT) people bring; its keys are found by its discovery (`OpenID` Connect)
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_ISSUER",
        value_name = "URL"
    )]
    oidc_issuer: Option<String>,

    /// Whom tokens must be for: this must be in their `aud`
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_AUDIENCE",
        value_name = "NAME"
    )]
    oidc_audience: Option<String>,

    /// The claim of a token that holds its scopes, as words or a list
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_SCOPE_CLAIM",
        default_value = "scope",
        value_name = "CLAIM"
    )]
    oidc_scope_claim: String,

    /// The keys that tokens are signed with (JWKS), a file or a URL; instead of the issuer's discovery
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_JWKS",
        value_name = "FILE|URL"
    )]
    jwks: Option<String>,

    /// What those may do who bring neither key nor token: read, report, operate, admin, with commas
    /// between. Unless given: everything on a loopback address while there are neither keys nor an
    /// issuer, and otherwise nothing
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_ANONYMOUS",
        value_name = "SCOPES"
    )]
    anonymous: Option<Scopes>,
}

impl AccessSettings {
    /// How tokens are checked, if any are let in.
    #[must_use]
    pub fn tokens(&self) -> Option<TokenSettings> {
        (self.oidc_issuer.is_some() || self.jwks.is_some()).then(|| TokenSettings {
            issuer: self.oidc_issuer.clone(),
            audience: self.oidc_audience.clone(),
            jwks: self.jwks.clone(),
            scope_claim: self.oidc_scope_claim.clone(),
        })
    }

    /// What else is let in.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            anonymous: self.anonymous,
        }
    }
}

fn retention(text: &str) -> Result<Duration, String> {
    let retention = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if retention < Duration::from_mins(1) {
        return Err("a live view needs time to come back: keep at least a minute".to_owned());
    }
    Ok(retention)
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

impl Config {
    /// The format that was asked for, or the one that fits where the log goes.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        let fitting = if std::io::stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        };
        self.log_format.unwrap_or(fitting)
    }

    /// The limits that were asked for.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.feed.retention = self.change_retention;
        limits.http.allowed_origins.clone_from(&self.allow_origin);
        self.limits.apply(&mut limits);
        limits
    }
}

/// All limits, each consumer's slice of its own.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Of the ledger.
    pub runs: runs::Limits,
    /// Of the change feed.
    pub feed: feed::Settings,
    /// Of what may be asked.
    pub graphql: graphql::Limits,
    /// Of connections, requests and sockets.
    pub http: HttpLimits,
}
