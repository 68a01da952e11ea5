//! The calls that store several values as a group. After a crash the file has all values of the group, or
//! none.
//!
//! 1. Encode every key and prepare every value. The first key or value that is refused ends the call.
//! 2. Check that the group is not too large for one transaction, or for the write buffer.
//! 3. Reserve room for the whole group in the write buffer.
//! 4. Store the values (`memory::store_group`), and wake the writer.
//!
//! Nothing is changed before (4). In (4), if the first value is accepted, all values are accepted, except
//! values in memory only that find no room. If the disk tier recovered after (1), the values have no
//! encodings. Then the group is refused, and the steps begin again at (1).

use serde::Serialize;
use serde::de::DeserializeOwned;

mod at_server;
mod entries;

use super::Keyspace;
use super::change_commit::ChangeCommit;
use super::insert_options::{Durability, InsertOptions};
use super::prepare::{PreparedValue, room_for};
use super::ttl::Ttl;
use super::write::InsertOutcome;
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::memory::entry::{IncomingEntry, Refused, Unsaved, Value};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::extras::EntryExtras;
use crate::memory::grace::Grace;
use crate::memory::group::{GROUP_KEY_OVERHEAD, Group};
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::sync::{Arc, thread};
use crate::units::{ByteSize, Timestamp};
use entries::GroupEntry;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Stores several values as a group, with the keyspace's TTL. After a crash, the file has all values of
    /// the group, or none.
    ///
    /// When the call returns, every thread sees all values. During the call, a lookup may find one value but
    /// not yet another. The group reaches the disk within the flush interval. If a key occurs twice, its last
    /// value is stored.
    ///
    /// After the call, the entries are independent of each other: each may be overwritten, removed or evicted
    /// separately ([contract 4](crate#the-contract)).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_many([("MTNVTU", 100), ("AIRTEL", 95), ("GLO", 90)])?;
    /// assert_eq!(prices.count(), 3);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert). Unlike `insert`, also returns
    /// [`Error::ValueTooLarge`] for a value that is only too large for the file. Returns
    /// [`Error::GroupTooLarge`] if the group is larger than the write buffer (8 MiB by default), or too large
    /// for one transaction of the file. With the default `disk_capacity`, a transaction may have 8,192 values
    /// and 32 MiB. These limits grow with `disk_capacity`. A memory-only keyspace has no limits on the group.
    /// After an error nothing is stored, and the previous entries stay.
    ///
    /// A remote tier stores each value like an `insert`, and returns the error of the first value that has
    /// one. If a value is refused, such as with [`Error::ValueTooLarge`], the other values are still stored.
    /// If the server does not confirm a value ([`Error::Remote`]), the values that were not sent yet are not
    /// stored.
    ///
    /// # Cost
    /// Each value costs the same as an [`insert`](Keyspace::insert). The group waits only once for room in
    /// the write buffer, and is committed in one transaction. In a remote tier, each value costs a request,
    /// and up to 128 requests take one round trip. Values of more than 1 MiB together, and several values of
    /// the same key, take further round trips. A value is encoded once, when it is the next to be sent, so at
    /// most one encoded value waits for the answers to the values before it.
    pub fn insert_many<Q, T>(&self, entries: impl IntoIterator<Item = (Q, T)>) -> Result<(), Error>
    where
        Q: EncodeKey<K>,
        T: Into<Arc<V>>,
    {
        self.insert_many_with(entries, InsertOptions::new())
    }

    /// Stores several values as a group, with the given TTL and durability.
    ///
    /// # Errors
    /// Returns the same errors as [`insert_many`](Keyspace::insert_many) and
    /// [`insert_with`](Keyspace::insert_with). Also returns [`Error::InvalidSetting`] for
    /// [`Ttl::Keep`](crate::Ttl::Keep), because all values of a group have the same TTL.
    pub fn insert_many_with<Q, T>(
        &self,
        entries: impl IntoIterator<Item = (Q, T)>,
        options: InsertOptions,
    ) -> Result<(), Error>
    where
        Q: EncodeKey<K>,
        T: Into<Arc<V>>,
    {
        let entries = self.group_entries(entries, options)?;
        self.insert_group(&entries, options, &mut ChangeCommit::OnThread)
    }

    /// The async form of [`insert_many`](Keyspace::insert_many). The values are stored even if the future is
    /// dropped after its first poll.
    ///
    /// ```
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition};
    /// # use std::time::Duration;
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_many_async([("MTNVTU", 100), ("GLO", 90)]).await?;
    /// let for_a_minute = InsertOptions::new().ttl(Duration::from_secs(60));
    /// prices.insert_many_with_async([("AIRTEL", 95)], for_a_minute).await?;
    /// assert_eq!(prices.get_async("AIRTEL").await.as_deref(), Some(&95));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert_many`](Keyspace::insert_many).
    ///
    /// # Cost
    /// Costs the same as [`insert_many`](Keyspace::insert_many). A disk tier or a remote tier adds a round
    /// trip to a worker thread.
    #[cfg(feature = "async")]
    pub async fn insert_many_async<Q, T>(
        &self,
        entries: impl IntoIterator<Item = (Q, T)>,
    ) -> Result<(), Error>
    where
        Q: EncodeKey<K>,
        T: Into<Arc<V>>,
    {
        self.insert_many_with_async(entries, InsertOptions::new()).await
    }

    /// The async form of [`insert_many_with`](Keyspace::insert_many_with). The values are stored even if the
    /// future is dropped after its first poll. [`insert_many_async`](Keyspace::insert_many_async) has an
    /// example.
    ///
    /// # Errors
    /// Returns the same errors as [`insert_many_with`](Keyspace::insert_many_with).
    ///
    /// # Cost
    /// Costs the same as [`insert_many_async`](Keyspace::insert_many_async). A durable group also waits for a
    /// commit. The wait does not occupy a worker thread.
    #[cfg(feature = "async")]
    pub async fn insert_many_with_async<Q, T>(
        &self,
        entries: impl IntoIterator<Item = (Q, T)>,
        options: InsertOptions,
    ) -> Result<(), Error>
    where
        Q: EncodeKey<K>,
        T: Into<Arc<V>>,
    {
        let entries = self.group_entries(entries, options)?;
        if self.is_remote() {
            return self.insert_all_in_task(entries, options.ttl).await;
        }
        self.commit_in_task(move |keyspace, wait| keyspace.insert_group(&entries, options, wait)).await
    }

    fn insert_group(
        &self,
        entries: &[GroupEntry<V>],
        options: InsertOptions,
        wait: &mut ChangeCommit,
    ) -> Result<(), Error> {
        let InsertOptions { ttl, durability } = options;
        if entries.is_empty() {
            return Ok(());
        }
        if ttl.is_past(|| self.now()) {
            let counters = &self.opened.counters;
            let removals = entries.iter().map(|entry| Removal::Key { counters, full: &entry.key });
            return self.shared.invalidate(removals).map(drop);
        }
        if self.is_remote() {
            return at_once(self.insert_all_at_server(entries, ttl));
        }
        let is_durable = durability == Durability::Immediate && self.is_in_file();
        let created = if is_durable { self.create_file() } else { Ok(()) };
        let write = self.write_to_come(durability);
        let outcome = self.write_group(entries, ttl)?;
        for entry in entries {
            self.shared.count(&self.opened.counters, Count::Inserts, &entry.key);
        }
        let is_saved = outcome == InsertOutcome::Saved;
        if is_durable { self.commit_insert((write, is_saved), created, wait) } else { Ok(()) }
    }

    /// Runs steps 1 to 4.
    fn write_group(&self, entries: &[GroupEntry<V>], ttl: Ttl) -> Result<InsertOutcome, Error> {
        loop {
            if let Some(prepared) = self.prepare_group(entries)? {
                match self.store_group(entries, prepared, ttl) {
                    Ok(outcome) => return Ok(outcome),
                    Err(Refused::NoRoom) => return Ok(InsertOutcome::InMemory),
                    Err(Refused::Closed) => return Err(Error::Closed),
                    Err(Refused::Unsaved | Refused::Revoked | Refused::Unconfirmed) => {}
                }
            }
            // The disk tier was discarded or recovered in the meantime.
            thread::yield_now();
        }
    }

    /// Runs steps 1 and 2. Returns `None` if only some of the values have encodings, because the disk tier
    /// was discarded or recovered in the meantime.
    fn prepare_group(&self, entries: &[GroupEntry<V>]) -> Result<Option<Vec<PreparedValue>>, Error> {
        let mut prepared = Vec::new();
        let (mut saved, mut bytes, mut room) = (0, 0, 0);
        for entry in entries {
            // A value that is too large for the file is refused, as in a durable insert. Otherwise a crash
            // would lose this value and keep the others.
            let value = self.prepare(entry.slot_key(), &entry.value, Durability::Immediate)?;
            if let Some(payload) = &value.payload {
                saved += 1;
                bytes += payload.bytes.len() as u64;
                room += room_for(entry.key.len(), &payload.bytes, value.weight) + group_room(entry);
                self.check_group(entries.len(), bytes, room)?;
            }
            prepared.push(value);
        }
        Ok((saved == 0 || saved == prepared.len()).then_some(prepared))
    }

    fn check_group(&self, values: usize, bytes: u64, room: u64) -> Result<(), Error> {
        let (max, buffer) = (self.shared.settings.max_group, self.shared.tiers.memory.buffer().capacity());
        let too_large = |size: String, max: String, remedy| {
            Err(Error::GroupTooLarge { keyspace: self.opened.name.clone(), size, max, remedy })
        };
        let of_bytes = |bytes: u64, what: &str| format!("{} {what}", ByteSize::bytes(bytes));
        if values > max.values {
            let remedy = "store fewer at once, or raise disk_capacity";
            return too_large(format!("{values} values"), max.values.to_string(), remedy);
        }
        if bytes > max.bytes {
            let remedy = "store fewer values at once, or raise disk_capacity";
            return too_large(
                of_bytes(bytes, "of values or more"),
                ByteSize::bytes(max.bytes).to_string(),
                remedy,
            );
        }
        if room > buffer {
            let remedy = "store fewer values at once, or raise write_buffer";
            let size = of_bytes(room, "or more in the write buffer");
            return too_large(size, ByteSize::bytes(buffer).to_string(), remedy);
        }
        Ok(())
    }

    /// Runs steps 3 and 4.
    fn store_group(
        &self,
        entries: &[GroupEntry<V>],
        prepared: Vec<PreparedValue>,
        ttl: Ttl,
    ) -> Result<InsertOutcome, Refused> {
        let tiers = &self.shared.tiers;
        // Dropped last, because a user's `Drop` may wait for room. Before that, the values must be stored and
        // the writer thread must be awake, so that it can free room.
        let mut evicted_values = EvictedValues::default();
        let mut now = tiers.time.bounds().earliest;
        let mut first = Timestamp::NEVER;
        let mut lives = Vec::with_capacity(entries.len());
        for entry in entries {
            let (at, ends_at) = self.expiry_after_write(entry.slot_key(), ttl, None);
            let (expires_at, extras) = self.first_expiry(at, ends_at, None);
            (now, first) = (now.max(at), first.min(expires_at));
            lives.push((expires_at, extras));
        }
        let grace = Grace::at_least(self.definition.stale_for());
        let weights: Vec<_> = prepared.iter().map(|value| value.weight).collect();
        let unsaved = self.reserve_group(entries, prepared, (now, &lives), &mut evicted_values);
        let is_saved = unsaved.is_some();
        let unsaved = unsaved.into_iter().flatten().map(Some).chain(std::iter::repeat(None));
        let entries = entries.iter().zip(lives).zip(weights).zip(unsaved);
        let entries = entries.map(|(((entry, (expires_at, extras)), weight), unsaved)| {
            let value = Some(Arc::clone(&entry.value) as Value);
            (entry.slot_key(), IncomingEntry { value, expires_at, grace, weight, unsaved, extras })
        });
        let stored = tiers.memory.store_group(entries, now, &mut evicted_values);
        if is_saved {
            self.wake_writer();
        }
        stored?;
        tiers.sweeper.plan(grace.after(first));
        Ok(if is_saved { InsertOutcome::Saved } else { InsertOutcome::InMemory })
    }

    /// Runs step 3. Returns `None` if the values are not to be saved, or if the disk tier no longer saves
    /// values.
    fn reserve_group(
        &self,
        entries: &[GroupEntry<V>],
        prepared: Vec<PreparedValue>,
        (written_at, lives): (Timestamp, &[(Timestamp, Option<EntryExtras>)]),
        evicted_values: &mut EvictedValues,
    ) -> Option<Vec<Arc<Unsaved>>> {
        let payloads = prepared.into_iter().map(|value| Some((value.weight, value.payload?)));
        let payloads = payloads.collect::<Option<Vec<_>>>()?;
        let of_value = |(entry, (weight, payload)): (&GroupEntry<V>, &(_, super::prepare::EncodedValue))| {
            room_for(entry.key.len(), &payload.bytes, *weight)
        };
        let of_keys: u64 = entries.iter().map(group_room).sum();
        let of_values: Vec<u64> = entries.iter().zip(&payloads).map(of_value).collect();
        let mut room = self.reserve(of_values.iter().sum::<u64>() + of_keys, evicted_values)?;
        let keys = entries.iter().map(|entry| entry.key.clone()).collect();
        let group = Arc::new(Group::new(keys, room.split_off(of_keys)));
        let with_room = of_values.into_iter().map(|bytes| room.split_off(bytes)).zip(payloads);
        let with_room: Vec<_> = with_room.collect();
        let unsaved = with_room.into_iter().zip(lives).map(|((room, payload), &(_, extras))| {
            self.unsaved(payload, written_at, room, Some(group.clone()), extras)
        });
        Some(unsaved.collect())
    }
}

/// Returns the additional bytes in the write buffer for an entry that belongs to a group.
fn group_room<V>(entry: &GroupEntry<V>) -> u64 {
    entry.key.len() as u64 + GROUP_KEY_OVERHEAD
}
