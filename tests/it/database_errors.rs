//! Errors of the database, as clients receive them: `INTERNAL` means a defect of the server, nothing else.

use crate::support::{
    Cluster, DatabaseKind, Postgres, Sqlite, TestServer, Value, apply, code, database_name, json,
    on_both_databases,
};

const CREATE: &str =
    "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { id } } }";
const PROGRESS: &str = "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }";
const ADD: &str =
    "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }";
const COMPLETE: &str =
    "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { replayed } }";

/// Another application's rule, a call that violates it, and what the error says.
type Case = (&'static str, &'static str, fn(&str) -> Value, &'static str);

const ON_POSTGRES: &[Case] = &[
    (
        "ALTER TABLE sync_history.sync_history ADD CONSTRAINT few CHECK (records_processed < 100)",
        PROGRESS,
        |run| json!({"runId": run, "counts": {"recordsProcessed": 200}}),
        "check constraint \"few\"",
    ),
    (
        "ALTER TABLE sync_history.sync_history ALTER COLUMN error_message TYPE varchar(10)",
        COMPLETE,
        |run| json!({"runId": run, "status": "FAILED", "errorMessage": "more than ten characters"}),
        "errorMessage is too long: value too long for type character varying(10)",
    ),
    (
        "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not on Sundays''; END';
        CREATE TRIGGER rest BEFORE INSERT ON sync_history.sync_event FOR EACH ROW EXECUTE FUNCTION rest()",
        ADD,
        |run| json!({"runId": run, "event": {"eventType": "a", "message": "b"}}),
        "not on Sundays",
    ),
    (
        "CREATE UNIQUE INDEX one_per_source ON sync_history.sync_history (source)",
        CREATE,
        |_| json!({"entityType": "STOCK", "source": "AS400"}),
        "one_per_source",
    ),
    (
        "CREATE UNIQUE INDEX one_per_type ON sync_history.sync_event (event_type);
        INSERT INTO sync_history.sync_event (id, sync_id, event_type, message)
            SELECT gen_random_uuid(), id, 'taken', 'x' FROM sync_history.sync_history",
        ADD,
        |run| json!({"runId": run, "event": {"eventType": "taken", "message": "b"}}),
        "one_per_type",
    ),
];

const ON_SQLITE: &[Case] = &[
    (
        "CREATE TRIGGER rest BEFORE INSERT ON sync_event BEGIN SELECT RAISE(ABORT, 'not on Sundays'); END",
        ADD,
        |run| json!({"runId": run, "event": {"eventType": "a", "message": "b"}}),
        "not on Sundays",
    ),
    (
        "CREATE UNIQUE INDEX one_per_source ON sync_history (source)",
        CREATE,
        |_| json!({"entityType": "STOCK", "source": "AS400"}),
        "sync_history.source",
    ),
];

#[apply(on_both_databases)]
#[tokio::test]
async fn a_value_that_the_database_rejects_is_bad_input(database: DatabaseKind) {
    let cases = match database {
        Postgres => ON_POSTGRES,
        Sqlite => ON_SQLITE,
    };
    for (rule, mutation, input, expected) in cases {
        let server = TestServer::start(database).await;
        let run = server.create_stock_run().await;
        server.execute_sql(rule).await;
        let error = server.error(mutation, json!({"input": input(&run)})).await;
        assert_eq!(code(&error), "BAD_INPUT", "{rule}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_missing_privilege_is_named_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let run = server.create_stock_run().await;
    let script = "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
        GRANT USAGE ON SCHEMA sync_history, \"user\" TO reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA sync_history, \"user\" TO reader;";
    Cluster::get().psql(database_name(&server.database_url), &["-c", script]);
    let url = server.database_url.replace("postgres@", "reader@");
    let server = TestServer::open(url).await;
    assert_eq!(server.count_runs().await, 1);
    for (mutation, input) in [
        (CREATE, json!({"entityType": "STOCK", "source": "AS400"})),
        (
            PROGRESS,
            json!({"runId": run, "counts": {"recordsProcessed": 1}}),
        ),
        (
            ADD,
            json!({"runId": run, "event": {"eventType": "a", "message": "b"}}),
        ),
        (COMPLETE, json!({"runId": run})),
    ] {
        let error = server.error(mutation, json!({"input": input})).await;
        assert_eq!(code(&error), "UNAVAILABLE", "{error}");
        // Until an operator has acted.
        assert_eq!(error["extensions"]["retryAfter"], 60, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with(
                "the server's role lacks a privilege: permission denied for table sync_"
            ),
            "{message}"
        );
    }
}

/// Another application changes the tables while the server runs.
#[apply(on_both_databases)]
#[tokio::test]
async fn tables_that_the_server_does_not_expect_are_no_internal_error(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let events = server.table("sync_event");
    let rename = format!("ALTER TABLE {events} RENAME TO others");
    server.execute_sql(&rename).await;
    let add = json!({"input": {"runId": run, "event": {"eventType": "a", "message": "b"}}});
    for (operation, variables) in [
        ("{ syncEvents { nodes { message } } }", json!({})),
        (ADD, add),
    ] {
        let error = server.error(operation, variables).await;
        assert_eq!(code(&error), "UNAVAILABLE", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with("the tables are not those that this server expects: ")
                && message.contains("sync_event"),
            "{message}"
        );
    }
    let restore = format!(
        "ALTER TABLE {} RENAME TO sync_event",
        server.table("others")
    );
    server.execute_sql(&restore).await;
    server
        .add_events(&run, json!([{"eventType": "a", "message": "b"}]))
        .await;
}

#[tokio::test]
async fn an_unknown_mandatory_column_is_no_internal_error_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let script = "ALTER TABLE sync_history.sync_history ADD COLUMN tenant integer NOT NULL";
    server.execute_sql(script).await;
    let error = server
        .error(
            CREATE,
            json!({"input": {"entityType": "STOCK", "source": "AS400"}}),
        )
        .await;
    assert_eq!(code(&error), "UNAVAILABLE", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("\"tenant\""), "{message}");
}
