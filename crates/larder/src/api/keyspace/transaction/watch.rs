//! Watches: conditions that a key has not changed since an earlier moment.
//!
//! 1. A watch takes the epoch of its key (`memory::watch_epochs`), and then reads the key's entry. The watch
//!    keeps the sequence of the entry. If there is no entry, the watch keeps the epoch.
//! 2. A transaction that requires the watch takes a lease on the key, and reads the entry again.
//! 3. The watch holds if the entry has the sequence of (1). A watch of a missing key holds if the key is
//!    still missing, and has the epoch of (1).
//! 4. The transaction is published only if its lease is still valid, and the entry is still there and live.
//!
//! Each write of a key has a different sequence, so (3) detects every change of an entry. If a missing key
//! was stored and is missing again, its epoch is different. Sequences alone would not detect this. A change
//! between (2) and (4) revokes the lease, or the checks of (4) detect it.
//!
//! A record that does not decode counts as an entry here, although calls that read its value miss it. So if
//! the transaction has read the value before, (2) reads the entry separately.
//!
//! In a remote keyspace, the server returns a token for the content of the key's slot, and stores a mark in
//! an empty slot ([`RemoteTier::watch`](crate::remote::RemoteTier::watch)). Every change of the slot makes
//! the token void, because no two records and no two marks have the same bytes. The server checks the token
//! when the transaction requires the watch, and again when it makes the changes ([`super::remote`]). An
//! empty slot without a mark could be filled and emptied again, which the server would not detect. The raw
//! format has no marks, and equal bytes in it do not mean an unchanged slot. So a watch in this format is
//! refused.
//!
//! While the disk tier is off, it is unknown whether a key that memory lacks is missing. A watch of such a
//! key that is taken during this time holds only while the disk tier stays off. After that, an entry on
//! disk might be found and disappear again, and the watch could not detect it.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::entry_now;
use super::{KeyContent, KeyRead, RoundWaits, Transaction};
use crate::api::keyspace::Keyspace;
use crate::engine::group::LeasedEntry;
use crate::engine::remote::link::RemoteLink;
use crate::engine::remote::lookup::is_plain;
use crate::engine::shared::CacheIdentity;
use crate::engine::tiers::Tiers;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::WatchToken;
use crate::sys::at_once::at_once;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// How long the server keeps the mark in the empty slot of a watched key.
const MARK_LIFE: Duration = Duration::from_mins(10);

/// The content of a key at one moment. A later transaction can require that the key still has this content
/// ([`Transaction::require`]). Created by [`Keyspace::watch`].
///
/// A watch borrows nothing, and may be kept for any time. It does not keep the cache or the keyspace open,
/// and takes about a hundred bytes.
#[derive(Debug, Clone)]
pub struct Watch {
    cache: Arc<CacheIdentity>,
    key: StoredKey,
    content: WatchedContent,
}

#[derive(Debug, Clone)]
enum WatchedContent {
    /// The content of the slot at the server of a remote tier.
    AtServer(WatchToken),
    /// The key has an entry with this sequence.
    Entry(u64),
    /// The key has no entry. Holds the epoch of the key.
    Missing(u64),
    /// Memory has no entry, and the disk could not be read.
    Unread {
        epoch: u64,
        /// How often the snapshot of the disk had been withdrawn. `None` if there was a snapshot.
        withdrawals: Option<u64>,
    },
}

