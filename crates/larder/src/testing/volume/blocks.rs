//! Settings and counts of a simulated disk's blocks: whether allocated blocks are reported, and whether files
//! may have holes.

use std::path::Path;

use super::SimulatedVolume;

impl SimulatedVolume {
    /// Sets whether the disk reports no allocated blocks for any file, as on a file system that compresses.
    pub fn hide_blocks(&self, hides: bool) {
        self.disk.lock().hides_blocks = hides;
    }

    /// Sets whether the disk refuses to make holes in files.
    pub fn refuse_holes(&self, refuses: bool) {
        self.disk.lock().has_no_holes = refuses;
    }

    /// Returns the bytes that are allocated to one file, without its holes.
    #[must_use]
    pub fn allocated(&self, path: impl AsRef<Path>) -> Option<u64> {
        let disk = self.disk.lock();
        disk.nodes.at(path.as_ref()).map(|id| disk.nodes.allocated(id))
    }
}
