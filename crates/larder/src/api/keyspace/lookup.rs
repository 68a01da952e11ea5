//! The lookup that all loads are built on. It returns the value, a lease to load the value, or another
//! caller's load to wait for.
//!
//! 1. Look in memory under the shared lock. A hit ends the lookup.
//! 2. Under the exclusive lock, look again. If the key's lease has a flight, return the flight. Otherwise
//!    take a lease, and attach a flight to it unless the key has a pass.
//! 3. Look on disk, in a snapshot loaded after (2). In a remote tier, ask the server instead.
//! 4. The holder of the lease gets the value from its source, with no lock held.
//! 5. The holder publishes the value, if the lease is still valid. A write or an invalidation after (2)
//!    revokes the lease, because the loaded value may be older than that change.
//! 6. The lease and its flight are removed from the shard, then the flight ends. In this order, a caller
//!    that looks the key up between the two begins a new load, and does not join a flight that has ended.
//!
//! [`LoadLease`] implements steps 4 to 6. Steps 2, 5 and 6 take an exclusive lock. In a forked child or a
//! closed cache, these steps and step 3 are skipped, and the caller gets a lease that stores nothing.
//!
//! A known absence ([`super::absence`]) also ends the lookup in steps 1 to 3, unless the caller's loader
//! always has a value ([`OnAbsence`]). The table lists how a load can end, and what the waiting callers get:
//!
//! | end | waiters get | the next caller |
//! |---|---|---|
//! | a value | the value | finds the value |
//! | absent: the source has no value | no value (`Waited::Absent`); a caller of `get_or_load`, whose loader always has a value, loads, or waits for another caller of `get_or_load` | finds the absence, if the keyspace has an `absent_ttl`; else loads |
//! | an error | the error | loads |
//! | a panic of the loader | one panic is reported to all, as `LoadError::Panicked` | loads |
//! | an error or a panic, and there is a stale value | the stale value; from `wait`, the error or the panic | gets the stale value, until the cool-down ends |
//! | the lease is dropped, or is past its deadline | one of them loads, the others wait for that load | loads, or waits |
//! | the holder declines with a value | the value | loads, and for a second no caller waits for another |
//! | the holder declines without a value | each of them loads | loads, and for a second no caller waits for another |
//! | a load of several keys omits the key | as absent | as absent |
//! | the key is changed during the load | the same as without the change, if they began to wait before it | loads, and does not wait for the load from before the change |
//!
//! With a remote tier, the waiters look the key up again if the value may be older than a change by another
//! machine ([`super::remote`]).

mod disk;
mod leasing;
mod pending;

#[cfg(feature = "async")]
pub(super) use pending::in_total;

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use super::load_lease::LoadLease;
use crate::engine::flights::Flight;
#[cfg(feature = "async")]
use crate::engine::flights::graph::LoadId;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// The result of [`Keyspace::lookup`](crate::Keyspace::lookup).
#[derive(Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "a lease that is moved once costs less than one more allocation"
)]
pub enum LookupOutcome<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> {
    /// The key has a live value, or a stale value that may be returned.
    Hit {
        /// The value.
        value: Arc<V>,
        /// The time when the value expires. In the past for a stale value.
        expires_at: Timestamp,
        /// Whether the value has expired, but is returned because a load of the key failed recently
        /// ([`grace`](crate::KeyspaceDefinition::grace)).
        is_stale: bool,
    },
    /// An earlier load found that the source has no value for the key
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)).
    Absent {
        /// The time when the absence expires. After that, the next lookup loads the key again.
        expires_at: Timestamp,
    },
    /// The key has no live value, and this caller may load it. Other callers may wait for this load.
    Load(LoadLease<K, V>),
    /// Another caller is loading the key.
    Wait(PendingLoad<V>),
}

/// Another caller's load that this caller can wait for. [`Keyspace::lookup`](crate::Keyspace::lookup) returns
/// this type.
///
/// A `PendingLoad` does not keep the cache or the file open.
#[derive(Debug)]
#[must_use = "a load that no caller waits for helps no caller"]
pub struct PendingLoad<V> {
    flight: Arc<Flight>,
    load_timeout: Option<Duration>,
    /// Whether this caller began the load, and a thread of the pool runs it.
    is_own: bool,
    process: Process,
    value: PhantomData<fn() -> V>,
}

/// The result of [`PendingLoad::wait`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waited<V> {
    /// The loaded value.
    Value(Arc<V>),
    /// The source has no value for the key. The caller need not query the source again.
    Absent,
    /// The load ended without a result. Look the key up again.
    Unanswered,
}

impl<V> Waited<V> {
    /// Returns the value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<Arc<V>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unanswered => None,
        }
    }
}

/// What a lookup does if the key is known to be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnAbsence {
    /// Returns the absence.
    Answer,
    /// Loads the key like an unknown key. The caller's loader always has a value.
    Load,
    /// Like `Load`, but also replaces another caller's load that may end with an absence. The caller has
    /// already waited for a load that ended with an absence. Otherwise it could wait for one absence after
    /// another, forever.
    LoadNow,
    /// Like `Load`, for a refresh that the application has requested. A value that the lookup finds is not
    /// used, so the lookup does not extend its life.
    Refresh,
}

