//! The methods of a transaction, for its closure.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::put::{PendingPut, TypedPut};
use super::{KeyChange, KeyRead, Transaction, TransactionKey};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::insert_options::{Durability, InsertOptions};
use crate::api::keyspace::ttl::Ttl;
use crate::disk::file::error_translation::not_durable_while_off;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::sys::user_code::{HeldValue, drop_caught};
use crate::units::{Remaining, Timestamp};

impl Transaction<'_> {
    /// Returns the live value of a key, from memory, from disk or from a server, or the value that this
    /// transaction stores. If the entry changes before the transaction completes, the closure runs again.
    ///
    /// The statistics count the call as one lookup when the transaction completes. In every round, even in a
    /// lost one, the call is a use of the entry, and a use extends the life of an entry with a time to idle.
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`]. Returns [`Error::GroupTooLarge`] for more than
    /// [`MAX_TRANSACTION_KEYS`](crate::MAX_TRANSACTION_KEYS) keys. Returns [`Error::InvalidSetting`] for a
    /// keyspace of another cache. Also returns [`Error::Closed`] or [`Error::Forked`].
    ///
    /// Over a remote tier, the limits are 1,024 keys, and 32 MiB of values that were read. There, also
    /// returns [`Error::Remote`] if the server does not answer, and [`Error::NotRemote`] if the transaction
    /// uses both a remote and a memory-only keyspace.
    ///
    /// In `transaction_async`, returns [`Error::Changed`] if the read would make the calling thread wait. The
    /// closure must return this error. Then a worker thread calls the closure again.
    ///
    /// # Cost
    /// Costs one lookup, and two exclusive locks of a shard. In a remote keyspace, costs one request.
    pub fn get<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
    ) -> Result<Option<Arc<V>>, Error> {
        let at = self.place(keyspace, &key)?;
        self.fetch(keyspace, &[at])?;
        Ok(self.look_up(keyspace, at))
    }

    /// Returns the live values of several keys, in the order of the keys. All values are from the same
    /// moment.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// stock.insert_many([("tea", 3), ("salt", 8)])?;
    /// let found = cache.transaction(|tx| tx.get_many(&stock, ["tea", "rice", "salt"]))?;
    /// let total: u64 = found.iter().flatten().map(|units| **units).sum();
    /// assert_eq!((found.len(), total), (3, 11));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Transaction::get).
    ///
    /// # Cost
    /// Costs the same as [`get`](Transaction::get), for each key. In a remote keyspace, all keys are
    /// requested from the server at once.
    pub fn get_many<K, V, Q>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<Option<Arc<V>>>, Error>
    where
        K: Key,
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
        Q: EncodeKey<K>,
    {
        let places = keys.into_iter().map(|key| self.place(keyspace, &key));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        self.fetch(keyspace, &places)?;
        Ok(places.into_iter().map(|at| self.look_up(keyspace, at)).collect())
    }

    /// Returns whether a key has a live entry. The call is not counted as a lookup.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let is_new = cache.transaction(|tx| {
    ///     let is_new = !tx.contains_key(&stock, "tea")?;
    ///     if is_new {
    ///         tx.insert(&stock, "tea", 3)?;
    ///     }
    ///     Ok::<_, Error>(is_new)
    /// })?;
    /// assert!(is_new && stock.contains_key("tea"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Transaction::get).
    ///
    /// # Cost
    /// Costs the same as [`get`](Transaction::get). A value on disk is read, as in a lookup.
    pub fn contains_key<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
    ) -> Result<bool, Error> {
        Ok(self.ttl(keyspace, key)?.is_some())
    }

    /// Returns the remaining TTL of a key's entry, or `None` if the key has no live entry. The call is not
    /// counted as a lookup.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition, Remaining};
    /// # use std::time::Duration;
    /// # const HOUR: Duration = Duration::from_secs(3600);
    /// # let cache = Cache::builder().open()?;
    /// const SESSION: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("session").ttl(HOUR);
    /// let sessions = cache.keyspace(SESSION)?;
    /// sessions.insert("ada", 1)?;
    /// let left = cache.transaction(|tx| tx.ttl(&sessions, "ada"))?;
    /// assert!(matches!(left, Some(Remaining::For(left)) if left <= HOUR));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Transaction::get).
    ///
    /// # Cost
    /// Costs the same as [`get`](Transaction::get). A value on disk is read, as in a lookup.
    pub fn ttl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
    ) -> Result<Option<Remaining>, Error> {
        let now = keyspace.now();
        let expires_at = self.expires_at(keyspace, key)?;
        Ok(expires_at.map(|expires_at| Remaining::until(expires_at, now)))
    }

    /// Returns the current time of the cache ([`Cache::now`](crate::Cache::now)).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.tiers.time.now()
    }

    /// Returns the time at which a key's entry expires, or `None` if the key has no live entry. An entry that
    /// never expires has [`Timestamp::NEVER`]. The call is not counted as a lookup.
    ///
    /// ```
    /// # use larder::{Cache, Error, InsertOptions, KeyspaceDefinition, Timestamp, Ttl};
    /// # let cache = Cache::builder().open()?;
    /// # const SESSION: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("session");
    /// let sessions = cache.keyspace(SESSION)?;
    /// sessions.insert_with("ada", 1, InsertOptions::new().ttl(Ttl::Never))?;
    /// let expires_at = cache.transaction(|tx| tx.expires_at(&sessions, "ada"))?;
    /// assert_eq!(expires_at, Some(Timestamp::NEVER));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Transaction::get).
    ///
    /// # Cost
    /// Costs the same as [`get`](Transaction::get). A value on disk is read, as in a lookup.
    pub fn expires_at<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
    ) -> Result<Option<Timestamp>, Error> {
        let at = self.place(keyspace, &key)?;
        self.fetch(keyspace, &[at])?;
        let changed = self.keys.get(at).and_then(|key| match key.change.as_ref()? {
            KeyChange::Put(put) => {
                let entry = key.read.as_ref().and_then(KeyRead::found);
                Some(Some(put.ends_at(key.slot_key(), entry)))
            }
            KeyChange::Remove => Some(None),
        });
        Ok(match changed {
            Some(expires_at) => expires_at,
            None => self.read(keyspace, at).and_then(KeyRead::found).map(|entry| entry.expires_at),
        })
    }

    /// Stores a value with the keyspace's TTL. Replaces any previous value of the key.
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Transaction::get). Also returns [`Error::ValueTooLarge`] or
    /// [`Error::Encode`]. Returns [`Error::Reentrant`] inside another closure that changes the same key.
    /// After an error, the value is not part of the transaction. If the closure ignores the error, the
    /// transaction still stores its other values.
    pub fn insert<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
    ) -> Result<(), Error> {
        self.insert_with(keyspace, key, value, InsertOptions::new())
    }

    /// Stores a value with the given TTL and durability. If one value is stored with
    /// [`Durability::Immediate`](crate::Durability::Immediate), the whole transaction is on disk when its
    /// call returns `Ok`.
    ///
    /// With a time in the past ([`Ttl::Until`]), the entry is removed. [`Ttl::Keep`] reads the entry to keep
    /// its TTL.
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Transaction::insert). Also returns [`Error::InvalidSetting`] for
    /// a TTL out of range.
    pub fn insert_with<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<(), Error> {
        let value = HeldValue::new(value.into());
        let InsertOptions { ttl, durability } = options;
        ttl.check(|| keyspace.now())?;
        let at = self.place_to_change(keyspace, &key)?;
        self.put(keyspace, at, &value, ttl)?;
        if durability == Durability::Immediate {
            self.durability = durability;
        }
        Ok(())
    }

    /// Removes the entry of a key. Returns whether there was a live entry. While the disk tier is off, also
    /// returns false for an entry that is only on disk, although that entry is removed.
    ///
    /// A transaction with a removal is durable when its call returns `Ok`. After that, neither a crash nor an
    /// earlier load brings the entry back. If the disk fails or is off, a transaction that also stores values
    /// returns [`Error::NotDurable`].
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Transaction::get). Also returns [`Error::Reentrant`] inside another
    /// closure that changes the same key.
    ///
    /// # Cost
    /// Costs one lookup. The transaction then also waits for a commit, even if neither memory nor the disk
    /// has the key. [`Keyspace::remove`] needs no commit in that case.
    pub fn remove<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
    ) -> Result<bool, Error> {
        let at = self.place_to_change(keyspace, &key)?;
        self.remove_at(keyspace, at)
    }

    /// Sets the TTL of a key's live entry, and keeps its value. Returns whether there was a live entry.
    ///
    /// # Errors
    /// Returns the same errors as [`insert_with`](Transaction::insert_with). Also returns
    /// [`Error::NotDurable`] if the entry may be only on disk, and the disk tier is off or cannot be read.
    /// Lookups miss such an entry until the disk works again.
    pub fn touch_with<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
        ttl: impl Into<Ttl>,
    ) -> Result<bool, Error> {
        let ttl = ttl.into();
        ttl.check(|| keyspace.now())?;
        let at = self.place_to_change(keyspace, &key)?;
        self.fetch(keyspace, &[at])?;
        let Some(value) = self.value(keyspace, at).and_then(Keyspace::<K, V>::typed) else {
            // An unread entry is an error, because lookups may find the entry again later.
            let is_unread = self.keys.get(at).is_some_and(TransactionKey::is_unread);
            return if is_unread { Err(not_durable_while_off(None)) } else { Ok(false) };
        };
        self.put(keyspace, at, &HeldValue::new(value), ttl)?;
        Ok(true)
    }

    /// Returns the value of a key that was [fetched](Self::fetch), and records the lookup.
    fn look_up<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        at: usize,
    ) -> Option<Arc<V>> {
        let value = self.value(keyspace, at);
        self.note_lookup(keyspace, at);
        value.and_then(Keyspace::<K, V>::typed)
    }

    /// Records a lookup of a key, and a use of its entry. Ignores a repeated lookup, and a lookup of a key
    /// that this transaction changes.
    fn note_lookup<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        at: usize,
    ) {
        let Some(key) = self.keys.get_mut(at).filter(|key| key.change.is_none() && key.answered.is_none())
        else {
            return;
        };
        let Some(read) = &key.read else { return };
        key.answered = Some(match (read.found(), read.is_in_memory) {
            (None, _) => Count::Misses,
            (Some(entry), false) => {
                if let Some(extras) = read.extras {
                    let slot_key = SlotKey { hash: key.hash, bytes: &key.full };
                    keyspace.note_use_at_server(slot_key, entry.expires_at, extras);
                }
                Count::DiskHits
            }
            (Some(entry), true) => {
                let slot_key = SlotKey { hash: key.hash, bytes: &key.full };
                drop_caught(self.shared.tiers.get_in_memory(slot_key));
                keyspace.note_use(slot_key, entry.expires_at, self.waits.record_reader());
                Count::MemoryHits
            }
        });
    }

    fn put<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        at: usize,
        value: &Arc<V>,
        ttl: Ttl,
    ) -> Result<(), Error> {
        if ttl.is_past(|| keyspace.now()) {
            self.remove_at(keyspace, at)?;
            return Ok(());
        }
        let ttl = match (ttl, self.keys.get(at).and_then(|key| key.change.as_ref())) {
            (Ttl::Keep, Some(KeyChange::Put(put))) => put.ttl(),
            (Ttl::Keep, Some(KeyChange::Remove)) => Ttl::Default,
            (Ttl::Keep, None) => {
                self.fetch(keyspace, &[at])?;
                self.read(keyspace, at);
                ttl
            }
            _ => ttl,
        };
        let Some(key) = self.keys.get_mut(at) else { return Ok(()) };
        // If the value is refused, the caller still has it, and catches a panic of its `Drop`.
        let mut put = TypedPut::new(keyspace.clone(), Arc::clone(value), ttl);
        put.prepare(key.slot_key())?;
        drop_caught(key.change.replace(KeyChange::Put(Box::new(put))));
        Ok(())
    }

    /// Adds the removal of a key. Returns whether there was a live entry.
    fn remove_at<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        at: usize,
    ) -> Result<bool, Error> {
        self.fetch(keyspace, &[at])?;
        let is_live = self.value(keyspace, at).is_some();
        if let Some(key) = self.keys.get_mut(at) {
            // The removal is kept even if there was no live entry. The key may have an expired value, which
            // must not be served stale. While the disk tier is off, a key that seems to be missing may also
            // have an entry on disk.
            drop_caught(key.change.replace(KeyChange::Remove));
        }
        Ok(is_live)
    }
}
