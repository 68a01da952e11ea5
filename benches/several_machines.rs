//! Measures larder over Redis, compared with plain cache-aside over the same socket: with the crates
//! `redis` and `fred`, and with django-redis.
//!
//! The server runs on the first processor, and all clients on the second. So larder's clients share one
//! processor while the server has little to do. Many machines would make more requests.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use larder::{Cache, Keyspace};
use larder_benches::clients::{DJANGO, Django, Fred};
use larder_benches::memory::index_after;
use larder_benches::nodes::{Change, Node, Nodes, Plan, Way, run_if_child};
use larder_benches::peers::pinned::Pinned;
use larder_benches::redis_info::{InfoReader, RedisCounters};
use larder_benches::served::RespServer;
use larder_benches::stopwatch::{Stopwatch, nanos_each, pause};
use larder_benches::{Against, Contest, Measured, PAGES, Pace, Page, Spread, Unit, in_threads, key, time};
use rustix::process::{Pid, Signal, kill_process};

type Failed = Box<dyn Error>;

const TERMS: &str = "none";
const MEMORY: &str = "128MiB";
const NODES: u64 = 4;
/// Number of keys that the processes share.
const KEYS: usize = 10_000;
/// Number of lookups in memory in a turn.
const HITS: usize = 400_000;
/// Number of lookups at the server in a turn.
const LOOKUPS: usize = 4_000;
/// Number of keys that each client reads to measure the memory of tracking.
const TRACKED: usize = 50_000;
/// Keys from this number on are missing until a turn loads them.
const FIRST_MISSING: usize = 1_000_000;
/// Requests per second of each process in a measurement with a stall.
const RATE: f64 = 2_000.0;
const SECOND: Duration = Duration::from_secs(1);
/// Number of seconds that are watched after a stall.
const WATCHED: u32 = 5;

fn main() -> Result<(), Failed> {
    if run_if_child()? {
        return Ok(());
    }
    let Some(pace) = Pace::of_program("several_machines") else { return Ok(()) };
    let dir = tempfile::tempdir()?;
    let server = RespServer::redis(&dir.path().join("redis"), "Redis", TERMS, &["--appendonly", "no"])?;
    near_hits(&pace, &server)?;
    at_the_server(&pace, &server)?;
    for (change, said) in [(Change::Store, "writes store"), (Change::Remove, "writes remove")] {
        four_processes(&pace, &server, dir.path(), (change, said))?;
    }
    for (stall, said) in [(1_500, "1.5 s"), (4_000, "4 s")] {
        stalls(&pace, &server, dir.path(), (Duration::from_millis(stall), said))?;
    }
    tracking_memory(&pace, &server);
    Ok(())
}

fn near_hits(pace: &Pace, server: &RespServer) -> Result<(), Failed> {
    const ROW: &str = "near-hit";
    let over = larder_redis::open_url(&Way::PerKey.url(server.socket(), MEMORY))?;
    let alone = Cache::builder().memory_capacity(larder::ByteSize::mib(128)).open()?;
    let requests = Spread::Zipf.requests();
    let both = [over.keyspace(PAGES)?, alone.keyspace(PAGES)?];
    for pages in &both {
        for key in &requests {
            pages.get_or_load(key, || Ok::<_, larder::Error>(Page::of(0)))?;
        }
        // Memory keeps an entry that this process has read, but not one that it has only stored.
        for key in &requests {
            drop(pages.get(key));
        }
    }
    for (threads, said_threads) in [(1, "1 thread"), (2, "2 threads")] {
        for (is_dependent, order) in [(false, "independent"), (true, "dependent")] {
            let said = format!("{said_threads}, {order}");
            if !pace.wants(ROW, &said) {
                continue;
            }
            let mut contest = Contest::new(ROW, "Over Redis: a hit in memory", said, Unit::NanosPerOperation);
            for (name, pages) in ["larder", "larder, memory only"].into_iter().zip(&both) {
                let requests = &requests;
                contest.contestant(name, "memory only", move || {
                    let each = pace.pick(HITS, HITS / 10);
                    let elapsed = in_threads(threads, |thread| {
                        let hits = hits(pages, requests, (thread * 1_000, each), is_dependent);
                        assert_eq!(hits, each, "a miss");
                    });
                    nanos_each(elapsed, each)
                });
            }
            contest.target(Against::peer("larder, memory only"), 1.0, "1.0 × a cache in memory alone");
            contest.run(pace);
        }
    }
    over.close()?;
    Ok(alone.close()?)
}

