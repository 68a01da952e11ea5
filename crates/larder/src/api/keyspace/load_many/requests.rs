//! Looks several keys up, and ends their loads: steps 2 and 4 of [`super`].
//!
//! A server gets the requests of up to [`MAX_TOGETHER`] keys together ([`together`]): first the requests for
//! their leases, and after the loader those that store the values. For each key alone, the order of the steps
//! is that of any other load ([`crate::api::keyspace::remote`]). In particular, each key's push is registered
//! and its epoch token is taken before its own request is sent, and its near copy is filled after the answer
//! to its own fill. The keys of one call do not depend on each other. No lookup of (2) waits for another
//! machine's load: it returns the load, for which the call waits in (5), after it has ended its own loads.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::steps::{FoundKeys, MissingKeys};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::lookup::{LoadThread, LookupOutcome, OnAbsence};
use crate::api::keyspace::ttl::Ttl;
use crate::engine::remote::batch_room::{BatchRoom, MAX_TOGETHER};
use crate::format::key::Key;
use crate::sys::at_once::together;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

impl MissingKeys {
    /// Looks up the keys. May wait for the disk or for a server, which gets the requests of [`MAX_TOGETHER`]
    /// keys together. Passes each lease to `prepare`. Ends before the next requests if `is_wanted` returns
    /// false, because the caller's future was dropped.
    pub(super) async fn look_up<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        self,
        keyspace: &Keyspace<K, V>,
        load_thread: LoadThread,
        mut prepare: impl FnMut(&mut LoadLease<K, V>),
        is_wanted: impl Fn() -> bool,
    ) -> FoundKeys<K, V> {
        let Self { keys, counts } = self;
        let mut answers = Vec::with_capacity(keys.len());
        let mut keys = keys.into_iter();
        while !keys.as_slice().is_empty() && is_wanted() {
            let part: Vec<_> = keys.by_ref().take(MAX_TOGETHER).collect();
            let found = if keyspace.is_remote() {
                together(part.iter().map(|(_, full)| look_up(keyspace, full, load_thread, counts))).await
            } else {
                let mut found = Vec::with_capacity(part.len());
                for (_, full) in part.iter().take_while(|_| is_wanted()) {
                    found.push(look_up(keyspace, full, load_thread, counts).await);
                }
                found
            };
            for ((at, full), mut found) in part.into_iter().zip(found) {
                if let LookupOutcome::Load(lease) = &mut found {
                    prepare(lease);
                }
                answers.push((at, full, found));
            }
        }
        answers
    }
}

async fn look_up<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
    keyspace: &Keyspace<K, V>,
    full: &[u8],
    load_thread: LoadThread,
    counts: bool,
) -> LookupOutcome<K, V> {
    let key = keyspace.shared.tiers.memory.key(full);
    keyspace.lease_or_join(key, load_thread, OnAbsence::Answer, counts).await
}

/// Ends loads with the values that the loader returned, and with absences. A server gets the requests of
/// [`MAX_TOGETHER`] keys together.
pub(super) async fn end_loads<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
    filled: Vec<(LoadLease<K, V>, Arc<V>)>,
    omitted: Vec<LoadLease<K, V>>,
    is_remote: bool,
) {
    if !is_remote {
        for (lease, value) in filled {
            fill(lease, value).await;
        }
        for lease in omitted {
            omit(lease).await;
        }
        return;
    }
    let room = Arc::<BatchRoom>::default();
    let filled = filled.into_iter().map(|(lease, value)| (lease, Some(value)));
    let mut ended = filled.chain(omitted.into_iter().map(|lease| (lease, None)));
    loop {
        let end = |(mut lease, value): (LoadLease<K, V>, _)| {
            lease.batch = Some(room.clone());
            async move {
                match value {
                    Some(value) => fill(lease, value).await,
                    None => omit(lease).await,
                }
            }
        };
        let part: Vec<_> = ended.by_ref().take(MAX_TOGETHER).map(end).collect();
        if part.is_empty() {
            return;
        }
        together(part).await;
    }
}

/// Fills the lease of a key that the loader returned. May wait for room in the write buffer or for a server.
async fn fill<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
    lease: LoadLease<K, V>,
    value: Arc<V>,
) {
    // Errors of the cache are dropped: the caller gets the value, and the lease counts the failure.
    let ttl = lease.definition.default_ttl();
    drop(lease.publish(value, ttl).await);
}

/// Fills a lease with an absence, because the loader omitted its key. May wait like [`fill`].
async fn omit<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(lease: LoadLease<K, V>) {
    if failpoint_is_set(Failpoint::ForgetOmitted) {
        std::mem::forget(lease);
    } else {
        lease.publish_absence(Some(Ttl::Default)).await;
    }
}
