//! What a PostgreSQL cluster takes of the machine: all its processes together.

use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process as proc;
use sqlx::PgPool;

use crate::{cpu::CpuClock, process::ticks};

/// A cluster whose processes run on this machine.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The process that starts all others.
    postmaster: i32,
}

impl Cluster {
    /// The one that a database is in.
    pub(crate) async fn of(pool: &PgPool) -> Result<Self> {
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(pool)
            .await?;
        let backend = proc::Process::new(backend).and_then(|process| process.stat());
        let backend = backend.context("the cluster does not run on this machine")?;
        Ok(Self {
            postmaster: backend.ppid,
        })
    }

    /// What its processes have taken.
    pub(crate) fn clock(&self) -> Result<CpuClock> {
        CpuClock::of_family(self.postmaster)
    }

    /// CPU time since the cluster began.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let postmaster = proc::Process::new(self.postmaster)?.stat()?;
        // Children that have ended are counted with their parent.
        let ended = u64::try_from(postmaster.cutime + postmaster.cstime)?;
        let mut count = postmaster.utime + postmaster.stime + ended;
        for process in proc::all_processes()? {
            // A process may end while it is looked at.
            let Ok(stat) = process.and_then(|process| process.stat()) else {
                continue;
            };
            if stat.ppid == self.postmaster {
                count += stat.utime + stat.stime;
            }
        }
        Ok(ticks(count))
    }
}
