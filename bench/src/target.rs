//! What is measured: the server, or the floor under it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};

use crate::{
    operations,
    process::Process,
    series::Series,
    socket::Socket,
    writer::{Sink, Writer},
};

/// What is measured.
#[derive(Debug)]
pub(crate) enum Target {
    /// The bare broadcast, of messages like the server's.
    Floor(Messages),
    /// The server.
    Server {
        /// Its binary.
        program: PathBuf,
        /// The database it serves.
        database: String,
    },
}

/// The two messages that the server sent of one run.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    run_id: String,
    created: String,
    completed: String,
}

impl Target {
    /// Starts it.
    pub(crate) async fn start(&self) -> Result<Process> {
        match self {
            Self::Floor(_) => Process::start(&std::env::current_exe()?, &["floor"]).await,
            Self::Server { program, database } => serve(program, database).await,
        }
    }

    /// One who makes the changes that it tells of.
    pub(crate) fn writer(&self, process: &Process) -> Result<Writer> {
        let sink = match self {
            Self::Floor(messages) => Sink::Floor(messages.clone()),
            Self::Server { .. } => Sink::Server,
        };
        Writer::new(process.address, sink)
    }
}

/// Starts a server on a database.
pub(crate) async fn serve(program: &Path, database: &str) -> Result<Process> {
    let arguments = ["--database-url", database, "--listen", "127.0.0.1:0"];
    Process::start(program, &arguments).await
}

impl Messages {
    /// What a subscriber of the server's receives of a run.
    pub(crate) async fn sample(server: &Target) -> Result<Self> {
        let process = server.start().await?;
        let series = Arc::new(Series::new(2, 1));
        let mut socket = Socket::open(process.address).await?;
        socket.subscribe(0, &operations::nth(0)).await?;
        process.settle(std::time::Duration::from_secs(1)).await?;
        server.writer(&process)?.write(&series, 0..1).await?;
        let mut messages = Vec::new();
        while messages.len() < series.changes() {
            let message = socket.message().await?.context("the server closes")?;
            let change = series.find(message.as_bytes());
            change.with_context(|| format!("not a change: {message}"))?;
            messages.push(message);
        }
        process.stop().await?;
        let mut messages = messages.into_iter();
        Ok(Self {
            run_id: series.run_id(0),
            created: messages.next().unwrap_or_default(),
            completed: messages.next().unwrap_or_default(),
        })
    }

    /// The message that tells of a change of some run.
    pub(crate) fn of(&self, run_id: &str, completes: bool) -> String {
        let message = if completes {
            &self.completed
        } else {
            &self.created
        };
        message.replace(&self.run_id, run_id)
    }

    /// Bytes of the longer of the two.
    pub(crate) fn bytes(&self) -> usize {
        self.created.len().max(self.completed.len())
    }
}
