//! Subscribers: many connections that receive the changes of a sequence.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{changes::ChangeSequence, websocket::Socket};

/// Connections that are opened at the same time.
const CONCURRENT_HANDSHAKES: usize = 64;
/// Time without any delivery after which the missing ones are lost.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The source of all runs of a sequence, which is what operations filter by.
pub(crate) const SOURCE: &str = "API";

/// Returns an operation that all changes of a sequence match, distinct for each number.
pub(crate) fn operation(number: usize) -> Value {
    let alias = match number {
        0 => String::new(),
        _ => format!("version{number}: version"),
    };
    let query = format!(
        "subscription($source: [SyncSource!]) {{ syncRunChanged(filter: {{source: $source}}) {{ \
         cursor kind changedAt matchesFilter run {{ id status source entityType recordsProcessed \
         version updatedAt {alias} }} }} }}"
    );
    json!({"query": query, "variables": {"source": [SOURCE]}})
}

/// Connected subscribers.
#[derive(Debug)]
pub(crate) struct Subscribers {
    deliveries: Arc<AtomicU64>,
    stop: CancellationToken,
    tasks: JoinSet<Result<Vec<u32>>>,
}

impl Subscribers {
    /// Connects subscribers, which take the operations in turn.
    pub(crate) async fn connect(
        address: SocketAddr,
        count: usize,
        operations: usize,
        changes: &Arc<ChangeSequence>,
    ) -> Result<Self> {
        let sockets = stream::iter(0..count).map(async |number| {
            let mut socket = Socket::connect(address).await?;
            socket
                .subscribe(number, &operation(number % operations.max(1)))
                .await?;
            anyhow::Ok(socket)
        });
        let sockets: Vec<_> = sockets
            .buffer_unordered(CONCURRENT_HANDSHAKES)
            .try_collect()
            .await?;
        let deliveries = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for socket in sockets {
            let (changes, deliveries) = (Arc::clone(changes), Arc::clone(&deliveries));
            let receive = receive(socket, changes, deliveries, stop.clone());
            tasks.spawn(receive);
        }
        Ok(Self {
            deliveries,
            stop,
            tasks,
        })
    }

    /// Waits until all subscribers together have received a number of changes.
    ///
    /// # Errors
    /// Fails if a connection ends, or if no change is received for some seconds.
    pub(crate) async fn wait_for_deliveries(&mut self, expected: usize) -> Result<()> {
        let mut delivered = self.deliveries.load(Relaxed);
        let mut deadline = Instant::now() + DELIVERY_TIMEOUT;
        while delivered < expected as u64 {
            if let Some(ended) = self.tasks.try_join_next() {
                ended??;
            }
            let is_late = Instant::now() > deadline;
            ensure!(!is_late, "{delivered} of {expected} changes were delivered");
            time::sleep(POLL_INTERVAL).await;
            if self.deliveries.load(Relaxed) > delivered {
                delivered = self.deliveries.load(Relaxed);
                deadline = Instant::now() + DELIVERY_TIMEOUT;
            }
        }
        Ok(())
    }

    /// Disconnects; returns for each subscriber when it received each change, in microseconds of the sequence, or
    /// 0 if it did not.
    ///
    /// # Errors
    /// Fails if a connection ended early, or if a subscriber received a change twice or out of order.
    pub(crate) async fn disconnect(mut self) -> Result<Vec<Vec<u32>>> {
        self.stop.cancel();
        let mut received = Vec::new();
        while let Some(subscriber) = self.tasks.join_next().await {
            received.push(subscriber??);
        }
        Ok(received)
    }
}

async fn receive(
    mut socket: Socket,
    changes: Arc<ChangeSequence>,
    deliveries: Arc<AtomicU64>,
    stop: CancellationToken,
) -> Result<Vec<u32>> {
    let mut received = vec![0; changes.len()];
    loop {
        let message = tokio::select! {
            message = socket.next() => message?,
            () = stop.cancelled() => return Ok(received),
        };
        let change = changes.find(message.as_bytes());
        let change = change.with_context(|| format!("unexpected message {message}"))?;
        ensure!(received[change] == 0, "received twice: {message}");
        let is_in_order = !ChangeSequence::completes(change) || received[change - 1] > 0;
        ensure!(is_in_order, "received out of order: {message}");
        received[change] = changes.micros(Instant::now());
        deliveries.fetch_add(1, Relaxed);
    }
}
