//! Updates: a fence prevents loads from caching a key while the application changes the source.
//!
//! With a remote tier, there is a second fence in the key's slot at the server, for the loads of all
//! machines:
//!
//! 1. Raise the fence in memory, then the fence at the server. The token of the server's fence is stored
//!    before the request is sent. So the fence is lowered even if the answer is lost.
//! 2. Remove the key. Then the application changes the source. Meanwhile the sweeper renews the fence
//!    ([`fences`](crate::engine::remote::fences)).
//! 3. The server removes the key again, and then lowers its fence. If this process was paused for longer than
//!    the fence lasts, a load may have stored the old value. The second removal removes such a value on all
//!    machines.
//! 4. After the server's answer, lower the fence in memory. This fence prevents near copies of the key, and
//!    lowering it voids the tokens of lookups in progress. If it were lowered before (3), a lookup could copy
//!    the old value into memory. Other lookups would find that copy until the push of (3) arrives.

use super::Keyspace;
use crate::engine::closure_keys;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::remote::reply::{RemoteAnswer, RemoteResult};
use crate::sys::sync::Arc;

/// A change of a value's source, begun with [`Keyspace::begin_update`](crate::Keyspace::begin_update). Until
/// the update is finished or dropped, loads of the key return their values but do not cache them. Several
/// updates of a key may be in progress: loads do not cache its value until all of them have ended. Dropping
/// an update does not wait for the server of a remote tier.
#[derive(Debug)]
#[must_use = "an update that is dropped at once bars nothing while the change is made"]
pub struct Update {
    shared: Arc<Shared>,
    full: KeyBuffer,
    /// The token of the fence at the server of a remote tier.
    remote_fence: Option<u128>,
}

impl<K: Key, V> Keyspace<K, V> {
    /// Begins an update. Call it before you change the source of an entry outside the cache. The call removes
    /// the entry durably, and prevents loads from caching the key until the update is finished or dropped.
    ///
    /// During the update, loads return their values but do not cache them. Explicit inserts are cached. So a
    /// value that was loaded from the old state is never cached, and a crash during the update leaves no
    /// stale entry behind.
    ///
    /// With a remote tier, there are three exceptions:
    ///
    /// - The end of the update also removes values that were inserted during the update.
    /// - In the format [`Raw`](crate::Format::Raw), loads of other machines are still cached.
    /// - If this process is paused for long, an old value may be cached: see
    ///   [`try_finish`](Update::try_finish).
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
    /// Returns the same errors as [`remove`](Keyspace::remove). After an error, loads may cache the key.
    pub fn begin_update(&self, key: impl EncodeKey<K>) -> Result<Update, Error> {
        self.shared.refuse_if_unusable()?;
        let full = self.encode(&key)?;
        // A call from inside a closure that changes this key is refused before the fence is raised.
        // Otherwise the fence would revoke the lease of that change.
        closure_keys::refuse_in_closure(&self.shared.tiers.memory, |key| key == full.as_slice())?;
        // The fence is raised before the removal. Otherwise the value of a load between the two steps would
        // be cached.
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

    /// Ends the update. Values of loads that begin after this call are cached, unless another update of the
    /// key is in progress. Values of loads that began during the update are not cached.
    ///
    /// With a remote tier, the call waits for the server. If the server does not confirm the end, the call
    /// logs a warning. Use [`try_finish`](Update::try_finish) to get the error instead.
    pub fn finish(self) {
        if let Err(error) = self.try_finish() {
            tracing::warn!(%error, "an update was not finished at the server");
        }
    }

    /// Like [`finish`](Update::finish), but returns an error if the server of a remote tier does not confirm
    /// the end.
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
    /// Returns [`Error::Remote`] if the server did not confirm the end. The server's fence then ends by
    /// itself, within one [`lease_timeout`](crate::CacheBuilder::lease_timeout). If this process was paused
    /// or had no connection for longer than that during the update, the old value may be cached: remove the
    /// key. Returns [`Error::Forked`] in a forked child, and does not end the update.
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
    /// Returns the same errors as [`try_finish`](Update::try_finish).
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
    /// Raises the fence at the server of a remote tier, for all machines. If this process does not renew or
    /// lower it, the fence ends after the cache's [`lease_timeout`](crate::CacheBuilder::lease_timeout).
    fn raise_remote_fence(&mut self) -> Result<(), Error> {
        let key = self.full.as_slice();
        let Some(link) = self.shared.tiers.remote().filter(|_| KeyspaceId::of(key).is_remote()) else {
            return Ok(());
        };
        let token = u128::from(link.unique()) << 64 | u128::from(link.unique());
        let length = self.shared.settings.lease_timeout;
        // 1.
        self.remote_fence = Some(token);
        link.fences.note(token, key, length, self.shared.tiers.time.clock().monotonic());
        self.shared.tiers.wake_sweeper();
        link.ask(|tier, reply| tier.fence(key.into(), token, length, reply))
            .map_err(|cause| link.error("begin an update", cause))
    }

    /// Sends the request of step 3, if there is a fence at the server.
    fn lower_remote_fence(&mut self) -> Option<RemoteAnswer<()>> {
        let (token, link) = (self.remote_fence.take()?, self.shared.tiers.remote()?);
        link.fences.forget(token);
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
        // Does not wait for the answer, because the caller may be a task. Later requests of this cache are
        // sent after this one.
        drop(self.lower_remote_fence());
        let memory = &self.shared.tiers.memory;
        memory.lower_fence(memory.key(self.full.as_slice()));
    }
}
