//! The state and the counters of the disk tier, for the statistics.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::store::extent::Extent;
use super::store::identity::FileIdentity;
use super::store::keyspace_row::KeyspaceRow;
use super::store::redb_store::Store;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::DiskState;
use crate::units::Timestamp;

/// The status of one keyspace in the file after the last commit.
#[derive(Debug, Clone)]
pub(crate) struct KeyspaceStatus {
    pub(crate) id: KeyspaceId,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The version of the value type.
    pub(crate) version: u32,
    /// The shape of the keys.
    pub(crate) shape: String,
    /// The code of the values' format.
    pub(crate) format: u8,
    pub(crate) schema: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct DiskStatus {
    pub(crate) keyspaces: BTreeMap<String, KeyspaceStatus>,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The identity of the file. A file of format 1 has none yet.
    pub(crate) identity: Option<FileIdentity>,
    /// Limit of the sum of the charges of all entries, in bytes. It is never below the current charges.
    pub(crate) usable: u64,
    pub(crate) extent: Extent,
    /// Number of range removals whose entries are still being deleted.
    pub(crate) pending_removals: u64,
    pub(crate) commits: u64,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) recovered_entries: u64,
    pub(crate) quarantined: Option<PathBuf>,
    pub(crate) was_closed_cleanly: bool,
    pub(crate) state: DiskState,
    /// Why the disk tier is off. `None` while it is on.
    pub(crate) off: Option<String>,
    /// Number of errors of the store.
    pub(crate) faults: u64,
    pub(crate) suspensions: u64,
    pub(crate) discards: u64,
    pub(crate) recoveries: u64,
    pub(crate) quarantines: u64,
    /// Number of evicted entries and number of expired entries, by keyspace.
    pub(crate) gone: BTreeMap<KeyspaceId, (u64, u64)>,
    /// When the current outage began. `None` while the disk tier is on.
    pub(crate) off_since: Option<Timestamp>,
    /// Total length of the earlier outages.
    pub(crate) degraded: Duration,
    /// When the latest snapshot was installed.
    pub(crate) shown_at: Timestamp,
    pub(crate) damaged_records: u64,
    pub(crate) read_faults: u64,
}

impl DiskStatus {
    /// Sets the state of the disk tier, and records the start or the end of an outage.
    pub(crate) fn turn(&mut self, state: DiskState, now: Timestamp) {
        self.state = state;
        match (state, self.off_since) {
            (DiskState::On, Some(since)) => {
                self.degraded += now.since(since);
                self.off_since = None;
            }
            (DiskState::Suspended | DiskState::Discarded, None) => self.off_since = Some(now),
            _ => {}
        }
    }

    /// Returns the total length of all outages, including the current one.
    pub(crate) fn degraded(&self, now: Timestamp) -> Duration {
        self.degraded + self.off_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl Store {
    /// Returns the status of a newly opened file.
    pub(crate) fn view(&mut self) -> DiskStatus {
        let mut status = DiskStatus {
            recovered_entries: self.catalog.entries(),
            was_closed_cleanly: self.catalog.state.closed_cleanly,
            ..DiskStatus::default()
        };
        self.show(&mut status);
        status
    }

    /// Updates a status. The first call visits all keyspaces. A later call visits only the keyspaces that
    /// have changed since the previous call.
    pub(crate) fn show(&mut self, status: &mut DiskStatus) {
        let keyspaces = &self.catalog.keyspaces;
        let shown = |row: &KeyspaceRow| KeyspaceStatus {
            id: row.id,
            entries: row.entries,
            bytes: row.bytes,
            version: row.version,
            shape: row.shape.clone(),
            format: row.format,
            schema: row.schema.clone(),
        };
        match self.unshown.replace(BTreeSet::new()) {
            None => {
                status.keyspaces = keyspaces.iter().map(|(name, row)| (name.clone(), shown(row))).collect();
                status.gone.retain(|id, _| keyspaces.name_of(*id).is_some());
            }
            Some(names) => {
                let rows = names.into_iter().filter_map(|name| Some((shown(keyspaces.get(&name)?), name)));
                for (row, name) in rows {
                    let id = row.id;
                    let old = status.keyspaces.insert(name, row);
                    // A keyspace that replaces another one continues the counts of the old one.
                    if let Some(old) = old.filter(|old| old.id != id)
                        && let Some(gone) = status.gone.remove(&old.id)
                    {
                        status.gone.insert(id, gone);
                    }
                }
            }
        }
        (status.entries, status.bytes) = (self.catalog.entries(), self.catalog.live_bytes());
        status.identity = self.catalog.identity;
        status.pending_removals = self.catalog.ranges.len() as u64;
        // A limit that was just lowered may be below the charges. The next commit evicts entries down to the
        // limit.
        status.usable = self.pressure.limit().max(status.bytes);
    }
}
