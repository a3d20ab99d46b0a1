//! `serve`: start-up of the server, top to bottom.

use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tracing::info;

use super::{error::CliError, output::print};
use crate::{
    auth::Authenticator,
    clock::{Clock, SystemClock},
    config::Config,
    db,
    feed::ChangeFeed,
    graphql::Executor,
    http::AppState,
    runs::Runs,
    server,
};

pub(super) async fn run(config: &Config) -> Result<(), CliError> {
    let shutdown = server::shutdown_signal()?;
    let limits = config.limits();
    server::raise_fd_limit(limits.http.max_connections);
    let clock = Arc::new(SystemClock::default());

    let timeouts = config.limits.statement_timeouts();
    let database = db::connect_with(config.database_url.expose_secret(), timeouts).await?;
    let runs = Runs::new(database.clone(), clock.clone(), limits.runs);
    let signal = runs.change_signal();
    let feed = ChangeFeed::start(database.clone(), clock.new_id(), signal, limits.feed).await?;
    let graphql = Executor::new(runs, feed, limits.graphql);

    let listener = listen(&config.listen).await?;
    let address = listener.local_addr()?;
    let settings = config.auth.settings();
    let auth = Authenticator::open(database.clone(), clock.clone(), settings, address).await?;
    print(&format!("listening on http://{address}\n"))?;

    let state = AppState::new(database, auth, graphql, clock, limits.http);
    server::serve(listener, state, shutdown).await?;
    info!("stopped");
    Ok(())
}

async fn listen(address: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| CliError::Listen {
            address: address.to_owned(),
            source,
        })
}
