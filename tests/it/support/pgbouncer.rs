//! `PgBouncer` in front of the test cluster.

use std::{net::TcpListener, os::unix::fs::MetadataExt, process::Command};

use tempfile::TempDir;

use super::{Background, Cluster, database_name};

/// A running `PgBouncer`, in front of one database.
pub(crate) struct PgBouncer {
    _process: Background,
    _folder: TempDir,
    pub(crate) url: String,
}

impl PgBouncer {
    /// Starts `PgBouncer` in front of the database at a URL of the cluster, with these settings.
    pub(crate) fn start(database_url: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = folder.path().display();
        let name = database_name(database_url);
        let cluster = Cluster::get().folder();
        let configuration = format!(
            "[databases]\n{name} = host={cluster} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\ndefault_pool_size = 40\n{settings}\n"
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), configuration).unwrap();
        let mut command = if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            // It does not run as root.
            let opened = Command::new("chmod")
                .args(["-R", "a+rX"])
                .arg(folder.path())
                .status();
            assert!(opened.unwrap().success());
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "--",
            ]);
            command.arg("pgbouncer");
            command
        } else {
            Command::new("pgbouncer")
        };
        let search_path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{search_path}:/usr/sbin"))
            .arg(format!("{path}/pgbouncer.ini"));
        let mut process = Background::spawn(&mut command);
        process.wait_for_log("process up");
        Self {
            _process: process,
            _folder: folder,
            url: format!("postgres://postgres@127.0.0.1:{port}/{name}"),
        }
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
