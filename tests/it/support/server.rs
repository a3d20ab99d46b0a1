//! A server of the test's own, in this process.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::{Value, json};
use sync_history::{
    auth::{AuthSettings, Authenticator},
    clock::Clock,
    config::Limits,
    db::{self, StatementTimeouts},
    feed::ChangeFeed,
    graphql::Executor,
    http::AppState,
    runs::{
        HeartbeatMonitor, Runs,
        freshness::{ExpectedInterval, ExpectedIntervals},
    },
    server,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{Cluster, DatabaseKind, TestClock, socket::Socket};

/// A running server with its database. Dropping it stops the server.
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) database_url: String,
    pub(crate) clock: Arc<TestClock>,
    statements: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// Settings of a [`TestServer`].
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) clock: TestClock,
    pub(crate) auth: AuthSettings,
    /// Statement timeouts. By default scans get 20 s, so that none times out on a busy machine.
    pub(crate) timeouts: Option<StatementTimeouts>,
    /// Expected intervals, as values of `--expect`.
    pub(crate) expect: &'static [&'static str],
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

impl From<AuthSettings> for Options {
    fn from(auth: AuthSettings) -> Self {
        Self {
            auth,
            ..Self::default()
        }
    }
}

impl TestServer {
    /// Starts a server with an empty database.
    pub(crate) async fn start(database: DatabaseKind) -> Self {
        Self::start_with(database, Options::default()).await
    }

    pub(crate) async fn start_with(database: DatabaseKind, options: impl Into<Options>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match database {
            DatabaseKind::Sqlite => sqlite_url(&folder),
            DatabaseKind::Postgres => Cluster::get().empty_database().await,
        };
        Self::serve(url, folder, options.into()).await
    }

    /// Starts a server with a copy of the predecessor's database, which is on PostgreSQL.
    pub(crate) async fn start_on_existing_database() -> Self {
        Self::open(Cluster::get().existing_database().await).await
    }

    /// Starts a server with a file that an earlier version created, by this number of migrations, and `sql` filled.
    pub(crate) async fn start_on_earlier_sqlite_database(migrations: u32, sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(&folder);
        let connection = sea_orm::Database::connect(&url).await.unwrap();
        Migrator::up(&connection, Some(migrations)).await.unwrap();
        connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
        Self::serve(url, folder, Options::default()).await
    }

    /// Starts a server with the database at `url`.
    pub(crate) async fn open(url: String) -> Self {
        Self::open_with(url, Options::default()).await
    }

    pub(crate) async fn open_with(url: String, options: impl Into<Options>) -> Self {
        Self::serve(url, tempfile::tempdir().unwrap(), options.into()).await
    }

    /// Starts another server with the same database.
    pub(crate) async fn replica(&self) -> Self {
        let options = Options {
            clock: TestClock::for_replica(1),
            ..Options::default()
        };
        Self::open_with(self.database_url.clone(), options).await
    }

