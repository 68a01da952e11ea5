//! Inserts and atomic changes at the server. Threads and tasks run the same functions
//! ([`crate::sys::at_once`]). Each request that changes the key has the four steps of a change ([`super`]).
//!
//! **An insert** sends the value without a condition.
//!
//! **An atomic change** runs in rounds, like a local one ([`crate::api::keyspace::modify`]):
//!
//! 1. Wait for the turn of other callers, if the key has a queue ([`crate::engine::turns`]).
//! 2. Take a local lease, and read the record at the server. Memory is not read, because the record is the
//!    condition of (4).
//! 3. Call the closure with the value of the record. This step does not suspend, so the closure runs to its
//!    end on one thread.
//! 4. Send the change on the condition that the slot still has the record of (2), or none. If any machine has
//!    changed the slot since (2), the round is lost, and the next one begins. After [`MAX_LOST`] lost rounds,
//!    the change is an error.
//!
//! If (2) came before (1), the record would be outdated after the wait, and the round would be lost.
//!
//! The call of a task may be dropped at any time. The change is a worker task, which then runs to its end: it
//! repeats the first step of a change after the answer, releases the local lease, leaves the queue of the
//! key, and ends the pending change for which a close waits. If the worker task were dropped after a request
//! was sent, the server might make the change, and a near copy that was filled meanwhile would stay.
//!
//! [`MAX_LOST`]: super::write::MAX_LOST

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::change::{Change, CurrentLife, Modified};
use crate::api::keyspace::modify_error::ModifyError;
use crate::api::keyspace::read::{LeasedRead, ReadValue};
use crate::api::keyspace::ttl::Ttl;
use crate::api::keyspace::write::{InsertOutcome, ReadCondition, WriteCondition};
use crate::engine::closure_keys;
use crate::engine::remote::batch_room::BatchRoom;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::SetCondition;
use crate::stats::count::Count;
use crate::sys::sync::{Arc, thread};
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Stores a value at the server, whatever the slot has. The value of a batch waits for room before it is
    /// sent, and has the room until the server has answered. If the batch ends before that, the value is not
    /// sent, which is no error.
    pub(in crate::api::keyspace) async fn insert_at_server(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        ttl: Ttl,
        batch: Option<&Arc<BatchRoom>>,
    ) -> Result<(), Error> {
        let life = || {
            let (now, (_, ends_at)) = (self.now(), self.expiry_after_write(key, ttl, None));
            (ends_at > now).then(|| self.outgoing_life(Some(value), (now, ends_at), None))
        };
        let stored = life().map(|_| value);
        let Some((encoded, _room)) = self.encode_in_batch(stored, batch).await? else { return Ok(()) };
        // Determined again, because the value may have waited for room.
        let life = encoded.as_ref().and_then(|_| life());
        match life.and_then(|life| self.outgoing_encoded(key, encoded, life)) {
            Some(outgoing) => self.set_remote(key, outgoing, SetCondition::Always).await?,
            None => self.end_remote(key, WriteCondition::Always).await?,
        };
        self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
        Ok(())
    }

    /// Changes a key atomically at the server.
    pub(in crate::api::keyspace) async fn change_at_server<C>(
        &self,
        full: &[u8],
        compute: &mut C,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>>
    where
        C: FnMut(Option<&Arc<V>>, CurrentLife) -> Change<V> + ?Sized,
    {
        self.shared.refuse_if_unusable()?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full)?;
        let key = memory.key(full);
        let (mut rounds, mut lost) = (self.shared.turns.rounds(full), 0_u32);
        loop {
            // 1.
            #[cfg(feature = "async")]
            rounds.begin_in_task().await;
            #[cfg(not(feature = "async"))]
            rounds.begin();
            if let Some(modified) = self.round_at_server(key, compute).await? {
                return Ok(modified);
            }
            lost = lost.saturating_add(1);
            self.refuse_endless_rounds(lost)?;
            thread::yield_now();
        }
    }

    /// Runs steps 2 to 4. Returns `None` if the round is lost.
    async fn round_at_server<C>(
        &self,
        key: SlotKey<'_>,
        compute: &mut C,
    ) -> Result<Option<Modified<V>>, ModifyError<Modified<V>>>
    where
        C: FnMut(Option<&Arc<V>>, CurrentLife) -> Change<V> + ?Sized,
    {
        // 2.
        let LeasedRead { lease, read, record, .. } = self.read_to_change(key).await?;
        let (value, entry) = read.map(|ReadValue { value, entry, .. }| (value, entry)).unzip();
        // 3.
        let (new, ttl) = match self.compute(key, (value.as_deref(), entry), compute)?.into_inner() {
            Change::Insert(new, ttl) => (Some(HeldValue::new(new)), ttl),
            Change::Remove => (None, Ttl::Default),
            Change::Keep => return Ok(Some(Modified::Kept(value.map(HeldValue::into_inner)))),
        };
        // 4.
        let Some(new) = new.filter(|_| !ttl.is_past(|| self.now())) else {
            let (Some(value), Some(record)) = (value, record) else { return Ok(Some(Modified::Kept(None))) };
            let is_removed = self.remove_remote_unchanged(key, &record).await?;
            if is_removed {
                self.shared.count(&self.opened.counters, Count::Invalidations, key.bytes);
            }
            return Ok(is_removed.then(|| Modified::Removed(value.into_inner())));
        };
        ttl.check(|| self.now())?;
        let condition = ReadCondition {
            lease: &lease,
            read: entry,
            may_be_on_disk: false,
            // The closure of a touch returns the value that it got.
            keeps_value: value.as_ref().is_some_and(|value| Arc::ptr_eq(&new, value)),
            shortens_life: false,
            waits_for_room: true,
            record: record.as_deref(),
        };
        let outcome = self.write_remote(key, &new, ttl, WriteCondition::Unchanged(condition)).await?;
        if outcome == InsertOutcome::Revoked {
            return Ok(None);
        }
        self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
        let old = value.map(HeldValue::into_inner);
        Ok(Some(Modified::Inserted { old, new: new.into_inner() }))
    }
}
