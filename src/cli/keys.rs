//! `key`: create, list and revoke API keys.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use entity::{SyncSource, instant};
use strum::VariantArray;

use super::{
    error::CliError,
    output::{print, print_error},
};
use crate::{
    auth::{
        Scopes,
        api_key::{self, ApiKey, ApiKeyError, NewApiKey},
    },
    clock::{Clock, SystemClock},
    db::Database,
};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Create an API key and print it; it is not stored and cannot be shown again
    Create(CreateArgs),
    /// List all API keys, without the keys themselves
    List,
    /// Revoke an API key; servers reject it and close its connections within seconds
    Revoke {
        /// Id of the key, or its name if that is unique
        #[arg(value_name = "ID|NAME")]
        key: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Display name of the key
    #[arg(long)]
    name: String,
    /// Scope granted to the key: read, report, operate or admin; repeat the flag for several
    #[arg(long = "scope", required = true, value_name = "SCOPE")]
    scopes: Vec<Scopes>,
    /// Restrict reporting to runs of this source; repeat the flag for several
    #[arg(long = "source", value_name = "SOURCE", value_parser = source)]
    sources: Vec<SyncSource>,
    /// Lifetime of the key, such as 90d [default: does not expire]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
}

fn source(text: &str) -> Result<SyncSource, String> {
    text.parse().map_err(|_| {
        let sources: Vec<_> = SyncSource::VARIANTS.iter().map(AsRef::as_ref).collect();
        format!("valid sources are {}", sources.join(", "))
    })
}

pub(super) async fn run(database: &Database, command: KeyCommand) -> Result<(), CliError> {
    let clock = SystemClock::default();
    let location = database.location();
    match command {
        KeyCommand::Create(args) => {
            let new = NewApiKey {
                name: args.name,
                scopes: args.scopes.into_iter().flat_map(Scopes::iter).collect(),
                sources: args.sources,
                expires: args.expires,
            };
            let (row, key) = api_key::create(database, &clock, new).await?;
            print_error(&format!(
                "created the API key `{}` ({}) in the {location}; it is shown only once\n",
                row.name, row.id
            ));
            print(&format!("{key}\n"))?;
        }
        KeyCommand::List => {
            let keys = api_key::list(database).await.map_err(ApiKeyError::from)?;
            let lines = if keys.is_empty() {
                "no keys\n".to_owned()
            } else {
                keys.iter().map(line).collect()
            };
            print_error(&format!("API keys in the {location}\n"));
            print(&format!("{}\n{lines}", COLUMNS.join("\t")))?;
        }
        KeyCommand::Revoke { key } => {
            let key = api_key::revoke(database, clock.now(), &key).await?;
            print_error(&format!(
                "revoked the API key `{}` ({}) in the {location}\n",
                key.name, key.id
            ));
        }
    }
    Ok(())
}

/// The header of the list.
const COLUMNS: [&str; 8] = [
    "ID",
    "NAME",
    "SCOPES",
    "SOURCES",
    "CREATED",
    "EXPIRES",
    "REVOKED",
    "LAST USED",
];

/// Formats a key as a line of tab-separated columns.
fn line(key: &ApiKey) -> String {
    let time = |time: Option<DateTime<Utc>>| {
        let time = time.map(|time| instant::clamp(time).to_rfc3339_opts(SecondsFormat::Secs, true));
        time.unwrap_or_else(|| "never".to_owned())
    };
    let columns: [String; COLUMNS.len()] = [
        key.id.to_string(),
        key.name.clone(),
        key.scopes.clone(),
        key.sources.clone().unwrap_or_else(|| "any".to_owned()),
        time(Some(key.created_at)),
        time(key.expires_at),
        time(key.revoked_at),
        time(key.last_used_at),
    ];
    columns.join("\t") + "\n"
}
