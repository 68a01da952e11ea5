//! The state of a simulated disk: its files, its past operations, and its planned failures.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::act::Act;
use super::nodes;
use super::nodes::Nodes;
use super::operation::{DiskOperation, Failure};
use super::power::{Journal, JournalEntry};
use super::range_lock::RangeLock;
use crate::sys::sync::Arc;
use crate::sys::volume::{FileKind, Identity, Metadata};

/// A disk, shared by its volume and its open files. The model checker does not control this lock, so it sees
/// each operation of the disk as one step.
pub(super) type SharedDisk = Arc<Mutex<Disk>>;

#[derive(Debug, Clone)]
pub(super) struct PlannedFailure {
    pub(super) from: u64,
    pub(super) failure: Failure,
    /// Whether the failure lasts until the disk is healed. If false, only one operation fails.
    pub(super) lasts: bool,
    /// The kinds of operations that fail. `None` for all kinds.
    pub(super) only: Option<Vec<DiskOperation>>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a way of this disk's own to differ from others")]
pub(super) struct Disk {
    pub(super) nodes: Nodes,
    pub(super) journal: Journal,
    pub(super) locks: Vec<RangeLock>,
    pub(super) owners: HashMap<PathBuf, u64>,
    /// The number of the last owner's lock that was taken.
    pub(super) last_owner: u64,
    pub(super) last_handle: u64,
    pub(super) operations: Vec<DiskOperation>,
    /// The numbers of the writes at the start of a file.
    pub(super) starts: Vec<u64>,
    pub(super) planned: Option<PlannedFailure>,
    pub(super) failed: u64,
    pub(super) capacity: Option<u64>,
    pub(super) loses_syncs: bool,
    pub(super) hides_blocks: bool,
    pub(super) has_no_holes: bool,
    pub(super) has_unstable_identities: bool,
    /// Planned changes by another process. Each change happens before the operation with its number.
    pub(super) acts: Vec<(u64, Act)>,
    /// The numbers of the operations before which a planned change has happened.
    pub(super) acted: Vec<u64>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk")
            .field("files", &self.nodes.names())
            .field("operations", &self.operations.len())
            .finish_non_exhaustive()
    }
}

impl Disk {
    /// Records an operation, and makes the changes that are planned before it. Returns an error if the
    /// operation is planned to fail.
    pub(super) fn begin(&mut self, operation: DiskOperation) -> Result<(), Failure> {
        let number = self.operations.len() as u64;
        self.operations.push(operation);
        while let Some(at) = self.acts.iter().position(|(at, _)| *at <= number) {
            let (_, act) = self.acts.swap_remove(at);
            self.acted.push(number);
            self.act(act);
        }
        let is_hit = |planned: &PlannedFailure| {
            number >= planned.from && planned.only.as_ref().is_none_or(|kinds| kinds.contains(&operation))
        };
        let Some((failure, lasts)) = self
            .planned
            .as_ref()
            .filter(|planned| is_hit(planned))
            .map(|planned| (planned.failure, planned.lasts))
        else {
            return Ok(());
        };
        if !lasts {
            self.planned = None;
        }
        self.failed += 1;
        Err(failure)
    }

    pub(super) fn change(&mut self, change: JournalEntry) {
        change.apply(&mut self.nodes);
        let is_sync = matches!(change, JournalEntry::SyncNode { .. } | JournalEntry::SyncNames);
        if !(is_sync && self.loses_syncs) {
            self.journal.push(change);
        }
    }

    pub(super) fn metadata(&self, id: u64) -> Metadata {
        // The count of operations makes an unstable identity differ each time.
        let identity =
            Identity(if self.has_unstable_identities { self.operations.len() as u64 } else { 0 }, id);
        let allocated = self.nodes.allocated(id);
        Metadata { kind: FileKind::File, len: self.nodes.len(id), allocated, identity, born: Some(id) }
    }

    pub(super) fn has_room_for(&self, id: u64, offset: u64, len: usize) -> bool {
        let more = self.nodes.pages_missing(id, offset, len) * nodes::PAGE as u64;
        self.capacity.is_none_or(|capacity| self.nodes.used() + more <= capacity)
    }

    /// Takes the lock of an owner, if it is free. Returns the number of the lock.
    pub(super) fn take_owner_lock(&mut self, path: &Path) -> Option<u64> {
        if self.owners.contains_key(path) {
            return None;
        }
        self.last_owner += 1;
        self.owners.insert(path.to_owned(), self.last_owner);
        Some(self.last_owner)
    }

    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Unlink(path) if self.owners.remove(&path).is_some() => {}
            Act::Unlink(path) => self.change(JournalEntry::Remove { path }),
            Act::Rename(from, to) => self.change(JournalEntry::Rename { from, to }),
            Act::Replace(path, bytes) => {
                self.change(JournalEntry::Remove { path: path.clone() });
                self.change(JournalEntry::Plant { path, bytes: bytes.into() });
            }
            Act::Overwrite(path, bytes) => self.change(JournalEntry::Plant { path, bytes: bytes.into() }),
        }
        self.change(JournalEntry::SyncNames);
    }
}
