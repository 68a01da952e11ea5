//! A handle to a keyspace by its name, without the types of its keys and values.
//!
//! - [`search`]: finds the keyspace by its name.
//! - [`pinned`]: the calls on the version of the keyspace that was found. [`changes`]: those that change
//!   entries.

mod changes;
pub(crate) mod pinned;
mod search;

use crate::engine::shared::Shared;
use crate::error::Error;
use crate::sys::sync::Arc;
use pinned::{PinnedKeyspace, UntypedInfo};
use search::KeyspaceSearch;

/// A handle to a keyspace by its name, for code that does not know the keyspace's types, such as a server for
/// other processes. [`Cache::untyped_keyspace`](crate::Cache::untyped_keyspace) returns it.
///
/// The handle does not keep the keyspace open. The application may open the keyspace later, or in another
/// version. So each call on an entry needs a [`PinnedKeyspace`], the version of the keyspace that
/// [`pin`](Self::pin) has found.
///
/// A memory-only keyspace is found only after the application has opened it. A keyspace in a remote tier is
/// refused.
#[derive(Debug, Clone)]
pub struct UntypedKeyspace {
    search: Arc<KeyspaceSearch>,
}

impl UntypedKeyspace {
    pub(crate) fn new(shared: &Arc<Shared>, name: String) -> Self {
        Self { search: Arc::new(KeyspaceSearch::new(shared, name)) }
    }

    /// Returns the name of the keyspace.
    ///
    /// ```
    /// # use larder::Cache;
    /// # let cache = Cache::builder().open()?;
    /// assert_eq!(cache.untyped_keyspace("price").name(), "price");
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.search.name
    }

    /// Returns the description of the keyspace, as it is now.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let untyped = cache.untyped_keyspace("price");
    /// assert!(matches!(untyped.info(), Err(Error::UnknownKeyspace { .. })));
    /// let _prices = cache.keyspace(PRICE)?;
    /// assert_eq!(untyped.info()?.key_shape, "string");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`pin`](Self::pin).
    pub fn info(&self) -> Result<UntypedInfo, Error> {
        self.pin()?.info()
    }

    /// Finds the current version of the keyspace: the version that the application has opened, or else the
    /// version in the file.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let untyped = cache.untyped_keyspace("price");
    /// let prices = cache.keyspace(PRICE)?;
    /// let pinned = untyped.pin()?;
    /// drop(prices);
    /// let _prices = cache.keyspace(PRICE.version(1))?;
    /// assert!(matches!(pinned.info(), Err(Error::KeyspaceReplaced { .. })));
    /// assert_eq!(untyped.pin()?.info()?.version, 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::UnknownKeyspace`] if the application has not opened the keyspace and the file does
    /// not have it. Also returns [`Error::NotRemote`], [`Error::Closed`] and [`Error::Forked`].
    ///
    /// # Cost
    /// Costs a few short locks. The first call, and the first call after the application has opened another
    /// version, also allocate the counters of the keyspace.
    pub fn pin(&self) -> Result<PinnedKeyspace, Error> {
        Ok(PinnedKeyspace::new(self.search.clone(), self.search.find()?))
    }
}

#[cfg(test)]
mod tests;
