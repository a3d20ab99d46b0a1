//! Starting: what is wrong is named with its remedy, nothing is changed before the settings are valid, and signals end
//! it at any time.

use std::{
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    Background, Cluster, PgBouncer, PrivateCluster, TestServer, command, create_key, free_port,
    rstest, run_in, sqlite_url, wait_until,
};

/// Statements that hold the lock of the migrations on PostgreSQL.
const LOCK: &str = "SELECT pg_advisory_lock(8320803159843103847)";

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (status, printed, log) = run_in(folder, arguments);
    assert_eq!(printed, "", "{arguments:?}");
    (status, log)
}

/// A server on a free port.
fn server(folder: &Path, database_url: &str) -> Command {
    let mut server = command(folder, &["--listen", "127.0.0.1:0"]);
    server.args(["--database-url", database_url]);
    server
}

#[test]
fn an_sqlite_file_that_cannot_be_opened_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::fs::write(folder.path().join("text"), "no database ".repeat(200)).unwrap();
    for (url, expected) in [
        (
            "sqlite://no/such/x.db?mode=rwc",
            [
                "no/such/x.db",
                "the folder no/such does not exist",
                "create it",
            ],
        ),
        (
            "sqlite:///no/such/x.db?mode=rwc",
            [
                "/no/such/x.db",
                "the folder /no/such does not exist",
                "create it",
            ],
        ),
        (
            "sqlite://missing.db",
            ["missing.db", "the file does not exist", "mode=rwc"],
        ),
        (
            "sqlite://missing.db?mode=rw",
            ["missing.db", "the file does not exist", "mode=rwc"],
        ),
        (
            "sqlite://folder?mode=rwc",
            ["folder", "this is a folder", "name a file"],
        ),
        (
            "sqlite://text/x.db?mode=rwc",
            ["text/x.db", "Not a directory", "folder"],
        ),
        (
            "sqlite://text?mode=rwc",
            ["text", "file is not a database", "name another file"],
        ),
        (
            "sqlite://missing.db?mode=ro",
            ["the database URL", "for reading only", "mode=rwc"],
        ),
    ] {
        for arguments in [
            vec!["--database-url", url],
            vec!["migrate", "--database-url", url],
        ] {
            let (status, log) = run(folder.path(), &arguments);
            assert_eq!(status, Some(1), "{url}: {log}");
            for part in expected {
                assert!(log.contains(part), "{url}: {log}");
            }
            let is_located = log.contains(&format!("(SQLite file {path}/")) || url.contains(":///");
            assert!(is_located || url.contains("mode=ro"), "{log}");
        }
    }
    assert!(!folder.path().join("missing.db").exists());
}

#[test]
fn a_missing_permission_on_an_sqlite_file_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode));
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    let (status, _) = run(
        folder.path(),
        &["migrate", "--database-url", "sqlite://closed/a.db?mode=rwc"],
    );
    assert_eq!(status, Some(0));
    set(&closed.join("a.db"), 0o444).unwrap();
    set(&closed, 0o555).unwrap();
    set(folder.path(), 0o755).unwrap();
    for (file, expected) in [
        ("new.db", "cannot be created in the folder"),
        ("a.db", "cannot open"),
    ] {
        let url = format!("sqlite://{}/{file}?mode=rwc", closed.display());
        let mut server = command(
            folder.path(),
            &["--listen", "127.0.0.1:0", "--database-url", &url],
        );
        // Permissions do not apply to root.
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            let mut unprivileged = Command::new("setpriv");
            unprivileged.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]);
            unprivileged
                .arg(server.get_program())
                .args(server.get_args());
            unprivileged.current_dir(folder.path());
            server = unprivileged;
        }
        let mut server = Background::spawn(&mut server);
        assert_eq!(server.wait(), Some(1));
        let log = server.log();
        for part in [expected, file, "let the user who runs sync-history"] {
            assert!(log.contains(part), "{log}");
        }
    }
    set(&closed, 0o755).unwrap();
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (address, expected) in [
        (taken.as_str(), "choose another port"),
        ("8080", "127.0.0.1:8080"),
        (":8080", "127.0.0.1:8080"),
        ("localhost", "localhost:8080"),
        ("127.0.0.1", "127.0.0.1:8080"),
        (
            "127.0.0.1:80800",
            "127.0.0.1:8080; a port is a number up to 65535",
        ),
        ("192.0.2.1:0", "choose an address of this machine"),
        (
            "no-such-host.invalid:0",
            "choose an address of this machine",
        ),
    ] {
        let (status, log) = run(folder.path(), &["--listen", address]);
        assert_ne!(status, Some(0));
        assert!(
            log.contains(&format!("cannot listen on {address}: ")),
            "{log}"
        );
        assert!(log.contains(expected), "{address}: {log}");
    }
}

