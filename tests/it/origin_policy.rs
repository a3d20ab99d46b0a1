//! Cross-origin requests of browsers.

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use sync_history::config::Limits;
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::support::{Process, Sqlite, TestServer, json, rstest};

const ALLOWED: &str = "https://admin.example";
const CREATE: &str =
    "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { replayed } }";
const LIST: &str = "/graphql?query=%7B__typename%7D";

async fn start() -> TestServer {
    let mut limits = Limits::default();
    limits.http.allowed_origins = vec![ALLOWED.parse().unwrap()];
    TestServer::start_with(Sqlite, limits).await
}

fn build_request(server: &TestServer, method: Method, path: &str) -> RequestBuilder {
    Client::new().request(method, format!("{}{path}", server.url))
}

fn create(server: &TestServer) -> RequestBuilder {
    build_request(server, Method::POST, "/graphql").json(&json!({"query": CREATE}))
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

async fn opens(server: &TestServer, name: &'static str, value: &str) -> bool {
    let url = format!("{}/graphql", server.url.replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    let protocol = "graphql-transport-ws".parse().unwrap();
    headers.insert("sec-websocket-protocol", protocol);
    headers.insert(name, value.parse().unwrap());
    connect_async(request).await.is_ok()
}

#[tokio::test]
async fn loopback_rejects_dns_rebinding_hosts() {
    let server = start().await;
    for (host, executed) in [
        ("evil.example", false),
        ("127.0.0.1.evil.example:8080", false),
        ("192.168.1.2", false),
        ("not a host", false),
        ("localhost:8080", true),
        ("sync-history.localhost", true),
        ("[::1]:8080", true),
        // The host of an allowed origin, as a local proxy forwards it.
        ("admin.example", true),
    ] {
        let before = server.count_runs().await;
        // To the browser, this is a same-origin request.
        let origin = format!("http://{host}");
        let request = create(&server)
            .header("host", host)
            .header("origin", origin);
        let status = send(request).await.status();
        let expected = if executed {
            StatusCode::OK
        } else {
            StatusCode::MISDIRECTED_REQUEST
        };
        assert_eq!(status, expected, "{host}");
        assert_eq!(server.count_runs().await != before, executed, "{host}");
        assert_eq!(opens(&server, "host", host).await, executed, "{host}");
        let page = build_request(&server, Method::GET, "/graphiql").header("host", host);
        assert_eq!(send(page).await.status(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_public_address_accepts_any_host() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(
        folder.path(),
        &["--listen", "0.0.0.0:0", "--anonymous", "read"].map(str::to_owned),
    );
    let url = format!("{}{LIST}", server.url);
    let request = Client::new()
        .get(url)
        .header("host", "sync-history.example");
    let own = request.header("origin", "https://sync-history.example");
    assert_eq!(send(own).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn cross_origin_requests_are_rejected_before_execution(
    #[values(
        "https://evil.example",
        "https://admin.example.evil.example",
        "http://admin.example",
        "https://admin.example:8443",
        "http://localhost:1",
        "null",
        "file://",
        ""
    )]
    origin: &str,
) {
    let server = start().await;
    let preflight = build_request(&server, Method::OPTIONS, "/graphql")
        .header("access-control-request-method", "POST");
    let query = build_request(&server, Method::GET, LIST);
    for request in [create(&server), query, preflight] {
        let rejected = send(request.header("origin", origin)).await;
        assert_eq!(rejected.status(), 403);
        let headers = rejected.headers();
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert_eq!(headers["vary"], "origin");
    }
    assert!(!opens(&server, "origin", origin).await);
    let two = create(&server)
        .header("origin", ALLOWED)
        .header("origin", origin);
    assert_eq!(send(two).await.status(), 403);
    assert_eq!(server.count_runs().await, 0);
}

#[tokio::test]
async fn embedded_cross_site_queries_are_rejected() {
    let server = start().await;
    for (site, status) in [
        ("cross-site", 403),
        ("same-site", 403),
        ("same-origin", 200),
        ("none", 200),
    ] {
        let request = build_request(&server, Method::GET, LIST).header("sec-fetch-site", site);
        assert_eq!(send(request).await.status(), status, "{site}");
    }
    // Links to GraphiQL are allowed.
    let linked =
        build_request(&server, Method::GET, "/graphiql").header("sec-fetch-site", "cross-site");
    assert_eq!(send(linked).await.status(), 200);
}

fn assert_readable(headers: &HeaderMap) {
    assert_eq!(headers["access-control-allow-origin"], ALLOWED);
    assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    assert!(headers.get_all("vary").iter().any(|vary| vary == "origin"));
    assert!(!headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn allowed_origins_send_requests_and_read_responses() {
    let server = start().await;
    let preflight = build_request(&server, Method::OPTIONS, "/graphql")
        .header("origin", ALLOWED)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let preflight = send(preflight).await;
    assert_eq!(preflight.status(), 200);
    assert_readable(preflight.headers());
    let headers = preflight.headers();
    assert_eq!(headers["access-control-allow-methods"], "GET,POST");
    let allowed = headers["access-control-allow-headers"].to_str().unwrap();
    for header in [
        "authorization",
        "content-type",
        "last-event-id",
        "x-request-id",
    ] {
        assert!(
            allowed.split(',').any(|allowed| allowed == header),
            "{allowed}"
        );
    }
    assert_eq!(headers["access-control-max-age"], "7200");
    let subscription = json!({"query": "subscription { syncRunChanged { status } }"});
    let events = build_request(&server, Method::POST, "/graphql")
        .header("accept", "text/event-stream")
        .json(&subscription);
    let text = build_request(&server, Method::POST, "/graphql").body("text");
    let put = build_request(&server, Method::PUT, "/graphql");
    let embedded = build_request(&server, Method::GET, LIST).header("sec-fetch-site", "cross-site");
    for (request, status) in [
        (create(&server), 200),
        (embedded, 200),
        (events, 200),
        (text, 415),
        (put, 405),
    ] {
        let response = send(request.header("origin", ALLOWED)).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(
            response.headers()["access-control-expose-headers"],
            "x-request-id,retry-after"
        );
        assert_readable(response.headers());
    }
    assert!(opens(&server, "origin", ALLOWED).await);
    assert_eq!(server.count_runs().await, 1);
}

#[tokio::test]
async fn several_origins_can_be_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--allow-origin",
        ALLOWED,
        "--allow-origin",
        "http://b.example:81",
    ];
    let server = Process::start_with(folder.path(), &arguments.map(str::to_owned));
    for (origin, status) in [
        (ALLOWED, 200),
        ("http://b.example:81", 200),
        ("http://b.example", 403),
    ] {
        let request = Client::new().get(format!("{}{LIST}", server.url));
        let response = send(request.header("origin", origin)).await;
        assert_eq!(response.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let server = start().await;
    for path in [
        LIST,
        "/graphql",
        "/",
        "/graphiql",
        "/livez",
        "/readyz",
        "/nothing",
    ] {
        let response = server.get(path).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let page = matches!(path, "/" | "/graphiql");
        let caching = if page { "no-cache" } else { "no-store" };
        assert_eq!(headers["cache-control"], caching, "{path}");
        assert_eq!(policy.contains("script-src 'self'"), page);
        // Monaco, the editor of GraphiQL, sets inline styles.
        assert_eq!(policy.contains("unsafe-inline"), path == "/graphiql");
    }
}

#[tokio::test]
async fn sockets_from_other_origins_are_rejected() {
    use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};
    let server = TestServer::start(Sqlite).await;
    let host = server.url.strip_prefix("http://").unwrap();
    for (origin, opens) in [
        (format!("http://{host}"), true),
        ("https://evil.example".to_owned(), false),
        ("null".to_owned(), false),
    ] {
        let mut request = format!("ws://{host}/graphql")
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().unwrap(),
        );
        headers.insert("origin", origin.parse().unwrap());
        assert_eq!(connect_async(request).await.is_ok(), opens, "{origin}");
    }
}
