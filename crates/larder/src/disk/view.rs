//! What the disk tier holds and has been through, as statistics show it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::id::KeyspaceId;
use crate::stats::DiskState;

/// What the disk tier was after its last commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskView {
    pub(crate) keyspaces: BTreeMap<String, (KeyspaceId, u64, u64)>,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) file_bytes: u64,
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
    pub(crate) damaged_records: u64,
    pub(crate) read_faults: u64,
}
