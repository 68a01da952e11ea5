//! Servers that speak the Redis protocol, and requests to them. Each server is a process on the first
//! processor, and the requests come from the second.
//!
//! redis-benchmark sends requests as fast as replies arrive. [`offered`](RespServer::offered) sends requests
//! at a fixed rate, whether replies arrive or not.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::child::Process;
use crate::open_loop::{self, OfferedRate, RequestTimes};
use crate::peers::pinned::Pinned;
use crate::stopwatch::{now, pause, per_second};

type Failed = Box<dyn Error>;

/// Maximum number of attempts to connect to a server that is starting.
const MAX_TRIES: u32 = 400;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);
/// Unit of the processor time in `/proc/PID/stat`, in seconds. It has this value on the usual Linux
/// platforms.
const TICK: f64 = 0.01;
/// Capacities of the larder server's memory and file.
const MEMORY: larder::ByteSize = larder::ByteSize::mib(256);
const DISK: larder::ByteSize = larder::ByteSize::mib(4096);

/// Name of the server that only replies, and of its file.
pub const ECHO: &str = "echo";
/// Name of the file that stands for a larder server without a file.
const MEMORY_ONLY: &str = "memory";

/// A running server.
#[derive(Debug)]
pub struct RespServer {
    name: &'static str,
    terms: &'static str,
    socket: PathBuf,
    process: ServerProcess,
}

#[derive(Debug)]
enum ServerProcess {
    /// This program as a child process, which runs larder or the server that only replies.
    Own(Process),
    Redis(Child),
}

