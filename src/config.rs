//! What can be set: flags, then environment, then defaults.

use std::{io::IsTerminal, time::Duration};

use clap::{Args, ValueEnum};

use crate::{graphql, http::HttpLimits, runs};

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
        limits.runs.feed.retention = self.change_retention;
        limits
    }
}

/// All limits, each consumer's slice of its own.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Of the ledger.
    pub runs: runs::Limits,
    /// Of what may be asked.
    pub graphql: graphql::Limits,
    /// Of requests and sockets.
    pub http: HttpLimits,
}
