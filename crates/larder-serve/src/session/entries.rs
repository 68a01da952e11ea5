//! The entries that a data command reads and changes.
//!
//! A data command is a function over [`Entries`]. The same function can run on one key, on several keys at
//! one moment, and within a transaction. If an entry changes meanwhile, the function runs again, so it must
//! have no effects except its changes and its reply.

use larder::{Error, Remaining, Timestamp, Ttl};

use super::databases::Value;
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;

/// The result of a data command. With `Ok`, the command has written its reply.
pub(crate) type Done = Result<(), Stop>;

/// Why a data command, or a transaction, has ended without a reply. The caller writes an error, or runs the
/// command again.
#[derive(Debug)]
pub(crate) enum Stop {
    Cache(Error),
    /// The replies, or the values that a transaction reads, exceed the memory limit of a connection.
    TooLarge,
    /// The command must run again, in this stage. It has changed nothing.
    Continue(Stage),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

/// The stages of a command on a keyspace of the application, in order: see `commands::named`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// On the event loop, from memory, if the values are small.
    Inline,
    /// On a thread, from memory.
    Encode,
    /// On a thread, also from the disk.
    Read,
    /// On a thread, with changes.
    Change,
}

/// A data command. Unless it returns an error, it writes one reply.
pub(crate) type DataCommand = fn(&mut dyn Entries, Arguments<'_>, &mut ReplyBuffer) -> Done;

/// The entries of the selected database, for one command.
pub(crate) trait Entries {
    /// Returns the time of the cache at which the command reads the entries. A command compares expiries with
    /// this time alone. Must not be called by a command that the command table marks with `value`.
    fn now(&self) -> Timestamp;

    /// Returns the value of a key, if the key has a live entry.
    fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Stop>;

    /// Returns the remaining time of a key's entry, or `None` if the key has no live entry.
    fn remaining(&mut self, key: &[u8]) -> Result<Option<Remaining>, Stop>;

    /// Returns the time at which a key's entry expires, or `None` if the key has no live entry. Must not be
    /// called by a command that the command table marks with `value`.
    fn expires_at(&mut self, key: &[u8]) -> Result<Option<Timestamp>, Stop>;

    /// Returns how often a key was used recently, as the eviction estimates it. Must not be called by a
    /// command that the command table marks with `value` or `entry`.
    fn frequency(&mut self, key: &[u8]) -> u64;

    fn put(&mut self, key: &[u8], value: Value, ttl: Ttl) -> Result<(), Stop>;

    /// Sets a new TTL for the live entry of a key. Returns whether the key had a live entry.
    fn touch(&mut self, key: &[u8], ttl: Ttl) -> Result<bool, Stop>;

    /// Removes the entry of a key. Returns whether the key had a live entry.
    fn remove(&mut self, key: &[u8]) -> Result<bool, Stop>;
}
