//! The command line.

mod error;
mod keys;
mod output;
mod serve;

use clap::{Parser, Subcommand};
use tracing::info;

use crate::{config::Config, db, graphql};
use keys::KeyCommand;

pub use error::CliError;

/// GraphQL API server for the history of data synchronisation runs, with live updates
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Flags of every command.
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (default)
    Serve,
    /// Apply pending database migrations and exit
    Migrate,
    /// Print the GraphQL schema and exit
    Schema,
    /// Create, list and revoke API keys
    #[command(subcommand)]
    Key(KeyCommand),
}

impl Cli {
    /// Runs the command, by default the server.
    ///
    /// # Errors
    /// Returns the [`CliError`] that ended the command.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(&self.config).await,
            Command::Migrate => {
                let database = db::connect(&self.config.database_url).await?;
                info!(database = database.name(), "the database is up to date");
                Ok(())
            }
            Command::Schema => Ok(output::print(&graphql::sdl())?),
            Command::Key(command) => {
                let database = db::connect(&self.config.database_url).await?;
                keys::run(&database, command).await
            }
        }
    }
}
