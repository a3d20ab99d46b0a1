//! `bench soak`: mixed abuse for some minutes, after which memory and descriptors must be where they began.

mod abuse;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Args;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    database::ScratchDatabase,
    process::{Process, raise_file_limit},
    progress,
    server::ServerBinary,
};
use abuse::{Abuse, KINDS};

/// Abuse before the first measurement, so that caches and the allocator's pages are in use.
const WARM_UP: Duration = Duration::from_secs(30);
/// Time after the abuse within which the server closes all connections: bodies and heads time out after 8 s.
const SETTLE_TIME: Duration = Duration::from_secs(12);
/// Open files of this process.
const FILES: usize = 2000;
/// Growth that is not a leak: memory that the allocator keeps, and the database's connections.
const MAX_GROWTH_FACTOR: u64 = 4;
const MAX_GROWTH: u64 = 48 * 1024 * 1024;
const MAX_NEW_DESCRIPTORS: usize = 16;

/// Abuse the server in many ways for some minutes; fails if its memory or descriptors grow
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: ServerBinary,
    /// Duration of the abuse in minutes, after a warm-up
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    minutes: u64,
    /// PostgreSQL database, beside which a scratch database is created [default: an SQLite file]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// Who abuses the server has scopes, so that it executes what they send.
const ANONYMOUS: [&str; 2] = ["--anonymous", "read,report"];

/// What must not grow.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    /// Resident memory in bytes.
    resident: u64,
    descriptors: usize,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    raise_file_limit(FILES)?;
    let database = ScratchDatabase::create(options.database_url.as_deref()).await?;
    let url = database.url()?;
    options.server.migrate(&url).await?;
    let key = options.server.create_key(&url).await?;
    // The default limits are part of the protection.
    let server = options.server.start_with(&url, &ANONYMOUS).await?;
    let result = soak(&server, &key, Duration::from_mins(options.minutes)).await;
    let stopped = server.stop().await;
    database.remove().await?;
    result.and(stopped)
}

async fn soak(server: &Process, key: &str, duration: Duration) -> Result<()> {
    report("at start", Footprint::of(server)?);
    progress("warming up");
    commit_abuse(server, key, WARM_UP).await?;
    let before = Footprint::settled(server).await?;
    report("before", before);
    progress(&format!("abusing the server for {duration:?}"));
    let requests = commit_abuse(server, key, duration).await?;
    report("at the end", Footprint::of(server)?);
    let after = Footprint::settled(server).await?;
    report("after", after);
    println!("{requests} requests and connections");
    let max =
        (before.resident + before.resident / MAX_GROWTH_FACTOR).max(before.resident + MAX_GROWTH);
    ensure!(
        after.resident <= max,
        "memory has grown to {} bytes",
        after.resident
    );
    ensure!(
        after.descriptors <= before.descriptors + MAX_NEW_DESCRIPTORS,
        "{} descriptors are open",
        after.descriptors
    );
    Ok(())
}

/// Abuses the server in all ways at the same time, and returns how many requests and connections that were.
async fn commit_abuse(server: &Process, key: &str, duration: Duration) -> Result<u64> {
    let deadline = Instant::now() + duration;
    let mut tasks = JoinSet::new();
    for kind in KINDS {
        for number in 0..kind.clients {
            let abuse = Abuse::new(server.address, number);
            tasks.spawn(async move {
                let mut count = 0;
                while Instant::now() < deadline {
                    // Rejected requests and closed connections are what the abuse is about.
                    let _ = time::timeout_at(deadline, kind.run(&abuse)).await;
                    count += 1;
                }
                (kind.name, count)
            });
        }
    }
    // A worker is served all the time.
    let abuse = Abuse::new(server.address, 0);
    let mut reports = 0;
    while Instant::now() < deadline {
        if let Err(error) = abuse.report_run(key).await {
            bail!("a worker is not served: {error:#}");
        }
        reports += 1;
        time::sleep(Duration::from_millis(200)).await;
    }
    let mut total = reports;
    while let Some(finished) = tasks.join_next().await {
        let (name, count) = finished?;
        progress(&format!("{name}: {count}"));
        total += count;
    }
    Ok(total)
}

impl Footprint {
    fn of(server: &Process) -> Result<Self> {
        Ok(Self {
            resident: server.usage()?.resident,
            descriptors: server.descriptors()?,
        })
    }

    /// Returns the footprint once connections have timed out and the server is idle.
    async fn settled(server: &Process) -> Result<Self> {
        server.wait_until_idle(SETTLE_TIME).await?;
        Self::of(server)
    }
}

fn report(when: &str, footprint: Footprint) {
    let mebibytes = footprint.resident / 1024 / 1024;
    println!(
        "{when:<11} {mebibytes:>6} MiB resident, {:>5} descriptors",
        footprint.descriptors
    );
}
