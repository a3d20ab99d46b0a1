//! Rounds: the baseline and the server are measured alternately, under the same load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::time;

use super::{
    verify::verify,
    workload::{RequestPair, Workload},
};
use crate::{
    cpu::CpuSnapshot,
    database::DatabaseClient,
    load::{Connection, IdSequence, Load},
    process::Process,
    server::ServerBinary,
    stats::{Percentiles, as_f64},
};

/// Odd, so that one round is the median. Many short rounds rather than a few long ones: on a shared machine
/// ratios differ mostly by what else it does meanwhile.
pub(crate) const ROUNDS: usize = 15;
/// Time for a resumed process to catch up: the server with the changes that the baseline wrote.
const CATCH_UP: Duration = Duration::from_millis(400);
/// Time under load before a measurement begins.
const WARM_UP: Duration = Duration::from_millis(200);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Runs inserted for each second in which runs are completed.
const COMPLETIONS_PER_SECOND: u32 = 8_000;
/// Additional runs. A measurement ends when half of them are left, so that the load never runs out.
const RESERVE: u64 = 1_000;

/// Cost of a request, from one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time of the process, in microseconds.
    server_cpu: f64,
    /// CPU time of the database's processes, in microseconds; 0 for SQLite.
    pub(crate) database_cpu: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) latency: Percentiles,
}

impl Cost {
    /// Returns the CPU time of process and database, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.server_cpu + self.database_cpu
    }
}

/// The baseline and the server on one database. The one that is not measured is suspended.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) database: DatabaseClient,
    postmaster: Option<i32>,
    baseline: Process,
    pub(crate) server: Process,
    ids: Arc<IdSequence>,
    /// Ids of the sequence below this number belong to runs inserted to be completed.
    inserted: u64,
    /// Length of one measurement.
    time: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Baseline,
    Server,
}

impl Runner {
    /// Starts both on a migrated database; each is measured for `seconds` in all rounds together.
    pub(crate) async fn start(binary: &ServerBinary, url: &str, seconds: u32) -> Result<Self> {
        let database = DatabaseClient::open(url).await?;
        Ok(Self {
            postmaster: database.postmaster().await?,
            database,
            baseline: Process::start_baseline(&["requests-baseline", "--database-url", url])
                .await?,
            server: binary.start(url).await?,
            ids: Arc::new(IdSequence::new()),
            inserted: 0,
            time: Duration::from_secs(seconds.into()) / u32::try_from(ROUNDS)?,
        })
    }

    /// Checks that both return and store the same.
    pub(crate) async fn verify(&mut self, work: Workload, requests: &[RequestPair]) -> Result<()> {
        self.insert_runs(work, 2 * requests.len() as u64).await?;
        self.baseline.resume()?;
        self.server.resume()?;
        let baseline = Connection::open(self.baseline.address).await?;
        let server = Connection::open(self.server.address).await?;
        verify(work, requests, baseline, server, &self.ids).await
    }

    /// Measures the baseline and the server in each round, in alternating order.
    pub(crate) async fn measure(
        &mut self,
        work: Workload,
        requests: &[RequestPair],
        connections: usize,
    ) -> Result<Vec<[Cost; 2]>> {
        self.baseline.suspend()?;
        self.server.suspend()?;
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let mut measure =
                async |side| self.measure_side(work, requests, connections, side).await;
            rounds.push(if round % 2 == 0 {
                let baseline = measure(Side::Baseline).await?;
                [baseline, measure(Side::Server).await?]
            } else {
                let server = measure(Side::Server).await?;
                [measure(Side::Baseline).await?, server]
            });
        }
        Ok(rounds)
    }

    async fn measure_side(
        &mut self,
        work: Workload,
        requests: &[RequestPair],
        connections: usize,
        side: Side,
    ) -> Result<Cost> {
        let runs = (WARM_UP + self.time).as_millis() * u128::from(COMPLETIONS_PER_SECOND) / 1000;
        self.insert_runs(work, u64::try_from(runs)? + RESERVE)
            .await?;
        let (process, templates) = match side {
            Side::Baseline => (
                &self.baseline,
                requests.iter().map(|pair| pair.baseline.clone()).collect(),
            ),
            Side::Server => (
                &self.server,
                requests.iter().map(|pair| pair.server.clone()).collect(),
            ),
        };
        process.resume()?;
        time::sleep(CATCH_UP).await;
        let load = Load::start(process.address, connections, templates, &self.ids);
        if !self.wait(&load, work, WARM_UP).await {
            bail!("the warm-up completes more runs than were inserted");
        }
        load.record_latency(true);
        let (begin, completed) = (Instant::now(), load.completed());
        let before = CpuSnapshot::read(process.pid(), self.postmaster)?;
        self.wait(&load, work, self.time).await;
        let completed = as_f64(load.completed() - completed);
        let cpu = CpuSnapshot::read(process.pid(), self.postmaster)?.since(&before);
        let seconds = begin.elapsed().as_secs_f64();
        load.record_latency(false);
        let latencies = load.stop()?;
        process.suspend()?;
        Ok(Cost {
            server_cpu: cpu.server.as_secs_f64() * 1e6 / completed,
            database_cpu: cpu.database.as_secs_f64() * 1e6 / completed,
            rate: completed / seconds,
            latency: Percentiles::of_micros(latencies),
        })
    }

    /// Waits for a time, or until the load fails. Returns false if the inserted runs are used up before.
    async fn wait(&self, load: &Load, work: Workload, time: Duration) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < time && !load.has_failed() {
            if work == Workload::Complete && self.ids.used() + RESERVE / 2 > self.inserted {
                return false;
            }
            time::sleep(POLL_INTERVAL.min(time)).await;
        }
        true
    }

    /// Inserts running runs under the next ids, if the workload completes runs. Other workloads use later ids: an event
    /// cannot have the id of a run.
    async fn insert_runs(&mut self, work: Workload, runs: u64) -> Result<()> {
        if work != Workload::Complete {
            self.ids.skip_to(self.inserted);
            return Ok(());
        }
        let needed = self.ids.used() + runs;
        let missing = self.inserted.max(self.ids.used())..needed;
        let ids: Vec<_> = missing.map(|number| self.ids.nth(number)).collect();
        for ids in ids.chunks(5_000) {
            self.database.insert_running(ids).await?;
        }
        self.inserted = self.inserted.max(needed);
        Ok(())
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.baseline.stop().await?;
        self.server.stop().await?;
        self.database.close().await;
        Ok(())
    }
}
