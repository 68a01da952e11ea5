//! A redis-server that runs in its own directory during the bench.
//!
//! The server appends to its log, and syncs the log every second, as Redis recommends. If there are two
//! processors, the server and the client each have their own. The client is the crate `redis`. Its cost is
//! part of each figure.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, Commands, Connection, IntoConnectionInfo, RedisResult};

use super::fjall::{decode, encode};
use super::pinned::{Pinned, there_are_two};
use super::{Peer, Session};
use crate::workload::Page;

/// Maximum number of attempts to connect to a server that is starting.
const MAX_TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);
/// Number of pages per pipeline while the server is filled.
const FILL_BATCH: usize = 1_000;

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Child,
    socket: PathBuf,
}

impl Server {
    /// Starts a server in a new directory. Returns the server and two clients: one for its Unix socket, and
    /// one for its TCP port.
    ///
    /// # Errors
    /// Returns the reason why the server can't be started, for the report.
    pub fn start(dir: &Path) -> Result<(Self, [Redis; 2]), String> {
        let binary = "redis-server";
        fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let socket = dir.join("redis.sock");
        // Threads and processes inherit the processor of the thread that starts them.
        let pinned = Pinned::to(0);
        let mut command = Command::new(binary);
        command.arg("--port").arg(port.to_string()).arg("--unixsocket").arg(&socket).arg("--dir").arg(dir);
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
        ]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        drop(pinned);
        let process = process.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "redis-server is not installed".to_owned(),
            _ => format!("redis-server does not start: {error}"),
        })?;
        let server = Self { process, socket };
        for _ in 0..MAX_TRIES {
            let answer = server.connect().and_then(|mut connection| connection.ping::<String>());
            if answer.is_ok_and(|answer| answer == "PONG") {
                let loopback = format!("redis://127.0.0.1:{port}");
                let unix = Redis { name: "redis, Unix socket", address: server.address() };
                return Ok((server, [unix, Redis { name: "redis, loopback TCP", address: loopback }]));
            }
            wait(BETWEEN_TRIES);
        }
        Err("redis-server does not answer".to_owned())
    }

    fn address(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    fn connect(&self) -> RedisResult<Connection> {
        connect(&self.address())
    }

    /// Stores pages.
    ///
    /// # Errors
    /// Fails if the connection fails.
    pub fn fill(&self, pages: impl Iterator<Item = (String, Page)>) -> RedisResult<()> {
        let mut connection = self.connect()?;
        let mut sets = redis::pipe();
        for (key, page) in pages {
            sets.set(key, encode(&page)).ignore();
            if sets.len() == FILL_BATCH {
                sets.exec(&mut connection)?;
                sets.clear();
            }
        }
        if sets.is_empty() { Ok(()) } else { sets.exec(&mut connection) }
    }
}

/// Connects to a server with `nodelay`. Without it, the system may delay a request.
fn connect(address: &str) -> RedisResult<Connection> {
    let settings = TcpSettings::default().set_nodelay(true);
    Client::open(address.into_connection_info()?.set_tcp_settings(settings))?.get_connection()
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[expect(clippy::disallowed_methods, reason = "no signal tells that another process is ready")]
fn wait(duration: Duration) {
    thread::sleep(duration);
}

/// A client of a running server, through one of its sockets.
#[derive(Debug)]
pub struct Redis {
    name: &'static str,
    address: String,
}

impl Peer for Redis {
    fn name(&self) -> &'static str {
        self.name
    }

    fn terms(&self) -> String {
        let pinned = if there_are_two() { "both sides pinned" } else { "on one processor" };
        format!("appendonly, fsync every second; {pinned}")
    }

    fn session(&self) -> Box<dyn Session + '_> {
        let connection = connect(&self.address).expect("the server is running");
        Box::new(RedisSession { connection, _pinned: Pinned::to(1) })
    }
}

struct RedisSession {
    connection: Connection,
    _pinned: Pinned,
}

impl Session for RedisSession {
    fn get(&mut self, key: &str) -> bool {
        let page: Option<Vec<u8>> = self.connection.get(key).expect("the server is running");
        page.is_some_and(|page| decode(&page).is_some())
    }

    fn insert(&mut self, key: &str, page: Page) {
        self.connection.set::<_, _, ()>(key, encode(&page)).expect("the server is running");
    }
}
