//! A lookup of several keys at one moment. The lookup does not wait.
//!
//! A transaction without changes has the same result, but takes a lease on each key, because its closure
//! may change the key later. This lookup takes no leases. Its steps 1 to 5 are those of
//! `memory::group_lookup`. Step 3 reads the disk only if the thread may read it ([`inline_calls`]). It
//! reads no key that the filter of [`crate::engine::absent_keys`] lacks. If it reads no key at all, the
//! lookup ends after step 1.
//!
//! 6. The values that were read from disk are copied into memory.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::transaction::MAX_TRANSACTION_KEYS;
use crate::engine::absent_keys::KnownKeys;
use crate::engine::promotion::DecodedEntry;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::memory::Memory;
use crate::memory::group_publication::GroupConditions;
use crate::memory::leases::Permit;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::inline_calls;
use crate::sys::sync::Arc;
use crate::sys::user_code::drop_caught;

/// Maximum number of rounds of a lookup. After that, a transaction is the better choice, because transactions
/// take turns.
const MAX_ROUNDS: usize = 4;

/// Maximum number of encoded bytes that one lookup reads from disk.
const MAX_READ: usize = 1 << 20;

#[derive(Debug, Default)]
struct GroupKeys {
    bytes: Vec<u8>,
    /// The end of each key in `bytes`.
    ends: Vec<usize>,
}

impl GroupKeys {
    fn slot_keys<'a>(&'a self, memory: &Memory) -> Vec<SlotKey<'a>> {
        let mut start = 0;
        let key = |&end: &usize| Some(memory.key(self.bytes.get(std::mem::replace(&mut start, end)..end)?));
        self.ends.iter().filter_map(key).collect()
    }
}

enum Round<V> {
    Found(Vec<Option<Arc<V>>>),
    /// A key or the snapshot of the disk has changed during the round, or an entry has expired.
    Lost,
    /// The disk can't be read now, or not by this thread, or the values on disk are too large.
    MustWait,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live values of several keys, in the order of the keys. All values are from the same
    /// moment. The call does not wait for other threads. If the call would have to wait, it returns `None`.
    /// Then use a transaction ([`Transaction::get_many`](crate::Transaction::get_many)).
    ///
    /// The call succeeds if memory knows all of the keys. A thread with
    /// [`inline_calls`](crate::Cache::inline_calls) also reads up to 1 MiB from a fast disk. The call
    /// returns `None` for a key that is too long, for more than
    /// [`MAX_TRANSACTION_KEYS`](crate::MAX_TRANSACTION_KEYS) keys, for a keyspace of a remote tier, in a
    /// forked child, and in a closed cache. It also returns `None` while other threads constantly change the
    /// keys, or if several disk reads in a row each overlap a commit.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// stock.insert_many([("tea", 3), ("salt", 8)])?;
    /// let found = stock.try_get_group(["tea", "rice", "salt"]).expect("all keys are in memory");
    /// assert_eq!(found.iter().flatten().map(|units| **units).sum::<u64>(), 11);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs one shared lock for each shard that has one of the keys, and one lookup for each key. Keys that
    /// are read from disk need a second pass. No key needs its own allocation.
    pub fn try_get_group<Q: EncodeKey<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Option<Vec<Option<Arc<V>>>> {
        if self.is_remote() || self.shared.refuse_if_unusable().is_err() {
            return None;
        }
        let keys = self.encode_group(keys)?;
        let keys = keys.slot_keys(&self.shared.tiers.memory);
        for _ in 0..MAX_ROUNDS {
            match self.look_up_group(&keys) {
                Round::Found(values) => return Some(values),
                Round::Lost => {}
                Round::MustWait => return None,
            }
        }
        None
    }

    /// Returns `None` if a key is too long, or if there are too many keys.
    fn encode_group<Q: EncodeKey<K>>(&self, keys: impl IntoIterator<Item = Q>) -> Option<GroupKeys> {
        let mut encoded = GroupKeys::default();
        for key in keys {
            let mut full = KeyBuffer::default();
            self.encode_into(&key, &mut full).ok()?;
            encoded.bytes.extend_from_slice(full.as_slice());
            encoded.ends.push(encoded.bytes.len());
            if encoded.ends.len() > MAX_TRANSACTION_KEYS {
                return None;
            }
        }
        Some(encoded)
    }

