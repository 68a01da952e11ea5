//! Lets another process act on the files of a simulated disk while a cache uses them.

use super::SimulatedVolume;
use super::act::Act;

impl SimulatedVolume {
    /// Acts on files as another process does: durably, and without their users.
    pub fn act(&self, act: Act) {
        self.disk.lock().act(act);
    }

    /// Does the same right before the operation of this number, or the next one after it.
    pub fn act_at(&self, number: u64, act: Act) {
        self.disk.lock().acts.push((number, act));
    }

    /// Returns the operations right before which another process has acted.
    #[must_use]
    pub fn acted(&self) -> Vec<u64> {
        self.disk.lock().acted.clone()
    }

    /// Makes the disk return another identity of a file each time, as some network file systems do.
    pub fn make_identities_unstable(&self) {
        self.disk.lock().has_unstable_identities = true;
    }
}
