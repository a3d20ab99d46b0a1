//! Servers with filled databases of several sizes, whose CPU time is compared.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    cpu::CpuSnapshot,
    database::{DatabaseClient, ScratchDatabase},
    fill::{Content, fill},
    load::{Connection, IdSequence, RequestTemplate},
    process::Process,
    progress,
    server::ServerBinary,
};

/// A database of some size, and its server.
pub(crate) struct Instance {
    pub(crate) size: u64,
    pub(crate) client: DatabaseClient,
    pub(crate) server: Process,
    /// The database, if it is removed in the end.
    scratch: Option<ScratchDatabase>,
    postmaster: Option<i32>,
}

/// What a request, or another part of some work, costs on average.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time of server and database.
    pub(crate) cpu: Duration,
    pub(crate) latency: Duration,
}

impl Instance {
    /// Fills a scratch database and starts a server on it.
    pub(crate) async fn start(
        binary: &ServerBinary,
        admin_url: Option<&str>,
        content: Content,
    ) -> Result<Self> {
        progress(&format!("{} runs", content.runs));
        let database = ScratchDatabase::create(admin_url).await?;
        let url = database.url()?;
        binary.migrate(&url).await?;
        fill(&url, content).await?;
        let instance = Self::open(binary, &url).await?;
        Ok(Self {
            scratch: Some(database),
            ..instance
        })
    }

    /// Starts a server on a database that has been filled.
    pub(crate) async fn open(binary: &ServerBinary, url: &str) -> Result<Self> {
        let client = DatabaseClient::open(url).await?;
        Ok(Self {
            server: binary.start(url).await?,
            size: u64::try_from(client.count_runs().await?)?,
            postmaster: client.postmaster().await?,
            client,
            scratch: None,
        })
    }

    /// Sends this number of requests, one after the other.
    pub(crate) async fn send(&self, requests: &[RequestTemplate], number: u32) -> Result<Cost> {
        let ids = IdSequence::new();
        let send = async |connection: &mut Connection| {
            for request in requests.iter().cycle().take(number as usize) {
                connection.send(request, &ids).await?;
            }
            Ok(())
        };
        self.measure(number, send).await
    }

    /// Does work that consists of this number of equal parts, and returns what each costs.
    pub(crate) async fn measure(
        &self,
        number: u32,
        work: impl AsyncFnOnce(&mut Connection) -> Result<()>,
    ) -> Result<Cost> {
        // A new connection: the server closes idle ones while other databases are measured.
        let mut connection = Connection::open(self.server.address).await?;
        let before = CpuSnapshot::read(self.server.pid(), self.postmaster)?;
        let begin = Instant::now();
        work(&mut connection).await?;
        let latency = begin.elapsed() / number;
        let after = CpuSnapshot::read(self.server.pid(), self.postmaster)?;
        let used = after.since(&before);
        let cpu = (used.server + used.database) / number;
        Ok(Cost { cpu, latency })
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.server.stop().await?;
        self.client.close().await;
        match self.scratch {
            Some(database) => database.remove().await,
            None => Ok(()),
        }
    }
}
