//! Processes that share a cache over Redis: larder's near cache, or plain cache-aside with the crate `redis`.
//!
//! Each process is a child of the bench program. Its plan is a JSON file. The child warms up, prints `ready`,
//! waits for the file `go` beside its plan, makes its requests, and prints what it has done.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder::{Cache, Keyspace};
use redis::{Client, Commands, Connection};
use serde::{Deserialize, Serialize};

use crate::child::{Process, task};
use crate::peers::fjall::{decode, encode};
use crate::peers::pinned::Pinned;
use crate::stopwatch::{Stopwatch, pause};
use crate::workload::{PAGES, Page, Spread, key};

type NodeError = Box<dyn Error>;

/// Lifetime of a value that cache-aside stores: the same as that of [`PAGES`].
pub(crate) const TTL_SECONDS: u64 = 24 * 3600;
/// Time limit of a cache-aside request: the same as larder's default.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Number of requests in the stream of a process. The process repeats its stream.
const STREAM: usize = 1 << 18;
/// One request in this many is a write.
const WRITE_EVERY: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// A process that is behind its rate by more than this time gives up the missed requests.
const MAX_BEHIND: Duration = Duration::from_millis(20);

/// How a process uses the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// larder, with per-key tracking.
    PerKey,
    /// larder, with broadcast tracking.
    Broadcast,
    /// Cache-aside: `GET`, and after a miss a load and `SETEX`. Each process has one connection, and keeps
    /// nothing in memory.
    Aside,
}

impl Way {
    /// All ways, larder's default first.
    pub const ALL: [Self; 3] = [Self::PerKey, Self::Broadcast, Self::Aside];

    /// Returns the name of the contestant.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerKey => "larder",
            Self::Broadcast => "larder, broadcast",
            Self::Aside => "redis, cache-aside",
        }
    }

    /// Returns whether the requests of this way are scripts.
    #[must_use]
    pub const fn has_scripts(self) -> bool {
        !matches!(self, Self::Aside)
    }

    /// Returns the URL of a cache on the server with this socket.
    #[must_use]
    pub fn url(self, socket: &Path, memory: &str) -> String {
        let tracking = if self == Self::Broadcast { "broadcast" } else { "per-key" };
        format!("redis+unix://{}?prefix=bench&memory={memory}&tracking={tracking}", socket.display())
    }

    /// Connects to the server.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn connect(self, socket: &Path, memory: &str) -> Result<Node, NodeError> {
        if self == Self::Aside {
            return Ok(Node::Aside(Aside { socket: socket.to_owned(), connection: Some(connect(socket)?) }));
        }
        let cache = larder_redis::open_url(&self.url(socket, memory))?;
        Ok(Node::Larder { pages: cache.keyspace(PAGES)?, cache })
    }
}

/// Connects the crate `redis` to a server.
///
/// # Errors
/// Fails if the server does not answer.
pub fn connect(socket: &Path) -> Result<Connection, NodeError> {
    let connection = Client::open(format!("redis+unix://{}", socket.display()))?.get_connection()?;
    connection.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    Ok(connection)
}

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A write stores the new value.
    Store,
    /// A write removes the entry, and the next lookup loads the value again.
    Remove,
}

/// A connected process.
#[expect(missing_debug_implementations, reason = "a connection has none")]
pub enum Node {
    /// larder.
    Larder {
        /// The cache.
        cache: Cache,
        /// The keyspace of pages.
        pages: Keyspace<String, Page>,
    },
    /// Plain cache-aside.
    Aside(Aside),
}

/// The connection of plain cache-aside. After an error, the next request connects again.
#[expect(missing_debug_implementations, reason = "a connection has none")]
pub struct Aside {
    socket: PathBuf,
    connection: Option<Connection>,
}

impl Aside {
    /// Makes a request. After an error, drops the connection.
    fn ask<T>(&mut self, request: impl FnOnce(&mut Connection) -> redis::RedisResult<T>) -> Option<T> {
        if self.connection.is_none() {
            self.connection = connect(&self.socket).ok();
        }
        let answer = request(self.connection.as_mut()?);
        if answer.is_err() {
            self.connection = None;
        }
        answer.ok()
    }

    fn get(&mut self, key: &str) -> bool {
        let found = self.ask(|connection| connection.get::<_, Option<Vec<u8>>>(key)).flatten();
        found.is_some_and(|bytes| decode(&bytes).is_some())
    }
}

impl Node {
    /// Looks up a page, and loads it after a miss. Returns whether it was loaded.
    ///
    /// # Panics
    /// Panics if the load fails.
    pub fn lookup(&mut self, number: usize) -> bool {
        let key = key(number);
        match self {
            Self::Larder { pages, .. } => {
                let mut is_loaded = false;
                let load = || {
                    is_loaded = true;
                    Ok::<_, larder::Error>(Page::of(number))
                };
                pages.get_or_load(&key, load).expect("the load does not fail");
                is_loaded
            }
            Self::Aside(aside) => {
                if aside.get(&key) {
                    return false;
                }
                let page = encode(&Page::of(number));
                let _ = aside.ask(|connection| connection.set_ex::<_, _, ()>(&key, page, TTL_SECONDS));
                true
            }
        }
    }

    /// Looks up a page. Returns whether it was found.
    pub fn get(&mut self, number: usize) -> bool {
        let key = key(number);
        match self {
            Self::Larder { pages, .. } => pages.get(&key).is_some(),
            Self::Aside(aside) => aside.get(&key),
        }
    }

