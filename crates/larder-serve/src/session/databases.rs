//! The databases: a keyspace of raw bytes for each number.

use std::sync::{Mutex, PoisonError};

use larder::{Cache, Format, Keyspace, KeyspaceDefinition};

/// Maximum number of databases.
pub(crate) const MAX_DATABASES: usize = 256;

/// A value: bytes as a client has sent them.
pub(crate) type Value = Box<[u8]>;

/// When a removal is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RemovalMode {
    /// When it is on disk: no crash brings the entry back. Removals that wait at the same time share a
    /// commit.
    #[default]
    Durable,
    /// When memory has it. Its commit begins at once. If the server crashes before it ends, the entry is
    /// back. A transaction on several databases is answered so if all of them have this mode and buffered
    /// writes.
    Buffered,
}

/// When a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WriteMode {
    /// When memory has it. The value is on disk within the flush interval.
    #[default]
    Buffered,
    /// When it is on disk. Writes that wait at the same time share a commit: those of all connections, and
    /// those of one pipeline.
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

    /// Returns a database. A number that there is not is database 0: `SELECT` checks the number.
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
