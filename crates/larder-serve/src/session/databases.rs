//! The databases: a keyspace of raw bytes for each number.

use std::sync::{Mutex, PoisonError};

use larder::{Cache, Format, Keyspace, KeyspaceDefinition};

/// Maximum number of databases.
pub(crate) const MAX_DATABASES: usize = 256;

/// A value: bytes as a client has sent them.
pub(crate) type Value = Box<[u8]>;

/// The time at which the server answers a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RemovalMode {
    /// The server answers when the removal is on disk. The entry does not return after a crash. Removals that
    /// wait at the same time share a commit.
    #[default]
    Durable,
    /// The server answers when the removal is in memory. Its commit begins at once. The entry may return if
    /// the server crashes before the commit ends. A transaction is answered in this way if each of its
    /// databases has this mode and buffered writes.
    Buffered,
}

/// The time at which the server answers a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WriteMode {
    /// The server answers when the value is in memory. The value is on disk within the flush interval.
    #[default]
    Buffered,
    /// The server answers when the value is on disk. Writes that wait at the same time share a commit: the
    /// writes of all connections, and the writes of one pipeline.
    Durable,
}

/// One database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) keyspace: Keyspace<Vec<u8>, Value>,
    pub(crate) removals: RemovalMode,
    pub(crate) writes: WriteMode,
}

impl Database {
    /// Returns whether a removal is answered before its commit.
    pub(crate) fn answers_removals_early(&self) -> bool {
        self.removals == RemovalMode::Buffered
    }

    /// Returns whether a group of removals and writes is answered before its commit.
    pub(crate) fn answers_groups_early(&self) -> bool {
        self.removals == RemovalMode::Buffered && self.writes == WriteMode::Buffered
    }
}

/// The modes of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DatabaseModes {
    pub(crate) removals: RemovalMode,
    pub(crate) writes: WriteMode,
}

/// The databases of a server. There is at least one.
#[derive(Debug)]
pub(crate) struct Databases {
    first: Database,
    rest: Vec<Database>,
}

impl Databases {
    /// Opens a keyspace for each number.
    pub(crate) fn open(cache: &Cache, modes: &[DatabaseModes]) -> Result<Self, larder::Error> {
        let open = |number: usize| {
            let DatabaseModes { removals, writes } = modes.get(number).copied().unwrap_or_default();
            let definition =
                KeyspaceDefinition::new(keyspace_name(number)).never_expires().format(Format::Raw);
            Ok(Database { keyspace: cache.keyspace(definition)?, removals, writes })
        };
        let rest = (1..modes.len()).map(open).collect::<Result<_, larder::Error>>()?;
        Ok(Self { first: open(0)?, rest })
    }

    /// Returns the number of databases.
    pub(crate) fn count(&self) -> usize {
        self.rest.len() + 1
    }

    /// Returns a database. Returns database 0 for a number that does not exist. `SELECT` has checked the
    /// number.
    pub(crate) fn get(&self, number: usize) -> &Database {
        number.checked_sub(1).and_then(|index| self.rest.get(index)).unwrap_or(&self.first)
    }

    /// Returns the databases in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Database> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// Returns the name of a database's keyspace: `redis:0`, `redis:1` and so on. The names are made once for
/// each process, because a definition's name lives as long as the process.
fn keyspace_name(number: usize) -> &'static str {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    while names.len() <= number {
        let name = format!("redis:{}", names.len());
        names.push(name.leak());
    }
    names.get(number).copied().unwrap_or("redis:0")
}