    /// Makes a write. Returns whether the server has acknowledged it.
    pub fn change(&mut self, number: usize, change: Change) -> bool {
        let key = key(number);
        match (self, change) {
            (Self::Larder { pages, .. }, Change::Store) => pages.insert(&key, Page::of(number)).is_ok(),
            (Self::Larder { pages, .. }, Change::Remove) => pages.remove(&key).is_ok(),
            (Self::Aside(aside), Change::Store) => {
                let page = encode(&Page::of(number));
                aside.ask(|connection| connection.set_ex::<_, _, ()>(&key, page, TTL_SECONDS)).is_some()
            }
            (Self::Aside(aside), Change::Remove) => {
                aside.ask(|connection| connection.del::<_, u64>(&key)).is_some()
            }
        }
    }
}

/// The work of one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// How the process uses the server.
    pub way: Way,
    /// The server's socket.
    pub socket: PathBuf,
    /// The number of the process, which is also the number of its request stream.
    pub node: u64,
    /// Number of keys.
    pub keys: usize,
    /// What a write does.
    pub change: Change,
    /// Whether the process looks up all keys before the measurement.
    pub is_warmed: bool,
    /// Duration of the measurement.
    pub time: Duration,
    /// Requests per second, or `None` for as many as the process can make one after another.
    pub rate: Option<f64>,
}

/// What one process has done.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Done {
    /// Number of lookups and writes.
    pub requests: f64,
    /// Number of loads.
    pub loads: f64,
    /// Number of writes that the server has not acknowledged.
    pub failed_writes: f64,
    /// Duration of the measurement in seconds.
    pub seconds: f64,
    /// Duration of the longest request in seconds.
    pub longest: f64,
}

/// If this process is the child of a bench, does the work of its plan. Returns `false` if this process is not
/// a child.
///
/// # Errors
/// Fails if the server does not answer.
#[expect(clippy::print_stdout, reason = "the parent reads what its child prints")]
pub fn run_if_child() -> Result<bool, NodeError> {
    let Some(file) = task() else { return Ok(false) };
    let plan: Plan = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let _pinned = Pinned::to(1);
    let mut node = plan.way.connect(&plan.socket, "128MiB")?;
    let numbers = Spread::Zipf.numbers(plan.keys, STREAM, plan.node);
    let numbers: Vec<usize> = numbers.into_iter().map(|number| number as usize).collect();
    if plan.is_warmed {
        for number in 0..plan.keys {
            node.lookup(number);
        }
    }
    println!("ready");
    while !file.with_file_name("go").exists() {
        pause(BETWEEN_LOOKS);
    }
    println!("{}", serde_json::to_string(&work(&mut node, &plan, &numbers))?);
    Ok(true)
}

fn work(node: &mut Node, plan: &Plan, numbers: &[usize]) -> Done {
    let (watch, mut done, mut longest) = (Stopwatch::start(), Done::default(), Duration::ZERO);
    let between = plan.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
    let mut due = Duration::ZERO;
    for (place, number) in numbers.iter().cycle().enumerate() {
        let mut began = watch.elapsed();
        while began < due {
            pause(due.saturating_sub(began).min(BETWEEN_LOOKS));
            began = watch.elapsed();
        }
        if began >= plan.time {
            break;
        }
        due = (due + between).max(began.saturating_sub(MAX_BEHIND));
        if place % WRITE_EVERY == WRITE_EVERY - 1 {
            done.failed_writes += f64::from(u8::from(!node.change(*number, plan.change)));
        } else {
            done.loads += f64::from(u8::from(node.lookup(*number)));
        }
        done.requests += 1.0;
        longest = longest.max(watch.elapsed().saturating_sub(began));
    }
    (done.seconds, done.longest) = (watch.elapsed().as_secs_f64(), longest.as_secs_f64());
    done
}

/// Running processes, which have warmed up.
#[derive(Debug)]
pub struct Nodes {
    processes: Vec<Process>,
    dir: PathBuf,
}

impl Nodes {
    /// Starts `count` processes with the same plan, and waits until all have warmed up.
    ///
    /// # Errors
    /// Fails if a process does not start, or does not reach the server.
    pub fn start(dir: &Path, count: u64, plan: &Plan) -> Result<Self, NodeError> {
        fs::create_dir_all(dir)?;
        let _ = fs::remove_file(dir.join("go"));
        let mut nodes = Self { processes: Vec::new(), dir: dir.to_owned() };
        for node in 0..count {
            let file = dir.join(format!("node-{node}.json"));
            fs::write(&file, serde_json::to_string(&Plan { node, ..plan.clone() })?)?;
            nodes.processes.push(Process::start(&file)?);
        }
        for process in &mut nodes.processes {
            if process.line()? != "ready" {
                return Err("a process has not reached the server".into());
            }
        }
        Ok(nodes)
    }

    /// Lets the processes begin.
    ///
    /// # Errors
    /// Fails if the file that gives the signal can't be written.
    pub fn go(&self) -> Result<(), NodeError> {
        Ok(fs::write(self.dir.join("go"), "")?)
    }

    /// Waits until all processes have ended. Returns what they have done together.
    ///
    /// # Errors
    /// Fails if a process has failed.
    pub fn finish(mut self) -> Result<Done, NodeError> {
        let mut sum = Done::default();
        for process in &mut self.processes {
            let done: Done = serde_json::from_str(&process.line()?)?;
            sum.requests += done.requests;
            sum.loads += done.loads;
            sum.failed_writes += done.failed_writes;
            sum.seconds = sum.seconds.max(done.seconds);
            sum.longest = sum.longest.max(done.longest);
        }
        Ok(sum)
    }
}
