//! Simulates another process that changes the files of a simulated disk while a cache uses them.

use super::SimulatedVolume;
use super::act::Act;

impl SimulatedVolume {
    /// Changes a file as another process would. The change is durable, and processes that have the file open
    /// are not notified.
    pub fn act(&self, act: Act) {
        self.disk.lock().act(act);
    }

    /// Changes a file as [`act`](Self::act) does, right before the operation with this number, or before the
    /// next operation if that number is already past.
    pub fn act_at(&self, number: u64, act: Act) {
        self.disk.lock().acts.push((number, act));
    }

    /// Returns the numbers of the operations before which a change of [`act_at`](Self::act_at) was made.
    #[must_use]
    pub fn acted(&self) -> Vec<u64> {
        self.disk.lock().acted.clone()
    }

    /// Makes the disk return a different identity of a file each time, as some network file systems do.
    pub fn make_identities_unstable(&self) {
        self.disk.lock().has_unstable_identities = true;
    }
}
