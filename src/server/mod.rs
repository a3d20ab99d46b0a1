//! The server: accepts connections, limits and drains them.

mod connection;
mod connection_limit;
mod fd_limit;
mod header_case;
mod header_timeout;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, error_span, info, warn};

use crate::{
    http::{self, AppState},
    outage::Outage,
};
use connection::Connection;
use connection_limit::{Admission, ConnectionLimit};

pub use fd_limit::raise as raise_fd_limit;

/// How long requests, and then WebSockets, may take to end during shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);

/// How long closing the database may take.
const DATABASE_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause before accepting again when the system is out of resources.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Serves until `shutdown` resolves, then shuts down gracefully: the listener is closed, WebSockets are closed
/// with a code on which clients reconnect, requests in flight are completed.
///
/// # Errors
/// Returns an error if the listener has no local address.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let state = Arc::new(state);
    let router = http::router(Arc::clone(&state), listener.local_addr()?);
    let probing = tokio::spawn({
        let state = Arc::clone(&state);
        async move { http::probe_failing_writes(&state.database).await }
    });
    let _probing = AbortOnDropHandle::new(probing);
    let shutdown = async {
        shutdown.await;
        info!("shutting down; completing requests in flight");
        state.shutdown.cancel();
    };
    let (mut connections, ()) = tokio::join!(accept(listener, &router, &state), shutdown);
    let drained = async { while connections.join_next().await.is_some() {} };
    if time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        warn!("some requests did not complete in time; aborting them");
    }
    connections.shutdown().await;
    state.sockets.close();
    if time::timeout(DRAIN_TIMEOUT, state.sockets.wait())
        .await
        .is_err()
    {
        warn!("some WebSockets did not close in time");
    }
    match time::timeout(DATABASE_CLOSE_TIMEOUT, state.database.clone().close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "cannot close the database"),
        Err(_) => warn!("the database did not close in time"),
    }
    Ok(())
}

/// Accepts connections until shutdown, and returns those that are still open.
async fn accept(listener: TcpListener, router: &Router, state: &Arc<AppState>) -> JoinSet<()> {
    let mut limit = ConnectionLimit::new(Arc::clone(&state.limits));
    let mut connections = JoinSet::new();
    let outage = Outage::new("cannot accept connections; retrying");
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return connections,
            Some(_) = connections.join_next() => {}
            accepted = accept_next(&listener, &limit) => match accepted {
                Ok((stream, peer)) => {
                    outage.ended();
                    // At the level `error`, so that the span is enabled whatever is logged.
                    let span = error_span!("connection", %peer);
                    let _entered = span.enter();
                    match limit.admit(peer.ip()) {
                        Admission::Accepted(admitted) => {
                            let place = admitted.place;
                            let connection = Connection::new(stream, peer, place, Arc::clone(state));
                            let served = connection.serve(router.clone(), admitted.is_scarce);
                            connections.spawn(served.in_current_span());
                        }
                        Admission::Rejected(slot) => {
                            connections.spawn(connection::reject_busy(stream, slot));
                        }
                        Admission::Dropped => {}
                    }
                }
                Err(error) if is_peer_error(&error) => {}
                // Out of file descriptors or memory, which open connections release as they end.
                Err(error) => {
                    outage.failed(&error);
                    tokio::select! {
                        () = state.shutdown.cancelled() => {}
                        () = time::sleep(ACCEPT_RETRY_DELAY) => {}
                    }
                }
            }
        }
    }
}

/// Accepts a connection, once those that were displaced are closed.
async fn accept_next(
    listener: &TcpListener,
    limit: &ConnectionLimit,
) -> io::Result<(TcpStream, SocketAddr)> {
    limit.closed().await;
    listener.accept().await
}

/// Returns whether the peer closed the connection before it was accepted.
fn is_peer_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Returns a future that resolves at SIGTERM or SIGINT.
///
/// # Errors
/// Returns an error if the signal handlers cannot be installed.
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
