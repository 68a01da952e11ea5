//! What others do to the files of a simulated disk while a cache uses them.

use super::SimulatedVolume;
use super::act::Act;

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
