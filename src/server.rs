//! Serving, from the first connection to the last.

use std::{future::Future, io, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time,
};
use tracing::{info, warn};

use crate::http::{self, Services};

/// How long requests in flight may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// Serves until `shutdown` resolves, then finishes what is in flight: no new connections, sockets
/// are closed with a code on which clients come back, requests get their answers.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stopping = services.stopping.clone();
    let sockets = services.sockets.clone();
    let database = services.database.clone();
    let stop = {
        let stopping = stopping.clone();
        async move {
            shutdown.await;
            info!("stopping: finishing what is in flight");
            stopping.cancel();
        }
    };
    let serving = axum::serve(listener, http::router(services)).with_graceful_shutdown(stop);
    let drained = async {
        stopping.cancelled().await;
        time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served?,
        () = drained => warn!("some requests did not end in time"),
    }
    sockets.close();
    if time::timeout(DRAIN, sockets.wait()).await.is_err() {
        warn!("some sockets did not end in time");
    }
    if let Err(error) = database.close().await {
        warn!(%error, "the database was not closed in order");
    }
    Ok(())
}

/// Resolves at SIGTERM or ctrl-C.
///
/// # Errors
/// The system does not let signals be handled.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
