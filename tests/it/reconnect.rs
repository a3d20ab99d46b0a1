//! Clients and subscriptions recover from failures of the server and the database.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use crate::{
    clients::assert_npm_packages,
    support::{
        Cluster, DatabaseKind, Postgres, Process, Sqlite, TestServer, Value, apply, database_name,
        json, on_both_databases, rstest,
    },
};

/// A client in a process of its own, which prints the changes it receives.
struct Client {
    child: Child,
    changes: Receiver<String>,
    received: Vec<String>,
}

impl Client {
    /// Starts a client that tries these servers in turn, from the current feed cursor on.
    async fn open(transport: &str, servers: &[&Process]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        assert_npm_packages(&root);
        let response = servers[0]
            .execute("{ syncRuns(first: 1) { feedCursor } }")
            .await;
        let cursor = response.unwrap()["data"]["syncRuns"]["feedCursor"].clone();
        let mut child = Command::new("node")
            .args(["follow.mjs", transport, cursor.as_str().unwrap()])
            .args(servers.iter().map(|server| &server.url))
            .current_dir(root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, changes) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines {
                let _ = sender.send(line.unwrap());
            }
        });
        Self {
            child,
            changes,
            received: Vec::new(),
        }
    }

    /// Waits until the client has received as many changes as expected, and compares them.
    fn assert_received(&mut self, expected: &[String]) {
        while self.received.len() < expected.len() {
            let next = self.changes.recv_timeout(Duration::from_secs(30));
            self.received.push(next.unwrap_or_else(|_| {
                panic!(
                    "received {} of {} changes",
                    self.received.len(),
                    expected.len()
                )
            }));
        }
        self.received.extend(self.changes.try_iter());
        assert_eq!(self.received, expected);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Creates and completes a run, and appends the changes to `expected`.
async fn create_and_complete(server: &Process, expected: &mut Vec<String>) {
    let created = server
        .execute(
            "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }",
        )
        .await
        .unwrap();
    let id = id(&created["data"]["createSyncRun"]["run"]["id"]);
    let complete =
        format!("mutation {{ completeSyncRun(input: {{runId: \"{id}\"}}) {{ replayed }} }}");
    server.execute(&complete).await.unwrap();
    expected.extend([format!("{id} PENDING"), format!("{id} COMPLETED")]);
}

fn id(id: &Value) -> &str {
    id.as_str().unwrap()
}

fn database_url(database: DatabaseKind, url: Option<&String>) -> Vec<String> {
    match (database, url) {
        (Postgres, Some(url)) => vec!["--database-url".to_owned(), url.clone()],
        _ => Vec::new(),
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn clients_resume_after_a_server_restart(
    #[values("ws", "sse")] transport: &str,
    #[values("-KILL", "-TERM")] signal: &str,
    database: DatabaseKind,
) {
    let url = match database {
        Sqlite => None,
        Postgres => Some(Cluster::get().empty_database().await),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = database_url(database, url.as_ref());
    let mut server = Process::start_with(folder.path(), &arguments);
    arguments.extend(["--listen".to_owned(), server.address().to_owned()]);
    let mut client = Client::open(transport, &[&server]).await;
    let mut expected = Vec::new();
    for _ in 0..2 {
        create_and_complete(&server, &mut expected).await;
        client.assert_received(&expected);
        // The client may not receive these changes before the server stops.
        create_and_complete(&server, &mut expected).await;
        server.signal(signal);
        server.wait();
        server = Process::start_with(folder.path(), &arguments);
        create_and_complete(&server, &mut expected).await;
        client.assert_received(&expected);
    }
}

#[rstest]
#[tokio::test]
async fn clients_resume_at_another_replica_on_postgres(#[values("ws", "sse")] transport: &str) {
    let cluster = Cluster::get();
    let url = cluster.empty_database().await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = database_url(Postgres, Some(&url));
    let first = Process::start_with(folder.path(), &arguments);
    let second = Process::start_with(folder.path(), &arguments);
    let mut client = Client::open(transport, &[&first, &second]).await;
    let mut expected = Vec::new();
    create_and_complete(&second, &mut expected).await;
    client.assert_received(&expected);
    create_and_complete(&second, &mut expected).await;
    first.signal("-KILL");
    create_and_complete(&second, &mut expected).await;
    client.assert_received(&expected);
}

#[tokio::test]
async fn subscriptions_survive_a_database_outage_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let cluster = Cluster::get();
    let name = database_name(&server.database_url);
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { run { id } } }";
    let after = json!({"after": server.feed_cursor().await});
    let mut socket = server.subscribe(watch, after).await;
    let first = server.create_stock_run().await;
    assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], *first);

    let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    let cut =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    cluster.psql("postgres", &["-c", &close, "-c", &cut]);
    // The outage lasts for several poll intervals.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    cluster.psql("postgres", &["-c", &open]);
    // Written by another program on a new connection.
    let table = server.table("sync_history");
    let id = "0197d2c4-8a3e-7c1b-9f00-00000000000a";
    let insert = format!(
        "INSERT INTO {table} (id, entity_type, source, status, records_processed, records_created,
            records_updated, records_failed) VALUES ('{id}', 'stock', 'as400', 'running', 0, 0, 0, 0)"
    );
    cluster.psql(name, &["-c", &insert]);
    assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], id);
}
