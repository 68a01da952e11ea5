//! The fences of this cache's updates at the server. They are renewed while the updates last.
//!
//! A fence at the server ends by itself after the cache's `lease_timeout`. So a process that dies does not
//! block a key for longer.
//!
//! 1. Note the fence, then ask the server to raise it. If the answer is lost, the fence is still renewed
//!    and lowered.
//! 2. The sweeper renews each fence when a third of its length has passed. It does not wait for the answer. A
//!    renewal that is lost is repeated by the next one, before the fence ends.
//! 3. At its end, an update forgets the fence, then asks the server to lower it.
//! 4. If the fence was forgotten while its renewal was sent, the sweeper lowers it once more. Otherwise a
//!    renewal that reaches the server after the request of (3) would block the key until the fence ends by
//!    itself.
//!
//! A process that is paused for longer than `lease_timeout`, or cut off from the server, loses its fence. A
//! load of another machine may then store the value from before the change. The next renewal finds the fence
//! missing, and removes the key. The end of the update also removes the key. Until then, lookups find the old
//! value.

use std::collections::HashMap;
use std::time::Duration;

use crate::remote::tier::RemoteKey;
use crate::sys::sync::Mutex;

/// The length of a fence divided by this number is the time between two renewals.
const RENEWALS: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Fences {
    by_token: Mutex<HashMap<u128, RaisedFence>>,
}

#[derive(Debug)]
struct RaisedFence {
    key: RemoteKey,
    length: Duration,
    /// The time of the next renewal, on the cache's monotonic clock.
    renew_at: Duration,
}

impl Fences {
    /// Runs the first half of step 1.
    pub(crate) fn note(&self, token: u128, key: &[u8], length: Duration, now: Duration) {
        let fence = RaisedFence { key: key.into(), length, renew_at: now + length / RENEWALS };
        self.by_token.lock().insert(token, fence);
    }

    /// Runs the first half of step 3.
    pub(crate) fn forget(&self, token: u128) {
        self.by_token.lock().remove(&token);
    }

    /// Returns the time until the next renewal. `None` without a fence.
    pub(super) fn until_renewal(&self, now: Duration) -> Option<Duration> {
        self.by_token.lock().values().map(|fence| fence.renew_at.saturating_sub(now)).min()
    }

    /// Returns the fences that are due, and plans their next renewals.
    pub(super) fn take_due(&self, now: Duration) -> Vec<(u128, RemoteKey, Duration)> {
        let mut by_token = self.by_token.lock();
        let due = by_token.iter_mut().filter(|(_, fence)| fence.renew_at <= now);
        due.map(|(token, fence)| {
            fence.renew_at = now + fence.length / RENEWALS;
            (*token, fence.key.clone(), fence.length)
        })
        .collect()
    }

    pub(super) fn has(&self, token: u128) -> bool {
        self.by_token.lock().contains_key(&token)
    }
}
