//! The parts of a transaction that need memory and the disk: reading entries without their values, and
//! confirming entries that are only on disk ([`crate::memory::group_publication`]).

use std::sync::Weak;
use std::time::Duration;

use super::tiers::Tiers;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::entry::Value;
use crate::memory::extras::EntryExtras;
use crate::memory::key_leases::LeaseId;
use crate::memory::lookup::{Lookup, ReadEntry};
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::RwLockReadGuard;

#[derive(Debug)]
pub(crate) struct LeasedEntry {
    pub(crate) lease: LeaseId,
    /// `None` if no live entry was found.
    pub(crate) entry: Option<ReadEntry>,
    /// The value, if the entry is in memory.
    pub(crate) value: Option<Value>,
    /// Whether no entry was found, but the disk may have one.
    pub(crate) is_unread: bool,
}

impl Tiers {
    /// Takes a lease on a key, and then reads the key's entry.
    pub(crate) fn lease_entry(&self, key: SlotKey<'_>) -> LeasedEntry {
        if !KeyspaceId::of(key.bytes).is_in_file() {
            return self.lease_and_read_entry(key);
        }
        let last = std::cell::Cell::new(None);
        let (found, may_be_on_disk) = self.look_in_both(|| {
            let leased = self.lease_and_read_entry(key);
            let found = leased.entry;
            if let Some(LeasedEntry { lease, .. }) = last.replace(Some(leased)) {
                self.memory.release(key, lease);
            }
            found
        });
        let leased = last.into_inner().expect("`look_in_both` calls its closure at least once");
        LeasedEntry { is_unread: found.is_none() && leased.is_unread && may_be_on_disk, ..leased }
    }

    fn lease_and_read_entry(&self, key: SlotKey<'_>) -> LeasedEntry {
        let (lease, found, entry) = self.memory.lease_over(key, self.time.now());
        match found {
            Lookup::Value(value, _) => LeasedEntry { lease, entry, value: Some(value), is_unread: false },
            Lookup::Unknown(miss) if KeyspaceId::of(key.bytes).is_in_file() => {
                let record = self.read_record(key, miss.min_visible_sequence, Duration::ZERO);
                let now = self.time.now();
                let record = record.filter(|record| record.header.has_live_value(now));
                let entry = record.map(|record| {
                    let (sequence, expires_at) = (record.header.sequence, record.header.expires_at);
                    let extras = EntryExtras::of_record(&record.header, &record.extension);
                    ReadEntry::new(sequence, expires_at, Some(extras))
                });
                LeasedEntry { lease, entry, value: None, is_unread: entry.is_none() }
            }
            Lookup::Absent(_) | Lookup::Negative | Lookup::Unknown(_) => {
                LeasedEntry { lease, entry: None, value: None, is_unread: false }
            }
        }
    }

    /// Returns how often the snapshot of the disk was withdrawn, or `None` if there is a snapshot. If two
    /// calls return the same number, no lookup has read the disk between them.
    pub(crate) fn withdrawals_without_snapshot(&self) -> Option<u64> {
        let withdrawals = self.disk.snapshots.withdrawals();
        self.disk.snapshots.current().is_none().then_some(withdrawals)
    }

    /// Keeps the current snapshot from being replaced while the guard is held
    /// ([`keep_current`](crate::disk::store::snapshot::SnapshotCell::keep_current)).
    pub(crate) fn keep_snapshot(&self) -> RwLockReadGuard<'_, ()> {
        self.disk.snapshots.keep_current()
    }

    /// Looks for entries in the current snapshot, by key and sequence. Returns a token of the snapshot for
    /// [`reads_from`](Tiers::reads_from), and for each entry whether it was found. Returns no token if no
    /// entry was found, or if the snapshot was replaced during the search.
    pub(crate) fn confirm_all<'a>(
        &self,
        entries: impl Iterator<Item = Option<(SlotKey<'a>, u64)>>,
    ) -> (Option<Weak<StoreSnapshot>>, Vec<bool>) {
        let mut first: Option<Weak<StoreSnapshot>> = None;
        let mut is_same = true;
        let confirm = |(key, sequence): (SlotKey<'a>, u64)| {
            let Some(snapshot) = self.confirm(key, sequence) else { return false };
            match &first {
                Some(first) => is_same &= first.ptr_eq(&snapshot),
                None => first = Some(snapshot),
            }
            true
        };
        let mut confirm = confirm;
        let found = entries.map(|entry| entry.is_some_and(&mut confirm)).collect();
        (first.filter(|_| is_same), found)
    }
}
