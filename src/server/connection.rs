//! One connection.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time,
};
use tracing::debug;

use super::header_timeout::{HeadTimer, Progress};
use crate::http::{AppState, HttpLimits, Paths};

/// How long a peer of which nothing is heard is not asked whether it is there.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(30))
    .with_interval(Duration::from_secs(10));

/// What one is told for whom there is no place.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 2\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\n\r\n\
    all connections are in use\r\n";

/// How long one may take to hear so.
const BUSY_TIME: Duration = Duration::from_secs(1);

/// Serves requests until one side has had enough. A connection that becomes a socket ends here, and
/// lives on as that.
pub(super) async fn serve(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    paths: Paths,
    state: AppState,
    idle_timeout: Duration,
) {
    if let Err(error) = set_options(&stream, &state.limits) {
        debug!(%error, "a connection is gone already");
        return;
    }
    let progress = Arc::new(Progress::default());
    let timer = HeadTimer::new(Arc::clone(&progress), &state.limits, idle_timeout);
    let stream = Stream {
        tcp: stream,
        progress: Arc::clone(&progress),
        _place: place,
    };
    let answer = move |request: Request<Incoming>| {
        let paths = paths.clone();
        async move { Ok::<_, Infallible>(paths.answer(request.map(Body::new)).await) }
    };
    let connection = http1::Builder::new()
        .timer(timer)
        .header_read_timeout(state.limits.header_timeout)
        .max_header_size(state.limits.max_header_bytes)
        .max_buf_size(state.limits.max_header_bytes)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = state.shutdown.cancelled() => {
            progress.stop();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection ended out of order");
    }
}

fn set_options(stream: &TcpStream, limits: &HttpLimits) -> io::Result<()> {
    // Events are small, and not to wait for more.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    // Who takes nothing of what is sent, or is cut off, is let go of by the system.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits.tcp_user_timeout))?;
    Ok(())
}

/// Says that there is no place, to one who asks: an answer that comes before the question is an error
/// to many. Hears it out then, since a connection that is cut while something is unread may lose the
/// answer.
pub(super) async fn reject_busy(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let told = async {
        let mut heard = [0; 1024];
        if stream.read(&mut heard).await? == 0 {
            return Ok(());
        }
        stream.write_all(BUSY).await?;
        stream.shutdown().await?;
        while stream.read(&mut heard).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = time::timeout(BUSY_TIME, told).await;
}

/// A connection's bytes. It keeps its place until it is closed, be it as a socket.
struct Stream {
    tcp: TcpStream,
    progress: Arc<Progress>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.progress.hear();
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
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bytes)
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
