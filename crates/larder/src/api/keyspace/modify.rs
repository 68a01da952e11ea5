//! Atomic changes of an entry: a closure computes the new content of a key from the current content.
//!
//! A change is optimistic, and runs in rounds of these steps:
//!
//! 1. Take a lease on the key, and read the key. A live value in memory is read without a lease. During a
//!    range removal of the key, wait for its end first.
//! 2. Call the closure with the value that was read. No lock is held.
//! 3. Publish the closure's change if the key has not changed since (1) ([`crate::memory::publication`]).
//!    Otherwise the round is lost, and the next round begins. A caller that loses too many rounds takes a
//!    turn ([`crate::engine::turns`]). In a remote keyspace, a change that loses 10,000 rounds is an error.
//!
//! A round *at once* does not wait for other threads. If it would have to wait, it ends without a change, and
//! its caller starts again on a thread that may wait. In a remote keyspace, the round ends before (2). It
//! also ends before (2) if the key may be on disk, and either this thread must not read the disk
//! ([`crate::sys::inline_calls`]) or the disk tier has no snapshot. The round ends before (3) if the write
//! buffer has no room. A round that succeeds only requests its commit, and the task waits for the commit.
//!
//! [`super::remote::change`] has the rounds in a remote keyspace.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::change::{Change, Compute, CurrentLife, Modified};
use super::change_commit::ChangeCommit;
use super::insert_options::Durability;
use super::modify_error::ModifyError;
use super::read::{LeasedRead, ReadValue};
use super::ttl::Ttl;
use super::write::{InsertOutcome, ReadCondition, WriteCondition};
use crate::disk::file::error_translation::not_durable_while_off;
use crate::engine::closure_keys;
use crate::engine::closure_keys::InClosure;
#[cfg(feature = "async")]
use crate::engine::turns::MAX_LOST_ROUNDS;
use crate::engine::writer::command::Acknowledge;
use crate::error::Error;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::LowestTier;
use crate::memory::entry::Refused;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::ReadEntry;
use crate::memory::publication::BehindBarrier;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::sync::{Arc, thread};
use crate::sys::user_code::HeldValue;

