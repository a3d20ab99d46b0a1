//! The server's binary, and the baselines that this binary serves in its place.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use clap::Args;
use procfs::Current;
use tokio::{
    net::TcpListener,
    process::Command,
    signal::unix::{SignalKind, signal},
};

use crate::{process::Process, report::Report};

/// Rate limits are raised, because one client sends all the load; every other limit keeps its default.
const RATE_LIMITS: [&str; 4] = ["--max-rate", "4000000000", "--max-burst", "4000000000"];

/// The server under measurement.
#[derive(Debug, Args)]
pub(crate) struct ServerBinary {
    /// Server binary [default: sync-history in the folder of this binary]
    #[arg(long = "server", value_name = "PATH")]
    path: Option<PathBuf>,
}

impl ServerBinary {
    /// The binary at this path.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path: Some(path) }
    }

    fn path(&self) -> Result<PathBuf> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("sync-history")),
        }
    }

    /// Adds the versions and the processor to a report.
    pub(crate) async fn describe(&self, report: &mut Report) -> Result<()> {
        report.condition("server", version(&self.path()?).await?);
        if let Ok(rustc) = version(Path::new("rustc")).await {
            report.condition("rust", rustc);
        }
        let processor = procfs::CpuInfo::current()?;
        let model = processor.model_name(0).unwrap_or("unknown");
        let cores = processor.num_cores();
        report.condition("processor", format!("{cores} x {model}"));
        Ok(())
    }

    /// Creates the tables, or brings them up to date.
    pub(crate) async fn migrate(&self, database_url: &str) -> Result<()> {
        let migrate = Command::new(self.path()?)
            .args(["migrate", "--database-url", database_url])
            .env("RUST_LOG", "warn")
            .status();
        let status = migrate.await.context("cannot run the server")?;
        if !status.success() {
            bail!("the migration failed: {status}");
        }
        Ok(())
    }

    /// Starts the server on a free port of the loopback address.
    pub(crate) async fn start(&self, database_url: &str) -> Result<Process> {
        self.start_with(database_url, &RATE_LIMITS).await
    }

    /// Starts the server with these further arguments.
    pub(crate) async fn start_with(
        &self,
        database_url: &str,
        arguments: &[&str],
    ) -> Result<Process> {
        let all = ["--database-url", database_url, "--listen", "127.0.0.1:0"];
        Process::start(&self.path()?, &[&all[..], arguments].concat()).await
    }

    /// Creates an API key with the scope `report`.
    pub(crate) async fn create_key(&self, database_url: &str) -> Result<String> {
        let create = Command::new(self.path()?)
            .args(["key", "create", "--name", "bench", "--scope", "report"])
            .args(["--database-url", database_url])
            .output();
        let output = create.await.context("cannot run the server")?;
        let key = String::from_utf8(output.stdout)?.trim().to_owned();
        ensure!(output.status.success(), "cannot create a key");
        Ok(key)
    }
}

async fn version(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("--version").output().await;
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Serves a baseline on a free port of the loopback address until SIGTERM.
pub(crate) async fn serve_baseline(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
