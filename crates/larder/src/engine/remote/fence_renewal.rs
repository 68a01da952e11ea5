//! The renewal of fences by the sweeper: steps 2 and 4 of [`super::fences`].

use std::time::Duration;

use crate::engine::tiers::Tiers;

impl Tiers {
    /// Returns the time until the next renewal of a fence. Returns [`Duration::MAX`] if there is no fence.
    pub(in crate::engine) fn until_fence_renewal(&self) -> Duration {
        let now = || self.time.clock().monotonic();
        self.remote().and_then(|link| link.fences.until_renewal(now())).unwrap_or(Duration::MAX)
    }

    /// Renews the fences that are due. If a fence was forgotten in the meantime, lowers it once more.
    pub(in crate::engine) fn renew_fences(&self) {
        let Some(link) = self.remote() else { return };
        for (token, key, length) in link.fences.take_due(self.time.clock().monotonic()) {
            drop(link.begin(|tier, reply| tier.fence(key.clone(), token, length, reply)));
            if !link.fences.has(token) {
                drop(link.begin(|tier, reply| tier.unfence(key, token, reply)));
            }
        }
    }
}