/// Looks up `count` keys of a cyclic stream from index `from` on. Returns the number of hits. The key of a
/// dependent lookup depends on the value of the previous one.
fn hits(
    pages: &Keyspace<String, Page>,
    requests: &[String],
    (from, count): (usize, usize),
    is_dependent: bool,
) -> usize {
    if !is_dependent {
        let own = requests.iter().cycle().skip(from).take(count);
        return own.filter(|key| pages.get(*key).is_some()).count();
    }
    let (mut at, mut hits) = (from % requests.len(), 0);
    for _ in 0..count {
        let Some(key) = requests.get(at) else { break };
        let read = pages.get(key).map_or(0, |page| page.text.len());
        hits += usize::from(read > 0);
        at = index_after(at, read, requests.len());
    }
    hits
}

fn at_the_server(pace: &Pace, server: &RespServer) -> Result<(), Failed> {
    const ROW: &str = "remote-get";
    let (count, missing) = (pace.pick(LOOKUPS, LOOKUPS / 10), Cell::new(FIRST_MISSING));
    prefill(server, count)?;
    for (said, is_stored) in [("found", true), ("missing, then loaded and stored", false)] {
        if !pace.wants(ROW, said) {
            continue;
        }
        let mut contest =
            Contest::new(ROW, "Over Redis: a lookup at the server", said, Unit::NanosPerOperation);
        for way in Way::ALL {
            let missing = &missing;
            contest.contestant(way.name(), TERMS, move || {
                let _pinned = Pinned::to(1);
                // A new connection has nothing in memory.
                let mut node = way.connect(server.socket(), MEMORY).expect("the server runs");
                let first = if is_stored { 0 } else { missing.replace(missing.get() + count) };
                let mut loads = 0;
                let elapsed = time(|| {
                    loads = (first..first + count).filter(|number| node.lookup(*number)).count();
                });
                assert_eq!(loads, if is_stored { 0 } else { count }, "loads");
                nanos_each(elapsed, count)
            });
        }
        let first = || if is_stored { 0 } else { missing.replace(missing.get() + count) };
        other_clients(&mut contest, server, first, (count, if is_stored { 0 } else { count }));
        contest.note(
            "One lookup after another, over a Unix socket. `fred` runs in a tokio runtime on the caller's thread. \
             django-redis runs in Python, which measures its own time.",
        );
        contest.run(pace);
    }
    Ok(())
}

/// Adds the contestants fred and django-redis. `first` returns the number of the first page of a round.
fn other_clients<'a>(
    contest: &mut Contest<'a>,
    server: &'a RespServer,
    first: impl Fn() -> usize + Clone + 'a,
    (count, loads): (usize, usize),
) {
    let next = first.clone();
    contest.contestant("fred", TERMS, move || {
        let _pinned = Pinned::to(1);
        let fred = Fred::connect(server.socket()).expect("the server runs");
        let (first, mut loaded) = (next(), 0);
        let elapsed = time(|| {
            let numbers = first..first + count;
            loaded = numbers.filter(|number| fred.lookup(*number).expect("the server runs")).count();
        });
        assert_eq!(loaded, loads, "loads");
        nanos_each(elapsed, count)
    });
    let pinned = Pinned::to(1);
    let django = Django::start(server.socket());
    drop(pinned);
    // Stores the pages of the setting in which all are found.
    match django.and_then(|mut django| django.lookups(0, count).map(|_| django)) {
        Ok(mut django) => contest.contestant(DJANGO, TERMS, move || {
            let (nanos, loaded) = django.lookups(first(), count).expect("the server runs");
            assert_eq!(loaded, loads, "loads");
            nanos
        }),
        Err(reason) => contest.skipped(DJANGO, &reason.to_string()),
    }
}

