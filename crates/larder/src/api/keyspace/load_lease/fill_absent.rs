//! The end of a load whose source has no value for the key ([`crate::api::keyspace::absence`]).

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadLease;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::ttl::Ttl;
use crate::api::keyspace::write::InsertOutcome;
use crate::config::MIN_TTL;
use crate::engine::flights::FlightOutcome;
use crate::engine::promotion::Lease;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::slot_key::SlotKey;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Says that the source has no value for the key. Caches that for the keyspace's
    /// [`absent_ttl`](crate::KeyspaceDefinition::absent_ttl), and tells the callers that wait.
    ///
    /// Returns whether it is cached. It is not cached if the keyspace has no `absent_ttl`, or where
    /// [`fill`](LoadLease::fill) would not cache a value: for example, if the key was inserted since the
    /// lookup. While the lease holds, a stale value of the key is gone afterwards, even if the absence is not
    /// cached: no later failure is answered with it. Past the deadline, or in a closed cache, nothing
    /// changes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, Found, KeyspaceDefinition, LookupOutcome};
    /// # const PRICE: KeyspaceDefinition<String, u64> =
    /// #     KeyspaceDefinition::new("price").absent_ttl(Duration::from_secs(60));
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let LookupOutcome::Load(lease) = prices.lookup("MTNVTU")? else { panic!("the cache is empty") };
    /// prices.insert("MTNVTU", 100)?;
    /// assert!(!lease.fill_absent(), "the source was asked before the insert");
    /// assert!(prices.contains_key("MTNVTU"));
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most callers do not care whether it is cached")]
    pub fn fill_absent(self) -> bool {
        self.publish_absence(Some(Ttl::Default))
    }

    /// As [`fill_absent`](LoadLease::fill_absent), with a [`Ttl`] for this absence, even if the keyspace has
    /// no `absent_ttl`. [`Ttl::Default`] and [`Ttl::Keep`] stand for the `absent_ttl`. With a time that has
    /// come already ([`Ttl::Until`]), only the callers that wait are told. A
    /// [`max_age`](crate::KeyspaceDefinition::max_age) of the keyspace limits every TTL, [`Ttl::Never`] too.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a TTL out of range. The callers that wait are told nevertheless.
    pub fn fill_absent_with(self, ttl: impl Into<Ttl>) -> Result<bool, Error> {
        let ttl = ttl.into();
        let checked = self.keyspace().map_or(Ok(()), |keyspace| ttl.check(keyspace.now()));
        let is_cached = self.publish_absence(Some(ttl).filter(|_| checked.is_ok()));
        checked.map(|()| is_cached)
    }

    /// Steps 5 and 6, for an absence. Without a TTL, only the callers that wait are told.
    fn publish_absence(self, ttl: Option<Ttl>) -> bool {
        let keyspace = self.keyspace();
        // Dropped before `keyspace`, which may be the last handle of the cache: the waiters get the answer
        // before the cache is closed.
        let mut load = self;
        load.has_failed = false;
        // Set before the write, so that the waiters get the answer even if the `Drop` of an evicted value
        // panics.
        load.outcome = Some(FlightOutcome::Absent);
        let is_refresh = load.flight.as_ref().is_some_and(|flight| flight.is_refresh());
        let Some(keyspace) = &keyspace else { return false };
        load.count_end(keyspace);
        if keyspace.is_remote() {
            return load.fill_remote_absence(keyspace, ttl);
        }
        let Some(id) = load.id.take() else { return false };
        let memory = &keyspace.shared.tiers.memory;
        let key = memory.key(&load.key);
        let lease = Lease::new(memory, key, id);
        let Some((ttl, is_wanted)) = keyspace.ttl_of_absence(key, ttl, is_refresh) else { return false };
        let written = keyspace.write_absence(key, ttl, &lease);
        keyspace.count_fill(key, &written);
        is_wanted && matches!(written, Ok(InsertOutcome::Saved | InsertOutcome::InMemory))
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the TTL for which an absence is stored, and whether it is stored to be found. Returns None if
    /// nothing is stored. If the absence is not to be cached but there may be a stale value, the absence is
    /// stored for the shortest TTL: a later failure must not be answered with a value that the source no
    /// longer has. A stale value that is on disk alone is not found while the disk tier is off. It would be
    /// found later. The absence that a refresh has found is stored in
    /// the same way, in place of the live value.
    pub(in crate::api::keyspace) fn ttl_of_absence(
        &self,
        key: SlotKey<'_>,
        ttl: Option<Ttl>,
        is_refresh: bool,
    ) -> Option<(Ttl, bool)> {
        let wanted = match ttl {
            Some(Ttl::Default | Ttl::Keep) => self.definition.default_absent_ttl().map(Ttl::For),
            ttl => ttl.filter(|ttl| !ttl.is_past(self.now())),
        };
        match wanted {
            Some(ttl) => Some((ttl, true)),
            None if is_refresh => Some((Ttl::For(MIN_TTL), false)),
            None if self.definition.stale_for().is_zero() => None,
            None => {
                let (stale, may_be_on_disk) = self.look_in_both(|| self.stale_value(key));
                (stale.is_some() || may_be_on_disk).then_some((Ttl::For(MIN_TTL), false))
            }
        }
    }
}
