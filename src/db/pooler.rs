//! Waiting for a PostgreSQL server, and whether a pooler in front of it keeps sessions.
//!
//! The pools of the driver try a server that refuses connections again until a timeout, and say nothing meanwhile. So
//! connections are opened without a pool first: what is wrong is known, and logged, at once.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use sqlx::{
    Connection, Row,
    postgres::{PgConnectOptions, PgConnection},
    raw_sql,
};
use tokio::time;
use tracing::{info, warn};

use super::{DatabaseLocation, connect::SLOW_CONNECT, connect_error::OpenError};

/// How long an attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// How often each of two connections asks for the process that serves it.
const PROBES: usize = 3;

/// Waits until the server accepts connections, for up to `wait`, and checks that each connection is a session of its own.
///
/// # Errors
/// Returns the error of the last attempt, and [`OpenError::TransactionPooling`] if connections share sessions.
pub(super) async fn wait_for_sessions(
    server: &PgConnectOptions,
    location: &DatabaseLocation,
    wait: Duration,
) -> Result<(), OpenError> {
    let deadline = Instant::now() + wait;
    let mut is_waiting = false;
    loop {
        match attempt(server, location).await {
            Ok(()) => {
                if is_waiting {
                    info!(database = %location, "the database accepts connections");
                }
                return Ok(());
            }
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                if !std::mem::replace(&mut is_waiting, true) {
                    warn!(database = %location, %error, ?wait, "cannot connect to the database; retrying");
                }
                time::sleep(RETRY_INTERVAL).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn attempt(server: &PgConnectOptions, location: &DatabaseLocation) -> Result<(), OpenError> {
    let mut checked = pin!(time::timeout(ATTEMPT_TIMEOUT, check_sessions(server)));
    let checked = if let Ok(checked) = time::timeout(SLOW_CONNECT, checked.as_mut()).await {
        checked
    } else {
        warn!(database = %location, "the database has not responded yet; still trying to connect");
        checked.await
    };
    checked.unwrap_or_else(|_| Err(OpenError::unresponsive()))
}

/// Opens two connections and compares the processes that serve them. A pooler that keeps no sessions serves an idle
/// connection's next statement by any process that is free.
async fn check_sessions(server: &PgConnectOptions) -> Result<(), OpenError> {
    let connect = async || {
        let connection = PgConnection::connect_with(server).await;
        connection.map_err(|error| OpenError::of_postgres(&error))
    };
    let (mut one, mut other) = (connect().await?, connect().await?);
    let (mut by_one, mut by_other) = (Vec::new(), Vec::new());
    for _ in 0..PROBES {
        by_one.push(process_of(&mut one).await?);
        by_other.push(process_of(&mut other).await?);
    }
    // PostgreSQL notices that they are closed even if the message does not reach it.
    let _ = (one.close().await, other.close().await);
    let is_constant = |processes: &[i32]| processes.windows(2).all(|pair| pair[0] == pair[1]);
    let are_sessions = is_constant(&by_one) && is_constant(&by_other) && by_one[0] != by_other[0];
    are_sessions
        .then_some(())
        .ok_or(OpenError::TransactionPooling)
}

/// Returns the id of the process that serves a connection, without a prepared statement.
async fn process_of(connection: &mut PgConnection) -> Result<i32, OpenError> {
    let row = raw_sql("SELECT pg_backend_pid()")
        .fetch_one(connection)
        .await;
    row.and_then(|row| row.try_get(0))
        .map_err(|error| OpenError::of_postgres(&error))
}
