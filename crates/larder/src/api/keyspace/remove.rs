//! The calls that remove entries of a keyspace. [`crate::engine::removal`] implements the removals.

use super::Keyspace;
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::scope::{KeyPattern, PatternWriter, Scope};
use crate::format::key::{EncodeKey, Key, KeyPrefix};

impl<K: Key, V> Keyspace<K, V> {
    /// Removes the entry of a key from all tiers. Returns whether there was a live entry. While the disk tier
    /// is off, the result describes memory only.
    ///
    /// The removal is durable when the call returns: no crash or reopening brings the entry back. Loads that
    /// began earlier return their values but do not cache them ([contract 3](crate#the-contract)).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert!(prices.remove("MTNVTU")?);
    /// assert!(!prices.remove("MTNVTU")?, "it is gone, and removing it again succeeds");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] when the removal could not be committed *and* the file could not be
    /// discarded. Returns [`Error::Remote`] if the server of a remote tier does not confirm the removal. The
    /// entry is removed from memory even then.
    ///
    /// The other errors remove nothing: [`Error::Reentrant`] in the closure of an atomic change of the same
    /// key, [`Error::KeyTooLarge`], [`Error::Closed`], and [`Error::Forked`].
    ///
    /// # Cost
    /// Costs one commit, shared with other waiting callers. If memory does not have the key, the call also
    /// looks it up on disk. If the disk does not have it either, the call costs one step of the writer
    /// thread, without a commit. A remote tier costs one request to the server instead.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        let full = self.encode(&key)?;
        self.remove_full(full.as_slice())
    }

    pub(super) fn remove_full(&self, full: &[u8]) -> Result<bool, Error> {
        Ok(self.shared.invalidate([Removal::Key { counters: &self.opened.counters, full }])? > 0)
    }

    /// Removes the entries of several keys from all tiers, with one commit. Returns the number of live
    /// entries removed.
    ///
    /// The removals are durable when the call returns, as with [`remove`](Keyspace::remove). During the call,
    /// other threads may find one key removed and another key still present.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// prices.insert("AIRTEL", 90)?;
    /// assert_eq!(prices.remove_many(["MTNVTU", "AIRTEL", "GLO"])?, 2);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Keyspace::remove). If one key is too long, nothing is removed.
    ///
    /// # Cost
    /// Costs one commit for all keys, shared with other waiting callers. Each key that memory does not have
    /// is also looked up on disk. If the disk has none of the keys either, the call costs one step of the
    /// writer thread, without a commit. A remote tier costs requests to the server instead, all sent at once.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove_many<Q: EncodeKey<K>>(&self, keys: impl IntoIterator<Item = Q>) -> Result<u64, Error> {
        let keys = keys.into_iter().map(|key| self.encode(&key)).collect::<Result<Vec<_>, Error>>()?;
        let removals =
            keys.iter().map(|full| Removal::Key { counters: &self.opened.counters, full: full.as_slice() });
        self.shared.invalidate(removals)
    }

    /// Removes every entry whose key starts with `prefix` from all tiers. Returns the number of live entries
    /// removed.
    ///
    /// The removal is durable when the call returns, as with [`remove`](Keyspace::remove). If more than
    /// 1,000 entries match, the returned number may be too low: it may omit entries that are changed,
    /// removed or evicted during the call. A remote tier returns 0 for the removal of a
    /// [range](crate::KeyspaceDefinition::range_parts).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PACKAGE: KeyspaceDefinition<(String, String), u64> = KeyspaceDefinition::new("package");
    /// # let cache = Cache::builder().open()?;
    /// let packages = cache.keyspace(PACKAGE)?;
    /// packages.insert(&("MTNDATA", "1GB"), 300)?;
    /// packages.insert(&("MTNDATA2", "1GB"), 350)?;
    /// assert_eq!(packages.remove_prefix(("MTNDATA",))?, 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Keyspace::remove), except [`Error::KeyTooLarge`]: a prefix that
    /// is longer than the maximum key length matches no key.
    ///
    /// # Cost
    /// Costs one commit, one read of each matching entry on disk, and one pass over the entries in memory.
    /// If more than 1,000 entries on disk match, the file frees their space after the call has returned,
    /// between the commits of other callers. In a remote tier, the call instead waits for one request for
    /// each page of a walk over the keys at the server, or for a single request that removes a range.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove_prefix(&self, prefix: impl KeyPrefix<K>) -> Result<u64, Error> {
        self.remove_scope(self.prefix_scope(&prefix))
    }

    /// Removes every entry whose key matches a pattern from all tiers. The pattern may fix any parts of the
    /// key. Returns the number of live entries removed.
    ///
    /// Each part of a pattern is a value, or [`Any`](crate::Any). A remote tier removes every key that
    /// begins with the parts before the first `Any`, and returns 0 if these keys are a
    /// [range](crate::KeyspaceDefinition::range_parts). The removal is durable when the call returns, as
    /// with [`remove`](Keyspace::remove). If more than 1,000 entries on disk start with the parts before
    /// the first `Any`, the returned number may be too low, as with
    /// [`remove_prefix`](Keyspace::remove_prefix).
    ///
    /// ```
    /// # use larder::{Any, Cache, KeyspaceDefinition};
    /// # const DISCOUNT: KeyspaceDefinition<(u64, String), u64> = KeyspaceDefinition::new("discount");
    /// # let cache = Cache::builder().open()?;
    /// let discounts = cache.keyspace(DISCOUNT)?; // by user and product
    /// discounts.insert(&(123, "MTNVTU"), 5)?;
    /// discounts.insert(&(124, "MTNVTU"), 7)?;
    /// discounts.insert(&(124, "AIRTEL"), 2)?;
    /// assert_eq!(discounts.remove_matching((Any, "MTNVTU"))?, 2);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove_prefix`](Keyspace::remove_prefix). Also returns
    /// [`Error::InvalidSetting`] if the pattern has [`Any`](crate::Any) for a part whose key type you
    /// implemented, and the type's shape is not one of larder's shapes.
    ///
    /// # Cost
    /// Costs one commit, one pass over the entries in memory, and one pass over the entries on disk whose
    /// keys start with the parts before the first `Any`. A remote tier costs the same as with
    /// [`remove_prefix`](Keyspace::remove_prefix).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove_matching(&self, pattern: impl KeyPattern<K>) -> Result<u64, Error> {
        self.remove_scope(self.pattern_scope(&pattern)?)
    }

    /// Removes every entry of the keyspace from all tiers. Returns the number of live entries removed, like
    /// [`remove_prefix`](Keyspace::remove_prefix).
    ///
    /// The removal is durable when the call returns, as with [`remove`](Keyspace::remove).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.clear()?, 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Keyspace::remove), except [`Error::KeyTooLarge`].
    ///
    /// # Cost
    /// Costs the same as [`remove_prefix`](Keyspace::remove_prefix).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        self.remove_scope(self.whole_scope())
    }

    fn remove_scope(&self, scope: Scope) -> Result<u64, Error> {
        self.shared.invalidate([Removal::Scope { counters: &self.opened.counters, scope }])
    }

    pub(crate) fn prefix_scope(&self, prefix: &impl KeyPrefix<K>) -> Scope {
        let mut out = KeyBuffer::starting_with(&self.opened.id.to_bytes());
        prefix.encode_prefix(&mut out.writer());
        Scope::prefix(out.as_slice())
    }

    pub(crate) fn pattern_scope(&self, pattern: &impl KeyPattern<K>) -> Result<Scope, Error> {
        let mut out = PatternWriter::default();
        pattern.write_pattern(&mut out);
        out.into_scope(&self.opened.id.to_bytes()).map_err(|shape| Error::InvalidSetting {
            setting: "pattern",
            value: format!("Any for a part of shape {shape:?}"),
            allowed: "Any may stand for the key types of larder, and for types that are encoded as these are"
                .to_owned(),
        })
    }

    pub(crate) fn whole_scope(&self) -> Scope {
        Scope::prefix(self.opened.id.to_bytes())
    }
}
