//! Sends generated requests to a server in this process, on an SQLite file: a raw body, a document, a document with
//! variables, or a cursor for each argument that takes one. The response must be JSON without an internal
//! error.

#![no_main]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, LazyLock, Mutex},
};

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sync_history::{
    auth::{AuthSettings, Authenticator},
    clock::{Clock, SystemClock},
    config::Limits,
    db,
    feed::ChangeFeed,
    graphql::Executor,
    http::AppState,
    runs::Runs,
    server,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// A connection to a server in this process.
static CONNECTION: LazyLock<Mutex<(Runtime, BufReader<TcpStream>)>> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let address = runtime.block_on(start());
    let stream = TcpStream::connect(address).expect("a connection");
    Mutex::new((runtime, BufReader::new(stream)))
});

async fn start() -> SocketAddr {
    let directory = tempfile::tempdir().expect("a temporary directory").keep();
    let file = directory.join("sync-history.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let database = db::connect(&url).await.expect("a database");
    let clock = Arc::new(SystemClock::default());
    let limits = Limits::default();
    let runs = Runs::new(database.clone(), clock.clone(), limits.runs.clone());
    let feed = ChangeFeed::start(
        database.clone(),
        clock.new_id(),
        runs.change_signal(),
        limits.feed,
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let auth = Authenticator::open(
        database.clone(),
        clock.clone(),
        AuthSettings::default(),
        address,
    );
    let (feed, auth) = (
        feed.await.expect("a feed"),
        auth.await.expect("authentication"),
    );
    let graphql = Executor::new(runs, feed, limits.graphql);
    let state = AppState::new(database, auth, graphql, clock, limits.http);
    tokio::spawn(server::serve(listener, state, std::future::pending()));
    address
}

/// Sends a request body, and returns the response body.
fn post(connection: &mut BufReader<TcpStream>, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
        Content-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    connection.get_mut().write_all(&request).expect("a write");
    let mut length = 0;
    loop {
        let mut line = String::new();
        let read = connection.read_line(&mut line).expect("a response head");
        assert_ne!(read, 0, "the server closed the connection");
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().expect("a length"),
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).expect("a complete body");
    body
}

/// Maps the bytes of the fuzzer to a request body. The first byte selects the kind of the request.
fn request_body(data: &[u8]) -> Vec<u8> {
    let Some((kind, rest)) = data.split_first() else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(rest);
    let request = match kind % 4 {
        0 => return rest.to_vec(),
        1 => json!({"query": text}),
        2 => {
            let (variables, query) = text.split_once('\n').unwrap_or(("{}", &text));
            let variables: Value = serde_json::from_str(variables).unwrap_or_default();
            json!({"query": query, "variables": variables})
        }
        _ => json!({
            "query": "query($c: String) {
                a: syncRuns(after: $c) { totalCount } b: syncRuns(before: $c, last: 1) { totalCount }
                c: syncRuns(after: $c, orderBy: {field: DURATION}) { totalCount }
                d: syncEvents(after: $c) { totalCount } }",
            "variables": {"c": text},
        }),
    };
    request.to_string().into_bytes()
}

fuzz_target!(|data: &[u8]| {
    let mut connection = CONNECTION.lock().expect("the connection");
    let response = post(&mut connection.1, &request_body(data));
    let response: Value = serde_json::from_slice(&response).expect("a JSON body");
    for error in response["errors"].as_array().into_iter().flatten() {
        assert_ne!(error["extensions"]["code"], "INTERNAL", "{response}");
    }
});
