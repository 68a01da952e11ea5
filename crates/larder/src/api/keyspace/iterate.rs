//! Iteration over a keyspace in key order.
//!
//! The keys come from two sorted sources: the keys in memory, collected when the iteration begins, and the
//! keys on disk. The keys on disk are read in chunks, each chunk from the current snapshot, so that a slow
//! iteration keeps no old pages alive. Each key is then looked up like any other key. With a remote tier, all
//! keys come from the server ([`super::remote::scan`]). Threads and tasks run the same steps
//! ([`crate::sys::at_once`]).
//!
//! So, unless the disk or the server fails, an iteration yields exactly once every entry that exists during
//! the whole iteration, with one exception below. It never yields an entry after the entry expired or was
//! invalidated. An entry that is written or removed during the iteration may be yielded or not.
//!
//! While the writer has withdrawn the snapshot to make room, an iteration waits for the next snapshot.
//! Otherwise the iteration would mistake the missing snapshot for the end of the keys on disk, and omit all
//! later keys. During an outage of the disk there is no next snapshot. Then the iteration continues with the
//! keys in memory, and `is_complete` reports that keys may be missing. In a forked child, an iteration ends
//! and is not complete, even if the parent has begun it and has read entries ahead.
//!
//! The keys in memory are collected before the first chunk is read. So an entry that is committed or
//! evicted between these two steps is still in the first source.
//!
//! The exception: an entry is only on disk at the first step, a lookup copies it into memory, and then the
//! disk evicts it, before its chunk is read. It exists all the time, and is in neither source. A second pass
//! over memory at the end would find it, but out of order.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::vec::IntoIter;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::remote::scan::{ReadAhead, WalkCaller, WalkedEntry};
use crate::engine::tiers::Tiers;
use crate::error::Error;
use crate::format::key;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::at_once::at_once;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