#[test]
fn nothing_is_created_before_the_settings_are_valid_and_the_address_is_bound() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for arguments in [
        vec!["--listen", &taken],
        vec!["--oidc-issuer", "https://login.example.com"],
        vec!["--jwks", "missing.json", "--oidc-audience", "a"],
        vec!["--oidc-issuer", "login", "--oidc-audience", "a"],
        vec!["--change-retention", "1s"],
    ] {
        let (status, log) = run(folder.path(), &arguments);
        assert_ne!(status, Some(0), "{log}");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{arguments:?}"
        );
    }
}

#[test]
fn a_server_that_refuses_connections_is_named_at_once_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://u:SECRETPW@127.0.0.1:1/runs";
    for (arguments, may_wait) in [
        (vec!["serve"], true),
        (vec!["migrate"], false),
        (vec!["key", "list"], false),
    ] {
        let started = Instant::now();
        let mut process = command(folder.path(), &arguments);
        let mut process =
            Background::spawn(process.args(["--database-url", url, "--listen", "127.0.0.1:0"]));
        process.wait_for_log("onnection refused");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(process.wait(), Some(1));
        assert!(may_wait || started.elapsed() < Duration::from_secs(2));
        assert!(started.elapsed() < Duration::from_secs(10));
        let log = process.log();
        for part in [
            "PostgreSQL database runs at 127.0.0.1:1",
            "start the PostgreSQL server",
        ] {
            assert!(log.contains(part), "{log}");
        }
        assert!(!log.contains("SECRET"), "{log}");
    }
}

#[tokio::test]
async fn a_database_or_role_that_is_missing_is_named_with_the_remedy_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let url = Cluster::get().empty_database().await;
    let missing = Cluster::get().url("no_such_database");
    let role = url.replace("postgres@", "nobody:SECRETPW@");
    let socket = "postgres://u@localhost/runs?host=/no/such/folder";
    for (url, expected) in [
        (missing.as_str(), ["no_such_database", "CREATE DATABASE"]),
        (&role, ["nobody", "correct user and password"]),
        (
            socket,
            [
                "/no/such/folder/.s.PGSQL.5432",
                "start the PostgreSQL server",
            ],
        ),
    ] {
        let (status, log) = run(folder.path(), &["migrate", "--database-url", url]);
        assert_eq!(status, Some(1));
        for part in expected {
            assert!(log.contains(part), "{log}");
        }
        assert!(!log.contains("SECRET"), "{log}");
    }
}

#[test]
fn a_server_that_starts_later_is_awaited_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE DATABASE runs");
    cluster.stop();
    let mut server = Background::spawn(&mut server(folder.path(), &cluster.url("runs")));
    server.wait_for_log("retrying");
    cluster.run_data("data");
    server.wait_for_url();
    let log = server.log();
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[tokio::test]
async fn requests_wait_until_the_tables_are_up_to_date_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let url = Cluster::get().empty_database().await;
    let blocker = sea_orm::Database::connect(&url).await.unwrap();
    blocker.execute_unprepared(LOCK).await.unwrap();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut server = command(
        folder.path(),
        &["--listen", &address, "--database-url", &url],
    );
    let mut server = Background::spawn(server.env("RUST_LOG", "info"));
    server.wait_for_log("waiting");
    let request = reqwest::Client::new().post(format!("http://{address}/graphql"));
    let request = request.json(&json!({"query": "{ syncRuns { totalCount } }"}));
    let answered = tokio::spawn(async move { request.send().await.unwrap().json::<Value>().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!answered.is_finished());
    assert_eq!(server.printed(), "");
    blocker.close().await.unwrap();
    let answer = answered.await.unwrap().unwrap();
    assert_eq!(answer, json!({"data": {"syncRuns": {"totalCount": 0}}}));
}

#[rstest]
#[tokio::test]
async fn a_signal_ends_the_wait_for_a_lock_or_a_server(
    #[values("postgres lock", "postgres server", "sqlite lock")] what: &str,
    #[values("-TERM", "-INT")] signal: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let unresponsive = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, lock) = match what {
        "postgres lock" => (Cluster::get().empty_database().await, Some(LOCK)),
        "postgres server" => (
            format!("postgres://u@{}/runs", unresponsive.local_addr().unwrap()),
            None,
        ),
        _ => (
            sqlite_url(&folder),
            Some("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"),
        ),
    };
    let mut blocker = None;
    if let Some(lock) = lock {
        let connection = sea_orm::Database::connect(&url).await.unwrap();
        connection.execute_unprepared(lock).await.unwrap();
        blocker = Some(connection);
    }
    let mut server = server(folder.path(), &url);
    let mut server = Background::spawn(server.env("RUST_LOG", "info"));
    server.wait_for_log(if what == "postgres lock" {
        "waiting"
    } else {
        "not responded"
    });
    let signalled = Instant::now();
    server.signal(signal);
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    drop(blocker);
}

