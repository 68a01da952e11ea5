//! Tests of several processes that share one database and one redis-server.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

use redis_process::RedisProcess;
use serde_json::Value;

#[path = "../../../tests/support/redis_process.rs"]
mod redis_process;
#[path = "../../../tests/support/skip.rs"]
mod skip;

struct RedisServer {
    process: RedisProcess,
    dir: tempfile::TempDir,
}

impl RedisServer {
    /// Starts a server. If redis-server is not installed, prints that and returns `None`.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        Some(Self { process: RedisProcess::start_or_skip(dir.path(), &[])?, dir })
    }

    /// Runs the demo on three processes over this server, with a bound of 100 ms. Returns its results.
    fn demo(&self, arguments: &[&str]) -> (Output, Value) {
        let patience = "connect_timeout=5s&request_timeout=20s";
        let socket = &self.process.socket;
        let url = format!("redis+unix://{}?prefix=demo&staleness=100ms&{patience}", socket.display());
        let json = self.dir.path().join("results.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder-demo"));
        command.args(["--processes", "3", "--threads", "2", "--json"]).arg(&json).args(arguments);
        let output = command.env("LARDER_URL", url).output().expect("the built program runs");
        let results = std::fs::read(&json).unwrap_or_else(|_| panic!("{output:?}"));
        (output, serde_json::from_slice(&results).unwrap())
    }
}

#[test]
fn three_processes_answer_nothing_that_is_stale_beyond_the_bound() {
    let Some(server) = RedisServer::start() else { return };
    let (output, results) = server.demo(&["--seconds", "2"]);
    println!("{results:#}");
    assert!(output.status.success(), "{output:?}");
    assert_eq!((results["bound_ms"].as_f64(), results["stale_answers"].as_u64()), (Some(100.0), Some(0)));
    let processes = results["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 3);
    for process in processes {
        assert!(process["oldest_ms"].as_f64() < Some(100.0), "{process}");
    }
    let sum = |field: &str| processes.iter().map(|process| process[field].as_u64().unwrap()).sum::<u64>();
    // Even a busy machine answers a few hundred requests per second.
    assert!(sum("changes") >= 5 && sum("memory_hits") >= 100, "the trial tried too little");
    assert!(sum("hits") > sum("memory_hits"), "no answer came from the server");
}

#[test]
fn processes_whose_changes_remove_nothing_are_caught() {
    let Some(server) = RedisServer::start() else { return };
    // On a busy machine, one run may make too few changes.
    for _ in 0..8 {
        let (output, results) = server.demo(&["--seconds", "1", "--without-removals"]);
        if results["stale_answers"].as_u64() > Some(0) {
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("MISSED"), "{output:?}");
            return;
        }
    }
    panic!("the planted fault was not caught");
}

#[test]
fn several_processes_without_a_server_are_refused() {
    for url in [None, Some("file:run/cache.larder")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder-demo"));
        command.args(["--processes", "3"]).env_remove("LARDER_URL");
        let output = command.envs(url.map(|url| ("LARDER_URL", url))).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("redis://"), "{output:?}");
    }
}
