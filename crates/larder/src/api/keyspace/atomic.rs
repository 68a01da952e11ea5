//! The atomic calls that are built on [`Keyspace::modify`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::change::{Change, Modified};
use super::insert_options::{Durability, InsertOptions};
use super::modify_error::ModifyError;
use super::ttl::Ttl;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::sys::sync::Arc;
use crate::sys::user_code::{HeldValue, drop_caught};

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Stores a value if the key has no live entry. Returns the value of the existing entry, or `None` if the
    /// new value was stored.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const LEADER: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("leader");
    /// # let cache = Cache::builder().open()?;
    /// let leaders = cache.keyspace(LEADER)?;
    /// assert!(leaders.insert_if_absent("report", 7)?.is_none(), "7 leads");
    /// assert_eq!(leaders.insert_if_absent("report", 8)?.as_deref(), Some(&7));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// The value is on disk within the flush interval. A crash before that loses the value, so that the next
    /// caller may store another one. If the key stands for something that may happen only once, use
    /// [`insert_if_absent_with`](Keyspace::insert_if_absent_with) and [`Durability::Immediate`]. Even then
    /// the entry may be evicted ([contract 4](crate#the-contract)).
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// Costs the same as [`modify`](Keyspace::modify). The value is encoded only if it is stored.
    pub fn insert_if_absent(
        &self,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
    ) -> Result<Option<Arc<V>>, Error> {
        self.insert_if_absent_with(key, value, InsertOptions::new())
    }

    /// Stores a value with the given TTL and durability, if the key has no live entry. Returns the value of
    /// the existing entry, or `None` if there was none. With a time in the past ([`Ttl::Until`]), stores
    /// nothing.
    ///
    /// # Errors
    /// Returns the same errors as [`insert_with`](Keyspace::insert_with). After [`Error::NotDurable`], memory
    /// has the value, unless its time is in the past.
    pub fn insert_if_absent_with(
        &self,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<Option<Arc<V>>, Error> {
        let value = HeldValue::new(value.into());
        let full = self.encode(&key)?;
        let InsertOptions { ttl, durability } = options;
        ttl.check(|| self.now())?;
        let mut insert = |old: Option<&Arc<V>>, _| match old {
            Some(_) => Change::Keep,
            // A removal instead would fail for an entry that may be only on disk, while the disk tier is off.
            None if ttl.is_past(|| self.now()) => Change::Keep,
            None => Change::Insert(Arc::clone(&value), ttl),
        };
        match self.change(full.as_slice(), durability, &mut insert)? {
            Modified::Kept(there) => Ok(there),
            // The value may be the last handle, if it was evicted meanwhile.
            inserted => {
                inserted.drop_caught();
                Ok(None)
            }
        }
    }

    /// Stores a value with the keyspace's TTL, if the key has a live entry. Returns the replaced value, or
    /// `None` if nothing was stored.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// assert_eq!(prices.replace("MTNVTU", 100)?, None);
    /// prices.insert("MTNVTU", 90)?;
    /// assert_eq!(prices.replace("MTNVTU", 100)?.as_deref(), Some(&90));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// Costs the same as [`modify`](Keyspace::modify).
    pub fn replace(&self, key: impl EncodeKey<K>, value: impl Into<Arc<V>>) -> Result<Option<Arc<V>>, Error> {
        self.replace_with(key, value, InsertOptions::new())
    }

    /// Stores a value with the given TTL and durability, if the key has a live entry. Returns the replaced
    /// value, or `None` if nothing was stored.
    ///
    /// ```
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition, Ttl};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 90)?;
    /// // Another value for the rest of the entry's life.
    /// prices.replace_with("MTNVTU", 100, InsertOptions::new().ttl(Ttl::Keep))?;
    /// assert_eq!(prices.get("MTNVTU").as_deref(), Some(&100));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// With a time in the past ([`Ttl::Until`]), the entry is removed instead of replaced, and its value is
    /// returned.
    ///
    /// # Errors
    /// Returns the same errors as [`insert_with`](Keyspace::insert_with). After [`Error::NotDurable`], memory
    /// has the value. With a time in the past, returns the same errors as [`remove`](Keyspace::remove).
    pub fn replace_with(
        &self,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<Option<Arc<V>>, Error> {
        let value = HeldValue::new(value.into());
        let full = self.encode(&key)?;
        let InsertOptions { ttl, durability } = options;
        ttl.check(|| self.now())?;
        let mut replace = |old: Option<&Arc<V>>, _| match old {
            Some(_) => Change::Insert(Arc::clone(&value), ttl),
            None if ttl.is_past(|| self.now()) => Change::Remove,
            None => Change::Keep,
        };
        match self.change(full.as_slice(), durability, &mut replace)? {
            Modified::Inserted { old, new } => {
                // The new value may be the last handle, if it was evicted meanwhile.
                let old = HeldValue::new(old);
                drop_caught(new);
                Ok(old.into_inner())
            }
            // `ttl` is in the past.
            Modified::Removed(old) => Ok(Some(old)),
            kept @ Modified::Kept(_) => {
                kept.drop_caught();
                Ok(None)
            }
        }
    }

    /// Stores a value with the keyspace's TTL, if the live value of the key equals `expected`. The returned
    /// [`Modified`] says whether the value was stored, and holds the values before and after the call.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 90)?;
    /// assert!(prices.compare_and_insert("MTNVTU", &90, 100)?.is_changed());
    /// assert_eq!(prices.compare_and_insert("MTNVTU", &90, 110)?.old(), Some(&100), "not the one expected");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// Costs the same as [`modify`](Keyspace::modify).
    pub fn compare_and_insert(
        &self,
        key: impl EncodeKey<K>,
        expected: &V,
        value: impl Into<Arc<V>>,
    ) -> Result<Modified<V>, Error>
    where
        V: PartialEq,
    {
        self.compare_and_insert_with(key, expected, value, InsertOptions::new())
    }

    /// Stores a value with the given TTL and durability, if the live value of the key equals `expected`. The
    /// returned [`Modified`] says whether the value was stored, and holds the values before and after the
    /// call.
    ///
    /// Together with [`insert_if_absent_with`](Keyspace::insert_if_absent_with) and
    /// [`remove_if`](Keyspace::remove_if), this call implements a lock that expires if its holder crashes:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, Durability, InsertOptions, KeyspaceDefinition};
    /// # const LEADER: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("leader");
    /// # let cache = Cache::builder().open()?;
    /// let leaders = cache.keyspace(LEADER)?;
    /// let lease = InsertOptions::new().ttl(Duration::from_secs(30)).durability(Durability::Immediate);
    /// assert!(leaders.insert_if_absent_with("report", 7, lease)?.is_none(), "7 leads for 30 s");
    /// assert!(leaders.compare_and_insert_with("report", &7, 7, lease)?.is_changed(), "for 30 s more");
    /// assert!(!leaders.compare_and_insert_with("report", &8, 8, lease)?.is_changed(), "8 does not lead");
    /// leaders.remove_if("report", |leader| *leader == 7)?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// With a time in the past ([`Ttl::Until`]), an entry with the expected value is removed
    /// ([`Modified::Removed`]).
    ///
    /// # Errors
    /// Returns the same errors as [`insert_with`](Keyspace::insert_with). After [`Error::NotDurable`], memory
    /// has the value. With a time in the past, returns the same errors as [`remove`](Keyspace::remove).
    pub fn compare_and_insert_with(
        &self,
        key: impl EncodeKey<K>,
        expected: &V,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<Modified<V>, Error>
    where
        V: PartialEq,
    {
        let value = HeldValue::new(value.into());
        let full = self.encode(&key)?;
        let InsertOptions { ttl, durability } = options;
        ttl.check(|| self.now())?;
        let mut replace = |old: Option<&Arc<V>>, _| match old {
            Some(old) if **old == *expected => Change::Insert(Arc::clone(&value), ttl),
            _ => Change::Keep,
        };
        Ok(self.change(full.as_slice(), durability, &mut replace)?)
    }

    /// Removes the live entry of a key, and returns its value. If several callers take the same entry, only
    /// one of them gets the value.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # let cache = Cache::builder().open()?;
    /// let tokens = cache.keyspace(TOKEN)?;
    /// tokens.insert(&7, "secret".to_owned())?;
    /// assert_eq!(tokens.take(&7)?.as_deref().map(String::as_str), Some("secret"));
    /// assert_eq!(tokens.take(&7)?, None);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// The removal is durable when the call returns, as with [`remove`](Keyspace::remove). So no caller gets
    /// the value again, even after a crash.
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Keyspace::remove). After [`Error::NotDurable`],
    /// [`ModifyError::applied`] holds the removed value. It is `None` if the entry may be only on disk, and
    /// the disk tier is off or cannot be read. Nothing is removed then, and lookups may find the entry when
    /// the disk works again.
    ///
    /// # Cost
    /// Costs one lookup. If there is an entry, also costs one commit, shared with other waiting callers, or
    /// in a remote tier one request to the server.
    pub fn take(&self, key: impl EncodeKey<K>) -> Result<Option<Arc<V>>, ModifyError<Arc<V>>> {
        self.remove_if(key, |_| true)
    }

    /// Removes the live entry of a key if `condition` returns true for its value. Returns the removed value.
    ///
    /// No lock is held while `condition` runs. If the entry changes meanwhile, `condition` runs again.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const LEADER: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("leader");
    /// # let cache = Cache::builder().open()?;
    /// let leaders = cache.keyspace(LEADER)?;
    /// leaders.insert_if_absent("report", 7)?;
    /// assert!(leaders.remove_if("report", |leader| *leader == 8)?.is_none(), "8 does not lead");
    /// assert!(leaders.remove_if("report", |leader| *leader == 7)?.is_some());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`take`](Keyspace::take).
    ///
    /// # Cost
    /// Costs the same as [`take`](Keyspace::take).
    pub fn remove_if(
        &self,
        key: impl EncodeKey<K>,
        mut condition: impl FnMut(&V) -> bool,
    ) -> Result<Option<Arc<V>>, ModifyError<Arc<V>>> {
        let full = self.encode(&key)?;
        // A removal is also requested if there is no value: it becomes an error if the disk could not be
        // read.
        let mut remove = |old: Option<&Arc<V>>, _| match old {
            Some(old) if !condition(old) => Change::Keep,
            _ => Change::Remove,
        };
        let removed = |modified| match modified {
            Modified::Removed(value) => Some(value),
            // The value may be the last handle, if it was read from disk.
            other => {
                other.drop_caught();
                None
            }
        };
        match self.change(full.as_slice(), Durability::Buffered, &mut remove) {
            Ok(modified) => Ok(removed(modified)),
            Err(ModifyError { error, applied }) => {
                Err(ModifyError { error, applied: applied.and_then(removed) })
            }
        }
    }

    /// Removes the expiry of a key's live entry, like [`touch_with`](Keyspace::touch_with) with
    /// [`Ttl::Never`]. Returns whether there was a live entry. A
    /// [`max_age`](crate::KeyspaceDefinition::max_age) and a
    /// [`time_to_idle`](crate::KeyspaceDefinition::time_to_idle) still apply.
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// Costs a lookup and an insert: the entry is written again.
    pub fn persist(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        self.touch_with(key, Ttl::Never)
    }
}
