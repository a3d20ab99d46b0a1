//! `serve`: start-up of the server, top to bottom.

use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tracing::info;

use super::{error::CliError, output::print};
use crate::{
    auth::Access,
    clock::{Clock, SystemClock},
    config::{Config, ListenAddress},
    db::{self, DatabaseUrl, OpenOptions},
    feed::ChangeFeed,
    graphql::Executor,
    http::AppState,
    runs::{HeartbeatMonitor, Runs, freshness::ExpectedIntervals},
    server,
};

/// How long to wait for a PostgreSQL server that is starting at the same time. Whoever supervises this process starts it
/// again afterwards.
const DATABASE_WAIT: Duration = Duration::from_secs(5);

pub(super) async fn run(config: &Config) -> Result<(), CliError> {
    let mut shutdown = Box::pin(server::shutdown_signal()?);
    let (listener, state, monitor) = tokio::select! {
        // Boxed, since it would take up the stack for as long as the server runs.
        started = Box::pin(start(config)) => started?,
        () = &mut shutdown => {
            info!("stopped while starting");
            return Ok(());
        }
    };
    print(&format!("listening on http://{}\n", listener.local_addr()?))?;
    let shutdown = async move {
        shutdown.await;
        drop(monitor);
    };
    server::serve(listener, state, shutdown).await?;
    info!("stopped");
    Ok(())
}

/// Validates the settings and binds the address before the database is opened, so that what is wrong with them leaves
/// the database as it is. Clients that connect meanwhile wait.
async fn start(config: &Config) -> Result<(TcpListener, AppState, HeartbeatMonitor), CliError> {
    let limits = config.limits();
    let expected = ExpectedIntervals::try_from(config.expect.as_slice())?;
    let clock = Arc::new(SystemClock::default());
    let url = DatabaseUrl::parse(config.database_url.expose_secret())?;
    let auth = config.auth.settings().prepare(clock.clone()).await?;
    let listener = listen(&config.listen).await?;
    server::raise_fd_limit(limits.http.max_connections);

    let options = OpenOptions {
        timeouts: config.limits.statement_timeouts(),
        wait: DATABASE_WAIT,
        ..OpenOptions::default()
    };
    let database = db::open(&url, options).await?;
    let auth = auth.open(database.clone(), listener.local_addr()?).await?;
    let runs =
        Runs::new(database.clone(), clock.clone(), limits.runs).with_expected_intervals(expected);
    let signal = runs.change_signal();
    let feed = ChangeFeed::start(database.clone(), clock.new_id(), signal, limits.feed).await?;
    let monitor = HeartbeatMonitor::start(runs.clone());
    let graphql = Executor::new(runs, feed, limits.graphql);
    let Access {
        anonymous,
        keys,
        issuer,
    } = auth.access();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        database = %database.location(),
        schema = db::migrate::latest(),
        address = %listener.local_addr()?,
        anonymous,
        keys,
        issuer,
        "started"
    );
    let state = AppState::new(database, auth, graphql, clock, limits.http);
    Ok((listener, state, monitor))
}

async fn listen(address: &ListenAddress) -> Result<TcpListener, CliError> {
    TcpListener::bind(address.as_str())
        .await
        .map_err(|source| CliError::Listen {
            address: address.clone(),
            source,
        })
}
