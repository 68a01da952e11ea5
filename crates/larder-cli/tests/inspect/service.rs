//! A service in another process, started with a `LARDER_URL`. It answers from its cache or its database.
//!
//! The process runs this test binary again. It reads one command per line, and prints the result.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::testing::StallingDisk;
use larder::{Cache, CacheBuilder, Keyspace, Timestamp};

use crate::support::{NOW, PRODUCTS, Product, RENAMED, RenamedProduct, name_this_thread};
use crate::watchdog::{Watch, patience};

const ROLE: &str = "LARDER_TEST_SERVICE";

/// A running service. Dropping this value kills the process.
pub(crate) struct Service {
    child: Child,
    /// Not kept in `child`, because `wait` would close the pipe, and that would end the forks of the service.
    orders: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Service {
    /// Starts a service with a URL, in a directory. `role` selects its clock and its types.
    pub(crate) fn start(role: &str, dir: &Path, url: &str) -> Self {
        let (service, said) = Self::try_start(role, dir, url);
        assert!(said.ends_with("ready"), "{said}");
        service
    }

    /// Starts a service that may fail to start. Also returns the first line that it prints.
    pub(crate) fn try_start(role: &str, dir: &Path, url: &str) -> (Self, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg0("/srv/shop/bin/shop")
            .args(["--exact", "service::service_process", "--nocapture", "--test-threads=1"])
            .current_dir(dir)
            .env(ROLE, role)
            .env("LARDER_URL", url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut service = Self { child, orders, lines };
        let said = loop {
            // Skips the lines that the test harness prints first.
            let line = service.hear("to say whether it is up");
            if line.contains("service: ") {
                break line;
            }
        };
        (service, said)
    }

    pub(crate) fn tell(&mut self, line: &str) -> String {
        writeln!(self.orders, "{line}").unwrap();
        self.hear(line)
    }

    /// Makes the service close its cache and end.
    pub(crate) fn stop(mut self) {
        assert_eq!(self.tell("stop"), "stopped");
        self.child.wait().unwrap();
    }

    /// Waits until the process has ended. Its forks may continue with the same pipes.
    pub(crate) fn wait(&mut self) {
        self.child.wait().unwrap();
    }

    /// Waits until every process with the service's output pipe has ended.
    pub(crate) fn wait_for_forks(mut self) {
        let _watch = Watch::over("what a service forked".to_owned(), patience());
        std::io::copy(&mut self.lines, &mut std::io::sink()).unwrap();
    }

    fn hear(&mut self, over: &str) -> String {
        let _watch = Watch::over(format!("a service that is told {over:?}"), patience());
        let mut line = String::new();
        let len = self.lines.read_line(&mut line).unwrap();
        assert!(len > 0, "the service ended when it was told {over:?}");
        line.trim_end().to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The product keyspace. The role of the process selects the value type: that of the current release, or that
/// of a release that has renamed a field.
#[derive(Clone)]
enum Products {
    Of(Keyspace<String, Product>),
    Renamed(Keyspace<String, RenamedProduct>),
}

struct State {
    cache: Cache,
    products: Products,
    clock: Arc<ManualClock>,
    disk: StallingDisk,
    is_stalled: bool,
    /// The thread that runs the command `work`.
    worker: Option<JoinHandle<()>>,
    is_working: Arc<AtomicBool>,
    /// The changed prices. Every other product costs 100.
    database: HashMap<String, u64>,
}

#[test]
fn service_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let url = std::env::var("LARDER_URL").unwrap();
    let start = match &*role {
        "shop that lags" => Timestamp::from_millis(SystemClock::new().wall().as_millis() - 60_000),
        _ => NOW,
    };
    let (clock, disk) = (Arc::new(ManualClock::starting_at(start)), StallingDisk::new());
    let mut builder = CacheBuilder::from_url(&url).unwrap().stalling_disk(&disk);
    if ["shop in 2100", "shop that lags"].contains(&&*role) {
        builder = builder.clock(clock.clone());
    }
    let cache = match builder.open() {
        Ok(cache) => cache,
        Err(error) => {
            println!("service: {error}");
            return;
        }
    };
    let products = match &*role {
        "renamed product" => Products::Renamed(cache.keyspace(RENAMED).unwrap()),
        "renamed product, version 2" => Products::Renamed(cache.keyspace(RENAMED.version(2)).unwrap()),
        _ => Products::Of(cache.keyspace(PRODUCTS).unwrap()),
    };
    println!("service: ready");
    let mut state = State {
        cache,
        products,
        clock,
        disk,
        is_stalled: false,
        worker: None,
        is_working: Arc::default(),
        database: HashMap::new(),
    };
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).unwrap() > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words == ["stop"] {
            state.rest();
            state.cache.close().unwrap();
            println!("stopped");
            return;
        }
        let answer = state.does(&words);
        println!("{answer}");
        line.clear();
    }
}

impl State {
    fn does(&mut self, words: &[&str]) -> String {
        let number = |text: &str| text.parse::<u64>().unwrap();
        match *words {
            ["price", key] => {
                let price = self.database.get(key).copied().unwrap_or(100);
                self.products.price(key, price, 0).to_string()
            }
            // Changes the database without an invalidation.
            ["forget", key, price] => {
                self.database.insert(key.to_owned(), number(price));
                "updated".to_owned()
            }
            ["update", key, price] => {
                self.database.insert(key.to_owned(), number(price));
                let Products::Of(products) = &self.products else { panic!("of another release") };
                products.remove(key).unwrap();
                "updated".to_owned()
            }
            // Requests each of `count` products in turn, with names of `len` bytes.
            ["serve", rounds, count, len] => {
                let len = usize::try_from(number(len)).unwrap();
                for _ in 0..number(rounds) {
                    for product in 0..number(count) {
                        self.products.price(&format!("P{product}"), 100, len);
                    }
                    if !self.is_stalled {
                        // Flushed, because uncommitted entries stay in memory even if the memory tier is
                        // small.
                        self.cache.flush().unwrap();
                    }
                }
                "served".to_owned()
            }
            ["work", count, len] => {
                self.work(number(count), usize::try_from(number(len)).unwrap());
                "works".to_owned()
            }
            ["flush"] => {
                self.cache.flush().unwrap();
                "flushed".to_owned()
            }
            ["advance", seconds] => {
                self.clock.advance(Duration::from_secs(number(seconds)));
                "advanced".to_owned()
            }
            ["stall"] => {
                self.disk.stall();
                self.is_stalled = true;
                "stalled".to_owned()
            }
            ["hang"] => {
                self.disk.await_sync();
                "hangs".to_owned()
            }
            ["resume"] => {
                self.disk.resume();
                self.is_stalled = false;
                "resumed".to_owned()
            }
            ["fork", "and", "end"] => fork_and_end(),
            _ => panic!("not a task: {words:?}"),
        }
    }

