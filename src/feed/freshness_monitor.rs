//! The freshness monitor: the one task of this process that notices when the state of a pair changes, by a run or by time
//! passing, on behalf of all subscribers.
//!
//! It follows the changes of completed runs, and sleeps until the next pair becomes late or stale. It works only while
//! somebody subscribes. What it publishes are snapshots of all pairs: each subscriber remembers what it was sent, and is
//! sent what differs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_stream::stream;
use chrono::{DateTime, Utc};
use entity::{SyncChangeKind, SyncStatus};
use futures_util::Stream;
use sea_orm::DbErr;
use strum::VariantArray;
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{self, Instant},
};
use tokio_util::task::AbortOnDropHandle;

use super::{ChangeFeed, RunChanges, StreamEnd, change::Change, retry::RETRY_INTERVAL};
use crate::{
    outage::Outage,
    runs::{
        Error, Result, Run, Runs,
        filter::RunFilter,
        freshness::{Freshness, FreshnessState, Pair, PairSelection},
    },
};

/// Snapshots kept for slow subscribers. One that is further behind continues with the oldest that is kept.
const BACKLOG: usize = 64;
/// The longest time between two looks at the clock, which may be set.
const CLOCK_INTERVAL: Duration = Duration::from_millis(500);
/// Time between a change and the next read of pairs that are fresh: another success rarely makes them late.
const FRESH_DELAY: Duration = Duration::from_secs(1);
/// The minimum time between two reads because of changes.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// The longest time that a subscriber waits for its first snapshot.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Handle of the task. Clones share it; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct FreshnessMonitor {
    requests: mpsc::UnboundedSender<Request>,
    _task: Arc<AbortOnDropHandle<()>>,
}

/// A subscriber that waits for its first snapshot.
type Request = oneshot::Sender<Result<FreshnessChanges>>;

/// All pairs at an instant.
#[derive(Debug)]
struct Snapshot {
    now: DateTime<Utc>,
    pairs: Vec<Freshness>,
}

/// The state of pairs at the beginning, and its changes from then on.
#[derive(Debug)]
pub(crate) struct FreshnessChanges {
    first: Arc<Snapshot>,
    snapshots: broadcast::Receiver<Arc<Snapshot>>,
}

impl FreshnessMonitor {
    /// Spawns the task.
    pub(crate) fn spawn(runs: Runs, feed: ChangeFeed) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let task = Task {
            runs,
            feed,
            requests: receiver,
            snapshots: broadcast::Sender::new(BACKLOG),
            current: Arc::new(Snapshot {
                now: DateTime::<Utc>::MIN_UTC,
                pairs: Vec::new(),
            }),
            changed: HashMap::new(),
            read_at: Instant::now(),
            outage: Outage::new("cannot monitor freshness; trying again"),
        };
        Self {
            requests,
            _task: Arc::new(AbortOnDropHandle::new(tokio::spawn(task.run()))),
        }
    }

    /// Subscribes: begins with a state that holds everything committed before the call.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the database is.
    pub(crate) async fn subscribe(&self) -> Result<FreshnessChanges> {
        let (sender, receiver) = oneshot::channel();
        // The task fails only when the server stops.
        let _ = self.requests.send(sender);
        match time::timeout(WAIT_TIMEOUT, receiver).await {
            Ok(Ok(changes)) => changes,
            _ => Err(Error::Unavailable(DbErr::Custom(
                "the freshness of pairs cannot be read".into(),
            ))),
        }
    }
}

impl FreshnessChanges {
    /// Delivers the present state of the selected pairs, then each pair whose state has changed, with the instant at
    /// which it was so. Ends when the server stops.
    pub(crate) fn select(
        mut self,
        selection: PairSelection,
    ) -> impl Stream<Item = (Freshness, DateTime<Utc>)> {
        stream! {
            let mut sent: HashMap<Pair, FreshnessState> = HashMap::new();
            let mut snapshot = self.first;
            loop {
                for freshness in &snapshot.pairs {
                    let pair = freshness.pair;
                    let is_listed = sent.contains_key(&pair) || selection.lists(freshness);
                    if !is_listed || !selection.contains(pair) {
                        continue;
                    }
                    let state = freshness.state(snapshot.now);
                    if sent.insert(pair, state) != Some(state) {
                        yield (freshness.clone(), snapshot.now);
                    }
                }
                snapshot = loop {
                    match self.snapshots.recv().await {
                        Ok(snapshot) => break snapshot,
                        // The next snapshot has all that the missed ones had.
                        Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    }
                };
            }
        }
    }
}

