//! Stores several values at a server, each like an insert ([`crate::api::keyspace::remote`]). The server does
//! not support groups, so a crash may leave a part of them.
//!
//! 1. Take the next values, up to [`MAX_TOGETHER`]. A key that these values already have ends the part.
//! 2. Send the values together ([`together`]), within the room of a batch ([`BatchRoom`]). Each key has the
//!    steps of a change: its near copy is dropped before its value is sent, and again after its answer.
//! 3. After all answers are there, continue with (1).
//! 4. If the server has not confirmed a value, end the call. The values that were not sent yet are not sent:
//!    they would probably fail too, each after its own time limit. These are the values after this part, and
//!    those of this part that wait for room. The batch ends in the poll that has released the room of the
//!    unconfirmed value, so no other value takes this room.
//!
//! (1) keeps the order of the values of one key. If they were sent together, a tier that sends a request
//! again could store them in another order. An error of one value, such as one that cannot be encoded, ends
//! neither the other values nor the call. A panic of a `Serialize` ends the call after its part.

use std::collections::HashSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::GroupEntry;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::ttl::Ttl;
use crate::engine::remote::batch_room::{BatchRoom, MAX_TOGETHER};
#[cfg(feature = "async")]
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::format::key::Key;
use crate::sys::at_once::together;
use crate::sys::sync::Arc;

/// Runs step 1. Returns the number of values in the next part.
fn part_len<V>(entries: &[GroupEntry<V>]) -> usize {
    let mut keys = HashSet::new();
    entries.iter().take(MAX_TOGETHER).take_while(|entry| keys.insert(&entry.key)).count()
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Runs steps 1 to 4. Returns the error of the first value that has one.
    pub(super) async fn insert_all_at_server(
        &self,
        entries: &[GroupEntry<V>],
        ttl: Ttl,
    ) -> Result<(), Error> {
        let (room, mut first_error) = (Arc::<BatchRoom>::default(), None);
        let mut rest = entries;
        while !rest.is_empty() {
            // 1.
            let (part, later) = rest.split_at(part_len(rest));
            // 2.
            for inserted in together(part.iter().map(|entry| self.insert_in_batch(entry, ttl, &room))).await {
                first_error = first_error.or(inserted.err());
            }
            // 4.
            if room.is_ended() {
                break;
            }
            rest = later;
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Runs step 2 for a value. If the server does not confirm the value, ends the batch (4).
    async fn insert_in_batch(
        &self,
        entry: &GroupEntry<V>,
        ttl: Ttl,
        room: &Arc<BatchRoom>,
    ) -> Result<(), Error> {
        let inserted = self.insert_at_server(entry.slot_key(), &entry.value, ttl, Some(room)).await;
        if matches!(inserted, Err(Error::Remote { .. } | Error::Closed)) {
            room.end();
        }
        inserted
    }

    /// Stores the values in a worker task. If their expiry has already passed, removes the entries.
    #[cfg(feature = "async")]
    pub(super) async fn insert_all_in_task(
        &self,
        entries: Vec<GroupEntry<V>>,
        ttl: Ttl,
    ) -> Result<(), Error> {
        let keyspace = self.clone();
        let insert = async move {
            keyspace.shared.refuse_if_unusable()?;
            if !ttl.is_past(|| keyspace.now()) {
                return keyspace.insert_all_at_server(&entries, ttl).await;
            }
            let counters = &keyspace.opened.counters;
            let removals = entries.iter().map(|entry| Removal::Key { counters, full: &entry.key });
            keyspace.shared.begin_invalidation_in_task(removals.collect()).await?.wait().await.map(drop)
        };
        self.run_change(Box::pin(insert)).await
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
