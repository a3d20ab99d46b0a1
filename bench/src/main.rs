//! Benchmarks of the server. They print figures with a baseline and a target; a missed target is not an
//! error. The soak test fails if memory or descriptors grow.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod cpu;
mod database;
mod feed;
mod fill;
mod freshness;
mod insight;
mod instance;
mod lifecycle;
mod load;
mod process;
mod report;
mod requests;
mod scaling;
mod server;
mod soak;
mod sqlite_writes;
mod stats;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks of the sync-history server
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Requests(requests::Options),
    Feed(feed::Options),
    SqliteWrites(sqlite_writes::Options),
    Scaling(scaling::Options),
    Insight(insight::Options),
    Lifecycle(lifecycle::Options),
    Fill(fill::Options),
    Soak(soak::Options),
    Freshness(freshness::Options),
    #[command(hide = true)]
    RequestsBaseline(requests::BaselineOptions),
    /// Serve the broadcast that the feed is compared with
    #[command(hide = true)]
    FeedBaseline,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Requests(options) => requests::run(options).await,
        Command::Feed(options) => feed::run(options).await,
        Command::SqliteWrites(options) => sqlite_writes::run(options).await,
        Command::Scaling(options) => scaling::run(options).await,
        Command::Insight(options) => insight::run(options).await,
        Command::Lifecycle(options) => lifecycle::run(options).await,
        Command::Fill(options) => fill::run(options).await,
        Command::Soak(options) => soak::run(options).await,
        Command::Freshness(options) => freshness::run(&options),
        Command::RequestsBaseline(options) => requests::serve_baseline(options).await,
        Command::FeedBaseline => feed::serve_baseline().await,
    }
}

/// Reports progress on standard error.
fn progress(message: &str) {
    eprintln!("bench: {message}");
}
