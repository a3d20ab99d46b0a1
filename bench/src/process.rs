//! Child processes under measurement.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time,
};

/// How long a process may take to start, to become idle, and to stop.
const TIMEOUT: Duration = Duration::from_secs(40);
const IDLE_INTERVAL: Duration = Duration::from_millis(500);
/// A process is idle if it takes less CPU time than this in an interval.
const IDLE_CPU: Duration = Duration::from_millis(20);

/// A child process that serves HTTP on the loopback address. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    pub(crate) address: SocketAddr,
    /// Time from the start to the line that says that it listens.
    pub(crate) startup: Duration,
    // Printing fails in the child once this is closed.
    _stdout: BufReader<ChildStdout>,
}

/// Resources that a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// User and system time since the process started, in steps of a clock tick.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
}

impl Process {
    /// Starts a program that prints `listening on http://ADDRESS` once it serves.
    pub(crate) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let started = Instant::now();
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
        let pid = pid.context("the process has exited")?;
        let mut stdout = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        time::timeout(TIMEOUT, stdout.read_line(&mut line))
            .await
            .context("the process does not listen in time")??;
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            bail!("unexpected output of {}: {line:?}", program.display());
        };
        Ok(Self {
            child,
            pid,
            address: address.parse()?,
            startup: started.elapsed(),
            _stdout: stdout,
        })
    }

    /// Starts this binary with a hidden subcommand that serves a baseline.
    pub(crate) async fn start_baseline(arguments: &[&str]) -> Result<Self> {
        Self::start(&std::env::current_exe()?, arguments).await
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        let stat = procfs::process::Process::new(self.pid())?.stat()?;
        let ticks = stat.utime + stat.stime;
        Ok(Usage {
            cpu: Duration::from_millis(ticks * 1000 / procfs::ticks_per_second()),
            resident: stat.rss * procfs::page_size(),
        })
    }

    /// Returns the number of open files and sockets.
    pub(crate) fn descriptors(&self) -> Result<usize> {
        Ok(procfs::process::Process::new(self.pid())?.fd_count()?)
    }

    /// Waits at least `minimum` and until the process is idle, or for the timeout.
    pub(crate) async fn wait_until_idle(&self, minimum: Duration) -> Result<Usage> {
        time::sleep(minimum).await;
        let deadline = Instant::now() + TIMEOUT;
        let mut before = self.usage()?;
        loop {
            time::sleep(IDLE_INTERVAL).await;
            let now = self.usage()?;
            if now.cpu.saturating_sub(before.cpu) < IDLE_CPU || Instant::now() > deadline {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Suspends the process, so that it takes no CPU time while another one is measured.
    pub(crate) fn suspend(&self) -> Result<()> {
        Ok(rustix::process::kill_process(self.pid, Signal::STOP)?)
    }

    pub(crate) fn resume(&self) -> Result<()> {
        Ok(rustix::process::kill_process(self.pid, Signal::CONT)?)
    }

    /// Terminates the process, suspended or not, and waits for its exit.
    ///
    /// # Errors
    /// Fails if it does not exit in time, or not with success.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.resume()?;
        rustix::process::kill_process(self.pid, Signal::TERM)?;
        let status = time::timeout(TIMEOUT, self.child.wait())
            .await
            .context("the process does not stop in time")??;
        if !status.success() {
            bail!("the process exited with {status}");
        }
        Ok(())
    }
}

/// Raises the limit of open files of this process and its children to the hard limit.
///
/// # Errors
/// Fails if that is less than `needed`.
pub(crate) fn raise_file_limit(needed: usize) -> Result<()> {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, raised)?;
    match maximum {
        Some(maximum) if maximum < needed as u64 => {
            bail!("{needed} open files are needed; the hard limit is {maximum}")
        }
        _ => Ok(()),
    }
}
