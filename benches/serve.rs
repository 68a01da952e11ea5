//! Measures `larder serve` and redis-server over a Unix socket. Each server runs on the first processor, and
//! the client on the second.
//!
//! redis-benchmark measures the throughput. The report also shows the processor time per request, over all
//! threads of the server. The tail latency is measured at a fixed rate: half of the slower server's
//! throughput.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is the purpose of a bench program")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use larder_benches::open_loop::OfferedRate;
use larder_benches::served::{ECHO, Requests, RespServer, run_if_child};
use larder_benches::{Against, Contest, Measured, Pace, Spread, Unit};

const ROW: &str = "serve";
const TITLE: &str = "A server for several processes";
/// Number of random keys, as in `redis-benchmark -r`.
const KEYS: usize = 1_000_000;
/// Number of keys for `DEL`. The keys are stored again before each turn.
const REMOVED: usize = 20_000;
/// Number of keys that larder holds in memory while it is compared with an echo.
const FEW_KEYS: usize = 1_000;
const OURS: &str = "larder";
const PEER: &str = "Redis";
const EVERYSEC: &str = "Redis, everysec";
const CPU: &str = "processor time for each";

#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    words: &'static [&'static str],
    /// Approximate number of requests per second in a turn.
    rate: usize,
}

const GET: Kind = Kind { name: "GET", words: &["GET", "key:__rand_int__"], rate: 100_000 };
const SET: Kind = Kind { name: "SET", words: &["SET", "key:__rand_int__", "xxx"], rate: 60_000 };
const INCR: Kind = Kind { name: "INCR", words: &["INCR", "counter:__rand_int__"], rate: 50_000 };
const MGET: Kind = Kind {
    name: "MGET of 10 keys",
    words: &[
        "MGET",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
        "key:__rand_int__",
    ],
    rate: 30_000,
};

impl Kind {
    /// Returns the requests of a turn. A single connection is about eight times slower than many.
    fn requests(self, pace: &Pace, connections: usize, pipeline: usize) -> Requests {
        let count = self.rate * pipeline.min(4) / if connections == 1 { 8 } else { 1 };
        let words = self.words.iter().map(|&word| word.to_owned()).collect();
        Requests { connections, pipeline, count: count / pace.pick(1, 10), words, keys: KEYS }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if run_if_child()? {
        return Ok(());
    }
    let Some(pace) = Pace::of_program("serve") else { return Ok(()) };
    let pace = pace.rounds(5);
    let dir = tempfile::tempdir()?;
    let larder = RespServer::larder(&dir.path().join("larder"))?;
    let redis = RespServer::redis(&dir.path().join("redis"), PEER, "none", &["--appendonly", "no"]);
    let redis = match redis {
        Ok(redis) => Some(redis),
        Err(error) => {
            println!("{error}");
            None
        }
    };
    let servers: Vec<&RespServer> = [Some(&larder), redis.as_ref()].into_iter().flatten().collect();
    for kind in [GET, SET, INCR, MGET] {
        for connections in [1, 50, 500] {
            let setting = format!("{}, {}", kind.name, of_connections(connections));
            throughput(&pace, &servers, &setting, &[kind.requests(&pace, connections, 1)], 1.0);
        }
    }
    alone(&pace, &servers);
    for connections in [50, 500] {
        let setting = format!("90 % GET and 10 % SET, {}", of_connections(connections));
        throughput(&pace, &servers, &setting, &mixed(&pace, connections, 1), 1.0);
    }
    for (kind, at_least) in [(GET, 0.8), (SET, 0.5), (INCR, 0.5)] {
        let setting = format!("{}, 50 connections, pipelines of 16", kind.name);
        throughput(&pace, &servers, &setting, &[kind.requests(&pace, 50, 16)], at_least);
    }
    tail(&pace, &servers)?;
    beside_echo(&pace, &larder, &dir.path().join("echo"))?;
    drop(redis);
    drop(larder);
    like_for_like(&pace, dir.path());
    removals(&pace, dir.path());
    Ok(())
}

/// Returns the requests of a turn with 90 % `GET` and 10 % `SET`.
fn mixed(pace: &Pace, connections: usize, pipeline: usize) -> [Requests; 2] {
    // The connections are divided in the same ratio as the requests.
    let mut sets = SET.requests(pace, connections / 10, pipeline);
    let mut gets = GET.requests(pace, connections - connections / 10, pipeline);
    (gets.count, sets.count) = (gets.count * 9 / 10, gets.count / 10);
    [gets, sets]
}

fn of_connections(count: usize) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") }
}

fn throughput(pace: &Pace, servers: &[&RespServer], setting: &str, kinds: &[Requests], at_least: f64) {
    if !pace.wants(ROW, setting) {
        return;
    }
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::OperationsPerSecond);
    for server in servers {
        contest.contestant(server.name(), server.terms(), || {
            let (rate, cpu) = server.closed_loop(kinds).expect("the server and redis-benchmark run");
            Measured::new(rate).also(CPU, Unit::NanosPerOperation, cpu)
        });
    }
    compare(&mut contest, servers, at_least);
    contest
        .note("A turn lasts about a second. larder's write buffer holds about 150,000 of its small entries.");
    contest.run(pace);
}

