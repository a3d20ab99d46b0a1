//! Cursors that no server has issued, with the right checksum.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use futures_util::future::join_all;
use tokio::time;

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const CHANGES: &str =
    "subscription($after: String) { syncRunChanged(after: $after) { run { id } } }";
const EVENTS: &str = "subscription($run: ID!, $after: String) {
    syncEventAdded(runId: $run, after: $after) { event { id } } }";
/// Subscriptions at a time.
const CONCURRENT: usize = 100;
/// Within which a failure is reported.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Returns the payload of a cursor, without its checksum.
fn payload(cursor: &Value) -> Vec<u8> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD
        .decode(cursor.as_str().unwrap())
        .unwrap();
    bytes.truncate(bytes.len() - 4);
    bytes
}

fn with_checksum(mut payload: Vec<u8>) -> String {
    let checksum = crc32fast::hash(&payload).to_le_bytes();
    payload.extend(checksum);
    BASE64_URL_SAFE_NO_PAD.encode(payload)
}

/// Returns payloads that differ from `original` in some bytes.
fn forgeries(original: &[u8]) -> Vec<Vec<u8>> {
    let mut forged = Vec::new();
    for index in 1..original.len() {
        let byte = original[index];
        for value in [
            0,
            1,
            2,
            0x7f,
            0x80,
            0xff,
            byte.wrapping_add(1),
            byte.wrapping_sub(1),
        ] {
            let mut payload = original.to_vec();
            payload[index] = value;
            forged.push(payload);
        }
        forged.push(original[..index].to_vec());
        let mut longer = original.to_vec();
        longer.insert(index, 0x85);
        forged.push(longer);
    }
    forged
}

/// Returns the code of the error that a subscription ends with; `None` if it goes on.
async fn outcome(server: &TestServer, query: &str, variables: Value) -> Option<String> {
    let mut socket = server.subscribe(query, variables).await;
    let message = time::timeout(TIMEOUT, socket.receive()).await.ok()?;
    (message["type"] == "error").then(|| code(&message["payload"][0]).to_owned())
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_forged_feed_cursor_never_fails_internally(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let message = json!([{"eventType": "note", "message": "x"}]);
    server.add_events(&run, message).await;
    let data = server
        .data("{ syncEvents(first: 1) { feedCursor } }", json!({}))
        .await;
    let cursors = [
        (CHANGES, server.feed_cursor().await),
        (EVENTS, data["syncEvents"]["feedCursor"].clone()),
    ];
    for (query, cursor) in cursors {
        let mut bad = 0;
        let forged = forgeries(&payload(&cursor));
        for forged in forged.chunks(CONCURRENT) {
            let outcomes = forged.iter().map(|payload| {
                let after = with_checksum(payload.clone());
                outcome(&server, query, json!({"run": run, "after": after}))
            });
            for (payload, outcome) in forged.iter().zip(join_all(outcomes).await) {
                match outcome.as_deref() {
                    Some("BAD_CURSOR") => bad += 1,
                    None | Some("CURSOR_EXPIRED") => {}
                    Some(code) => panic!("{code}: {payload:?}"),
                }
            }
        }
        assert!(bad > forged.len() / 10, "{bad} of {}", forged.len());
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_feed_cursor_with_an_impossible_snapshot_is_bad(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let original = payload(&server.feed_cursor().await);
    // The tag, the length of the feed's id, the id; then the kind of position: the other one.
    let mut other_kind = original.clone();
    other_kind[18] = 1 - other_kind[18];
    let mut forged = vec![other_kind];
    if database == DatabaseKind::Postgres {
        // A snapshot whose xmin is 0.
        let mut zero = original.clone();
        zero[19] = 0;
        forged.push(zero);
    }
    for payload in forged {
        let after = json!({"after": with_checksum(payload.clone())});
        let outcome = outcome(&server, CHANGES, after).await;
        assert_eq!(outcome.as_deref(), Some("BAD_CURSOR"), "{payload:?}");
    }
}
