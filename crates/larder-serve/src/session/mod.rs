//! The state of one connection, and the definition of a command.
//!
//! - [`databases`]: the keyspaces of the database numbers. [`served`]: the state that all connections share.
//! - [`client`]: the data of a connection for other connections.
//! - [`entries`]: the entries that a data command reads and changes. [`cursors`]: the places of walks over
//!   the keys.
//! - [`output`]: the replies of a connection, in the order of its requests.
//! - [`slow_log`], [`latency`] and [`monitors`]: data about requests for an operator.

pub(crate) mod client;
pub(crate) mod cursors;
pub(crate) mod databases;
pub(crate) mod entries;
pub(crate) mod latency;
pub(crate) mod monitors;
pub(crate) mod output;
pub(crate) mod served;
pub(crate) mod slow_log;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use crate::protocol::arguments::{Arguments, OwnedArguments};
use crate::protocol::limits::RequestLimits;
use client::Client;
use databases::Database;
use entries::DataCommand;
use monitors::{Monitor, Overfull};
use output::{Output, OutputLimits};
use served::Served;

/// The run of a command.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A command: its name, its properties from the table, and the function that runs it.
pub(crate) struct Command {
    /// The name, in lower case.
    pub(crate) name: &'static str,
    /// The number of words, with the name. A negative number is a minimum.
    pub(crate) arity: i32,
    /// What the command does, as a union of the constants of [`flags`].
    pub(crate) flags: u16,
    pub(crate) keys: KeyPositions,
    /// The family, as `COMMAND DOCS` names it.
    pub(crate) group: &'static str,
    /// What the command does, in one sentence.
    pub(crate) summary: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Session, Arguments<'a>, &'a mut Output) -> Running<'a>,
    /// The function over entries, if it is a data command.
    pub(crate) data: Option<DataCommand>,
    /// How the dispatcher calls the command. A command of the hot path needs no allocation for its future.
    pub(crate) hot: Hot,
}

/// A command that the dispatcher calls directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hot {
    /// Any other command.
    No,
    Get,
    Set,
}

/// The positions of the keys of a request: the first, the last (a negative number counts from the end), and
/// the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPositions(pub(crate) i32, pub(crate) i32, pub(crate) i32);

impl KeyPositions {
    pub(crate) const NONE: Self = Self(0, 0, 0);
    /// One key, the first argument.
    pub(crate) const FIRST: Self = Self(1, 1, 1);
    /// One key, the second argument.
    pub(crate) const SECOND: Self = Self(2, 2, 1);
    /// All arguments are keys.
    pub(crate) const ALL: Self = Self(1, -1, 1);
    /// Every second argument is a key.
    pub(crate) const PAIRS: Self = Self(1, -1, 2);
}

/// The properties of a command. `COMMAND` reports these flags under Redis' names.
pub(crate) mod flags {
    /// Changes entries. Refused in read-only mode.
    pub(crate) const WRITE: u16 = 1;
    /// Reads entries.
    pub(crate) const READONLY: u16 = 1 << 1;
    /// May add to the memory in use.
    pub(crate) const DENYOOM: u16 = 1 << 2;
    /// For administrators.
    pub(crate) const ADMIN: u16 = 1 << 3;
    /// Its time does not grow with the data.
    pub(crate) const FAST: u16 = 1 << 4;
    /// Allowed before a client has authenticated.
    pub(crate) const NO_AUTH: u16 = 1 << 5;
    /// Not allowed between `MULTI` and `EXEC`.
    pub(crate) const NO_MULTI: u16 = 1 << 6;
    /// Executed immediately between `MULTI` and `EXEC`, and not queued.
    pub(crate) const UNQUEUED: u16 = 1 << 7;
    /// Not shown by `MONITOR`, because its words may be secrets.
    pub(crate) const SKIP_MONITOR: u16 = 1 << 8;
    /// Allowed while data is loaded, in Redis. `COMMAND` reports this flag, and it has no effect here.
    pub(crate) const LOADING: u16 = 1 << 9;
    /// Allowed on a stale replica, in Redis. `COMMAND` reports this flag, and it has no effect here.
    pub(crate) const STALE: u16 = 1 << 10;
    /// Not allowed in a script.
    pub(crate) const NOSCRIPT: u16 = 1 << 11;
    /// Has subcommands.
    pub(crate) const CONTAINER: u16 = 1 << 12;
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The commands, by name.
#[derive(Debug)]
pub(crate) struct CommandTable {
    families: &'static [&'static [Command]],
    by_name: HashMap<&'static [u8], &'static Command>,
}

/// Maximum length of a command's name.
const MAX_NAME: usize = 32;

impl CommandTable {
    pub(crate) fn new(families: &'static [&'static [Command]]) -> Self {
        let all = families.iter().copied().flatten();
        let by_name = all.map(|command| (command.name.as_bytes(), command)).collect();
        Self { families, by_name }
    }

    /// Returns the command of this name, without regard to case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&'static Command> {
        let mut lower = [0; MAX_NAME];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).copied()
    }

    /// Returns all commands.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Command> + use<> {
        self.families.iter().copied().flatten()
    }
}

