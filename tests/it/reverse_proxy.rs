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
        let address = free_address();
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
            http.replace("LISTEN", &address)
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
        while TcpStream::connect(&address).is_err() {
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

#[test]
fn the_documented_configuration_of_nginx_serves_all_transports() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(folder.path(), &["--anonymous", "read,report,operate,admin"]);
    let page = read("docs/deployment.md");
    let blocks = code_blocks(&page);
    let (_, documented) = blocks
        .iter()
        .find(|(language, _)| *language == "nginx")
        .unwrap();
    // All but the addresses and the certificate.
    let http: String = documented
        .lines()
        .filter(|line| !line.trim_start().starts_with("ssl_certificate"))
        .map(|line| line.replace("listen 443 ssl;", "listen LISTEN;") + "\n")
        .collect();
    assert!(
        http.contains("LISTEN") && http.contains("127.0.0.1:8080"),
        "{http}"
    );
    let http = http.replace("127.0.0.1:8080", server.address());
    let nginx = Nginx::start(folder.path(), &http);
    for script in ["stream.mjs", "subscribe.mjs"] {
        run(node("tests/clients", script).arg(&nginx.url));
    }
}