impl Drop for RespServer {
    fn drop(&mut self) {
        // `Process` kills its child when it is dropped.
        if let ServerProcess::Redis(child) = &mut self.process {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The requests of one redis-benchmark run.
#[derive(Debug, Clone)]
pub struct Requests {
    /// Number of connections.
    pub connections: usize,
    /// Number of requests that a connection sends before it waits for their replies.
    pub pipeline: usize,
    /// Number of requests over all connections.
    pub count: usize,
    /// The words of a request. `__rand_int__` stands for a random number of 12 digits below `keys`.
    pub words: Vec<String>,
    /// Number of random keys.
    pub keys: usize,
}

/// Runs larder, or the server that only replies, if this process is the child of a bench. Returns `false`
/// if this process is not a child.
///
/// # Errors
/// Fails if the server can't be started.
pub fn run_if_child() -> Result<bool, Failed> {
    let Some(file) = crate::child::task() else { return Ok(false) };
    if file.file_stem().is_some_and(|name| name == ECHO) {
        crate::echo::run(&file.with_extension("sock"))?;
    }
    let builder = larder::Cache::builder().memory_capacity(MEMORY);
    let cache = if file.file_stem().is_some_and(|name| name == MEMORY_ONLY) {
        builder.open()?
    } else {
        builder.path(&file).disk_capacity(DISK).open()?
    };
    let socket = file.with_extension("sock");
    let _server = larder_serve::Server::builder(&cache)
        .listen(format!("unix:{}", socket.display()))
        .threads(1)
        .start()?;
    // The parent kills this process.
    loop {
        std::thread::park();
    }
}

impl RespServer {
    /// Starts a larder server in a child process.
    ///
    /// # Errors
    /// Fails if the server can't be started.
    pub fn larder(dir: &Path) -> Result<Self, Failed> {
        Self::own(&dir.join("shop.larder"), "larder", "on disk within 100 ms")
    }

    /// Starts a larder server without a file in a child process.
    ///
    /// # Errors
    /// Fails if the server can't be started.
    pub fn larder_in_memory(dir: &Path) -> Result<Self, Failed> {
        Self::own(&dir.join(MEMORY_ONLY), "larder", "none")
    }

    /// Starts a server that replies `xxx` to each request.
    ///
    /// # Errors
    /// Fails if the server can't be started.
    pub fn echo(dir: &Path) -> Result<Self, Failed> {
        Self::own(&dir.join(ECHO), ECHO, "stores nothing")
    }

    fn own(file: &Path, name: &'static str, terms: &'static str) -> Result<Self, Failed> {
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        let pinned = Pinned::to(0);
        let process = ServerProcess::Own(Process::start(file)?);
        drop(pinned);
        Self { name, terms, socket: file.with_extension("sock"), process }.when_ready()
    }

    /// Starts redis-server with these additional arguments.
    ///
    /// # Errors
    /// Fails if the server can't be started, for example because redis-server is not installed.
    pub fn redis(
        dir: &Path,
        name: &'static str,
        terms: &'static str,
        arguments: &[&str],
    ) -> Result<Self, Failed> {
        fs::create_dir_all(dir)?;
        let socket = dir.join("redis.sock");
        let pinned = Pinned::to(0);
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--maxclients", "2000", "--unixsocket"]).arg(&socket);
        command.arg("--dir").arg(dir).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn();
        drop(pinned);
        let process = process.map_err(|error| format!("redis-server does not start: {error}"))?;
        Self { name, terms, socket, process: ServerProcess::Redis(process) }.when_ready()
    }

    fn when_ready(self) -> Result<Self, Failed> {
        for _ in 0..MAX_TRIES {
            if UnixStream::connect(&self.socket).is_ok() {
                return Ok(self);
            }
            pause(BETWEEN_TRIES);
        }
        Err(format!("{} does not answer", self.name).into())
    }

    #[must_use]
    /// Returns the name of the contestant.
    pub fn name(&self) -> &'static str {
        self.name
    }

    #[must_use]
    /// Returns under which conditions a write survives a crash.
    pub fn terms(&self) -> &'static str {
        self.terms
    }

    /// Returns the path of the server's Unix socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the id of the server's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        match &self.process {
            ServerProcess::Own(process) => process.id(),
            ServerProcess::Redis(child) => child.id(),
        }
    }

    /// Returns the processor time that the server has used, in nanoseconds.
    ///
    /// # Errors
    /// Fails if the processor time can't be read.
    pub fn processor_nanos(&self) -> Result<f64, Failed> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The program name is in parentheses, and may contain spaces.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: f64 =
            rest.split_whitespace().skip(11).take(2).map_while(|tick| tick.parse::<f64>().ok()).sum();
        Ok(ticks * TICK * 1e9)
    }

    /// Starts redis-benchmark on the second processor.
    fn begin(&self, requests: &Requests) -> Result<Child, Failed> {
        let _pinned = Pinned::to(1);
        let mut command = Command::new("redis-benchmark");
        command.arg("-s").arg(&self.socket).args(["--csv", "-c", &requests.connections.to_string()]);
        command.args(["-P", &requests.pipeline.to_string(), "-n", &requests.count.to_string()]);
        command.args(["-r", &requests.keys.to_string()]).args(&requests.words);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Ok(child.map_err(|error| format!("redis-benchmark does not start: {error}"))?)
    }

    /// Waits until larder has written everything to the disk. Otherwise larder would write during the turn
    /// of another server. Redis without replicas replies immediately.
    fn settle(&self) -> Result<(), Failed> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.write_all(b"WAIT 0 0\r\n")?;
        let mut reply = [0; 4];
        Ok(stream.read_exact(&mut reply)?)
    }

    /// Sends all kinds of requests at once, as fast as replies arrive. Returns the requests per second, and
    /// the server's processor time per request in nanoseconds. This time includes the writes to disk.
    ///
    /// # Errors
    /// Fails if redis-benchmark fails.
    pub fn closed_loop(&self, kinds: &[Requests]) -> Result<(f64, f64), Failed> {
        let before = self.processor_nanos()?;
        let running = kinds.iter().map(|requests| self.begin(requests)).collect::<Result<Vec<_>, _>>()?;
        let (mut seconds, mut count) = (0.0_f64, 0.0);
        for (child, requests) in running.into_iter().zip(kinds) {
            let output = child.wait_with_output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let rate = rate_of(&text).ok_or_else(|| format!("redis-benchmark says {text:?}"))?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "a count of requests is below what a double tells apart"
            )]
            let sent = requests.count as f64;
            // All kinds begin together, so the kind that ends last determines the duration.
            seconds = seconds.max(sent / rate);
            count += sent;
        }
        self.settle()?;
        let each = (self.processor_nanos()? - before) / count;
        Ok((count / seconds, each))
    }

    /// Sends requests one after another over a single connection. redis-benchmark can't mix kinds of requests
    /// on a connection. Returns the same figures as [`closed_loop`](Self::closed_loop).
    ///
    /// # Errors
    /// Fails if the connection fails.
    pub fn one_after_another(&self, requests: &[Vec<u8>]) -> Result<(f64, f64), Failed> {
        let _pinned = Pinned::to(1);
        let mut replies = BufReader::new(UnixStream::connect(&self.socket)?);
        let (before, began) = (self.processor_nanos()?, now());
        let mut line = Vec::new();
        for request in requests {
            replies.get_mut().write_all(request)?;
            line.clear();
            replies.read_until(b'\n', &mut line)?;
            // The value of a text is on the next line. A missing value has no such line.
            if line.starts_with(b"$") && !line.starts_with(b"$-") {
                replies.read_until(b'\n', &mut line)?;
            }
        }
        let elapsed = began.elapsed();
        self.settle()?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of requests is below what a double tells apart"
        )]
        let each = (self.processor_nanos()? - before) / requests.len().max(1) as f64;
        Ok((per_second(elapsed, requests.len()), each))
    }

    /// Sends requests at a fixed rate from the second processor ([`open_loop::offer`]).
    ///
    /// # Errors
    /// Fails if a connection fails.
    pub fn offered(
        &self,
        rate: &OfferedRate,
        request: &[u8],
        reply_len: usize,
    ) -> Result<RequestTimes, Failed> {
        let _pinned = Pinned::to(1);
        Ok(open_loop::offer(&self.socket, rate, request, reply_len)?)
    }
}

/// Returns the requests per second from the CSV output of redis-benchmark.
fn rate_of(csv: &str) -> Option<f64> {
    let line = csv.lines().rfind(|line| line.starts_with('"'))?;
    line.split("\",\"").nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::rate_of;

    #[test]
    fn the_rate_is_the_second_column_of_the_last_line() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"MGET a, b\",\"1234.50\",\"0.2\"\n";
        assert_eq!(rate_of(csv), Some(1234.5));
        assert_eq!(rate_of("Could not connect"), None);
    }
}
