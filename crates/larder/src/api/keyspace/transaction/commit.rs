//! The end of a round: steps 3 to 5 of [`super`].

use super::commit_wait::CommitWait;
use super::group_size::GroupSize;
use super::{KeyChange, KeyContent, KeyRead, RoundWaits, Transaction, TransactionKey};
use crate::api::keyspace::insert_options::Durability;
use crate::api::keyspace::prepare::room_of_change;
use crate::engine::shared::Shared;
use crate::engine::writer::command::Acknowledge;
use crate::error::Error;
use crate::format::keyspace_id::{KeyspaceId, LowestTier};
use crate::format::stored_key::StoredKey;
use crate::memory::buffer::BufferRoom;
use crate::memory::entry::Refused;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::group::{GROUP_KEY_OVERHEAD, Group};
use crate::memory::group_publication::{GroupChange, GroupConditions, GroupRead};
use crate::memory::key_leases::LeaseId;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::sync::{Arc, thread};
use crate::units::Timestamp;

/// The maximum number of times that a round confirms entries on disk.
const MAX_CONFIRMATIONS: usize = 8;

impl TransactionKey {
    fn lowest_tier(&self) -> LowestTier {
        KeyspaceId::of(&self.full).lowest_tier()
    }

    /// Returns whether the change of the key goes to the writer.
    pub(super) fn is_in_file(&self) -> bool {
        KeyspaceId::of(&self.full).is_in_file()
    }

    /// Returns how many bytes of the write buffer the key needs as part of a group.
    pub(super) fn group_room(&self) -> u64 {
        self.full.len() as u64 + GROUP_KEY_OVERHEAD
    }

    pub(super) fn name(&self) -> String {
        self.keyspace.as_ref().map(|keyspace| keyspace.name.clone()).unwrap_or_default()
    }

    /// Returns what was read of the key, as input for the checks in memory.
    fn group_read(&self, is_confirmed: bool) -> Option<GroupRead<'_>> {
        let KeyRead { lease, entry, .. } = self.read.as_ref()?;
        Some(GroupRead { key: self.slot_key(), lease: (*lease)?, entry: *entry, is_confirmed })
    }
}

