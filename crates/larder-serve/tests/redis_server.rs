//! A real redis-server, for comparison.

use std::path::PathBuf;

use crate::redis_process::{RedisProcess, server_command};
use crate::skip::skip;

pub(crate) struct RedisServer {
    pub(crate) socket: PathBuf,
    _process: RedisProcess,
    _dir: tempfile::TempDir,
}

impl RedisServer {
    /// Starts a server. If redis-server 7 is not installed, prints that and returns `None`.
    pub(crate) fn start() -> Option<Self> {
        let version = server_command().arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version.as_ref().is_ok_and(|version| version.contains("v=7.")) {
            skip(format_args!("this machine has no redis-server 7 ({version:?})"));
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let process = RedisProcess::start_or_skip(dir.path(), &[])?;
        Some(Self { socket: process.socket.clone(), _process: process, _dir: dir })
    }
}
