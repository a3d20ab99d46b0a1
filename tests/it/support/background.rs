//! A command in the background, whose output goes to files.

use std::{
    fs::{self, File},
    process::{Child, Command},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A running command.
pub(crate) struct Background {
    child: Child,
    output: TempDir,
}

impl Background {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("log")).spawn();
        Self {
            child: child.unwrap(),
            output,
        }
    }

    /// What it has written to standard output so far.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(self.output.path().join("out")).unwrap()
    }

    /// What it has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.output.path().join("log")).unwrap()
    }

    /// Waits until the log contains `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        self.wait_until(|background| background.log().contains(text));
    }

    /// Waits until the server serves requests, and returns its URL.
    pub(crate) fn wait_for_url(&mut self) -> String {
        self.wait_until(|background| background.printed().ends_with('\n'));
        let printed = self.printed();
        let url = printed.trim().strip_prefix("listening on ");
        url.unwrap_or_else(|| panic!("{printed}")).to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until the command ends; returns its exit code, `None` if a signal killed it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.wait_until(|background| background.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }

    fn wait_until(&mut self, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition(self) {
            assert!(Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