/// Maximum number of keys in a chunk that is read from disk.
const CHUNK: usize = 256;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns an iterator over the live entries, in key order. The iterator's lookups are not counted, and
    /// copy nothing into memory.
    ///
    /// The iterator is not a snapshot. It may or may not yield an entry that is written or removed during the
    /// iteration, or that the disk evicts during the iteration, even if memory keeps it. It never yields an
    /// entry after the entry expired or was invalidated. In a forked child, it yields nothing, and
    /// [`is_complete`](Iter::is_complete) returns false.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// prices.insert("AIRTEL", 90)?;
    /// let cheap: Vec<String> = prices.iter().filter(|(_, price)| **price < 100).map(|(code, _)| code).collect();
    /// assert_eq!(cheap, ["AIRTEL"]);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// The call makes one pass over the entries in memory. Each step of the iterator makes one lookup, and
    /// decodes the value if it is only on disk. With a remote tier, the call collects all keys, with one
    /// request for each page. Later, the entries of 32 keys are requested at a time, except those that
    /// memory has.
    #[must_use]
    pub fn iter(&self) -> Iter<K, V> {
        at_once(self.begin_iter(WalkCaller::Thread))
    }

    /// Returns an iterator over the keys of the live entries, in order. It is no snapshot, like
    /// [`iter`](Keyspace::iter).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// prices.insert("AIRTEL", 90)?;
    /// assert_eq!(prices.keys().collect::<Vec<_>>(), ["AIRTEL", "MTNVTU"]);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`iter`](Keyspace::iter), without the decoding of values. With a remote tier, values
    /// are decoded too.
    #[must_use]
    pub fn keys(&self) -> Keys<K, V> {
        at_once(self.begin_keys(WalkCaller::Thread))
    }

    /// Returns an iterator over the keys of the live entries that come after `key`, in order. `key` itself
    /// need not have an entry. With this call, an iteration can stop at any key and continue from there
    /// later.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_many([("AIRTEL", 90), ("GLO", 80), ("MTNVTU", 100)])?;
    /// assert_eq!(prices.keys_after("AIRTEL")?.collect::<Vec<_>>(), ["GLO", "MTNVTU"]);
    /// assert_eq!(prices.keys_after("H")?.collect::<Vec<_>>(), ["MTNVTU"]);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`].
    ///
    /// # Cost
    /// Costs the same as [`keys`](Keyspace::keys). The pass over the entries in memory covers all keys, but
    /// the keys on disk are read only from `key` on.
    pub fn keys_after(&self, key: impl EncodeKey<K>) -> Result<Keys<K, V>, Error> {
        let after = self.encode(&key)?;
        let full = at_once(self.full_keys(Some(after.as_slice()), WalkCaller::Thread));
        Ok(Keys { full, ahead: ReadAhead::default(), keyspace: self.clone() })
    }

    /// Returns an iterator over the live entries. Waits for the keys at a server.
    pub(super) async fn begin_iter(&self, caller: WalkCaller) -> Iter<K, V> {
        Iter { keys: self.full_keys(None, caller).await, ahead: ReadAhead::default(), keyspace: self.clone() }
    }

    /// Returns an iterator over the keys of the live entries. Waits like [`begin_iter`](Self::begin_iter).
    pub(super) async fn begin_keys(&self, caller: WalkCaller) -> Keys<K, V> {
        Keys { full: self.full_keys(None, caller).await, ahead: ReadAhead::default(), keyspace: self.clone() }
    }

    async fn full_keys(&self, after: Option<&[u8]>, caller: WalkCaller) -> FullKeys {
        let prefix = self.opened.id.to_bytes();
        // A forked child must not collect the keys, because that takes the lock of every shard.
        let is_forked = self.shared.is_forked();
        let (mut in_memory, is_complete) = match is_forked {
            true => (Vec::new(), false),
            false if self.is_remote() => self.remote_keys(&caller).await,
            false => (self.shared.tiers.memory.keys(&prefix), true),
        };
        if let Some(after) = after {
            in_memory.drain(..in_memory.partition_point(|key| **key <= *after));
        }
        FullKeys {
            prefix,
            in_memory: in_memory.into_iter().peekable(),
            chunk: VecDeque::new(),
            last_on_disk: after.map(Arc::from),
            disk_is_done: is_forked || !self.is_in_file(),
            is_complete,
            process: self.shared.tiers.process.clone(),
            caller,
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> IntoIterator for &Keyspace<K, V> {
    type Item = (K, Arc<V>);
    type IntoIter = Iter<K, V>;

    fn into_iter(self) -> Iter<K, V> {
        self.iter()
    }
}

/// The full keys of a keyspace in memory and on disk, in order. In a remote tier, `in_memory` holds the keys
/// at the server, and the disk is not read.
#[derive(Debug)]
struct FullKeys {
    prefix: [u8; KeyspaceId::LEN],
    in_memory: Peekable<IntoIter<Arc<[u8]>>>,
    chunk: VecDeque<Arc<[u8]>>,
    last_on_disk: Option<Arc<[u8]>>,
    disk_is_done: bool,
    /// False if keys may be missing, because the disk or the server could not be read, or in a forked child.
    is_complete: bool,
    /// The process of the cache.
    process: Process,
    caller: WalkCaller,
}

impl FullKeys {
    /// Returns whether no key is missing so far. Always returns false in a forked child.
    fn is_complete(&self) -> bool {
        self.is_complete && self.process.is_current()
    }

    fn next(&mut self, tiers: &Tiers) -> Option<Arc<[u8]>> {
        if self.chunk.is_empty() && !self.disk_is_done {
            let chunk = tiers.keys_on_disk(&self.prefix, self.last_on_disk.as_deref(), CHUNK);
            self.is_complete &= chunk.is_some();
            self.chunk = chunk.unwrap_or_default().into();
            self.disk_is_done = self.chunk.len() < CHUNK;
            self.last_on_disk = self.chunk.back().cloned();
        }
        let in_memory = match (self.in_memory.peek(), self.chunk.front()) {
            (Some(in_memory), Some(on_disk)) => in_memory <= on_disk,
            (in_memory, _) => in_memory.is_some(),
        };
        if !in_memory {
            return self.chunk.pop_front();
        }
        let key = self.in_memory.next();
        if self.chunk.front() == key.as_ref() {
            self.chunk.pop_front();
        }
        key
    }

    fn decode<K: Key>(full: &[u8]) -> Option<K> {
        // A key that does not decode is damaged, or was written by a key type with the same shape but other
        // rules. The iteration skips it.
        key::decode(full.get(KeyspaceId::LEN..)?).ok()
    }
}

/// An iterator over the live entries of a keyspace, in key order. Returned by [`Keyspace::iter`].
#[derive(Debug)]
pub struct Iter<K, V> {
    keyspace: Keyspace<K, V>,
    keys: FullKeys,
    ahead: ReadAhead<V>,
}

impl<K, V> Iter<K, V> {
    /// Returns whether the iterator has yielded everything so far. Returns false if the file, or the server
    /// of a remote tier, could not be read, so that entries may be missing. During an outage of the disk, for
    /// example, an iterator yields only the entries in memory. Also returns false in a forked child.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.keys.is_complete()
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Iter<K, V> {
    /// Returns the next entry. Waits for its record at a server.
    pub(super) async fn advance(&mut self) -> Option<(K, Arc<V>)> {
        loop {
            let Self { keyspace, keys, ahead } = self;
            // A key that was read ahead belongs to the parent, too.
            if !keys.process.is_current() || keys.caller.is_gone() {
                return None;
            }
            let next = || keys.next(&keyspace.shared.tiers);
            let (full, entry) = keyspace.next_ahead(ahead, next).await?;
            let (value, may_be_on_disk) = match entry {
                WalkedEntry::Live(value) => (Some(value), false),
                WalkedEntry::Missing => (None, false),
                WalkedEntry::Unread if keys.caller.is_gone() => return None,
                WalkedEntry::Unread => {
                    let (value, may_be_on_disk) = keyspace.peek_in_both(&full).await;
                    (value.map(HeldValue::new), may_be_on_disk)
                }
            };
            keys.is_complete &= value.is_some() || !may_be_on_disk;
            if let Some(value) = value
                && let Some(key) = FullKeys::decode(&full)
            {
                return Some((key, value.into_inner()));
            }
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Iterator for Iter<K, V> {
    type Item = (K, Arc<V>);

    fn next(&mut self) -> Option<Self::Item> {
        at_once(self.advance())
    }
}

/// An iterator over the keys of the live entries of a keyspace, in order. Returned by [`Keyspace::keys`]
/// and [`Keyspace::keys_after`].
#[derive(Debug)]
pub struct Keys<K, V> {
    keyspace: Keyspace<K, V>,
    full: FullKeys,
    ahead: ReadAhead<V>,
}

impl<K, V> Keys<K, V> {
    /// Returns whether the iterator has yielded everything so far. Returns false if the file, or the server
    /// of a remote tier, could not be read, so that keys may be missing. During an outage of the disk, for
    /// example, an iterator yields only the keys in memory. Also returns false in a forked child.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.full.is_complete()
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keys<K, V> {
    /// Returns the next key. Waits for its record at a server.
    pub(super) async fn advance(&mut self) -> Option<K> {
        loop {
            let Self { keyspace, full: keys, ahead } = self;
            if !keys.process.is_current() || keys.caller.is_gone() {
                return None;
            }
            let next = || keys.next(&keyspace.shared.tiers);
            let (full, entry) = keyspace.next_ahead(ahead, next).await?;
            let (is_live, may_be_on_disk) = match entry {
                WalkedEntry::Live(_) => (true, false),
                WalkedEntry::Missing => (false, false),
                WalkedEntry::Unread if keys.caller.is_gone() => return None,
                WalkedEntry::Unread => {
                    let (expiry, may_be_on_disk) = keyspace.expiry_in_both(&full).await;
                    (expiry.is_some(), may_be_on_disk)
                }
            };
            keys.is_complete &= is_live || !may_be_on_disk;
            if is_live && let Some(key) = FullKeys::decode(&full) {
                return Some(key);
            }
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Iterator for Keys<K, V> {
    type Item = K;

    fn next(&mut self) -> Option<K> {
        at_once(self.advance())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cache::Cache;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::sys::clock::ManualClock;
    use crate::testing::remote::RemoteServer;

    #[test]
    fn a_forked_child_yields_no_entry_that_its_parent_has_read_ahead() {
        const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("number");
        let server = RemoteServer::new(Arc::new(ManualClock::new()));
        for node in [None, Some(server.node())] {
            let builder = Cache::builder();
            let builder = if let Some(node) = node { builder.remote(node) } else { builder };
            let cache = builder.open().unwrap();
            let numbers = cache.keyspace(NUMBERS).unwrap();
            numbers.insert_many((0..9).map(|number| (number, number))).unwrap();
            let (mut entries, mut keys) = (numbers.iter(), numbers.keys());
            assert_eq!((entries.next().map(|(key, _)| key), keys.next()), (Some(0), Some(0)));
            assert!(entries.is_complete() && keys.is_complete());
            (entries.keys.process, keys.full.process) = (Process::other(), Process::other());
            assert!(!entries.is_complete() && !keys.is_complete());
            assert_eq!((entries.next(), keys.next()), (None, None));
        }
    }
}
