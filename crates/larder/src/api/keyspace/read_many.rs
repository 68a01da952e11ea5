//! The lookup of several keys.
//!
//! 1. Look up each key in memory, in the order of the input. Each miss returns an epoch token.
//! 2. Read from disk the keys that memory did not have, in the order of their bytes, so that neighbours in
//!    the file are read one after another. They are read from one snapshot, which is loaded after (1). Once
//!    [`MAX_COPIED`] bytes are copied, the snapshot is released.
//! 3. Without holding a snapshot, decode the copied records, and copy their values into memory under the
//!    epoch tokens.
//! 4. Repeat steps 2 and 3 for the remaining keys. With a single pass, the snapshot would keep old pages
//!    allocated for long, and the records would take as much memory as the values. In a remote tier, one call
//!    requests all of these keys from the server, and steps 2 and 3 are not repeated.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use crate::engine::stored_record::StoredRecord;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::memory::leases::Permit;
use crate::memory::lookup::{Lookup, MissToken};
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::RemoteRecord;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
#[cfg(feature = "async")]
use crate::sys::offload::worker_task::{begin_here, on_worker};
use crate::sys::sync::Arc;
use crate::sys::user_code::drop_caught;
use crate::units::Timestamp;

/// Maximum number of bytes of records that are copied from one snapshot. Copying so many bytes takes a few
/// milliseconds.
const MAX_COPIED: usize = 4 << 20;

/// A key that memory does not have.
pub(super) struct MissedKey {
    at: usize,
    hash: u64,
    key: StoredKey,
    miss: MissToken,
}

impl MissedKey {
    pub(super) fn new(at: usize, key: SlotKey<'_>, miss: MissToken) -> Self {
        Self { at, hash: key.hash, key: StoredKey::from(key.bytes), miss }
    }

    fn slot_key(&self) -> SlotKey<'_> {
        SlotKey { hash: self.hash, bytes: &self.key }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live values of several keys, in the order of the keys. Each key is looked up as with
    /// [`get`](Keyspace::get). The result for a key without a live value is `None`.
    ///
    /// The keys are not looked up at one instant. If another thread changes two of the keys during the call,
    /// the result may include the later change without the earlier one ([contract 1](crate#the-contract)).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// prices.insert("GLO", 90)?;
    /// let found = prices.get_many(["MTNVTU", "AIRTEL", "GLO"]);
    /// let found: Vec<_> = found.iter().map(|price| price.as_deref()).collect();
    /// assert_eq!(found, [Some(&100), None, Some(&90)]);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Each key in memory costs the same as [`get`](Keyspace::get). The keys on disk are sorted, and read
    /// from one snapshot per 4 MiB of records. In a remote tier, the keys that memory does not have are
    /// requested from the server together.
    #[must_use]
    pub fn get_many<Q: EncodeKey<K>>(&self, keys: impl IntoIterator<Item = Q>) -> Vec<Option<Arc<V>>> {
        let (mut found, missed) = self.get_many_in_memory(keys, RecordReader::Caller);
        self.get_from_disk(missed, &mut found);
        found
    }

    /// The async form of [`get_many`](Keyspace::get_many). If no key must be looked up on disk or at a
    /// server, the first poll returns the values. Otherwise a worker thread looks on disk. In a remote tier,
    /// the first poll requests these keys from the server together, and a worker thread decodes the answer.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_async("MTNVTU", 100).await?;
    /// let found = prices.get_many_async(["MTNVTU", "AIRTEL"]).await;
    /// assert_eq!(found.iter().flatten().count(), 1);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`get_many`](Keyspace::get_many). If at least one key is looked up on disk or at a
    /// server, the call adds one round trip to a worker thread.
    #[cfg(feature = "async")]
    pub async fn get_many_async<Q: EncodeKey<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Vec<Option<Arc<V>>> {
        let (mut found, missed) = self.get_many_in_memory(keys, RecordReader::Worker);
        if missed.is_empty() {
            return found;
        }
        let keyspace = self.clone();
        if self.is_remote() && self.may_block() {
            return begin_here(async move {
                keyspace.get_from_server(&missed, &mut found).await;
                found
            })
            .await;
        }
        let read = move |keyspace: &Self| {
            keyspace.get_from_disk(missed, &mut found);
            found
        };
        self.off_executor(read).await
    }

    /// Like [`get_from_disk`](Self::get_from_disk), for keys at a server.
    #[cfg(feature = "async")]
    async fn get_from_server(&self, missed: &[MissedKey], found: &mut [Option<Arc<V>>]) {
        let asked_at = self.now();
        let records = self.records_of(missed).await;
        on_worker().await;
        self.note_records(missed, (records, asked_at), |at, key, value| {
            self.note_found(found, at, key, value);
        });
    }

