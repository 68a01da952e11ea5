//! Starts another process that uses a cache, by running this test binary again.
//!
//! `child_process` is a test that does nothing unless a parent test has started this process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use larder::Cache;
use larder::testing::await_first_sweep;

use crate::support::{KEPT, PRODUCTS, Product};
use crate::watchdog::{Watch, patience};

const TASK: &str = "LARDER_TEST_TASK";
const FILE: &str = "LARDER_TEST_FILE";

/// A process that owns a cache file. Dropping this value kills the process.
pub(crate) struct Owner {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Owner {
    /// Starts an owner, and waits until it says that it is ready. `task` selects what the owner then does,
    /// such as only holding the file, or writing continuously.
    pub(crate) fn start(task: &str, path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::child_process", "--nocapture", "--test-threads=1"])
            .env(TASK, task)
            .env(FILE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut owner = Self { child, lines };
        owner.hear("ready");
        owner
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes the owner close its cache, and waits until the cache is closed.
    pub(crate) fn close(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "close").unwrap();
        self.hear("closed");
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Kills the owner, but keeps open the pipe from which the owner's child reads.
    pub(crate) fn kill_and_keep_its_input(mut self) -> ChildStdin {
        let input = self.child.stdin.take().unwrap();
        self.kill();
        input
    }

    fn hear(&mut self, word: &str) {
        let _watch = Watch::over(format!("an owner that is to say {word:?}"), patience());
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if line.trim_end().ends_with(word) {
                return;
            }
            line.clear();
        }
        panic!("the owner ended before it said {word:?}");
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn child_process() {
    let (Ok(task), Some(path)) = (std::env::var(TASK), std::env::var_os(FILE)) else {
        return;
    };
    if crate::sick::works(&task, Path::new(&path), &|| println!("ready")) {
        return;
    }
    let keeps = matches!(&*task, "keep" | "show");
    // The sweep interval is long too, because a sweep commits pending entries.
    let interval = if keeps { Duration::from_hours(1) } else { Duration::from_millis(2) };
    let mut builder = Cache::builder()
        .path(&path)
        .flush_interval(interval)
        .sweep_interval(interval.max(Duration::from_secs(1)))
        .open_timeout(Duration::from_secs(10))
        .control_values(task == "show");
    if task != "quiet" {
        builder = builder.control_socket(Path::new(&path).with_extension("sock"));
    }
    let cache = builder.open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    let airtime = Product { name: "MTN airtime".to_owned(), price: 100 };
    for number in 0..300 {
        products.insert(&format!("P{number}"), airtime.clone()).unwrap();
    }
    products.insert("MTNVTU", airtime.clone()).unwrap();
    cache.flush().unwrap();
    // These entries are not committed during the test, so they are only in memory.
    if keeps {
        await_first_sweep(&cache).unwrap();
        cache.keyspace(KEPT).unwrap().insert(&7, "seven".to_owned()).unwrap();
        products.insert("NEW", Product { name: "new airtime".to_owned(), price: 5 }).unwrap();
    }
    println!("ready");
    match &*task {
        "hold" | "quiet" | "keep" | "show" => {
            std::io::stdin().read_line(&mut String::new()).unwrap();
            cache.close().unwrap();
            println!("closed");
        }
        "write" => {
            for price in 0.. {
                products.insert(&format!("P{}", price % 300), Product { price, ..airtime.clone() }).unwrap();
            }
        }
        "serve" => {
            for number in 0_u64.. {
                // Looks up some keys more often than others.
                let key = format!("P{}", (number * number) % 997);
                let loaded = products.get_or_load(&key, || Ok::<_, std::io::Error>(airtime.clone()));
                assert!(loaded.is_ok());
                if number % 64 == 0 {
                    products.remove(&key).unwrap();
                    std::thread::park_timeout(Duration::from_millis(2));
                }
            }
        }
        other => panic!("no task {other:?}"),
    }
}
