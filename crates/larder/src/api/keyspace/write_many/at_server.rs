//! Stores several values at a server, one after another, because the server does not support groups. A crash
//! may leave a part of them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::GroupEntry;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::ttl::Ttl;
#[cfg(feature = "async")]
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::format::key::Key;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    pub(super) async fn insert_all_at_server(
        &self,
        entries: &[GroupEntry<V>],
        ttl: Ttl,
    ) -> Result<(), Error> {
        for entry in entries {
            self.insert_at_server(entry.slot_key(), &entry.value, ttl).await?;
        }
        Ok(())
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
