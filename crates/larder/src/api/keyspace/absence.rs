//! Absences: keys for which the source has no value.
//!
//! An application may request keys that the source does not have: a deleted product, a free user name, or a
//! key that a crawler invented. Without absences, each of these requests would reach the source.
//!
//! An absence is an entry without a value ([`crate::memory::entry`]), with its own kind of record on disk and
//! at a server ([`crate::format::record`]). It has its own TTL, because the source may get a value at any
//! time. In most respects an absence is like the entry of a loaded value:
//!
//! - Only the holder of a load's lease can store an absence. So a write or a removal after the lookup
//!   prevents the store, as for a loaded value. An absence never hides an inserted value.
//! - A write replaces an absence. A removal of the key, of a range or of the keyspace removes the absence
//!   durably, but does not count it as an entry. After that, the next load queries the source.
//! - An absence expires by the same clock and with the same jitter. It is promoted under the same
//!   permissions, and evicted like any entry. Another version of the keyspace does not find it.
//!
//! An absence differs from other entries in two respects:
//!
//! - An absence has no grace, and is never served stale. It replaces a stale value: otherwise a later load
//!   that fails would return a value that the source no longer has. A keyspace that caches no absences also
//!   stores an absence in this case, with the shortest TTL.
//! - Calls that can't return an absence treat it as a missing entry, for example `get`, `contains_key`,
//!   `ttl`, `count`, `iter`, `keys`, `touch`, `modify`, and the calls that are built on `modify`.
//!   `insert_if_absent` replaces an absence.
//!
//! A lookup that returns an absence counts as an [`absent_answer`](crate::KeyspaceStats::absent_answers), and
//! not as a hit or a miss. For `get`, an absence is a miss.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::definition::KeyspaceDefinition;
use super::idle::RecordReader;
use super::load::Load;
use super::lookup::OnAbsence;
use super::prepare::{EncodedValue, PreparedValue};
use super::ttl::Ttl;
use super::write::{InsertOutcome, WriteCondition};
use crate::engine::promotion::Lease;
use crate::error::Error;
use crate::error::load_error::LoadError;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::entry::Refused;
use crate::memory::leases::Permit;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::{ENTRY_OVERHEAD, Weight};
use crate::stats::count::Count;
use crate::sys::sync::{Arc, thread};

/// The result of [`Keyspace::find`](crate::Keyspace::find).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found<V> {
    /// The live value of the key.
    Value(Arc<V>),
    /// An earlier load found that the source has no value for the key
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)).
    Absent,
    /// The cache has no entry for the key. The source may have a value.
    Unknown,
}

impl<V> Found<V> {
    /// Returns the value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<Arc<V>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }
}

impl<K, V> KeyspaceDefinition<K, V> {
    /// Sets how long the cache remembers that the source has no value for a key: 1 ms to ten years. By
    /// default, absences are not cached.
    ///
    /// A loader reports an absence with [`Load::Absent`](crate::Load::Absent), with `None` in
    /// [`get_or_load_optional`](crate::Keyspace::get_or_load_optional), by omitting a key in
    /// [`get_or_load_many`](crate::Keyspace::get_or_load_many), or with
    /// [`fill_absent`](crate::LoadLease::fill_absent). Until the absence expires, calls that can return an
    /// absence return it, and do not query the source. An insert or a removal of the key ends the absence
    /// earlier. Choose a short TTL if the source may get a value without an insert or a removal in the
    /// cache. The TTL must not be longer than [`max_age`](Self::max_age). Over a remote tier, a keyspace in
    /// the format [`Raw`](crate::Format::Raw) caches no absences.
    ///
    /// Also choose a short TTL if clients can request arbitrary keys. Each such key takes the space of a
    /// small entry in memory, and of one record in the file or at the server. Many such keys evict other
    /// entries.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition};
    /// const PRODUCT: KeyspaceDefinition<String, u64> =
    ///     KeyspaceDefinition::new("product").absent_ttl(Duration::from_secs(60));
    /// # let cache = Cache::builder().open()?;
    /// let products = cache.keyspace(PRODUCT)?;
    /// for asked in 0..2 {
    ///     let product = products.get_or_load_optional("no such product", || {
    ///         assert_eq!(asked, 0, "the database is asked once");
    ///         Ok::<_, larder::Error>(None::<u64>)
    ///     });
    ///     assert!(product.unwrap().is_none());
    /// }
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub const fn absent_ttl(mut self, ttl: Duration) -> Self {
        self.absent_ttl = Some(ttl);
        self
    }

