//! One measurement: changes are made while a crowd listens.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{self, Instant};

use crate::{
    crowd::{Crowd, Receipts},
    process::{Process, Usage, machine_cpu},
    series::Series,
    target::Target,
    writer::Written,
};

/// Changes made before the measurement begins, as seconds of the rate.
const WARM_UP: usize = 1;
/// How long subscribers get to subscribe, at least.
const SETTLE: Duration = Duration::from_secs(2);
/// How long to wait for what has not come, once nothing comes any more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether all has come.
const GLANCE: Duration = Duration::from_millis(10);
/// How often to look at the memory.
const MEMORY_GLANCE: Duration = Duration::from_millis(500);

/// How many changes are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Changes a second.
    pub(crate) rate: u32,
    /// Seconds.
    pub(crate) seconds: u32,
}

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Measured {
    /// Changes times subscribers that came while it was measured.
    pub(crate) deliveries: u64,
    /// Length of the measurement in seconds, until the last delivery.
    pub(crate) seconds: f64,
    /// CPU time of the process in seconds.
    pub(crate) cpu: f64,
    /// CPU time of the load itself in seconds.
    pub(crate) load_cpu: f64,
    /// CPU time of everything else on the machine in seconds.
    pub(crate) other_cpu: f64,
    /// Milliseconds from a change's answer to its receipt; 0 if it was received before.
    pub(crate) since_answer: Spread,
    /// Milliseconds from a change's request to its receipt.
    pub(crate) since_request: Spread,
    /// Milliseconds from a change's request to its answer.
    pub(crate) writing: Spread,
    /// Changes that the target refused to make, since there were too many.
    pub(crate) refused: usize,
    /// Changes that were made and, times subscribers, did not come.
    pub(crate) lost: usize,
    /// Changes that came again.
    pub(crate) duplicates: usize,
    /// Changes that came before the one that precedes them in their run.
    pub(crate) misordered: usize,
    /// Growth of the resident memory in MiB, at the most.
    pub(crate) growth: f64,
    /// What one of the subscribers did not understand.
    pub(crate) trouble: Option<String>,
}

/// How values are spread.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    /// Half of them are not above it.
    pub(crate) p50: f64,
    /// 95 of 100 are not above it.
    pub(crate) p95: f64,
    /// 99 of 100 are not above it.
    pub(crate) p99: f64,
    /// None is above it.
    pub(crate) max: f64,
}

impl Pace {
    /// A series for a warm-up and a measurement.
    pub(crate) fn series(self) -> Arc<Series> {
        let changes = self.rate as usize * (WARM_UP + self.seconds as usize);
        Arc::new(Series::new(changes, self.rate))
    }
}

/// Starts a target, and measures it with a subscriber for each payload.
pub(crate) async fn measure(target: &Target, payloads: Vec<Value>, pace: Pace) -> Result<Measured> {
    let process = target.start().await?;
    let measured = measure_running(target, &process, payloads, pace, &pace.series()).await?;
    process.stop().await?;
    Ok(measured)
}

/// The same with a process that runs, and a series that others watch too.
pub(crate) async fn measure_running(
    target: &Target,
    process: &Process,
    payloads: Vec<Value>,
    pace: Pace,
    series: &Arc<Series>,
) -> Result<Measured> {
    let subscribers = payloads.len() as u64;
    let crowd = Crowd::gather(process.address, payloads, Arc::clone(series)).await?;
    process.settle(SETTLE).await?;
    let writer = target.writer(process)?;
    let warm_up = pace.rate as usize * WARM_UP / 2;
    let warmed = writer.write(series, 0..warm_up).await?.len() as u64;
    wait_for(&crowd, warmed * subscribers).await;

    let begin = series.micros(std::time::Instant::now());
    let before = Clocks::read(process)?;
    let written = writer.write(series, warm_up..series.runs);
    let (written, peak) = watch_memory(process, written).await?;
    wait_for(&crowd, (warmed + written.len() as u64) * subscribers).await;
    let after = Clocks::read(process)?;
    let end = series.micros(std::time::Instant::now());
    let receipts = crowd.dismiss().await?;

    let mut measured = Measured::between(&before, &after, peak);
    measured.seconds = f64::from(end - begin) / 1e6;
    measured.refused = series.changes() - 2 * warm_up - written.len();
    measured.count(&receipts, &written, begin);
    if let (Some(trouble), true) = (&measured.trouble, measured.deliveries == 0) {
        bail!("no subscriber received anything: {trouble}");
    }
    Ok(measured)
}

