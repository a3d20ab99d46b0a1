//! Connections: timeouts, limits and shutdown.

use std::time::{Duration, Instant};

use sync_history::{
    auth::{AuthSettings, Scopes},
    config::Limits,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};

use crate::{
    authentication::create_key,
    support::{
        Options, Process, Sqlite, TestServer, code, json, rstest, socket::Socket, wait_until,
    },
};

const INCOMPLETE_LINE: &str = "GET /livez HT";
const INCOMPLETE_HEADERS: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\nx: ";
const INCOMPLETE_BODY: &str = "POST /graphql HTTP/1.1\r\nhost: localhost\r\n\
    content-type: application/json\r\ncontent-length: 100000\r\n\r\n{\"query\": \"";
const COMPLETE: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";

const QUERY: &str =
    "GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n";

/// Longer than [`short_timeouts`], shorter than the default timeouts.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Timeouts that a test can wait for.
fn short_timeouts() -> Limits {
    let mut limits = Limits::default();
    limits.http.header_timeout = Duration::from_millis(800);
    limits.http.body_timeout = Duration::from_millis(800);
    limits.http.init_timeout = Duration::from_millis(800);
    limits.http.shutdown_read_timeout = Duration::from_millis(300);
    limits
}

async fn start(limits: Limits) -> TestServer {
    TestServer::start_with(Sqlite, limits).await
}

/// Opens a connection and sends this.
async fn connect(server: &TestServer, sent: &str) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(sent.as_bytes()).await.unwrap();
    connection
}

/// Reads until the server closes the connection, and sends `filler` every 100 ms meanwhile.
async fn read_to_end(mut connection: TcpStream, filler: Option<u8>) -> String {
    let mut received = Vec::new();
    let mut interval = time::interval(Duration::from_millis(100));
    loop {
        let mut buffer = [0; 1024];
        tokio::select! {
            read = connection.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return String::from_utf8(received).unwrap(),
                Ok(read) => received.extend_from_slice(&buffer[..read]),
            },
            _ = interval.tick(), if filler.is_some() => {
                // An error here is followed by one of `read`.
                let _ = connection.write_all(&[filler.unwrap_or_default()]).await;
            }
        }
    }
}

/// Reads the status line and headers of the next response; `None` if the connection is closed.
async fn read_head(connection: &mut TcpStream) -> Option<String> {
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        received.push(connection.read_u8().await.ok()?);
    }
    Some(String::from_utf8(received).unwrap())
}

/// Sends queries until it is aborted; each must be answered within 2 s.
async fn send_queries(url: String) {
    let client = reqwest::Client::new();
    loop {
        let post = client
            .post(format!("{url}/graphql"))
            .timeout(Duration::from_secs(2))
            .json(&json!({"query": "{ syncRuns { totalCount } }"}));
        assert_eq!(post.send().await.unwrap().status(), 200);
    }
}

