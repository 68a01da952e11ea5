//! A load that replaces a record at the server: a refresh of a live value, or a load of a key whose record is
//! kept for its grace. The slot has a record, so it can't hold a lease.
//!
//! 1. Take the local lease of the key, so that only one load of the key runs in this process.
//! 2. Read the record at the server. Without a record, there is nothing to replace.
//! 3. Run the loader. It gets the value of (2), and not the near copy, which may be older.
//! 4. Store the new record on the condition that the slot still has the bytes of (2), and that the key has
//!    no fence. No two records have the same bytes. So if any machine has changed the slot since (2), the
//!    new value is not stored. A fence removes the record when it is raised. But a value that is inserted
//!    during an update can be the record of (2), and the loader may have read the source before the update
//!    changed it. So the new value is not stored while the key has a fence.
//!
//! If several machines do this at the same time, the server stores the record of only one. On the other
//! machines, the waiting callers look the key up again.
//!
//! The flight is detached before the request of (4) is sent, so every caller of the flight has joined it
//! before this request. If the record is stored, the slot was not changed between (2) and (4), so these
//! callers get the value. Otherwise they look the key up again.
//!
//! In the raw format, two records may have the same bytes. So the condition of (4) does not detect a value
//! that was changed and changed back in the meantime. The local lease detects such a change if this process
//! has made it. In this format, the waiting callers always look the key up again.

