//! The console and GraphiQL as they are served: paths, caching, compression, policies, and the base path.

use std::path::Path;

use reqwest::{Client, RequestBuilder, Response, redirect};
use sync_history::{config::Limits, http::OidcClient};

use crate::support::{Sqlite, TestServer, json, socket::Socket};

const SCREENS: [&str; 7] = [
    "/",
    "/runs",
    "/runs?status=failed",
    "/runs/0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f",
    "/failures",
    "/statistics",
    "/access",
];

async fn start_below(path: &str) -> TestServer {
    let mut limits = Limits::default();
    limits.http.base_path = path.parse().unwrap();
    TestServer::start_with(Sqlite, limits).await
}

/// A request without redirects and without decompression.
fn get(server: &TestServer, path: &str) -> RequestBuilder {
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_gzip()
        .no_brotli();
    client.build().unwrap().get(format!("{}{path}", server.url))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Returns the paths in the attributes `src` and `href` of a page.
fn links(html: &str) -> Vec<String> {
    let attributes = html
        .split(" src=\"")
        .flat_map(|part| part.split(" href=\""));
    let values = attributes.skip(1).filter_map(|rest| rest.split('"').next());
    values.map(str::to_owned).collect()
}

/// Returns the path of an asset of the build, with its size.
fn asset(prefix: &str) -> (String, u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist/assets");
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let file = files.into_iter().find(|file| {
        let name = file.file_name().into_string().unwrap();
        name.starts_with(prefix) && file.path().extension() == Some("js".as_ref())
    });
    let file = file.unwrap();
    let name = file.file_name().into_string().unwrap();
    (format!("/assets/{name}"), file.metadata().unwrap().len())
}

#[tokio::test]
async fn every_screen_has_a_path_that_serves_the_console() {
    let server = TestServer::start(Sqlite).await;
    for path in SCREENS {
        let response = get(&server, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let etag = header(&response, "etag").to_owned();
        let again = get(&server, path).header("if-none-match", &etag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{path}");
        let html = response.text().await.unwrap();
        let links = links(&html);
        assert!(links.len() >= 3, "{html}");
        for link in links {
            assert_eq!(server.get(&link).await.status(), 200, "{link}");
        }
        assert!(!html.contains("{{"), "a placeholder is left: {html}");
    }
    for path in [
        "/run",
        "/runs/",
        "/runs/1/2",
        "/index.html",
        "/graphiql.html",
        "/access/x",
        "/assets/",
        "/assets/../index.html",
        "/assets/index.html",
    ] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn assets_are_sent_precompressed_and_cached_for_good() {
    let server = TestServer::start(Sqlite).await;
    let (path, size) = asset("console-");
    let mut sizes = Vec::new();
    for (accepted, encoding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("BR;q=0.5", "br"),
        ("gzip, br;q=0", "gzip"),
        ("gzip", "gzip"),
        ("identity", ""),
    ] {
        let request = get(&server, &path).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        assert_eq!(
            header(&response, "content-encoding"),
            encoding,
            "{accepted}"
        );
        assert_eq!(header(&response, "vary"), "accept-encoding");
        assert_eq!(header(&response, "content-type"), "text/javascript");
        let caching = "public, max-age=31536000, immutable";
        assert_eq!(header(&response, "cache-control"), caching);
        sizes.push(response.bytes().await.unwrap().len() as u64);
    }
    assert_eq!(sizes[4], size);
    assert!(sizes[0] < size / 3 && sizes[2] < size * 2 / 5, "{sizes:?}");
    // The compressed forms are not files of their own.
    let form = get(&server, &format!("{path}.br")).send().await.unwrap();
    assert_eq!(form.status(), 404);
}

#[tokio::test]
async fn everything_is_served_below_the_base_path() {
    let server = start_below("/tools/sync/").await;
    for path in SCREENS
        .into_iter()
        .chain(["/graphiql", "/livez", "/readyz"])
    {
        let path = format!("/tools/sync{path}");
        let response = get(&server, &path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let html = response.text().await.unwrap();
        for link in links(&html) {
            assert!(link.starts_with("/tools/sync/"), "{link}");
            assert_eq!(server.get(&link).await.status(), 200, "{link}");
        }
    }
    let root = get(&server, "/tools/sync").send().await.unwrap();
    assert_eq!(root.status(), 308);
    assert_eq!(header(&root, "location"), "/tools/sync/");
    for path in [
        "/",
        "/graphql",
        "/graphiql",
        "/readyz",
        "/runs",
        "/tools",
        "/tools/sync/x",
    ] {
        let response = get(&server, path).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(
            response.text().await.unwrap(),
            "not found: the console is at /tools/sync/, the API at /tools/sync/graphql, its explorer \
             at /tools/sync/graphiql\n"
        );
    }
}

#[tokio::test]
async fn the_api_below_the_base_path_has_all_transports_and_is_protected() {
    let server = start_below("/sync").await;
    let query = json!({"query": "{ syncRuns { totalCount } }"});
    let url = format!("{}/sync/graphql", server.url);
    let post = || Client::new().post(&url).json(&query);
    let response: serde_json::Value = post().send().await.unwrap().json().await.unwrap();
    assert_eq!(response["data"]["syncRuns"]["totalCount"], 0);
    let foreign = post().header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let mut socket = Socket::open(&format!("{}/sync", server.url)).await;
    socket
        .subscribe("subscription { syncRunChanged { status } }", json!({}))
        .await;
    let create = json!({"query":
        "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { run { id } } }"});
    Client::new().post(&url).json(&create).send().await.unwrap();
    assert_eq!(socket.data().await["syncRunChanged"]["status"], "PENDING");
}

#[tokio::test]
async fn the_console_may_reach_the_issuer_at_which_people_sign_in() {
    let policy = async |limits| {
        let server = TestServer::start_with(Sqlite, limits).await;
        let console = get(&server, "/access").send().await.unwrap();
        let policy = header(&console, "content-security-policy").to_owned();
        (policy, console.text().await.unwrap())
    };
    let (without, html) = policy(Limits::default()).await;
    assert!(without.ends_with("connect-src 'self'"), "{without}");
    assert!(html.contains(r#"name="sync-history:oidc-client-id" content="""#));

    let mut limits = Limits::default();
    limits.http.oidc_client = Some(OidcClient {
        issuer: "https://login.example.com:8443/tenant".to_owned(),
        client_id: r#"a"><script>"#.to_owned(),
        audience: "sync-history".to_owned(),
        scope: "openid read".to_owned(),
    });
    let (with, html) = policy(limits).await;
    assert_eq!(with, format!("{without} https://login.example.com:8443"));
    assert!(html.contains(r#"content="https://login.example.com:8443/tenant""#));
    assert!(html.contains(r#"content="a&quot;>&lt;script>""#), "{html}");
}
