//! The fence that keeps loads from caching a key while the application changes the source of its value.

use super::Keyspace;
use crate::engine::closure_keys;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::sync::Arc;

/// An update that [`Keyspace::begin_update`](crate::Keyspace::begin_update) began. Until the update is
/// finished or dropped, loads of its key return their values and do not cache them. Several updates of one
/// key may be in progress: loads cache nothing until all of these updates have ended.
#[derive(Debug)]
#[must_use = "an update that is dropped at once bars nothing while the change is made"]
pub struct Update {
    shared: Arc<Shared>,
    full: KeyBuffer,
    /// The fence in the slot of a remote tier.
    remote_fence: Option<u128>,
}

impl<K: Key, V> Keyspace<K, V> {
    /// Begins an update: the application will change the source of an entry, outside the cache. Removes the
    /// entry durably, and keeps loads from caching the key until the update is finished or dropped.
    ///
    /// During the update, loads return their values and do not cache them. An explicit insert is cached. So a
    /// load that read the old state is never cached after the change, and a crash during the update leaves no
    /// stale entry behind.
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
    /// The errors of [`remove`](Keyspace::remove). After an error, loads may cache the key.
    pub fn begin_update(&self, key: impl EncodeKey<K>) -> Result<Update, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(&key)?;
        // Refused before the fence is raised, because a fence revokes the lease of the closure's change.
        closure_keys::refuse_in_closure(&self.shared.tiers.memory, |key| key == full.as_slice())?;
        // The fence is raised first. Otherwise a load between the removal and the fence would be cached.
        let mut update = Update::raise_fence(&self.shared, full);
        update.raise_remote_fence()?;
        self.remove_full(update.full.as_slice())?;
        Ok(update)
    }
}

impl Update {
    fn raise_fence(shared: &Arc<Shared>, full: KeyBuffer) -> Self {
        shared.tiers.memory.raise_fence(shared.tiers.memory.key(full.as_slice()));
        Self { shared: shared.clone(), full, remote_fence: None }
    }

    /// Ends the update. Loads that begin after this call are cached, unless another update of the key is in
    /// progress. Loads that began during the update are not cached.
    pub fn finish(self) {
        drop(self);
    }
}

impl Update {
    /// Raises a fence in the slot of a remote tier, for all machines. It ends by itself after the cache's
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout), if this process does not lower it before.
    fn raise_remote_fence(&mut self) -> Result<(), Error> {
        let key = self.full.as_slice();
        let Some(link) = self.shared.tiers.remote().filter(|_| KeyspaceId::of(key).is_remote()) else {
            return Ok(());
        };
        let token = u128::from(link.unique()) << 64 | u128::from(link.unique());
        let length = self.shared.settings.lease_timeout;
        link.ask(|tier, reply| tier.fence(key.into(), token, length, reply))
            .map_err(|cause| link.error("begin an update", cause))?;
        self.remote_fence = Some(token);
        Ok(())
    }

    /// Lowers the fence at the remote tier, which removes the key first. Waits for the answer, so that a load
    /// that begins after this call may be cached.
    fn lower_remote_fence(&mut self) {
        let (Some(token), Some(link)) = (self.remote_fence.take(), self.shared.tiers.remote()) else {
            return;
        };
        let key = self.full.as_slice();
        link.count(link.ask(|tier, reply| tier.unfence(key.into(), token, reply)));
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        self.lower_remote_fence();
        let memory = &self.shared.tiers.memory;
        memory.lower_fence(memory.key(self.full.as_slice()));
    }
}
