//! Begins a load at the server: steps 1 to 3 of a load ([`super`]).

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::lookup::{LoadThread, LookupOutcome, LowerLookup};
use crate::engine::flights::Flight;
use crate::engine::promotion::DecodedEntry;
use crate::engine::remote::push_waits::{ParkedFlight, PushWait};
use crate::engine::remote::replaced::ReplacedRecord;
use crate::engine::remote::sharing::Sharing;
use crate::engine::remote::slot_leases::{SlotLease, length};
use crate::format::key::Key;
use crate::memory::entry::Value;
use crate::memory::epochs::EpochToken;
use crate::memory::leases::Permit;
use crate::memory::loads::{HeededAnswers, LeaseOutcome};
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::{LeaseReply, RemoteRecord};
use crate::stats::count::Count;
use crate::sys::clock::Deadline;
#[cfg(feature = "async")]
use crate::sys::offload::worker_task::on_worker;
use crate::units::Timestamp;

/// The maximum number of unusable records that a load removes.
const MAX_REMOVED: usize = 8;

/// The minimum wait for another machine. Without it, the caller would poll the server when a lease is about
/// to end.
const MIN_WAIT: Duration = Duration::from_millis(1);

enum Asked<'a, V> {
    /// The entry, and the token that was taken before the request.
    Found(DecodedEntry<V>, EpochToken),
    /// The load begins, with this lease of the slot.
    Load(SlotLease),
    /// The load begins, and replaces this record, which has expired and is kept for its grace.
    Replace(Box<ReplacedRecord<V>>),
    /// The load begins, in a keyspace without leases. The token was taken before the request.
    Unleased(EpochToken),
    /// The load begins, and only its leader gets the value: the key is being updated, or this load can't use
    /// the records of the key.
    LoadAlone,
    /// Another machine has the lease. Unless it is renewed, it ends after this duration at the latest.
    Busy(PushWait<'a>, Duration),
    /// The load begins, because the server does not answer. Holds the generation of the connection before the
    /// request.
    Unanswered(u64),
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Runs steps 1 to 3 for the holder of the local lease.
    pub(in crate::api::keyspace) async fn answer_from_remote(
        &self,
        key: SlotKey<'_>,
        mut lease: LoadLease<K, V>,
        lookup: LowerLookup,
    ) -> LookupOutcome<K, V> {
        let LowerLookup { load_thread, counts, .. } = lookup;
        match self.ask_to_load(key, lease.deadline, lookup).await {
            Asked::Found(found, token) => {
                lease.sharing = Sharing::IfUnchanged(token);
                lease.found(found.value.clone());
                let count = if found.value.is_some() { Count::DiskHits } else { Count::AbsentAnswers };
                self.answered_if(counts, count, key);
                let expires_at = found.expires_at;
                match found.value.into_inner() {
                    Some(value) => LookupOutcome::Hit { value, expires_at, is_stale: false },
                    None => LookupOutcome::Absent { expires_at },
                }
            }
            Asked::LoadAlone => {
                lease.sharing = Sharing::Never;
                self.begin_remote_load(key, lease, load_thread, counts)
            }
            Asked::Busy(wait, left) => self.wait_for_push(key, lease, (wait, left), lookup).await,
            Asked::Load(of_slot) => {
                lease.remote = Some(of_slot);
                self.begin_remote_load(key, lease, load_thread, counts)
            }
            Asked::Replace(record) => {
                lease.replaced = Some(record);
                self.begin_remote_load(key, lease, load_thread, counts)
            }
            Asked::Unleased(token) => {
                lease.remote = Some(SlotLease::none());
                lease.sharing = Sharing::IfUnchanged(token);
                self.begin_remote_load(key, lease, load_thread, counts)
            }
            Asked::Unanswered(generation) => {
                lease.sharing = Sharing::IfUnheard(generation);
                self.begin_remote_load(key, lease, load_thread, counts)
            }
        }
    }

    fn begin_remote_load(
        &self,
        key: SlotKey<'_>,
        mut lease: LoadLease<K, V>,
        load_thread: LoadThread,
        counts: bool,
    ) -> LookupOutcome<K, V> {
        self.answered_if(counts, Count::Misses, key);
        if load_thread != LoadThread::Pool {
            lease.begin(self);
        }
        LookupOutcome::Load(lease)
    }

    /// Replaces the lease's flight with a parked flight, and returns it. The caller must wait for it only
    /// when it holds no lease of another key, and not on a worker thread
    /// ([`crate::engine::remote::push_waits`]).
    async fn wait_for_push(
        &self,
        key: SlotKey<'_>,
        lease: LoadLease<K, V>,
        (wait, left): (PushWait<'_>, Duration),
        LowerLookup { counts, is_use, .. }: LowerLookup,
    ) -> LookupOutcome<K, V> {
        let tiers = &self.shared.tiers;
        let deadline = Deadline::after(left.min(lease.deadline.left()).max(MIN_WAIT));
        let flight = Flight::unled(deadline);
        let is_own = |attached: &Value| {
            let own = lease.flight.as_deref();
            own.is_some_and(|own| attached.downcast_ref().is_some_and(|attached| std::ptr::eq(own, attached)))
        };
        let heeds = HeededAnswers { entry: false, absence: false, cool_down: false, optional_flight: true };
        let attach = || (flight.clone() as Value, false);
        // When the lease is dropped, the callers that wait for its flight look the key up again, and find the
        // parked flight.
        let leased = tiers.memory.lease_or_take_over(key, self.now(), deadline, heeds, is_own, attach);
        drop(lease);
        let LeaseOutcome::Lease { id, .. } = leased else {
            return self.outcome_without_lease(key, leased, (counts, is_use)).await;
        };
        self.answered_if(counts, Count::Misses, key);
        let parked = ParkedFlight { key: key.bytes.into(), lease: id, flight: flight.clone(), deadline };
        tiers.end_parked(wait.park(parked));
        // Closing the cache first marks it as closed, and then ends the waits. So either the close finds this
        // wait, or this check finds the mark.
        if self.shared.is_closed() {
            tiers.end_waits_for_pushes();
        }
        LookupOutcome::Wait(self.pending(flight))
    }

    async fn ask_to_load<'a>(
        &'a self,
        key: SlotKey<'a>,
        deadline: Deadline,
        LowerLookup { heeds_absence, is_use, .. }: LowerLookup,
    ) -> Asked<'a, V> {
        let Some(link) = self.link() else { return Asked::LoadAlone };
        let mut removed = 0;
        loop {
            // 1.
            let wait = link.waits.register(key.bytes);
            let Some(miss) = self.shared.tiers.memory.near_token(key) else { return Asked::LoadAlone };
            let asked_at = self.now();
            let monotonic = self.shared.tiers.time.clock().monotonic();
            let generation = link.tier.generation();
            // 2.
            let taken_for = length(deadline);
            let answer = link.answer_to(|tier, reply| tier.lease(key.bytes.into(), taken_for, reply));
            match link.count(answer.await) {
                Some(LeaseReply::Hit(record)) => {
                    #[cfg(feature = "async")]
                    on_worker().await;
                    let decoded = self.shared.decode_remote::<V>(&self.opened, key, &record, asked_at);
                    if let Some(found) = decoded.filter(|found| found.value.is_some() || heeds_absence) {
                        self.copy_to_memory(key, Permit::EpochToken(miss.epoch_token), &found, is_use);
                        return Asked::Found(found, miss.epoch_token);
                    }
                    if let Some(replaced) = self.expired(key, &record, asked_at) {
                        return Asked::Replace(replaced);
                    }
                    // This load can't use the record, and can't take a lease while the slot has a record.
                    removed += 1;
                    if removed > MAX_REMOVED {
                        return Asked::LoadAlone;
                    }
                    if !self.remove_useless(key, record).await {
                        return Asked::Unanswered(generation);
                    }
                }
                Some(LeaseReply::Leased(token)) => {
                    let asked = (monotonic, taken_for);
                    let (lease, is_earliest) = link.leases.note(key.bytes, token, deadline, asked);
                    if is_earliest {
                        self.shared.tiers.wake_sweeper();
                    }
                    return Asked::Load(lease);
                }
                Some(LeaseReply::Unleased) => return Asked::Unleased(miss.epoch_token),
                // 3.
                Some(LeaseReply::Busy(left)) => return Asked::Busy(wait, left),
                Some(LeaseReply::Fenced) => return Asked::LoadAlone,
                None => return Asked::Unanswered(generation),
            }
        }
    }

    /// Converts a record into one that a load replaces. Returns `None` for an absence, and for a record that
    /// does not decode.
    fn expired(
        &self,
        key: SlotKey<'_>,
        record: &RemoteRecord,
        asked_at: Timestamp,
    ) -> Option<Box<ReplacedRecord<V>>> {
        let any = (asked_at, Duration::MAX);
        let decoded = self.shared.decode_remote_in_grace::<V>(&self.opened, key, record, any)?;
        ReplacedRecord::new(record.bytes.clone(), decoded)
    }

    /// Removes a record that does not decode, or an absence that the caller does not accept. Returns whether
    /// the server answered.
    async fn remove_useless(&self, key: SlotKey<'_>, record: RemoteRecord) -> bool {
        let Some(link) = self.link() else { return false };
        let removed =
            link.answer_to(|tier, reply| tier.remove_unchanged(key.bytes.into(), record.bytes, reply));
        link.count(removed.await).is_some()
    }
}
