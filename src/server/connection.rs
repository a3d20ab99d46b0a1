//! One connection.

use std::{
    borrow::Cow,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::Router;
use futures_util::future::Either;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time,
};
use tracing::{Instrument, debug};

use super::{
    header_case::spell,
    header_timeout::{HeadStarted, HeaderTimer},
};
use crate::http::{AppState, ClientConnection, HttpLimits, TakenPlace};

/// TCP keep-alive probes of idle connections.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(30))
    .with_interval(Duration::from_secs(10));

/// Response to connections above the limit.
const BUSY_RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 2\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\n\r\n\
    all connections are in use\r\n";

/// How long sending [`BUSY_RESPONSE`] may take.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// An accepted connection.
pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    place: TakenPlace,
    state: Arc<AppState>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        place: TakenPlace,
        state: Arc<AppState>,
    ) -> Self {
        Self {
            stream,
            peer,
            place,
            state,
        }
    }

    /// Serves requests until either side closes the connection, or it is upgraded to a WebSocket. While the
    /// server `is_busy`, the connection may be idle only for the header timeout.
    pub(super) async fn serve(self, router: Router, is_busy: bool) {
        let Self {
            stream,
            peer,
            place,
            state,
        } = self;
        let limits = &state.limits;
        let client = ClientConnection::new(peer, Arc::clone(place.place()), Arc::clone(limits));
        if let Err(error) = set_options(&stream, limits) {
            debug!(%error, "the connection is already closed");
            return;
        }
        let idle_timeout = if is_busy {
            limits.header_timeout
        } else {
            limits.idle_timeout
        };
        let head_started = HeadStarted::default();
        let shutdown = state.shutdown.clone();
        let timer = HeaderTimer::new(head_started.clone(), limits, idle_timeout, shutdown);
        let stream = Stream {
            tcp: stream,
            head_started,
            place,
        };
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let span = client.identify(&mut request);
            let response = router.call(request);
            match span {
                Some(span) => Either::Left(response.instrument(span)),
                None => Either::Right(response),
            }
        });
        let connection = http1::Builder::new()
            .timer(timer)
            .header_read_timeout(limits.header_timeout)
            .max_header_size(limits.max_header_bytes)
            .max_buf_size(limits.max_header_bytes)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        // hyper-util's GracefulShutdown does not implement this for upgradeable HTTP/1 connections; its
        // `auto` connections, for which it does, require HTTP/2 and have no `max_header_size`.
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = state.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            debug!(%error, "the connection ended with an error");
        }
    }
}

fn set_options(stream: &TcpStream, limits: &HttpLimits) -> io::Result<()> {
    // Events are small and must not be delayed.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits.tcp_user_timeout))?;
    Ok(())
}

/// Responds 503 to the first request and closes the connection. Waits for the request, since many clients
/// treat an early response as an error, and reads the rest of it, since closing a connection with unread data
/// may discard the response.
pub(super) async fn reject_busy(mut stream: TcpStream, _slot: OwnedSemaphorePermit) {
    let respond = async {
        let mut buffer = [0; 1024];
        if stream.read(&mut buffer).await? == 0 {
            return Ok(());
        }
        stream.write_all(BUSY_RESPONSE).await?;
        stream.shutdown().await?;
        while stream.read(&mut buffer).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = time::timeout(BUSY_TIMEOUT, respond).await;
}

/// A TCP stream that reports when a request head starts to arrive, and corrects the spelling of a header. It takes its
/// place until it is closed, also after an upgrade to a WebSocket, and fails once it is displaced.
struct Stream {
    tcp: TcpStream,
    head_started: HeadStarted,
    place: TakenPlace,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.place.place().check(cx)?;
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        if buffer.filled().len() > filled {
            self.head_started.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.place.place().check(cx)?;
        Pin::new(&mut self.tcp).poll_write(cx, &spell(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.place.place().check(cx)?;
        match bytes.first().map(|first| spell(first)) {
            Some(Cow::Owned(head)) => Pin::new(&mut self.tcp).poll_write(cx, &head),
            _ => Pin::new(&mut self.tcp).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
