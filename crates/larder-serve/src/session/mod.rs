//! The state of one connection, and what a command is.
//!
//! - [`databases`]: the keyspaces behind the database numbers. [`served`]: what all connections share.
//! - [`output`]: the replies of a connection, in the order of its requests.

pub(crate) mod databases;
pub(crate) mod output;
pub(crate) mod served;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::protocol::arguments::{Arguments, OwnedArguments};
use crate::protocol::limits::RequestLimits;
use databases::Database;
use output::Output;
use served::Served;

/// The run of a command.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A command: its name, what the table says about it, and the function that carries it out.
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
    /// The commands of the hot path run without an allocation for their future.
    pub(crate) hot: Hot,
}

/// A command that the dispatcher calls directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hot {
    /// Any command that is not below.
    No,
    Get,
    Set,
}

/// Which words of a request are keys: the first, the last (negative: counted from the end), and the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPositions(pub(crate) i32, pub(crate) i32, pub(crate) i32);

impl KeyPositions {
    pub(crate) const NONE: Self = Self(0, 0, 0);
    /// One key, the first argument.
    pub(crate) const FIRST: Self = Self(1, 1, 1);
    /// All arguments are keys.
    pub(crate) const ALL: Self = Self(1, -1, 1);
    /// Every second argument is a key.
    pub(crate) const PAIRS: Self = Self(1, -1, 2);
}

/// What a command does. `COMMAND` shows these flags under Redis' names.
pub(crate) mod flags {
    /// Changes entries. Refused in read-only mode.
    pub(crate) const WRITE: u16 = 1;
    /// Reads entries.
    pub(crate) const READONLY: u16 = 1 << 1;
    /// May add to the memory in use.
    pub(crate) const DENYOOM: u16 = 1 << 2;
    /// For administrators.
    pub(crate) const ADMIN: u16 = 1 << 3;
    /// Takes time that does not grow with the data.
    pub(crate) const FAST: u16 = 1 << 4;
    /// Allowed before a client has authenticated.
    pub(crate) const NO_AUTH: u16 = 1 << 5;
    /// Not allowed between `MULTI` and `EXEC`.
    pub(crate) const NO_MULTI: u16 = 1 << 6;
    /// Carried out at once between `MULTI` and `EXEC`, and not queued.
    pub(crate) const UNQUEUED: u16 = 1 << 7;
    /// Not shown by `MONITOR`, because its words may be secrets.
    pub(crate) const SKIP_MONITOR: u16 = 1 << 8;
    /// Allowed while data is loaded, in Redis. Shown by `COMMAND`, and without a meaning here.
    pub(crate) const LOADING: u16 = 1 << 9;
    /// Allowed on a stale replica, in Redis. Shown by `COMMAND`, and without a meaning here.
    pub(crate) const STALE: u16 = 1 << 10;
    /// Not allowed in a script.
    pub(crate) const NOSCRIPT: u16 = 1 << 11;
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The commands between `MULTI` and `EXEC`.
#[derive(Debug, Default)]
pub(crate) struct TransactionQueue {
    pub(crate) requests: Vec<(&'static Command, OwnedArguments)>,
    /// Whether a request could not be queued, so that `EXEC` must refuse.
    pub(crate) is_broken: bool,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// What all connections share.
    pub(crate) served: Arc<Served>,
    /// The number of the connection. No later connection of this server has it.
    pub(crate) id: u64,
    /// The number of the selected database.
    pub(crate) db: usize,
    /// The name that the client gave to the connection. Empty at first.
    pub(crate) name: Vec<u8>,
    pub(crate) is_authenticated: bool,
    /// The requests since `MULTI`. None outside of a transaction.
    pub(crate) queue: Option<TransactionQueue>,
    /// Whether the connection is closed as soon as its replies are sent.
    pub(crate) is_closing: bool,
}

impl Session {
    pub(crate) fn new(served: Arc<Served>, id: u64) -> Self {
        let is_authenticated = served.password.is_none();
        let (db, name, queue, is_closing) = (0, Vec::new(), None, false);
        Self { served, id, db, name, is_authenticated, queue, is_closing }
    }

    /// Returns the selected database.
    pub(crate) fn database(&self) -> &Database {
        self.served.databases.get(self.db)
    }

    /// Returns the limits of the next request.
    pub(crate) fn request_limits(&self) -> &RequestLimits {
        if self.is_authenticated { &self.served.limits } else { &RequestLimits::UNAUTHENTICATED }
    }
}
