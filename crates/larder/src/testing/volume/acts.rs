//! Simulates another process that changes the files of a simulated disk while a cache uses them.

use super::SimulatedVolume;
use super::act::Act;

impl SimulatedVolume {
    /// Changes a file as another process does. The change is durable, and the users of the file do not notice
    /// the change.
    pub fn act(&self, act: Act) {
        self.disk.lock().act(act);
    }

    /// Changes a file as [`act`](Self::act) does, right before the operation with this number. If that
    /// operation is past, changes the file before the next operation.
    pub fn act_at(&self, number: u64, act: Act) {
        self.disk.lock().acts.push((number, act));
    }

    /// Returns the number of the operation before each change that was made by [`act_at`](Self::act_at).
    #[must_use]
    pub fn acted(&self) -> Vec<u64> {
        self.disk.lock().acted.clone()
    }

    /// Makes the disk return a new identity of a file each time, as some network file systems do.
    pub fn make_identities_unstable(&self) {
        self.disk.lock().has_unstable_identities = true;
    }
}
