//! Removals at the server of a remote tier.
//!
//! 1. Drop the near copies of the removed keys, and void their tokens, leases and flights.
//! 2. Send all removals, and then wait for all answers. The server may apply the removals in another order,
//!    because the tier may send a script again, and may remove a range page by page. The order does not
//!    matter, because all of them only remove.
//! 3. Repeat (1), whatever the answers are. A lookup that was answered before the server applied a removal
//!    may have filled memory in between.
//!
//! A thread blocks in (2), and a task is suspended ([`crate::sys::at_once`]).
//!
//! A removal at the server also removes or voids the lease in a key's slot. So it voids all running loads of
//! the key, on all machines. Only in the raw format, which has no leases at the server, the loads of other
//! machines continue.

use super::link::AwaitedAnswer;
use crate::engine::tiers::Tiers;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::evicted_values::EvictedValues;
use crate::remote::tier::RemoteKey;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::voids_only_before;

#[derive(Debug)]
pub(in crate::engine) enum RemoteRemoval {
    Keys(Vec<RemoteKey>),
    /// All keys that begin with these bytes. A pattern is removed in this way too, because the server has
    /// no patterns. The server then removes all keys that begin with the parts before the first `Any`. Some
    /// of them may not match the pattern.
    Range(Arc<[u8]>),
    Everything,
}

impl RemoteRemoval {
    /// Adds a key. Consecutive keys share a call of the tier.
    pub(in crate::engine) fn add_key(removals: &mut Vec<Self>, full: &[u8]) {
        match removals.last_mut() {
            Some(Self::Keys(keys)) => keys.push(full.into()),
            _ => removals.push(Self::Keys(vec![full.into()])),
        }
    }
}

impl Tiers {
    /// Runs steps 1 to 3. Returns the number of removed live values that the server reports.
    pub(in crate::engine) async fn remove_remotely(
        &self,
        removals: &[RemoteRemoval],
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Error> {
        let Some(link) = self.remote().filter(|_| !removals.is_empty()) else { return Ok(0) };
        // 1.
        for removal in removals {
            self.void(removal, evicted_values);
        }
        // 2.
        let answers: Vec<_> = removals
            .iter()
            .map(|removal| match removal {
                RemoteRemoval::Keys(keys) => link.begin(|tier, reply| tier.remove(keys.clone(), reply)),
                RemoteRemoval::Range(prefix) => {
                    link.begin(|tier, reply| tier.remove_range((&**prefix).into(), reply))
                }
                RemoteRemoval::Everything => link.begin(|tier, reply| tier.remove_all(reply)),
            })
            .collect();
        let (mut live, mut failed) = (0, None);
        for answer in answers {
            match AwaitedAnswer::from(answer).await {
                Ok(removed) => live += removed,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        // 3.
        for removal in removals.iter().filter(|_| !voids_only_before()) {
            self.void(removal, evicted_values);
        }
        failed.map_or(Ok(live), |cause| Err(link.error("remove entries", cause)))
    }

    /// Runs step 1.
    pub(in crate::engine) fn void(&self, removal: &RemoteRemoval, evicted_values: &mut EvictedValues) {
        let now = self.time.now();
        match removal {
            RemoteRemoval::Keys(keys) => {
                for key in keys {
                    self.memory.forget(self.memory.key(key), now, evicted_values);
                }
            }
            RemoteRemoval::Range(prefix) => {
                self.purge(Scope::prefix(prefix.clone()), false, now, 0, evicted_values);
            }
            RemoteRemoval::Everything => {
                let all = Scope::prefix(KeyspaceId::ALL_REMOTE);
                self.purge(all, false, now, 0, evicted_values);
            }
        }
    }
}
