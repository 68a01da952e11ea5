//! A real redis-server with its own data directory.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::{LIMIT, now, pause};

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A running redis-server with its own Unix socket. Dropping this value kills the process.
pub(crate) struct RedisServer {
    child: Option<Child>,
    arguments: Vec<String>,
    dir: tempfile::TempDir,
}

impl RedisServer {
    /// Starts a server without persistence. If redis-server is not installed, prints that and returns `None`.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        let has_cli = Command::new("redis-cli").arg("--version").output().is_ok();
        if version.is_err() || !has_cli {
            println!("skipped: this machine has no redis-server and redis-cli");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { child: None, arguments, dir };
        server.restart();
        Some(server)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Returns the URL of the server, with these options. The time limits are long enough for a busy machine,
    /// unless the test sets its own.
    pub(crate) fn url(&self, options: &str) -> String {
        let patience = if options.contains("request_timeout") { "" } else { "&request_timeout=20s" };
        format!("redis+unix://{}?connect_timeout=5s{patience}&{options}", self.socket().display())
    }

    /// Starts a server without persistence that also listens on a free port of the loopback.
    pub(crate) fn start_with_port(arguments: &[&str]) -> Option<(Self, u16)> {
        let port = free_port();
        let text = port.to_string();
        let arguments = [["--port", &text, "--bind", "127.0.0.1"].as_slice(), arguments].concat();
        Some((Self::start(&arguments)?, port))
    }

    /// Starts the server again with the data in its directory.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(self.socket());
        command.args(&self.arguments).current_dir(self.dir.path()).stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let began = now();
        while self.cli(&["PING"]) != "PONG" && !self.cli(&["PING"]).starts_with("NOAUTH") {
            assert!(began.elapsed() < LIMIT, "redis-server does not answer");
            pause(std::time::Duration::from_millis(5));
        }
    }

    /// Starts the server again with additional arguments.
    pub(crate) fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.restart();
    }

    /// Kills the process.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Sends a signal to the process, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Runs redis-cli, and returns its output without the line end.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).trim_end().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // SIGKILL also ends a stopped process.
        self.kill();
    }
}
