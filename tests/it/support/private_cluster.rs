//! A PostgreSQL cluster of the test's own, which it can stop, copy and restore.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A cluster whose files are in `folder`, and whose socket stays at one place whichever of them is started.
pub(crate) struct PrivateCluster {
    folder: TempDir,
    bin: PathBuf,
    running: Option<&'static str>,
}

impl PrivateCluster {
    /// Creates and starts a cluster in the folder `data`.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let find = "dirname \"$(readlink -f \"$(command -v initdb || \
            ls -d /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)\")\"";
        let found = Command::new("sh").args(["-c", find]).output().unwrap();
        let bin = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
        let mut cluster = Self {
            folder,
            bin,
            running: None,
        };
        if is_root() {
            let mut chown = Command::new("chown");
            let owned = chown.arg("postgres").arg(cluster.path()).status();
            assert!(owned.unwrap().success());
        }
        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"];
        cluster.run(
            "initdb",
            &[&["-D", &cluster.data("data")], &options[..]].concat(),
        );
        cluster.run_data("data");
        cluster
    }

    /// Starts the cluster with the files in a folder.
    pub(crate) fn run_data(&mut self, name: &'static str) {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c max_connections=200",
            self.path().display()
        );
        let data = self.data(name);
        let log = format!("{data}.log");
        self.run(
            "pg_ctl",
            &["-D", &data, "-l", &log, "-o", &options, "-w", "start"],
        );
        self.running = Some(name);
    }

    /// Stops the cluster, and disconnects its clients.
    pub(crate) fn stop(&mut self) {
        if let Some(name) = self.running.take() {
            self.run(
                "pg_ctl",
                &["-D", &self.data(name), "-m", "fast", "-w", "stop"],
            );
        }
    }

    /// Replaces a folder by a copy of another.
    pub(crate) fn copy_data(&self, from: &str, to: &str) {
        let copy = format!("rm -rf {to} && cp -a {from} {to}");
        let mut shell = Command::new("sh");
        let copied = shell.args(["-c", &copy]).current_dir(self.path()).status();
        assert!(copied.unwrap().success());
    }

    /// Takes a base backup of the running cluster.
    pub(crate) fn back_up(&self, to: &str) {
        let socket = self.path().to_str().unwrap();
        let arguments = [
            "-h",
            socket,
            "-U",
            "postgres",
            "-D",
            &self.data(to),
            "-c",
            "fast",
        ];
        self.run("pg_basebackup", &arguments);
        self.make_standby(to);
    }

    /// Lets the files in a folder start in recovery.
    pub(crate) fn make_standby(&self, name: &str) {
        self.run_as_owner("touch", &[&format!("{}/standby.signal", self.data(name))]);
    }

    /// Ends recovery, upon which the cluster has a new timeline.
    pub(crate) fn promote(&self) {
        assert_eq!(self.psql("postgres", "SELECT pg_promote()"), "t\n");
    }

    /// Runs SQL, as another program would.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        let socket = self.path().to_str().unwrap();
        let arguments = [
            "-h", socket, "-U", "postgres", "-qAtX", "-d", database, "-c", sql,
        ];
        self.run("psql", &arguments)
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        let socket = self.path().display();
        format!("postgres://postgres@localhost/{database}?host={socket}")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Returns the process ids of the server and of the connections to a database.
    pub(crate) fn processes(&self, database: &str) -> Vec<String> {
        let select = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{database}'");
        let mut processes: Vec<_> = self
            .psql("postgres", &select)
            .lines()
            .map(str::to_owned)
            .collect();
        let file = self
            .path()
            .join(self.running.unwrap())
            .join("postmaster.pid");
        let file = std::fs::read_to_string(file).unwrap();
        processes.insert(0, file.lines().next().unwrap().to_owned());
        processes
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let program = self.bin.join(program);
        self.run_as_owner(program.to_str().unwrap(), arguments)
    }

    fn run_as_owner(&self, program: &str, arguments: &[&str]) -> String {
        let (has_succeeded, output) = self.try_run_as_owner(program, arguments);
        assert!(has_succeeded, "{program} {arguments:?}: {output}");
        output
    }

    /// PostgreSQL does not run as root.
    fn try_run_as_owner(&self, program: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "--",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        // The server inherits the output of pg_ctl, so that reading a pipe to its end would wait for it.
        let output = self.path().join("output");
        let file = std::fs::File::create(&output).unwrap();
        let status = command
            .args(arguments)
            .current_dir(self.path())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status();
        let output = std::fs::read_to_string(output).unwrap();
        (status.unwrap().success(), output)
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        if let Some(name) = self.running {
            let program = self.bin.join("pg_ctl");
            let data = self.data(name);
            let arguments = ["-D", &data, "-m", "immediate", "-w", "stop"];
            self.try_run_as_owner(program.to_str().unwrap(), &arguments);
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}
