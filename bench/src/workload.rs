//! Writers that use plain SQL, as the workers do that know nothing of the server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Result;
use sqlx::{PgConnection, PgPool};
use tokio::{task::JoinSet, time};
use uuid::Uuid;

/// How long writers write before they are measured.
const LEAD: Duration = Duration::from_millis(500);

const CREATE: &str = "INSERT INTO sync_history.sync_history \
    (id, entity_type, source, status, started_at, records_processed, records_created, \
     records_updated, records_failed, details) \
    VALUES ($1, 'stock', 'as400', 'running', now(), 0, 0, 0, 0, '{\"host\": \"edge-1\"}')";
const PROGRESS: &str = "UPDATE sync_history.sync_history \
    SET records_processed = $2, records_updated = $2 WHERE id = $1";
const EVENT: &str = "INSERT INTO sync_history.sync_event \
    (id, sync_id, event_type, \"timestamp\", message, details) \
    VALUES ($2, $1, 'chunk', now(), $3, '{\"rows\": 100}')";
const COMPLETE: &str = "UPDATE sync_history.sync_history \
    SET status = 'completed', completed_at = now(), \
        sync_duration = extract(epoch FROM now() - started_at), \
        records_processed = 300, records_updated = 300 WHERE id = $1";

/// Writers at work.
#[derive(Debug)]
pub(crate) struct Writers {
    written: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
    tasks: JoinSet<Result<()>>,
}

impl Writers {
    /// Sets one to work on each connection; returns when they are in their stride.
    pub(crate) async fn start(pool: &PgPool, connections: u32) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let enough = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (pool, written, enough) = (pool.clone(), written.clone(), enough.clone());
            tasks.spawn(async move {
                let mut connection = pool.acquire().await?;
                while !enough.load(Relaxed) {
                    live(&mut connection, &written).await?;
                }
                Ok(())
            });
        }
        time::sleep(LEAD).await;
        Self {
            written,
            enough,
            tasks,
        }
    }

    /// Transactions that were committed so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Lets them finish what they are at.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.enough.store(true, Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// One run's life: seven writes, each a transaction of its own.
async fn live(connection: &mut PgConnection, written: &AtomicU64) -> Result<()> {
    let run = new_id();
    let progress = |records: i32| sqlx::query(PROGRESS).bind(run).bind(records);
    let event = |message: &'static str| sqlx::query(EVENT).bind(run).bind(new_id()).bind(message);
    let writes = [
        sqlx::query(CREATE).bind(run),
        event("Extraction started"),
        progress(100),
        event("Chunk 1/2 imported"),
        progress(200),
        event("Chunk 2/2 imported"),
        sqlx::query(COMPLETE).bind(run),
    ];
    for write in writes {
        write.execute(&mut *connection).await?;
        written.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// An id that none had before; in no order, as those that the predecessor's workers make.
fn new_id() -> Uuid {
    static MADE: AtomicU64 = AtomicU64::new(0);
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        &MADE.fetch_add(1, Relaxed).to_be_bytes(),
    )
}
