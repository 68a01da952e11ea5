//! Tests of whole caches: several nodes load from one database while it changes. No value may be older than
//! an acknowledged invalidation by more than the bound.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Keyspace, KeyspaceDefinition};

use crate::ages::{Ages, TrialThread, for_time, run_trial};
use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{eventually, pause};

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

    /// Returns the rows of which a node still finds a number whose invalidation was acknowledged. Call this
    /// when no row changes any more, and the bound has passed. A number that a load has stored after its
    /// invalidation stays at the server, but a trial may not see it: the next change removes it soon.
    fn stale_at_rest(&self, nodes: &[CacheNode]) -> Vec<usize> {
        let is_stale = |node: &CacheNode, at: usize| {
            let found = node.numbers.get(&(at as u64));
            found.is_some_and(|number| *number < self.ages.count(at) as u64)
        };
        (0..KEYS).filter(|at| nodes.iter().any(|node| is_stale(node, *at))).collect()
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

/// Checks that no node finds a number of before an invalidation after the end of a trial.
fn check_at_rest(what: &str, nodes: &[CacheNode], database: &Database) {
    pause(BOUND);
    assert_eq!(database.stale_at_rest(nodes), [0; 0], "{what}: rows whose old numbers are still there");
}

/// A redis-cli that reads and deletes entries and leases while a trial runs.
struct ForeignClient {
    child: Child,
    dir: tempfile::TempDir,
}

impl ForeignClient {
    fn start(socket: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let output = File::create(dir.path().join("output")).unwrap();
        let mut command = Command::new("redis-cli");
        command.arg("--no-raw").arg("-s").arg(socket).stdin(Stdio::piped()).stdout(output);
        Self { child: command.spawn().unwrap(), dir }
    }

    /// Reads all keys, and deletes one of them.
    fn step(&mut self, step: usize) {
        let name = |at: usize| format!("\"larder:0:numbers:{}\\x{at:02x}\"", "\\x00".repeat(7));
        let reads = (0..KEYS).map(|at| format!("GET {}\n", name(at))).collect::<Vec<_>>().concat();
        let deletion = format!("DEL {}\n", name(step % KEYS));
        self.child.stdin.as_mut().unwrap().write_all((reads + &deletion).as_bytes()).unwrap();
    }

    /// Ends the program. Checks that it has found entries to read and to delete.
    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        let output = std::fs::read_to_string(self.dir.path().join("output")).unwrap();
        let count = |beginning: &str| output.lines().filter(|line| line.starts_with(beginning)).count();
        let (read, deleted) = (count("\""), count("(integer) 1"));
        println!("redis-cli has read {read} values and leases, and deleted {deleted}");
        assert!(read > 100 && deleted > 10 && count("(error)") == 0, "{output}");
    }
}

#[test]
fn caches_beside_a_client_that_reads_and_deletes_their_keys_keep_the_bound() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let url = server.url(&format!("staleness=100ms&tracking={tracking}"));
        let nodes = [open(&url), open(&url)];
        let mut client = ForeignClient::start(&server.socket());
        let mut ends = for_time(Duration::from_secs(1), &|_| {});
        let database = trial(&nodes, |step| {
            client.step(step);
            ends(step)
        });
        client.end();
        report(tracking, &nodes, &database, BOUND);
        check_at_rest(tracking, &nodes, &database);
    }
}

#[test]
fn no_load_of_any_node_outlives_an_invalidation() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let url = server.url(&format!("staleness=100ms&tracking={tracking}"));
        let nodes: Vec<_> = (0..3).map(|_| open(&url)).collect();
        let database = trial(&nodes, for_time(Duration::from_millis(2500), &|_| {}));
        report(tracking, &nodes, &database, BOUND);
        check_at_rest(tracking, &nodes, &database);
    }
}

#[test]
fn caches_behind_a_bad_line_and_beside_flushes_keep_the_bound() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let behind = open(&proxy.url("staleness=100ms&request_timeout=400ms"));
    let nodes = [open(&server.url("staleness=100ms")), behind];
    let mut client = ForeignClient::start(&server.socket());
    let disturb = |step: usize| match step % 50 {
        5 => assert_eq!(server.cli(&["FLUSHALL"]), "OK"),
        10 => proxy.hold_answers(true),
        25 => proxy.hold_answers(false),
        35 => assert_eq!(server.cli(&["DEL", "larder::world"]), "1"),
        40 => proxy.cut(step % 100 > 50),
        _ => {}
    };
    let mut ends = for_time(Duration::from_secs(3), &disturb);
    let database = trial(&nodes, |step| {
        client.step(step);
        ends(step)
    });
    client.end();
    report("behind a bad line", &nodes, &database, BOUND);
    check_at_rest("behind a bad line", &nodes, &database);
}

/// A node loads each row, and the other node changes the row during the load. The first node is behind a
/// proxy that changes the script of its fills, if `is_faulty`: a fill then needs no lease.
fn loads_beside_changes(is_faulty: bool) -> Option<Vec<usize>> {
    const LEASE: &str = "slot(KEYS[1]) ~= ARGV[1] or current(KEYS[2], ARGV[5]) ~= ARGV[1]:sub(2, 9)";
    let server = RedisServer::start(&[])?;
    let proxy = if is_faulty {
        Proxy::start_rewriting(server.socket(), LEASE, "false")
    } else {
        Proxy::start(server.socket())
    };
    // A load whose lease request has no answer in time is not stored.
    let options = "staleness=100ms&request_timeout=20s";
    let nodes = [open(&proxy.url(options)), open(&server.url(options))];
    for node in &nodes {
        eventually("the node is connected", || node.numbers.insert(&u64::MAX, 0).is_ok());
    }
    let (database, ends) = (Database::new(), AtomicBool::new(false));
    for at in 0..KEYS {
        let load = || {
            let number = database.load(at);
            database.change(at, &nodes[1].numbers, &ends);
            Ok::<_, std::io::Error>(number)
        };
        assert_eq!(nodes[0].numbers.get_or_load(&(at as u64), load).unwrap().as_ref(), &0);
    }
    pause(BOUND);
    Some(database.stale_at_rest(&nodes))
}

/// The environment variable that makes a process of the test binary run the trial with the planted fault.
const IS_FAULTY: &str = "LARDER_REDIS_FAULTY_FILL";

#[test]
#[ignore = "a process of the test below"]
fn a_trial_with_a_faulty_fill() {
    if std::env::var(IS_FAULTY).is_err() {
        return;
    }
    let Some(stale) = loads_beside_changes(true) else { return };
    assert_eq!(stale, (0..KEYS).collect::<Vec<_>>(), "the judge has not seen the planted fault");
}

/// The trial with the fault runs in its own process, because all clients of a process share the digest of a
/// script.
#[test]
fn a_fill_without_its_lease_is_caught_at_rest() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "cache_judge::a_trial_with_a_faulty_fill"]).env(IS_FAULTY, "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(loads_beside_changes(false).unwrap_or_default(), [0; 0]);
}