#[rstest]
#[case::silent("", None)]
#[case::incomplete_line(INCOMPLETE_LINE, None)]
#[case::slow_headers(INCOMPLETE_HEADERS, Some(b'x'))]
#[case::slow_body(INCOMPLETE_BODY, Some(b' '))]
#[tokio::test]
async fn slow_requests_time_out_without_blocking_others(
    #[case] sent: &'static str,
    #[case] filler: Option<u8>,
) {
    let server = start(short_timeouts()).await;
    let client = tokio::spawn(send_queries(server.url.clone()));
    let mut connections = JoinSet::new();
    for _ in 0..200 {
        let connection = connect(&server, sent).await;
        connections.spawn(time::timeout(TIMEOUT, read_to_end(connection, filler)));
    }
    while let Some(connection) = connections.join_next().await {
        let received = connection.unwrap().expect("still connected");
        let has_response = sent == INCOMPLETE_BODY;
        assert_eq!(
            received.starts_with("HTTP/1.1 408"),
            has_response,
            "{received}"
        );
    }
    assert!(!client.is_finished());
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn sockets_without_connection_init_time_out_without_blocking_others() {
    let server = start(short_timeouts()).await;
    let client = tokio::spawn(send_queries(server.url.clone()));
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(Socket::connect(&server.url, None).await);
    }
    let codes = futures_util::future::join_all(sockets.iter_mut().map(Socket::close_code));
    let codes = time::timeout(TIMEOUT, codes)
        .await
        .expect("still connected");
    assert_eq!(codes, vec![4408; 100]);
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn the_idle_timeout_is_longer_than_the_request_timeout() {
    let server = start(short_timeouts()).await;
    let mut connection = connect(&server, COMPLETE).await;
    for _ in 0..2 {
        assert!(read_head(&mut connection).await.unwrap().contains("200 OK"));
        connection.read_exact(&mut [0; 18]).await.unwrap();
        // Longer than the request timeout, shorter than the idle timeout.
        time::sleep(Duration::from_millis(1600)).await;
        connection.write_all(COMPLETE.as_bytes()).await.unwrap();
    }
    read_head(&mut connection).await.unwrap();
    connection
        .write_all(INCOMPLETE_HEADERS.as_bytes())
        .await
        .unwrap();
    let ended = time::timeout(TIMEOUT, read_to_end(connection, Some(b'x'))).await;
    assert!(ended.is_ok(), "still connected");
}

#[tokio::test]
async fn idle_connections_time_out() {
    let mut limits = short_timeouts();
    limits.http.idle_timeout = Duration::from_secs(1);
    let server = start(limits).await;
    let connection = connect(&server, COMPLETE).await;
    let received = time::timeout(TIMEOUT, read_to_end(connection, None)).await;
    assert!(received.expect("still connected").contains("200 OK"));
}

#[tokio::test]
async fn oversized_request_headers_are_rejected() {
    let server = start(Limits::default()).await;
    let many = "x: y\r\n".repeat(200);
    let long = "y".repeat(100_000);
    for headers in [many, format!("x: {long}\r\n")] {
        let request = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        let mut connection = connect(&server, &request).await;
        let head = read_head(&mut connection).await.unwrap();
        assert!(head.contains("431"), "{head}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_receive_503_until_one_is_free() {
    let mut limits = Limits::default();
    limits.http.max_connections = 2;
    let server = start(limits).await;
    let (_, reader) = create_key(&server, "read").await;
    let (_, worker) = create_key(&server, "report").await;
    let _open = open_socket(&server, &reader).await;
    let socket = open_socket(&server, &worker).await;
    for _ in 0..3 {
        let rejected = connect(&server, COMPLETE).await;
        let received = time::timeout(TIMEOUT, read_to_end(rejected, None)).await;
        let received = received.expect("still connected");
        assert!(received.contains("503") && received.contains("retry-after"));
        assert!(received.ends_with("\r\n\r\nall connections are in use\r\n"));
    }
    drop(socket);
    wait_until("a connection is free", async || {
        server.get("/livez").await.status() == 200
    })
    .await;
}

/// Opens a socket with a key.
async fn open_socket(server: &TestServer, key: &str) -> Socket {
    Socket::open_with(&server.url, json!({"authorization": key})).await
}

/// Starts a server on which unauthenticated clients have no scope.
async fn start_restricted(limits: Limits) -> TestServer {
    let options = Options {
        limits,
        auth: AuthSettings {
            anonymous_scopes: Some(Scopes::default()),
            ..AuthSettings::default()
        },
        ..Options::default()
    };
    TestServer::start_with(Sqlite, options).await
}

#[tokio::test]
async fn sockets_of_clients_without_a_scope_are_closed() {
    let server = start_restricted(Limits::default()).await;
    for init in [
        json!({"type": "connection_init"}),
        json!({"type": "connection_init", "payload": {"headers": {}}}),
    ] {
        let mut socket = Socket::connect(&server.url, None).await;
        socket.send(&init).await;
        assert_eq!(socket.close_code().await, 4401);
    }
    let (_, key) = create_key(&server, "report").await;
    open_socket(&server, &key).await;
    // Requests are answered, by error.
    let error = server.error("{ syncRuns { totalCount } }", json!({})).await;
    assert_eq!(code(&error), "UNAUTHENTICATED");
    let watch = json!({"query": "subscription { syncRunChanged { status } }"});
    let events = server.post("text/event-stream", watch.to_string()).await;
    let events = events.text().await.unwrap();
    assert!(events.contains("UNAUTHENTICATED"), "{events}");
}

/// What clients without a scope do with their connections.
#[derive(Clone, Copy)]
enum Attack {
    /// They send this, and nothing more.
    Sends(&'static str),
    /// They open a socket, and do not initialise it.
    OpensSocket,
}

#[rstest]
#[case::idle(Attack::Sends(""))]
#[case::slow(Attack::Sends(INCOMPLETE_HEADERS))]
#[case::slow_body(Attack::Sends(INCOMPLETE_BODY))]
#[case::idle_after_a_request(Attack::Sends(COMPLETE))]
#[case::idle_after_a_query(Attack::Sends(QUERY))]
#[case::socket(Attack::OpensSocket)]
#[tokio::test]
async fn clients_without_a_scope_do_not_take_all_connections(#[case] attack: Attack) {
    let mut limits = Limits::default();
    limits.http.max_connections = 20;
    let server = start_restricted(limits).await;
    let (_, key) = create_key(&server, "admin").await;
    let mut subscriber = open_socket(&server, &key).await;
    let watch = "subscription { syncRunChanged { status } }";
    subscriber.subscribe(watch, json!({})).await;
    let mut connections = Vec::new();
    let mut sockets = Vec::new();
    for number in 0..200 {
        match attack {
            Attack::Sends(text) => connections.push(connect(&server, text).await),
            Attack::OpensSocket => sockets.push(Socket::connect(&server.url, None).await),
        }
        if number % 10 == 0 {
            // On a connection of its own.
            let client = reqwest::Client::new();
            let create =
                "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { replayed } }";
            let request = client.post(format!("{}/graphql", server.url));
            let request = request.bearer_auth(&key).json(&json!({"query": create}));
            assert_eq!(request.send().await.unwrap().status(), 200);
            assert_eq!(
                subscriber.data().await["syncRunChanged"]["status"],
                "PENDING"
            );
        }
    }
}

#[tokio::test]
async fn a_thousand_subscribers_of_one_address_are_served() {
    let server = start(Limits::default()).await;
    let watch = "subscription { syncRunChanged { status } }";
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        sockets.push(server.subscribe(watch, json!({})).await);
    }
    server.create_stock_run().await;
    for socket in &mut sockets {
        assert_eq!(socket.data().await["syncRunChanged"]["status"], "PENDING");
    }
}

/// Depends on `TCP_USER_TIMEOUT`, which Linux has.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_never_reads_is_disconnected() {
    let mut limits = Limits::default();
    limits.http.max_connections = 1;
    limits.http.tcp_user_timeout = Duration::from_secs(1);
    let server = start(limits).await;
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist/assets");
    let assets = std::fs::read_dir(assets).unwrap().map(Result::unwrap);
    let largest = assets.max_by_key(|file| file.metadata().unwrap().len());
    let path = format!("/assets/{}", largest.unwrap().file_name().display());
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    // Connections of clients without a scope make room for others.
    let mut stalled = connect(&server, QUERY).await;
    read_head(&mut stalled).await.unwrap();
    // Responses that exceed the socket buffers of both sides, up to 40 MB.
    let sent = stalled.write_all(request.repeat(300).as_bytes()).await;
    sent.unwrap();
    wait_until("all connections are in use", async || {
        server.get("/livez").await.status() == 503
    })
    .await;
    wait_until("the connection is free again", async || {
        server.get("/livez").await.status() == 200
    })
    .await;
    drop(stalled);
}

#[rstest]
#[tokio::test]
async fn incomplete_requests_do_not_delay_shutdown(
    #[values("", INCOMPLETE_LINE, INCOMPLETE_HEADERS, INCOMPLETE_BODY, COMPLETE)] sent: &str,
) {
    let mut limits = Limits::default();
    limits.http.shutdown_read_timeout = Duration::from_millis(300);
    let mut server = start(limits).await;
    let connection = connect(&server, sent).await;
    // The server runs on this test's only thread, so it reads what was sent before it responds here.
    for _ in 0..3 {
        server.get("/livez").await;
    }
    let stopping = Instant::now();
    server.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(3));
    let received = read_to_end(connection, None).await;
    assert_eq!(
        received.contains("408"),
        sent == INCOMPLETE_BODY,
        "{received}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_out_of_file_descriptors_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path());
    assert!(server.execute("{ __typename }").await.is_ok());
    let limited = std::process::Command::new("prlimit")
        .args(["--pid", &server.child.id().to_string(), "--nofile=40:40"])
        .status();
    assert!(limited.unwrap().success());
    let mut connections = Vec::new();
    for _ in 0..60 {
        connections.push(TcpStream::connect(server.address()).await.unwrap());
    }
    // Measures CPU time over a second, once the server has reached its limit.
    time::sleep(Duration::from_millis(200)).await;
    let before = server.cpu_time();
    time::sleep(Duration::from_secs(1)).await;
    let spent = server.cpu_time().saturating_sub(before);
    assert!(
        spent < Duration::from_millis(100),
        "the server spins: {spent:?}"
    );
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "the server has exited"
    );
    drop(connections);
    assert!(server.execute("{ syncRuns { totalCount } }").await.is_ok());
}
