//! Liveness and readiness probes.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use tokio::time;
use tracing::warn;

use super::state::AppState;
use crate::db::migrate;

/// How long each check of the database may take.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);

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

/// `/readyz`: responds 200 if the database is writable and fully migrated and the server is not shutting
/// down, otherwise 503 with the reasons.
pub(super) async fn ready(State(state): State<Arc<AppState>>) -> (StatusCode, Json<Readiness>) {
    let mut reasons = Vec::new();
    if state.shutdown.is_cancelled() {
        reasons.push("the server is shutting down".to_owned());
    }
    match time::timeout(DATABASE_TIMEOUT, state.database.probe_write()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(%error, "the database is not writable");
            reasons.push("the database is not writable".to_owned());
        }
        Err(_) => reasons.push("the database did not respond in time".to_owned()),
    }
    match time::timeout(DATABASE_TIMEOUT, migrate::pending(&state.database)).await {
        Ok(Ok(pending)) if pending.is_empty() => {}
        Ok(Ok(pending)) => reasons.push(format!("pending migrations: {}", pending.join(", "))),
        _ => reasons.push("cannot determine whether migrations are pending".to_owned()),
    }
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, reasons }))
}
