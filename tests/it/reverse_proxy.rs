//! Clients reach the server through nginx.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    clients::{node, run},
    documentation::{code_blocks, read},
    support::Process,
};

/// nginx in a process of its own, which needs no privileges.
struct Nginx {
    url: String,
    child: Child,
}

impl Nginx {
    /// Starts nginx with this content of its `http` block, in which `LISTEN` stands for its address.
    fn start(folder: &Path, http: &str) -> Self {
        Self::start_at(&free_address(), folder, http)
    }

    fn start_at(address: &str, folder: &Path, http: &str) -> Self {
        let configuration = format!(
            "daemon off;
            master_process off;
            pid nginx.pid;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path body;
                proxy_temp_path proxy;
                fastcgi_temp_path fastcgi;
                scgi_temp_path scgi;
                uwsgi_temp_path uwsgi;
                {}
            }}",
            http.replace("LISTEN", address)
        );
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        // Debian installs it outside of the path of ordinary users.
        let path = std::env::var("PATH").unwrap() + ":/usr/sbin";
        let child = Command::new("nginx")
            .env("PATH", path)
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(folder)
            .stdin(Stdio::null())
            .spawn()
            .expect("install the Debian package nginx-light, or run `./test`");
        let mut nginx = Self {
            url: format!("http://{address}"),
            child,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert_eq!(nginx.child.try_wait().unwrap(), None, "nginx ended");
            assert!(Instant::now() < deadline, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_plain_proxy_pass_of_nginx_serves_requests_and_event_streams() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let http = format!(
        "server {{ listen LISTEN; location / {{ proxy_pass {}; }} }}",
        server.url
    );
    let nginx = Nginx::start(folder.path(), &http);
    for script in ["audits.mjs", "stream.mjs"] {
        run(node("tests/clients", script).arg(&nginx.url));
    }
}

/// Returns the documented configuration for a server at `address`, without the certificate, and what replaces its
/// location for a server below a path.
fn documented_configuration(address: &str) -> (String, String) {
    let page = read("docs/deployment.md");
    let mut blocks = code_blocks(&page).into_iter();
    let mut next = || blocks.find(|(language, _)| *language == "nginx").unwrap().1;
    let http: String = next()
        .lines()
        .filter(|line| !line.trim_start().starts_with("ssl_certificate"))
        .map(|line| line.replace("listen 443 ssl;", "listen LISTEN;") + "\n")
        .collect();
    assert!(
        http.contains("LISTEN") && http.contains("127.0.0.1:8080"),
        "{http}"
    );
    (http.replace("127.0.0.1:8080", address), next())
}

#[test]
fn the_documented_configuration_of_nginx_serves_all_transports() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(folder.path(), &["--anonymous", "read,report,operate,admin"]);
    let (http, _) = documented_configuration(server.address());
    let nginx = Nginx::start(folder.path(), &http);
    for script in ["stream.mjs", "subscribe.mjs"] {
        run(node("tests/clients", script).arg(&nginx.url));
    }
}

#[test]
fn the_documented_configuration_of_nginx_serves_api_and_pages_below_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let origin = format!("http://{address}");
    let arguments = [
        "--base-path",
        "/sync",
        "--allow-origin",
        &origin,
        "--anonymous",
        "read,report,operate,admin",
    ];
    let server = Process::start_with(folder.path(), &arguments);
    let (http, location) = documented_configuration(server.address());
    let at_root = "    location / {\n";
    assert!(http.contains(at_root), "{http}");
    let http = http.replace(at_root, &location);
    let nginx = Nginx::start_at(&address, folder.path(), &http);
    let url = format!("{}/sync", nginx.url);
    run(node("tests/clients", "subscribe.mjs").arg(&url));
    run(node("web", "checks/below-path.mjs").arg(&url));
}
