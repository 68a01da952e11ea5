//! Step 3 of [`super`]: the lookup on disk or at a server.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{LoadThread, LookupOutcome, LowerLookup};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::LoadLease;
use crate::format::key::Key;
use crate::memory::leases::Permit;
use crate::memory::lookup::MissToken;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Runs step 3 for the holder of a lease. If neither the disk nor the server has an entry, begins the
    /// load. A load of the pool begins later, on the pool's thread.
    pub(super) async fn answer_from_disk(
        &self,
        key: SlotKey<'_>,
        mut lease: LoadLease<K, V>,
        miss_token: Option<MissToken>,
        lookup: LowerLookup,
    ) -> LookupOutcome<K, V> {
        if self.is_remote() {
            // Boxed, so that a load without a remote tier needs no room for this future.
            let asked = self.answer_from_remote(key, lease, lookup);
            return Box::pin(asked).await;
        }
        let LowerLookup { load_thread, heeds_absence, counts, is_use } = lookup;
        if let (Some(miss), Some(id)) = (miss_token, lease.id)
            && self.is_in_file()
            && let Some(found) = self.find_below(key, Permit::Lease(id), miss, is_use)
            && (found.value.is_some() || heeds_absence)
        {
            lease.found(found.value.clone());
            let count = if found.value.is_some() { Count::DiskHits } else { Count::AbsentAnswers };
            self.answered_if(counts, count, key);
            let expires_at = found.expires_at;
            return match found.value.into_inner() {
                Some(value) => LookupOutcome::Hit { value, expires_at, is_stale: false },
                None => LookupOutcome::Absent { expires_at },
            };
        }
        self.answered_if(counts, Count::Misses, key);
        if load_thread != LoadThread::Pool {
            lease.begin(self);
        }
        LookupOutcome::Load(lease)
    }
}