/// Stores the keys below `keys`, for larder and for cache-aside.
fn prefill(server: &RespServer, keys: usize) -> Result<(), Failed> {
    for way in [Way::PerKey, Way::Aside] {
        let mut node = way.connect(server.socket(), MEMORY)?;
        for number in 0..keys {
            if !node.change(number, Change::Store) {
                return Err(format!("{} is not stored", key(number)).into());
            }
        }
    }
    Ok(())
}

fn plan(server: &RespServer, way: Way, change: Change) -> Plan {
    Plan {
        way,
        socket: server.socket().to_owned(),
        node: 0,
        keys: KEYS,
        change,
        is_warmed: way != Way::Aside,
        time: SECOND,
        rate: None,
    }
}

fn four_processes(
    pace: &Pace,
    server: &RespServer,
    dir: &Path,
    (change, said): (Change, &str),
) -> Result<(), Failed> {
    const ROW: &str = "four-processes";
    if !pace.wants(ROW, said) {
        return Ok(());
    }
    prefill(server, KEYS)?;
    let mut contest = Contest::new(ROW, "Over Redis: four processes", said, Unit::OperationsPerSecond);
    for way in Way::ALL {
        contest.contestant(way.name(), TERMS, move || {
            let plan = Plan { time: SECOND * pace.pick(3, 1), ..plan(server, way, change) };
            let nodes = Nodes::start(&dir.join("nodes"), NODES, &plan).expect("the server runs");
            let mut info = InfoReader::new(server.socket()).expect("the server runs");
            let (before, used) = (info.read().expect("the server runs"), server.processor_nanos());
            nodes.go().expect("the processes run");
            let done = nodes.finish().expect("the processes run");
            let (after, used_after) = (info.read().expect("the server runs"), server.processor_nanos());
            let used = used_after.expect("the server runs") - used.expect("the server runs");
            let all = done.requests;
            let by_100 = |count: f64| 100.0 * count / all;
            let at_server = after.requests(way.has_scripts()) - before.requests(way.has_scripts());
            let bytes = |name| after.since(&before, name) / at_server;
            Measured::new(all / done.seconds)
                .also("at Redis, of 100", Unit::Count, by_100(at_server))
                .also("loads, of 100", Unit::Count, by_100(done.loads))
                .also("bytes to Redis, each", Unit::BytesPerEntry, bytes("total_net_input_bytes"))
                .also("bytes from Redis, each", Unit::BytesPerEntry, bytes("total_net_output_bytes"))
                .also("Redis' processor, each", Unit::NanosPerOperation, used / at_server)
        });
    }
    contest.target(Against::peer(Way::Aside.name()), 1.0, "1.0 × cache-aside");
    contest.note(format!(
        "{NODES} processes of one thread each, on one processor; Zipf 0.99 over {KEYS} keys; every 20th request is \
         a write. \"Each\" is for each request that Redis got, pushes included."
    ));
    contest.run(pace);
    Ok(())
}

/// Numbers of requests that the server got before and after a stall.
struct Stall {
    /// Number of requests in the second before the stall.
    before: f64,
    /// Number of requests in each second after the stall.
    after: Vec<f64>,
    /// Number of requests in the busiest tenth of a second after the stall.
    busiest: f64,
}

/// Stops the server for a time, while the processes make their requests.
fn stop_and_watch(server: &RespServer, stall: Duration, has_scripts: bool) -> Result<Stall, Failed> {
    let mut info = InfoReader::new(server.socket())?;
    let requests = |counters: &RedisCounters| counters.requests(has_scripts);
    pause(SECOND / 2);
    let earlier = requests(&info.read()?);
    pause(SECOND);
    let stopped_at = requests(&info.read()?);
    let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw).ok_or("no process id")?;
    kill_process(id, Signal::STOP)?;
    pause(stall);
    kill_process(id, Signal::CONT)?;
    let (watch, mut counts) = (Stopwatch::start(), vec![stopped_at]);
    for tenth in 1..=WATCHED * 10 {
        pause((SECOND / 10 * tenth).saturating_sub(watch.elapsed()));
        counts.push(requests(&info.read()?));
    }
    let tenths: Vec<f64> =
        counts.windows(2).filter_map(|pair| pair.iter().rev().copied().reduce(|a, b| a - b)).collect();
    Ok(Stall {
        before: stopped_at - earlier,
        after: tenths.chunks(10).map(|second| second.iter().sum()).collect(),
        busiest: tenths.iter().copied().fold(0.0, f64::max),
    })
}

