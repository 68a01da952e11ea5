//! The entries of a group, with their encoded keys.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{InsertOptions, Keyspace};
use crate::api::keyspace::ttl::Ttl;
use crate::engine::closure_keys;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Arc;
use crate::sys::user_code::{HeldValue, drop_caught};

pub(super) struct GroupEntry<V> {
    pub(super) hash: u64,
    pub(super) key: StoredKey,
    pub(super) value: HeldValue<Arc<V>>,
}

impl<V> GroupEntry<V> {
    pub(super) fn slot_key(&self) -> SlotKey<'_> {
        SlotKey { hash: self.hash, bytes: &self.key }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Encodes the keys of a group. Refuses an invalid TTL, and a key of a running closure.
    pub(super) fn group_entries<Q, T>(
        &self,
        entries: impl IntoIterator<Item = (Q, T)>,
        options: InsertOptions,
    ) -> Result<Vec<GroupEntry<V>>, Error>
    where
        Q: EncodeKey<K>,
        T: Into<Arc<V>>,
    {
        let mut entries = entries.into_iter();
        let encoded = self.collect_entries(&mut entries, options);
        // The iterator may have the last handles of the values that were not taken.
        drop_caught(entries);
        encoded
    }

    fn collect_entries<Q, T>(
        &self,
        entries: &mut impl Iterator<Item = (Q, T)>,
        options: InsertOptions,
    ) -> Result<Vec<GroupEntry<V>>, Error>
    where
        Q: EncodeKey<K>,
        T: Into<Arc<V>>,
    {
        self.shared.refuse_if_unusable()?;
        let ttl = options.ttl;
        ttl.check(|| self.now())?;
        if ttl == Ttl::Keep {
            return Err(Error::InvalidSetting {
                setting: "ttl",
                value: "Ttl::Keep".to_owned(),
                allowed: "the values of a group have one TTL: a duration, a time, Never or Default"
                    .to_owned(),
            });
        }
        let entries = entries.map(|(key, value)| self.group_entry(&key, value));
        let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        let covers = |key: &[u8]| entries.iter().any(|entry| *entry.key == *key);
        closure_keys::refuse_in_closure(&self.shared.tiers.memory, covers)?;
        Ok(entries)
    }

    fn group_entry<Q: EncodeKey<K>>(
        &self,
        key: &Q,
        value: impl Into<Arc<V>>,
    ) -> Result<GroupEntry<V>, Error> {
        let value = HeldValue::new(value.into());
        let full = self.encode(key)?;
        let SlotKey { hash, bytes } = self.shared.tiers.memory.key(full.as_slice());
        Ok(GroupEntry { hash, key: StoredKey::from(bytes), value })
    }
}