    fn look_up_group(&self, keys: &[SlotKey<'_>]) -> Round<V> {
        let tiers = &self.shared.tiers;
        let known_keys = tiers.disk.absent_keys.current();
        // 1.
        let mut found = tiers.memory.get_group(keys, || tiers.time.now());
        let round = self.confirm_group(keys, known_keys, &mut found);
        // If the round was lost, these may be the last handles of values that were replaced meanwhile.
        found.into_iter().for_each(drop_caught);
        round
    }

    /// Runs steps 2 to 6. `known_keys` is the filter before step 1, and `found` has the results of step 1.
    /// The values that are returned are taken out of `found`.
    fn confirm_group(
        &self,
        keys: &[SlotKey<'_>],
        known_keys: Option<Arc<KnownKeys>>,
        found: &mut Vec<Lookup>,
    ) -> Round<V> {
        let tiers = &self.shared.tiers;
        let is_unknown = |found: &Lookup| matches!(found, Lookup::Unknown(_));
        if !found.iter().any(is_unknown) || !self.is_in_file() || !tiers.has_disk() {
            return Round::Found(self.values_of_group(keys, std::mem::take(found), Vec::new()));
        }
        // A filter that was replaced meanwhile does not have the keys that were written after its
        // replacement.
        let known_keys = known_keys.filter(|known| tiers.disk.absent_keys.is_current(known));
        let is_absent: Vec<bool> = keys
            .iter()
            .zip(found.iter())
            .map(|(key, found)| {
                is_unknown(found) && known_keys.as_ref().is_some_and(|known| known.lack(*key))
            })
            .collect();
        let absent = is_absent.iter().filter(|is_absent| **is_absent).count();
        // Counted once, at the end of the last round.
        let note_absent = || tiers.disk.absent_keys.note_filtered(absent as u64);
        if absent == found.iter().filter(|found| is_unknown(found)).count() {
            note_absent();
            return Round::Found(self.values_of_group(keys, std::mem::take(found), Vec::new()));
        }
        // 2. The conditions are read before the snapshot is loaded, as in `look_in_both`.
        let Some(conditions) = tiers.read_conditions() else { return Round::MustWait };
        let Some(snapshot) = tiers.current_snapshot() else { return Round::MustWait };
        // 3.
        let Some(read) = self.read_group(keys, found, &is_absent) else { return Round::MustWait };
        // An entry that could not be read must not be reported as missing.
        if read.iter().any(Option::is_none) && tiers.read_conditions() != Some(conditions) {
            return Round::MustWait;
        }
        // 4.
        let is_current = || tiers.reads_from(&snapshot);
        let conditions = GroupConditions { now: &|| tiers.time.now(), is_current: &is_current };
        let Some(now) = tiers.memory.confirm_group_lookup(keys, found, conditions) else {
            return Round::Lost;
        };
        // (d) A use may have extended the life of an entry that has expired by now. So the entry is read
        // again.
        let is_live = |entry: &DecodedEntry<V>| entry.expires_at > now && entry.has_own_expiry();
        if !read.iter().flatten().all(is_live) {
            return Round::Lost;
        }
        note_absent();
        Round::Found(self.values_of_group(keys, std::mem::take(found), read))
    }

    /// Runs step 3. Returns the entries of the keys that memory does not know, in the order of the keys.
    /// Returns `None` if the thread must not read the disk, or if the entries are too large.
    fn read_group(
        &self,
        keys: &[SlotKey<'_>],
        found: &[Lookup],
        is_absent: &[bool],
    ) -> Option<Vec<Option<DecodedEntry<V>>>> {
        let mut room = MAX_READ;
        let mut read = Vec::new();
        for ((key, found), is_absent) in keys.iter().zip(found).zip(is_absent) {
            let Lookup::Unknown(miss) = found else { continue };
            if *is_absent {
                read.push(None);
                continue;
            }
            if !inline_calls::may_look() {
                return None;
            }
            let entry: Option<DecodedEntry<V>> = inline_calls::look(|| {
                self.shared.read_entry(&self.opened, *key, miss.min_visible_sequence).ok()
            });
            room = room.checked_sub(entry.as_ref().map_or(0, |entry| entry.encoded_len))?;
            read.push(entry);
        }
        Some(read)
    }

    /// Runs step 6, and counts the lookups. `read` has the entries of the keys that memory does not know.
    fn values_of_group(
        &self,
        keys: &[SlotKey<'_>],
        found: Vec<Lookup>,
        read: Vec<Option<DecodedEntry<V>>>,
    ) -> Vec<Option<Arc<V>>> {
        let mut read = read.into_iter();
        let value = |(key, found): (&SlotKey<'_>, Lookup)| {
            let (value, hit) = match found {
                Lookup::Value(value, expires_at) => {
                    self.note_use(*key, expires_at, RecordReader::Worker);
                    (Self::typed(value), Count::MemoryHits)
                }
                Lookup::Unknown(miss) => {
                    let entry = read.next().flatten();
                    if let Some(entry) = &entry {
                        self.copy_to_memory(*key, Permit::EpochToken(miss.epoch_token), entry, true);
                    }
                    (entry.and_then(|entry| entry.value.into_inner()), Count::DiskHits)
                }
                Lookup::Absent(_) | Lookup::Negative => (None, Count::Misses),
            };
            self.answered(if value.is_some() { hit } else { Count::Misses }, *key);
            value
        };
        keys.iter().zip(found).map(value).collect()
    }
}

#[cfg(test)]
mod tests;