impl Transaction<'_> {
    pub(super) fn key_list(&self) -> Vec<StoredKey> {
        self.keys.iter().map(|key| key.full.clone()).collect()
    }

    pub(super) fn changes_nothing(&self) -> bool {
        self.keys.iter().all(|key| key.change.is_none())
    }

    /// Returns whether all reads are valid at the same moment. A round calls this at most once.
    pub(super) fn reads_hold(&mut self) -> Result<bool, Error> {
        if self.is_remote() {
            return self.conditions_hold();
        }
        if self.is_lost {
            return Ok(false);
        }
        let held = self.with_confirmations(|reads, conditions| {
            self.shared.tiers.memory.confirm_group(reads, conditions)
        });
        match held {
            Ok(()) => Ok(true),
            Err(Refused::Closed) => Err(Error::Closed),
            Err(_) => Ok(false),
        }
    }

    /// Runs steps 2 to 5. Returns `None` if the round is lost, or would have to wait but must not.
    pub(super) fn publish(&mut self) -> Result<Option<CommitWait>, Error> {
        if self.is_lost {
            return Ok(None);
        }
        if self.changes_nothing() {
            return Ok(self.reads_hold()?.then(|| {
                self.count();
                CommitWait::default()
            }));
        }
        if self.is_remote() {
            return self.publish_remote();
        }
        let tiers = &self.shared.tiers;
        let must_save = self.must_save_values();
        if must_save && !tiers.disk.saves() {
            if self.waits != RoundWaits::Allowed {
                self.waits = RoundWaits::Needed;
                return Ok(None);
            }
            // There is no file for the values. A commit may create one.
            _ = tiers.writer.commit(Acknowledge::NO_VALUE);
        }
        // Must come before the values are stored: see `engine::writer::losses`.
        let after = if must_save { tiers.memory.last_sequence() } else { 0 };
        loop {
            // Checked in each iteration: in a closed cache, the reservation would fail forever.
            self.shared.refuse_if_unusable()?;
            // 2.
            let Some(size) = self.check_size()? else {
                thread::yield_now();
                self.prepare()?;
                continue;
            };
            match self.publish_prepared(size) {
                Ok((is_saved, evicted_values)) => {
                    self.count();
                    return Ok(Some(self.commit_wait(is_saved, after, evicted_values)));
                }
                Err(Refused::Closed) => return Err(Error::Closed),
                Err(Refused::Revoked | Refused::Unconfirmed) => return Ok(None),
                // The disk tier was discarded or recovered in the meantime. A lack of room in memory is no
                // error, because memory then leaves the values out.
                Err(Refused::Unsaved | Refused::NoRoom) => {}
            }
            thread::yield_now();
            self.prepare()?;
        }
    }

    /// Prepares every value again, for the current state of the disk tier.
    fn prepare(&mut self) -> Result<(), Error> {
        for key in &mut self.keys {
            let slot_key = SlotKey { hash: key.hash, bytes: &key.full };
            if let Some(KeyChange::Put(put)) = &mut key.change {
                put.prepare(slot_key)?;
            }
        }
        Ok(())
    }

    /// Runs step 3. Reserves no room if nothing is to be saved.
    fn reserve(
        &mut self,
        size: GroupSize,
        evicted_values: &mut EvictedValues,
    ) -> Result<Option<BufferRoom>, Refused> {
        let (tiers, bytes) = (&self.shared.tiers, size.room + size.keys);
        if size.changes == 0 {
            return Ok(None);
        }
        if self.waits == RoundWaits::Allowed {
            return tiers.reserve(bytes, evicted_values).ok_or(Refused::Unsaved).map(Some);
        }
        let room = tiers.reserve_at_once(bytes);
        if room.is_none() {
            self.waits = RoundWaits::Needed;
            return Err(Refused::Revoked);
        }
        Ok(room)
    }

    /// Runs steps 3 to 5. Returns whether the changes will be saved, and the replaced values.
    fn publish_prepared(&mut self, size: GroupSize) -> Result<(bool, EvictedValues), Refused> {
        let shared = self.shared;
        let tiers = &shared.tiers;
        // If the changes are refused, these values are dropped last, because a user's `Drop` may wait for
        // room. Before that, the room of the changes must be released.
        let mut evicted_values = EvictedValues::default();
        // 3.
        let mut room = self.reserve(size, &mut evicted_values)?;
        let group = room.as_mut().filter(|_| size.changes > 1).map(|room| {
            let is_saved = |key: &&TransactionKey| key.change.is_some() && key.is_in_file();
            let keys = self.keys.iter().filter(is_saved).map(|key| key.full.clone()).collect();
            Arc::new(Group::new(keys, room.split_off(size.keys)))
        });
        // 4.
        let mut first = Timestamp::NEVER;
        let mut changes = Vec::new();
        let mut reads = Vec::new();
        for key in &mut self.keys {
            let lowest_tier = key.lowest_tier();
            let slot_key = SlotKey { hash: key.hash, bytes: &key.full };
            let entry = key.read.as_ref().and_then(KeyRead::found);
            if let Some(change) = &mut key.change {
                // A single change takes all of the room, including the weight reserved for a large value.
                let mut part = |bytes: u64| match &mut room {
                    Some(room) if size.changes > 1 => Some(room.split_off(bytes)),
                    room => room.take(),
                };
                let change = match change {
                    KeyChange::Put(put) => {
                        let saved = put
                            .size(slot_key.bytes.len())
                            .and_then(|size| Some((part(size.room)?, group.clone())));
                        put.take_entry(slot_key, entry, saved).map(|entry| {
                            first = first.min(entry.grace.after(entry.expires_at));
                            GroupChange::Put(entry)
                        })
                    }
                    KeyChange::Remove => Some(match lowest_tier {
                        LowestTier::Memory => GroupChange::Forget,
                        LowestTier::File => {
                            let is_saved = part(room_of_change(slot_key.bytes.len())).is_some();
                            GroupChange::Remove { group: group.clone(), is_saved }
                        }
                        LowestTier::Remote => unreachable!("remote keys are changed at the server"),
                    }),
                };
                changes.extend(change.map(|change| (slot_key, change)));
            }
            if let Some(KeyRead { lease: Some(lease), entry, .. }) = &key.read {
                reads.push((slot_key, *lease, *entry));
            }
        }
        let published = confirmed(shared, &reads, |reads, conditions| {
            tiers.memory.publish_group(reads, &mut changes, conditions, &mut evicted_values)
        });
        // Releases the room of refused changes, before the next round waits for room.
        drop(changes);
        // 5.
        if size.changes > 0 {
            tiers.wake_writer_for_room();
        }
        published?;
        tiers.sweeper.plan(first);
        Ok((size.changes > 0, evicted_values))
    }

    /// Returns whether the transaction removes an entry from the disk tier.
    fn removes(&self) -> bool {
        let is_removal = |key: &TransactionKey| matches!(key.change, Some(KeyChange::Remove));
        self.shared.tiers.has_disk() && self.keys.iter().any(|key| key.is_in_file() && is_removal(key))
    }

    /// Returns whether the call must wait for the commit of its values: the transaction also removes an
    /// entry, or a value must be durable.
    fn must_save_values(&self) -> bool {
        let is_put = |key: &TransactionKey| matches!(key.change, Some(KeyChange::Put(_)));
        let is_durable = || self.durability == Durability::Immediate || self.removes();
        self.shared.tiers.has_disk()
            && self.keys.iter().any(|key| key.is_in_file() && is_put(key))
            && is_durable()
    }

    /// Returns the wait for the commit. `is_saved` says whether the disk tier saves the changes. `after` is
    /// a sequence from before the values were stored.
    pub(super) fn commit_wait(
        &mut self,
        is_saved: bool,
        after: u64,
        mut evicted_values: EvictedValues,
    ) -> CommitWait {
        // The values that were read or stored are dropped with the evicted values, after the commit is
        // requested. This transaction may own their last handles, and a user's `Drop` may take long.
        for key in &mut self.keys {
            if let Some(KeyChange::Put(put)) = &key.change {
                evicted_values.push(put.value());
            }
            if let Some(KeyRead { value, .. }) = &mut key.read
                && let KeyContent::Value(value) = std::mem::replace(value, KeyContent::None)
            {
                evicted_values.push(value);
            }
        }
        let must_save = self.must_save_values();
        let kind = match (self.removes(), must_save && is_saved) {
            (true, true) => Some(Acknowledge::GroupWithValues { after }),
            (true, false) => Some(Acknowledge::Group),
            (false, true) => Some(Acknowledge::Write { after }),
            (false, false) => None,
        };
        CommitWait { kind, is_unsaved: must_save && !is_saved, evicted_values }
    }

    pub(super) fn count(&self) {
        for key in &self.keys {
            let Some(keyspace) = &key.keyspace else { continue };
            let changed = key.change.as_ref().map(|change| match change {
                KeyChange::Put(_) => Count::Inserts,
                KeyChange::Remove => Count::Invalidations,
            });
            for count in key.answered.into_iter().chain(changed) {
                self.shared.count(&keyspace.counters, count, &key.full);
            }
        }
    }

    /// Calls [`confirmed`] with the reads of this transaction.
    fn with_confirmations<R>(
        &self,
        check: impl FnMut(&[GroupRead<'_>], GroupConditions<'_>) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        let reads = self.keys.iter().filter_map(|key| {
            let read = key.group_read(false)?;
            Some((read.key, read.lease, read.entry))
        });
        confirmed(self.shared, &reads.collect::<Vec<_>>(), check)
    }
}

