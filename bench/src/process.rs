//! Processes under measurement: started, watched by what the system says of them, stopped.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use procfs::{Current, CurrentSI, process as proc};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time,
};

use crate::cpu::CpuClock;

/// How long a process may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often a process is looked at while it settles.
const GLANCE: Duration = Duration::from_millis(500);
/// A process that takes less CPU than this between two glances has settled.
const QUIET: Duration = Duration::from_millis(20);

/// A child process that listens for HTTP on the loopback address. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    // Closed, the child could no longer print.
    _output: BufReader<ChildStdout>,
}

/// What a process takes of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time since it began, in user and system mode.
    pub(crate) cpu: Duration,
    /// Bytes of memory resident.
    pub(crate) resident: u64,
}

impl Process {
    /// Starts a program that prints `listening on http://ADDRESS` once it serves.
    pub(crate) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .env(
                "RUST_LOG",
                std::env::var("RUST_LOG").unwrap_or("error".into()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let pid = pid.context("the process has ended")?;
        let mut output = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        time::timeout(PATIENCE, output.read_line(&mut line))
            .await
            .context("the process does not say where it listens")??;
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            bail!("{} says {line:?}", program.display());
        };
        let address = address.parse()?;
        Ok(Self {
            child,
            pid,
            address,
            _output: output,
        })
    }

    /// What it takes now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(&self.look()?)
    }

    /// Bytes of memory resident, pages shared with other processes counted by their share. This takes
    /// the system a while, during which it keeps the process waiting.
    pub(crate) fn proportional(&self) -> Result<u64> {
        let rollup = self.look()?.smaps_rollup()?.memory_map_rollup;
        let parts = rollup.iter();
        Ok(parts.filter_map(|part| part.extension.map.get("Pss")).sum())
    }

    fn look(&self) -> Result<proc::Process> {
        Ok(proc::Process::new(self.pid.as_raw_nonzero().get())?)
    }

    /// Waits at least `least`, and until it has nothing more to do, but not for ever.
    pub(crate) async fn settle(&self, least: Duration) -> Result<Usage> {
        time::sleep(least).await;
        let deadline = time::Instant::now() + PATIENCE;
        let mut before = self.usage()?;
        loop {
            time::sleep(GLANCE).await;
            let now = self.usage()?;
            if now.cpu.saturating_sub(before.cpu) < QUIET || time::Instant::now() > deadline {
                return Ok(now);
            }
            before = now;
        }
    }

    /// What its threads have taken.
    pub(crate) fn cpu(&self) -> Result<CpuClock> {
        CpuClock::of_process(&self.look()?)
    }

    /// Halts it, so that it does nothing while another is measured.
    pub(crate) fn pause(&self) -> Result<()> {
        Ok(rustix::process::kill_process(self.pid, Signal::STOP)?)
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> Result<()> {
        Ok(rustix::process::kill_process(self.pid, Signal::CONT)?)
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        rustix::process::kill_process(self.pid, Signal::TERM)?;
        let status = time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the process does not stop")??;
        if status.success() {
            return Ok(());
        }
        bail!("the process ended with {status}")
    }
}

impl Usage {
    /// What this process takes.
    pub(crate) fn of_this_process() -> Result<Self> {
        Self::of(&proc::Process::myself()?)
    }

    fn of(process: &proc::Process) -> Result<Self> {
        let stat = process.stat()?;
        Ok(Self {
            cpu: ticks(stat.utime + stat.stime),
            resident: stat.rss * procfs::page_size(),
        })
    }
}

/// CPU time that all processes have taken since the system began.
pub(crate) fn machine_cpu() -> Result<Duration> {
    let total = procfs::KernelStats::current()?.total;
    let interrupts = total.irq.unwrap_or(0) + total.softirq.unwrap_or(0);
    Ok(ticks(total.user + total.nice + total.system + interrupts))
}

/// The system counts CPU time in ticks, mostly of 10 ms.
pub(crate) fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / procfs::ticks_per_second())
}

/// Lets this process and its children open as many files as the system allows; fails if that is
/// fewer than `needed`.
pub(crate) fn raise_file_limit(needed: u64) -> Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, raised)?;
    match limit.maximum {
        Some(maximum) if maximum < needed => {
            bail!("{needed} open files are needed; the system allows {maximum}")
        }
        _ => Ok(()),
    }
}

/// The machine's processor, as the system names it, and how many there are of it.
pub(crate) fn processor() -> Result<String> {
    let info = procfs::CpuInfo::current()?;
    let model = info.model_name(0).unwrap_or("unknown");
    Ok(format!("{} x {model}", info.num_cores()))
}
