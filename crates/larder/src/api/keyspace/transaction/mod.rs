//! Transactions: atomic reads and changes of several keys in one or more keyspaces.
//!
//! A transaction is optimistic, and runs in rounds of these steps:
//!
//! 1. Call the closure. Take a lease on each key before reading the key in memory and then on disk. During a
//!    range removal of the key, wait for its end first (`memory::barrier_waits`). Collect the changes in the
//!    [`Transaction`], and encode each new value. No lock is held.
//! 2. Check that the changes are not too large for one transaction of the file, for the write buffer, or for
//!    memory.
//! 3. Reserve room for all changes in the write buffer. The reservation may wait.
//! 4. Lock the shards of all keys in order, check every read, and make all changes
//!    ([`crate::memory::group_publication`]). If a read is no longer valid, the round is lost, and the next
//!    round begins. A caller that loses too many rounds takes a turn ([`crate::engine::turns`]).
//! 5. Wake the writer thread, which commits the changes in one transaction of the file
//!    (`memory::store_group`).
//! 6. Wait for the commit, if the transaction removes an entry from the disk tier, or must be durable.
//!
//! Nothing is changed before (4). So nothing is changed if the closure returns an error or panics, or if a
//! change is refused.
//!
//! If (4) came before (3), the caller would hold the locks while it waits for the writer thread, which needs
//! these locks. If a lease were taken after its key was read, a change in between would not be detected.
//!
//! Reads of a round may be from different moments, and may contradict each other. So an error of the closure
//! is returned only if all reads are valid at the same moment. Otherwise the round is lost. After a broken
//! watch no round can succeed, so the caller gets [`Error::Changed`] instead.
//!
//! A round *at once* does not wait for other threads. It ends without a change in the same cases as in
//! [`super::modify`], and if it requires a watch. The reads and the result of its closure are then
//! discarded. A read that would have to wait returns an error to the closure. A miss instead would be
//! invented, and a closure that expects a value could panic.
//!
//! In a remote keyspace, a round takes no leases and makes its changes at the server ([`remote`]). A
//! transaction changes either remote keyspaces or others, because no step covers memory and the server.
//!
//! - [`calls`]: the methods for the closure. [`mod@read`]: the reads in memory and on disk. [`put`]: a value
//!   that is not stored yet. [`watch`]: the condition that a key has not changed since an earlier moment.
//! - [`rounds`]: the loop of rounds. [`group_size`]: step 2. [`commit`]: steps 3 to 5. [`commit_wait`]:
//!   step 6. [`remote`]: the steps in a remote keyspace.

mod calls;
mod commit;
pub(crate) mod commit_wait;
mod group_size;
mod put;
mod read;
mod remote;
pub(crate) mod rounds;
pub(crate) mod watch;

#[cfg(test)]
mod tests;

use hashbrown::HashTable;

use super::Keyspace;
use super::idle::RecordReader;
use super::insert_options::Durability;
use crate::engine::closure_keys::{InClosure, refuse_in_other_closure};
use crate::engine::keyspaces::open_keyspace::OpenKeyspace;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::format::stored_key::StoredKey;
use crate::memory::entry::Value;
use crate::memory::extras::EntryExtras;
use crate::memory::key_leases::LeaseId;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::CommitCondition;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::sys::user_code::drop_caught;
use put::PendingPut;

/// The maximum number of keys that a transaction reads or changes. With this number of keys, the locks are
/// held for a few milliseconds. In remote keyspaces, the maximum is 1,024.
pub const MAX_TRANSACTION_KEYS: usize = 8_192;

/// The maximum number of keys of a transaction in remote keyspaces. The server answers no other request while
/// it checks and changes them.
const MAX_REMOTE_KEYS: usize = 1_024;

