//! The command line.

use std::sync::Arc;

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tracing::info;

use crate::{
    clock::SystemClock,
    config::Config,
    db::{self, ConnectError},
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

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Serve the ledger over HTTP (the default)
    Serve,
    /// Bring the database's tables up to date, and end
    Migrate,
    /// Print the GraphQL schema, and end
    Schema,
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
        }
    }
}

async fn serve(config: &Config) -> Result<(), CliError> {
    let shutdown = server::shutdown_signal()?;
    let database = db::connect(&config.database_url).await?;
    let limits = config.limits();
    let clock = Arc::new(SystemClock::default());
    let runs = Runs::open(database.clone(), clock.clone(), limits.runs.clone()).await?;
    let listener = TcpListener::bind(&config.listen)
        .await
        .map_err(|source| CliError::Listen {
            address: config.listen.clone(),
            source,
        })?;
    print(&format!("listening on http://{}\n", listener.local_addr()?))?;
    let graphql = Executor::new(runs, limits.graphql);
    let services = Services::new(database, graphql, clock, limits.http);
    server::serve(listener, services, shutdown).await?;
    info!("stopped");
    Ok(())
}

/// Writes to standard output, which carries nothing but what was asked for.
fn print(text: &str) -> Result<(), CliError> {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}
