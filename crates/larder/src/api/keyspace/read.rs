//! The calls that look up entries.

use std::cell::Cell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use crate::engine::promotion::{DecodedEntry, Lease, Unfound};
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::LowestTier;
use crate::memory::leases::Permit;
use crate::memory::lookup::{Lookup, MissToken, ReadEntry};
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
#[cfg(feature = "async")]
use crate::sys::inline_calls;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;
use crate::units::{Remaining, Timestamp};

/// The live value of a key, read by a caller that will change the key.
pub(super) struct ReadValue<V> {
    pub(super) value: HeldValue<Arc<V>>,
    pub(super) entry: ReadEntry,
    /// False if the value was read from disk. Then the entry must be confirmed there before the change.
    pub(super) is_in_memory: bool,
    /// The entry that was read from disk, for a caller that copies it into memory.
    pub(super) decoded: Option<DecodedEntry<V>>,
}

/// A lease on a key, and the value that was read after the lease was taken.
pub(super) struct LeasedRead<'a, V> {
    pub(super) lease: Lease<'a>,
    pub(super) read: Option<ReadValue<V>>,
    /// Whether no entry was found, but the disk may have one.
    pub(super) is_unread: bool,
    /// The record of the key in the remote tier, even if it can't be decoded.
    pub(super) record: Option<Vec<u8>>,
}