/// Measures both servers under about the same durability: in memory alone, and with all writes on disk soon.
/// The other contests compare larder with a file and Redis without one. These contests have no target.
fn like_for_like(pace: &Pace, dir: &Path) {
    type Started = Result<RespServer, Box<dyn Error>>;
    type Pair<'a> = (&'static str, &'a dyn Fn() -> [Started; 2]);
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let memory = || {
        let redis = RespServer::redis(&dir.join("unsaved"), PEER, "none", &["--appendonly", "no"]);
        [RespServer::larder_in_memory(&dir.join("unsaved")), redis]
    };
    let disk = || {
        let redis = RespServer::redis(&dir.join("saved"), EVERYSEC, "on disk within a second", &everysec);
        [RespServer::larder(&dir.join("saved")), redis]
    };
    let pairs: [Pair<'_>; 2] = [("both in memory alone", &memory), ("both on disk soon", &disk)];
    for (durability, start) in pairs {
        let settings: Vec<(String, Vec<Requests>)> = [1, 16]
            .into_iter()
            .flat_map(|pipeline| {
                let each = |kind: Kind| (kind.name, vec![kind.requests(pace, 50, pipeline)]);
                let both = ("90 % GET and 10 % SET", mixed(pace, 50, pipeline).to_vec());
                [each(SET), each(INCR), both].map(|(name, mut requests)| {
                    // Half a turn, because these contests have no target.
                    for requests in &mut requests {
                        requests.count /= 2;
                    }
                    let pipelines = if pipeline == 1 { "" } else { ", pipelines of 16" };
                    (format!("{name}, 50 connections{pipelines}, {durability}"), requests)
                })
            })
            .filter(|(setting, _)| pace.wants(ROW, setting))
            .collect();
        if settings.is_empty() {
            continue;
        }
        let servers = start();
        for (setting, requests) in &settings {
            let mut contest = Contest::new(ROW, TITLE, setting, Unit::OperationsPerSecond);
            for server in &servers {
                match server {
                    Err(error) => contest.skipped(PEER, &error.to_string()),
                    Ok(server) => contest.contestant(server.name(), server.terms(), || {
                        let (rate, cpu) =
                            server.closed_loop(requests).expect("the server and redis-benchmark run");
                        Measured::new(rate).also(CPU, Unit::NanosPerOperation, cpu)
                    }),
                }
            }
            contest.run(pace);
        }
    }
}

/// Measures 90 % `GET` and 10 % `SET` over one connection.
fn alone(pace: &Pace, servers: &[&RespServer]) {
    let setting = "90 % GET and 10 % SET, 1 connection";
    if !pace.wants(ROW, setting) {
        return;
    }
    let requests: Vec<Vec<u8>> = Spread::Uniform
        .numbers(KEYS, GET.requests(pace, 1, 1).count, 0)
        .into_iter()
        .enumerate()
        .map(|(place, number)| {
            let key = format!("key:{number:012}");
            let text = if place % 10 == 9 {
                format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$3\r\nxxx\r\n", key.len())
            } else {
                format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len())
            };
            text.into_bytes()
        })
        .collect();
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::OperationsPerSecond);
    for server in servers {
        let requests = &requests;
        contest.contestant(server.name(), server.terms(), move || {
            let (rate, cpu) = server.one_after_another(requests).expect("the server runs");
            Measured::new(rate).also(CPU, Unit::NanosPerOperation, cpu)
        });
    }
    compare(&mut contest, servers, 1.0);
    contest.run(pace);
}

/// Adds the target against Redis, or records that Redis does not run.
fn compare(contest: &mut Contest<'_>, servers: &[&RespServer], at_least: f64) {
    if servers.len() > 1 {
        contest.target(Against::peer(PEER), at_least, &format!("{at_least:.1} × Redis"));
    } else {
        contest.skipped(PEER, "redis-server does not start");
    }
}

