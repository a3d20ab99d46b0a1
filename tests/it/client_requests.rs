//! What existing clients, proxies and libraries expect of HTTP, besides the specification.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use reqwest::{Client, RequestBuilder, header::HeaderMap};
use sea_orm::ConnectionTrait;
use sync_history::config::Limits;

use crate::support::{Process, Sqlite, TestServer, Value, code, json, socket::Socket};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";
const ORIGIN: &str = "https://admin.example";

fn post(server: &TestServer, path: &str, body: &Value) -> RequestBuilder {
    Client::new()
        .post(format!("{}{path}", server.url))
        .json(body)
}

/// The client `gql` for Python looks the name up case-sensitively.
#[tokio::test]
async fn the_response_to_a_websocket_handshake_spells_its_header_as_the_specification_does() {
    let server = TestServer::start(Sqlite).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let head = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = format!(
            "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        String::from_utf8(head).unwrap()
    });
    let head = head.await.unwrap();
    assert!(
        head.contains("\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn requests_of_persisted_queries_are_answered_so_that_clients_send_the_query() {
    let server = TestServer::start(Sqlite).await;
    let hash = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";
    let persisted = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    for body in [
        json!({"extensions": persisted}),
        json!({"extensions": persisted, "query": null, "variables": {"a": 1}}),
        json!({"extensions": persisted, "query": "", "operationName": "Runs"}),
        json!({"documentId": format!("sha256:{hash}")}),
        json!({"doc_id": "1234", "variables": {}}),
    ] {
        for (accept, status) in [(JSON, 200), (GRAPHQL, 400)] {
            let response = server.post(accept, body.to_string()).await;
            assert_eq!(response.status(), status, "{body}");
            let response: Value = response.json().await.unwrap();
            let error = &response["errors"][0];
            assert_eq!(error["message"], "PersistedQueryNotSupported");
            assert_eq!(code(error), "PERSISTED_QUERY_NOT_SUPPORTED");
            assert!(response.get("data").is_none());
        }
        let mut socket = Socket::open(&server.url).await;
        socket
            .send(&json!({"type": "subscribe", "id": "1", "payload": body}))
            .await;
        let error = socket.receive().await;
        assert_eq!(error["type"], "error");
        assert_eq!(code(&error["payload"][0]), "PERSISTED_QUERY_NOT_SUPPORTED");
    }
    let url = reqwest::Url::parse_with_params(
        &format!("{}/graphql", server.url),
        [("extensions", persisted.to_string())],
    );
    let response = Client::new().get(url.unwrap()).send().await.unwrap();
    let response: Value = response.json().await.unwrap();
    assert_eq!(
        response["errors"][0]["message"],
        "PersistedQueryNotSupported"
    );
    // A request with both is executed.
    let both = json!({"extensions": persisted, "query": "{ __typename }"});
    let response = server.post(JSON, both.to_string()).await;
    let response: Value = response.json().await.unwrap();
    assert_eq!(response["data"]["__typename"], "Query");
}

#[tokio::test]
async fn an_empty_operation_name_is_none() {
    let server = TestServer::start(Sqlite).await;
    let body = json!({"query": "{ __typename }", "operationName": ""});
    let response = server.post(GRAPHQL, body.to_string()).await;
    assert_eq!(response.status(), 200);
    let mut socket = Socket::open(&server.url).await;
    socket
        .send(&json!({"type": "subscribe", "id": "1", "payload": body}))
        .await;
    assert_eq!(socket.receive().await["type"], "next");
}

#[tokio::test]
async fn the_api_is_also_served_with_a_slash_and_other_paths_say_where_it_is() {
    let mut limits = Limits::default();
    limits.http.allowed_origins = vec![ORIGIN.parse().unwrap()];
    let server = TestServer::start_with(Sqlite, limits).await;
    let body = json!({"query": "{ __typename }"});
    let response = post(&server, "/graphql/", &body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    // It is protected from other origins, too.
    let foreign = post(&server, "/graphql/", &body).header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let foreign = post(&server, "/graphql/", &body).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    for path in ["/api", "/graphql/x", "/assets/none.js", "/runs/1/2"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 404);
        let text = response.text().await.unwrap();
        assert_eq!(
            text,
            "not found: the console is at /, the API at /graphql, its explorer at /graphiql\n"
        );
    }
}

#[tokio::test]
async fn the_headers_of_common_clients_are_allowed_to_other_origins() {
    let mut limits = Limits::default();
    limits.http.allowed_origins = vec![ORIGIN.parse().unwrap()];
    limits.http.allowed_headers = vec!["x-tenant".parse().unwrap()];
    let server = TestServer::start_with(Sqlite, limits).await;
    let preflight = async |headers: &str| -> HeaderMap {
        let request = Client::new()
            .request(reqwest::Method::OPTIONS, format!("{}/graphql", server.url))
            .header("origin", ORIGIN)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", headers);
        request.send().await.unwrap().headers().clone()
    };
    for headers in [
        "apollographql-client-name,apollographql-client-version,content-type",
        "apollo-require-preflight,x-apollo-operation-name",
        "baggage,sentry-trace",
        "traceparent,tracestate",
        "x-tenant",
    ] {
        let allowed = &preflight(headers).await["access-control-allow-headers"];
        let allowed: Vec<_> = allowed.to_str().unwrap().split(',').collect();
        for header in headers.split(',') {
            assert!(allowed.contains(&header), "{header}: {allowed:?}");
        }
    }
}

#[tokio::test]
async fn large_responses_are_compressed_for_clients_that_ask() {
    let server = TestServer::start(Sqlite).await;
    for _ in 0..20 {
        server.create_stock_run().await;
    }
    let large =
        json!({"query": "{ syncRuns { nodes { id entityType source status startedAt } } }"});
    let small = json!({"query": "{ __typename }"});
    let plain = post(&server, "/graphql", &large).send().await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    let bytes = plain.bytes().await.unwrap().len();
    for (accepted, encoding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
    ] {
        let request = post(&server, "/graphql", &large).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], encoding);
        let vary = response.headers().get_all("vary").iter();
        let vary: Vec<_> = vary.map(|value| value.to_str().unwrap()).collect();
        assert!(vary.join(",").contains("accept-encoding"), "{vary:?}");
        let compressed = response.bytes().await.unwrap().len();
        assert!(compressed < bytes / 2, "{compressed} of {bytes}");
        let request = post(&server, "/graphql", &small).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        assert!(response.headers().get("content-encoding").is_none());
    }
    // Events must not wait for a compressor.
    let watch = json!({"query": "subscription { syncRunChanged { status } }"});
    let request = post(&server, "/graphql", &watch)
        .header("accept-encoding", "gzip")
        .header("accept", "text/event-stream");
    let stream = request.send().await.unwrap();
    assert!(stream.headers().get("content-encoding").is_none());
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
}

#[tokio::test]
async fn an_operation_that_was_not_executed_for_lack_of_the_database_is_503() {
    let mut limits = Limits::default();
    limits.graphql.operation_time = Duration::from_millis(200);
    let server = TestServer::start_with(Sqlite, limits).await;
    // Another writer holds the write lock.
    let other = server.external_connection().await;
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let create = "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { replayed } }";
    let body = json!({"query": create}).to_string();
    let response = server.post(GRAPHQL, body.clone()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let response: Value = response.json().await.unwrap();
    assert_eq!(code(&response["errors"][0]), "UNAVAILABLE");
    // Clients of the older media type expect 200.
    assert_eq!(server.post(JSON, body).await.status(), 200);
}

#[test]
fn allowed_headers_require_an_allowed_origin() {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::support::command(folder.path(), &["--allow-header", "x-tenant"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("--allow-origin"), "{message}");
    let _server = Process::start_with(
        folder.path(),
        &["--allow-header", "x-tenant", "--allow-origin", ORIGIN],
    );
}
