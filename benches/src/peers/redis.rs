//! A real redis-server, started for the bench in a directory of its own and ended with it.
//!
//! It appends to its log and syncs that every second, the setting that Redis recommends. Server and client each have a processor of their own.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::fjall::{decode, encode};
use super::pinned::{Pinned, there_are_two};
use super::resp::{Address, Connection};
use super::{Peer, Session};
use crate::workload::Page;

/// How long a server is waited for.
const MAX_TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);
/// Pages that are sent together while a server is filled.
const FILL_BATCH: usize = 1_000;

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Child,
    unix: Address,
}

impl Server {
    /// Starts a server in a new directory; and the ways to it, over its Unix socket and over its port.
    ///
    /// # Errors
    /// Why it can't be started, to be printed.
    pub fn start(dir: &Path) -> Result<(Self, [Redis; 2]), String> {
        let binary = "redis-server";
        fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let socket = dir.join("redis.sock");
        // Threads and processes stay on the processor of the thread that starts them.
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
        let sockets = [Address::Unix(socket.clone()), Address::Tcp(port)].map(|address| Redis { address });
        let server = Self { process, unix: Address::Unix(socket) };
        for _ in 0..MAX_TRIES {
            let answer = Connection::open(&server.unix).and_then(|mut client| client.ask(&[b"PING"]));
            if answer.is_ok_and(|answer| answer.as_deref() == Some(b"PONG")) {
                return Ok((server, sockets));
            }
            wait(BETWEEN_TRIES);
        }
        Err("redis-server does not answer".to_owned())
    }

    /// Stores pages.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn fill(&self, pages: impl Iterator<Item = (String, Page)>) -> io::Result<()> {
        let mut client = Connection::open(&self.unix)?;
        let mut batch = Vec::with_capacity(FILL_BATCH);
        for (key, page) in pages {
            batch.push((key.into_bytes(), encode(&page)));
            if batch.len() == FILL_BATCH {
                client.set_all(&batch)?;
                batch.clear();
            }
        }
        client.set_all(&batch)
    }
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

#[expect(clippy::disallowed_methods, reason = "nothing tells when another process is ready")]
fn wait(duration: Duration) {
    thread::sleep(duration);
}

/// A running server, over one of its sockets.
#[derive(Debug)]
pub struct Redis {
    address: Address,
}

impl Peer for Redis {
    fn name(&self) -> &'static str {
        let is_unix = matches!(self.address, Address::Unix(_));
        if is_unix { "redis, Unix socket" } else { "redis, loopback TCP" }
    }

    fn terms(&self) -> String {
        let pinned = if there_are_two() { "both sides pinned" } else { "on one processor" };
        format!("appendonly, fsync every second; {pinned}")
    }

    fn session(&self) -> Box<dyn Session + '_> {
        let connection = Connection::open(&self.address).expect("the server is running");
        Box::new(Client { connection, _pinned: Pinned::to(1) })
    }
}

struct Client {
    connection: Connection,
    _pinned: Pinned,
}

impl Session for Client {
    fn get(&mut self, key: &str) -> bool {
        let page = self.connection.ask(&[b"GET", key.as_bytes()]).expect("the server is running");
        page.is_some_and(|page| decode(&page).is_some())
    }

    fn insert(&mut self, key: &str, page: Page) {
        let stored = self.connection.ask(&[b"SET", key.as_bytes(), &encode(&page)]);
        stored.expect("the server is running");
    }
}
