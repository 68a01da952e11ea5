//! Computes the changes that survive a loss of power.
//!
//! Files and names are synced separately. A change of a file is certain to survive if the file was synced
//! after it. A change of a name is certain to survive if the directory was synced after it. Any combination
//! of the other changes may survive, because neither the operating system nor the drive keeps their order. A
//! write may survive in part, in any combination of its 512-byte sectors, and a hole in any combination of
//! its pages.

use std::path::PathBuf;

use super::nodes::{Nodes, PAGE};
use crate::sys::sync::Arc;

/// The unit that a drive writes atomically, in bytes.
const SECTOR: usize = 512;

/// The part of the unsynced changes that a loss of power destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// All unsynced changes are lost.
    Everything,
    /// No change is lost.
    Nothing,
    /// Any unsynced change may be lost. Each write is kept or lost as a whole.
    Some,
    /// Any unsynced change may be lost. Each sector of a write is kept or lost separately.
    Torn,
}

impl Loss {
    /// All kinds of loss.
    pub const ALL: [Self; 4] = [Self::Everything, Self::Nothing, Self::Some, Self::Torn];
}

#[derive(Debug, Clone)]
pub(super) enum JournalEntry {
    Create {
        path: PathBuf,
        id: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    SyncNames,
    Write {
        id: u64,
        offset: u64,
        data: Arc<[u8]>,
    },
    SetLen {
        id: u64,
        len: u64,
    },
    Punch {
        id: u64,
        offset: u64,
        len: u64,
    },
    SyncNode {
        id: u64,
    },
    /// A write by a program other than the cache. It is durable immediately, without a sync.
    Plant {
        path: PathBuf,
        bytes: Arc<[u8]>,
    },
}

impl JournalEntry {
    pub(super) fn apply(&self, nodes: &mut Nodes) {
        match self {
            Self::Create { path, id } => nodes.create(path.clone(), *id),
            Self::Rename { from, to } => nodes.rename(from, to.clone()),
            Self::Remove { path } => nodes.remove(path),
            Self::Write { id, offset, data } => nodes.write(*id, *offset, data),
            Self::SetLen { id, len } => nodes.set_len(*id, *len),
            Self::Punch { id, offset, len } => nodes.punch(*id, *offset, *len),
            Self::SyncNames | Self::SyncNode { .. } => {}
            Self::Plant { path, bytes } => {
                let id = nodes.at(path).unwrap_or_else(|| {
                    let id = nodes.next_id();
                    nodes.create(path.clone(), id);
                    id
                });
                nodes.set_len(id, 0);
                nodes.write(id, 0, bytes);
            }
        }
    }

    /// Returns the file whose sync makes the change certain to survive. Returns `None` if no sync of a file
    /// does so.
    fn node(&self) -> Option<u64> {
        match self {
            Self::Write { id, .. }
            | Self::SetLen { id, .. }
            | Self::Punch { id, .. }
            | Self::SyncNode { id } => Some(*id),
            _ => None,
        }
    }
}

/// All changes of a disk since its creation.
#[derive(Debug, Default)]
pub(super) struct Journal {
    start: Nodes,
    changes: Vec<JournalEntry>,
}

impl Journal {
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn push(&mut self, change: JournalEntry) {
        self.changes.push(change);
    }

    /// Returns the files after a loss of power, and an empty journal that starts with these files.
    pub(super) fn after_power_loss(&self, at: usize, loss: Loss, seed: u64) -> (Nodes, Self) {
        let happened = self.changes.get(..at).unwrap_or(&self.changes);
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut nodes = self.start.clone();
        let is_certain = certainty(happened);
        for (change, is_certain) in happened.iter().zip(is_certain) {
            if is_certain || loss == Loss::Nothing {
                change.apply(&mut nodes);
                continue;
            }
            match (loss, change) {
                (Loss::Torn, JournalEntry::Write { id, offset, data }) => {
                    for (number, sector) in data.chunks(SECTOR).enumerate().filter(|_| random.coin()) {
                        nodes.write(*id, offset + (number * SECTOR) as u64, sector);
                    }
                }
                // The file system may have journaled only a part of the hole.
                (Loss::Torn, JournalEntry::Punch { id, offset, len }) => {
                    let pages = (*offset..offset + len).step_by(PAGE).filter(|_| random.coin());
                    for at in pages {
                        nodes.punch(*id, at, (PAGE as u64).min(offset + len - at));
                    }
                }
                (Loss::Some | Loss::Torn, _) if random.coin() => change.apply(&mut nodes),
                _ => {}
            }
        }
        let nodes = nodes.unused();
        (nodes.clone(), Self { start: nodes, changes: Vec::new() })
    }
}

/// Returns, for each change, whether it is certain to survive.
fn certainty(happened: &[JournalEntry]) -> Vec<bool> {
    let mut synced = std::collections::HashSet::new();
    let mut names_are_synced = false;
    let mut certain: Vec<bool> = happened
        .iter()
        .rev()
        .map(|change| match (change, change.node()) {
            (JournalEntry::SyncNames, _) => {
                names_are_synced = true;
                true
            }
            (JournalEntry::SyncNode { id }, _) => {
                synced.insert(*id);
                true
            }
            (JournalEntry::Plant { .. }, _) => true,
            (_, Some(id)) => synced.contains(&id),
            (_, None) => names_are_synced,
        })
        .collect();
    certain.reverse();
    certain
}

/// Xorshift64: Marsaglia, "Xorshift RNGs", 2003.
struct Random(u64);

impl Random {
    fn coin(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 63 == 1
    }
}
