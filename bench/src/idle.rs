//! What subscribers take that have nothing to do.

use std::{sync::Arc, time::Duration};

use anyhow::Result;

use crate::{crowd::Crowd, measure::as_f64, operations, series::Series, target::Target};

/// How long subscribers get to settle, at least.
const SETTLE: Duration = Duration::from_secs(5);

/// KiB of memory for each subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// Resident, nothing sent yet.
    pub(crate) resident: f64,
    /// The same, shared pages counted by their share.
    pub(crate) proportional: f64,
    /// Resident once each has received one run's changes.
    pub(crate) after_changes: f64,
    /// Cores that are kept busy while nothing happens.
    pub(crate) cores: f64,
    /// Subscribers that received the changes.
    pub(crate) reached: usize,
}

/// Starts a target, and lets so many subscribe to the same.
pub(crate) async fn measure(target: &Target, subscribers: usize) -> Result<Footprint> {
    let process = target.start().await?;
    let series = Arc::new(Series::new(2, 100));
    let before = process.settle(SETTLE).await?;
    let proportional_before = process.proportional()?;
    let payloads = operations::by_turns(subscribers, 1);
    let crowd = Crowd::gather(process.address, payloads, Arc::clone(&series)).await?;
    process.settle(SETTLE).await?;
    let begin = process.usage()?;
    tokio::time::sleep(SETTLE).await;
    let idle = process.usage()?;
    let proportional = process.proportional()?;
    target.writer(&process)?.write(&series, 0..1).await?;
    let changed = process.settle(SETTLE).await?;
    let receipts = crowd.dismiss().await?;
    process.stop().await?;

    let each = |before: u64, after: u64| {
        as_f64(after.saturating_sub(before)) / 1024.0 / as_f64(subscribers as u64)
    };
    let complete = receipts
        .iter()
        .filter(|one| one.at.iter().all(|at| *at > 0));
    Ok(Footprint {
        resident: each(before.resident, idle.resident),
        proportional: each(proportional_before, proportional),
        after_changes: each(before.resident, changed.resident),
        cores: idle.cpu.saturating_sub(begin.cpu).as_secs_f64() / SETTLE.as_secs_f64(),
        reached: complete.count(),
    })
}
