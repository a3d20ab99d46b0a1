//! Stored values that the API cannot represent: their rows are served like any other, and say what is stored.

mod cases;
mod events;
mod keys;
mod lists;
mod runs;

use sea_orm::ConnectionTrait;

use crate::support::{DatabaseKind, Postgres, Sqlite, TestServer, json};
use cases::Case;

/// The id of the row with such a value.
const BAD: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// Starts a server with a database that accepts such values. New databases on SQLite do not.
async fn start(database: DatabaseKind) -> TestServer {
    match database {
        Postgres => TestServer::start(Postgres).await,
        Sqlite => {
            // Constraints are not added to tables that have rows.
            let user = "INSERT INTO \"user\" VALUES (randomblob(16), 'a@example.test', 'A')";
            TestServer::start_on_earlier_sqlite_database(9, user).await
        }
    }
}

fn ignore_foreign_keys(server: &TestServer) -> &'static str {
    if server.is_on_postgres() {
        ""
    } else {
        "PRAGMA foreign_keys = OFF;"
    }
}

async fn delete(server: &TestServer) {
    for (table, column) in [("sync_event", "sync_id"), ("sync_history", "id")] {
        let (table, id) = (server.table(table), server.id_literal(BAD));
        let sql = format!("DELETE FROM {table} WHERE {column} = {id}");
        server.execute_sql(&sql).await;
    }
}

#[tokio::test]
async fn a_user_with_a_text_that_cannot_be_represented_is_served_on_sqlite() {
    let server = start(Sqlite).await;
    let sql = format!(
        "INSERT INTO \"user\" VALUES ({}, x'61ff', CAST(x'62ff' AS text))",
        server.id_literal(BAD)
    );
    server.execute_sql(&sql).await;
    let input = json!({"entityType": "STOCK", "source": "AS400", "triggeredById": BAD});
    server.create_run(input).await;
    let user = json!({"email": "a\u{fffd}", "fullName": "b\u{fffd}"});
    let data = server
        .data(
            "{ syncRuns { nodes { triggeredBy { email fullName } } } }",
            json!({}),
        )
        .await;
    assert_eq!(data["syncRuns"]["nodes"][0]["triggeredBy"], user);
    let node = "query($id: ID!) { node(id: $id) { ... on User { email fullName } } }";
    assert_eq!(server.data(node, json!({"id": BAD})).await["node"], user);
}

#[tokio::test]
async fn a_new_sqlite_database_rejects_values_that_cannot_be_represented() {
    let server = TestServer::start(Sqlite).await;
    let connection = server.external_connection().await;
    for Case {
        column, literal, ..
    } in cases::of(Sqlite)
    {
        // SQLite does not validate the encoding of texts.
        if literal.starts_with("CAST") {
            continue;
        }
        let sql = format!(
            "INSERT INTO sync_history (id, entity_type, source, status, started_at, records_processed,
                records_created, records_updated, records_failed) VALUES ({}, 'stock', 'as400', 'pending',
                '2026-11-20T08:00:00+00:00', 0, 0, 0, 0);
            UPDATE sync_history SET {column} = {literal}",
            server.id_literal(BAD)
        );
        let inserted = connection.execute_unprepared(&sql).await;
        let error = inserted.expect_err(literal).to_string();
        assert!(
            error.contains("CHECK constraint failed"),
            "{column} = {literal}: {error}"
        );
        delete(&server).await;
    }
    for timestamp in [
        "2026-02-30T08:00:00+00:00",
        "2026-11-20T24:00:00+00:00",
        "now",
        "12:00",
    ] {
        let sql = format!(
            "INSERT INTO sync_event (id, sync_id, event_type, timestamp, message)
            VALUES (randomblob(16), randomblob(16), 'a', '{timestamp}', 'b')"
        );
        let inserted = connection.execute_unprepared(&sql).await;
        let error = inserted.expect_err(timestamp).to_string();
        assert!(error.contains("CHECK"), "{timestamp}: {error}");
    }
}