    /// Returns the TTL of absences, or `None` if absences are not cached.
    #[must_use]
    pub const fn default_absent_ttl(&self) -> Option<Duration> {
        self.absent_ttl
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Looks up a key like [`get`](Keyspace::get), but distinguishes a key that is known to be absent from an
    /// unknown key.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, Found, KeyspaceDefinition, LookupOutcome};
    /// # const PRODUCT: KeyspaceDefinition<String, u64> =
    /// #     KeyspaceDefinition::new("product").absent_ttl(Duration::from_secs(60));
    /// # let cache = Cache::builder().open()?;
    /// let products = cache.keyspace(PRODUCT)?;
    /// assert_eq!(products.find("MTNVTU"), Found::Unknown);
    /// let LookupOutcome::Load(lease) = products.lookup("MTNVTU")? else { panic!("the cache is empty") };
    /// assert!(lease.fill_absent());
    /// assert_eq!(products.find("MTNVTU"), Found::Absent);
    /// assert!(products.get("MTNVTU").is_none() && !products.contains_key("MTNVTU"));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`get`](Keyspace::get).
    #[must_use]
    pub fn find(&self, key: impl EncodeKey<K>) -> Found<V> {
        if let Some((value, _)) = self.hit(&key) {
            return Found::Value(value);
        }
        let mut full = KeyBuffer::default();
        if self.encode_into(&key, &mut full).is_err() {
            return Found::Unknown;
        }
        let key = self.shared.tiers.memory.key(full.as_slice());
        let (found, hit) = match self.shared.tiers.get_in_memory(key) {
            Lookup::Value(value, expires_at) => {
                self.note_use(key, expires_at, RecordReader::Caller);
                (Self::typed(value).map_or(Found::Unknown, Found::Value), Count::MemoryHits)
            }
            Lookup::Absent(_) => (Found::Absent, Count::MemoryHits),
            Lookup::Negative => (Found::Unknown, Count::Misses),
            Lookup::Unknown(_) if !self.has_lower_tier() || self.shared.is_closed() => {
                (Found::Unknown, Count::Misses)
            }
            Lookup::Unknown(miss) => {
                let permit = Permit::EpochToken(miss.epoch_token);
                let found = self.find_below(key, permit, miss, true);
                let found = found.map_or(Found::Unknown, |found| {
                    found.value.into_inner().map_or(Found::Absent, Found::Value)
                });
                (found, Count::DiskHits)
            }
        };
        let answer = match found {
            Found::Value(_) => hit,
            Found::Absent => Count::AbsentAnswers,
            Found::Unknown => Count::Misses,
        };
        self.answered(answer, key);
        found
    }

    /// Like [`get_or_load`](Keyspace::get_or_load), for a source that may have no value for the key. Returns
    /// `None` if this load, or an earlier load whose result is cached
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)), found no value.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRODUCT: KeyspaceDefinition<String, u64> =
    /// #     KeyspaceDefinition::new("product").absent_ttl(Duration::from_secs(60));
    /// # let database = HashMap::from([("MTNVTU", 100)]);
    /// # let cache = Cache::builder().open()?;
    /// let products = cache.keyspace(PRODUCT)?;
    /// let load = |code: &str| products.get_or_load_optional(code, || Ok::<_, larder::Error>(database.get(code).copied()));
    /// assert_eq!(load("MTNVTU").unwrap().as_deref(), Some(&100));
    /// assert_eq!(load("AIRTEL").unwrap(), None);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// Callers that request the key at the same time share one load. They share its result even if it is an
    /// absence and the keyspace has no `absent_ttl`.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load`](Keyspace::get_or_load).
    ///
    /// # Panics
    /// Panics if `loader` panics. The waiting callers get [`LoadError::Panicked`].
    pub fn get_or_load_optional<E, R, F>(
        &self,
        key: impl EncodeKey<K>,
        loader: F,
    ) -> Result<Option<Arc<V>>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<Option<R>, E>,
    {
        if let Some((value, _)) = self.hit(&key) {
            return Ok(Some(value));
        }
        let load = |_| loader().map(|value| value.map_or(Load::Absent, |value| Load::Cache(value.into())));
        Ok(self.load_without_hit(&key, OnAbsence::Answer, load)?.value)
    }

    /// Stores the absence of a key under the lease of a load. If the disk tier recovered in the meantime,
    /// prepares and stores the absence again, so that it is saved.
    pub(super) fn write_absence(
        &self,
        key: SlotKey<'_>,
        ttl: Ttl,
        lease: &Lease<'_>,
    ) -> Result<InsertOutcome, Error> {
        loop {
            match self.store(key, None, self.prepare_absence(key), ttl, WriteCondition::Lease(lease)) {
                Ok(outcome) => return Ok(outcome),
                Err(Refused::Revoked | Refused::Unconfirmed) => return Ok(InsertOutcome::Revoked),
                Err(Refused::NoRoom) => return Ok(InsertOutcome::NoRoom),
                Err(Refused::Unsaved) => thread::yield_now(),
                Err(Refused::Closed) => return Err(Error::Closed),
            }
        }
    }

    fn prepare_absence(&self, key: SlotKey<'_>) -> PreparedValue {
        let is_saved = self.is_in_file() && self.shared.tiers.disk.saves();
        let payload = is_saved.then(EncodedValue::absence);
        PreparedValue { weight: self.weigh_absence(key), payload, page_beyond_file: None, room: None }
    }

    /// Returns the weight of an absence in memory: the key and the overhead. If only the cache has a weigher,
    /// returns that weigher's result, because the weigher may use its own unit.
    pub(super) fn weigh_absence(&self, key: SlotKey<'_>) -> Weight {
        let key_len = key.bytes.len() - KeyspaceId::LEN;
        let by_cache = if self.definition.own_weigher().is_none() {
            self.weigh_by_cache(key_len, 0, None)
        } else {
            None
        };
        by_cache.unwrap_or_else(|| Weight::of(key_len as u64 + ENTRY_OVERHEAD))
    }
}
