//! What others do to the files of a simulated disk while a cache uses them.

use std::path::PathBuf;

use super::power::JournalEntry;
use super::{Disk, SimulatedVolume};

/// What another process does to files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Removes a file.
    Unlink(PathBuf),
    /// Renames a file, in the place of another if there is one.
    Rename(PathBuf, PathBuf),
    /// Puts a new file of these bytes in the place of one, as a copy does that is renamed into it.
    Replace(PathBuf, Vec<u8>),
    /// Puts other bytes into a file, which stays the one that it is.
    Overwrite(PathBuf, Vec<u8>),
}

impl SimulatedVolume {
    /// Does something to files that is not the cache's doing, durably and past their users.
    pub fn act(&self, act: Act) {
        self.disk.lock().act(act);
    }

    /// The same, right before the operation of this number, or the next after it.
    pub fn act_at(&self, number: u64, act: Act) {
        self.disk.lock().acts.push((number, act));
    }

    /// Right before which operations somebody else has acted.
    #[must_use]
    pub fn acted(&self) -> Vec<u64> {
        self.disk.lock().acted.clone()
    }

    /// Makes the disk give a file another identity with each look at it, as some network file systems do.
    pub fn make_identities_unstable(&self) {
        self.disk.lock().has_unstable_identities = true;
    }
}

impl Disk {
    /// Does to files what another process does: durably, and past their users.
    pub(super) fn act(&mut self, act: Act) {
        match act {
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