/// A running transaction: the reads of its closure, and the changes to make.
/// [`Cache::transaction`](crate::Cache::transaction) passes it to the closure.
///
/// The methods work like the methods of [`Keyspace`] with the same names. The changes are applied only after
/// the closure returns, but the transaction sees its own changes.
pub struct Transaction<'a> {
    shared: &'a Arc<Shared>,
    /// Marks the calling thread as inside the closure. `None` after the closure has ended.
    in_closure: Option<InClosure>,
    keys: Vec<TransactionKey>,
    /// Maps the hash of a key to its index in `keys`.
    places: HashTable<usize>,
    durability: Durability,
    /// Whether a broken watch was found. Then nothing is changed, even if the closure returns `Ok`.
    is_broken: bool,
    /// Whether two reads of a key returned different entries, so that the round is lost.
    is_lost: bool,
    waits: RoundWaits,
}

/// Whether a round may wait for other threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RoundWaits {
    Allowed,
    Refused,
    /// The round would have to wait, but must not. Its result is discarded, and nothing is changed.
    Needed,
}

impl RoundWaits {
    /// Returns the thread that reads the file for a use of an entry that has left memory since it was read. A
    /// round that may not wait runs on a thread of async code, which must not read the file unmeasured.
    #[cfg_attr(
        not(feature = "async"),
        expect(clippy::unused_self, reason = "without async code, every round may wait")
    )]
    fn record_reader(self) -> RecordReader {
        #[cfg(feature = "async")]
        if self != Self::Allowed {
            return RecordReader::Worker;
        }
        RecordReader::Caller
    }
}

struct TransactionKey {
    hash: u64,
    full: StoredKey,
    /// `None` for a key that has only been watched so far.
    keyspace: Option<Arc<OpenKeyspace>>,
    read: Option<KeyRead>,
    change: Option<KeyChange>,
    /// The conditions that the slot of a remote key must meet when the changes are made.
    conditions: Vec<CommitCondition>,
    /// The counter for the lookup of the key, if there was a lookup.
    answered: Option<Count>,
}

/// The result of reading a key.
struct KeyRead {
    /// The lease that was taken before the key was read. `None` for a remote key.
    lease: Option<LeaseId>,
    /// The entry that the key must still have when the changes are made.
    entry: Option<ReadEntry>,
    value: KeyContent,
    /// The extras of an entry at the server.
    extras: Option<EntryExtras>,
    is_in_memory: bool,
    /// Whether no entry was found, but the disk may have one.
    is_unread: bool,
}

enum KeyContent {
    /// The value of the entry that was read.
    Value(Value),
    /// There was no live entry, or its record does not decode.
    None,
    /// There is an entry on disk. Its value was not read.
    OnDisk,
}

enum KeyChange {
    Put(Box<dyn PendingPut>),
    Remove,
}

impl KeyRead {
    /// Returns the entry that the closure sees. For a record that does not decode, this is a miss, although
    /// the key has an entry.
    fn found(&self) -> Option<ReadEntry> {
        self.entry.filter(|_| !matches!(self.value, KeyContent::None))
    }
}

impl TransactionKey {
    fn is_remote(&self) -> bool {
        KeyspaceId::of(&self.full).is_remote()
    }

    fn slot_key(&self) -> SlotKey<'_> {
        SlotKey { hash: self.hash, bytes: &self.full }
    }

    /// Returns whether the closure found no entry, but the disk may have one.
    fn is_unread(&self) -> bool {
        self.change.is_none() && self.read.as_ref().is_some_and(|read| read.is_unread)
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let changes = self.keys.iter().filter(|key| key.change.is_some()).count();
        f.debug_struct("Transaction")
            .field("keys", &self.keys.len())
            .field("changes", &changes)
            .finish_non_exhaustive()
    }
}

impl<'a> Transaction<'a> {
    fn new(shared: &'a Arc<Shared>, may_wait: bool) -> Self {
        Self {
            shared,
            in_closure: Some(InClosure::begin(&shared.tiers.memory)),
            keys: Vec::new(),
            places: HashTable::new(),
            durability: Durability::Buffered,
            is_broken: false,
            is_lost: false,
            waits: if may_wait { RoundWaits::Allowed } else { RoundWaits::Refused },
        }
    }
}

