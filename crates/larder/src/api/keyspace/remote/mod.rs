//! Keyspaces of a cache with a remote tier: changes and loads at the server. Lookups are in
//! [`crate::engine::remote::lookup`].
//!
//! **A change**:
//!
//! 1. Drop the near copy of the key, and void its tokens, its leases and its flight.
//! 2. Send the change, and wait for the answer of the server.
//! 3. Repeat (1), whatever the answer is. A lookup or a load may have begun after (1), and may have been
//!    answered before the server applied the change. Either it has filled memory before (3), or its token is
//!    void.
//! 4. Return. The next lookup of the key in this process asks the server, which has the change.
//!
//! **A load**, by the holder of the key's local lease and flight. A process has only one holder for each
//! key:
//!
//! 1. Register a wait for a push of the key. Take the epoch token.
//! 2. Ask the server for the record, or for the lease in the slot of the key. The sweeper renews the lease
//!    until (5) ([`slot_leases`](crate::engine::remote::slot_leases)).
//! 3. A record ends the lookup. If another machine has the lease, the lookup ends with a flight. A push of
//!    the key lands the flight. The caller waits for it as for another caller's load, at most until that
//!    lease ends, and then returns to (1) ([`push_waits`](crate::engine::remote::push_waits)).
//! 4. Run the loader.
//! 5. Take a new token, then send the value with the lease. The server stores the value only if the slot
//!    still has this lease: any change of the slot since (2) has voided it.
//! 6. If the server has stored the value, fill memory under the token of (5). Otherwise keep nothing, because
//!    the value may be older than a change by another machine. The callers that wait for the flight may have
//!    come after that change, so they may have to look the key up again ([`sharing`]). If the value was
//!    refused for another reason than its lease, such as a full server, release the lease. If no answer
//!    comes, the connection is lost, and the lease ends by itself.
//!
//! A push voids tokens, but does not end the flight, because taking the lease in (2) also causes a push. Only
//! the server decides whether the load may still store its value.
//!
//! These steps are written once, as async functions ([`crate::sys::at_once`]). A thread blocks in (2) and
//! (5). A task makes the steps as two [worker tasks](crate::sys::offload::worker_task), one for (1) to (3)
//! and one for (5) and (6). Between the two, the loader is polled where the call is polled, or by the other
//! tasks that wait for the flight. So (2) and (5) occupy no thread, and no code of a user runs on the
//! thread that delivers the answers.
//!
//! The call of a task may be dropped at any time:
//!
//! - Before the answer of (2), the worker task runs to its end. The result of (3), which no call waits for,
//!   is dropped. If it has the lease, the `Drop` of the [`LoadLease`](super::load_lease::LoadLease) forgets
//!   the lease, so that it is not renewed, and sends its release. If the worker task were dropped instead,
//!   a lease whose answer is on the way would stay at the server. The task has a handle of the cache, which
//!   it drops after the lease. So the lease is also released if the call had the last other handle.
//! - During (4), dropping the loader drops the lease in the same way, unless another task polls the loader.
//! - After (4), the worker task of (5) and (6) runs to its end, so the value is stored.
//!
//! If the server does not answer in (2), the loader runs without a lease, and its value is not kept.
//!
//! - [`mod@write`]: the requests of changes. [`change`]: inserts and atomic changes. [`load`]: how a load
//!   begins. [`fill`]: how a load ends. [`sharing`]: which callers get the value of a load. [`replace`]: a
//!   refresh, and the load of a key in its grace. [`scan`]: walks.

pub(super) mod change;
mod fill;
mod load;
mod replace;
pub(super) mod scan;
mod sharing;
mod write;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::engine::remote::link::RemoteLink;
use crate::format::key::Key;
use crate::format::keyspace_id::LowestTier;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::remote::reply::{RemoteReply, RemoteResult};
use crate::remote::tier::RemoteTier;
use crate::sys::sync::failpoint::voids_only_before;
use crate::sys::user_code::drop_caught;
use crate::units::Timestamp;

impl<K, V> Keyspace<K, V> {
    pub(super) fn is_remote(&self) -> bool {
        self.seed.keyspace().is_remote()
    }

    /// Returns whether a key that memory does not have may be on disk or at a server.
    pub(super) fn has_lower_tier(&self) -> bool {
        match self.opened.id.lowest_tier() {
            LowestTier::Memory => false,
            LowestTier::File | LowestTier::Remote => true,
        }
    }

    /// Returns the link to the server, if the keyspace is in a remote tier.
    pub(super) fn link(&self) -> Option<&RemoteLink> {
        if self.is_remote() { self.shared.tiers.remote() } else { None }
    }

    /// Changes a key at the server: steps 1 to 4 of a change. `request` passes the change to the tier.
    async fn change_remote<T>(
        &self,
        link: &RemoteLink,
        key: SlotKey<'_>,
        request: impl FnOnce(&dyn RemoteTier, RemoteReply<T>),
    ) -> RemoteResult<T> {
        let memory = &self.shared.tiers.memory;
        // Dropped after the change is complete, because a user's `Drop` may take long.
        let mut dropped = EvictedValues::default();
        // 1.
        memory.forget(key, self.now(), &mut dropped);
        // 2.
        let answer = link.answer_to(request).await;
        // 3.
        if !voids_only_before() {
            memory.forget(key, self.now(), &mut dropped);
        }
        answer
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the expiry of a key's live entry. Records no use, and copies nothing into memory.
    pub(super) async fn remote_expiry_of(&self, key: SlotKey<'_>) -> Option<Timestamp> {
        match self.shared.tiers.peek_in_memory(key) {
            Lookup::Value(value, expires_at) => {
                drop_caught(value);
                Some(expires_at)
            }
            Lookup::Absent(_) | Lookup::Negative => None,
            Lookup::Unknown(_) => {
                let found = self.shared.read_remote_entry::<V>(&self.opened, key).await?;
                found.value.is_some().then_some(found.expires_at)
            }
        }
    }
}
