//! Figures of the server under load. They are printed: nothing here passes or fails.
#![expect(clippy::print_stdout, reason = "figures are what was asked for")]

mod cluster;
mod cpu;
mod crowd;
mod database;
mod feed;
mod fill;
mod flat;
mod floor;
mod frames;
mod idle;
mod measure;
mod operations;
mod process;
mod report;
mod reports;
mod requests;
mod series;
mod siege;
mod socket;
mod stopped;
mod target;
mod workload;
mod writer;
mod writers;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Figures of the server under load
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Feed(feed::Options),
    Fill(fill::Options),
    Flat(flat::Options),
    Requests(requests::Options),
    Reports(reports::Options),
    Writers(writers::Options),
    Siege(siege::Options),
    /// Serve the bare broadcast that the server is compared with
    #[command(hide = true)]
    Floor,
    #[command(hide = true)]
    RequestsFloor(requests::FloorOptions),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Feed(options) => feed::run(options).await,
        Command::Fill(options) => fill::run(options).await,
        Command::Flat(options) => flat::run(options).await,
        Command::Writers(options) => writers::run(options).await,
        Command::Siege(options) => siege::run(options).await,
        Command::Requests(options) => requests::run(options).await,
        Command::Reports(options) => reports::run(options).await,
        Command::RequestsFloor(options) => requests::serve_floor(options).await,
        Command::Floor => floor::serve().await,
    }
}
