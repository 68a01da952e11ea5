//! A real redis-server, for comparison.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::resp::RespClient;

/// A running redis-server on its own Unix socket.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl RedisServer {
    /// Starts a server. If redis-server 7 is not installed, prints that and returns `None`.
    pub(crate) fn start() -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version.as_ref().is_ok_and(|version| version.contains("v=7.")) {
            println!("skipped: this machine has no redis-server 7 ({version:?})");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket);
        command.current_dir(dir.path()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let server = Self { child, socket, _dir: dir };
        let began = tokio::time::Instant::now();
        while RespClient::connect(&server.socket).is_err() {
            assert!(began.elapsed() < Duration::from_mins(5), "redis-server does not answer");
            std::thread::yield_now();
        }
        Some(server)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
