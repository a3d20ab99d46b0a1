//! What an operator's probes ask.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use tokio::time;
use tracing::warn;

use super::AppState;
use crate::db::migrate;

/// How long the database may take to prove itself.
const PATIENCE: time::Duration = time::Duration::from_secs(3);

/// Whether the process is there at all.
#[derive(Serialize)]
pub(super) struct Alive {
    status: &'static str,
}

/// Whether requests can be served, or why not.
#[derive(Serialize)]
pub(super) struct Ready {
    ready: bool,
    reasons: Vec<String>,
}

/// `/livez`: answers without asking anyone.
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// `/readyz`: the database can be written, and its tables are those this server knows.
pub(super) async fn ready(State(state): State<AppState>) -> (StatusCode, Json<Ready>) {
    let mut reasons = Vec::new();
    if state.shutdown.is_cancelled() {
        reasons.push("the server is stopping".to_owned());
    }
    match time::timeout(PATIENCE, state.database.probe_write()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(%error, "the database cannot be written");
            reasons.push("the database cannot be written".to_owned());
        }
        Err(_) => reasons.push("the database does not answer in time".to_owned()),
    }
    match time::timeout(PATIENCE, migrate::pending(&state.database)).await {
        Ok(Ok(pending)) if pending.is_empty() => {}
        Ok(Ok(pending)) => reasons.push(format!("migrations are missing: {}", pending.join(", "))),
        _ => reasons.push("whether migrations are missing cannot be told".to_owned()),
    }
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Ready { ready, reasons }))
}