enum RoundEnd<V> {
    Made(Modified<V>),
    /// The entry changed during the round.
    Lost,
    /// The round would have to wait, but must not. Nothing was changed.
    WouldWait,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Changes the entry of a key atomically. `change` gets the live value, if there is one, and its
    /// remaining TTL ([`Ttl::Default`] without an entry), and returns the change to make. The call returns
    /// the values before and after the change.
    ///
    /// No lock is held while `change` runs. If the entry changes meanwhile, `change` runs again with the new
    /// value. So `change` should have no effect other than its return value. After eight lost rounds the
    /// caller gets an exclusive turn, and other atomic changes of the key wait. So even a slow closure that
    /// competes with fast ones finishes, if it takes less than two seconds. Plain inserts and removals do not
    /// wait for it.
    ///
    /// ```
    /// # use larder::{Cache, Change, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, Vec<u64>> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let add = |serial: u64| {
    ///     stock.modify("MTN100", |serials, _| {
    ///         let mut serials = serials.cloned().unwrap_or_default();
    ///         serials.push(serial);
    ///         Change::insert(serials)
    ///     })
    /// };
    /// add(7)?;
    /// let added = add(8)?;
    /// assert_eq!(added.old(), Some(&vec![7]));
    /// assert_eq!(stock.get("MTN100").as_deref(), Some(&vec![7, 8]));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// The value is on disk within the flush interval, as with [`insert`](Keyspace::insert). A removal is
    /// durable when the call returns, as with [`remove`](Keyspace::remove).
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert) and [`remove`](Keyspace::remove). Returns
    /// [`Error::InvalidSetting`] for a TTL out of range. After [`Error::NotDurable`],
    /// [`ModifyError::applied`] holds the change that was made in memory. `applied` is `None` if the closure
    /// got no value and returned a removal, but the disk tier, which may have an entry, is off or cannot be
    /// read.
    ///
    /// If the entry cannot be read, any change other than such a removal treats the entry as missing
    /// ([contract 6](crate#the-contract)). A value that the change stores replaces the entry when the disk
    /// works again.
    ///
    /// # Panics
    /// Panics if `change` panics. Nothing is changed then.
    ///
    /// # Cost
    /// Each round costs a lookup and an insert. While a `clear` or a removal of a range takes the key's
    /// entries from memory, the call waits.
    pub fn modify(
        &self,
        key: impl EncodeKey<K>,
        change: impl FnMut(Option<&V>, Ttl) -> Change<V>,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>> {
        self.modify_with(key, Durability::Buffered, change)
    }

    /// Changes the entry of a key atomically, like [`modify`](Keyspace::modify), with the given durability.
    /// With [`Durability::Immediate`], a stored value is on disk when the call returns.
    ///
    /// # Errors
    /// Returns the same errors as [`modify`](Keyspace::modify). With [`Durability::Immediate`], also returns
    /// [`Error::NotDurable`] if the stored value could not be committed. Memory has the value even then.
    pub fn modify_with(
        &self,
        key: impl EncodeKey<K>,
        durability: Durability,
        mut change: impl FnMut(Option<&V>, Ttl) -> Change<V>,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>> {
        let full = self.encode(&key)?;
        self.change(full.as_slice(), durability, &mut |value, life| {
            change(value.map(|value| &**value), life.left())
        })
    }

    /// Runs rounds until one is not lost.
    pub(super) fn change(
        &self,
        full: &[u8],
        durability: Durability,
        compute: Compute<'_, V>,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>> {
        self.change_by(full, durability, &mut ChangeCommit::OnThread, compute)
    }

    /// Like [`change`](Self::change), but `wait` decides who waits for the commit.
    pub(super) fn change_by(
        &self,
        full: &[u8],
        durability: Durability,
        wait: &mut ChangeCommit,
        compute: Compute<'_, V>,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>> {
        if self.is_remote() {
            return at_once(self.change_at_server(full, compute));
        }
        self.shared.refuse_if_unusable()?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full)?;
        let key = memory.key(full);
        let mut rounds = self.shared.turns.rounds(full);
        loop {
            rounds.begin();
            if let RoundEnd::Made(modified) = self.round(key, durability, wait, true, compute)? {
                return Ok(modified);
            }
            // The round was lost because another caller changed the key. The next round reads the key again.
            thread::yield_now();
        }
    }

    /// Like [`change`](Self::change), but runs rounds at once. Changes nothing and returns `None` if the
    /// call would have to wait, or has lost too many rounds. Must not be called for a durable change of a
    /// keyspace on disk.
    #[cfg(feature = "async")]
    pub(super) fn change_at_once(
        &self,
        full: &[u8],
        durability: Durability,
        wait: &mut ChangeCommit,
        compute: Compute<'_, V>,
    ) -> Result<Option<Modified<V>>, ModifyError<Modified<V>>> {
        self.shared.refuse_if_unusable()?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full)?;
        for _ in 0..MAX_LOST_ROUNDS {
            if self.shared.turns.has_queue(full) {
                break;
            }
            match self.round(memory.key(full), durability, wait, false, compute)? {
                RoundEnd::Made(modified) => return Ok(Some(modified)),
                RoundEnd::Lost => {}
                RoundEnd::WouldWait => break,
            }
        }
        Ok(None)
    }

    /// Runs step 2: calls the closure with the value and the entry that were read.
    pub(super) fn compute<C>(
        &self,
        key: SlotKey<'_>,
        (value, entry): (Option<&Arc<V>>, Option<ReadEntry>),
        compute: &mut C,
    ) -> Result<HeldValue<Change<V>>, Error>
    where
        C: FnMut(Option<&Arc<V>>, CurrentLife) -> Change<V> + ?Sized,
    {
        let life = CurrentLife { ends_at: entry.map(|entry| entry.ends_at), now: self.now() };
        let in_closure = InClosure::of_key(&self.shared.tiers.memory, key.bytes);
        let change = HeldValue::new(compute(value, life));
        drop(in_closure);
        // The closure may have closed the cache, or forked.
        self.shared.refuse_if_unusable()?;
        Ok(change)
    }

    fn round(
        &self,
        key: SlotKey<'_>,
        durability: Durability,
        wait: &mut ChangeCommit,
        may_wait: bool,
        compute: Compute<'_, V>,
    ) -> Result<RoundEnd<V>, ModifyError<Modified<V>>> {
        // 1.
        let leased = match self.read_without_lease(key, may_wait) {
            Ok(Some(read)) => Some(read),
            Ok(None) if may_wait => Some(self.lease_and_read(key)?),
            Ok(None) => self.lease_and_read_at_once(key),
            Err(BehindBarrier) => None,
        };
        let Some(LeasedRead { lease, read, is_unread, record }) = leased else {
            return Ok(RoundEnd::WouldWait);
        };
        let (value, entry, is_in_memory) = match read {
            Some(ReadValue { value, entry, is_in_memory, .. }) => (Some(value), Some(entry), is_in_memory),
            None => (None, None, true),
        };
        // 2.
        let change = self.compute(key, (value.as_deref(), entry), compute)?;
        let new = match change.into_inner() {
            Change::Keep => {
                return Ok(RoundEnd::Made(Modified::Kept(value.map(HeldValue::into_inner))));
            }
            Change::Insert(new, ttl) => Some((HeldValue::new(new), ttl)),
            Change::Remove => None,
        };
        // 3. The closure of a touch returns the value that it got.
        let keeps_value = match (&new, &value) {
            (Some((new, _)), Some(value)) => Arc::ptr_eq(new, value),
            _ => false,
        };
        let condition = ReadCondition {
            lease: &lease,
            read: entry,
            may_be_on_disk: !is_in_memory,
            keeps_value,
            shortens_life: false,
            waits_for_room: may_wait,
            record: record.as_deref(),
        };
        match new {
            Some((new, ttl)) if !ttl.is_past(|| self.now()) => {
                ttl.check(|| self.now())?;
                let outcome = self.insert_read(key, (&*new, ttl), durability, wait, condition);
                let modified = || {
                    let old = value.map(HeldValue::into_inner);
                    Modified::Inserted { old, new: new.into_inner() }
                };
                match outcome {
                    Ok(InsertOutcome::Revoked) => Ok(RoundEnd::Lost),
                    Ok(InsertOutcome::WouldWait) => Ok(RoundEnd::WouldWait),
                    Ok(_) => Ok(RoundEnd::Made(modified())),
                    Err(error) => Err(error.map(|()| modified())),
                }
            }
            _ => match value {
                // An unread entry is an error, because lookups may find the entry again later.
                None if is_unread => Err(not_durable_while_off(None).into()),
                None => Ok(RoundEnd::Made(Modified::Kept(None))),
                Some(value) => Ok(match self.remove_read(key, value, wait, condition)? {
                    Some(modified) => RoundEnd::Made(modified),
                    None => RoundEnd::Lost,
                }),
            },
        }
    }

    /// Replaces the entry that was read with a value. Waits for the commit of the value if the value must
    /// be durable.
    fn insert_read(
        &self,
        key: SlotKey<'_>,
        (value, ttl): (&Arc<V>, Ttl),
        durability: Durability,
        wait: &mut ChangeCommit,
        condition: ReadCondition<'_>,
    ) -> Result<InsertOutcome, ModifyError<()>> {
        let write = self.write_to_come(durability);
        let outcome = self.write_if(key, value, ttl, durability, WriteCondition::Unchanged(condition))?;
        if !outcome.is_stored() {
            return Ok(outcome);
        }
        self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
        if durability == Durability::Immediate && self.is_in_file() {
            let committed = self.commit_change(key, (outcome, write), wait);
            committed.map_err(|error| ModifyError { error, applied: Some(()) })?;
        }
        Ok(outcome)
    }

    /// Requests the commit of the stored value, and waits for it, unless a task waits. A value that is not
    /// saved needs an earlier commit, for which the calling thread always waits. `outcome` is the outcome
    /// of the insert, and `write` how its commit is acknowledged.
    fn commit_change(
        &self,
        key: SlotKey<'_>,
        (outcome, write): (InsertOutcome, Acknowledge),
        wait: &mut ChangeCommit,
    ) -> Result<(), Error> {
        if outcome == InsertOutcome::Saved {
            return self.commit_change_by(write, wait);
        }
        self.commit_without_value()?;
        // The value was stored while there was no file to save it in. If the commit has created a file, the
        // value is written again.
        loop {
            let LeasedRead { lease, read, .. } = self.lease_over(key);
            let ReadValue { value, entry, is_in_memory, .. } =
                read.ok_or_else(|| not_durable_while_off(None))?;
            let (read, may_be_on_disk) = (Some(entry), !is_in_memory);
            let condition = ReadCondition {
                lease: &lease,
                read,
                may_be_on_disk,
                keeps_value: true,
                shortens_life: false,
                waits_for_room: true,
                record: None,
            };
            let condition = WriteCondition::Unchanged(condition);
            let write = self.write_to_come(Durability::Immediate);
            match self.write_if(key, &value, Ttl::Keep, Durability::Immediate, condition)? {
                InsertOutcome::Saved => return self.commit_change_by(write, wait),
                InsertOutcome::Revoked => thread::yield_now(),
                _ => return Err(not_durable_while_off(None)),
            }
        }
    }

    /// Removes the entry that was read. Returns `None` if the entry has changed since.
    fn remove_read(
        &self,
        key: SlotKey<'_>,
        value: HeldValue<Arc<V>>,
        wait: &mut ChangeCommit,
        mut condition: ReadCondition<'_>,
    ) -> Result<Option<Modified<V>>, ModifyError<Modified<V>>> {
        let tiers = &self.shared.tiers;
        // Dropped after the removal is complete, because a user's `Drop` may take long.
        let mut evicted_values = EvictedValues::default();
        loop {
            let removed = self.publish(key, condition, |publication| {
                match self.lowest_tier() {
                    LowestTier::Memory => tiers.memory.forget_read(key, publication, &mut evicted_values),
                    LowestTier::File => tiers.memory.remove_read(key, publication, &mut evicted_values),
                    // Not reached: the rounds of a remote key are those of `super::remote::change`.
                    LowestTier::Remote => Err(Refused::Revoked),
                }
            });
            match removed {
                Ok(()) => break,
                Err(Refused::Closed) => return Err(Error::Closed.into()),
                Err(Refused::Unconfirmed) if !condition.may_be_on_disk && self.is_in_file() => {
                    condition.may_be_on_disk = true;
                }
                Err(_) => return Ok(None),
            }
        }
        self.shared.count(&self.opened.counters, Count::Invalidations, key.bytes);
        let removed = Modified::Removed(value.into_inner());
        if self.is_in_file()
            && tiers.has_disk()
            && let Err(error) = self.commit_change_by(Acknowledge::Invalidation, wait)
        {
            return Err(ModifyError { error, applied: Some(removed) });
        }
        Ok(Some(removed))
    }
}

#[cfg(test)]
mod tests;
