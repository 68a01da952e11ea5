//! The state of one connection, and the definition of a command.
//!
//! - [`databases`]: the numbered databases, each with its keyspace. [`named`]: databases that show a
//!   keyspace of the application. [`served`]: the state that all connections share.
//! - [`client`]: what other connections know about a connection.
//! - [`entries`]: the entries that a data command reads and changes. [`cursors`]: the positions of walks over
//!   the keys.
//! - [`transaction`]: the queued requests and the watches before an `EXEC`.
//! - [`output`]: the replies of a connection, in the order of its requests. [`buffers`]: the memory of the
//!   buffers of all connections.
//! - [`threads`]: the threads of an event loop that may block.
//! - [`slow_log`], [`latency`] and [`monitors`]: information about requests for operators.

pub(crate) mod buffers;
pub(crate) mod client;
pub(crate) mod cursors;
pub(crate) mod databases;
pub(crate) mod entries;
pub(crate) mod latency;
pub(crate) mod monitors;
pub(crate) mod named;
pub(crate) mod output;
pub(crate) mod served;
pub(crate) mod slow_log;
pub(crate) mod threads;
pub(crate) mod transaction;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::protocol::arguments::Arguments;
use crate::protocol::limits::RequestLimits;
use client::Client;
use databases::Selected;
use entries::DataCommand;
use output::{Output, OutputLimits};
use served::Served;
use threads::BlockingThreads;
use transaction::{TransactionQueue, Watches};

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

pub(crate) struct Command {
    /// Name of the command, in lower case.
    pub(crate) name: &'static str,
    /// Number of words, including the name. With a negative number `-n`, a request has at least `n` words.
    pub(crate) arity: i32,
    /// Properties of the command, as a union of constants in [`flags`].
    pub(crate) flags: u16,
    pub(crate) keys: KeyPositions,
    /// Name of the family in `COMMAND DOCS`.
    pub(crate) group: &'static str,
    /// One sentence about the command, for `COMMAND DOCS`.
    pub(crate) summary: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Session, Arguments<'a>, &'a mut Output) -> Running<'a>,
    /// The function over entries, if this is a data command.
    pub(crate) data: Option<DataCommand>,
    /// How the dispatcher calls the command. The most frequent commands need no allocation for their future.
    pub(crate) hot: Hot,
}

/// Whether the dispatcher calls a command directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hot {
    /// The command is called through its function pointer.
    No,
    Get,
    Set,
    /// A command on one entry. It is made at once if it need not wait.
    Entry,
}

/// The positions of the keys in a request: the first, the last, and the step. A negative last position counts
/// from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPositions(pub(crate) i32, pub(crate) i32, pub(crate) i32);

impl KeyPositions {
    pub(crate) const NONE: Self = Self(0, 0, 0);
    /// The first argument is the only key.
    pub(crate) const FIRST: Self = Self(1, 1, 1);
    /// The second argument is the only key.
    pub(crate) const SECOND: Self = Self(2, 2, 1);
    /// All arguments are keys.
    pub(crate) const ALL: Self = Self(1, -1, 1);
    /// Every second argument is a key.
    pub(crate) const PAIRS: Self = Self(1, -1, 2);
}

/// The flags of commands. `COMMAND` reports most of them, with the names of Redis.
pub(crate) mod flags {
    /// Changes entries. Refused in read-only mode.
    pub(crate) const WRITE: u16 = 1;
    /// Reads entries.
    pub(crate) const READONLY: u16 = 1 << 1;
    /// May increase the memory in use.
    pub(crate) const DENYOOM: u16 = 1 << 2;
    /// Is for administrators.
    pub(crate) const ADMIN: u16 = 1 << 3;
    /// Takes a time that does not grow with the data, except `DBSIZE`, which is fast only in Redis.
    pub(crate) const FAST: u16 = 1 << 4;
    /// Is allowed before a client has authenticated.
    pub(crate) const NO_AUTH: u16 = 1 << 5;
    /// Is not allowed between `MULTI` and `EXEC`.
    pub(crate) const NO_MULTI: u16 = 1 << 6;
    /// Is executed immediately between `MULTI` and `EXEC`, without being queued.
    pub(crate) const UNQUEUED: u16 = 1 << 7;
    /// Is hidden from `MONITOR`. The words of `AUTH` and `HELLO` may be secrets.
    pub(crate) const SKIP_MONITOR: u16 = 1 << 8;
    /// Is allowed while Redis loads its data. Only `COMMAND` reports this flag.
    pub(crate) const LOADING: u16 = 1 << 9;
    /// Is allowed on a stale Redis replica. Only `COMMAND` reports this flag.
    pub(crate) const STALE: u16 = 1 << 10;
    /// Is not allowed in a script.
    pub(crate) const NOSCRIPT: u16 = 1 << 11;
    /// Has subcommands.
    pub(crate) const CONTAINER: u16 = 1 << 12;
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct CommandTable {
    families: &'static [&'static [Command]],
    by_name: HashMap<&'static [u8], &'static Command, BuildHasherDefault<NameHasher>>,
}

