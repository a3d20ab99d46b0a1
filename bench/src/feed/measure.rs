//! One measurement: changes are made while subscribers receive them.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use tokio::time::{self, Instant};

use super::{
    changes::ChangeSequence,
    publisher::{Publisher, Written},
    subscribers::Subscribers,
};
use crate::{
    process::Process,
    stats::{Percentiles, as_f64},
};

/// Seconds of changes before the measurement begins.
const WARM_UP_SECONDS: u32 = 1;
/// Minimum time for the server to start the subscriptions.
const SUBSCRIBE_TIME: Duration = Duration::from_secs(2);
const MEMORY_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    /// Different operations among the subscribers'.
    pub(crate) operations: usize,
    /// Changes per second.
    pub(crate) rate: u32,
    pub(crate) seconds: u32,
}

#[derive(Debug)]
pub(crate) struct Measurement {
    /// Deliveries of the measured changes to all subscribers.
    pub(crate) deliveries: u64,
    /// Time from the first change to the last delivery.
    pub(crate) seconds: f64,
    /// CPU time of the process in seconds.
    pub(crate) cpu: f64,
    /// CPU time in seconds that the same changes take without subscribers.
    pub(crate) write_cpu: f64,
    /// Time from the response to a change to its delivery; 0 if it is delivered before the response.
    pub(crate) delivery: Percentiles,
    /// Time from the request of a change to the response.
    pub(crate) write: Percentiles,
    /// Resident memory before subscribers connect, in MiB.
    pub(crate) memory_idle: f64,
    /// Growth of the resident memory by each subscriber until the first change, in KiB.
    pub(crate) memory_per_subscriber: f64,
    /// Maximum of the resident memory while changes are made, in MiB.
    pub(crate) memory_maximum: f64,
}

impl Measurement {
    /// Returns the CPU time per delivery in microseconds, after subtracting some CPU seconds.
    pub(crate) fn cpu_per_delivery(&self, subtracted: f64) -> f64 {
        (self.cpu - subtracted) * 1e6 / as_f64(self.deliveries)
    }
}

/// Measures a publisher with subscribers, after measuring the CPU time of the same writes without any. Each
/// measurement starts it anew.
///
/// # Errors
/// Fails if a change is rejected, lost, or delivered twice or out of order.
pub(crate) async fn measure(publisher: &Publisher<'_>, load: Load) -> Result<Measurement> {
    let without_subscribers = Load {
        subscribers: 0,
        ..load
    };
    let writes = measure_once(publisher, without_subscribers).await?;
    let measured = measure_once(publisher, load).await?;
    Ok(Measurement {
        write_cpu: writes.cpu,
        ..measured
    })
}

async fn measure_once(publisher: &Publisher<'_>, load: Load) -> Result<Measurement> {
    let count = load.rate * (WARM_UP_SECONDS + load.seconds);
    let changes = Arc::new(ChangeSequence::new(count as usize, load.rate));
    let process = publisher.start().await?;
    let idle = process.wait_until_idle(Duration::ZERO).await?;
    let Load {
        subscribers,
        operations,
        ..
    } = load;
    let mut connected =
        Subscribers::connect(process.address, subscribers, operations, &changes).await?;
    let subscribed = process.wait_until_idle(SUBSCRIBE_TIME).await?;

    let writer = publisher.writer(&process)?;
    let warm_up = (load.rate * WARM_UP_SECONDS) as usize / 2;
    let warmed_up = writer.write(&changes, 0..warm_up).await?;
    connected
        .wait_for_deliveries(warmed_up.len() * subscribers)
        .await?;
    let (begin, before) = (Instant::now(), process.usage()?);
    let written = writer.write(&changes, warm_up..changes.runs);
    let (written, maximum) = watch_memory(&process, written).await?;
    connected
        .wait_for_deliveries(changes.len() * subscribers)
        .await?;
    let (seconds, after) = (begin.elapsed().as_secs_f64(), process.usage()?);
    let received = connected.disconnect().await?;
    process.stop().await?;

    let per_subscriber =
        subscribed.resident.saturating_sub(idle.resident) / subscribers.max(1) as u64;
    Ok(Measurement {
        deliveries: (written.len() * subscribers) as u64,
        seconds,
        cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
        write_cpu: 0.0,
        delivery: delivery_latency(&written, &received)?,
        write: Percentiles::of_micros(written.iter().map(Written::latency).collect()),
        memory_idle: kibibytes(idle.resident) / 1024.0,
        memory_per_subscriber: kibibytes(per_subscriber),
        memory_maximum: kibibytes(maximum.max(after.resident)) / 1024.0,
    })
}

fn delivery_latency(written: &[Written], received: &[Vec<u32>]) -> Result<Percentiles> {
    let mut latencies = Vec::with_capacity(written.len() * received.len());
    for received in received {
        for change in written {
            let at = received[change.change];
            ensure!(at > 0, "change {} was not delivered", change.change);
            latencies.push(at.saturating_sub(change.responded));
        }
    }
    Ok(Percentiles::of_micros(latencies))
}

/// Returns the output of a future, and the maximum of the resident memory meanwhile, in bytes.
async fn watch_memory<T>(
    process: &Process,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, u64)> {
    let mut work = std::pin::pin!(work);
    let mut maximum = 0;
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, maximum)),
            () = time::sleep(MEMORY_INTERVAL) => maximum = maximum.max(process.usage()?.resident),
        }
    }
}

fn kibibytes(bytes: u64) -> f64 {
    as_f64(bytes) / 1024.0
}