/// Measures `GET` of keys that are all in memory, beside a server that replies without looking anything up.
fn beside_echo(pace: &Pace, larder: &RespServer, dir: &Path) -> Result<(), Box<dyn Error>> {
    for connections in [1, 50] {
        let setting = format!("GET of keys in memory, {}, beside an echo", of_connections(connections));
        if !pace.wants(ROW, &setting) {
            continue;
        }
        let echo = RespServer::echo(&dir.join(connections.to_string()))?;
        let mut stored = SET.requests(pace, 50, 1);
        (stored.keys, stored.count) = (FEW_KEYS, 20 * FEW_KEYS);
        larder.closed_loop(&[stored])?;
        let gets = Requests { keys: FEW_KEYS, ..GET.requests(pace, connections, 1) };
        let mut contest = Contest::new(ROW, TITLE, setting, Unit::OperationsPerSecond);
        for server in [larder, &echo] {
            let gets = &gets;
            contest.contestant(server.name(), server.terms(), move || {
                let (rate, cpu) = server
                    .closed_loop(std::slice::from_ref(gets))
                    .expect("the server and redis-benchmark run");
                Measured::new(rate).also(CPU, Unit::NanosPerOperation, cpu)
            });
        }
        contest.target(
            Against::peer(ECHO),
            1.0 / 1.5,
            "at most 1.5 × an echo of the same frames in the same runtime",
        );
        contest.note(
            "The echo is a server of a few lines in tokio, on one thread, which reads the same requests and replies \
             the same bytes to each.",
        );
        contest.run(pace);
    }
    Ok(())
}

/// Measures the 99th percentile of `GET` and `SET` at a rate that both servers reach.
fn tail(pace: &Pace, servers: &[&RespServer]) -> Result<(), Box<dyn Error>> {
    const CONNECTIONS: usize = 50;
    let kinds: [(Kind, &[u8], usize); 2] = [
        (GET, b"*2\r\n$3\r\nGET\r\n$4\r\ntail\r\n", b"$3\r\nxxx\r\n".len()),
        (SET, b"*3\r\n$3\r\nSET\r\n$4\r\ntail\r\n$3\r\nxxx\r\n", b"+OK\r\n".len()),
    ];
    for (kind, request, reply_len) in kinds {
        let setting = format!("{} at half the rate of the slower, 99th percentile", kind.name);
        if !pace.wants(ROW, &setting) {
            continue;
        }
        let mut slowest = f64::INFINITY;
        for server in servers {
            let mut stored = SET.requests(pace, 1, 1);
            (stored.count, stored.words) = (10, ["SET", "tail", "xxx"].map(str::to_owned).to_vec());
            server.closed_loop(&[stored])?;
            slowest = slowest.min(server.closed_loop(&[kind.requests(pace, CONNECTIONS, 1)])?.0);
        }
        let mut contest = Contest::new(ROW, TITLE, setting, Unit::Milliseconds);
        let time = pace.pick(Duration::from_secs(2), Duration::from_millis(300));
        let rate = OfferedRate { connections: CONNECTIONS, per_second: slowest / 2.0, time };
        for server in servers {
            contest.contestant(server.name(), server.terms(), || {
                let times = server.offered(&rate, request, reply_len).expect("the server runs");
                let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
                Measured::new(milliseconds(times.median_percentile(99)))
                    .also("of all requests", Unit::Milliseconds, milliseconds(times.percentile(99)))
                    .also("median", Unit::Milliseconds, milliseconds(times.percentile(50)))
            });
        }
        if servers.len() > 1 {
            contest.target(Against::peer(PEER), 1.0, "not above Redis'");
        }
        contest.note(format!(
            "{:.0} requests a second, over {CONNECTIONS} connections. The figure is the median over slices of \
             100 ms, because the machine pauses a processor for about a hundredth of the time.",
            rate.per_second
        ));
        contest.run(pace);
    }
    Ok(())
}

/// Measures `DEL` of one key. larder replies when the removal is durable.
fn removals(pace: &Pace, dir: &Path) {
    let setting = "DEL, 50 connections";
    if !pace.wants(ROW, setting) {
        return;
    }
    let append = |fsync| ["--appendonly", "yes", "--appendfsync", fsync];
    let servers = [
        RespServer::larder(&dir.join("larder-del")),
        RespServer::redis(
            &dir.join("always"),
            "Redis, always",
            "durable when it is answered",
            &append("always"),
        ),
        RespServer::redis(&dir.join("everysec"), EVERYSEC, "on disk within a second", &append("everysec")),
    ];
    let count = REMOVED / pace.pick(1, 10);
    let requests = |words: &[&str], pipeline| Requests {
        connections: 50,
        pipeline,
        count,
        words: words.iter().map(|&word| word.to_owned()).collect(),
        keys: count,
    };
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::OperationsPerSecond);
    for server in &servers {
        match server {
            Err(error) => contest.skipped(PEER, &error.to_string()),
            Ok(server) => {
                let terms =
                    if server.name() == OURS { "durable when it is answered" } else { server.terms() };
                contest.contestant(server.name(), terms, || {
                    let stored = requests(&["SET", "key:__rand_int__", "xxx"], 16);
                    server.closed_loop(&[stored]).expect("the server and redis-benchmark run");
                    let removed = requests(&["DEL", "key:__rand_int__"], 1);
                    let (rate, cpu) =
                        server.closed_loop(&[removed]).expect("the server and redis-benchmark run");
                    Measured::new(rate).also(CPU, Unit::NanosPerOperation, cpu)
                });
            }
        }
    }
    contest.note("Two of three keys exist: the keys are random.");
    contest.run(pace);
}
