//! Connections: who keeps one without using it, who comes when all are taken, and how they end.

use std::time::{Duration, Instant};

use sync_history::config::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};

use crate::support::{Process, Sqlite, TestServer, json, rstest, socket::Socket};

const HALF_A_LINE: &str = "GET /livez HT";
const HALF_A_HEAD: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\nx: ";
const HALF_A_BODY: &str = "POST /graphql HTTP/1.1\r\nhost: localhost\r\n\
    content-type: application/json\r\ncontent-length: 100000\r\n\r\n{\"query\": \"";
const WHOLE: &str = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Much longer than the short limits of these tests, much shorter than the usual ones.
const SOON: Duration = Duration::from_secs(4);

/// Limits so short that a test can wait for them.
fn short() -> Limits {
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

/// A connection on which this has been sent.
async fn connect(server: &TestServer, sent: &str) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(sent.as_bytes()).await.unwrap();
    connection
}

/// All that comes until the server closes, while a byte is sent now and then.
async fn outlast(mut connection: TcpStream, drip: Option<u8>) -> String {
    let mut heard = Vec::new();
    let mut drips = time::interval(Duration::from_millis(100));
    loop {
        let mut buffer = [0; 1024];
        tokio::select! {
            read = connection.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return String::from_utf8(heard).unwrap(),
                Ok(read) => heard.extend_from_slice(&buffer[..read]),
            },
            _ = drips.tick(), if drip.is_some() => {
                // One that is closed is heard to be.
                let _ = connection.write_all(&[drip.unwrap_or_default()]).await;
            }
        }
    }
}

/// The next answer's status and headers; none if the connection is closed.
async fn head(connection: &mut TcpStream) -> Option<String> {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(connection.read_u8().await.ok()?);
    }
    Some(String::from_utf8(heard).unwrap())
}

