//! Liveness and readiness probes.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use tokio::time;
use tracing::debug;

use super::state::AppState;
use crate::{
    db::{Database, FileFault, error::wrapped, migrate},
    outage::Outage,
};

/// How long all checks of the database may take: the response arrives within a second.
const DATABASE_TIMEOUT: Duration = Duration::from_millis(800);
/// Time between two test rows.
const TEST_INTERVAL: Duration = Duration::from_secs(1);

/// What the readiness probe finds, which is sent every few seconds.
static NOT_WRITABLE: Outage = Outage::new("the database is not writable");

/// Response of the liveness probe.
#[derive(Serialize)]
pub(super) struct Liveness {
    status: &'static str,
}

/// Response of the readiness probe.
#[derive(Serialize)]
pub(super) struct Readiness {
    ready: bool,
    /// Why requests cannot be served; empty if `ready`.
    reasons: Vec<String>,
}

/// `/livez`: responds as long as the process runs.
pub(super) async fn live() -> Json<Liveness> {
    Json(Liveness { status: "alive" })
}

/// `/readyz`: responds 200 if the database is writable and fully migrated, the last write has not failed because of
/// it, and the server is not shutting down, otherwise 503 with the reasons.
pub(super) async fn ready(State(state): State<Arc<AppState>>) -> (StatusCode, Json<Readiness>) {
    let mut reasons = Vec::new();
    if state.shutdown.is_cancelled() {
        reasons.push("the server is shutting down".to_owned());
    }
    let database = &state.database;
    let checks = async { tokio::join!(check_writes(database), check_migrations(database)) };
    match time::timeout(DATABASE_TIMEOUT, checks).await {
        Ok((writes, migrations)) => reasons.extend(writes.into_iter().chain(migrations)),
        Err(_) => reasons.push("the database did not respond in time".to_owned()),
    }
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, reasons }))
}

/// Returns why writes are not accepted.
async fn check_writes(database: &Database) -> Option<String> {
    let probed = database.probe_write().await;
    if let Err(error) = probed {
        NOT_WRITABLE.failed_on_database(&error);
        return Some(match wrapped::<FileFault>(&error) {
            Some(fault) => fault.to_string(),
            None => "the database is not writable".to_owned(),
        });
    }
    NOT_WRITABLE.ended();
    database.is_write_failing().then(|| {
        "the last write failed; the server is ready once the database accepts one".to_owned()
    })
}

/// Returns why the tables may not be current.
async fn check_migrations(database: &Database) -> Option<String> {
    match migrate::pending(database).await {
        Ok(pending) if pending.is_empty() => None,
        Ok(pending) => Some(format!("pending migrations: {}", pending.join(", "))),
        Err(_) => Some("cannot determine whether migrations are pending".to_owned()),
    }
}

/// Commits a test row at intervals while writes fail: nobody else may try.
pub(crate) async fn probe_failing_writes(database: &Database) {
    loop {
        database.write_failure().await;
        while database.is_write_failing() {
            time::sleep(TEST_INTERVAL).await;
            if let Err(error) = database.commit_test_row().await {
                debug!(%error, "the database does not accept a test row");
            }
        }
    }
}
