//! Serving, from the first connection to the last.

mod connection;
mod fd_limit;
mod header_timeout;

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::JoinSet,
    time::{self, Instant},
};
use tracing::{Instrument, error_span, info, warn};

use crate::http::{AppState, Paths};

pub use fd_limit::raise as raise_fd_limit;

/// How long requests in flight may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// How long the database may take to be closed.
const CLOSE: Duration = Duration::from_secs(10);

/// How long to wait before connections are accepted again, when the system has none to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Connections that are told at once that there are too many; others on top are cut without a word.
const TURNED_AWAY: usize = 256;

/// Serves until `shutdown` resolves, then finishes what is in flight: no new connections, sockets
/// are closed with a code on which clients come back, requests get their answers.
///
/// # Errors
/// The listener is none.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let paths = Paths::new(state.clone(), listener.local_addr()?);
    let stop = async {
        shutdown.await;
        info!("stopping: finishing what is in flight");
        state.shutdown.cancel();
    };
    let (mut connections, ()) = tokio::join!(accept(listener, &paths, &state), stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    if time::timeout(DRAIN, drained).await.is_err() {
        warn!("some requests did not end in time");
    }
    connections.shutdown().await;
    state.sockets.close();
    if time::timeout(DRAIN, state.sockets.wait()).await.is_err() {
        warn!("some sockets did not end in time");
    }
    match time::timeout(CLOSE, state.database.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "the database was not closed in order"),
        Err(_) => warn!("the database does not answer, and was not closed in order"),
    }
    Ok(())
}

/// Accepts connections until the server is told to stop; tells those that are still served.
async fn accept(listener: TcpListener, paths: &Paths, state: &AppState) -> JoinSet<()> {
    let mut connection_limit = ConnectionLimit::new(state);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return connections,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Of the level of errors, so that it is told with whatever is logged.
                    let connection = error_span!("connection", %peer);
                    let _entered = connection.enter();
                    connection_limit.authenticate(stream, paths, state, &mut connections);
                }
                // A peer that has changed its mind.
                Err(error) if is_of_the_peer(&error) => {}
                // Out of open files or memory. What is accepted already goes on, and gives some back.
                Err(error) => {
                    warn!(%error, "cannot accept connections; trying again soon");
                    tokio::select! {
                        () = state.shutdown.cancelled() => {}
                        () = time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// How often it is logged that there are too many connections.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Who gets in: as many connections as there are places.
struct ConnectionLimit {
    places: Arc<Semaphore>,
    most: usize,
    turned_away: Arc<Semaphore>,
    /// When it was last logged that there are none.
    told: Option<Instant>,
}

impl ConnectionLimit {
    fn new(state: &AppState) -> Self {
        let most = fd_limit::at_most(state.limits.max_connections);
        if most < state.limits.max_connections {
            warn!(
                connections = most,
                "the system allows too few open files for more connections at once"
            );
        }
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
            told: None,
        }
    }

    fn authenticate(
        &mut self,
        stream: TcpStream,
        paths: &Paths,
        state: &AppState,
        connections: &mut JoinSet<()>,
    ) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            if self.told.is_none_or(|told| told.elapsed() > TELL_AGAIN) {
                self.told = Some(Instant::now());
                warn!(
                    connections = self.most,
                    "all connections are taken; turning others away"
                );
            }
            // Told, and not left to wait, a client may go to another replica.
            if let Ok(place) = Arc::clone(&self.turned_away).try_acquire_owned() {
                connections.spawn(connection::reject_busy(stream, place));
            }
            return;
        };
        let limits = &state.limits;
        // As places get scarce, who keeps one without using it is let go of sooner.
        let scarce = self.places.available_permits() < self.most / 2;
        let idle_timeout = if scarce {
            limits.header_timeout
        } else {
            limits.idle_timeout
        };
        let served = connection::serve(stream, place, paths.clone(), state.clone(), idle_timeout);
        // What is logged of it tells who it is with.
        connections.spawn(served.in_current_span());
    }
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