impl WatchedContent {
    /// Returns whether a new read of the key shows the same content. `sequence` is that of the entry that was
    /// read, or `None` if there was no entry.
    fn holds(&self, tiers: &Tiers, key: SlotKey<'_>, sequence: Option<u64>, is_unread: bool) -> bool {
        let is_unstored =
            |epoch: u64| tiers.memory.is_unstored(key, epoch) || failpoint_is_set(Failpoint::WatchBySequence);
        match *self {
            // `Transaction::require_at_server` asks the server.
            Self::AtServer(_) => false,
            Self::Entry(watched) => sequence == Some(watched),
            Self::Missing(epoch) => sequence.is_none() && is_unstored(epoch),
            Self::Unread { epoch, withdrawals } => {
                let is_still_off =
                    withdrawals.is_some() && tiers.withdrawals_without_snapshot() == withdrawals;
                sequence.is_none() && is_unread && is_still_off && is_unstored(epoch)
            }
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Watches a key. A later transaction can require that the key has not changed since this call.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// stock.insert("MTN100", 5)?;
    /// let watch = stock.watch("MTN100")?;
    /// let left = stock.get("MTN100").map_or(0, |left| *left);
    /// stock.insert("MTN100", 4)?; // another caller was faster
    /// let sold = cache.transaction(|tx| {
    ///     tx.require(&watch)?;
    ///     tx.insert(&stock, "MTN100", left - 1)
    /// });
    /// assert!(matches!(sold, Err(Error::Changed)));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// Every change of the key breaks the watch, such as an insert, even of the same value, a touch, a
    /// load, a removal, an expiry, or an eviction from the cache. The watch of a key without an entry may
    /// also break, in rare cases, when another key is stored.
    ///
    /// In a remote keyspace, every change by any machine breaks the watch. The watch of a key without an
    /// entry also breaks after ten minutes, and when a load of the key begins or ends.
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`], [`Error::Closed`] or [`Error::Forked`]. In a remote keyspace, returns
    /// [`Error::Remote`] if the server does not answer, and [`Error::NotRemote`] in
    /// [`Format::Raw`](crate::Format::Raw), because equal values in this format have the same bytes.
    ///
    /// # Cost
    /// Costs one lookup without decoding, and three locks of a shard. In a remote keyspace, costs one
    /// request.
    pub fn watch(&self, key: impl EncodeKey<K>) -> Result<Watch, Error> {
        at_once(self.watch_full(self.encode(&key)?.as_slice()))
    }

    async fn watch_full(&self, full: &[u8]) -> Result<Watch, Error> {
        self.shared.refuse_if_unusable()?;
        if let Some(link) = self.link() {
            return self.watch_at_server(link, full).await;
        }
        let tiers = &self.shared.tiers;
        let key = tiers.memory.key(full);
        // 1.
        let epoch = tiers.memory.watch_epoch(key);
        let withdrawals = tiers.withdrawals_without_snapshot();
        let LeasedEntry { lease, entry, is_unread, .. } = tiers.lease_entry(key);
        tiers.memory.release(key, lease);
        let content = match entry {
            Some(entry) => WatchedContent::Entry(entry.sequence),
            None if is_unread => WatchedContent::Unread { epoch, withdrawals },
            None => WatchedContent::Missing(epoch),
        };
        Ok(Watch { cache: self.shared.identity.clone(), key: full.into(), content })
    }

    async fn watch_at_server(&self, link: &RemoteLink, full: &[u8]) -> Result<Watch, Error> {
        if is_plain(self.opened.kind.format) {
            let remedy = "use another format, or compare_and_insert";
            return Err(Error::NotRemote { what: "a watch in the format raw", remedy });
        }
        let token = link.answer_to(|tier, reply| tier.watch(full.into(), MARK_LIFE, reply)).await;
        let token = token.map_err(|cause| link.error("watch a key", cause))?;
        let content = WatchedContent::AtServer(token);
        Ok(Watch { cache: self.shared.identity.clone(), key: full.into(), content })
    }

    /// The async form of [`watch`](Keyspace::watch).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let watch = stock.watch_async("MTN100").await?;
    /// let of_task = stock.clone();
    /// let added = cache.transaction_async(move |tx| {
    ///     tx.require(&watch)?;
    ///     tx.insert(&of_task, "MTN100", 10)
    /// });
    /// added.await?;
    /// assert_eq!(stock.get("MTN100").as_deref(), Some(&10));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`watch`](Keyspace::watch).
    ///
    /// # Cost
    /// Costs the same as [`watch`](Keyspace::watch). A disk tier or a remote tier adds a round trip to a
    /// worker thread. The wait for a server does not occupy that thread.
    #[cfg(feature = "async")]
    pub async fn watch_async(&self, key: impl EncodeKey<K>) -> Result<Watch, Error> {
        let full: StoredKey = self.encode(&key)?.as_slice().into();
        let keyspace = self.clone();
        self.look_off_executor(async move { keyspace.watch_full(&full).await }).await
    }
}

impl Transaction<'_> {
    /// Requires that a key has not changed since it was watched. Otherwise the transaction changes nothing,
    /// and returns [`Error::Changed`]. If the closure returns another error, and everything that it has read
    /// is still unchanged, the transaction returns that error instead.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let watch = stock.watch("MTN100")?;
    /// cache.transaction(|tx| {
    ///     tx.require(&watch)?;
    ///     tx.insert(&stock, "MTN100", 10)
    /// })?;
    /// assert_eq!(stock.get("MTN100").as_deref(), Some(&10));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::Changed`] if the key has changed. Returns [`Error::InvalidSetting`] for a watch of
    /// another cache. Otherwise, returns the same errors as [`get`](Transaction::get).
    ///
    /// # Cost
    /// Costs one lookup without decoding, and two locks of a shard. In a remote keyspace, costs one request.
    pub fn require(&mut self, watch: &Watch) -> Result<(), Error> {
        self.shared.refuse_if_unusable()?;
        if !Arc::ptr_eq(&watch.cache, &self.shared.identity) {
            return Err(Error::InvalidSetting {
                setting: "watch",
                value: "of another cache".to_owned(),
                allowed: "it must be a watch of the cache whose transaction this is".to_owned(),
            });
        }
        let at = self.place_of(&watch.key, String::new)?;
        if self.waits != RoundWaits::Allowed {
            // Step 2 may wait for a snapshot, so a round at once ends here, with its closure.
            self.waits = RoundWaits::Needed;
            return Err(Error::Changed);
        }
        if let WatchedContent::AtServer(token) = &watch.content {
            return self.require_at_server(at, token);
        }
        let Some(key) = self.keys.get_mut(at) else { return Ok(()) };
        let slot_key = SlotKey { hash: key.hash, bytes: &key.full };
        // 2.
        let tiers = &self.shared.tiers;
        if key.read.is_none() {
            // This round may wait, so the call returns no error.
            _ = tiers.memory.wait_for_barrier(slot_key, true);
        }
        let read = key.read.get_or_insert_with(|| {
            let LeasedEntry { lease, entry, value, is_unread } = tiers.lease_entry(slot_key);
            let (value, is_in_memory) = match (value, entry) {
                (Some(value), _) => (KeyContent::Value(value), true),
                (None, Some(_)) => (KeyContent::OnDisk, false),
                (None, None) => (KeyContent::None, true),
            };
            KeyRead { lease: Some(lease), entry, value, extras: None, is_in_memory, is_unread }
        });
        // The transaction may have read the value before, and its record did not decode. Then the entry is
        // read separately. It is the watched entry if it has the same sequence, because a sequence is never
        // reused.
        if let (WatchedContent::Entry(watched), None) = (&watch.content, read.entry) {
            read.entry = entry_now(tiers, slot_key).filter(|entry| entry.sequence == *watched);
        }
        // 3.
        let sequence = read.entry.map(|entry| entry.sequence);
        if watch.content.holds(tiers, slot_key, sequence, read.is_unread) {
            return Ok(());
        }
        self.is_broken = true;
        Err(Error::Changed)
    }
}
