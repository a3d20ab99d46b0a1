//! The command line.

mod error;
mod keys;
mod output;
mod serve;

use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;
use tracing::info;

use crate::{
    config::Config,
    db::{self, DatabaseUrl, OpenOptions, Tables},
    graphql,
};
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
    /// Parses the command line. Prints an error, or the help, and exits if there is no command to run.
    #[must_use]
    pub fn parse_or_exit() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            if !error.use_stderr() {
                error.exit();
            }
            // A database URL in a wrong place is repeated by the message, with its password.
            let values = std::env::args()
                .skip(1)
                .filter(|value| value.contains("://"));
            let message = values.fold(error.to_string(), |message, argument| {
                let value = argument.split_once('=').map_or("", |(_, value)| value);
                let message = message.replace(&argument, "URL");
                if value.contains("://") {
                    message.replace(value, "URL")
                } else {
                    message
                }
            });
            output::print_error(&message);
            std::process::exit(error.exit_code());
        })
    }

    /// Runs the command, by default the server.
    ///
    /// # Errors
    /// Returns the [`CliError`] that ended the command.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(&self.config).await,
            Command::Migrate => {
                let database = db::connect(self.config.database_url.expose_secret()).await?;
                info!(database = %database.location(), "the database is up to date");
                Ok(())
            }
            Command::Schema => Ok(output::print(&graphql::sdl())?),
            Command::Key(command) => {
                let url = DatabaseUrl::parse(self.config.database_url.expose_secret())?;
                // A key in a database that was created by mistake would be of no use.
                let options = OpenOptions {
                    tables: Tables::Require,
                    ..OpenOptions::default()
                };
                keys::run(&db::open(&url, options).await?, command).await
            }
        }
    }
}