#[cfg(feature = "async")]
use std::panic::resume_unwind;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::write::OutgoingRecord;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::LoadLease;
use crate::engine::remote::lookup::is_plain;
use crate::engine::remote::replaced::ReplacedRecord;
use crate::engine::remote::sharing::Sharing;
use crate::format::key::Key;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::leases::Permit;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::{Life, RemoteRecord, RemoteTier, SetCondition};
#[cfg(feature = "async")]
use crate::sys::offload::worker_task::{begin_task, on_worker};
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Runs step 2 for a refresh at a remote tier. Returns false if there is nothing to replace. For any
    /// other load, the function returns true.
    pub(in crate::api::keyspace) fn read_replaced(&mut self, keyspace: &Keyspace<K, V>) -> bool {
        let is_refresh = self.flight.as_ref().is_some_and(|flight| flight.is_refresh());
        let Some(link) = keyspace.link().filter(|_| is_refresh) else { return true };
        let asked_at = keyspace.now();
        let record = link.count(link.ask(|tier, reply| tier.get((&*self.key).into(), reply))).flatten();
        self.replaced = Self::decode_replaced(keyspace, &self.key, record, asked_at);
        self.replaced.is_some()
    }

    /// Like [`read_replaced`](Self::read_replaced), without a thread that waits. A worker thread decodes the
    /// value, because this may take long. Holds no handle of the cache while it waits.
    #[cfg(feature = "async")]
    pub(in crate::api::keyspace) async fn read_replaced_async(&mut self) -> bool {
        let is_refresh = self.flight.as_ref().is_some_and(|flight| flight.is_refresh());
        let read = {
            let Some(keyspace) = self.keyspace() else { return false };
            let Some(link) = keyspace.link().filter(|_| is_refresh) else { return true };
            // Read before the request is sent, so that a record never seems to live longer than it does.
            let asked_at = keyspace.now();
            let answer = link.answer_to(|tier, reply| tier.get((&*self.key).into(), reply));
            let (shared, opened) = (Arc::downgrade(&keyspace.shared), Arc::downgrade(&keyspace.opened));
            let (definition, key) = (keyspace.definition, self.key.clone());
            begin_task(async move {
                let answer = answer.await;
                on_worker().await;
                let keyspace = Keyspace::of(shared.upgrade()?, opened.upgrade()?, definition);
                let record = keyspace.link().and_then(|link| link.count(answer)).flatten();
                Self::decode_replaced(&keyspace, &key, record, asked_at)
            })
        };
        // In a child that a loader has forked, there is no result.
        self.replaced = read.await.and_then(|read| read.unwrap_or_else(|panic| resume_unwind(panic)));
        self.replaced.is_some()
    }

    fn decode_replaced(
        keyspace: &Keyspace<K, V>,
        key: &[u8],
        record: Option<RemoteRecord>,
        asked_at: Timestamp,
    ) -> Option<Box<ReplacedRecord<V>>> {
        let (key, record) = (keyspace.shared.tiers.memory.key(key), record?);
        let decoded = keyspace.shared.decode_remote::<V>(&keyspace.opened, key, &record, asked_at)?;
        ReplacedRecord::new(record.bytes, decoded)
    }

    pub(in crate::api::keyspace) fn replaced_value(&self) -> Option<HeldValue<Arc<V>>> {
        self.replaced.as_ref().map(|replaced| HeldValue::new(Arc::clone(&replaced.value)))
    }

    /// Like [`stale`](Self::stale). At a remote tier, the lookup has already read the stale value, if there
    /// is one.
    pub(in crate::api::keyspace) fn stale_in(&self, keyspace: &Keyspace<K, V>) -> Option<HeldValue<Arc<V>>> {
        if keyspace.is_remote() {
            return self.replaced_in_grace(keyspace);
        }
        let key = keyspace.shared.tiers.memory.key(&self.key);
        keyspace.stale_value(key).map(|(value, _)| value)
    }

    /// Returns the value of the record that a load replaces, if it is still within the grace of the keyspace.
    fn replaced_in_grace(&self, keyspace: &Keyspace<K, V>) -> Option<HeldValue<Arc<V>>> {
        let replaced = self.replaced.as_ref()?;
        let ends_at = replaced.expires_at.after(keyspace.definition.stale_for());
        (ends_at > keyspace.now()).then(|| HeldValue::new(Arc::clone(&replaced.value)))
    }

    /// Runs step 4. Returns whether the server has stored the record, or `None` if the server did not answer.
    pub(super) async fn replace_remote(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: SlotKey<'_>,
        outgoing: OutgoingRecord,
        replaced: ReplacedRecord<V>,
    ) -> Option<bool> {
        self.sharing = Sharing::Never;
        if !self.holds_locally(keyspace, key) {
            return Some(false);
        }
        let condition = if failpoint_is_set(Failpoint::RefreshAlways) {
            SetCondition::Always
        } else {
            SetCondition::UnchangedUnfenced(replaced.bytes)
        };
        let OutgoingRecord { bytes, life, .. } = outgoing;
        if is_plain(keyspace.opened.kind.format) {
            return self.replace_plain(keyspace, key, (bytes, life), condition).await;
        }
        let link = keyspace.link()?;
        let set = |tier: &dyn RemoteTier, reply| tier.set(key.bytes.into(), bytes, life, condition, reply);
        let stored = link.count(keyspace.change_remote(link, key, set).await);
        self.share_replaced(keyspace, stored);
        stored
    }

    /// Runs step 4 in the raw format. This process may have inserted the bytes of (2) again, and the server
    /// can't detect it. So the local lease decides, as for a load in this format (`fill_plain`):
    ///
    /// 1. The caller checks that the local lease is still valid.
    /// 2. Send the value.
    /// 3. If the local lease is no longer valid, this process may have made a change between (1) and (2),
    ///    or may be making one. Then remove the value, if it is still there.
    /// 4. Drop the near copy of the previous value. Dropping it also voids the local lease, so this step
    ///    comes after (3).
    async fn replace_plain(
        &self,
        keyspace: &Keyspace<K, V>,
        key: SlotKey<'_>,
        (bytes, life): (Vec<u8>, Life),
        condition: SetCondition,
    ) -> Option<bool> {
        let link = keyspace.link()?;
        // 2.
        let sent = bytes.clone();
        let stored = link.answer_to(|tier, reply| tier.set(key.bytes.into(), bytes, life, condition, reply));
        let stored = link.count(stored.await);
        // 3.
        if !self.holds_locally(keyspace, key) {
            if stored != Some(false) {
                drop(keyspace.remove_remote_unchanged(key, &sent).await);
            }
            return Some(false);
        }
        // 4.
        let mut dropped = EvictedValues::default();
        keyspace.shared.tiers.memory.forget(key, keyspace.now(), &mut dropped);
        stored
    }

    /// Ends a load that stores nothing, and keeps the record of (2). The waiting callers get the outcome if
    /// the key was not changed since (2). [`super::sharing`] explains the order of the steps.
    pub(super) async fn keep_replaced(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: SlotKey<'_>,
        replaced: &ReplacedRecord<V>,
    ) {
        self.sharing = Sharing::Never;
        let Some(link) = keyspace.link().filter(|_| !is_plain(keyspace.opened.kind.format)) else { return };
        if let Some(id) = self.id.take() {
            keyspace.shared.tiers.memory.release(key, id);
        }
        let record = link.answer_to(|tier, reply| tier.get(key.bytes.into(), reply)).await;
        let record = link.count(record).flatten();
        let is_unchanged = record.is_some_and(|record| record.bytes == replaced.bytes);
        self.share_replaced(keyspace, Some(is_unchanged));
    }

    /// Removes the record that this load replaces. The source has no value for its key, and the absence is
    /// not cached. Unlike the store of (4), the removal ignores fences. So it may remove a value that was
    /// inserted during an update. The end of the update would remove this value anyway, and until then,
    /// lookups miss.
    pub(super) async fn remove_replaced(&mut self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) {
        let Some(replaced) = self.replaced.take() else { return };
        self.sharing = Sharing::Never;
        if self.holds_locally(keyspace, key) {
            let removed = keyspace.remove_remote_unchanged(key, &replaced.bytes).await.ok();
            self.share_replaced(keyspace, removed);
        }
    }

    fn holds_locally(&self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) -> bool {
        self.id.is_some_and(|id| keyspace.shared.tiers.memory.permits(key, Permit::Lease(id)))
    }

    fn share_replaced(&mut self, keyspace: &Keyspace<K, V>, is_made: Option<bool>) {
        if is_made == Some(true) && !is_plain(keyspace.opened.kind.format) {
            self.sharing = Sharing::Always;
        }
    }
}