/// The hash FNV-1a. No peer adds names to the table, so a hash with a secret is not needed, and takes longer.
#[derive(Debug)]
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn write_usize(&mut self, len: usize) {
        // The length of a name.
        self.0 ^= len as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

const MAX_NAME: usize = 32;

impl CommandTable {
    pub(crate) fn new(families: &'static [&'static [Command]]) -> Self {
        let all = families.iter().copied().flatten();
        let by_name = all.map(|command| (command.name.as_bytes(), command)).collect();
        Self { families, by_name }
    }

    /// Returns the command with this name, ignoring case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&'static Command> {
        let mut lower = [0; MAX_NAME];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Command> + use<> {
        self.families.iter().copied().flatten()
    }
}

/// Maximum number of unsent bytes at which the server still accepts a request from an unauthenticated peer.
const MAX_GUEST_OUTPUT: usize = 4 << 10;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) served: Arc<Served>,
    pub(crate) threads: Arc<BlockingThreads>,
    pub(crate) commands: &'static CommandTable,
    pub(crate) client: Arc<Client>,
    pub(crate) db: usize,
    pub(crate) is_authenticated: bool,
    /// The requests since `MULTI`, or `None` outside of a transaction.
    pub(crate) queue: Option<TransactionQueue<&'static Command>>,
    pub(crate) watches: Watches,
    /// Whether the connection is closed once its replies are sent.
    pub(crate) is_closing: bool,
    /// Number of executed requests that are not yet added to the counters of the server.
    pub(crate) uncounted: u64,
    pub(crate) last_command: &'static str,
    /// The command of the last request. Most requests have the same command as the request before.
    found_command: Option<&'static Command>,
    /// The command that `CLIENT LIST` shows.
    published_command: &'static str,
}

impl Session {
    pub(crate) fn new(
        served: Arc<Served>,
        threads: Arc<BlockingThreads>,
        commands: &'static CommandTable,
        client: Arc<Client>,
    ) -> Self {
        let is_authenticated = served.password.is_none();
        Self {
            served,
            threads,
            commands,
            client,
            db: 0,
            is_authenticated,
            queue: None,
            watches: Watches::default(),
            is_closing: false,
            uncounted: 0,
            last_command: "",
            found_command: None,
            published_command: "",
        }
    }

    /// Returns the command with this name, ignoring case.
    pub(crate) fn find_command(&mut self, name: &[u8]) -> Option<&'static Command> {
        let is_same = |found: &&'static Command| name.eq_ignore_ascii_case(found.name.as_bytes());
        if let Some(found) = self.found_command.filter(is_same) {
            return Some(found);
        }
        let found = self.commands.find(name)?;
        self.found_command = Some(found);
        Some(found)
    }

    pub(crate) fn database(&self) -> Selected<'_> {
        self.served.databases.get(self.db)
    }

    /// Selects a database. Returns whether it exists.
    pub(crate) fn select(&mut self, number: usize) -> bool {
        if number >= self.served.databases.count() {
            return false;
        }
        self.db = number;
        self.client.db.store(number, Ordering::Relaxed);
        true
    }

    /// Resets the transaction, the watches, the database, the authentication and the name to the state of a
    /// new connection.
    pub(crate) fn reset(&mut self) {
        self.queue = None;
        self.watches.clear();
        self.select(0);
        self.is_authenticated = self.served.password.is_none();
        self.client.labels().name = String::new();
    }

    /// Authenticates the connection. Returns whether the user and the password are correct.
    ///
    /// If the server has no password, every password of the user `default` is correct, as in Redis.
    pub(crate) fn authenticate(&mut self, user: &[u8], password: &[u8]) -> bool {
        let is_right = self.served.password.as_ref().is_none_or(|own| own.is(password));
        let is_user = user == b"default";
        self.is_authenticated |= is_right && is_user;
        is_right && is_user
    }

    pub(crate) fn request_limits(&self) -> &RequestLimits {
        if self.is_authenticated { &self.served.limits } else { &RequestLimits::UNAUTHENTICATED }
    }

    /// Returns the limits for replies. Until the peer has authenticated, `pause` is low.
    pub(crate) fn output_limits(&self) -> OutputLimits {
        let mut limits = self.served.output_limits;
        limits.pause = limits.pause.min(limits.max);
        if !self.is_authenticated {
            limits.pause = limits.pause.min(MAX_GUEST_OUTPUT);
        }
        limits
    }

    /// Returns the memory of the requests since `MULTI` and of the watches, in bytes.
    pub(crate) fn queued_len(&self) -> usize {
        self.queue.as_ref().map_or(0, TransactionQueue::memory) + self.watches.memory()
    }

    /// Adds the executed requests to the counters of the connection and of the server, and publishes the
    /// last command.
    pub(crate) fn publish_counts(&mut self) {
        if self.uncounted == 0 {
            return;
        }
        // Only this connection changes its own counter.
        let own = self.client.requests.load(Ordering::Relaxed) + self.uncounted;
        self.client.requests.store(own, Ordering::Relaxed);
        self.served.counters.requests.fetch_add(self.uncounted, Ordering::Relaxed);
        self.uncounted = 0;
        // Most connections repeat their command, and need not take the lock.
        if self.published_command != self.last_command {
            self.published_command = self.last_command;
            self.client.labels().command = self.last_command;
        }
    }
}