/// The task.
struct Task {
    runs: Runs,
    feed: ChangeFeed,
    requests: mpsc::UnboundedReceiver<Request>,
    snapshots: broadcast::Sender<Arc<Snapshot>>,
    /// What was published last.
    current: Arc<Snapshot>,
    /// The pairs that have changed since they were read, and when to read them.
    changed: HashMap<Pair, Instant>,
    /// When pairs were read last.
    read_at: Instant,
    outage: Outage,
}

/// Why the task does not follow the feed any more.
enum End {
    /// Nobody subscribes.
    Idle,
    /// It has lagged, and begins anew.
    Lagged,
    /// The server is stopping.
    Stopped,
}

impl Task {
    async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            let mut waiting = vec![request];
            loop {
                match self.follow(&mut waiting).await {
                    Ok(End::Idle) => break,
                    Ok(End::Lagged) => {}
                    Ok(End::Stopped) => return,
                    Err(error) => {
                        self.outage.failed(&error);
                        for request in waiting.drain(..) {
                            // The receiver is gone if the subscriber is.
                            let _ = request.send(Err(error.clone()));
                        }
                        if self.snapshots.receiver_count() == 0 {
                            break;
                        }
                        time::sleep(RETRY_INTERVAL).await;
                    }
                }
            }
        }
    }

    /// Follows the feed and the clock while somebody subscribes.
    async fn follow(&mut self, waiting: &mut Vec<Request>) -> Result<End> {
        let mut changes = self.feed.follow(changes()).await?;
        self.read(&Pair::all().collect::<Vec<_>>()).await?;
        self.outage.ended();
        loop {
            for request in waiting.drain(..) {
                let _ = request.send(Ok(FreshnessChanges {
                    first: Arc::clone(&self.current),
                    snapshots: self.snapshots.subscribe(),
                }));
            }
            if self.snapshots.receiver_count() == 0 {
                return Ok(End::Idle);
            }
            let next_look = self.next_look();
            tokio::select! {
                request = self.requests.recv() => {
                    let Some(request) = request else {
                        return Ok(End::Stopped);
                    };
                    waiting.push(request);
                    while let Ok(request) = self.requests.try_recv() {
                        waiting.push(request);
                    }
                    self.read(&Pair::all().collect::<Vec<_>>()).await?;
                }
                change = changes.next() => match change {
                    Ok(delivery) => self.note(&delivery.item.change),
                    Err(StreamEnd::Lagged) => return Ok(End::Lagged),
                    Err(StreamEnd::Complete) => return Ok(End::Stopped),
                },
                () = time::sleep_until(next_look) => self.look().await?,
            }
        }
    }

    /// Notes which pairs a change may concern: those whose last success it may have added or removed, and those that
    /// never ran before.
    fn note(&mut self, change: &Change) {
        let states: Vec<&Run> = change.states().collect();
        if let [before, after] = states.as_slice()
            && success(before) == success(after)
        {
            return;
        }
        let is_removal =
            change.kind == SyncChangeKind::Deleted || states.len() > 1 && !is_success(states[1]);
        for run in states {
            let Some(pair) = pair(run) else {
                continue;
            };
            let mut known = self.current.pairs.iter();
            let known = known.find(|freshness| freshness.pair == pair);
            let ran = known.is_some_and(|freshness| freshness.last_run.is_some());
            if ran && !is_success(run) {
                continue;
            }
            let state = known.map(|freshness| freshness.state(self.current.now));
            let is_fresh = state == Some(FreshnessState::Fresh) && !is_removal;
            let delay = if is_fresh {
                FRESH_DELAY
            } else {
                Duration::ZERO
            };
            let due = Instant::now() + delay;
            let noted = self.changed.entry(pair).or_insert(due);
            *noted = due.min(*noted);
        }
    }

    /// Returns when to look at the clock and the noted pairs.
    fn next_look(&self) -> Instant {
        let now = self.runs.clock.now();
        let pairs = self.current.pairs.iter();
        let deadlines = pairs.flat_map(|freshness| [freshness.late_at, freshness.stale_at]);
        let next = deadlines
            .flatten()
            .filter(|at| *at > self.current.now)
            .min();
        let wait = next.map(|at| (at - now).to_std().unwrap_or_default());
        let by_clock = Instant::now() + wait.unwrap_or(CLOCK_INTERVAL).min(CLOCK_INTERVAL);
        let noted = self.changed.values().min();
        let noted = noted.map(|due| (*due).max(self.read_at + MIN_INTERVAL));
        noted.map_or(by_clock, |noted| noted.min(by_clock))
    }

    /// Reads the pairs whose state has changed by time, and the noted ones that are due.
    async fn look(&mut self) -> Result<()> {
        let is_due = |due: &Instant| *due <= Instant::now();
        let due = self.changed.iter().filter(|(_, due)| is_due(due));
        let due: Vec<Pair> = due.map(|(pair, _)| *pair).collect();
        if due.is_empty() && self.changed_by_time(self.runs.clock.now()).next().is_none() {
            return Ok(());
        }
        self.read(&due).await
    }

    /// Returns the pairs whose state is another at `now`, as far as is known.
    fn changed_by_time(&self, now: DateTime<Utc>) -> impl Iterator<Item = Pair> {
        let pairs = self.current.pairs.iter();
        let changed = pairs
            .filter(move |freshness| freshness.state(now) != freshness.state(self.current.now));
        changed.map(|freshness| freshness.pair)
    }

    /// Reads these pairs, and those whose state has changed by time: others may have succeeded unnoticed. Publishes a
    /// snapshot if a state has changed.
    async fn read(&mut self, pairs: &[Pair]) -> Result<()> {
        let now = self.runs.clock.now();
        let pairs: Vec<Pair> = pairs
            .iter()
            .copied()
            .chain(self.changed_by_time(now))
            .collect();
        let selection = PairSelection {
            entity_types: Some(pairs.iter().map(|pair| pair.entity_type).collect()),
            sources: Some(pairs.iter().map(|pair| pair.source).collect()),
        };
        self.changed.retain(|pair, _| !selection.contains(*pair));
        self.read_at = Instant::now();
        let mut next = self.runs.freshness(&selection).await?;
        let others = self.current.pairs.iter();
        let others = others.filter(|freshness| !selection.contains(freshness.pair));
        next.extend(others.cloned());
        next.sort_by_key(|freshness| freshness.pair.order());
        let next = Arc::new(Snapshot { now, pairs: next });
        let is_same = self.current.states().eq(next.states());
        self.current = Arc::clone(&next);
        if !is_same {
            // Without a subscriber this fails, which is fine.
            let _ = self.snapshots.send(next);
        }
        Ok(())
    }
}

impl Snapshot {
    /// Returns what subscribers are notified of.
    fn states(&self) -> impl Iterator<Item = (Pair, FreshnessState, bool)> {
        let pairs = self.pairs.iter();
        pairs.map(|freshness| {
            let is_listed = PairSelection::default().lists(freshness);
            (freshness.pair, freshness.state(self.now), is_listed)
        })
    }
}

/// The changes of runs.
fn changes() -> RunChanges {
    RunChanges {
        filter: RunFilter::default(),
        kinds: SyncChangeKind::VARIANTS.to_vec(),
    }
}

/// Returns the pair of a run; `None` if its entity type or source is unknown.
fn pair(run: &Run) -> Option<Pair> {
    Some(Pair {
        entity_type: run.entity_type().ok()?,
        source: run.source().ok()?,
    })
}

fn is_success(run: &Run) -> bool {
    run.status()
        .is_ok_and(|status| status == SyncStatus::Completed)
}

/// Returns the values of a run that freshness depends on.
fn success(run: &Run) -> impl PartialEq {
    let is_success = is_success(run);
    let times = is_success.then_some((run.started_at, run.completed_at));
    (pair(run), is_success, times)
}