/// Calls `check` with the reads, without confirming them on disk. If one of the entries may be only on disk,
/// confirms the reads, and calls `check` again:
///
/// 1. Confirm only the entries that memory does not have.
/// 2. If a commit before `check` invalidates the confirmation, repeat it. With many keys and constant commits
///    of other keys, every repetition may come too late.
/// 3. So during the last attempt, keep the snapshot from being replaced until `check` has returned. Confirm
///    all entries, because memory may evict any of them meanwhile.
fn confirmed<R>(
    shared: &Shared,
    reads: &[(SlotKey<'_>, LeaseId, Option<ReadEntry>)],
    mut check: impl FnMut(&[GroupRead<'_>], GroupConditions<'_>) -> Result<R, Refused>,
) -> Result<R, Refused> {
    let tiers = &shared.tiers;
    let now = || tiers.time.now();
    let unconfirmed =
        reads.iter().map(|&(key, lease, entry)| GroupRead { key, lease, entry, is_confirmed: false });
    let mut group_reads: Vec<_> = unconfirmed.collect();
    let mut checked = check(&group_reads, GroupConditions { now: &now, is_current: &|| false });
    for attempt in 1..=MAX_CONFIRMATIONS {
        if !matches!(checked, Err(Refused::Unconfirmed)) {
            break;
        }
        let is_last = attempt == MAX_CONFIRMATIONS;
        let _kept = is_last.then(|| tiers.keep_snapshot());
        let entries = reads.iter().map(|&(key, _, entry)| {
            let is_on_disk = KeyspaceId::of(key.bytes).is_in_file();
            let sequence = entry.filter(|_| is_on_disk)?.sequence;
            (is_last || !tiers.memory.has_entry(key.bytes)).then_some((key, sequence))
        });
        let (snapshot, found) = tiers.confirm_all(entries);
        for (read, is_confirmed) in group_reads.iter_mut().zip(found) {
            read.is_confirmed = is_confirmed;
        }
        let is_current = || snapshot.as_ref().is_some_and(|snapshot| tiers.may_change_from(snapshot));
        checked = check(&group_reads, GroupConditions { now: &now, is_current: &is_current });
    }
    checked
}
