//! A real redis-server with its own data directory.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::redis_process::RedisProcess;
use crate::skip::skip;
use crate::support::{patient, watch_this_test};
use crate::watchdog::Watch;

/// Returns a port that was free a moment ago, and that no other test of this process gets. It is below the
/// ports that the system gives to the client's side of connections.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % 200 * 100;
    loop {
        let port = 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = u16::try_from(port).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Maximum number of attempts to start a server on a free port.
const MAX_PORTS: u32 = 5;

/// Returns whether redis-cli is installed. Otherwise prints that.
fn has_cli() -> bool {
    let has_cli = Command::new("redis-cli").arg("--version").output().is_ok();
    if !has_cli {
        skip("this machine has no redis-cli");
    }
    has_cli
}

/// A running redis-server. Dropping this value kills the process.
pub(crate) struct RedisServer {
    process: Option<RedisProcess>,
    arguments: Vec<String>,
    dir: tempfile::TempDir,
    _watch: Watch,
}

impl RedisServer {
    /// Starts a server with these arguments, by default without persistence. If redis-server or redis-cli
    /// is not installed, prints that and returns `None`.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        if !has_cli() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let process = RedisProcess::start_or_skip(dir.path(), arguments)?;
        Some(Self::of(process, arguments, dir))
    }

    fn of(process: RedisProcess, arguments: &[&str], dir: tempfile::TempDir) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { process: Some(process), arguments, dir, _watch: watch_this_test() }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Returns the URL of the server, with these options. The time limits are long enough for a busy machine,
    /// unless the test sets its own.
    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis+unix://{}?{}", self.socket().display(), patient(options))
    }

    /// Starts a server that also listens on a free port of the loopback.
    pub(crate) fn start_with_port(arguments: &[&str]) -> Option<(Self, u16)> {
        Self::start_on_port("--port", arguments)
    }

    /// Starts a server that also listens on a free port of the loopback. `option` is the name of the option
    /// for the port. If another program takes the port first, tries another one.
    pub(crate) fn start_on_port(option: &str, arguments: &[&str]) -> Option<(Self, u16)> {
        for attempt in 1.. {
            let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
            let text = port.to_string();
            let arguments = [[option, &text, "--bind", "127.0.0.1"].as_slice(), arguments].concat();
            // The last attempt says why the server does not start.
            if attempt == MAX_PORTS {
                return Some((Self::start(&arguments)?, port));
            }
            if !has_cli() {
                return None;
            }
            if let Ok(process) = RedisProcess::start(dir.path(), &arguments) {
                return Some((Self::of(process, &arguments, dir), port));
            }
        }
        None
    }

    /// Starts the server again with the data in its directory.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        self.process = Some(RedisProcess::start(self.dir.path(), &arguments).unwrap());
    }

    /// Starts the server again with its data and additional arguments, and does not wait until it has loaded
    /// the data.
    pub(crate) fn restart_without_waiting(&mut self, arguments: &[&str]) {
        self.kill();
        let own = self.arguments.iter().map(String::as_str);
        let arguments: Vec<_> = own.chain(arguments.iter().copied()).collect();
        self.process = Some(RedisProcess::spawn(self.dir.path(), &arguments).unwrap());
    }

    pub(crate) fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.restart();
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Sends a signal to the process, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Returns how often the server has run a command.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        let info = self.cli(&["INFO", "commandstats"]);
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    /// Runs redis-cli, and returns its output without the line end.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).trim_end().to_owned()
    }
}