#[tokio::test]
async fn a_pooler_that_keeps_no_sessions_is_rejected_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let database_url = Cluster::get().empty_database().await;
    let ignored = "ignore_startup_parameters = extra_float_digits,options";
    for (settings, expected) in [
        (
            format!("pool_mode = transaction\n{ignored}"),
            "pool_mode = session",
        ),
        (
            format!("pool_mode = transaction\nserver_round_robin = 1\n{ignored}"),
            "pool_mode = session",
        ),
        (
            format!("pool_mode = statement\n{ignored}"),
            "pool_mode = session",
        ),
        ("pool_mode = session".to_owned(), ignored),
    ] {
        let bouncer = PgBouncer::start(&database_url, &settings);
        let (status, log) = run(
            folder.path(),
            &["--listen", "127.0.0.1:0", "--database-url", &bouncer.url],
        );
        assert_eq!(status, Some(1));
        assert!(log.contains(expected), "{settings}: {log}");
    }
    let settings = format!("pool_mode = session\n{ignored}");
    let bouncer = PgBouncer::start(&database_url, &settings);
    let server = TestServer::open(bouncer.url.clone()).await;
    server.create_stock_run().await;
}

#[tokio::test]
async fn the_commands_of_keys_neither_create_nor_migrate_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let create = ["key", "create", "--name", "a", "--scope", "read"];
    for command in [&create[..], &["key", "list"], &["key", "revoke", "a"]] {
        let (status, log) = run(folder.path(), command);
        assert_eq!(status, Some(1));
        let file = format!("SQLite file {}/sync-history.db", folder.path().display());
        for part in [file.as_str(), "the file does not exist"] {
            assert!(log.contains(part), "{log}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    let path = folder.path().join("sync-history.db");
    let other = sea_orm::Database::connect(sqlite_url(&folder))
        .await
        .unwrap();
    other
        .execute_unprepared("CREATE TABLE other (id)")
        .await
        .unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let (status, log) = run(folder.path(), &create);
    assert_eq!(status, Some(1));
    assert!(
        log.contains("no tables") && log.contains("sync-history migrate"),
        "{log}"
    );
    assert!(std::fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn the_commands_of_keys_neither_create_nor_migrate_tables_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let url = Cluster::get().empty_database().await;
    let create = create_key(&url);
    let (status, log) = run(folder.path(), &create);
    assert_eq!(status, Some(1));
    assert!(
        log.contains("no tables") && log.contains("sync-history migrate"),
        "{log}"
    );
    let name = crate::support::database_name(&url);
    assert!(
        log.contains(&format!("PostgreSQL database {name} at ")),
        "{log}"
    );
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('sync_history', 'user')";
    assert_eq!(Cluster::get().psql(name, &["-c", schemas]), "0\n");

    assert_eq!(
        run(folder.path(), &["migrate", "--database-url", &url]).0,
        Some(0)
    );
    let forget = "DELETE FROM sync_history.seaql_migrations WHERE version LIKE '%key_version'";
    Cluster::get().psql(name, &["-c", forget]);
    let (status, log) = run(folder.path(), &create);
    assert_eq!(status, Some(1));
    assert!(
        log.contains("migrations") && log.contains("sync-history migrate"),
        "{log}"
    );
}

#[tokio::test]
async fn the_commands_of_keys_say_which_database_they_change_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let url = Cluster::get().empty_database().await;
    let url = url.replace("postgres@", "postgres:SECRETPW@");
    let server = TestServer::open(url.clone()).await;
    let place = format!(
        "PostgreSQL database {} at ",
        crate::support::database_name(&url)
    );
    for (arguments, expected) in [
        (
            vec!["key", "list"],
            "ID\tNAME\tSCOPES\tSOURCES\tCREATED\tEXPIRES\tREVOKED\tLAST USED\nno keys\n",
        ),
        (
            vec!["key", "create", "--name", "a", "--scope", "read"],
            "synchistory_",
        ),
        (vec!["key", "list"], "\ta\tread\tany\t"),
        (vec!["key", "revoke", "a"], ""),
    ] {
        let with_url = [&arguments[..], &["--database-url", &url]].concat();
        let (status, printed, log) = run_in(folder.path(), &with_url);
        assert_eq!(status, Some(0), "{log}");
        assert!(printed.contains(expected), "{printed}");
        assert!(
            expected != "synchistory_" || printed.trim().len() == 61,
            "{printed}"
        );
        assert!(log.contains(&place), "{log}");
        assert!(!log.contains("SECRET"), "{log}");
    }
    wait_until("the server is ready", async || {
        server.get("/readyz").await.status() == 200
    })
    .await;
}
