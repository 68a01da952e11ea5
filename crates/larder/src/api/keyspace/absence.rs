//! Absences: keys for which the source has no value.
//!
//! An application asks for keys that its source does not have: a product that was deleted, a user name that
//! is still free, whatever a crawler makes up. Without absences each such question would reach the source.
//!
//! An absence is an entry without a value ([`crate::memory::entry`]), with a record kind of its own on disk
//! ([`crate::format::record`]). It has a TTL of its own, because a key may come to be any time. In all else
//! it is as the entry of a loaded value:
//!
//! - Only the holder of a load's lease stores one. So a write or a removal that came after the lookup voids
//!   it, as it voids a loaded value: an absence never hides a value that was inserted.
//! - A write replaces it. A removal of its key, of a range or of the keyspace removes it, durably, although
//!   the removal counts no entry. After that, the next load asks the source.
//! - It expires by the same clock and with the same jitter, is copied from disk into memory under the same
//!   permissions, is evicted like any entry, and is of no use to another version of the keyspace.
//!
//! It differs in this:
//!
//! - It has no grace, and is never served stale. An absence takes the place of a stale value, so that a later
//!   failure is not answered with a value that the source no longer has. If the keyspace remembers no
//!   absence, the absence is stored for the shortest TTL in that case alone.
//! - It is no entry for the calls that are about entries: `get`, `contains_key`, `ttl`, `count`, `iter`,
//!   `keys`, `touch`, `modify` and all that is made of it. `insert_if_absent` stores its value over it.
//!
//! A lookup that is answered with an absence counts as an
//! [`absent_answer`](crate::KeyspaceStats::absent_answers), and neither as a hit nor as a miss. A call that
//! takes an absence for nothing counts a miss.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::definition::KeyspaceDefinition;
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
use crate::format::record::{Extension, PayloadCompression, RecordKind};
use crate::memory::entry::Refused;
use crate::memory::leases::Permit;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::{ENTRY_OVERHEAD, Weight};
use crate::stats::count::Count;
use crate::sys::sync::{Arc, thread};

/// What the cache knows about a key. [`Keyspace::find`](crate::Keyspace::find) returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found<V> {
    /// The live value of the key.
    Value(Arc<V>),
    /// The source has no value for the key, as a load has told
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)).
    Absent,
    /// Nothing. The source may have a value.
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
    /// Caches for this long that the source has no value for a key: 1 ms to ten years. Default: not at all.
    ///
    /// A loader says so by [`Load::Absent`](crate::Load::Absent), by None in
    /// [`get_or_load_optional`](crate::Keyspace::get_or_load_optional), by leaving a key out of
    /// [`get_or_load_many`](crate::Keyspace::get_or_load_many), or by
    /// [`fill_absent`](crate::LoadLease::fill_absent). Until the time is over these calls answer without
    /// asking the source again. An insert of the key or its removal ends it. Choose a short time if a key may
    /// come to be without either. It may not be longer than the [`max_age`](Self::max_age).
    ///
    /// Choose a short time, too, if anyone may ask for keys that they make up. Each such key takes the room
    /// of a small entry in memory, and one committed record in the file. Many of them push other entries out
    /// of both.
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

    /// Returns for how long it is cached that the source has no value for a key. None if it is not cached.
    #[must_use]
    pub const fn default_absent_ttl(&self) -> Option<Duration> {
        self.absent_ttl
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Looks a key up as [`get`](Keyspace::get) does, and tells a key that is known to be absent from an
    /// unknown one.
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
    /// That of [`get`](Keyspace::get).
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
                self.note_use(key, expires_at);
                (Self::typed(value).map_or(Found::Unknown, Found::Value), Count::MemoryHits)
            }
            Lookup::Absent(_) => (Found::Absent, Count::MemoryHits),
            Lookup::Negative => (Found::Unknown, Count::Misses),
            Lookup::Unknown(_) if !self.has_lower_tier() || self.shared.is_closed() => {
                (Found::Unknown, Count::Misses)
            }
            Lookup::Unknown(miss) => {
                let permit = Permit::EpochToken(miss.epoch_token);
                let found = self.promote_decoded(key, permit, miss.min_visible_sequence);
                let found =
                    found.map_or(Found::Unknown, |found| found.value.map_or(Found::Absent, Found::Value));
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

    /// As [`get_or_load`](Keyspace::get_or_load), for a source that may have no value for the key. Returns
    /// None if it has none, by this load or by an earlier one
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)).
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
    /// Callers that ask for the key at the same time share the answer, a value or none, even if the keyspace
    /// has no `absent_ttl`.
    ///
    /// # Errors
    /// Those of [`get_or_load`](Keyspace::get_or_load).
    ///
    /// # Panics
    /// If `loader` panics, in the thread that runs it.
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

    /// Stores the absence of a key under the lease of a load. Repeats that if the disk tier came back
    /// meanwhile, so that the absence is saved.
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
        let is_saved = !self.is_memory_only() && self.shared.tiers.disk.saves();
        let payload = is_saved.then(|| EncodedValue {
            kind: RecordKind::Absence,
            bytes: Vec::new(),
            compression: PayloadCompression::None,
            extension: Extension::default(),
            fits_file: true,
        });
        PreparedValue { weight: self.weigh_absence(key), payload, page_beyond_file: None, room: None }
    }

    /// Returns the weight of an absence in memory: the key and the overhead. If only the cache has a weigher,
    /// the weight is its result, because it may count in a unit of its own.
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
