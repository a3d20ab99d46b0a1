//! A server of the test's own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::{Value, json};
use sync_history::{
    access::{Access, Policy, TokenSettings},
    clock::Clock,
    config::Limits,
    db::{self, StatementTimeouts},
    graphql::Executor,
    http::Services,
    runs::Runs,
    server,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{Cluster, Kind, TestClock, socket::Socket};

pub(crate) struct Ledger {
    pub(crate) url: String,
    pub(crate) database_url: String,
    pub(crate) clock: Arc<TestClock>,
    statements: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// How a server is set up.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) clock: TestClock,
    pub(crate) tokens: Option<TokenSettings>,
    pub(crate) policy: Policy,
    /// So long that nothing is given up on a busy machine, unless it is said.
    pub(crate) times: Option<StatementTimeouts>,
}

impl Ledger {
    /// A server over a fresh database; None where PostgreSQL is not installed.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        Self::set_up(kind, Setup::default()).await
    }

    pub(crate) async fn start_with(kind: Kind, limits: Limits) -> Option<Self> {
        let setup = Setup {
            limits,
            ..Setup::default()
        };
        Self::set_up(kind, setup).await
    }

    pub(crate) async fn set_up(kind: Kind, setup: Setup) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Sqlite => sqlite_url(&folder),
            Kind::Postgres => Cluster::get()?.empty_database().await,
        };
        Some(Self::over(url, folder, setup).await)
    }

    /// A server over a copy of the predecessor's database; None where PostgreSQL is not installed.
    pub(crate) async fn start_on_existing() -> Option<Self> {
        Some(Self::start_on(Cluster::get()?.existing_database().await).await)
    }

    /// A server over a database that is there.
    pub(crate) async fn start_on(url: String) -> Self {
        Self::set_up_on(url, Setup::default()).await
    }

    pub(crate) async fn set_up_on(url: String, setup: Setup) -> Self {
        Self::over(url, tempfile::tempdir().unwrap(), setup).await
    }

    /// Another server over the same database.
    pub(crate) async fn replica(&self) -> Self {
        let setup = Setup {
            clock: TestClock::of_replica(1),
            ..Setup::default()
        };
        Self::set_up_on(self.database_url.clone(), setup).await
    }

    async fn over(database_url: String, folder: TempDir, setup: Setup) -> Self {
        let limits = setup.limits;
        let times = setup.times.unwrap_or(StatementTimeouts {
            slow_query: Duration::from_secs(20),
            ..StatementTimeouts::default()
        });
        let mut database = db::connect_with(&database_url, times).await.unwrap();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&statements);
        database.observe_statements(move |info| {
            let statement = info.statement.to_string();
            // In nobody's way: told to the other servers behind a write, or read every so often.
            if !statement.contains("pg_notify") && !statement.contains("sync_key") {
                recorded.lock().unwrap().push(statement);
            }
        });
        let clock = Arc::new(setup.clock);
        let injected: Arc<dyn Clock> = clock.clone();
        let runs = Runs::open(database.clone(), injected.clone(), limits.runs.clone())
            .await
            .unwrap();
        let graphql = Executor::new(runs, limits.graphql);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let access = Access::open(
            database.clone(),
            injected.clone(),
            setup.tokens,
            setup.policy,
            listener.local_addr().unwrap(),
        );
        let access = access.await.unwrap();
        let services = Services::new(database, access, graphql, injected, limits.http);
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stopped = async {
                // Dropping the ledger stops its server too.
                let _ = stopped.await;
            };
            server::serve(listener, services, stopped).await.unwrap();
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
            served: Some(served),
            _folder: folder,
        }
    }

    /// Stops the server in order.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            served.await.unwrap();
        }
    }

    /// The whole answer to an operation.
    pub(crate) async fn answer(&self, query: &str, variables: Value) -> Value {
        let request = json!({"query": query, "variables": variables});
        let response = self.post("application/json", request.to_string()).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// The data of an operation that succeeds.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].take()
    }

    /// The one error of an operation that fails.
    pub(crate) async fn error(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await;
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{answer:#}");
        answer["errors"][0].take()
    }

    /// The status and the whole answer to an operation of one who brings this key or token.
    pub(crate) async fn answer_as(
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

    /// Creates a run; tells its id.
    pub(crate) async fn create(&self, input: Value) -> String {
        let created = self
            .data(
                "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { id } } }",
                json!({"input": input}),
            )
            .await;
        created["createSyncRun"]["run"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Creates a run of stock from the AS/400; tells its id.
    pub(crate) async fn create_stock(&self) -> String {
        self.create(json!({"entityType": "STOCK", "source": "AS400"}))
            .await
    }

    /// Completes a run, with these fields of the input.
    pub(crate) async fn complete(&self, run_id: &str, mut input: Value) -> Value {
        input["runId"] = json!(run_id);
        self.answer(
            "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) {
                replayed run { id status version completedAt durationSeconds errorMessage details
                    recordsProcessed recordsCreated recordsUpdated recordsFailed } } }",
            json!({"input": input}),
        )
        .await
    }

    /// The place in the feed of changes behind all that is committed.
    pub(crate) async fn now(&self) -> Value {
        let data = self.data("{ syncRuns { feedCursor } }", json!({})).await;
        data["syncRuns"]["feedCursor"].clone()
    }

    /// A socket on which a subscription has been asked for.
    pub(crate) async fn watch(&self, query: &str, variables: Value) -> Socket {
        let mut socket = Socket::open(&self.url).await;
        socket.subscribe(query, variables).await;
        socket
    }

    /// Everything about a run that its row holds.
    pub(crate) async fn run(&self, id: &str) -> Value {
        let data = self
            .data(
                "query($id: ID!) { syncRun(id: $id) { id entityType source status startedAt
                    completedAt durationSeconds recordsProcessed recordsCreated recordsUpdated
                    recordsFailed recordsExpected progress errorMessage details triggeredById
                    version } }",
                json!({"id": id}),
            )
            .await;
        data["syncRun"].clone()
    }

    /// The statements that `work` executes, their values written out.
    pub(crate) async fn statements_of<T>(&self, work: impl Future<Output = T>) -> (Vec<String>, T) {
        self.statements.lock().unwrap().clear();
        let done = work.await;
        (self.statements.lock().unwrap().clone(), done)
    }

    /// A connection beside the server's, as another program has it.
    pub(crate) async fn foreign(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(&self.database_url);
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    }

    /// Executes SQL as another program would.
    pub(crate) async fn sql(&self, sql: &str) {
        let connection = self.foreign().await;
        connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The name of a table of the ledger, as another program writes it.
    pub(crate) fn table(&self, name: &str) -> String {
        if self.database_url.starts_with("postgres") {
            format!("sync_history.{name}")
        } else {
            name.to_owned()
        }
    }

    /// A user, whom another application keeps.
    pub(crate) async fn add_user(&self, id: &str, email: &str, full_name: &str) {
        let table = if self.database_url.starts_with("postgres") {
            "\"user\".\"user\""
        } else {
            "\"user\""
        };
        let id = self.id(id);
        self.sql(&format!(
            "INSERT INTO {table} VALUES ({id}, '{email}', '{full_name}')"
        ))
        .await;
    }

    /// An id as a literal of SQL.
    pub(crate) fn id(&self, id: &str) -> String {
        if self.database_url.starts_with("postgres") {
            format!("'{id}'")
        } else {
            format!("x'{}'", id.replace('-', ""))
        }
    }
}

pub(crate) fn sqlite_url(folder: &TempDir) -> String {
    format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("ledger.db").display()
    )
}

/// The code of an error.
pub(crate) fn code(error: &Value) -> &str {
    error["extensions"]["code"].as_str().unwrap_or("none")
}
