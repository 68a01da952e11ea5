//! The call that makes an entry expire immediately.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::insert_options::Durability;
use super::read::{LeasedRead, ReadValue};
use super::ttl::Ttl;
use super::write::{InsertOutcome, ReadCondition, WriteCondition};
use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::closure_keys;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::stats::count::Count;
use crate::sys::sync::thread;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Makes the live entry of a key expire immediately. Returns whether there was a live entry.
    ///
    /// Lookups then miss the key, and the next [`get_or_load`](Keyspace::get_or_load) loads it. If the
    /// keyspace has a [`grace`](crate::KeyspaceDefinition::grace), the grace begins at the call: if the load
    /// fails, `get_or_load` returns the old value.
    ///
    /// **This is not an invalidation.** Use `expire` if you want a new value soon, but the old value is
    /// better than none. Use [`remove`](Keyspace::remove) if the old value must not be seen again. After
    /// `expire`, the old value may be served stale, and a crash within the flush interval undoes the call.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> =
    /// #     KeyspaceDefinition::new("price").grace(Duration::from_secs(3600));
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert!(prices.expire("MTNVTU")?);
    /// assert!(prices.get("MTNVTU").is_none());
    /// let price = prices.get_or_load("MTNVTU", || Err::<u64, _>("the database is away")).unwrap();
    /// assert_eq!(*price, 100, "the grace is not over");
    /// assert!(!prices.expire("MTNVTU")?, "it has expired already");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert). Also returns [`Error::NotDurable`] if the
    /// entry may be only on disk, and the disk tier is off or cannot be read. Lookups miss such an entry
    /// until the disk works again. Then repeat the call.
    ///
    /// # Cost
    /// Costs one insert: the entry is written again. The statistics count the call as an insert, like a
    /// touch.
    pub fn expire(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(&key)?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full.as_slice())?;
        let key = memory.key(full.as_slice());
        let mut rounds = self.shared.turns.rounds(key.bytes);
        // These are the rounds of an atomic change ([`super::modify`]), without a closure. An atomic change
        // itself would remove the entry, because the new expiry is not in the future.
        loop {
            rounds.begin();
            let LeasedRead { lease, read, is_unread, record } = self.lease_and_read(key)?;
            let Some(ReadValue { value, entry, is_in_memory, .. }) = read else {
                return if is_unread { Err(not_durable_while_off(None)) } else { Ok(false) };
            };
            let (read, may_be_on_disk) = (Some(entry), !is_in_memory);
            let record = record.as_deref();
            let condition = ReadCondition {
                lease: &lease,
                read,
                may_be_on_disk,
                keeps_value: true,
                waits_for_room: true,
                record,
            };
            let (ttl, condition) = (Ttl::Until(self.now()), WriteCondition::Unchanged(condition));
            if self.write_if(key, &value, ttl, Durability::Buffered, condition)? != InsertOutcome::Revoked {
                self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
                return Ok(true);
            }
            thread::yield_now();
        }
    }
}