    /// Runs step 1. Returns the values in memory, and the keys to look up on disk or at the server.
    fn get_many_in_memory<Q: EncodeKey<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
        reader: RecordReader,
    ) -> (Vec<Option<Arc<V>>>, Vec<MissedKey>) {
        let mut missed = Vec::new();
        let keys = keys.into_iter().enumerate();
        let found = keys.map(|(at, key)| self.get_or_note(at, &key, &mut missed, reader)).collect();
        (found, missed)
    }

    /// Runs step 1 for one key.
    fn get_or_note<Q: EncodeKey<K>>(
        &self,
        at: usize,
        key: &Q,
        missed: &mut Vec<MissedKey>,
        reader: RecordReader,
    ) -> Option<Arc<V>> {
        if let Some((value, _)) = self.hit_read_by(key, reader) {
            return Some(value);
        }
        let mut full = KeyBuffer::default();
        self.encode_into(key, &mut full).ok()?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let found = match self.shared.tiers.get_in_memory(key) {
            Lookup::Value(value, expires_at) => {
                self.note_use(key, expires_at, reader);
                Self::typed(value)
            }
            Lookup::Unknown(miss) if self.may_be_below(key, miss) => {
                missed.push(MissedKey::new(at, key, miss));
                return None;
            }
            Lookup::Absent(_) | Lookup::Negative | Lookup::Unknown(_) => None,
        };
        self.answered(if found.is_some() { Count::MemoryHits } else { Count::Misses }, key);
        found
    }

    /// Runs step 1 for a key without a value in memory. Returns `None` if the key need not be looked up on
    /// disk or at the server.
    pub(super) fn missed_key(&self, at: usize, key: SlotKey<'_>) -> Option<MissedKey> {
        match self.shared.tiers.get_in_memory(key) {
            Lookup::Unknown(miss) if self.may_be_below(key, miss) => Some(MissedKey::new(at, key, miss)),
            found => {
                drop_caught(found);
                None
            }
        }
    }

    /// Returns whether a key that memory lacks may be on disk or at a server.
    fn may_be_below(&self, key: SlotKey<'_>, miss: MissToken) -> bool {
        self.has_lower_tier() && !self.shared.is_closed() && self.shared.tiers.may_be_on_disk(key, miss)
    }

    fn read_missed_remotely(
        &self,
        missed: &[MissedKey],
        note: impl FnMut(usize, SlotKey<'_>, Option<Arc<V>>),
    ) {
        if missed.is_empty() {
            return;
        }
        let asked_at = self.now();
        let records = at_once(self.records_of(missed));
        self.note_records(missed, (records, asked_at), note);
    }

    /// Requests the records of keys from the server. Returns an empty list if there is no answer.
    async fn records_of(&self, missed: &[MissedKey]) -> Vec<Option<RemoteRecord>> {
        let Some(link) = self.link() else { return Vec::new() };
        let keys = missed.iter().map(|missed| Box::from(&*missed.key)).collect();
        let records = link.answer_to(|tier, reply| tier.get_many(keys, reply)).await;
        link.count(records).unwrap_or_default()
    }

    fn note_records(
        &self,
        missed: &[MissedKey],
        (records, asked_at): (Vec<Option<RemoteRecord>>, Timestamp),
        mut note: impl FnMut(usize, SlotKey<'_>, Option<Arc<V>>),
    ) {
        let records = records.into_iter().chain(std::iter::repeat(None));
        for (missed, record) in missed.iter().zip(records) {
            let key = missed.slot_key();
            let decoded = record.and_then(|record| {
                let decoded = self.shared.decode_remote::<V>(&self.opened, key, &record, asked_at)?;
                self.copy_to_memory(key, Permit::EpochToken(missed.miss.epoch_token), &decoded, true);
                decoded.value.into_inner()
            });
            note(missed.at, key, decoded);
        }
    }

    /// Runs steps 2 to 4 for [`get_many`](Keyspace::get_many).
    fn get_from_disk(&self, missed: Vec<MissedKey>, found: &mut [Option<Arc<V>>]) {
        self.read_missed(missed, |at, key, value| self.note_found(found, at, key, value));
    }

    fn note_found(&self, found: &mut [Option<Arc<V>>], at: usize, key: SlotKey<'_>, value: Option<Arc<V>>) {
        self.answered(if value.is_some() { Count::DiskHits } else { Count::Misses }, key);
        if let Some(place) = found.get_mut(at) {
            *place = value;
        }
    }

    /// Runs step 3 for the record of a key on disk. If there is none, and the disk has evicted entries since
    /// step 1, looks the key up again.
    fn value_of_missed(&self, missed: &MissedKey, record: Option<StoredRecord>) -> Option<Arc<V>> {
        let (key, miss) = (missed.slot_key(), missed.miss);
        let Some(record) = record else { return self.look_again(key, miss, true)?.value.into_inner() };
        let decoded = self.shared.decode_record(&self.opened, key, &record, Duration::ZERO)?;
        self.copy_to_memory(key, Permit::EpochToken(miss.epoch_token), &decoded, true);
        decoded.value.into_inner()
    }

    /// Runs steps 2 to 4. Calls `note` for each key, with its index in the input and its live value on disk
    /// or at the server. No snapshot is held during the calls.
    pub(super) fn read_missed(
        &self,
        mut missed: Vec<MissedKey>,
        mut note: impl FnMut(usize, SlotKey<'_>, Option<Arc<V>>),
    ) {
        if self.is_remote() {
            return self.read_missed_remotely(&missed, note);
        }
        missed.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let mut missed = missed.as_slice();
        // The previous key and its value. A repeated key in the input reuses this value.
        let mut before: Option<(&MissedKey, Option<Arc<V>>)> = None;
        while !missed.is_empty() {
            let keys = missed.iter().map(|missed| (missed.slot_key(), missed.miss.min_visible_sequence));
            let records = self.shared.tiers.read_records(keys, MAX_COPIED);
            let (now, later) = missed.split_at_checked(records.len()).unwrap_or((missed, &[]));
            missed = later;
            for (missed, record) in now.iter().zip(records) {
                let key = missed.slot_key();
                let value = match &before {
                    Some((same, value)) if same.key == missed.key => value.clone(),
                    _ => self.value_of_missed(missed, record),
                };
                note(missed.at, key, value.clone());
                before = Some((missed, value));
            }
        }
    }
}
