//! The sweeper's renewals of fences (steps 2 and 4 of [`super::fences`]), and of the leases of loads (step 2
//! of [`super::slot_leases`]).

use std::time::Duration;

use crate::engine::tiers::Tiers;

impl Tiers {
    /// Returns the time until the next renewal. Returns [`Duration::MAX`] if there is nothing to renew.
    pub(in crate::engine) fn until_renewal(&self) -> Duration {
        let Some(link) = self.remote() else { return Duration::MAX };
        let now = self.time.clock().monotonic();
        let (fence, lease) = (link.fences.until_renewal(now), link.leases.until_renewal(now));
        fence.unwrap_or(Duration::MAX).min(lease.unwrap_or(Duration::MAX))
    }

    /// Renews the fences and the leases that are due. If a fence was forgotten in the meantime, lowers it
    /// once more.
    pub(in crate::engine) fn renew_at_server(&self) {
        let Some(link) = self.remote() else { return };
        let now = self.time.clock().monotonic();
        for (key, token, length) in link.leases.take_due(now) {
            drop(link.begin(|tier, reply| tier.renew(key, token, length, reply)));
        }
        for (token, key, length) in link.fences.take_due(now) {
            drop(link.begin(|tier, reply| tier.fence(key.clone(), token, length, reply)));
            if !link.fences.has(token) {
                drop(link.begin(|tier, reply| tier.unfence(key, token, reply)));
            }
        }
    }
}
