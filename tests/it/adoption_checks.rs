//! A database that cannot be used is rejected before anything is changed in it.

use sea_orm::ConnectionTrait;

use crate::support::{Cluster, Postgres, TestServer, code, database_name, json, sqlite_url};

/// All columns of the database's own tables, as text.
fn columns(cluster: &Cluster, database: &str) -> String {
    let query =
        "SELECT table_schema, table_name, column_name, udt_name FROM information_schema.columns
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3";
    cluster.psql(database, &["-c", query])
}

/// Connects a server, which fails, and returns the error's message.
async fn rejection(cluster: &Cluster, url: &str) -> String {
    let name = database_name(url);
    let before = columns(cluster, name);
    let error = sync_history::db::connect(url)
        .await
        .expect_err("the database was adopted");
    assert_eq!(columns(cluster, name), before, "{error}");
    error.to_string()
}

#[tokio::test]
async fn columns_that_do_not_work_are_named_on_postgres() {
    let cluster = Cluster::get();
    for (script, expected) in [
        (
            "ALTER TABLE sync_history.sync_history ALTER COLUMN started_at TYPE timestamp",
            "the column started_at of sync_history.sync_history is of type timestamp, not timestamptz: \
             ALTER TABLE \"sync_history\".\"sync_history\" ALTER COLUMN \"started_at\" TYPE timestamptz",
        ),
        (
            "ALTER TABLE sync_history.sync_history ALTER COLUMN records_processed TYPE bigint",
            "the column records_processed of sync_history.sync_history is of type int8, not int4",
        ),
        (
            "ALTER TABLE sync_history.sync_event ALTER COLUMN details TYPE text",
            "the column details of sync_history.sync_event is of type text, not json or jsonb",
        ),
        (
            "CREATE TYPE word AS ENUM ('as400', 'filemaker', 'api', 'file', 'external');
            ALTER TABLE sync_history.sync_history ALTER COLUMN source TYPE word USING source::text::word",
            "the column source of sync_history.sync_history is of type word, not text or varchar",
        ),
        (
            "ALTER TABLE sync_history.sync_history DROP COLUMN error_message",
            "the column error_message of sync_history.sync_history is missing: \
             ALTER TABLE \"sync_history\".\"sync_history\" ADD COLUMN \"error_message\" text",
        ),
        (
            "ALTER TABLE sync_history.sync_history ADD COLUMN version text",
            "the column version of sync_history.sync_history is of type text, not int4",
        ),
        (
            "ALTER TABLE \"user\".\"user\" ALTER COLUMN full_name TYPE bytea USING ''",
            "the column full_name of user.user is of type bytea",
        ),
        (
            "ALTER TABLE sync_history.sync_history ALTER COLUMN records_failed DROP NOT NULL",
            "the column records_failed of sync_history.sync_history accepts NULL: \
             ALTER TABLE \"sync_history\".\"sync_history\" ALTER COLUMN \"records_failed\" SET NOT NULL",
        ),
        (
            "ALTER TABLE sync_history.sync_event DROP COLUMN message,
                ADD COLUMN message text GENERATED ALWAYS AS (event_type) STORED NOT NULL",
            "the column message of sync_history.sync_event is generated, but the server writes it",
        ),
        (
            "ALTER TABLE sync_history.sync_history DROP COLUMN sync_duration, ADD COLUMN sync_duration double precision
                GENERATED ALWAYS AS (extract(epoch FROM completed_at - started_at)) STORED",
            "ALTER COLUMN \"sync_duration\" DROP EXPRESSION",
        ),
        (
            "ALTER TABLE sync_history.sync_history ADD COLUMN tenant integer NOT NULL DEFAULT 1;
            ALTER TABLE sync_history.sync_history ALTER COLUMN tenant DROP DEFAULT",
            "the column tenant of sync_history.sync_history, which this server does not know, is mandatory",
        ),
        (
            "CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            ALTER TABLE sync_history.sync_history ALTER COLUMN status TYPE text COLLATE ignoring_case",
            "the column status of sync_history.sync_history has a nondeterministic collation",
        ),
        (
            "ALTER TABLE sync_history.sync_event DROP CONSTRAINT sync_event_pkey",
            "the column id of sync_history.sync_event has no unique index: \
             ALTER TABLE \"sync_history\".\"sync_event\" ADD PRIMARY KEY (\"id\")",
        ),
        (
            "ALTER TABLE sync_history.sync_event ADD COLUMN seq bigint",
            "the column seq of sync_history.sync_event exists already, which this server adds: \
             ALTER TABLE \"sync_history\".\"sync_event\" RENAME COLUMN \"seq\" TO \"other_seq\"",
        ),
        (
            "ALTER TABLE sync_history.sync_history ADD COLUMN version integer NOT NULL DEFAULT 0;
            ALTER TABLE sync_history.sync_history ALTER COLUMN version DROP DEFAULT",
            "the column version of sync_history.sync_history has no default",
        ),
        (
            "CREATE TABLE sync_history.sync_change (id integer)",
            "the table sync_history.sync_change exists already, which this server creates: rename it",
        ),
        (
            "ALTER TABLE sync_history.sync_event RENAME TO events;
            CREATE VIEW sync_history.sync_event AS SELECT * FROM sync_history.events",
            "sync_history.sync_event is no ordinary table",
        ),
    ] {
        let url = cluster.existing_database().await;
        cluster.psql(database_name(&url), &["-c", script]);
        let message = rejection(cluster, &url).await;
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn all_problems_are_named_at_once_on_postgres() {
    let cluster = Cluster::get();
    let url = cluster
        .empty_database_with("ENCODING 'LATIN1' LOCALE 'C'")
        .await;
    let script = "CREATE SCHEMA sync_history;
        CREATE TABLE sync_history.sync_event (id text, sync_id uuid, event_type text, \"timestamp\" timestamptz,
            message text)";
    cluster.psql(database_name(&url), &["-c", script]);
    let message = rejection(cluster, &url).await;
    for expected in [
        "the encoding of the database is LATIN1",
        "the column id of sync_history.sync_event is of type text, not uuid",
        "the column details of sync_history.sync_event is missing",
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_role_that_does_not_own_the_tables_is_rejected_on_postgres() {
    let cluster = Cluster::get();
    let url = cluster.existing_database().await;
    let script = "DO $$ BEGIN CREATE ROLE stranger LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
        GRANT USAGE ON SCHEMA sync_history, \"user\" TO stranger;
        GRANT ALL ON ALL TABLES IN SCHEMA sync_history TO stranger;";
    cluster.psql(database_name(&url), &["-c", script]);
    let message = rejection(cluster, &url.replace("postgres@", "stranger@")).await;
    for expected in [
        "the table sync_history.sync_history belongs to postgres, and only its owner can add columns and triggers: \
         run `sync-history migrate` as postgres, or GRANT postgres TO stranger",
        "the table sync_history.sync_event belongs to postgres",
        "the role stranger lacks a privilege on user.user: GRANT SELECT ON \"user\".\"user\" TO stranger",
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn privileges_on_schemas_are_checked_on_postgres() {
    let cluster = Cluster::get();
    let role = "DO $$ BEGIN CREATE ROLE newcomer LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;";
    for (script, expected) in [
        (
            "REVOKE CREATE ON DATABASE",
            "the role newcomer may not create the schema \"sync_history\": GRANT CREATE ON DATABASE",
        ),
        (
            "CREATE SCHEMA sync_history; REVOKE CREATE ON DATABASE",
            "the role newcomer may not use the schema \"sync_history\": GRANT USAGE ON SCHEMA \"sync_history\" TO newcomer",
        ),
        (
            "CREATE SCHEMA sync_history; GRANT USAGE ON SCHEMA sync_history TO newcomer; REVOKE CREATE ON DATABASE",
            "the role newcomer may not create tables in the schema \"sync_history\": GRANT CREATE ON SCHEMA",
        ),
        (
            "CREATE SCHEMA \"user\"; CREATE TABLE \"user\".\"user\" (id uuid PRIMARY KEY, email text, full_name text);
            GRANT USAGE ON SCHEMA \"user\" TO newcomer; GRANT SELECT ON \"user\".\"user\" TO newcomer;
            REVOKE CREATE ON DATABASE",
            "the role newcomer lacks a privilege on user.user: GRANT REFERENCES ON \"user\".\"user\" TO newcomer",
        ),
    ] {
        let url = cluster.empty_database().await;
        let name = database_name(&url);
        let script = format!("{role} {script} {name} FROM newcomer");
        cluster.psql(name, &["-c", &script]);
        let message = rejection(cluster, &url.replace("postgres@", "newcomer@")).await;
        assert!(message.contains(expected), "{message}");
    }
}

/// What others have changed since is logged; the server serves what it can.
#[tokio::test]
async fn a_migrated_database_whose_columns_were_changed_is_served_on_postgres() {
    let mut server = TestServer::start_on_existing_database().await;
    server.stop().await;
    let script = "ALTER TABLE sync_history.sync_history ALTER COLUMN records_processed TYPE bigint,
            ALTER COLUMN records_created DROP NOT NULL, ALTER COLUMN error_message TYPE varchar(2000);
        ALTER TABLE sync_history.sync_event ALTER COLUMN message DROP NOT NULL,
            ALTER COLUMN event_type DROP NOT NULL, ALTER COLUMN \"timestamp\" DROP NOT NULL";
    server.execute_sql(script).await;
    let server = TestServer::open(server.database_url.clone()).await;
    assert_eq!(server.count_runs().await, 1376);
    let run = server.create_stock_run().await;
    server
        .add_events(&run, json!([{"eventType": "a", "message": "b"}]))
        .await;
    server
        .execute_sql(&format!(
            "UPDATE sync_history.sync_event SET message = NULL, event_type = NULL WHERE sync_id = '{run}'"
        ))
        .await;
    let completed = server
        .complete_run(&run, json!({"counts": {"recordsProcessed": 7}}))
        .await;
    let run = &completed["data"]["completeSyncRun"]["run"];
    assert_eq!(
        (&run["status"], &run["recordsProcessed"]),
        (&json!("COMPLETED"), &json!(7))
    );
    let lists = "{ syncRuns(first: 1) { nodes { events { nodes { eventType message } } } }
        syncEvents(first: 1) { nodes { eventType message } } }";
    let events = json!({"nodes": [{"eventType": "", "message": ""}]});
    assert_eq!(
        server.data(lists, json!({})).await,
        json!({"syncRuns": {"nodes": [{"events": events}]}, "syncEvents": events})
    );
}

/// A statement that was prepared before fails once; then the server prepares it again.
#[tokio::test]
async fn a_column_is_changed_while_the_server_runs_on_postgres() {
    let server = TestServer::start(Postgres).await;
    server.create_stock_run().await;
    let list = "{ syncRuns { nodes { recordsProcessed } } }";
    let expected = json!({"data": {"syncRuns": {"nodes": [{"recordsProcessed": 0}]}}});
    for _ in 0..3 {
        assert_eq!(server.execute(list, json!({})).await, expected);
    }
    let alter = "ALTER TABLE sync_history.sync_history ALTER COLUMN records_processed TYPE bigint";
    server.execute_sql(alter).await;
    let response = server.execute(list, json!({})).await;
    if response != expected {
        assert_eq!(code(&response["errors"][0]), "UNAVAILABLE", "{response}");
        assert_eq!(server.execute(list, json!({})).await, expected);
    }
}

/// Returns the error of opening an SQLite file with these statements executed, which leaves it as it is.
async fn rejected_file(sql: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let connection = sea_orm::Database::connect(&url).await.unwrap();
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
    let path = folder.path().join("sync-history.db");
    let before = std::fs::read(&path).unwrap();
    let error = sync_history::db::connect(&url).await;
    let error = error.expect_err("the file was adopted");
    assert!(std::fs::read(&path).unwrap() == before, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_file_of_another_program_is_rejected_on_sqlite() {
    for (sql, table) in [
        ("CREATE TABLE user (id integer PRIMARY KEY)", "user"),
        (
            "CREATE TABLE sync_history (id text, started_at real)",
            "sync_history",
        ),
        (
            "CREATE TABLE seaql_migrations (version text, applied_at integer);
            INSERT INTO seaql_migrations VALUES ('m1_other', 1); CREATE TABLE user (id text)",
            "user",
        ),
    ] {
        let message = rejected_file(sql).await;
        let expected =
            format!("another program has created the table {table} in the file: use another file");
        assert!(message.contains(&expected), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync-history.db");
    std::fs::write(
        &path,
        "no database at all, but long enough to have a header".repeat(20),
    )
    .unwrap();
    let error = sync_history::db::connect(&sqlite_url(&folder)).await;
    let message = error.expect_err("the file was opened").to_string();
    assert!(message.contains("file is not a database"), "{message}");
}

/// A domain works like the type that it is based on, and `jsonb` like `json`.
#[tokio::test]
async fn domains_and_jsonb_are_adopted_on_postgres() {
    let cluster = Cluster::get();
    let url = cluster.existing_database().await;
    let script = "CREATE DOMAIN public.word AS varchar(50); CREATE DOMAIN public.phrase AS word CHECK (VALUE <> 'x');
        CREATE DOMAIN public.instant AS timestamptz; CREATE DOMAIN public.key AS uuid;
        ALTER TABLE sync_history.sync_history ALTER COLUMN status TYPE word, ALTER COLUMN source TYPE phrase,
            ALTER COLUMN started_at TYPE instant, ALTER COLUMN details TYPE jsonb USING details::jsonb;
        ALTER TABLE sync_history.sync_event ALTER COLUMN details TYPE jsonb USING details::jsonb,
            ALTER COLUMN event_type TYPE word, ALTER COLUMN \"timestamp\" TYPE instant, ALTER COLUMN id TYPE key,
            ALTER COLUMN message TYPE phrase USING left(message, 50)";
    cluster.psql(database_name(&url), &["-c", script]);
    let server = TestServer::open(url).await;
    let run = server
        .create_run(json!({"entityType": "STOCK", "source": "API", "details": {"a": 1}}))
        .await;
    server
        .add_events(
            &run,
            json!([{"eventType": "a", "message": "b", "details": {"c": 2}}]),
        )
        .await;
    let completed = server
        .complete_run(&run, json!({"details": {"b": 2}}))
        .await;
    let run = &completed["data"]["completeSyncRun"]["run"];
    assert_eq!(
        (&run["status"], &run["details"]),
        (&json!("COMPLETED"), &json!({"a": 1, "b": 2}))
    );
    let lists = "{ syncRuns(filter: {status: COMPLETED, source: API}, first: 1) { nodes { details events { nodes { details } } } }
        syncEvents(filter: {eventType: \"a\"}) { nodes { details } } }";
    let events = json!({"nodes": [{"details": {"c": 2}}]});
    assert_eq!(
        server.data(lists, json!({})).await,
        json!({"syncRuns": {"nodes": [{"details": {"a": 1, "b": 2}, "events": events}]}, "syncEvents": events})
    );
}
