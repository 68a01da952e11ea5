//! Child processes. A child runs the test binary again, with one task.
//!
//! The test `child_process` does nothing unless a parent test has started it. The parent names the task and
//! its arguments in the environment, and reads the lines that the child prints.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use larder::{Cache, Durability, InsertOptions};

use crate::support::watchdog::{Watch, patience};
use crate::support::{LOCK_WAIT, Random, VERSIONS, watch_this_test};

const TASK: &str = "LARDER_TEST_TASK";
const FILE: &str = "LARDER_TEST_FILE";

/// A child that prints nothing for this time is considered hung. No task needs nearly that long, even on a
/// busy machine.
const PATIENCE: Duration = Duration::from_mins(5);
/// Maximum number of lines that wait for the parent. Further lines stay in the pipe. When the pipe is full,
/// the child blocks.
const LINES_KEPT: usize = 256;

/// A running child. Dropping this value kills the child.
pub(crate) struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts a child with a task for a cache file.
    pub(crate) fn start(task: &str, path: &Path) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()), task, path)
    }

    /// Starts a child that may write files of at most `blocks` blocks. A write beyond the limit raises a
    /// signal that ends the child, because the child does not handle it.
    pub(crate) fn start_limited(task: &str, path: &Path, blocks: u32) -> Self {
        Self::spawn(Self::after(&format!("ulimit -f {blocks}")), task, path)
    }

    /// Starts a child in a new mount namespace, in which `command` runs first.
    #[cfg(unix)]
    pub(crate) fn start_mounted(task: &str, path: &Path, command: &str) -> Self {
        let shell = Self::after(command);
        let mut unshare = Command::new("unshare");
        unshare.arg("-m").arg(shell.get_program()).args(shell.get_args());
        Self::spawn(unshare, task, path)
    }

    /// Returns a shell command that runs `command` and then, if it succeeds, this test binary.
    fn after(command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{command} && exec \"$0\" \"$@\""));
        shell.arg(std::env::current_exe().unwrap());
        shell
    }

    fn spawn(mut command: Command, task: &str, path: &Path) -> Self {
        let mut child = command
            .args(["--exact", "support::child::child_process", "--nocapture", "--test-threads=1"])
            .env(TASK, task)
            .env(FILE, path)
            // By default, the allocator keeps many arenas for the threads that have run. These arenas would
            // hide the actual memory use of the child.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        Self { child, lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the next line that the child prints, or `None` once the child has ended.
    ///
    /// # Panics
    /// Panics if the child has printed nothing for five minutes.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.line_unless_hung().unwrap()
    }

    /// Like [`line`](Self::line), but returns an error if the child hangs, so that the parent can add to the
    /// message.
    pub(crate) fn line_unless_hung(&mut self) -> Result<Option<String>, String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("the child has said nothing for {PATIENCE:?}: it hangs"))
            }
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Kills the child as `kill -9` does. Returns the remaining lines that the child has printed.
    pub(crate) fn kill(self) -> Vec<String> {
        self.kill_and_look().0
    }

    /// Like [`kill`](Self::kill), and also returns the exit status, which shows whether the child had ended
    /// before the kill.
    pub(crate) fn kill_and_look(mut self) -> (Vec<String>, ExitStatus) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        (std::iter::from_fn(|| self.line()).collect(), status)
    }

    /// Waits until the child ends. Returns its remaining lines and its exit status.
    pub(crate) fn wait(mut self) -> (Vec<String>, ExitStatus) {
        let _watch = watch_this_test();
        let said = std::iter::from_fn(|| self.line()).collect();
        (said, self.child.wait().unwrap())
    }
}

/// Runs a child with a task that needs no cache, until the child ends. Returns its exit status and its
/// output.
pub(crate) fn output_of(task: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "support::child::child_process", "--nocapture", "--test-threads=1"]);
    let _watch = Watch::over(format!("a child with the task {task:?}"), patience());
    command.env(TASK, task).env(FILE, "").envs(environment.iter().copied()).output().unwrap()
}