/// Returns the token of a lookup in memory that has found nothing, although a lower tier may have an entry.
fn miss_of(found: &Lookup) -> Option<MissToken> {
    if let Lookup::Unknown(miss) = found { Some(*miss) } else { None }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key, from memory, from disk or from a server. [`find`](Keyspace::find)
    /// also distinguishes a key that is known to be absent from an unknown key.
    ///
    /// A value found on disk or at a server is copied into memory. A key that is too long, a damaged record,
    /// a failing disk or a failing server is a miss. In a forked child, the call finds only entries that were
    /// in memory at the fork.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.get("MTNVTU").as_deref(), Some(&100));
    /// assert!(prices.get("AIRTEL").is_none());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// A hit in memory costs one hash, one shared lock, and one clone of an [`Arc`]. It decodes nothing, and
    /// allocates nothing for keys of up to 60 bytes. A lookup on disk descends the B-tree of the file once,
    /// and copies, checks and decodes one record. A lookup at a server waits for the answer to one request.
    pub fn get(&self, key: impl EncodeKey<K>) -> Option<Arc<V>> {
        match self.hit(&key) {
            Some((value, _)) => Some(value),
            None => self.get_without_hit(key),
        }
    }

    /// Returns the live value of a key, from memory, from disk or from a server. The lookup is not counted
    /// as a hit or a miss. It does not copy the entry into memory, and does not protect the entry from
    /// eviction from memory.
    ///
    /// Use this call to read many entries once. With [`get`](Keyspace::get), these entries would evict more
    /// useful ones.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.peek("MTNVTU").as_deref(), Some(&100));
    /// assert_eq!(cache.stats().requests(), 0);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`get`](Keyspace::get), without the promotion.
    pub fn peek(&self, key: impl EncodeKey<K>) -> Option<Arc<V>> {
        let mut full = KeyBuffer::default();
        self.encode_into(&key, &mut full).ok()?;
        if self.shared.is_closed() { None } else { self.peek_full(full.as_slice()) }
    }

    /// Returns whether a key has a live entry. The lookup is not counted as a hit or a miss, and copies
    /// nothing into memory. Without a remote tier, it decodes no value.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert!(prices.contains_key("MTNVTU"));
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn contains_key(&self, key: impl EncodeKey<K>) -> bool {
        self.ttl(key).is_some()
    }

    /// Returns the remaining TTL of a key's entry, or `None` if there is no live entry.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition, Remaining, Ttl};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # let cache = Cache::builder().open()?;
    /// let tokens = cache.keyspace(TOKEN)?;
    /// tokens.insert_with(&7, "secret".to_owned(), InsertOptions::new().ttl(Ttl::Never))?;
    /// assert_eq!(tokens.ttl(&7), Some(Remaining::Never));
    /// assert_eq!(tokens.ttl(&8), None);
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn ttl(&self, key: impl EncodeKey<K>) -> Option<Remaining> {
        let full = self.encode(&key).ok()?;
        let now = self.now();
        self.expiry_of(full.as_slice(), now).map(|expires_at| Remaining::until(expires_at, now))
    }

    /// Returns an estimate of how often a key was used recently, from 0 to 15. The eviction policy of memory
    /// compares entries by this estimate. Uses in quick succession count once. Until memory has been full,
    /// uses are not counted, and the estimate is 0. An insert of a new key is a use only if a lookup of the
    /// key has missed. This call is not a use.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.use_frequency("MTNVTU"), 0);
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn use_frequency(&self, key: impl EncodeKey<K>) -> u64 {
        let mut full = KeyBuffer::default();
        if self.encode_into(&key, &mut full).is_err() {
            return 0;
        }
        let memory = &self.shared.tiers.memory;
        memory.frequency(memory.key(full.as_slice()))
    }

    /// Returns the number of live entries. If the disk or the server can't be read, this number may be too
    /// low. Entries that are written, removed or evicted from disk during the call may be counted or not.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// assert!(prices.is_empty());
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(prices.count(), 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs the same as [`keys`](Keyspace::keys), for all entries. The counts of
    /// [`Cache::stats`](crate::Cache::stats) need no lookups, but include expired entries and keys that are
    /// known to be absent.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.keys().count() as u64
    }

    /// Returns whether [`count`](Keyspace::count) would return 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }

    /// Returns the live value of a key that [`hit`](Self::hit) did not find.
    ///
    /// Never inlined, so that a hit in memory does not pay for this function's registers and stack frame.
    #[inline(never)]
    fn get_without_hit(&self, key: impl EncodeKey<K>) -> Option<Arc<V>> {
        let mut full = KeyBuffer::default();
        self.encode_into(&key, &mut full).ok()?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let (found, hit) = match self.shared.tiers.get_in_memory(key) {
            Lookup::Value(value, expires_at) => {
                self.note_use(key, expires_at, RecordReader::Caller);
                (Self::typed(value), Count::MemoryHits)
            }
            Lookup::Absent(_) | Lookup::Negative => (None, Count::Misses),
            Lookup::Unknown(_) if !self.has_lower_tier() || self.shared.is_closed() => (None, Count::Misses),
            Lookup::Unknown(miss) => (self.get_below(key, miss), Count::DiskHits),
        };
        self.answered(if found.is_some() { hit } else { Count::Misses }, key);
        found
    }

    /// Copies an entry that was read from disk or from a server into memory, if `permit` is still valid.
    /// Records a use of the entry if `is_use` is set.
    pub(super) fn copy_to_memory(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        decoded: &DecodedEntry<V>,
        is_use: bool,
    ) {
        let weight = match &*decoded.value {
            Some(value) => self.weigh(key, decoded.encoded_len, value),
            None => self.weigh_absence(key),
        };
        self.shared.promote(&self.opened, key, permit, decoded, weight);
        if is_use {
            self.note_use_on_disk(key, decoded);
        }
    }

    pub(super) fn expiry_of(&self, full: &[u8], now: Timestamp) -> Option<Timestamp> {
        let key = self.shared.tiers.memory.key(full);
        if self.is_remote() {
            return at_once(self.remote_expiry_of(key));
        }
        self.shared.tiers.expiry_of(key, now)
    }

    /// Takes a lease on a key, and reads the key's live value from memory or from disk. The caller then
    /// changes the key ([`crate::memory::publication`]). If no entry was found, but memory does not know that
    /// the key is missing, `is_unread` is set.
    pub(super) fn lease_over<'a>(&'a self, key: SlotKey<'a>) -> LeasedRead<'a, V> {
        let tiers = &self.shared.tiers;
        loop {
            let (id, found, read) = tiers.memory.lease_over(key, self.now());
            let miss = miss_of(&found);
            let (leased, unfound) = self.read_leased(key, Lease::new(&tiers.memory, key, id), found, read);
            let has_evicted = || miss.is_some_and(|miss| tiers.has_evicted_since(miss));
            if unfound != Some(Unfound::NoRecord) || !has_evicted() {
                return leased;
            }
        }
    }

    /// Like [`lease_and_read`](Self::lease_and_read), but never waits. Returns `None` if the call would have
    /// to wait, or needs a lookup on disk that the calling thread must not make.
    #[cfg(feature = "async")]
    pub(super) fn lease_and_read_at_once<'a>(&'a self, key: SlotKey<'a>) -> Option<LeasedRead<'a, V>> {
        if self.is_remote() {
            return None;
        }
        let tiers = &self.shared.tiers;
        let (id, found, read) = tiers.memory.lease_over(key, self.now());
        let lease = Lease::new(&tiers.memory, key, id);
        let miss = miss_of(&found).filter(|_| self.is_in_file() && tiers.has_disk());
        let has_evicted = || miss.is_some_and(|miss| tiers.has_evicted_since(miss));
        if miss.is_some() && tiers.disk.absent_keys.lack(key) && !has_evicted() {
            return Some(LeasedRead { lease, read: None, is_unread: false, record: None });
        }
        if miss.is_none() {
            let (leased, _) = self.read_leased(key, lease, found, read);
            return Some(LeasedRead { is_unread: false, ..leased });
        }
        if !inline_calls::may_look() {
            return None;
        }
        // Read before the snapshot is loaded, as in `look_in_both`.
        let before = tiers.read_conditions()?;
        let (leased, unfound) = inline_calls::look(|| self.read_leased(key, lease, found, read));
        let is_repeated = unfound == Some(Unfound::NoRecord) && has_evicted();
        if leased.read.is_none() && (tiers.read_conditions() != Some(before) || is_repeated) {
            return None;
        }
        Some(LeasedRead { is_unread: false, ..leased })
    }

    /// Returns `None`, because without async calls every caller may wait.
    #[cfg(not(feature = "async"))]
    #[expect(clippy::unused_self, reason = "the form of async calls")]
    pub(super) fn lease_and_read_at_once<'a>(&'a self, _: SlotKey<'a>) -> Option<LeasedRead<'a, V>> {
        None
    }

    /// Reads the entry of a key after a lease was taken on it. `found` is the result of the lookup in memory.
    /// Also returns why a lookup on disk has found no entry.
    fn read_leased<'a>(
        &'a self,
        key: SlotKey<'a>,
        lease: Lease<'a>,
        found: Lookup,
        read: Option<ReadEntry>,
    ) -> (LeasedRead<'a, V>, Option<Unfound>) {
        let mut unfound = None;
        let read = match found {
            Lookup::Value(value, _) => Self::typed(value).zip(read).map(|(value, entry)| ReadValue {
                value: HeldValue::new(value),
                entry,
                is_in_memory: true,
                decoded: None,
            }),
            Lookup::Unknown(miss) if self.is_in_file() => {
                let decoded = self.shared.read_entry(&self.opened, key, miss.min_visible_sequence);
                unfound = decoded.as_ref().err().copied();
                decoded.ok().and_then(|decoded: DecodedEntry<V>| {
                    let entry = decoded.entry();
                    let value = HeldValue::new(decoded.value.clone()?);
                    Some(ReadValue { value, entry, is_in_memory: false, decoded: Some(decoded) })
                })
            }
            Lookup::Absent(_) | Lookup::Negative | Lookup::Unknown(_) => None,
        };
        (LeasedRead { lease, read, is_unread: unfound.is_some(), record: None }, unfound)
    }

    /// Like [`lease_over`](Self::lease_over), for a caller that must not mistake a missing snapshot for a
    /// missing entry. Sets `is_unread` only if the disk could not be read.
    ///
    /// # Errors
    /// Returns an error if the server of the remote tier could not be read.
    pub(super) fn lease_and_read<'a>(&'a self, key: SlotKey<'a>) -> Result<LeasedRead<'a, V>, Error> {
        if self.is_remote() {
            return at_once(self.read_to_change(key));
        }
        let last = Cell::new(None);
        let (read, may_be_on_disk) = self.look_in_both(|| {
            let LeasedRead { lease, read, is_unread, .. } = self.lease_over(key);
            last.set(Some((lease, is_unread)));
            read
        });
        match last.into_inner() {
            Some((lease, is_unread)) => {
                let is_unread = is_unread && may_be_on_disk;
                Ok(LeasedRead { lease, read, is_unread, record: None })
            }
            None => unreachable!("`look_in_both` calls its closure at least once"),
        }
    }

    /// Calls `look`, for a caller that must not mistake a missing snapshot for a missing entry: see
    /// [`Tiers::look_in_both`]. In a remote keyspace, the caller must not mistake a failed request for a
    /// missing entry. The failure of any request during the lookup counts as a failure of this lookup.
    ///
    /// [`Tiers::look_in_both`]: crate::engine::tiers::Tiers::look_in_both
    pub(super) fn look_in_both<R>(&self, look: impl Fn() -> Option<R>) -> (Option<R>, bool) {
        match self.lowest_tier() {
            LowestTier::Memory => (look(), false),
            LowestTier::File => self.shared.tiers.look_in_both(look),
            LowestTier::Remote => at_once(self.look_remotely(async { look() })),
        }
    }
}

#[cfg(test)]
mod tests;
