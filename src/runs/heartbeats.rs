//! Heartbeats: when a worker reported last, and closing the runs whose workers have stopped reporting.
//!
//! A run that was created with a heartbeat timeout is closed as lost when nothing has been reported of it for that long. One
//! task of each process looks for such runs. Every rule is part of the statement that closes a run, so any number of
//! processes close it once, and a report that is committed first prevents it.

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use entity::{Details, instant};
use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;
use uuid::Uuid;

use super::{Run, Runs, ended_at, status};
use crate::{
    events::Event,
    outage::Outage,
    store::{ClosedRuns, SilentRun},
};

/// Time between two polls for silent runs: a run is closed that long after its timeout at most.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time that a poll may take: a lost connection need not report an error.
const POLL_TIMEOUT: Duration = Duration::from_secs(30);
/// Runs closed in one transaction.
const BATCH_SIZE: u64 = 100;
/// The type of the event that says that a run was closed.
const LOST_EVENT: &str = "lost";

/// Returns when the worker reported last of a run: `latest_event` is the time of the latest report among its events.
///
/// Each change of a run is a report, by whichever program. The changes by which the server closes a run, or cancels it for
/// an operator, are none: they store when the report before was.
#[must_use]
pub fn last_report(run: &Run, latest_event: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let is_ended_by_others =
        run.status() == Ok(entity::SyncStatus::Cancelled) || status::is_lost(run);
    let stored = run.last_heartbeat_at;
    let in_row = stored
        .filter(|_| is_ended_by_others)
        .or(stored.max(run.updated_at))
        .or(ended_at(run))
        .unwrap_or(run.started_at);
    latest_event.map_or(in_row, |event| event.max(in_row))
}

/// The task that closes silent runs. It stops when this is dropped.
#[derive(Debug)]
pub struct HeartbeatMonitor {
    _task: AbortOnDropHandle<()>,
}

impl HeartbeatMonitor {
    /// Starts to close the runs whose workers stop reporting.
    #[must_use]
    pub fn start(runs: Runs) -> Self {
        let poller = Poller {
            runs,
            busy: HashMap::new(),
            outage: Outage::new("cannot close runs without heartbeats; trying again"),
        };
        Self {
            _task: AbortOnDropHandle::new(tokio::spawn(poller.run())),
        }
    }
}

struct Poller {
    runs: Runs,
    /// The silent runs that another transaction has locked, and when that was noticed last. It may have reported: its
    /// worker gets the whole timeout again after it has ended.
    busy: HashMap<Uuid, Instant>,
    outage: Outage,
}

impl Poller {
    async fn run(mut self) {
        let mut interval = time::interval(POLL_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let poll = AssertUnwindSafe(self.poll()).catch_unwind();
            let polled = match time::timeout(POLL_TIMEOUT, poll).await {
                Ok(Ok(polled)) => polled,
                Ok(Err(_)) => Err(DbErr::Custom("the poll panicked".into())),
                Err(_) => Err(DbErr::Custom("the poll timed out".into())),
            };
            match polled {
                Ok(()) => self.outage.ended(),
                Err(error) => self.outage.failed_on_database(&error),
            }
        }
    }

    /// Closes all runs that are silent now, batch by batch.
    ///
    /// # Errors
    /// Returns the first error, after the other runs have been closed.
    async fn poll(&mut self) -> Result<(), DbErr> {
        let mut seen = HashSet::new();
        let mut after = None;
        let mut result = Ok(());
        loop {
            let silent = self.runs.store.find_silent_runs(after, BATCH_SIZE).await?;
            seen.extend(silent.iter().map(|run| run.id));
            after = silent.last().map(|run| run.id);
            let is_last = (silent.len() as u64) < BATCH_SIZE;
            result = result.and(self.close(&silent).await);
            if is_last {
                self.busy.retain(|id, _| seen.contains(id));
                return result;
            }
        }
    }

    /// Closes silent runs: together, or each on its own if the database rejects one of them.
    async fn close(&mut self, silent: &[SilentRun]) -> Result<(), DbErr> {
        if silent.is_empty() {
            return Ok(());
        }
        let closed = self.close_batch(silent).await;
        if closed.is_ok() || silent.len() == 1 {
            return closed;
        }
        let mut result = Ok(());
        for run in silent.chunks(1) {
            result = result.and(self.close_batch(run).await);
        }
        result
    }

    async fn close_batch(&mut self, silent: &[SilentRun]) -> Result<(), DbErr> {
        let is_spared = |run: &&SilentRun| {
            let timeout = Duration::from_secs(run.timeout_seconds.unsigned_abs().into());
            let busy_at = self.busy.get(&run.id);
            busy_at.is_some_and(|at| at.elapsed() < timeout)
        };
        let spared = silent.iter().filter(is_spared).map(|run| run.id).collect();
        let ids = silent.iter().map(|run| run.id).collect();
        let clock = Arc::clone(&self.runs.clock);
        let event = move |run: &Run| lost_event(run, clock.new_id());
        let closed = self.runs.store.close_silent_runs(ids, spared, event).await;
        let ClosedRuns { closed, locked } = closed?;
        let now = Instant::now();
        self.busy.extend(locked.into_iter().map(|id| (id, now)));
        if !closed.is_empty() {
            self.runs.changes.notify();
        }
        for run in &closed {
            info!(%run, "closed as lost");
        }
        Ok(())
    }
}

/// Returns the event that says why a run was closed.
fn lost_event(run: &Run, id: Uuid) -> Event {
    let message = format!(
        "No report for {} s, the last one at {}: the run was closed as lost",
        run.heartbeat_timeout_seconds.unwrap_or_default(),
        instant::to_rfc3339(last_report(run, None)),
    );
    Event {
        id,
        sync_id: run.id,
        event_type: LOST_EVENT.to_owned(),
        timestamp: run.lost_at.unwrap_or(run.started_at),
        message,
        details: Details::Null,
        seq: None,
    }
}
