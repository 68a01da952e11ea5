//! What the disk tier holds and has been through, as statistics show it.

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

/// A keyspace of the file, as the last commit left it.
#[derive(Debug, Clone)]
pub(crate) struct KeyspaceStatus {
    pub(crate) id: KeyspaceId,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The schema that the file records for it.
    #[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
    pub(crate) schema: Option<String>,
}

/// What the disk tier was after its last commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskStatus {
    pub(crate) keyspaces: BTreeMap<String, KeyspaceStatus>,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Which file it is; one of format 1 has no identity yet.
    pub(crate) identity: Option<FileIdentity>,
    /// Bytes that all entries may be charged for at present.
    pub(crate) usable: u64,
    pub(crate) extent: Extent,
    /// Range removals whose entries are still being deleted.
    pub(crate) pending_removals: u64,
    pub(crate) commits: u64,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) recovered_entries: u64,
    pub(crate) quarantined: Option<PathBuf>,
    pub(crate) was_closed_cleanly: bool,
    pub(crate) state: DiskState,
    /// Why the disk tier is off.
    pub(crate) off: Option<String>,
    /// Times the store failed.
    pub(crate) faults: u64,
    pub(crate) suspensions: u64,
    pub(crate) discards: u64,
    pub(crate) recoveries: u64,
    pub(crate) quarantines: u64,
    /// By keyspace: entries deleted for room, and for age.
    pub(crate) gone: BTreeMap<KeyspaceId, (u64, u64)>,
    /// Since when the disk tier has not been on.
    pub(crate) off_since: Option<Timestamp>,
    /// How long earlier outages lasted.
    pub(crate) degraded: Duration,
    /// When lookups were last shown what was committed.
    pub(crate) shown_at: Timestamp,
    pub(crate) damaged_records: u64,
    pub(crate) read_faults: u64,
}

impl DiskStatus {
    /// Notes that the disk tier is on, or is not, from now.
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

    /// How long it has not been on.
    pub(crate) fn degraded(&self, now: Timestamp) -> Duration {
        self.degraded + self.off_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl Store {
    /// What the file says on opening.
    pub(crate) fn view(&mut self) -> DiskStatus {
        let mut view = DiskStatus {
            recovered_entries: self.catalog.entries(),
            was_closed_cleanly: self.catalog.state.closed_cleanly,
            ..DiskStatus::default()
        };
        self.show(&mut view);
        view
    }

    /// Brings a view up to date. Costs what has changed since the last call; the first call, all keyspaces.
    pub(crate) fn show(&mut self, view: &mut DiskStatus) {
        let keyspaces = &self.catalog.keyspaces;
        let shown = |row: &KeyspaceRow| KeyspaceStatus {
            id: row.id,
            entries: row.entries,
            bytes: row.bytes,
            schema: row.schema.clone(),
        };
        match self.unshown.replace(BTreeSet::new()) {
            None => {
                view.keyspaces = keyspaces.iter().map(|(name, row)| (name.clone(), shown(row))).collect();
                view.gone.retain(|id, _| keyspaces.name_of(*id).is_some());
            }
            Some(names) => {
                let rows = names.into_iter().filter_map(|name| Some((shown(keyspaces.get(&name)?), name)));
                for (row, name) in rows {
                    let id = row.id;
                    let old = view.keyspaces.insert(name, row);
                    if let Some(old) = old.filter(|old| old.id != id) {
                        view.gone.remove(&old.id);
                    }
                }
            }
        }
        (view.entries, view.bytes) = (self.catalog.entries(), self.catalog.live_bytes());
        view.identity = self.catalog.identity;
        view.pending_removals = self.catalog.ranges.len() as u64;
        // Of a limit that has just fallen the next commit makes true what is above it.
        view.usable = self.pressure.limit().max(view.bytes);
    }
}
