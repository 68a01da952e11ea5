//! Tests of whole caches: several nodes load from one database while it changes. No value may be older than
//! an acknowledged invalidation by more than the bound.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder::{Cache, Keyspace, KeyspaceDefinition};

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{now, pause};

const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("numbers");
const BOUND: Duration = Duration::from_millis(100);
const KEYS: usize = 16;

/// The database behind the caches. Each row has a number that only increases.
struct Database {
    began: Instant,
    rows: Vec<AtomicU64>,
    /// For each row, when the invalidations of the numbers 1, 2, 3 … were acknowledged.
    invalidated: Vec<Mutex<Vec<Duration>>>,
    worst: AtomicU64,
    answers: AtomicU64,
    loads: AtomicU64,
}

impl Database {
    fn new() -> Self {
        Self {
            began: now(),
            rows: std::iter::repeat_with(|| AtomicU64::new(0)).take(KEYS).collect(),
            invalidated: std::iter::repeat_with(Mutex::default).take(KEYS).collect(),
            worst: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            loads: AtomicU64::new(0),
        }
    }

    /// Loads a row. Some loads are slow, so that the row changes meanwhile.
    fn load(&self, at: usize) -> u64 {
        let load = self.loads.fetch_add(1, Ordering::Relaxed);
        let number = self.rows[at].load(Ordering::SeqCst);
        if load.is_multiple_of(3) {
            pause(Duration::from_micros(500));
        }
        number
    }

    /// Changes a row, and repeats the invalidation until the server acknowledges it. Every second change uses
    /// a fence.
    fn change(&self, at: usize, numbers: &Keyspace<u64, u64>, ends: &AtomicBool) {
        let number = self.rows[at].load(Ordering::SeqCst) + 1;
        let key = at as u64;
        let update = number.is_multiple_of(2).then(|| numbers.begin_update(key));
        self.rows[at].store(number, Ordering::SeqCst);
        if let Some(Ok(update)) = update {
            update.finish();
        }
        while numbers.remove(key).is_err() {
            if ends.load(Ordering::Relaxed) {
                return;
            }
            pause(Duration::from_millis(1));
        }
        self.invalidated[at].lock().unwrap().push(self.began.elapsed());
    }

    fn judge(&self, at: usize, asked: Duration, number: u64) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        let replaced = self.invalidated[at].lock().unwrap().get(usize::try_from(number).unwrap()).copied();
        let age = replaced.map_or(Duration::ZERO, |replaced| asked.saturating_sub(replaced));
        self.worst.fetch_max(age.as_micros().try_into().unwrap(), Ordering::Relaxed);
    }

    fn worst(&self) -> Duration {
        Duration::from_micros(self.worst.load(Ordering::Relaxed))
    }
}

struct CacheNode {
    cache: Cache,
    numbers: Keyspace<u64, u64>,
}

fn open(url: &str) -> CacheNode {
    let cache = larder_redis::open_url(url).unwrap();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    CacheNode { cache, numbers }
}

fn trial(nodes: &[CacheNode], length: Duration, disturb: &(dyn Fn(usize) + Sync)) -> Database {
    let (database, ends) = (Database::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (database, ends) = (&database, &ends);
        for (writer, node) in nodes.iter().enumerate() {
            scope.spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    for at in (0..KEYS).filter(|at| at % nodes.len() == writer) {
                        database.change(at, &node.numbers, ends);
                    }
                    pause(Duration::from_micros(500));
                }
            });
        }
        for (reader, node) in nodes.iter().flat_map(|node| [node, node, node]).enumerate() {
            scope.spawn(move || {
                let mut round = reader;
                while !ends.load(Ordering::Relaxed) {
                    round = round.wrapping_mul(31).wrapping_add(7);
                    let at = round % KEYS;
                    let (key, asked) = (at as u64, database.began.elapsed());
                    let load = || Ok::<_, std::io::Error>(database.load(at));
                    let found = match reader % 3 {
                        0 => node.numbers.get(&key),
                        _ => Some(node.numbers.get_or_load(&key, load).unwrap()),
                    };
                    if let Some(number) = found {
                        database.judge(at, asked, *number);
                    }
                    pause(Duration::from_micros(20));
                }
            });
        }
        let began = now();
        let mut step = 0;
        while began.elapsed() < length {
            disturb(step);
            step += 1;
            pause(Duration::from_millis(20));
        }
        ends.store(true, Ordering::Relaxed);
    });
    database
}

fn report(what: &str, nodes: &[CacheNode], database: &Database) {
    let hits: u64 =
        nodes.iter().flat_map(|node| node.cache.stats().keyspaces).map(|keyspace| keyspace.memory_hits).sum();
    let changes: u64 = database.rows.iter().map(|row| row.load(Ordering::Relaxed)).sum();
    let loads = database.loads.load(Ordering::Relaxed);
    let answers = database.answers.load(Ordering::Relaxed);
    println!(
        "{what}: {answers} answers, {hits} of memory, {loads} loads, {changes} changes, worst {:?}",
        database.worst()
    );
    assert!(answers > 1000 && hits > 100 && loads > 100 && changes > 100, "the trial tried too little");
    assert!(database.worst() <= BOUND, "{what}: an answer was {:?} old", database.worst());
}

#[test]
fn no_load_of_any_node_outlives_an_invalidation() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let url = server.url(&format!("staleness=100ms&tracking={tracking}"));
        let nodes: Vec<_> = (0..3).map(|_| open(&url)).collect();
        let database = trial(&nodes, Duration::from_millis(2500), &|_| {});
        report(tracking, &nodes, &database);
    }
}

#[test]
fn caches_behind_a_bad_line_and_beside_flushes_keep_the_bound() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let behind = open(&proxy.url("staleness=100ms&request_timeout=400ms"));
    let nodes = [open(&server.url("staleness=100ms")), behind];
    let database = trial(&nodes, Duration::from_secs(3), &|step| match step % 50 {
        5 => assert_eq!(server.cli(&["FLUSHALL"]), "OK"),
        10 => proxy.hold_answers(true),
        25 => proxy.hold_answers(false),
        35 => assert_eq!(server.cli(&["DEL", "larder::world"]), "1"),
        40 => proxy.cut(step % 100 > 50),
        _ => {}
    });
    report("behind a bad line", &nodes, &database);
}
