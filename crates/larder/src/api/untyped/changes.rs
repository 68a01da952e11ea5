//! The calls on a pinned keyspace that change entries.
//!
//! [`PinnedKeyspace::shorten`] stores a value. Meanwhile no other version of the keyspace can be opened
//! ([`crate::engine::keyspaces::typed_changes`]). A removal stores nothing, so another version may be opened
//! during it. In this case, the removal removes an entry of the old version, as if the removal had come
//! first.

use super::pinned::PinnedKeyspace;
use super::search::FoundKeyspace;
#[cfg(feature = "async")]
use crate::api::invalidation::InvalidationCommit;
use crate::api::keyspace::untyped_calls::BytesKeyspace;
use crate::engine::keyspaces::open_keyspace::Shortened;
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::units::Timestamp;

const NOT_OPENED: &str =
    "this process has not opened it; remove the entry instead, or call in the application";

impl PinnedKeyspace {
    /// Removes the entry of a key. Returns whether the key had a live entry. The removal is durable when the
    /// call returns, as with [`Keyspace::remove`](crate::Keyspace::remove). To remove several keys with one
    /// commit, use [`Invalidation::remove_untyped`](crate::Invalidation::remove_untyped).
    /// [`Cache::untyped_keyspace`](crate::Cache::untyped_keyspace) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info) and [`Keyspace::remove`](crate::Keyspace::remove).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove(&self, key: &[u8]) -> Result<bool, Error> {
        let found = self.current()?;
        let full = found.full_key(key)?;
        Ok(self.shared().invalidate([removal_of(&found, &full)])? > 0)
    }

    /// Removes the entry of a key from memory, and begins the commit. When the call returns, no lookup finds
    /// the entry any more. The removal is durable when [`InvalidationCommit::wait`] returns.
    /// [`InvalidationCommit::removed`] tells whether the key had a live entry.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// use larder::inspect::KeyShape;
    ///
    /// cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
    /// let prices = cache.untyped_keyspace("price").pin()?;
    /// let key = prices.info()?.key_shape.parse::<KeyShape>()?.parse_key("MTNVTU")?;
    /// let commit = prices.begin_remove(&key)?;
    /// assert_eq!((prices.get(&key)?, commit.removed()), (None, 1));
    /// commit.wait().await?; // from here on, no crash brings it back
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Self::remove), except those of the commit.
    ///
    /// # Cost
    /// The call may wait for a lookup on disk, but not for the commit.
    #[cfg(feature = "async")]
    pub fn begin_remove(&self, key: &[u8]) -> Result<InvalidationCommit, Error> {
        let found = self.current()?;
        let full = found.full_key(key)?;
        Ok(InvalidationCommit(self.shared().begin_invalidation([removal_of(&found, &full)])?))
    }

    /// Removes every entry of the keyspace. Returns the number of live entries removed. The removal is
    /// durable when the call returns.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_many([("MTNVTU", 100), ("GLO", 90)])?;
    /// assert_eq!(cache.untyped_keyspace("price").pin()?.clear()?, 2);
    /// assert!(prices.is_empty());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Self::remove), except [`Error::KeyTooLarge`].
    ///
    /// # Cost
    /// Costs the same as [`Keyspace::clear`](crate::Keyspace::clear).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        let found = self.current()?;
        let scope = found.keyspace.whole_scope();
        self.shared().invalidate([Removal::Scope { counters: &found.detached.counters, scope }])
    }

    /// Sets the expiry of the live entry of a key, unless the entry expires earlier anyway. A time that has
    /// passed removes the entry, durably.
    ///
    /// A later expiry is refused, because the application decides how long its values are valid. The new
    /// expiry is on disk within the flush interval, as with [`Keyspace::touch`](crate::Keyspace::touch).
    /// Until the call returns, opening another version of the keyspace waits. After a second, the opening
    /// fails.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price").never_expires();
    /// # let cache = Cache::builder().open()?;
    /// use larder::Shortened;
    /// use larder::inspect::KeyShape;
    ///
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// let untyped = cache.untyped_keyspace("price").pin()?;
    /// let key = untyped.info()?.key_shape.parse::<KeyShape>()?.parse_key("MTNVTU")?;
    /// let in_a_minute = untyped.now().after(Duration::from_secs(60));
    /// assert_eq!(untyped.shorten(&key, in_a_minute)?, Shortened::Done);
    /// let later = in_a_minute.after(Duration::from_secs(1));
    /// assert_eq!(untyped.shorten(&key, later)?, Shortened::EarlierAlready);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Self::remove) and
    /// [`Keyspace::expire`](crate::Keyspace::expire). Returns [`Error::NeedsTypes`] if the application has
    /// not opened the keyspace, and [`Error::InvalidSetting`] for a time more than ten years ahead.
    ///
    /// # Cost
    /// Costs a lookup, and one insert of the entry: the entry is encoded and written again. With a time that
    /// has passed, costs a lookup and a removal.
    pub fn shorten(&self, key: &[u8], expires_at: Timestamp) -> Result<Shortened, Error> {
        loop {
            let found = self.current()?;
            let full = found.full_key(key)?;
            let Some(typed) = &found.typed else {
                return Err(Error::NeedsTypes { keyspace: self.search.name.clone(), cause: NOT_OPENED });
            };
            if let Some(_entered) = found.detached.typed_changes.enter() {
                return typed.shorten(&found.detached, full.as_slice(), expires_at);
            }
            // Another version is being opened. If the opening fails, the pinned version stays.
            self.shared().keyspaces.await_opening(&self.search.name);
        }
    }

    /// Returns the open keyspace and the full key, for the removal of a key.
    pub(in crate::api) fn key_to_remove(&self, key: &[u8]) -> Result<(BytesKeyspace, KeyBuffer), Error> {
        let found = self.current()?;
        Ok((found.keyspace.clone(), found.full_key(key)?))
    }

    pub(in crate::api) fn keyspace_to_clear(&self) -> Result<BytesKeyspace, Error> {
        Ok(self.current()?.keyspace.clone())
    }
}

fn removal_of<'a>(found: &'a FoundKeyspace, full: &'a KeyBuffer) -> Removal<'a> {
    Removal::Key { counters: &found.detached.counters, full: full.as_slice() }
}