/// CPU time and memory so far.
struct Clocks {
    process: Usage,
    load: Usage,
    machine: Duration,
}

impl Clocks {
    fn read(process: &Process) -> Result<Self> {
        Ok(Self {
            process: process.usage()?,
            load: Usage::of_this_process()?,
            machine: machine_cpu()?,
        })
    }
}

impl Measured {
    /// What the clocks tell; `peak` is the most bytes that were resident.
    fn between(before: &Clocks, after: &Clocks, peak: u64) -> Self {
        let cpu = after.process.cpu.saturating_sub(before.process.cpu);
        let load = after.load.cpu.saturating_sub(before.load.cpu);
        let all = after.machine.saturating_sub(before.machine);
        let peak = peak.max(after.process.resident);
        Self {
            cpu: cpu.as_secs_f64(),
            load_cpu: load.as_secs_f64(),
            other_cpu: all.saturating_sub(cpu + load).as_secs_f64(),
            growth: mebibytes(peak.saturating_sub(before.process.resident)),
            ..Self::default()
        }
    }

    /// What the subscribers tell.
    fn count(&mut self, receipts: &[Receipts], written: &[Written], begin: u32) {
        let (mut since_answer, mut since_request) = (Vec::new(), Vec::new());
        for received in receipts {
            for change in written {
                match received.at[change.change] {
                    0 => self.lost += 1,
                    at => {
                        since_answer.push(at.saturating_sub(change.answered));
                        since_request.push(at.saturating_sub(change.sent));
                    }
                }
            }
            let in_time = received.at.iter().filter(|at| **at >= begin);
            self.deliveries += in_time.count() as u64;
            self.duplicates += received.duplicates;
            self.misordered += received.misordered;
            self.trouble = self.trouble.take().or_else(|| received.trouble.clone());
        }
        self.writing = Spread::of(written.iter().map(|one| one.answered - one.sent).collect());
        self.since_answer = Spread::of(since_answer);
        self.since_request = Spread::of(since_request);
    }

    /// Microseconds of the process's CPU for each delivery, of what is left when `writes`, the seconds
    /// that the same changes take without subscribers, are taken off.
    pub(crate) fn cpu_per_delivery(&self, writes: f64) -> f64 {
        (self.cpu - writes) * 1e6 / as_f64(self.deliveries)
    }
}

impl Spread {
    /// Of microseconds, in milliseconds.
    pub(crate) fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100).max(1);
            f64::from(micros.get(rank - 1).copied().unwrap_or(0)) / 1e3
        };
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
            max: at(100),
        }
    }
}

/// Waits until the crowd has received so much, or receives no more.
async fn wait_for(crowd: &Crowd, deliveries: u64) {
    let mut delivered = crowd.delivered();
    let mut deadline = Instant::now() + PATIENCE;
    while delivered < deliveries && Instant::now() < deadline {
        time::sleep(GLANCE).await;
        if crowd.delivered() > delivered {
            delivered = crowd.delivered();
            deadline = Instant::now() + PATIENCE;
        }
    }
}

/// The most bytes that are resident while something is done.
async fn watch_memory<T>(
    process: &Process,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, u64)> {
    let mut work = std::pin::pin!(work);
    let mut peak = 0;
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, peak)),
            () = time::sleep(MEMORY_GLANCE) => peak = peak.max(process.usage()?.resident),
        }
    }
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    as_f64(bytes) / 1024.0 / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the values are exact")]
    fn a_percentile_is_one_of_the_values() {
        let spread = Spread::of((1..=1000).map(|n| n * 1000).collect());
        let Spread { p50, p95, p99, max } = spread;
        assert_eq!([p50, p95, p99, max], [500.0, 950.0, 990.0, 1000.0]);
        assert_eq!(Spread::of(Vec::new()).max, 0.0);
    }
}