    async fn serve(database_url: String, folder: TempDir, options: Options) -> Self {
        let limits = options.limits;
        let timeouts = options.timeouts.unwrap_or(StatementTimeouts {
            slow_query: Duration::from_secs(20),
            statistics: Duration::from_secs(20),
            ..StatementTimeouts::default()
        });
        let mut database = db::connect_with(&database_url, timeouts).await.unwrap();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&statements);
        database.observe_statements(move |info| {
            let statement = info.statement.to_string();
            // These run in the background, at any time: notifications, key reloads, retention, the indexes of failures and
            // heartbeats.
            let background = [
                "pg_notify",
                "sync_key",
                "sync_feed",
                "sync_moment",
                "unindexed_message",
                "heartbeat_timeout_seconds > 0",
                "SET \"error_fingerprint\"",
                "sync_text_queue LIMIT",
                "sync_text_queue AS",
                "INTO sync_text",
                "DELETE FROM sync_text",
            ];
            if !background.iter().any(|name| statement.contains(name)) {
                recorded.lock().unwrap().push(statement);
            }
        });
        let clock = Arc::new(options.clock);
        let injected: Arc<dyn Clock> = clock.clone();
        let expected = options.expect.iter().map(|text| text.parse().unwrap());
        let expected: Vec<ExpectedInterval> = expected.collect();
        let expected = ExpectedIntervals::try_from(expected.as_slice()).unwrap();
        let runs = Runs::new(database.clone(), injected.clone(), limits.runs.clone())
            .with_expected_intervals(expected);
        let (signal, settings) = (runs.change_signal(), limits.feed);
        let feed = ChangeFeed::start(database.clone(), injected.new_id(), signal, settings);
        let feed = feed.await.unwrap();
        let monitor = HeartbeatMonitor::start(runs.clone());
        let graphql = Executor::new(runs, feed, limits.graphql);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let auth = Authenticator::open(
            database.clone(),
            injected.clone(),
            options.auth,
            listener.local_addr().unwrap(),
        );
        let auth = auth.await.unwrap();
        let state = AppState::new(database, auth, graphql, injected, limits.http);
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
                drop(monitor);
            };
            server::serve(listener, state, stopped).await.unwrap();
        });
        Self {
            url,
            database_url,
            clock,
            statements,
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            stop: Some(stop),
            serving: Some(serving),
            _folder: folder,
        }
    }

    /// Shuts the server down gracefully.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }

    /// Sends a GraphQL request body.
    pub(crate) async fn post(
        &self,
        accept: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Response {
        self.client
            .post(format!("{}/graphql", self.url))
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap()
    }

    /// Executes an operation and returns the whole response.
    pub(crate) async fn execute(&self, query: &str, variables: Value) -> Value {
        let request = json!({"query": query, "variables": variables});
        let response = self.post("application/json", request.to_string()).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Executes an operation with a key or token; returns status and response.
    pub(crate) async fn execute_as(
        &self,
        bearer: &str,
        query: &str,
        variables: Value,
    ) -> (u16, Value) {
        let request = self
            .client
            .post(format!("{}/graphql", self.url))
            .bearer_auth(bearer)
            .json(&json!({"query": query, "variables": variables}));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Executes an operation that succeeds and returns its data.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut response = self.execute(query, variables).await;
        assert!(response.get("errors").is_none(), "{response:#}");
        response["data"].take()
    }

    /// Executes an operation that fails with one error and returns that.
    pub(crate) async fn error(&self, query: &str, variables: Value) -> Value {
        let mut response = self.execute(query, variables).await;
        let errors = response["errors"].as_array().cloned().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{response:#}");
        response["errors"][0].take()
    }

    /// Opens a socket and starts an operation on it.
    pub(crate) async fn subscribe(&self, query: &str, variables: Value) -> Socket {
        let mut socket = Socket::open(&self.url).await;
        socket.subscribe(query, variables).await;
        socket
    }

    /// Runs `work` and returns the SQL statements it executed, with their values inlined.
    pub(crate) async fn record_statements<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> (Vec<String>, T) {
        self.statements.lock().unwrap().clear();
        let output = work.await;
        (self.statements.lock().unwrap().clone(), output)
    }

    /// Opens a connection to the database that bypasses the server, as another program does.
    pub(crate) async fn external_connection(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(&self.database_url);
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    }

    /// Executes SQL on an external connection.
    pub(crate) async fn execute_sql(&self, sql: &str) {
        let connection = self.external_connection().await;
        connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The qualified name of one of the server's tables.
    pub(crate) fn table(&self, name: &str) -> String {
        if self.is_on_postgres() {
            format!("sync_history.{name}")
        } else {
            name.to_owned()
        }
    }

    /// A UUID as an SQL literal.
    pub(crate) fn id_literal(&self, id: &str) -> String {
        if self.is_on_postgres() {
            format!("'{id}'")
        } else {
            format!("x'{}'", id.replace('-', ""))
        }
    }

    pub(crate) fn is_on_postgres(&self) -> bool {
        self.database_url.starts_with("postgres")
    }
}

pub(crate) fn sqlite_url(folder: &TempDir) -> String {
    format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("sync-history.db").display()
    )
}

/// The code of an error.
pub(crate) fn code(error: &Value) -> &str {
    error["extensions"]["code"].as_str().unwrap_or("none")
}
