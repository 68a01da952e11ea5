//! Writes to a memory-only keyspace. They encode nothing for the disk, and reserve no room in the write
//! buffer.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::ttl::Ttl;
use crate::engine::closure_keys;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::grace::Grace;
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::Weight;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Does the same as [`insert_checked`](Self::insert_checked), in a memory-only keyspace and with the
    /// keyspace's TTL.
    #[inline]
    pub(super) fn insert_full_in_memory(&self, full: &[u8], value: HeldValue<Arc<V>>) -> Result<(), Error> {
        closure_keys::refuse_in_closure(&self.shared.tiers.memory, |key| key == full)?;
        self.insert_in_memory(self.slot_key(full), value, Ttl::Default)
    }

    /// Stores a value of a memory-only keyspace, and counts the insert.
    #[inline]
    pub(super) fn insert_in_memory(
        &self,
        key: SlotKey<'_>,
        value: HeldValue<Arc<V>>,
        ttl: Ttl,
    ) -> Result<(), Error> {
        self.write_in_memory(key, value, ttl)?;
        self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
        Ok(())
    }

    /// Like [`write`](Self::write), for a memory-only keyspace. Takes `value` by value, because it is never
    /// prepared a second time. A clone of the `Arc` would cost two atomic operations.
    pub(super) fn write_in_memory(
        &self,
        key: SlotKey<'_>,
        value: HeldValue<Arc<V>>,
        ttl: Ttl,
    ) -> Result<(), Error> {
        let tiers = &self.shared.tiers;
        // Dropped last, because a user's `Drop` may call the cache.
        let mut evicted_values = EvictedValues::default();
        let weight = self.weigh_in_memory(key, &value)?;
        let (now, ends_at) = self.expiry_after_write(key, ttl, None);
        let (expires_at, extras) = self.first_expiry(now, ends_at, None);
        let grace = Grace::at_least(self.definition.stale_for());
        // From here on, memory drops a value that it refuses.
        let value = Some(value.into_inner() as Value);
        let entry = IncomingEntry { value, expires_at, grace, weight, unsaved: None, extras };
        match tiers.memory.store_entry(key, entry, now, &mut evicted_values) {
            Ok(_) => tiers.sweeper.plan(grace.after(expires_at)),
            Err(Refused::Closed) => return Err(Error::Closed),
            // With `NoRoom`, the value is not kept, and the previous one is removed. The other refusals
            // concern only writes with a condition, and values that are saved.
            Err(_) => {}
        }
        Ok(())
    }

    /// Weighs and checks a value of a memory-only keyspace.
    fn weigh_in_memory(&self, key: SlotKey<'_>, value: &Arc<V>) -> Result<Weight, Error> {
        let len = self
            .measure(value)
            .map_err(|cause| Error::Encode { keyspace: self.opened.name.clone(), cause })?;
        let weight = self.weigh(key, len, value);
        self.check_len(len)?;
        self.check_size(key, weight, None)?;
        Ok(weight)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize, Serializer};

    use crate::error::Error;
    use crate::{ByteSize, Cache, KeyspaceDefinition};

    /// A value whose `Serialize` always fails.
    #[derive(Debug, Deserialize)]
    struct Unencodable;

    impl Serialize for Unencodable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it was encoded"))
        }
    }

    #[test]
    fn a_value_in_memory_is_encoded_only_if_its_length_is_its_weight() {
        let cache = Cache::builder().memory_capacity(ByteSize::mib(1)).open().unwrap();
        let definition = KeyspaceDefinition::<u64, Unencodable>::new("weighed").memory_only();
        let weighed = cache.keyspace(definition.weigher(|_| 100)).unwrap();
        weighed.insert(&1, Unencodable).unwrap();
        assert!(weighed.get(&1).is_some());
        let measured = KeyspaceDefinition::<u64, Unencodable>::new("measured").memory_only();
        let refused = cache.keyspace(measured).unwrap().insert(&1, Unencodable);
        assert!(matches!(refused, Err(Error::Encode { .. })));
    }

    #[test]
    fn a_weigher_alone_limits_a_value_in_memory() {
        let cache = Cache::builder().memory_capacity(ByteSize::mib(1)).open().unwrap();
        let definition = KeyspaceDefinition::<u64, u64>::new("heavy").memory_only();
        let heavy = cache.keyspace(definition.weigher(|value| *value)).unwrap();
        assert!(matches!(heavy.insert(&1, 2 << 20), Err(Error::ValueTooLarge { .. })));
        heavy.insert(&2, 1_000).unwrap();
        assert_eq!((heavy.get(&1).is_none(), heavy.get(&2).as_deref()), (true, Some(&1_000)));
    }
}
