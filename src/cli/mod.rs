//! The command line.

mod error;
mod keys;
mod output;
mod serve;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use secrecy::ExposeSecret;
use tracing::{info, warn};

use crate::{
    config::{
        Config,
        environment::{self, UnknownVariable},
    },
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
        let matches = environment::ignore_empty(Self::command()).try_get_matches();
        let parsed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.unwrap_or_else(|error| {
            if !error.use_stderr() {
                // The help shows all variables, also those that are empty.
                let help = Self::command().try_get_matches().err();
                help.unwrap_or(error).exit();
            }
            output::print_error(&without_urls(error.to_string()));
            std::process::exit(error.exit_code());
        })
    }

    /// Runs the command, by default the server.
    ///
    /// # Errors
    /// Returns the [`CliError`] that ended the command.
    pub async fn run(self) -> Result<(), CliError> {
        for UnknownVariable { name, suggestion } in environment::unknown_variables(&Self::command())
        {
            warn!(name, suggestion, "unknown environment variable");
        }
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(&self.config).await,
            Command::Migrate => {
                let database = db::connect(self.config.database_url.expose_secret()).await?;
                database.finish_indexes().await;
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

/// Replaces URLs in a message about arguments and variables: a database URL in a wrong place is repeated by it, with its
/// password.
fn without_urls(message: String) -> String {
    let is_secret =
        |value: &str| value.contains("://") && (value.contains('@') || !value.starts_with("http"));
    let mut values: Vec<String> = std::env::args()
        .skip(1)
        .chain(environment::values())
        .collect();
    let parts = values
        .iter()
        .flat_map(|value| value.splitn(2, '=').skip(1).chain(value.split(',')));
    let parts: Vec<_> = parts.map(str::to_owned).collect();
    values.extend(parts);
    values.retain(|value| is_secret(value));
    // The longest first, since others may be parts of it.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.iter().fold(message, |message, value| {
        message.replace(value.as_str(), "URL")
    })
}
