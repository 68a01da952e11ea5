//! The entries that a data command reads and changes.
//!
//! A data command is a function over [`Entries`]. So the same function runs alone on one key, on several keys
//! at one moment, and as a part of a transaction. The function may run again if an entry changes meanwhile.
//! So its only effects are its changes and its reply.

use larder::{Error, Remaining, Ttl};

use super::databases::Value;
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;

/// The result of a data command that has replied.
pub(crate) type Done = Result<(), Error>;

/// A data command. It replies once, unless it returns an error.
pub(crate) type DataCommand = fn(&mut dyn Entries, Arguments<'_>, &mut ReplyBuffer) -> Done;

/// The entries of the selected database, for one command.
pub(crate) trait Entries {
    /// Returns the live value of a key.
    fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Error>;

    /// Returns the remaining time of a key's entry, or `None` if the key has no live entry.
    fn remaining(&mut self, key: &[u8]) -> Result<Option<Remaining>, Error>;

    /// Stores a value.
    fn put(&mut self, key: &[u8], value: Value, ttl: Ttl) -> Result<(), Error>;

    /// Sets a new TTL for the live entry of a key. Returns whether the key had a live entry.
    fn touch(&mut self, key: &[u8], ttl: Ttl) -> Result<bool, Error>;

    /// Removes the entry of a key. Returns whether the key had a live entry.
    fn remove(&mut self, key: &[u8]) -> Result<bool, Error>;
}
