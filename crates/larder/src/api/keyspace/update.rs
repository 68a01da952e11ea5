//! An update in progress: the fence that keeps loads from caching a key while the application changes its
//! source.

use super::Keyspace;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::{EncodeKey, Key};
use crate::sys::sync::Arc;

/// An update begun by [`Keyspace::begin_update`](crate::Keyspace::begin_update). Until it is finished or
/// dropped, loads of its key are answered and not cached. Several updates of one key may be in progress: the
/// fence stays until all have ended.
#[derive(Debug)]
#[must_use = "an update that is dropped at once bars nothing while the change is made"]
pub struct Update {
    shared: Arc<Shared>,
    full: KeyWriter,
}

impl<K: Key, V> Keyspace<K, V> {
    /// Begins a change of the source of an entry, outside the cache. Removes the entry durably, and keeps
    /// loads from caching the key until the update is finished or dropped.
    ///
    /// Meanwhile loads are answered and not cached. An explicit insert is cached. So a load that read the old
    /// state is never cached after the change, and a crash in between leaves no stale entry behind.
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
    /// Those of [`remove`](Keyspace::remove). Loads are not kept from caching then.
    pub fn begin_update<Q: EncodeKey<K> + ?Sized>(&self, key: &Q) -> Result<Update, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(key)?;
        // The fence first: a load between the removal and the fence would be cached.
        let update = Update::raise_fence(&self.shared, full);
        self.remove_full(update.full.as_slice())?;
        Ok(update)
    }
}

impl Update {
    fn raise_fence(shared: &Arc<Shared>, full: KeyWriter) -> Self {
        shared.tiers.memory.raise_fence(shared.tiers.memory.key(full.as_slice()));
        Self { shared: shared.clone(), full }
    }

    /// Ends the update: loads that begin from here on are cached. Loads that began before are not.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        let memory = &self.shared.tiers.memory;
        memory.lower_fence(memory.key(self.full.as_slice()));
    }
}
