//! The calls that make an entry expire earlier.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::insert_options::Durability;
use super::read::{LeasedRead, ReadValue};
use super::ttl::Ttl;
use super::write::{InsertOutcome, ReadCondition, WriteCondition};
use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::closure_keys;
use crate::engine::keyspaces::open_keyspace::Shortened;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::memory::lookup::ReadEntry;
use crate::stats::count::Count;
use crate::sys::sync::thread;
use crate::units::Timestamp;

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
    /// Costs a lookup and an insert: the entry is written again. The statistics count the call as an insert,
    /// like a touch.
    pub fn expire(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(&key)?;
        Ok(self.shorten_life(full.as_slice(), |_| Some(self.now()))? == Shortened::Done)
    }

    /// Shortens the life of a key's live entry to the time that `until` returns for the entry. If `until`
    /// returns `None`, changes nothing, and returns [`Shortened::EarlierAlready`].
    ///
    /// # Errors
    /// Returns the same errors as [`expire`](Keyspace::expire).
    pub(super) fn shorten_life(
        &self,
        full: &[u8],
        until: impl Fn(ReadEntry) -> Option<Timestamp>,
    ) -> Result<Shortened, Error> {
        self.shared.refuse_if_unusable()?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full)?;
        let key = memory.key(full);
        let (mut rounds, mut lost) = (self.shared.turns.rounds(key.bytes), 0_u32);
        // The loop runs the rounds of an atomic change ([`super::modify`]), without a closure. An atomic
        // change itself would remove an entry that expires immediately.
        loop {
            rounds.begin();
            let LeasedRead { lease, read, is_unread, record } = self.lease_and_read(key)?;
            let Some(ReadValue { value, entry, is_in_memory, .. }) = read else {
                return if is_unread { Err(not_durable_while_off(None)) } else { Ok(Shortened::Missing) };
            };
            let Some(until) = until(entry) else { return Ok(Shortened::EarlierAlready) };
            let condition = ReadCondition {
                lease: &lease,
                read: Some(entry),
                may_be_on_disk: !is_in_memory,
                keeps_value: true,
                shortens_life: true,
                waits_for_room: true,
                record: record.as_deref(),
            };
            let (ttl, condition) = (Ttl::Until(until), WriteCondition::Unchanged(condition));
            if self.write_if(key, &value, ttl, Durability::Buffered, condition)? != InsertOutcome::Revoked {
                self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
                return Ok(Shortened::Done);
            }
            lost = lost.saturating_add(1);
            self.refuse_endless_rounds(lost)?;
            thread::yield_now();
        }
    }
}
