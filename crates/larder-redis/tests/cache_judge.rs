//! Tests of whole caches: several nodes load from one database while it changes. No value may be older than
//! an acknowledged invalidation by more than the bound.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Keyspace, KeyspaceDefinition};

use crate::ages::{Ages, TrialThread, for_time, run_trial};
use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::pause;

const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("numbers");
const BOUND: Duration = Duration::from_millis(100);
pub(crate) const KEYS: usize = 16;

/// The database, and the times at which the invalidation of each number was acknowledged.
pub(crate) struct Database {
    pub(crate) rows: Vec<AtomicU64>,
    pub(crate) ages: Ages,
    loads: AtomicU64,
}

impl Database {
    fn new() -> Self {
        let rows = std::iter::repeat_with(|| AtomicU64::new(0)).take(KEYS).collect();
        Self { rows, ages: Ages::new(KEYS), loads: AtomicU64::new(0) }
    }

    /// Loads a row. Some loads are slow, so that rows change during loads.
    fn load(&self, at: usize) -> u64 {
        let load = self.loads.fetch_add(1, Ordering::Relaxed);
        let number = self.rows[at].load(Ordering::SeqCst);
        if load.is_multiple_of(3) {
            pause(Duration::from_micros(500));
        }
        number
    }

    /// Changes a row, and repeats the invalidation until the server acknowledges it or the trial ends. Every
    /// second change uses a fence.
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
        self.ages.replace(at);
    }
}

pub(crate) struct CacheNode {
    pub(crate) cache: Cache,
    pub(crate) numbers: Keyspace<u64, u64>,
}

pub(crate) fn open(url: &str) -> CacheNode {
    let cache = larder_redis::open_url(url).unwrap();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    CacheNode { cache, numbers }
}

/// Lets all nodes change and read rows until `disturb` returns false.
pub(crate) fn trial(nodes: &[CacheNode], disturb: impl FnMut(usize) -> bool) -> Database {
    let rows = Database::new();
    let database = &rows;
    let mut threads: Vec<TrialThread<'_>> = Vec::new();
    for (writer, node) in nodes.iter().enumerate() {
        threads.push(Box::new(move |ends| {
            while !ends.load(Ordering::Relaxed) {
                for at in (0..KEYS).filter(|at| at % nodes.len() == writer) {
                    database.change(at, &node.numbers, ends);
                }
                pause(Duration::from_micros(500));
            }
        }));
    }
    for (reader, node) in nodes.iter().flat_map(|node| [node, node, node]).enumerate() {
        threads.push(Box::new(move |ends| {
            let mut round = reader;
            while !ends.load(Ordering::Relaxed) {
                round = round.wrapping_mul(31).wrapping_add(7);
                let at = round % KEYS;
                let (key, asked) = (at as u64, database.ages.elapsed());
                let load = || Ok::<_, std::io::Error>(database.load(at));
                let found = match reader % 3 {
                    0 => node.numbers.get(&key),
                    _ => Some(node.numbers.get_or_load(&key, load).unwrap()),
                };
                if let Some(number) = found {
                    database.ages.judge(at, asked, usize::try_from(*number).unwrap());
                }
                pause(Duration::from_micros(20));
            }
        }));
    }
    run_trial(threads, disturb);
    rows
}

/// Prints the counts of a trial. Checks that they are large enough, and that no answer was older than the
/// bound.
pub(crate) fn report(what: &str, nodes: &[CacheNode], database: &Database, bound: Duration) {
    let hits: u64 =
        nodes.iter().flat_map(|node| node.cache.stats().keyspaces).map(|keyspace| keyspace.memory_hits).sum();
    let changes: u64 = database.rows.iter().map(|row| row.load(Ordering::Relaxed)).sum();
    let loads = database.loads.load(Ordering::Relaxed);
    let (answers, worst) = (database.ages.answers(), database.ages.worst());
    println!(
        "{what}: {answers} answers, {hits} of memory, {loads} loads, {changes} changes, worst {worst:?}"
    );
    assert!(answers > 1000 && hits > 100 && loads > 100 && changes > 100, "the trial tried too little");
    assert!(worst <= bound, "{what}: an answer was {worst:?} old");
}

#[test]
fn no_load_of_any_node_outlives_an_invalidation() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let url = server.url(&format!("staleness=100ms&tracking={tracking}"));
        let nodes: Vec<_> = (0..3).map(|_| open(&url)).collect();
        let database = trial(&nodes, for_time(Duration::from_millis(2500), &|_| {}));
        report(tracking, &nodes, &database, BOUND);
    }
}

#[test]
fn caches_behind_a_bad_line_and_beside_flushes_keep_the_bound() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let behind = open(&proxy.url("staleness=100ms&request_timeout=400ms"));
    let nodes = [open(&server.url("staleness=100ms")), behind];
    let disturb = |step: usize| match step % 50 {
        5 => assert_eq!(server.cli(&["FLUSHALL"]), "OK"),
        10 => proxy.hold_answers(true),
        25 => proxy.hold_answers(false),
        35 => assert_eq!(server.cli(&["DEL", "larder::world"]), "1"),
        40 => proxy.cut(step % 100 > 50),
        _ => {}
    };
    let database = trial(&nodes, for_time(Duration::from_secs(3), &disturb));
    report("behind a bad line", &nodes, &database, BOUND);
}
