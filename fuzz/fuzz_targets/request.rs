//! Sends generated requests to the server, over a SQLite file: a raw body, a document, a document with
//! variables, or a cursor for each argument that takes one. The response must be JSON without an internal
//! error.

#![no_main]

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Body,
    http::{Request, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sync_history::{
    auth::{AuthSettings, Authenticator},
    clock::{Clock, SystemClock},
    config::Limits,
    db,
    feed::ChangeFeed,
    graphql::Executor,
    http::{self, AppState},
    runs::Runs,
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

static SERVER: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let router = runtime.block_on(router());
    (runtime, router)
});

async fn router() -> Router {
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
    let address = "127.0.0.1:80".parse().expect("an address");
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
    http::router(Arc::new(state), address)
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
    let (runtime, router) = &*SERVER;
    let request = Request::post("/graphql")
        .header(CONTENT_TYPE, "application/json")
        .header("host", "127.0.0.1")
        .body(Body::from(request_body(data)))
        .expect("a request");
    let response = runtime.block_on(async {
        let response = router.clone().oneshot(request).await;
        let body = response.expect("a response").into_body().collect().await;
        body.expect("a complete body").to_bytes()
    });
    let response: Value = serde_json::from_slice(&response).expect("a JSON body");
    for error in response["errors"].as_array().into_iter().flatten() {
        assert_ne!(error["extensions"]["code"], "INTERNAL", "{response}");
    }
});
