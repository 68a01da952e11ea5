//! The verbs that remove entries of a keyspace. How it is done: [`crate::engine::removal`].

use super::Keyspace;
use super::update::Update;
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::scope::{KeyPattern, PatternWriter, Scope};
use crate::format::key::{EncodeKey, Key, KeyPrefix};

impl<K: Key, V> Keyspace<K, V> {
    /// Removes the entry of a key, from both tiers. Answers whether there was a live one; while the disk tier
    /// is off, one that memory had.
    ///
    /// Durable when it returns: no crash or reopening brings the entry back, and loads that began earlier are
    /// answered but not cached ([contract 3](crate#the-contract)).
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the removal could not be committed *and* the file could not be put out of
    /// service; memory is clean either way. [`Error::KeyTooLarge`], [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// One commit, shared with whoever else waits for one; none if neither tier has the key.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<bool, Error> {
        let full = self.encode(key)?;
        self.remove_full(full.as_slice())
    }

    fn remove_full(&self, full: &[u8]) -> Result<bool, Error> {
        Ok(self.shared.invalidate([Removal::Key { counters: &self.open_keyspace.counters, full }])? > 0)
    }

    /// Removes the entries of several keys, from both tiers, with one commit. How many live ones there were.
    ///
    /// Durable when it returns, as [`remove`](Keyspace::remove) is. Other threads may see one gone and
    /// another still there while it runs.
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
    /// Those of [`remove`](Keyspace::remove). With [`Error::KeyTooLarge`] nothing was removed.
    ///
    /// # Cost
    /// One commit for all, shared with whoever else waits for one; none if neither tier has any of the keys.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove_many<'q, Q>(&self, keys: impl IntoIterator<Item = &'q Q>) -> Result<u64, Error>
    where
        Q: EncodeKey<K> + ?Sized + 'q,
    {
        let keys = keys.into_iter().map(|key| self.encode(key)).collect::<Result<Vec<_>, Error>>()?;
        let removals = keys
            .iter()
            .map(|full| Removal::Key { counters: &self.open_keyspace.counters, full: full.as_slice() });
        self.shared.invalidate(removals)
    }

    /// Removes every entry whose key starts with `prefix`, from both tiers. How many live entries there were.
    ///
    /// Durable when it returns, as [`remove`](Keyspace::remove) is. Of more than 1,000 entries the number may
    /// miss
    /// some that other calls change or remove at the same time, or that the cache evicts.
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
    /// Those of [`remove`](Keyspace::remove), but for [`Error::KeyTooLarge`]: no key begins with what is
    /// longer than a key.
    ///
    /// # Cost
    /// One commit, one look at each entry on disk, and one pass over the entries in memory. More than 1,000
    /// entries
    /// are deleted after the answer, between the commits that others wait for.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a prefix is a few borrowed parts, and reads best without an ampersand"
    )]
    pub fn remove_prefix<P: KeyPrefix<K>>(&self, prefix: P) -> Result<u64, Error> {
        self.remove_scope(self.prefix_scope(&prefix))
    }

    /// Removes every entry whose key has the given parts, wherever in the key they stand, from both tiers.
    /// How many live entries there were.
    ///
    /// A part is given by reference, or is [`Any`](crate::Any). Durable when it returns, as
    /// [`remove`](Keyspace::remove) is.
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
    /// Those of [`remove_prefix`](Keyspace::remove_prefix); [`Error::InvalidSetting`] for an
    /// [`Any`](crate::Any) in the place of a key type of your own whose shape is not that of larder's types.
    ///
    /// # Cost
    /// One commit, one pass over the entries in memory, and one over the keyspace's entries on disk that
    /// start as the pattern does before its first `Any`.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pattern is a few borrowed parts, and reads best without an ampersand"
    )]
    pub fn remove_matching<P: KeyPattern<K>>(&self, pattern: P) -> Result<u64, Error> {
        self.remove_scope(self.pattern_scope(&pattern)?)
    }

    /// Removes every entry of the keyspace, from both tiers. How many live entries there were.
    ///
    /// Durable when it returns, as [`remove`](Keyspace::remove) is.
    ///
    /// # Errors
    /// Those of [`remove`](Keyspace::remove), but for [`Error::KeyTooLarge`].
    ///
    /// # Cost
    /// That of [`remove_prefix`](Keyspace::remove_prefix).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        self.remove_scope(self.whole_scope())
    }

    /// Begins a change of what a key stands for, outside the cache: removes the entry durably, and bars loads
    /// from caching the key until the update is finished or dropped.
    ///
    /// Loads meanwhile are answered, and not cached; an explicit insert is. So a load that read the old state
    /// is never cached after the change, and a crash in between leaves nothing stale behind.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// # let set_price_in_database = || ();
    /// let prices = cache.keyspace(PRICE)?;
    /// let update = prices.begin_update("MTNVTU")?;
    /// set_price_in_database();
    /// update.finish();
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`remove`](Keyspace::remove); nothing is barred then.
    pub fn begin_update<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<Update, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(key)?;
        // The fence first: a load between the removal and the fence would be cached.
        let update = Update::raise(&self.shared, full);
        self.remove_full(update.key())?;
        Ok(update)
    }

    fn remove_scope(&self, scope: Scope) -> Result<u64, Error> {
        self.shared.invalidate([Removal::Scope { counters: &self.open_keyspace.counters, scope }])
    }

    pub(crate) fn prefix_scope(&self, prefix: &impl KeyPrefix<K>) -> Scope {
        let mut out = KeyWriter::starting_with(&self.open_keyspace.id.to_bytes());
        prefix.encode_prefix(&mut out);
        Scope::prefix(out.as_slice())
    }

    pub(crate) fn pattern_scope(&self, pattern: &impl KeyPattern<K>) -> Result<Scope, Error> {
        let mut out = PatternWriter::default();
        pattern.write_pattern(&mut out);
        out.into_scope(&self.open_keyspace.id.to_bytes()).map_err(|shape| Error::InvalidSetting {
            setting: "pattern",
            value: format!("Any for a part of shape {shape:?}"),
            allowed: "Any may stand for text, bytes, integers, and tuples and codes made of these".to_owned(),
        })
    }

    pub(crate) fn whole_scope(&self) -> Scope {
        Scope::prefix(self.open_keyspace.id.to_bytes())
    }
}
