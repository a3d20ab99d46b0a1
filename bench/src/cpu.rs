//! CPU time in nanoseconds, as the scheduler counts it. Clock ticks (10 ms) are too coarse for rounds of
//! less than a second.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use procfs::process::{self, Process};

/// CPU time of a server process and of its database.
#[derive(Debug)]
pub(crate) struct CpuSnapshot {
    server: CpuTimes,
    /// Empty for SQLite, which runs in the server's process.
    database: CpuTimes,
}

/// CPU time between two snapshots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuUsage {
    pub(crate) server: Duration,
    pub(crate) database: Duration,
}

impl CpuSnapshot {
    /// Reads the CPU times of a process, and of the PostgreSQL cluster with this postmaster.
    pub(crate) fn read(server: i32, postmaster: Option<i32>) -> Result<Self> {
        Ok(Self {
            server: CpuTimes::of_threads(server)?,
            database: postmaster.map_or_else(|| Ok(CpuTimes::default()), CpuTimes::of_cluster)?,
        })
    }

    pub(crate) fn since(&self, earlier: &Self) -> CpuUsage {
        CpuUsage {
            server: self.server.since(&earlier.server),
            database: self.database.since(&earlier.database),
        }
    }
}

/// CPU times of several threads since their start.
#[derive(Debug, Default)]
struct CpuTimes {
    nanos_by_thread: HashMap<i32, u64>,
    /// Time of child processes that have exited, which their parent accounts for.
    exited_children: Duration,
}

impl CpuTimes {
    /// Reads the threads of a process.
    fn of_threads(pid: i32) -> Result<Self> {
        let mut times = Self::default();
        for task in Process::new(pid)?.tasks()? {
            // A thread may exit while it is read.
            if let Ok((tid, stat)) = task.and_then(|task| Ok((task.tid, task.schedstat()?))) {
                times.nanos_by_thread.insert(tid, stat.sum_exec_runtime);
            }
        }
        Ok(times)
    }

    /// Reads the postmaster of a PostgreSQL cluster and its children, which have one thread each.
    fn of_cluster(postmaster: i32) -> Result<Self> {
        let stat = Process::new(postmaster)?.stat()?;
        let ticks = u64::try_from(stat.cutime + stat.cstime)?;
        let mut times = Self {
            nanos_by_thread: HashMap::new(),
            exited_children: Duration::from_millis(ticks * 1000 / procfs::ticks_per_second()),
        };
        for process in process::all_processes()? {
            // A process may exit while it is read.
            let Ok((pid, parent, sched)) = process
                .and_then(|process| Ok((process.pid, process.stat()?.ppid, process.schedstat()?)))
            else {
                continue;
            };
            if parent == postmaster || pid == postmaster {
                times.nanos_by_thread.insert(pid, sched.sum_exec_runtime);
            }
        }
        Ok(times)
    }

    fn since(&self, earlier: &Self) -> Duration {
        let mut used = Duration::ZERO;
        for (thread, nanos) in &self.nanos_by_thread {
            let before = earlier.nanos_by_thread.get(thread).copied().unwrap_or(0);
            used += Duration::from_nanos(nanos.saturating_sub(before));
        }
        let exited = earlier.nanos_by_thread.iter();
        let exited = exited.filter(|(thread, _)| !self.nanos_by_thread.contains_key(thread));
        let before_exit = Duration::from_nanos(exited.map(|(_, nanos)| nanos).sum());
        let exited_children = self.exited_children.saturating_sub(earlier.exited_children);
        used + exited_children.saturating_sub(before_exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(nanos_by_thread: [(i32, u64); 2], exited: u64) -> CpuTimes {
        CpuTimes {
            nanos_by_thread: nanos_by_thread.into(),
            exited_children: Duration::from_nanos(exited),
        }
    }

    #[test]
    fn threads_that_start_and_exit_between_snapshots_count_once() {
        let before = times([(1, 100), (2, 50)], 1000);
        let after = times([(1, 130), (3, 7)], 1060);
        assert_eq!(after.since(&before), Duration::from_nanos(30 + 7 + 10));
    }
}
