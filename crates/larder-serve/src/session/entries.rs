//! The entries that a data command reads and changes.
//!
//! A data command is a function over [`Entries`]. So the same function runs alone on one key, on several keys
//! at one moment, and as a part of a transaction. It may run again, if an entry changes meanwhile. So its
//! only effects are its changes and its reply.

use larder::{Error, Remaining, Ttl};

use super::databases::Value;
use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;

/// What a data command returns when it has replied.
pub(crate) type Done = Result<(), Error>;

/// A data command. It replies once, unless it returns an error.
pub(crate) type DataCommand = fn(&mut dyn Entries, Arguments<'_>, &mut ReplyBuffer) -> Done;

/// The entries of the selected database, as one command sees them.
pub(crate) trait Entries {
    /// Returns the live value of a key.
    fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Error>;

    /// Returns the time that a key's entry has left. None if there is no live entry.
    fn remaining(&mut self, key: &[u8]) -> Result<Option<Remaining>, Error>;

    /// Stores a value.
    fn put(&mut self, key: &[u8], value: Value, ttl: Ttl) -> Result<(), Error>;

    /// Gives the live entry of a key another TTL. Returns whether there was a live entry.
    fn touch(&mut self, key: &[u8], ttl: Ttl) -> Result<bool, Error>;

    /// Removes the entry of a key. Returns whether there was a live entry.
    fn remove(&mut self, key: &[u8]) -> Result<bool, Error>;
}
