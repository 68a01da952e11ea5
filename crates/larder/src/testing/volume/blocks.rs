//! Settings of a simulated disk about blocks: whether it reports allocated blocks, and whether its files may
//! have holes.

use std::path::Path;

use super::SimulatedVolume;

impl SimulatedVolume {
    /// Sets whether the disk hides the number of allocated blocks, like some compressing file systems.
    pub fn hide_blocks(&self, hides: bool) {
        self.disk.lock().hides_blocks = hides;
    }

    /// Sets whether the disk refuses to punch holes into files.
    pub fn refuse_holes(&self, refuses: bool) {
        self.disk.lock().has_no_holes = refuses;
    }

    /// Returns the number of bytes that are allocated to a file, without its holes. Returns `None` if there
    /// is no such file.
    #[must_use]
    pub fn allocated(&self, path: impl AsRef<Path>) -> Option<u64> {
        let disk = self.disk.lock();
        disk.nodes.at(path.as_ref()).map(|id| disk.nodes.allocated(id))
    }
}
