//! The command line.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Parser, Subcommand};
use entity::SyncSource;
use strum::VariantArray;
use tokio::net::TcpListener;
use tracing::info;

use crate::{
    access::{
        Access, AccessError, Scopes,
        keys::{self, Key, KeyError, NewKey},
    },
    clock::{Clock, SystemClock},
    config::Config,
    db::{self, ConnectError, Database},
    feed::ChangeFeed,
    graphql::{self, Executor},
    http::Services,
    runs::{self, Runs},
    server,
};

/// The ledger of data synchronisation: keeps every run and its events, and pushes each change to
/// whoever watches.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Settings.
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the ledger over HTTP (the default)
    Serve,
    /// Bring the database's tables up to date, and end
    Migrate,
    /// Print the GraphQL schema, and end
    Schema,
    /// Make, list and revoke the API keys of workers
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key, and print it: this once, since it is stored nowhere
    Create(NewKeyArguments),
    /// List the keys, without what their holders know
    List,
    /// Revoke a key: servers refuse it within seconds, and close what it opened
    Revoke {
        /// Its id, or its name if no other has that
        #[arg(value_name = "ID|NAME")]
        key: String,
    },
}

#[derive(Debug, Args)]
struct NewKeyArguments {
    /// What its holder is called
    #[arg(long)]
    name: String,
    /// What it allows: read, report, operate, admin; may be given several times
    #[arg(long = "scope", required = true, value_name = "SCOPE")]
    scopes: Vec<Scopes>,
    /// The only sources whose runs it may report on; may be given several times
    #[arg(long = "source", value_name = "SOURCE", value_parser = source)]
    sources: Vec<SyncSource>,
    /// How long it holds, such as 90d; for good unless given
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
}

fn source(word: &str) -> Result<SyncSource, String> {
    word.parse().map_err(|_| {
        let words: Vec<_> = SyncSource::VARIANTS.iter().map(AsRef::as_ref).collect();
        format!("there are {}", words.join(", "))
    })
}

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The database cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The ledger in it cannot be read.
    #[error("cannot open the ledger: {0}")]
    Open(#[from] runs::Error),
    /// The address is taken, or none of this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The door would stand open.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A key cannot be made or revoked.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Something failed while serving.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// See [`CliError`].
    pub async fn run(self) -> Result<(), CliError> {
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve(&self.config).await,
            Command::Migrate => {
                let database = db::connect(&self.config.database_url).await?;
                info!(database = ?database.backend(), "the tables are up to date");
                Ok(())
            }
            Command::Schema => print(&graphql::sdl()),
            Command::Key(command) => {
                let database = db::connect(&self.config.database_url).await?;
                manage_keys(&database, command).await
            }
        }
    }
}

async fn serve(config: &Config) -> Result<(), CliError> {
    let shutdown = server::shutdown_signal()?;
    let times = config.limits.statement_timeouts();
    let database = db::connect_with(&config.database_url, times).await?;
    let limits = config.limits();
    server::raise_open_files(limits.http.connections);
    let clock = Arc::new(SystemClock::default());
    let runs = Runs::new(database.clone(), clock.clone(), limits.runs.clone());
    let signal = runs.change_signal();
    let feed = ChangeFeed::start(database.clone(), clock.new_id(), signal, limits.feed).await?;
    let listener = TcpListener::bind(&config.listen)
        .await
        .map_err(|source| CliError::Listen {
            address: config.listen.clone(),
            source,
        })?;
    let address = listener.local_addr()?;
    let (tokens, policy) = (config.access.tokens(), config.access.policy());
    let access = Access::open(database.clone(), clock.clone(), tokens, policy, address).await?;
    print(&format!("listening on http://{address}\n"))?;
    let graphql = Executor::new(runs, feed, limits.graphql);
    let services = Services::new(database, access, graphql, clock, limits.http);
    server::serve(listener, services, shutdown).await?;
    info!("stopped");
    Ok(())
}

async fn manage_keys(database: &Database, command: KeyCommand) -> Result<(), CliError> {
    let clock = SystemClock::default();
    match command {
        KeyCommand::Create(new) => {
            let new = NewKey {
                name: new.name,
                scopes: new.scopes.into_iter().flat_map(Scopes::iter).collect(),
                sources: new.sources,
                expires: new.expires,
            };
            let (key, secret) = keys::create(database, &clock, new).await?;
            info!(id = %key.id, name = key.name, scopes = key.scopes, "made a key; it is shown this once");
            print(&format!("{secret}\n"))
        }
        KeyCommand::List => {
            let keys = keys::list(database).await.map_err(KeyError::from)?;
            print(&keys.iter().map(row).collect::<String>())
        }
        KeyCommand::Revoke { key } => {
            let key = keys::revoke(database, clock.now(), &key).await?;
            info!(id = %key.id, name = key.name, "revoked a key");
            Ok(())
        }
    }
}

/// A key as a line of the list: what stands in a column is separated by a tabulator.
fn row(key: &Key) -> String {
    let at = |what: &str, instant: Option<DateTime<Utc>>| {
        let text = instant.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        format!("{what} {}", text.as_deref().unwrap_or("never"))
    };
    let columns = [
        key.id.to_string(),
        key.name.clone(),
        key.scopes.clone(),
        key.sources
            .clone()
            .unwrap_or_else(|| "any source".to_owned()),
        at("made", Some(key.created_at)),
        at("expires", key.expires_at),
        at("revoked", key.revoked_at),
        at("used", key.last_used_at),
    ];
    columns.join("\t") + "\n"
}

/// Writes to standard output, which carries nothing but what was asked for.
fn print(text: &str) -> Result<(), CliError> {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}