fn stalls(
    pace: &Pace,
    server: &RespServer,
    dir: &Path,
    (stall, said): (Duration, &str),
) -> Result<(), Failed> {
    const ROW: &str = "redis-stall";
    if !pace.wants(ROW, said) {
        return Ok(());
    }
    prefill(server, KEYS)?;
    let pace = &pace.rounds(3);
    let title = "Over Redis: a stall of the server";
    let mut contest = Contest::new(ROW, title, said, Unit::Count).without_warm_up();
    for way in Way::ALL {
        contest.contestant(way.name(), TERMS, move || {
            let time = SECOND * 2 + stall + SECOND * WATCHED;
            let plan = Plan { time, rate: Some(RATE), ..plan(server, way, Change::Store) };
            let nodes = Nodes::start(&dir.join("nodes"), NODES, &plan).expect("the server runs");
            nodes.go().expect("the processes run");
            let stall = stop_and_watch(server, stall, way.has_scripts()).expect("the server runs");
            let done = nodes.finish().expect("the processes run");
            let after = |second: usize| stall.after.get(second).copied().unwrap_or(f64::NAN);
            Measured::new(after(0))
                .also("in the second before", Unit::Count, stall.before)
                .also("2nd second after", Unit::Count, after(1))
                .also("5th second after", Unit::Count, after(4))
                .also("busiest 0.1 s after", Unit::Count, stall.busiest)
                .also("loads", Unit::Count, done.loads)
                .also("failed writes", Unit::Count, done.failed_writes)
                .also("longest request", Unit::Milliseconds, done.longest * 1e3)
        });
    }
    contest.note(format!(
        "Requests that Redis got in the first second after SIGCONT. {NODES} processes offer {RATE} requests a second \
         each, 95 % lookups; a process that waits gives up the requests that it misses. All keys are stored, so each \
         load is one that the stall has caused."
    ));
    contest.run(pace);
    Ok(())
}

fn tracking_memory(pace: &Pace, server: &RespServer) {
    const ROW: &str = "tracking-memory";
    let said = "each key read by each client";
    if !pace.wants(ROW, said) {
        return;
    }
    let keys = pace.pick(TRACKED, TRACKED / 10);
    let mut contest =
        Contest::new(ROW, "Over Redis: memory for tracking", said, Unit::BytesPerEntry).without_warm_up();
    for (name, way, clients, loads) in [
        ("larder", Way::PerKey, 1, true),
        ("larder, 4 clients", Way::PerKey, 4, true),
        ("larder, get alone", Way::PerKey, 1, false),
        ("larder, get alone, 4 clients", Way::PerKey, 4, false),
        ("larder, broadcast, 4 clients", Way::Broadcast, 4, true),
    ] {
        contest.contestant(name, TERMS, move || {
            let _pinned = Pinned::to(1);
            let mut info = InfoReader::new(server.socket()).expect("the server runs");
            info.flush().expect("the server runs");
            prefill(server, keys).expect("the server runs");
            let connect = |_| way.connect(server.socket(), MEMORY).expect("the server runs");
            let mut nodes: Vec<Node> = (0..clients).map(connect).collect();
            let before = info.read().expect("the server runs");
            for node in &mut nodes {
                for number in 0..keys {
                    assert!(if loads { !node.lookup(number) } else { node.get(number) }, "not stored");
                }
            }
            let after = info.read().expect("the server runs");
            let count = f64::from(u32::try_from(keys).expect("few keys"));
            let each = |name| after.since(&before, name) / count;
            Measured::new(each("used_memory"))
                .also("tracked keys, each", Unit::Count, each("tracking_total_keys"))
                .also("tracked items, each", Unit::Count, each("tracking_total_items"))
        });
    }
    contest.note("Memory of Redis for each key of the cache, beyond the entry. `get_or_load` also tracks the key's fences.");
    contest.run(&pace.rounds(1));
}
