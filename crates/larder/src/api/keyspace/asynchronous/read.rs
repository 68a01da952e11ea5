//! Lookups from async code.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::memory::leases::Permit;
use crate::memory::lookup::{Lookup, MissToken};
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::inline_calls;
use crate::sys::inline_calls::WorkerLookup;
use crate::sys::offload::offload_unless_dropped;
use crate::sys::offload::worker_task::begin_here;
use crate::sys::sync::Arc;

enum MemoryAnswer<V> {
    Found(Option<Arc<V>>),
    /// The value may be on disk or at a server.
    AskDisk(StoredKey, MissToken),
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The async form of [`get`](Keyspace::get). If memory has the value, the first poll returns it. If
    /// only the disk may have it, a worker thread reads the disk, so that the lookup does not block the
    /// executor. A thread with [`inline_calls`](crate::Cache::inline_calls) may read the disk itself. In a
    /// remote tier, the first poll sends the request to the server, and a worker thread decodes the answer.
    /// Between the two, the lookup occupies no thread.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.get_async("MTNVTU").await.as_deref(), Some(&100));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`get`](Keyspace::get). A lookup on disk or at a server adds a round trip to a
    /// worker thread, about 20 µs without other load. Any number of tasks may wait for a server at the same
    /// time.
    pub async fn get_async(&self, key: impl EncodeKey<K>) -> Option<Arc<V>> {
        // Structured like `get`, so that a hit does not execute code of the other paths.
        if let Some((value, _)) = self.hit_of_task(&key) {
            return Some(value);
        }
        match self.look_in_memory(&key) {
            MemoryAnswer::Found(found) => found,
            MemoryAnswer::AskDisk(key, miss) => self.get_off_executor(key, miss).await,
        }
    }

    /// Looks in memory for a key that [`hit`](Self::hit) did not find. Never inlined, to keep it off the fast
    /// path of a hit.
    #[inline(never)]
    fn look_in_memory(&self, key: &impl EncodeKey<K>) -> MemoryAnswer<V> {
        let mut full = KeyBuffer::default();
        if self.encode_into(key, &mut full).is_err() {
            return MemoryAnswer::Found(None);
        }
        let key = self.shared.tiers.memory.key(full.as_slice());
        let found = match self.shared.tiers.get_in_memory(key) {
            Lookup::Value(value, expires_at) => {
                self.note_use(key, expires_at, RecordReader::Worker);
                Self::typed(value)
            }
            Lookup::Unknown(miss)
                if self.may_block()
                    && !self.shared.is_closed()
                    && self.shared.tiers.may_be_on_disk(key, miss) =>
            {
                if !self.is_remote() && inline_calls::may_look() {
                    return MemoryAnswer::Found(inline_calls::look(|| self.look_on_disk(key, miss)));
                }
                return MemoryAnswer::AskDisk(key.bytes.into(), miss);
            }
            Lookup::Absent(_) | Lookup::Negative | Lookup::Unknown(_) => None,
        };
        self.answered(if found.is_some() { Count::MemoryHits } else { Count::Misses }, key);
        MemoryAnswer::Found(found)
    }

    /// Reads a value from disk on a worker thread, or from a server, and copies it into memory, like
    /// [`get`](Keyspace::get). The permit for the copy was taken with the miss, before the read. So a change
    /// of the key during the read prevents the copy.
    ///
    /// Boxed and never inlined. Otherwise the future of a lookup in memory would be as large as the boxed
    /// future.
    #[inline(never)]
    fn get_off_executor(
        &self,
        key: StoredKey,
        miss: MissToken,
    ) -> std::pin::Pin<Box<dyn Future<Output = Option<Arc<V>>> + Send>> {
        let keyspace = self.clone();
        if self.is_remote() {
            return Box::pin(begin_here(async move { keyspace.look_at_server(&key, miss).await }));
        }
        let lookup = WorkerLookup::new(true);
        Box::pin(offload_unless_dropped(move || {
            lookup.look(|| keyspace.look_on_disk(keyspace.shared.tiers.memory.key(&key), miss))
        }))
    }

    /// Reads a value from a server, and copies it into memory ([`crate::engine::remote::lookup`]).
    async fn look_at_server(&self, key: &StoredKey, miss: MissToken) -> Option<Arc<V>> {
        let key = self.shared.tiers.memory.key(key);
        let found = self.shared.read_remote_entry(&self.opened, key).await;
        if let Some(found) = &found {
            self.copy_to_memory(key, Permit::EpochToken(miss.epoch_token), found, true);
        }
        let value = found.and_then(|found| found.value.into_inner());
        self.answered(if value.is_some() { Count::DiskHits } else { Count::Misses }, key);
        value
    }

    /// Reads a value from disk on the calling thread, and copies it into memory.
    fn look_on_disk(&self, key: SlotKey<'_>, miss: MissToken) -> Option<Arc<V>> {
        let value = self.get_below(key, miss);
        self.answered(if value.is_some() { Count::DiskHits } else { Count::Misses }, key);
        value
    }
}
