//! Ends a load whose source has no value for the key ([`crate::api::keyspace::absence`]).

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
use crate::sys::at_once::at_once;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Reports that the source has no value for the key. Caches the absence with the keyspace's
    /// [`absent_ttl`](crate::KeyspaceDefinition::absent_ttl), and passes it to the waiting callers.
    ///
    /// Returns whether the absence is cached. It is not cached if the keyspace has no `absent_ttl`, or is in
    /// a remote tier and in the raw format. It is also not cached if [`fill`](LoadLease::fill) would not
    /// cache a value: for example, if the key has been inserted since the lookup.
    ///
    /// If the lease is still valid, the call also removes a stale value of the key, even if the absence is
    /// not cached. So a later failing load can't return that value. After the deadline, or in a closed cache,
    /// the call changes nothing.
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
        at_once(self.publish_absence(Some(Ttl::Default)))
    }

    /// Like [`fill_absent`](LoadLease::fill_absent), with a [`Ttl`] for this absence, even if the keyspace
    /// has no `absent_ttl`. [`Ttl::Default`] and [`Ttl::Keep`] mean the `absent_ttl`. With a time in the past
    /// ([`Ttl::Until`]), only the waiting callers get the absence. The
    /// [`max_age`](crate::KeyspaceDefinition::max_age) of the keyspace limits every TTL, including
    /// [`Ttl::Never`].
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`] for a TTL out of range. The waiting callers get the absence even
    /// then.
    pub fn fill_absent_with(self, ttl: impl Into<Ttl>) -> Result<bool, Error> {
        let ttl = ttl.into();
        let checked = self.keyspace().map_or(Ok(()), |keyspace| ttl.check(|| keyspace.now()));
        let is_cached = at_once(self.publish_absence(Some(ttl).filter(|_| checked.is_ok())));
        checked.map(|()| is_cached)
    }

    /// Stores an absence, and ends the load with it. Without a TTL, only the waiting callers get the
    /// absence, but it may still replace a value ([`ttl_of_absence`](Keyspace::ttl_of_absence)).
    pub(in crate::api::keyspace) async fn publish_absence(self, ttl: Option<Ttl>) -> bool {
        let keyspace = self.keyspace();
        // Dropped before `keyspace`, which may be the last handle of the cache. So the waiters get the
        // absence before the cache is closed.
        let mut load = self;
        load.has_failed = false;
        // Set before the write, so that the waiters get the absence however the write ends.
        load.outcome = Some(FlightOutcome::Absent);
        let is_refresh = load.flight.as_ref().is_some_and(|flight| flight.is_refresh());
        let Some(keyspace) = &keyspace else { return false };
        load.count_end(keyspace);
        if keyspace.is_remote() {
            return load.fill_remote_absence(keyspace, ttl).await;
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
    /// Returns the TTL for which lookups should find an absence. Returns `None` if they should not find it.
    pub(in crate::api::keyspace) fn wanted_absent_ttl(&self, ttl: Option<Ttl>) -> Option<Ttl> {
        match ttl {
            Some(Ttl::Default | Ttl::Keep) => self.definition.default_absent_ttl().map(Ttl::For),
            ttl => ttl.filter(|ttl| !ttl.is_past(|| self.now())),
        }
    }

    /// Returns the TTL with which to store an absence, and whether lookups should find the absence. Returns
    /// `None` if no absence is to be stored.
    ///
    /// If the keyspace caches no absences but may have a stale value, the absence is stored with the shortest
    /// TTL, to replace the stale value. Otherwise a later failing load could return a value that the source
    /// no longer has. While the disk tier is off, a stale value on disk can't be found, but would be found
    /// later. So the absence is also stored then. An absence from a refresh is stored in the same way, to
    /// replace the live value.
    pub(in crate::api::keyspace) fn ttl_of_absence(
        &self,
        key: SlotKey<'_>,
        ttl: Option<Ttl>,
        is_refresh: bool,
    ) -> Option<(Ttl, bool)> {
        match self.wanted_absent_ttl(ttl) {
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
