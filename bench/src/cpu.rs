//! CPU time to the nanosecond, as the system's scheduler counts it, where ticks of 10 ms are too long.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use procfs::process::{self as proc, Process};

use crate::process::ticks;

/// What threads have taken since they began.
#[derive(Debug, Default)]
pub(crate) struct CpuClock {
    nanos: HashMap<i32, u64>,
    /// What children that have ended took, as their parent counts it.
    ended: Duration,
}

impl CpuClock {
    /// Of all threads of a process.
    pub(crate) fn of_process(process: &Process) -> Result<Self> {
        let mut clock = Self::default();
        for task in process.tasks()? {
            // A thread may end while it is looked at.
            let Ok((tid, stat)) = task.and_then(|task| Ok((task.tid, task.schedstat()?))) else {
                continue;
            };
            clock.nanos.insert(tid, stat.sum_exec_runtime);
        }
        Ok(clock)
    }

    /// Of a process and its children, which have one thread each.
    pub(crate) fn of_family(parent: i32) -> Result<Self> {
        let stat = Process::new(parent)?.stat()?;
        let mut clock = Self {
            nanos: HashMap::new(),
            ended: ticks(u64::try_from(stat.cutime + stat.cstime)?),
        };
        for process in proc::all_processes()? {
            // A process may end while it is looked at.
            let Ok((pid, its_parent, sched)) = process
                .and_then(|process| Ok((process.pid, process.stat()?.ppid, process.schedstat()?)))
            else {
                continue;
            };
            if its_parent == parent || pid == parent {
                clock.nanos.insert(pid, sched.sum_exec_runtime);
            }
        }
        Ok(clock)
    }

    /// What was taken since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let mut taken = Duration::ZERO;
        for (thread, nanos) in &self.nanos {
            let earlier = before.nanos.get(thread).copied().unwrap_or(0);
            taken += Duration::from_nanos(nanos.saturating_sub(earlier));
        }
        let gone = before.nanos.iter();
        let gone: u64 = gone
            .filter(|(thread, _)| !self.nanos.contains_key(thread))
            .map(|(_, nanos)| nanos)
            .sum();
        // What has ended took this before, too.
        let ended = self.ended.saturating_sub(before.ended);
        taken + ended.saturating_sub(Duration::from_nanos(gone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(nanos: &[(i32, u64)], ended: u64) -> CpuClock {
        CpuClock {
            nanos: nanos.iter().copied().collect(),
            ended: Duration::from_nanos(ended),
        }
    }

    #[test]
    fn what_began_and_what_ended_meanwhile_is_counted_once() {
        let before = clock(&[(1, 100), (2, 50)], 1000);
        let after = clock(&[(1, 130), (3, 7)], 1060);
        assert_eq!(after.since(&before), Duration::from_nanos(30 + 7 + 10));
    }
}
