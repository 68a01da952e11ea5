//! The databases. The first ones are keyspaces of raw bytes. The databases that show the keyspaces of an
//! application ([`super::named`]) have the next numbers.

use std::sync::{Arc, Mutex, PoisonError};

use larder::{Cache, Format, Keyspace, KeyspaceDefinition};

use super::named::NamedDatabase;

pub(crate) const MAX_DATABASES: usize = 256;

/// The bytes of a value, as a client has sent them.
pub(crate) type Value = Box<[u8]>;

/// When the server replies to a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RemovalMode {
    /// When the removal is on disk. The entry does not come back after a crash. Removals that wait at the
    /// same time share a commit.
    #[default]
    Durable,
    /// When the removal is in memory. Its commit starts immediately. The entry may come back if the server
    /// crashes before the commit ends. A transaction gets its reply this early only if all its databases have
    /// this mode and buffered writes.
    Buffered,
}

/// When the server replies to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WriteMode {
    /// When the value is in memory. The value is on disk within the flush interval.
    #[default]
    Buffered,
    /// When the value is on disk. Writes that wait at the same time share a commit, across all connections
    /// and within a pipeline.
    Durable,
}

/// A database of raw bytes.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) keyspace: Keyspace<Vec<u8>, Value>,
    pub(crate) removals: RemovalMode,
    pub(crate) writes: WriteMode,
}

impl Database {
    /// Returns whether the server replies to a removal before its commit.
    pub(crate) fn answers_removals_early(&self) -> bool {
        self.removals == RemovalMode::Buffered
    }

    /// Returns whether the server replies to a group of removals and writes before its commit.
    pub(crate) fn answers_groups_early(&self) -> bool {
        self.removals == RemovalMode::Buffered && self.writes == WriteMode::Buffered
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DatabaseModes {
    pub(crate) removals: RemovalMode,
    pub(crate) writes: WriteMode,
}

/// The databases of a server. There is at least one of raw bytes.
#[derive(Debug)]
pub(crate) struct Databases {
    first: Database,
    rest: Vec<Database>,
    named: Vec<Arc<NamedDatabase>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Selected<'a> {
    /// A database of raw bytes.
    Raw(&'a Database),
    Named(&'a Arc<NamedDatabase>),
}

impl Databases {
    /// Opens a keyspace of raw bytes for each element of `modes`. The named databases follow.
    pub(crate) fn open(
        cache: &Cache,
        modes: &[DatabaseModes],
        named: Vec<Arc<NamedDatabase>>,
    ) -> Result<Self, larder::Error> {
        let open = |number: usize| {
            let DatabaseModes { removals, writes } = modes.get(number).copied().unwrap_or_default();
            let definition =
                KeyspaceDefinition::new(keyspace_name(number)).never_expires().format(Format::Raw);
            Ok(Database { keyspace: cache.keyspace(definition)?, removals, writes })
        };
        let rest = (1..modes.len()).map(open).collect::<Result<_, larder::Error>>()?;
        Ok(Self { first: open(0)?, rest, named })
    }

    /// Returns the number of databases of raw bytes, which is also the number of the first named database.
    fn raw_count(&self) -> usize {
        self.rest.len() + 1
    }

    pub(crate) fn count(&self) -> usize {
        self.raw_count() + self.named.len()
    }

    /// Returns the database with this number, or database 0 if there is none. `SELECT` refuses such a
    /// number.
    pub(crate) fn get(&self, number: usize) -> Selected<'_> {
        if let Some(named) = number.checked_sub(self.raw_count()).and_then(|index| self.named.get(index)) {
            return Selected::Named(named);
        }
        Selected::Raw(number.checked_sub(1).and_then(|index| self.rest.get(index)).unwrap_or(&self.first))
    }

    pub(crate) fn named(&self) -> impl Iterator<Item = (usize, &Arc<NamedDatabase>)> {
        (self.raw_count()..).zip(&self.named)
    }

    /// Returns the databases of raw bytes in numerical order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Database> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// Returns the keyspace name of a database: `redis:0`, `redis:1` and so on. Names are created once per
/// process and leaked, because a keyspace definition needs a static name.
pub(crate) fn keyspace_name(number: usize) -> &'static str {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    while names.len() <= number {
        let name = format!("redis:{}", names.len());
        names.push(name.leak());
    }
    names.get(number).copied().unwrap_or("redis:0")
}
