//! What a simulated disk tells of the blocks of its files, and whether these may have holes.

use std::path::Path;

use super::SimulatedVolume;

impl SimulatedVolume {
    /// Makes the disk tell of no file how many of its blocks are allocated, as a file system that compresses
    /// does.
    pub fn hide_blocks(&self, hides: bool) {
        self.disk.lock().hides_blocks = hides;
    }

    /// Makes the disk refuse to make holes in files.
    pub fn refuse_holes(&self, refuses: bool) {
        self.disk.lock().has_no_holes = refuses;
    }

    /// Bytes that are allocated to one file: its holes take none.
    #[must_use]
    pub fn allocated(&self, path: impl AsRef<Path>) -> Option<u64> {
        let disk = self.disk.lock();
        disk.nodes.at(path.as_ref()).map(|id| disk.nodes.allocated(id))
    }
}
