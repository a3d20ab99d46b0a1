//! Serving, from the first connection to the last.

mod connection;
mod head;
mod open_files;

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::JoinSet,
    time::{self, Instant},
};
use tracing::{Instrument, error_span, info, warn};

use crate::http::{Paths, Services};

pub use open_files::raise as raise_open_files;

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
    services: Services,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let paths = Paths::new(services.clone(), listener.local_addr()?);
    let stop = async {
        shutdown.await;
        info!("stopping: finishing what is in flight");
        services.stopping.cancel();
    };
    let (mut connections, ()) = tokio::join!(accept(listener, &paths, &services), stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    if time::timeout(DRAIN, drained).await.is_err() {
        warn!("some requests did not end in time");
    }
    connections.shutdown().await;
    services.sockets.close();
    if time::timeout(DRAIN, services.sockets.wait()).await.is_err() {
        warn!("some sockets did not end in time");
    }
    match time::timeout(CLOSE, services.database.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "the database was not closed in order"),
        Err(_) => warn!("the database does not answer, and was not closed in order"),
    }
    Ok(())
}

/// Accepts connections until the server is told to stop; tells those that are still served.
async fn accept(listener: TcpListener, paths: &Paths, services: &Services) -> JoinSet<()> {
    let mut entrance = Entrance::new(services);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = services.stopping.cancelled() => return connections,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Of the level of errors, so that it is told with whatever is logged.
                    let connection = error_span!("connection", %peer);
                    let _entered = connection.enter();
                    entrance.admit(stream, paths, services, &mut connections);
                }
                // A peer that has changed its mind.
                Err(error) if is_of_the_peer(&error) => {}
                // Out of open files or memory. What is accepted already goes on, and gives some back.
                Err(error) => {
                    warn!(%error, "cannot accept connections; trying again soon");
                    tokio::select! {
                        () = services.stopping.cancelled() => {}
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
struct Entrance {
    places: Arc<Semaphore>,
    most: usize,
    turned_away: Arc<Semaphore>,
    /// When it was last logged that there are none.
    told: Option<Instant>,
}

impl Entrance {
    fn new(services: &Services) -> Self {
        let most = open_files::at_most(services.limits.connections);
        if most < services.limits.connections {
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

    fn admit(
        &mut self,
        stream: TcpStream,
        paths: &Paths,
        services: &Services,
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
                connections.spawn(connection::turn_away(stream, place));
            }
            return;
        };
        let limits = &services.limits;
        // As places get scarce, who keeps one without using it is let go of sooner.
        let scarce = self.places.available_permits() < self.most / 2;
        let idle_time = if scarce {
            limits.head_time
        } else {
            limits.idle_time
        };
        let served = connection::serve(stream, place, paths.clone(), services.clone(), idle_time);
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