impl Transaction<'_> {
    fn leave_closure(&mut self) {
        self.in_closure = None;
    }

    /// Returns the index of a key in `keys`, for a call that reads the key.
    fn place<K: Key, V>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: &impl EncodeKey<K>,
    ) -> Result<usize, Error> {
        self.shared.refuse_if_unusable()?;
        if !keyspace.is_of(self.shared) {
            return Err(Error::InvalidSetting {
                setting: "keyspace",
                value: format!("{:?} of another cache", keyspace.opened.name),
                allowed: "it must be a keyspace of the cache whose transaction this is".to_owned(),
            });
        }
        let full = keyspace.encode(key)?;
        let at = self.place_of(full.as_slice(), || keyspace.opened.name.clone())?;
        if let Some(key) = self.keys.get_mut(at) {
            key.keyspace.get_or_insert_with(|| keyspace.opened.clone());
        }
        Ok(at)
    }

    /// Returns the index of a key in `keys`, for a call that changes the key.
    fn place_to_change<K: Key, V>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: &impl EncodeKey<K>,
    ) -> Result<usize, Error> {
        let full = keyspace.encode(key)?;
        let covers = |key: &[u8]| key == full.as_slice();
        refuse_in_other_closure(self.in_closure.as_ref(), &self.shared.tiers.memory, covers)?;
        self.place(keyspace, key)
    }

    /// Returns the index of a full key in `keys`. `name` returns the name of its keyspace.
    fn place_of(&mut self, full: &[u8], name: impl FnOnce() -> String) -> Result<usize, Error> {
        let memory = &self.shared.tiers.memory;
        let SlotKey { hash, bytes } = memory.key(full);
        let Self { keys, places, .. } = self;
        let is_it = |&at: &usize| keys.get(at).is_some_and(|key| *key.full == *bytes);
        if let Some(&at) = places.find(hash, is_it) {
            return Ok(at);
        }
        let is_remote = KeyspaceId::of(full).is_remote();
        if keys.first().is_some_and(|first| first.is_remote() != is_remote) {
            return Err(mixed());
        }
        let max = if is_remote { MAX_REMOTE_KEYS } else { MAX_TRANSACTION_KEYS };
        if keys.len() >= max {
            return Err(Error::GroupTooLarge {
                keyspace: name(),
                size: "the keys of a transaction".to_owned(),
                max: max.to_string(),
                remedy: "use fewer keys at once",
            });
        }
        let at = keys.len();
        places.insert_unique(hash, at, |&at| keys.get(at).map_or(0, |key| key.hash));
        keys.push(TransactionKey {
            hash,
            full: bytes.into(),
            keyspace: None,
            read: None,
            change: None,
            conditions: Vec::new(),
            answered: None,
        });
        if let Some(in_closure) = &self.in_closure {
            in_closure.add(bytes);
        }
        Ok(at)
    }
}

/// Returns the error of a transaction that would change both memory and the server.
#[cold]
fn mixed() -> Error {
    Error::NotRemote {
        what: "a transaction that also uses a memory-only keyspace",
        remedy: "use one transaction for the keyspaces at the server, and another one for those in memory",
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let memory = &self.shared.tiers.memory;
        // If a closure forks, it returns in both processes. The leases belong to the parent, which releases
        // them.
        if memory.process.is_current() {
            for key in &self.keys {
                if let Some(lease) = key.read.as_ref().and_then(|read| read.lease) {
                    memory.release(key.slot_key(), lease);
                }
            }
        }
        // The values that were read or would be stored may be last handles. A panic of their `Drop` must not
        // end the transaction after a lost round, and must not hide an error.
        self.leave_closure();
        for key in self.keys.drain(..) {
            drop_caught(key.read);
            drop_caught(key.change);
        }
    }
}