/// What the holder of a lease does with an entry that it finds on disk or at a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct LowerLookup {
    pub(super) load_thread: LoadThread,
    /// Whether an absence ends the lookup.
    pub(super) heeds_absence: bool,
    /// Whether the lookup is counted.
    pub(super) counts: bool,
    /// Whether a found value is used, so that its life is extended.
    pub(super) is_use: bool,
}

/// The thread that may end a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadThread {
    /// The calling thread, which runs the loader.
    Caller,
    /// Any thread. The detection of cycles ignores the load.
    Any,
    /// A thread of the pool, which begins the load and becomes its leader. The caller may wait for a load
    /// that has not begun, because the caller's own timeout ends the wait. The caller takes over only
    /// refreshes, because the pool runs refreshes after all loads. Callers with another `LoadThread` take
    /// over any load that has not begun.
    Pool,
    /// The threads that poll an asynchronous loader.
    #[cfg(feature = "async")]
    Poller(LoadId),
    /// The threads that poll a registered asynchronous loader. Its load may end with an absence, even if the
    /// caller requires a value.
    #[cfg(feature = "async")]
    RegisteredPoller(LoadId),
}

impl LoadThread {
    /// Returns whether the loader is registered. Such a loader may find that the source has no value.
    fn is_registered(self) -> bool {
        match self {
            Self::Pool => true,
            #[cfg(feature = "async")]
            Self::RegisteredPoller(_) => true,
            _ => false,
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Looks up a key. If there is no live value, returns a lease to load the value, or another caller's load
    /// to wait for.
    ///
    /// [`get_or_load`](Keyspace::get_or_load) is simpler. Use `lookup` if the value comes later or from
    /// another thread: in a batch, in a task, or in a server that lets its client load the value.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, LookupOutcome};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// match prices.lookup("MTNVTU")? {
    ///     LookupOutcome::Hit { value, .. } => println!("{value}"),
    ///     LookupOutcome::Load(lease) => {
    ///         let filler = std::thread::spawn(move || lease.fill(100));
    ///         assert!(filler.join().expect("the thread does not panic")?);
    ///     }
    ///     LookupOutcome::Wait(pending) => println!("{:?}", pending.wait::<String>()),
    ///     _ => println!("a later version of larder knows more outcomes"),
    /// }
    /// assert_eq!(prices.get("MTNVTU").as_deref(), Some(&100));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// In a closed cache, or in a forked child whose memory has no live value, the caller gets a lease that
    /// stores nothing.
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`].
    ///
    /// # Cost
    /// A hit costs the same as [`get`](Keyspace::get). A miss costs one exclusive lock of a shard, a lookup
    /// on disk or a request to the server, and two small allocations.
    pub fn lookup(&self, key: impl EncodeKey<K>) -> Result<LookupOutcome<K, V>, Error> {
        if let Some((value, expires_at)) = self.hit(&key) {
            return Ok(LookupOutcome::Hit { value, expires_at, is_stale: false });
        }
        let mut full = KeyBuffer::default();
        self.encode_into(&key, &mut full)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        Ok(at_once(self.find_or_lease(key, LoadThread::Any, OnAbsence::Answer, true)))
    }

    /// Runs steps 1 to 3. Counts a hit or a miss if `counts` is set.
    pub(super) async fn find_or_lease(
        &self,
        key: SlotKey<'_>,
        load_thread: LoadThread,
        on_absence: OnAbsence,
        counts: bool,
    ) -> LookupOutcome<K, V> {
        match self.hit_in_memory(key, counts, RecordReader::Caller) {
            Some((value, expires_at)) => LookupOutcome::Hit { value, expires_at, is_stale: false },
            None => self.lease_or_join(key, load_thread, on_absence, counts).await,
        }
    }

    /// Runs step 1, for a value of an encoded key.
    pub(super) fn hit_in_memory(
        &self,
        key: SlotKey<'_>,
        counts: bool,
        reader: RecordReader,
    ) -> Option<(Arc<V>, Timestamp)> {
        let Lookup::Value(value, expires_at) = self.shared.tiers.get_in_memory(key) else { return None };
        let value = Self::typed(value)?;
        self.note_use(key, expires_at, reader);
        self.answered_if(counts, Count::MemoryHits, key);
        Some((value, expires_at))
    }

    pub(super) fn pending(&self, flight: Arc<Flight>) -> PendingLoad<V> {
        PendingLoad {
            flight,
            load_timeout: self.shared.settings.load_timeout,
            is_own: false,
            process: self.shared.tiers.process.clone(),
            value: PhantomData,
        }
    }

    #[inline]
    pub(super) fn answered_if(&self, counts: bool, answer: Count, key: SlotKey<'_>) {
        if counts {
            self.answered(answer, key);
        }
    }
}
