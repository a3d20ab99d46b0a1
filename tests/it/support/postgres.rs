//! Databases of a throw-away PostgreSQL cluster.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use uuid::Uuid;

/// A running cluster: the one whose socket folder `SYNC_HISTORY_TEST_POSTGRES` names, or one that
/// this process starts. The latter stops when its standard input closes, that is, with this process.
pub(crate) struct Cluster {
    folder: String,
    _starter: Option<Child>,
}

/// The name of the database at a URL of this cluster.
pub(crate) fn database_name(url: &str) -> &str {
    url.split(['/', '?']).nth(3).unwrap()
}

impl Cluster {
    /// Returns the cluster, started if necessary.
    ///
    /// # Panics
    /// If PostgreSQL is not installed.
    pub(crate) fn get() -> &'static Self {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        let cluster = CLUSTER.get_or_init(Self::start).as_ref();
        cluster.expect(
            "PostgreSQL does not start. Install its server, or leave out the PostgreSQL tests with \
            `SYNC_HISTORY_TEST_SKIP_POSTGRES=1 ./test`",
        )
    }

    fn start() -> Option<Self> {
        if let Ok(folder) = std::env::var("SYNC_HISTORY_TEST_POSTGRES") {
            return Some(Self {
                folder,
                _starter: None,
            });
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres-cluster");
        let mut child = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut folder = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut folder)
            .unwrap();
        let folder = folder.trim().to_owned();
        (!folder.is_empty()).then_some(Self {
            folder,
            _starter: Some(child),
        })
    }

    /// The folder of the cluster's socket.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// The URL of a database of this cluster.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.folder
        )
    }

    /// Creates an empty database and returns its URL.
    pub(crate) async fn empty_database(&self) -> String {
        self.create_database("template0").await
    }

    /// Creates an empty database with these options of `CREATE DATABASE` and returns its URL.
    pub(crate) async fn empty_database_with(&self, options: &str) -> String {
        self.create_database(&format!("template0 {options}")).await
    }

    /// Copies the predecessor's database and returns the copy's URL.
    pub(crate) async fn existing_database(&self) -> String {
        const TEMPLATE: &str = "existing";
        // One test creates the template; the lock makes the others wait. It ends with the session.
        let admin = self.admin().await;
        admin
            .execute_unprepared("SELECT pg_advisory_lock(1)")
            .await
            .unwrap();
        let exists = "SELECT 1 FROM pg_database WHERE datname = 'existing'";
        let exists = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, exists);
        if admin.query_one_raw(exists).await.unwrap().is_none() {
            admin
                .execute_unprepared("CREATE DATABASE loading")
                .await
                .unwrap();
            self.psql(
                "loading",
                &[
                    "-f",
                    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/existing-database.sql"),
                ],
            );
            admin
                .execute_unprepared("ALTER DATABASE loading RENAME TO existing")
                .await
                .unwrap();
        }
        admin.close().await.unwrap();
        self.create_database(TEMPLATE).await
    }

    /// Runs psql, as an external writer would.
    pub(crate) fn psql(&self, database: &str, arguments: &[&str]) -> String {
        let quiet = ["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database];
        self.run("psql", &[&quiet, arguments].concat())
    }

    /// Dumps one database and restores it into another.
    pub(crate) fn copy_by_dump(&self, from: &str, to: &str) {
        let dump = tempfile::NamedTempFile::new().unwrap();
        let path = dump.path().to_str().unwrap();
        self.dump(from, path);
        self.psql(to, &["-f", path]);
    }

    /// Dumps a database into a file.
    pub(crate) fn dump(&self, database: &str, path: &str) {
        self.run("pg_dump", &["-f", path, database]);
    }

    /// Runs a PostgreSQL client program.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(["-h", &self.folder, "-U", "postgres"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    async fn create_database(&self, template: &str) -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "names must differ between processes"
        )]
        let name = format!("test_{}", Uuid::now_v7().simple());
        let admin = self.admin().await;
        // PostgreSQL rejects concurrent copies of one template.
        admin
            .execute_unprepared("SELECT pg_advisory_lock(2)")
            .await
            .unwrap();
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        admin.execute_unprepared(&create).await.unwrap();
        admin.close().await.unwrap();
        self.url(&name)
    }

    async fn admin(&self) -> sea_orm::DatabaseConnection {
        let mut options = ConnectOptions::new(self.url("postgres"));
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.unwrap()
    }
}