/// Asks as a worker does until it is aborted; each answer must come soon.
async fn work(url: String) {
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
#[case::half_a_line(HALF_A_LINE, None)]
#[case::dripping(HALF_A_HEAD, Some(b'x'))]
#[case::slow_body(HALF_A_BODY, Some(b' '))]
#[tokio::test]
async fn slow_requests_time_out_without_blocking_others(
    #[case] sent: &'static str,
    #[case] drip: Option<u8>,
) {
    let server = start(short()).await;
    let worker = tokio::spawn(work(server.url.clone()));
    let mut idlers = JoinSet::new();
    for _ in 0..200 {
        let connection = connect(&server, sent).await;
        idlers.spawn(time::timeout(SOON, outlast(connection, drip)));
    }
    while let Some(idler) = idlers.join_next().await {
        let heard = idler.unwrap().expect("still connected");
        let told = sent == HALF_A_BODY;
        assert_eq!(heard.starts_with("HTTP/1.1 408"), told, "{heard}");
    }
    assert!(!worker.is_finished());
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn sockets_without_connection_init_time_out_without_blocking_others() {
    let server = start(short()).await;
    let worker = tokio::spawn(work(server.url.clone()));
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(Socket::connect(&server.url, None).await);
    }
    let codes = futures_util::future::join_all(sockets.iter_mut().map(Socket::close_code));
    let codes = time::timeout(SOON, codes).await.expect("still connected");
    assert_eq!(codes, vec![4408; 100]);
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn the_idle_timeout_is_longer_than_the_request_timeout() {
    let server = start(short()).await;
    let mut connection = connect(&server, WHOLE).await;
    for _ in 0..2 {
        assert!(head(&mut connection).await.unwrap().contains("200 OK"));
        connection.read_exact(&mut [0; 18]).await.unwrap();
        time::sleep(Duration::from_millis(1600)).await;
        connection.write_all(WHOLE.as_bytes()).await.unwrap();
    }
    head(&mut connection).await.unwrap();
    connection.write_all(HALF_A_HEAD.as_bytes()).await.unwrap();
    let ended = time::timeout(SOON, outlast(connection, Some(b'x'))).await;
    assert!(ended.is_ok(), "still connected");
}

#[tokio::test]
async fn idle_connections_time_out() {
    let mut limits = short();
    limits.http.idle_timeout = Duration::from_secs(1);
    let server = start(limits).await;
    let connection = connect(&server, WHOLE).await;
    let heard = time::timeout(SOON, outlast(connection, None)).await;
    assert!(heard.expect("still connected").contains("200 OK"));
}

#[tokio::test]
async fn oversized_request_headers_are_rejected() {
    let server = start(Limits::default()).await;
    let many = "x: y\r\n".repeat(200);
    let long = "y".repeat(100_000);
    for headers in [many, format!("x: {long}\r\n")] {
        let request = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        let mut connection = connect(&server, &request).await;
        let head = head(&mut connection).await.unwrap();
        assert!(head.contains("431"), "{head}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_receive_503_until_one_is_free() {
    let mut limits = Limits::default();
    limits.http.max_connections = 2;
    let server = start(limits).await;
    let socket = Socket::open(&server.url).await;
    let _silent = connect(&server, "").await;
    for _ in 0..3 {
        let turned_away = connect(&server, WHOLE).await;
        let heard = time::timeout(SOON, outlast(turned_away, None)).await;
        let heard = heard.expect("still connected");
        assert!(heard.contains("503") && heard.contains("retry-after"));
        assert!(heard.ends_with("\r\n\r\nall connections are in use\r\n"));
    }
    drop(socket);
    let deadline = Instant::now() + SOON;
    while server.get("/livez").await.status() != 200 {
        assert!(Instant::now() < deadline, "the socket's place is not free");
        time::sleep(Duration::from_millis(20)).await;
    }
}

/// As far as the system notices: it does on Linux.
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
    let path = format!(
        "/graphiql/assets/{}",
        largest.unwrap().file_name().display()
    );
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    // More than the system takes in for both sides.
    let deaf = connect(&server, &request.repeat(30)).await;
    time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.get("/livez").await.status(), 503);
    let deadline = Instant::now() + Duration::from_secs(15);
    while server.get("/livez").await.status() != 200 {
        assert!(Instant::now() < deadline, "its place is not free");
        time::sleep(Duration::from_millis(100)).await;
    }
    drop(deaf);
}

#[rstest]
#[tokio::test]
async fn incomplete_requests_do_not_delay_shutdown(
    #[values("", HALF_A_LINE, HALF_A_HEAD, HALF_A_BODY, WHOLE)] sent: &str,
) {
    let mut limits = Limits::default();
    limits.http.shutdown_read_timeout = Duration::from_millis(300);
    let mut server = start(limits).await;
    let connection = connect(&server, sent).await;
    // So that the server has read what was sent.
    server.get("/livez").await;
    time::sleep(Duration::from_millis(100)).await;
    let stopping = Instant::now();
    server.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(3));
    let heard = outlast(connection, None).await;
    assert_eq!(heard.contains("408"), sent == HALF_A_BODY, "{heard}");
}

/// Processor time, in ticks of 10 ms.
#[cfg(target_os = "linux")]
fn ticks(server: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_out_of_file_descriptors_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path());
    assert!(server.execute("{ __typename }").await.is_ok());
    let lowered = std::process::Command::new("prlimit")
        .args(["--pid", &server.child.id().to_string(), "--nofile=40:40"])
        .status();
    assert!(lowered.unwrap().success());
    let mut connections = Vec::new();
    for _ in 0..60 {
        connections.push(TcpStream::connect(server.address()).await.unwrap());
    }
    time::sleep(Duration::from_millis(200)).await;
    let before = ticks(&server);
    time::sleep(Duration::from_secs(1)).await;
    let spent = ticks(&server) - before;
    assert!(spent < 10, "it spins: {spent} ticks");
    assert!(server.child.try_wait().unwrap().is_none(), "it has ended");
    drop(connections);
    assert!(server.execute("{ syncRuns { totalCount } }").await.is_ok());
}