/// Reads the lines of a child on another thread, so that the parent can stop waiting for a line.
fn read_lines(out: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(LINES_KEPT);
    thread::spawn(move || {
        let mut out = BufReader::new(out);
        let mut line = String::new();
        while out.read_line(&mut line).unwrap_or(0) > 0 {
            // The test harness may print an unfinished line in front of the child's line. A line that a kill
            // has cut off is ignored.
            if let Some((_, said)) = line.split_once("child> ").filter(|_| line.ends_with('\n'))
                && sender.send(said.trim().to_owned()).is_err()
            {
                break;
            }
            line.clear();
        }
    });
    receiver
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Prints a line for the parent. Once this function has returned, the parent can read the line, even if the
/// child is killed.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "child> {line}").unwrap();
    out.flush().unwrap();
}

/// Returns the next line from the parent, or an empty line once the parent has ended.
pub(crate) fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim().to_owned()
}

#[test]
fn child_process() {
    let (Ok(task), Some(path)) = (std::env::var(TASK), std::env::var_os(FILE)) else {
        return;
    };
    let path = PathBuf::from(path);
    let words: Vec<&str> = task.split(' ').collect();
    match words[0] {
        "kill" => crate::faults::kill::writer::write_until_killed(&path, &words[1..]),
        "count" => crate::faults::kill::counters::count_until_killed(&path),
        "damage" => crate::faults::damage::trial::run_trials(&path, &words[1..]),
        "staleness" => crate::concurrency::staleness::work_until_killed(&path, &words[1..]),
        "race" => crate::concurrency::races::race(&path),
        "follow" => crate::concurrency::races::follow(&path),
        "wear" => crate::contract::churn::wear(&path, &words[1..]),
        #[cfg(target_os = "linux")]
        "fill" => crate::contract::churn::fill(&path, &words[1..]),
        "hang" => crate::support::harness::hang(),
        "hold" => hold(&path),
        "churn" => churn(&path),
        "serve" => serve(&path),
        #[cfg(unix)]
        "control" => crate::ops::control::answer_until_told(&path),
        #[cfg(unix)]
        "fork" => crate::concurrency::fork::tasks::run(&path, words[1]),
        "threads" => say(&crate::contract::contract_7_bounded_resources::count_threads(&path)),
        #[cfg(unix)]
        "limited" => say(crate::faults::places::stay_within(&path)),
        #[cfg(unix)]
        "refused" => crate::faults::places::say_the_refusal(&path),
        #[cfg(unix)]
        "compact" => crate::faults::places::say_the_compaction(&path),
        #[cfg(unix)]
        "read" => crate::faults::places::say_the_followed_name(&path),
        "fail" => say(crate::contract::contract_6_never_takes_the_application_down::go_on(&path)),
        "fail-moved" => {
            say(crate::contract::contract_6_never_takes_the_application_down::refuse_to_promise(&path));
        }
        other => panic!("no task {other:?}"),
    }
}

/// Opens the cache, and keeps it open until the parent sends a line.
fn hold(path: &Path) {
    let _cache = Cache::builder().path(path).open().unwrap();
    say("open");
    hear();
}

/// Writes without end, and reports acknowledged calls: `flushed V` (every key, up to version V), `now K V`
/// and `gone K V`.
fn churn(path: &Path) {
    let cache = Cache::builder()
        .path(path)
        .flush_interval(Duration::from_millis(2))
        .open_timeout(LOCK_WAIT)
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    let mut random = Random::new(u64::from(std::process::id()));
    say("open");
    for version in 1.. {
        for key in 0..20 {
            versions.insert(&key, version).unwrap();
        }
        match random.below(4) {
            0 => {
                cache.flush().unwrap();
                say(&format!("flushed {version}"));
            }
            1 => {
                let options = InsertOptions::new().durability(Durability::Immediate);
                versions.insert_with(&(100 + version % 10), version, options).unwrap();
                say(&format!("now {} {version}", 100 + version % 10));
            }
            2 => {
                assert!(versions.remove(&(version % 20)).unwrap());
                say(&format!("gone {} {version}", version % 20));
            }
            _ => {}
        }
    }
}

/// Writes one version for each line from the parent, and removes each third version again. Prints a line
/// when these changes are committed.
fn serve(path: &Path) {
    let cache = Cache::builder().path(path).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    // The flush stores the new keyspace in the file.
    cache.flush().unwrap();
    say("open");
    loop {
        let line = hear();
        let Ok(version) = line.parse::<u64>() else { return };
        versions.insert(&1, version).unwrap();
        cache.flush().unwrap();
        if version % 3 == 0 {
            assert!(versions.remove(&1).unwrap());
        }
        say("done");
    }
}