/// The commands between `MULTI` and `EXEC`.
#[derive(Debug, Default)]
pub(crate) struct TransactionQueue {
    pub(crate) requests: Vec<(&'static Command, OwnedArguments)>,
    /// The memory that the requests take, in bytes.
    pub(crate) len: usize,
    /// Whether a request could not be queued, so that `EXEC` must fail.
    pub(crate) is_broken: bool,
}

/// Maximum number of unsent bytes with which a peer that has not authenticated may send a further request.
const MAX_GUEST_OUTPUT: usize = 4 << 10;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// The state that all connections share.
    pub(crate) served: Arc<Served>,
    pub(crate) commands: &'static CommandTable,
    /// The data of this connection for other connections.
    pub(crate) client: Arc<Client>,
    /// The number of the selected database.
    pub(crate) db: usize,
    pub(crate) is_authenticated: bool,
    /// The requests since `MULTI`. `None` outside of a transaction.
    pub(crate) queue: Option<TransactionQueue>,
    /// The keys that must not change before `EXEC`, each with its database.
    pub(crate) watches: HashMap<(usize, Vec<u8>), larder::Watch>,
    /// The connection's monitor, if the connection receives the requests of all connections.
    pub(crate) monitor: Option<Monitor>,
    /// Whether the connection is closed as soon as its replies are sent.
    pub(crate) is_closing: bool,
    /// The number of requests that were executed and not yet added to the counts of the server.
    pub(crate) uncounted: u64,
    /// The name of the last command.
    pub(crate) last_command: &'static str,
}

impl Session {
    pub(crate) fn new(served: Arc<Served>, commands: &'static CommandTable, client: Arc<Client>) -> Self {
        let is_authenticated = served.password.is_none();
        Self {
            served,
            commands,
            client,
            db: 0,
            is_authenticated,
            queue: None,
            watches: HashMap::new(),
            monitor: None,
            is_closing: false,
            uncounted: 0,
            last_command: "",
        }
    }

    /// Returns the selected database.
    pub(crate) fn database(&self) -> &Database {
        self.served.databases.get(self.db)
    }

    /// Selects a database. Returns whether the number exists.
    pub(crate) fn select(&mut self, number: usize) -> bool {
        if number >= self.served.databases.count() {
            return false;
        }
        self.db = number;
        self.client.db.store(number, Ordering::Relaxed);
        true
    }

    /// Restores the state of a newly accepted connection.
    pub(crate) fn reset(&mut self) {
        self.queue = None;
        self.watches.clear();
        self.monitor = None;
        self.select(0);
        self.is_authenticated = self.served.password.is_none();
        self.client.labels().name.clear();
    }

    /// Authenticates the connection, if the user and the password are correct. Returns whether they are.
    ///
    /// Without a password, every password of the user `default` is correct, as in Redis.
    pub(crate) fn authenticate(&mut self, user: &[u8], password: &[u8]) -> bool {
        let is_right = self.served.password.as_ref().is_none_or(|own| own.is(password));
        let is_user = user == b"default";
        self.is_authenticated |= is_right && is_user;
        is_right && is_user
    }

    /// Returns the limits of the next request.
    pub(crate) fn request_limits(&self) -> &RequestLimits {
        if self.is_authenticated { &self.served.limits } else { &RequestLimits::UNAUTHENTICATED }
    }

    /// Returns the limits of the replies. The limits are low for a peer that has not authenticated.
    pub(crate) fn output_limits(&self) -> OutputLimits {
        let mut limits = self.served.output_limits;
        limits.pause = limits.pause.min(limits.max);
        if !self.is_authenticated {
            limits.pause = limits.pause.min(MAX_GUEST_OUTPUT);
        }
        limits
    }

    /// Replies with the requests of other connections, if the connection is a monitor. Ready if it wrote at
    /// least one line.
    pub(crate) fn poll_monitor(
        &self,
        context: &mut Context<'_>,
        out: &mut Output,
    ) -> Poll<Result<(), Overfull>> {
        let Some(monitor) = &self.monitor else { return Poll::Pending };
        let has_room = out.len() <= self.output_limits().pause;
        monitor.poll_lines(context, has_room.then(|| &mut out.reply().bytes))
    }

    /// Adds the executed requests to the counts of the server.
    pub(crate) fn publish_counts(&mut self) {
        if self.uncounted == 0 {
            return;
        }
        self.client.requests.fetch_add(self.uncounted, Ordering::Relaxed);
        self.served.counters.requests.fetch_add(self.uncounted, Ordering::Relaxed);
        self.uncounted = 0;
        let mut labels = self.client.labels();
        labels.command = self.last_command;
    }
}