    /// Requests products on another thread until [`rest`](Self::rest), with a pause after every 200.
    fn work(&mut self, count: u64, len: usize) {
        let (products, is_working) = (self.products.clone(), Arc::clone(&self.is_working));
        is_working.store(true, Ordering::Relaxed);
        self.worker = Some(std::thread::spawn(move || {
            let keys: Vec<String> = (0..count).map(|product| format!("P{product}")).collect();
            let mut random = 1_u64;
            for asked in 0_u64.. {
                // The order is random, so that some requests hit a small tier.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let key = &keys[usize::try_from((random >> 33) % count).unwrap()];
                products.price(key, 100, len);
                if asked % 200 == 0 {
                    if !is_working.load(Ordering::Relaxed) {
                        return;
                    }
                    // Leaves some processor time to other processes.
                    std::thread::park_timeout(Duration::from_millis(10));
                }
            }
        }));
    }

    fn rest(&mut self) {
        self.is_working.store(false, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            worker.join().unwrap();
        }
    }
}

impl Products {
    /// Returns the price of a product from the cache. On a miss, the loader returns `price`.
    fn price(&self, key: &str, price: u64, len: usize) -> u64 {
        let name = || "airtime ".repeat(len / 8);
        let loaded = match self {
            Self::Of(products) => products
                .get_or_load(key, || Ok::<_, std::io::Error>(Product { name: name(), price }))
                .map(|product| product.price),
            Self::Renamed(products) => products
                .get_or_load(key, || Ok::<_, std::io::Error>(RenamedProduct { title: name(), price }))
                .map(|product| product.price),
        };
        loaded.unwrap()
    }
}

/// Forks a child that continues, and ends this process without closing the cache. A server that becomes a
/// daemon after it has opened its cache does the same.
fn fork_and_end() -> String {
    name_this_thread("shop-worker");
    match fork::fork().unwrap() {
        fork::Fork::Parent(pid) => {
            let mut out = std::io::stdout();
            writeln!(out, "{pid}").unwrap();
            std::process::exit(0);
        }
        fork::Fork::Child => {
            // The child runs until it is killed, or until the test has ended.
            let mut line = String::new();
            while std::io::stdin().read_line(&mut line).unwrap_or(0) > 0 {}
            std::process::exit(0);
        }
    }
}
