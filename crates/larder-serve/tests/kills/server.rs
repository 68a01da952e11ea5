//! The server process. The process runs only the test [`process`] of this test binary.
//!
//! The parent passes the settings in environment variables. The child prints a line when it serves, and
//! serves until it is killed or until its standard input ends. In the latter case, it shuts down cleanly.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use larder::Cache;
use larder_serve::{Server, WriteMode};

use super::planted::Fault;

const DIR: &str = "LARDER_KILLS_DIR";
const FLUSH_INTERVAL: &str = "LARDER_KILLS_FLUSH_INTERVAL_MS";
const FAULT: &str = "LARDER_KILLS_FAULT";

/// Maximum time for a child to start or end. A child is usually much faster.
const PATIENCE: Duration = Duration::from_mins(5);

const READY: &str = "it serves";

/// The database with durable writes. Writes in the other databases are buffered.
pub(super) const DURABLE: usize = 1;
/// The database for walks.
pub(super) const WALKED: usize = 2;

pub(super) fn socket(dir: &Path) -> PathBuf {
    dir.join("s")
}

/// A server process. Dropping this value kills the process.
pub(super) struct Process {
    child: Child,
    /// The lines that the child prints. The channel is closed when the child ends.
    lines: Receiver<String>,
}

impl Process {
    pub(super) fn start(dir: &Path, flush_interval: u64, fault: Option<Fault>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "kills::server::process", "--nocapture", "--test-threads=1"])
            .env(DIR, dir)
            .env(FLUSH_INTERVAL, flush_interval.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(fault) = fault {
            command.env(FAULT, fault.name());
        }
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        Self { child, lines }
    }

    /// Waits until the process serves. Returns false if it ends instead, or does not serve in time.
    pub(super) fn await_ready(&self) -> bool {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            // The test harness may have printed an unfinished line before.
            if line.ends_with(READY) {
                return true;
            }
        }
        false
    }

    /// Waits for this time. Returns whether the process is still running.
    pub(super) fn run_for(&self, time: Duration) -> bool {
        self.lines.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Shuts down the process. Returns whether it has ended successfully.
    pub(super) fn end(&mut self) -> bool {
        drop(self.child.stdin.take());
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The task of the child. Does nothing in a normal test run.
#[test]
fn process() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    if let Ok(fault) = std::env::var(FAULT) {
        Fault::of(&fault).plant();
    }
    let millis = std::env::var(FLUSH_INTERVAL).unwrap().parse().unwrap();
    let dir = PathBuf::from(dir);
    let cache = Cache::builder()
        .path(dir.join("shop.larder"))
        .flush_interval(Duration::from_millis(millis))
        .open_timeout(PATIENCE)
        .open()
        .unwrap();
    let server = Server::builder(&cache)
        .listen(format!("unix:{}", socket(&dir).display()))
        .databases(3)
        .writes_of(DURABLE, WriteMode::Durable)
        .threads(2)
        .start()
        .unwrap();
    println!("\n{READY}");
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
    server.shutdown();
    cache.close().unwrap();
}
