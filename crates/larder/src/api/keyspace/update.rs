//! The fence that keeps loads from caching a key while the application changes the source of its value.
//!
//! Over a remote tier, there is a second fence in the slot of the key, for the loads of all machines:
//!
//! 1. Raise the fence in memory, then the one at the server. Its token is noted before the server is asked,
//!    so that a fence whose answer is lost is lowered, too.
//! 2. Remove the key. The application changes the source.
//! 3. The server removes the key again, and then lowers its fence. The fence there may have ended before, and
//!    a load may have stored the value of before the change. This removal ends such a value, on all machines.
//! 4. After the answer, lower the fence in memory. Under it, no near copy of the key is made, and lowering it
//!    voids the tokens of lookups in flight. In the other order, a lookup that was answered before (3) could
//!    fill memory, and be found until the push of (3) arrives.

use super::Keyspace;
use crate::engine::closure_keys;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::remote::reply::{RemoteAnswer, RemoteResult};
use crate::sys::sync::Arc;

/// An update that [`Keyspace::begin_update`](crate::Keyspace::begin_update) began. Until the update is
/// finished or dropped, loads of its key return their values and do not cache them. Several updates of one
/// key may be in progress: loads cache nothing until all of these updates have ended. Dropping an update does
/// not wait for the server of a remote tier.
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
    ///
    /// Over a remote tier, this waits for the server. If the server does not answer, that is a warning in the
    /// log: use [`try_finish`](Update::try_finish) to get the error.
    pub fn finish(self) {
        if let Err(error) = self.try_finish() {
            tracing::warn!(%error, "an update was not finished at the server");
        }
    }

    /// Like [`finish`](Update::finish), and returns an error if the server of a remote tier does not confirm
    /// the end. Without a remote tier, this succeeds.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let update = prices.begin_update("MTNVTU")?;
    /// update.try_finish()?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Remote`]. The server then bars the loads of the key for the cache's
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout) at most. If the update took longer than that, a
    /// value of before the change may be cached: remove the key. [`Error::Forked`] in a forked child, which
    /// does not end the update.
    pub fn try_finish(mut self) -> Result<(), Error> {
        if self.shared.is_forked() {
            return Err(Error::Forked);
        }
        let Some(answer) = self.lower_remote_fence() else { return Ok(()) };
        let answer = self.shared.tiers.remote().map_or(Ok(()), |link| link.wait(answer));
        self.confirmed(answer)
    }

    /// The async form of [`try_finish`](Update::try_finish). No thread waits for the server.
    ///
    /// # Errors
    /// The errors of [`try_finish`](Update::try_finish).
    #[cfg(feature = "async")]
    pub async fn finish_async(mut self) -> Result<(), Error> {
        if self.shared.is_forked() {
            return Err(Error::Forked);
        }
        let Some(answer) = self.lower_remote_fence() else { return Ok(()) };
        let answer = answer.await;
        self.confirmed(answer)
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
        // 1.
        self.remote_fence = Some(token);
        link.ask(|tier, reply| tier.fence(key.into(), token, length, reply))
            .map_err(|cause| link.error("begin an update", cause))
    }

    /// Sends step 3, if there is a fence at a remote tier.
    fn lower_remote_fence(&mut self) -> Option<RemoteAnswer<()>> {
        let (token, link) = (self.remote_fence.take()?, self.shared.tiers.remote()?);
        Some(link.begin(|tier, reply| tier.unfence(self.full.as_slice().into(), token, reply)))
    }

    fn confirmed(&self, answer: RemoteResult<()>) -> Result<(), Error> {
        match (answer, self.shared.tiers.remote()) {
            (Err(cause), Some(link)) => Err(link.error("finish an update", cause)),
            _ => Ok(()),
        }
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        // The caller may be a task, so nothing waits for the answer here. Later requests of this cache are
        // sent after this one.
        drop(self.lower_remote_fence());
        let memory = &self.shared.tiers.memory;
        memory.lower_fence(memory.key(self.full.as_slice()));
    }
}
